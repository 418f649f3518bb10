//! The thin binary: error reports, then the command line.

use std::process::ExitCode;

/// A batch allocates and frees on every thread for days. The system's allocator keeps what each thread freed, so that the
/// process grows with the pairs it has been through; this one gives it back, and takes a third of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> color_eyre::Result<ExitCode> {
    color_eyre::install()?;
    Ok(retrace::cli::run(std::env::args_os()))
}
