//! Servers that were met, with what they can do and what the doctor found, kept from run to run: each is examined once, and
//! can be chosen from a list.
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

/// One server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KnownServer {
    pub subject: Subject,
    /// How a SPEC names it.
    pub spec: String,
    /// Whether it writes texts.
    pub generates: bool,
    #[serde(flatten)]
    pub scoring: Scoring,
    /// Seconds since 1970: when it was examined, or met.
    pub at: u64,
}

/// What a server is as a scorer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "scores", rename_all = "lowercase")]
pub enum Scoring {
    /// It cannot be one.
    No { why: String },
    /// It says that it can, and was not examined.
    Unproven,
    /// The examination passed; nats per token.
    Sound { noise_floor: f64 },
    /// It failed: the checks in one line; nats per token.
    Unfit { why: String, noise_floor: f64 },
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

impl KnownServer {
    /// What a server says of itself now.
    pub fn met(server: &Server) -> KnownServer {
        let scoring = server.why_no_scorer().map_or(Scoring::Unproven, |why| Scoring::No { why });
        KnownServer {
            subject: Subject::of(server),
            spec: server.address().to_string(),
            generates: server.why_no_generator().is_none(),
            scoring,
            at: now(),
        }
    }

    /// With what an examination that ended now showed.
    #[must_use]
    pub fn examined(self, findings: &Findings) -> KnownServer {
        let noise_floor = findings.noise_floor;
        let scoring = match findings.is_sound() {
            true => Scoring::Sound { noise_floor },
            false => Scoring::Unfit { why: findings.why_not(), noise_floor },
        };
        KnownServer { scoring, at: now(), ..self }
    }

    fn is_examined(&self) -> bool {
        matches!(self.scoring, Scoring::Sound { .. } | Scoring::Unfit { .. })
    }

    /// How long ago it was examined or met, in words.
    pub fn ago(&self) -> String {
        let seconds = now().saturating_sub(self.at);
        let (count, unit) = match seconds {
            0..60 => return "just now".to_owned(),
            60..3600 => (seconds / 60, "minute"),
            3600..86400 => (seconds / 3600, "hour"),
            _ => (seconds / 86400, "day"),
        };
        format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
    }

    /// Whole days since it was examined or met.
    pub fn days(&self) -> u64 {
        now().saturating_sub(self.at) / (24 * 3600)
    }
}

/// The servers that are known.
#[derive(Debug, Default)]
pub struct KnownServers {
    /// Absent: known for this run alone.
    file: Option<PathBuf>,
    known: Mutex<Vec<KnownServer>>,
}

impl KnownServers {
    /// Those kept in `folder`. A file that cannot be read holds none: every server is examined again.
    pub fn kept_in(folder: &Path) -> KnownServers {
        let file = folder.join(FILE);
        let known = read(&file).unwrap_or_default();
        KnownServers { file: Some(file), known: Mutex::new(known) }
    }

    /// Every server, the last that was met or examined first; those that another process met since, too.
    pub fn all(&self) -> Vec<KnownServer> {
        let mut known = self.known();
        self.look_again(&mut known);
        known.iter().rev().cloned().collect()
    }

    /// Learns what other processes kept since.
    fn look_again(&self, known: &mut Vec<KnownServer>) {
        if let Some(kept) = self.file.as_deref().and_then(read) {
            *known = kept;
        }
    }

    /// What an examination of a server found, when it is not too old.
    pub fn examination(&self, subject: &Subject) -> Option<Scoring> {
        self.examined(subject).map(|server| server.scoring)
    }

    /// The server with what an examination found of it, when that is not too old.
    pub fn examined(&self, subject: &Subject) -> Option<KnownServer> {
        let young = |server: &&KnownServer| now().saturating_sub(server.at) < TRUSTED.as_secs();
        let known = self.known();
        let found = known.iter().filter(young).find(|server| server.subject == *subject && server.is_examined());
        found.cloned()
    }

    /// Keeps a server that was met, unless an examination of it is known already.
    ///
    /// # Errors
    /// As [`KnownServers::keep`].
    pub fn meet(&self, server: KnownServer) -> io::Result<()> {
        if self.examination(&server.subject).is_some() {
            return Ok(());
        }
        self.keep(server)
    }

