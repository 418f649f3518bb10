//! How a person names a back end: the SPEC of `--generator`, `--scorer` and the settings.
//!
//! Only the grammar and which back end can do what; opening one is the caller's. Several servers stand in one SPEC, with
//! spaces between them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::http::{Address, AddressError};

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
    /// Servers of one model, which share the calls: both, as far as their kind can.
    Servers(Vec<Address>),
}

/// Why a SPEC cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    #[error("{0:?} names no back end; write bundled, cues, recorded:FILE, gguf:PATH or http://HOST:PORT")]
    Unknown(String),
    #[error("{0} needs a path: write {0}PATH")]
    NoPath(&'static str),
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error("{0} cannot share the work: only servers can, and all must be servers")]
    Among(String),
    #[error("{0}: this address is named twice")]
    Twice(String),
    #[error("{0} cannot score; name a scorer: bundled, gguf:PATH or http://HOST:PORT")]
    NoScorer(Spec),
    #[error("{0} cannot write trajectories; name a generator: cues, recorded:FILE, gguf:PATH or http://HOST:PORT")]
    NoGenerator(Spec),
}

impl Spec {
    /// This back end as a generator.
    ///
    /// # Errors
    /// What it is instead, with the back ends that can.
    pub fn generator(self) -> Result<Spec, SpecError> {
        match self {
            Spec::Cues | Spec::Recorded(_) | Spec::Gguf(_) | Spec::Servers(_) => Ok(self),
            Spec::Bundled => Err(SpecError::NoGenerator(self)),
        }
    }

    /// This back end as a scorer.
    ///
    /// # Errors
    /// As [`Spec::generator`].
    pub fn scorer(self) -> Result<Spec, SpecError> {
        match self {
            Spec::Bundled | Spec::Gguf(_) | Spec::Servers(_) => Ok(self),
            Spec::Cues | Spec::Recorded(_) => Err(SpecError::NoScorer(self)),
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
        match text {
            "bundled" => Ok(Spec::Bundled),
            "cues" => Ok(Spec::Cues),
            _ if text.split_whitespace().any(is_address) => servers(text).map(Spec::Servers),
            _ if Path::new(text).extension().is_some_and(|kind| kind == "gguf") => path("gguf:", text).map(Spec::Gguf),
            _ => Err(SpecError::Unknown(text.to_owned())),
        }
    }
}

fn is_address(word: &str) -> bool {
    let scheme = word.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("http" | "https"))
}

fn servers(text: &str) -> Result<Vec<Address>, SpecError> {
    let mut servers: Vec<Address> = Vec::new();
    for word in text.split_whitespace() {
        if !is_address(word) {
            return Err(SpecError::Among(word.to_owned()));
        }
        let address: Address = word.parse()?;
        if servers.iter().any(|other| other.base() == address.base() && other.model == address.model) {
            return Err(SpecError::Twice(word.to_owned()));
        }
        servers.push(address);
    }
    Ok(servers)
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Spec::Bundled => f.write_str("bundled"),
            Spec::Cues => f.write_str("cues"),
            Spec::Recorded(path) => write!(f, "recorded:{}", path.display()),
            Spec::Gguf(path) => write!(f, "gguf:{}", path.display()),
            Spec::Servers(servers) => {
                let written: Vec<String> = servers.iter().map(Address::to_string).collect();
                f.write_str(&written.join(" "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spec_reads_back_as_written() {
        for text in [
            "bundled",
            "cues",
            "recorded:a b.jsonl",
            "gguf:/m/x.gguf",
            "gguf:C:\\m.gguf",
            "https://h:1/v1#m",
            "http://a:1 http://b:1",
        ] {
            assert_eq!(text.parse::<Spec>().unwrap().to_string(), text);
        }
        assert_eq!("a/model.gguf".parse::<Spec>().unwrap().to_string(), "gguf:a/model.gguf");
        assert_eq!(" HTTP://h ".parse::<Spec>().unwrap().to_string(), "HTTP://h");
    }

    #[test]
    fn who_can_do_what() {
        for (text, generates, scores) in [
            ("bundled", false, true),
            ("cues", true, false),
            ("recorded:f", true, false),
            ("gguf:m", true, true),
            ("http://localhost:8000", true, true),
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
        assert_eq!(message("cues"), "cues cannot score; name a scorer: bundled, gguf:PATH or http://HOST:PORT");
        assert!(message("model.bin").starts_with("\"model.bin\" names no back end; write bundled,"));
        assert!(message("http://a cues").starts_with("cues cannot share the work"));
        assert!(message("http://a http://b?kind=x").contains("there is no kind x"));
        assert_eq!(message("http://a http://a/?kind=vllm"), "http://a/?kind=vllm: this address is named twice");
        assert!(message("ftp://h").contains("names no back end"));
    }
}
