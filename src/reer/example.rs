//! One pair of query and reference, and what is known about it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The language whose prompts and frame are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    En,
    Zh,
}

impl Language {
    /// Chinese when CJK characters are at least 30 % of the letters of `query`; else English.
    pub fn of(query: &str) -> Language {
        let (mut cjk, mut letters) = (0usize, 0usize);
        for c in query.chars().filter(|c| c.is_alphabetic()) {
            letters += 1;
            cjk += usize::from(crate::text::is_cjk(c));
        }
        if cjk > 0 && cjk * 10 >= letters * 3 { Language::Zh } else { Language::En }
    }

    /// `en` or `zh`, as in file names and records.
    pub fn code(self) -> &'static str {
        match self {
            Language::En => "en",
            Language::Zh => "zh",
        }
    }
}

/// A query x with its known-good reference y.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// Unique in its library; from the input's `id` or `index`, else made from the pair's hash.
    pub id: String,
    /// x, as given.
    pub query: String,
    /// y, as given; what is scored is [`Example::scored_reference`].
    pub reference: String,
    pub language: Language,
    pub category: Option<String>,
    /// Every other key of the input row, kept for export.
    pub meta: Map<String, Value>,
}

impl Example {
    /// y without leading newlines and trailing white space: the text whose tokens are scored.
    pub fn scored_reference(&self) -> &str {
        self.reference.trim_start_matches(['\n', '\r']).trim_end()
    }
}
