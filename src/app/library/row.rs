//! One row of the library: a session, a sample, or a pair that has none yet.

use std::path::{Path, PathBuf};

use crate::engine::desk::Origin;
use crate::session::{ExampleRecord, Status, Summary, Verdict};

/// How the keys of samples begin.
const SAMPLE: &str = "sample:";

/// What a row stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    File(PathBuf),
    Sample { name: String, bytes: &'static [u8] },
    Pair(Box<ExampleRecord>),
}

impl Source {
    /// What it is known by from run to run: the path of a file, the name of a sample, the hash of a pair.
    pub fn key(&self) -> String {
        match self {
            Source::File(path) => path.display().to_string(),
            Source::Sample { name, .. } => format!("{SAMPLE}{name}"),
            Source::Pair(example) => format!("pair:{}", example.hash),
        }
    }

    /// Whether this key is of a sample that nobody did anything with yet: afterwards it is a file.
    pub fn is_of_sample(key: &str) -> bool {
        key.starts_with(SAMPLE)
    }

    /// What a desk opens; what has no session yet gets one in `library`.
    pub fn origin(&self, library: &Path) -> Origin {
        let library = library.to_owned();
        match self {
            Source::File(path) => Origin::File(path.clone()),
            Source::Sample { name, bytes } => Origin::Sample { name: name.clone(), bytes, library },
            Source::Pair(example) => Origin::New { example: example.clone(), library },
        }
    }
}

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub key: String,
    pub source: Source,
    pub summary: Summary,
    /// Nanoseconds since 1970 of the file's last change; 0 where there is no file.
    pub mtime: u64,
    /// A run over many pairs, of whatever process, works at it now.
    pub in_work: bool,
}

impl Row {
    /// What was decided of it here: a sample comes with its own author's verdict, which is none of this library's.
    pub fn verdict(&self) -> Verdict {
        if self.is_sample() { Verdict::None } else { self.summary.verdict }
    }

    /// What a filter looks through: the name, and what else a row shows in words.
    pub fn haystack(&self) -> (String, String) {
        let summary = &self.summary;
        let verdict = match self.verdict() {
            Verdict::Keep => "kept",
            Verdict::Drop => "dropped",
            Verdict::Later => "later",
            Verdict::None => "undecided",
        };
        let status = match summary.status {
            Status::Fresh | Status::Unfinished if self.in_work => "in work",
            Status::Fresh => "fresh",
            Status::Unfinished => "paused",
            Status::Failed => "failed",
            Status::Done => "ended",
        };
        let tags: String = summary.tags.iter().map(|tag| format!(" #{tag}")).collect();
        let flag = if summary.flags.is_empty() { "" } else { " flagged" };
        // A session that a person named is found by its id too.
        let id = summary.name.as_ref().map(|_| format!("{} ", summary.id)).unwrap_or_default();
        let note = summary.note.as_ref().map(|note| format!(" {note}")).unwrap_or_default();
        (summary.called().to_owned(), format!("{id}{}{tags} {status} {verdict}{flag}{note}", summary.title))
    }

    /// Perplexity of the outcome.
    pub fn perplexity(&self) -> Option<f64> {
        self.summary.best.map(|best| best.ppl.0)
    }

    /// How far the outcome lies below the baseline, in percent of its perplexity.
    pub fn gain_percent(&self) -> Option<f64> {
        let (best, baseline) = self.summary.best.zip(self.summary.baseline)?;
        Some(best.gain(&baseline).gain_percent)
    }

    pub fn is_sample(&self) -> bool {
        matches!(self.source, Source::Sample { .. })
    }
}
