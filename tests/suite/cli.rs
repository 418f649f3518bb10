//! The program as its users call it: real processes, exit codes, stdout and stderr.

mod config;
mod keys;
mod score;
mod search;
mod sessions;
mod usage;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A user with an empty home folder.
pub struct House {
    folder: TempDir,
}

/// How a process ended.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl House {
    pub fn new() -> House {
        House { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A command that runs in this home, untouched by the settings of whoever runs the tests.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_retrace"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("RETRACE_")) {
            command.env_remove(name);
        }
        let home = self.folder.path();
        command.env("HOME", home).env("XDG_CONFIG_HOME", home.join("config")).env("XDG_DATA_HOME", home.join("data"));
        command.env("COLUMNS", "100").current_dir(home).stdin(Stdio::null());
        command
    }

    pub fn run<A: AsRef<Path>>(&self, args: &[A]) -> Ran {
        let args = args.iter().map(|arg| arg.as_ref().as_os_str());
        Ran::of(self.command().args(args).output().unwrap())
    }
}

impl Ran {
    pub fn of(output: Output) -> Ran {
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The one JSON document on stdout.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e} in {:?}; stderr: {}", self.out, self.err))
    }

    /// Exit code 2 with nothing on stdout and one line on stderr, which is returned.
    pub fn refused(&self) -> &str {
        assert_eq!((self.code, self.out.as_str()), (2, ""), "{}", self.err);
        let line = self.err.strip_suffix('\n').expect("stderr ends its line");
        assert!(!line.contains('\n'), "more than one line: {line}");
        line.strip_prefix("retrace: ").expect("the line names the program")
    }

    /// Exit code 0 and nothing on stderr.
    pub fn fine(self) -> Ran {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{}", self.out);
        self
    }
}
