//! How a person names a back end: the SPEC of `--generator`, `--scorer` and the settings.
//!
//! Only the grammar and which back end can do what; opening one is the caller's.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A back end as a person names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spec {
    /// The small language model compiled in: a scorer.
    Bundled,
    /// The rule-based baseline: a generator.
    Cues,
    /// Answers from a file: a generator.
    Recorded(PathBuf),
    /// A model file run in this process: both.
    Gguf(PathBuf),
    /// The address of a server, kept whole.
    Server(String),
}

/// Why a SPEC cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    #[error("{0:?} names no back end; write bundled, cues, recorded:FILE or gguf:PATH")]
    Unknown(String),
    #[error("{0} needs a path: write {0}PATH")]
    NoPath(&'static str),
    #[error("{0}: this version has no servers; name a model file with gguf:PATH instead")]
    Server(String),
    #[error("{0} cannot score; name a scorer: bundled or gguf:PATH")]
    NoScorer(Spec),
    #[error("{0} cannot write trajectories; name a generator: cues, recorded:FILE or gguf:PATH")]
    NoGenerator(Spec),
}

impl Spec {
    /// This back end as a generator.
    ///
    /// # Errors
    /// What it is instead, with the back ends that can.
    pub fn generator(self) -> Result<Spec, SpecError> {
        match self {
            Spec::Cues | Spec::Recorded(_) | Spec::Gguf(_) => Ok(self),
            Spec::Bundled => Err(SpecError::NoGenerator(self)),
            Spec::Server(address) => Err(SpecError::Server(address)),
        }
    }

    /// This back end as a scorer.
    ///
    /// # Errors
    /// As [`Spec::generator`].
    pub fn scorer(self) -> Result<Spec, SpecError> {
        match self {
            Spec::Bundled | Spec::Gguf(_) => Ok(self),
            Spec::Cues | Spec::Recorded(_) => Err(SpecError::NoScorer(self)),
            Spec::Server(address) => Err(SpecError::Server(address)),
        }
    }
}

impl FromStr for Spec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Spec, SpecError> {
        let text = text.trim();
        let path = |kind, rest: &str| match rest {
            "" => Err(SpecError::NoPath(kind)),
            path => Ok(PathBuf::from(path)),
        };
        if let Some(rest) = text.strip_prefix("recorded:") {
            return path("recorded:", rest).map(Spec::Recorded);
        }
        if let Some(rest) = text.strip_prefix("gguf:") {
            return path("gguf:", rest).map(Spec::Gguf);
        }
        let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        match (text, scheme.as_deref()) {
            ("bundled", _) => Ok(Spec::Bundled),
            ("cues", _) => Ok(Spec::Cues),
            (_, Some("http" | "https")) => Ok(Spec::Server(text.to_owned())),
            _ => Err(SpecError::Unknown(text.to_owned())),
        }
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Spec::Bundled => f.write_str("bundled"),
            Spec::Cues => f.write_str("cues"),
            Spec::Recorded(path) => write!(f, "recorded:{}", path.display()),
            Spec::Gguf(path) => write!(f, "gguf:{}", path.display()),
            Spec::Server(address) => f.write_str(address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spec_reads_back_as_written() {
        for text in ["bundled", "cues", "recorded:a b.jsonl", "gguf:/m/x.gguf", "gguf:C:\\m.gguf", "https://h:1/v1#m"] {
            assert_eq!(text.parse::<Spec>().unwrap().to_string(), text);
        }
        assert_eq!(" HTTP://h ".parse(), Ok(Spec::Server("HTTP://h".to_owned())));
    }

    #[test]
    fn who_can_do_what() {
        for (text, generates, scores) in [
            ("bundled", false, true),
            ("cues", true, false),
            ("recorded:f", true, false),
            ("gguf:m", true, true),
            ("http://localhost:8000", false, false),
        ] {
            let spec: Spec = text.parse().unwrap();
            assert_eq!(spec.clone().generator().is_ok(), generates, "{text}");
            assert_eq!(spec.scorer().is_ok(), scores, "{text}");
        }
    }

    #[test]
    fn refusals_name_the_remedy() {
        let message = |text: &str| text.parse::<Spec>().and_then(Spec::scorer).unwrap_err().to_string();
        assert_eq!(message("gguf:"), "gguf: needs a path: write gguf:PATH");
        assert_eq!(message("cues"), "cues cannot score; name a scorer: bundled or gguf:PATH");
        assert!(message("model.gguf").starts_with("\"model.gguf\" names no back end; write bundled,"));
        assert!(message("http://h").contains("has no servers") && message("http://h").contains("gguf:PATH"));
        assert!(message("ftp://h").contains("names no back end"));
    }
}