    /// Keeps what is known of a server in the place of what was.
    ///
    /// # Errors
    /// The file cannot be written; the server is known for this run.
    pub fn keep(&self, server: KnownServer) -> io::Result<()> {
        let mut known = self.known();
        self.look_again(&mut known);
        let same = |other: &KnownServer| {
            (&other.subject.address, &other.subject.model) == (&server.subject.address, &server.subject.model)
        };
        known.retain(|other| !same(other));
        known.push(server);
        let Some(file) = &self.file else { return Ok(()) };
        let text = serde_json::to_vec_pretty(&*known)?;
        let temporary = file.with_extension(format!("{}.new", std::process::id()));
        file.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(&temporary, text)?;
        fs::rename(&temporary, file)
    }

    fn known(&self) -> MutexGuard<'_, Vec<KnownServer>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the file holds; `None` when it is not there or cannot be read.
fn read(file: &Path) -> Option<Vec<KnownServer>> {
    serde_json::from_slice(&fs::read(file).ok()?).ok()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(model: &str, at: u64, scoring: Scoring) -> KnownServer {
        let subject = Subject {
            address: "http://h:1".to_owned(),
            kind: "vllm".to_owned(),
            model: model.to_owned(),
            version: Some("0.29.0".to_owned()),
            limit: Some(4096),
            tokenizer: None,
        };
        KnownServer { subject, spec: format!("http://h:1#{model}"), generates: true, scoring, at }
    }

    fn sound(noise_floor: f64) -> Scoring {
        Scoring::Sound { noise_floor }
    }

    #[test]
    fn a_finding_is_kept_from_run_to_run_and_replaced_by_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("deep");
        let servers = KnownServers::kept_in(&root);
        servers.keep(server("m", now(), sound(0.1))).unwrap();
        servers.keep(server("other", now(), Scoring::Unfit { why: "noise".to_owned(), noise_floor: 0.2 })).unwrap();
        servers.keep(server("m", now(), sound(0.2))).unwrap();
        servers.meet(server("m", now(), Scoring::Unproven)).unwrap();
        let again = KnownServers::kept_in(&root);
        assert_eq!(
            again.all().iter().map(|s| s.spec.as_str()).collect::<Vec<_>>(),
            ["http://h:1#m", "http://h:1#other"]
        );
        assert_eq!(again.examination(&server("m", 0, Scoring::Unproven).subject), Some(sound(0.2)));
    }

    #[test]
    fn how_long_ago_is_told_in_words() {
        let ago = |seconds| server("m", now() - seconds, Scoring::Unproven).ago();
        assert_eq!([5, 65, 7200, 2 * 86400].map(ago), ["just now", "1 minute ago", "2 hours ago", "2 days ago"]);
    }

    #[test]
    fn what_another_process_keeps_is_seen_and_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let [ours, theirs] = [(); 2].map(|()| KnownServers::kept_in(folder.path()));
        theirs.keep(server("theirs", now(), sound(0.1))).unwrap();
        assert_eq!(ours.all().len(), 1);
        ours.keep(server("ours", now(), sound(0.1))).unwrap();
        let models = |servers: &KnownServers| servers.all().into_iter().map(|s| s.subject.model).collect::<Vec<_>>();
        assert_eq!((models(&ours), models(&theirs)), (vec!["ours".into(), "theirs".into()], models(&ours)));
    }

    #[test]
    fn another_server_an_old_finding_and_none_prove_nothing() {
        let servers = KnownServers::default();
        let subject = server("m", 0, Scoring::Unproven).subject;
        servers.keep(server("m", now() - TRUSTED.as_secs() - 1, sound(0.1))).unwrap();
        assert_eq!(servers.examination(&subject), None);
        servers.meet(server("m", now(), Scoring::Unproven)).unwrap();
        assert_eq!((servers.examination(&subject), servers.all().len()), (None, 1));
        servers.keep(server("m", now(), sound(0.1))).unwrap();
        assert!(servers.examination(&subject).is_some());
        assert_eq!(servers.examination(&Subject { version: None, ..subject }), None);
    }

    #[test]
    fn a_file_that_cannot_be_read_holds_none() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "{").unwrap();
        assert!(KnownServers::kept_in(folder.path()).all().is_empty());
    }
}
