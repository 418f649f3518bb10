//! Which process a run is, and whether it is still there.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

/// A process on a machine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Process {
    pub pid: u32,
    /// The machine's name.
    pub host: String,
}

impl Process {
    /// This process.
    pub fn this() -> Process {
        static HOST: OnceLock<String> = OnceLock::new();
        Process { pid: std::process::id(), host: HOST.get_or_init(host).clone() }
    }

    /// Whether this process is this very one.
    pub fn is_this(&self) -> bool {
        *self == Process::this()
    }

    /// Whether a process of this id is there; `None` where that cannot be known: on another machine, say. The id may
    /// have gone to another process since.
    pub fn is_alive(&self) -> Option<bool> {
        if self.host != Process::this().host {
            return None;
        }
        exists(self.pid)
    }
}

#[cfg(unix)]
fn exists(pid: u32) -> Option<bool> {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).ok()?)?;
    match rustix::process::test_kill_process(pid) {
        // Another user's.
        Ok(()) | Err(rustix::io::Errno::PERM) => Some(true),
        Err(rustix::io::Errno::SRCH) => Some(false),
        Err(_) => None,
    }
}

#[cfg(not(unix))]
fn exists(_: u32) -> Option<bool> {
    None
}

/// This machine's name, from the kernel where it says it in a file, else from the command every system has.
fn host() -> String {
    let named = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| {
        let output = std::process::Command::new("hostname").output().ok()?;
        String::from_utf8(output.stdout).ok()
    });
    named.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).unwrap_or_else(|| "localhost".to_owned())
}
