//! The thin binary: error reports, then the command line.

use std::process::ExitCode;

fn main() -> color_eyre::Result<ExitCode> {
    color_eyre::install()?;
    Ok(retrace::cli::run(std::env::args_os()))
}
