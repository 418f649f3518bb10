//! The folder of an export: one folder a shape, every file under a temporary name until it is whole and synced,
//! the manifest last.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::manifest::{Manifest, SCHEMA};
use super::row::Row;
use super::{ExportError, Format, lies_in};
use crate::session::SessionError;
use crate::session::journal::sync_folder;

const MANIFEST: &str = "manifest.json";
const DATASET_INFO: &str = "llamafactory/dataset_info.json";

/// A file of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WrittenFile {
    /// Under the export's folder.
    pub path: PathBuf,
    pub rows: usize,
    pub bytes: usize,
    /// BLAKE3 of the file, 16 hex digits.
    pub blake3: String,
    pub columns: &'static [&'static str],
}

impl Format {
    fn file(self) -> &'static str {
        match self {
            Format::Messages => "messages/train.jsonl",
            Format::PromptCompletion => "prompt_completion/train.jsonl",
            Format::Sharegpt => "llamafactory/retrace_sharegpt.json",
        }
    }

    fn columns(self) -> &'static [&'static str] {
        match self {
            Format::Messages => &["id", "messages", "meta"],
            Format::PromptCompletion => &["id", "prompt", "completion", "meta"],
            Format::Sharegpt => &["id", "conversations", "meta"],
        }
    }

    /// What stands before the first row, between rows and after the last.
    fn frame(self) -> [&'static str; 3] {
        match self {
            Format::Sharegpt => ["[\n", ",\n", "\n]\n"],
            _ => ["", "\n", "\n"],
        }
    }
}

/// Checks that an export may be written to `out`.
pub(super) fn admit(from: &Path, out: &Path, force: bool) -> Result<(), ExportError> {
    if lies_in(out, from) {
        return Err(ExportError::InsideLibrary(out.to_owned()));
    }
    match fs::read_dir(out).map(|mut entries| entries.next().is_some()) {
        Ok(true) if !is_export(out) => Err(ExportError::NotAnExport(out.to_owned())),
        Ok(true) if !force => Err(ExportError::NotEmpty(out.to_owned())),
        Ok(_) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(SessionError::io(out, "use it as a folder")(e).into()),
    }
}

/// True when `out` holds the manifest of an earlier export.
fn is_export(out: &Path) -> bool {
    let manifest = fs::read(out.join(MANIFEST)).ok();
    let manifest = manifest.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
    manifest.is_some_and(|manifest| manifest["schema"] == SCHEMA)
}

/// A file on its way: under a temporary name, which goes with it unless it is finished.
struct Draft {
    path: PathBuf,
    temporary: PathBuf,
    file: BufWriter<File>,
    hash: blake3::Hasher,
    bytes: usize,
    finished: bool,
}

