//! What an export holds and where it came from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use time::OffsetDateTime;

use super::folder::WrittenFile;
use super::row::Row;
use super::{Format, Options, Queue, Refused, Report};
use crate::session::{State, clock, hash16};

/// The schema of the manifest.
pub(super) const SCHEMA: &str = "retrace.export/1";

/// A session that went in, as it was when it was read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Journal {
    id: String,
    vid: String,
    /// What a person calls it, where they named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    path: PathBuf,
    bytes: usize,
    /// BLAKE3 of the file, 16 hex digits.
    blake3: String,
    last_seq: u64,
    /// Flags that stand.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    /// It changed since a person judged it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub changed: bool,
}

impl Journal {
    pub fn new(path: &Path, bytes: &[u8], state: &State, row: &Row) -> Journal {
        Journal {
            id: row.id.clone(),
            vid: row.version.clone(),
            name: state.annotations.name().map(str::to_owned),
            path: path.to_owned(),
            bytes: bytes.len(),
            blake3: hash16(bytes),
            last_seq: state.last_seq,
            changed: state.changed_since_verdict().is_some(),
            flags: state.annotations.flags().into_keys().map(str::to_owned).collect(),
        }
    }
}

#[derive(Debug, Serialize)]
struct Counts {
    sessions: usize,
    exported: usize,
    not_kept: usize,
    left_out_for_a_flag: usize,
    refused: BTreeMap<String, usize>,
}

/// `manifest.json`.
#[derive(Debug, Serialize)]
pub(super) struct Manifest<'a> {
    schema: &'static str,
    created: String,
    tool_version: &'static str,
    queue: Queue,
    formats: &'a [Format],
    counts: Counts,
    files: &'a [WrittenFile],
    refused: &'a [Refused],
    journals: Vec<Journal>,
    note: &'static str,
}

impl<'a> Manifest<'a> {
    pub fn new(now: OffsetDateTime, options: &'a Options, report: &'a Report, journals: Vec<Journal>) -> Manifest<'a> {
        let mut refused = BTreeMap::new();
        for refusal in &report.refused {
            *refused.entry(refusal.reason.clone()).or_default() += 1;
        }
        Manifest {
            schema: SCHEMA,
            created: clock::stamp(now),
            tool_version: env!("CARGO_PKG_VERSION"),
            queue: options.queue,
            formats: &options.formats,
            counts: Counts {
                sessions: report.sessions,
                exported: report.exported,
                not_kept: report.not_kept,
                left_out_for_a_flag: report.left_out_for_a_flag,
                refused,
            },
            files: &report.files,
            refused: &report.refused,
            journals,
            note: "the sessions were only read; this manifest is the record of the export",
        }
    }
}
