//! Servers that go away or fault while a run goes on: a line when it begins and a line when it is over.

use std::collections::BTreeMap;

use crate::session::runs::Endpoint;

/// The servers that did not do well when they were looked at last, by role and name.
#[derive(Debug, Default)]
pub struct Outages {
    away: BTreeMap<(String, String), bool>,
    /// Calls that were made again so far, and answered.
    counts: BTreeMap<(String, String), (u64, u64)>,
}

impl Outages {
    /// What is to be said after a look at all servers of the run.
    pub fn look(&mut self, endpoints: &[Endpoint]) -> Vec<String> {
        let mut said = Vec::new();
        for endpoint in endpoints {
            let at = (endpoint.role.clone(), endpoint.name.clone());
            let is_away = endpoint.state == "paused";
            let (retried, done) = self.counts.insert(at.clone(), (endpoint.retried, endpoint.done)).unwrap_or_default();
            let faulted = endpoint.retried > retried && endpoint.done == done;
            match (self.away.get(&at).copied(), is_away) {
                (Some(true), true) => {}
                (_, true) => {
                    said.push(format!("{}; it is asked again until it is back", reason(endpoint)));
                    self.away.insert(at, true);
                }
                (Some(true), false) => {
                    said.push(format!("{} is back", endpoint.name));
                    self.away.remove(&at);
                }
                (Some(false), false) if endpoint.done > done => {
                    said.push(format!("{} answers again", endpoint.name));
                    self.away.remove(&at);
                }
                (None, false) if faulted => {
                    said.push(format!("{}; calls are tried again", reason(endpoint)));
                    self.away.insert(at, false);
                }
                _ => {}
            }
        }
        said
    }
}

/// Which server, and why; a reason that names it needs no more.
fn reason(endpoint: &Endpoint) -> String {
    match &endpoint.reason {
        Some(reason) if reason.starts_with(&endpoint.name) => reason.clone(),
        Some(reason) => format!("{}: {reason}", endpoint.name),
        None => format!("{} faults", endpoint.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(state: &str, reason: Option<&str>, (retried, done): (u64, u64)) -> Endpoint {
        let (name, role) = ("http://h:1".to_owned(), "generate".to_owned());
        let (state, reason) = (state.to_owned(), reason.map(str::to_owned));
        Endpoint { name, role, state, reason, retried, done, ..Endpoint::default() }
    }

    #[test]
    fn an_outage_is_told_once_and_so_is_its_end() {
        let gone = || endpoint("paused", Some("http://h:1 does not answer: Connection refused"), (0, 3));
        let mut outages = Outages::default();
        assert!(outages.look(&[endpoint("up", None, (0, 3))]).is_empty());
        assert_eq!(
            outages.look(&[gone()]),
            ["http://h:1 does not answer: Connection refused; it is asked again until it is back"]
        );
        assert!(outages.look(&[gone()]).is_empty(), "once");
        assert_eq!(outages.look(&[endpoint("up", None, (2, 3))]), ["http://h:1 is back"]);
        assert!(outages.look(&[endpoint("up", None, (2, 5))]).is_empty());
        assert_eq!(outages.look(&[gone()]).len(), 1, "the next is another");
    }

    #[test]
    fn faults_without_an_answer_among_them_are_told_with_their_reason() {
        let mut outages = Outages::default();
        let full = Some("the server answered with status 500: full");
        assert!(outages.look(&[endpoint("up", None, (0, 3))]).is_empty());
        assert!(outages.look(&[endpoint("up", full, (1, 4))]).is_empty(), "others are answered meanwhile");
        assert_eq!(
            outages.look(&[endpoint("up", full, (2, 4))]),
            ["http://h:1: the server answered with status 500: full; calls are tried again"]
        );
        assert!(outages.look(&[endpoint("up", full, (9, 4))]).is_empty(), "once");
        assert_eq!(outages.look(&[endpoint("up", None, (9, 5))]), ["http://h:1 answers again"]);
    }
}