impl Draft {
    fn new(path: PathBuf) -> Result<Draft, SessionError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = path.with_file_name(format!(".{name}.tmp"));
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(SessionError::io(folder, "make the folder"))?;
        }
        let file = File::create(&temporary).map_err(SessionError::io(&temporary, "create it"))?;
        let file = BufWriter::new(file);
        Ok(Draft { path, temporary, file, hash: blake3::Hasher::new(), bytes: 0, finished: false })
    }

    fn write(&mut self, text: &str) -> Result<(), SessionError> {
        self.hash.update(text.as_bytes());
        self.bytes += text.len();
        self.file.write_all(text.as_bytes()).map_err(SessionError::io(&self.temporary, "write it"))
    }

    fn finish(&mut self) -> Result<(), SessionError> {
        let synced = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        synced.map_err(SessionError::io(&self.temporary, "write it"))?;
        fs::rename(&self.temporary, &self.path).map_err(SessionError::io(&self.path, "give it its name"))?;
        self.finished = true;
        sync_folder(&self.path)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.finished {
            // Nothing can be done about a leftover, and the error that led here is the one to report.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// The files of all shapes; made with the first row, so that an export of nothing leaves nothing.
pub(super) struct Shapes<'a> {
    out: &'a Path,
    formats: Vec<Format>,
    drafts: Vec<Draft>,
    rows: usize,
}

impl<'a> Shapes<'a> {
    pub fn new(out: &'a Path, formats: &[Format]) -> Shapes<'a> {
        let mut formats = formats.to_vec();
        formats.sort();
        formats.dedup();
        Shapes { out, formats, drafts: Vec::new(), rows: 0 }
    }

    pub fn write(&mut self, row: &Row) -> Result<(), SessionError> {
        if self.rows == 0 {
            let draft = |format: &Format| Draft::new(self.out.join(format.file()));
            self.drafts = self.formats.iter().map(draft).collect::<Result<_, _>>()?;
        }
        for (format, draft) in self.formats.iter().zip(&mut self.drafts) {
            let [before, between, _] = format.frame();
            let text = row
                .shaped(*format)
                .map_err(|e| SessionError::Unrecordable { event: format.name().to_owned(), why: e.to_string() })?;
            draft.write(if self.rows == 0 { before } else { between })?;
            draft.write(&text)?;
        }
        self.rows += 1;
        Ok(())
    }

    /// Gives every file its name.
    pub fn finish(mut self) -> Result<Vec<WrittenFile>, SessionError> {
        let mut written = Vec::new();
        for (format, draft) in self.formats.iter().zip(&mut self.drafts) {
            draft.write(format.frame()[2])?;
            draft.finish()?;
            written.push(WrittenFile {
                path: format.file().into(),
                rows: self.rows,
                bytes: draft.bytes,
                blake3: draft.hash.finalize().to_hex()[..16].to_owned(),
                columns: format.columns(),
            });
        }
        Ok(written)
    }
}

/// Writes what stands beside the rows, removes what an earlier export left, and writes the manifest last.
pub(super) fn conclude(out: &Path, manifest: &Manifest<'_>, files: &[WrittenFile]) -> Result<(), SessionError> {
    let has = |format: Format| files.iter().any(|file| file.path == Path::new(format.file()));
    for stale in earlier(out).into_iter().filter(|path| !files.iter().any(|file| file.path == *path)) {
        let path = out.join(stale);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                return Err(SessionError::io(&path, "remove it, which an earlier export left,")(e));
            }
            _ => {}
        }
    }
    if has(Format::Sharegpt) {
        document(&out.join(DATASET_INFO), &dataset_info(has(Format::Messages)))?;
    }
    document(&out.join(MANIFEST), manifest)
}

/// The files that an earlier export's manifest names.
fn earlier(out: &Path) -> Vec<PathBuf> {
    #[derive(Deserialize)]
    struct File {
        path: PathBuf,
    }
    #[derive(Deserialize)]
    struct Earlier {
        schema: String,
        files: Vec<File>,
    }
    let read = fs::read(out.join(MANIFEST)).ok().and_then(|bytes| serde_json::from_slice::<Earlier>(&bytes).ok());
    let ours = |file: &PathBuf| Format::ALL.iter().any(|format| file == Path::new(format.file()));
    match read {
        Some(earlier) if earlier.schema == SCHEMA => {
            let info = PathBuf::from(DATASET_INFO);
            earlier.files.into_iter().map(|file| file.path).filter(ours).chain([info]).collect()
        }
        _ => Vec::new(),
    }
}

/// What LLaMA-Factory needs to find the files from its `dataset_dir`.
fn dataset_info(with_messages: bool) -> serde_json::Value {
    let mut info = json!({
        "retrace_sharegpt": {
            "file_name": "retrace_sharegpt.json",
            "formatting": "sharegpt",
            "columns": { "messages": "conversations" },
        },
    });
    if with_messages {
        info["retrace_messages"] = json!({
            "file_name": "../messages/train.jsonl",
            "formatting": "sharegpt",
            "columns": { "messages": "messages" },
            "tags": {
                "role_tag": "role",
                "content_tag": "content",
                "user_tag": "user",
                "assistant_tag": "assistant",
                "system_tag": "system",
            },
        });
    }
    info
}

fn document(path: &Path, document: &impl Serialize) -> Result<(), SessionError> {
    let text = serde_json::to_string_pretty(document)
        .map_err(|e| SessionError::Unrecordable { event: path.display().to_string(), why: e.to_string() })?;
    let mut draft = Draft::new(path.to_owned())?;
    draft.write(&text)?;
    draft.write("\n")?;
    draft.finish()
}
