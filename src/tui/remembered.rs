//! The file of what is remembered from run to run. Losing it loses no decision.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::app::memory::Memory;

const FILE: &str = "workbench.json";

/// Reads it; a file that is not there or not understood is an empty memory.
pub fn read(folder: Option<&Path>) -> Memory {
    let text = folder.and_then(|folder| fs::read_to_string(folder.join(FILE)).ok());
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

/// Writes it: whole, or not at all.
///
/// # Errors
/// One sentence that names the file.
pub fn write(folder: &Path, memory: &Memory) -> Result<(), String> {
    let path: PathBuf = folder.join(FILE);
    let text = serde_json::to_string_pretty(memory).map_err(|error| error.to_string())?;
    let write = || -> std::io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.persist(&path).map_err(|error| error.error)?;
        Ok(())
    };
    write().map_err(|error| {
        format!("{}: cannot be written ({error}); where you are is not remembered for the next time", path.display())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_rubbish_is_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let memory = Memory { theme: Some("dark".to_owned()), ..Memory::default() };
        write(&folder.path().join("deep"), &memory).unwrap();
        assert_eq!(read(Some(&folder.path().join("deep"))), memory);
        fs::write(folder.path().join(FILE), "{oops").unwrap();
        assert_eq!(read(Some(folder.path())), Memory::default());
    }
}
