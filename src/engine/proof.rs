//! What the doctor found of servers that score, kept from run to run, so that each is examined once.
//!
//! A finding is of one server as it was then: another model, version, context or tokenizer is another server.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fs, io};

use serde::{Deserialize, Serialize};

use crate::lm::doctor::Findings;
use crate::lm::http::Server;

/// How long a finding is trusted: flags of a server may change without its telling.
const TRUSTED: Duration = Duration::from_secs(7 * 24 * 3600);

/// The file in the folder of what is remembered.
const FILE: &str = "servers.json";

/// What was found of one server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proof {
    pub subject: Subject,
    /// Seconds since 1970.
    pub at: u64,
    pub sound: bool,
    /// The failed checks in one line.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub why_not: String,
    /// Nats per token.
    pub noise_floor: f64,
}

/// Which server, as it was examined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Scheme, host, port and path.
    pub address: String,
    pub kind: String,
    pub model: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub limit: Option<usize>,
    /// Where its tokens are from, in words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tokenizer: Option<String>,
}

impl Subject {
    pub fn of(server: &Server) -> Subject {
        let found = server.found();
        Subject {
            address: server.address().base().to_owned(),
            kind: found.kind.name().to_owned(),
            model: found.model.clone(),
            version: found.version.clone(),
            limit: found.limit,
            tokenizer: server.prompts().map(|prompts| prompts.tokenizer_origin.clone()),
        }
    }
}

impl Proof {
    /// What an examination that ended now showed.
    pub fn new(subject: Subject, findings: &Findings) -> Proof {
        Proof {
            subject,
            at: now(),
            sound: findings.is_sound(),
            why_not: findings.why_not(),
            noise_floor: findings.noise_floor,
        }
    }
}

/// The findings that are kept.
#[derive(Debug, Default)]
pub struct Proofs {
    /// Absent: kept for this run alone.
    file: Option<PathBuf>,
    known: Mutex<Vec<Proof>>,
}

impl Proofs {
    /// Those kept in `folder`. A file that cannot be read holds none: every server is examined again.
    pub fn kept_in(folder: &Path) -> Proofs {
        let file = folder.join(FILE);
        let known = fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Proofs { file: Some(file), known: Mutex::new(known) }
    }

    /// Every finding, however old.
    pub fn all(&self) -> Vec<Proof> {
        self.known().clone()
    }

    /// What is known of a server, when it is not too old.
    pub fn of(&self, subject: &Subject) -> Option<Proof> {
        let young = |proof: &&Proof| now().saturating_sub(proof.at) < TRUSTED.as_secs();
        self.known().iter().filter(young).find(|proof| proof.subject == *subject).cloned()
    }

    /// Keeps a finding in the place of an earlier one.
    ///
    /// # Errors
    /// The file cannot be written; the finding is kept for this run.
    pub fn keep(&self, proof: Proof) -> io::Result<()> {
        let mut known = self.known();
        let same = |other: &Proof| {
            (&other.subject.address, &other.subject.model) == (&proof.subject.address, &proof.subject.model)
        };
        known.retain(|other| !same(other));
        known.push(proof);
        let Some(file) = &self.file else { return Ok(()) };
        let text = serde_json::to_vec_pretty(&*known)?;
        let temporary = file.with_extension(format!("{}.new", std::process::id()));
        file.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(&temporary, text)?;
        fs::rename(&temporary, file)
    }

    fn known(&self) -> MutexGuard<'_, Vec<Proof>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(model: &str, at: u64, noise_floor: f64) -> Proof {
        let subject = Subject {
            address: "http://h:1".to_owned(),
            kind: "vllm".to_owned(),
            model: model.to_owned(),
            version: Some("0.29.0".to_owned()),
            limit: Some(4096),
            tokenizer: None,
        };
        Proof { subject, at, sound: true, why_not: String::new(), noise_floor }
    }

    #[test]
    fn a_finding_is_kept_from_run_to_run_and_replaced_by_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("deep");
        let proofs = Proofs::kept_in(&root);
        proofs.keep(proof("m", now(), 0.1)).unwrap();
        proofs.keep(proof("other", now(), 0.3)).unwrap();
        proofs.keep(proof("m", now(), 0.2)).unwrap();
        let again = Proofs::kept_in(&root);
        assert_eq!(again.all().len(), 2);
        assert_eq!(again.of(&proof("m", 0, 0.0).subject).unwrap().noise_floor, 0.2);
    }

    #[test]
    fn another_server_and_an_old_finding_prove_nothing() {
        let proofs = Proofs::default();
        proofs.keep(proof("m", now() - TRUSTED.as_secs() - 1, 0.1)).unwrap();
        assert_eq!(proofs.of(&proof("m", 0, 0.0).subject), None);
        proofs.keep(proof("m", now(), 0.1)).unwrap();
        let subject = proof("m", 0, 0.0).subject;
        assert!(proofs.of(&subject).is_some());
        assert_eq!(proofs.of(&Subject { version: None, ..subject }), None);
    }

    #[test]
    fn a_file_that_cannot_be_read_holds_none() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "{").unwrap();
        assert!(Proofs::kept_in(folder.path()).all().is_empty());
    }
}
