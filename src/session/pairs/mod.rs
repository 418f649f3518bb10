//! Input pairs, row by row: JSONL in constant memory, a JSON list, or parquet. A row that cannot be used is
//! reported with its place and reason and never stops the others.

mod columns;
mod distinct;
mod lines;
mod row;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use super::{ExampleRecord, line};

pub use self::distinct::{Distinct, distinct};

/// Which keys hold query and reference, when not the usual ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fields {
    pub query: Option<String>,
    pub reference: Option<String>,
}

/// A row that was not used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    /// Line of the file (JSONL) or row (list, parquet), from 1.
    pub line: u64,
    pub reason: String,
}

/// Why a file as a whole cannot be read as pairs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {why}; {remedy}", path.display())]
pub struct InputError {
    pub path: PathBuf,
    pub why: String,
    pub remedy: &'static str,
}

const EXPECTED: &str = "give JSONL with one object a line, a JSON list, or parquet";

/// Where rows come from: the place of each, and its object or why there is none.
type Rows = Box<dyn Iterator<Item = (u64, Result<Value, String>)> + Send>;

/// The pairs of one file, in order.
pub struct Pairs {
    rows: Rows,
    fields: Fields,
    file: String,
}

impl Iterator for Pairs {
    type Item = Result<ExampleRecord, Skipped>;

    fn next(&mut self) -> Option<Self::Item> {
        let (line, row) = self.rows.next()?;
        let pair = row.and_then(|row| row::pair(row, &self.fields, &self.file, line));
        Some(pair.map_err(|reason| Skipped { line, reason }))
    }
}

/// Opens a file of pairs; its kind is told by its first bytes.
///
/// # Errors
/// The file as a whole is of no use: missing, a folder, empty, packed, or of another kind.
pub fn read(path: &Path, fields: &Fields) -> Result<Pairs, InputError> {
    let refuse = |why: String, remedy| InputError { path: path.to_owned(), why, remedy };
    let io = |e: std::io::Error| refuse(format!("cannot be read: {e}"), "check the path and its permissions");
    if path.is_dir() {
        return Err(refuse("is a folder".to_owned(), "name the file inside it"));
    }
    let file = File::open(path).map_err(io)?;
    if !file.metadata().map_err(io)?.is_file() {
        return Err(refuse("is a pipe or a device, and input is read twice".to_owned(), "write it to a file first"));
    }
    let mut reader = BufReader::with_capacity(1 << 18, file);
    let start = reader.fill_buf().map_err(io)?;
    let has = |magic: &[u8]| start.starts_with(magic);
    let rows: Rows = if has(b"PAR1") {
        columns::rows(path).map_err(|e| refuse(format!("cannot be read as parquet: {e}"), "write it again"))?
    } else if let Some(packed) = packed(start) {
        return Err(refuse(format!("is packed ({packed})"), "unpack it first"));
    } else if has(b"\xff\xfe") || has(b"\xfe\xff") {
        return Err(refuse("is UTF-16".to_owned(), "convert it to UTF-8"));
    } else if path.extension().is_some_and(|e| e.eq_ignore_ascii_case("parquet")) {
        return Err(refuse("is named parquet and is not".to_owned(), EXPECTED));
    } else if line::is_opening(start.split(|b| *b == b'\n').next().unwrap_or_default()) {
        return Err(refuse("is a session, not a file of pairs".to_owned(), "see it with `retrace replay`"));
    } else {
        match lines::first_byte(&mut reader).map_err(io)? {
            None => return Err(refuse("is empty".to_owned(), EXPECTED)),
            Some(b'[') => list(reader).map_err(|why| refuse(why, EXPECTED))?,
            Some(b'{') if is_one_object(path) => one_object(reader).map_err(|why| refuse(why, EXPECTED))?,
            Some(_) => Box::new(lines::Lines::new(reader)),
        }
    };
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Pairs { rows, fields: fields.clone(), file })
}

/// The name of a packed format, by its first bytes.
fn packed(start: &[u8]) -> Option<&'static str> {
    let kinds: [(&[u8], &str); 4] =
        [(b"\x1f\x8b", "gzip"), (b"PK\x03\x04", "zip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"\xfd7zXZ", "xz")];
    kinds.into_iter().find(|(magic, _)| start.starts_with(magic)).map(|(_, name)| name)
}

/// `.json` promises one document; a file of lines is told by its second line.
fn is_one_object(path: &Path) -> bool {
    let named = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
    let first_line = || BufReader::new(File::open(path).ok()?).split(b'\n').next()?.ok();
    named && first_line().is_some_and(|line| serde_json::from_slice::<serde::de::IgnoredAny>(trim(&line)).is_err())
}

fn trim(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
}

fn document<T: serde::de::DeserializeOwned>(mut reader: impl Read) -> Result<T, String> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).map_err(|e| format!("cannot be read: {e}"))?;
    let text = std::str::from_utf8(trim(&bytes)).map_err(|e| format!("is not UTF-8 at byte {}", e.valid_up_to()))?;
    serde_json::from_str(text).map_err(|e| format!("is no JSON: {e}"))
}

fn list(reader: impl Read) -> Result<Rows, String> {
    let rows: Vec<Value> = document(reader)?;
    if rows.is_empty() {
        return Err("is an empty list".to_owned());
    }
    Ok(Box::new(rows.into_iter().enumerate().map(|(at, row)| (at as u64 + 1, Ok(row)))))
}

fn one_object(reader: impl Read) -> Result<Rows, String> {
    let row: Value = document(reader)?;
    Ok(Box::new(std::iter::once((1, Ok(row)))))
}
