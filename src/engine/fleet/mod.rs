//! What stands between a search and several servers of one role: bounds the calls in flight at each, retries, keeps an
//! example at one server, and goes on without those that are away.
//!
//! A fleet is a back end like any other. One model in this process makes a fleet too, which only counts.

mod alarm;
mod backoff;
mod clock;
mod complete;
mod dispatch;
mod effort;
mod limit;
mod score;
mod station;
mod traffic;
mod tries;
mod verbatim;
mod waits;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

pub use alarm::Alarm;
pub use clock::{Clock, MachineClock};
pub use dispatch::Dispatch;
pub use effort::{Effort, measured};
pub use station::Probe;
pub use traffic::{Counts, EndpointTraffic, Standing, Tokens, Traffic};
pub use waits::{Waiting, Waits};

use crate::lm::{Complete, Scorer, Verbatim};
use crate::reer::Identity;
use crate::session::Role;

/// One server in a role.
pub struct Endpoint<B: ?Sized> {
    /// Short, shown to people, and what examples are kept by: the server's address without options.
    pub name: String,
    /// Makes each call once.
    pub back_end: Arc<B>,
    /// Asked while the endpoint is paused.
    pub probe: Arc<dyn Probe>,
}

impl<B: ?Sized> Endpoint<B> {
    /// An endpoint that cannot be asked whether it is well: after a pause it is sent a call to see.
    pub fn new(name: impl Into<String>, back_end: Arc<B>) -> Endpoint<B> {
        Endpoint { name: name.into(), back_end, probe: Arc::new(()) }
    }

    pub fn with_probe(self, probe: Arc<dyn Probe>) -> Endpoint<B> {
        Endpoint { probe, ..self }
    }
}

/// How a fleet treats its endpoints.
#[derive(Clone)]
pub struct Rules {
    /// Calls in flight at each endpoint at first.
    pub start: usize,
    /// Calls in flight at each endpoint at most.
    pub most: usize,
    /// How long a call may be in trouble before it gives up; and how long all servers may be away before the run ends.
    pub budget: Duration,
    /// The contexts or samples of one call share a prefix that the server keeps: one of them goes first and the others
    /// after it was answered, so that they find the prefix there. Costs each step a round trip.
    pub prefix_first: bool,
    /// Raised by what ends the run.
    pub alarm: Alarm,
    pub clock: Arc<dyn Clock>,
    /// Of the random parts of waits.
    pub seed: u64,
}

impl Rules {
    /// Scoring reads: the servers' work is bounded by what they compute, and more than `start` calls at a time mostly
    /// lengthen their queue; past `most` the calls at the end of it would wait for minutes.
    pub fn scoring() -> Rules {
        Rules { start: 16, most: 64, ..Rules::generating() }
    }

    /// Generating writes: a server's throughput grows with the calls that it serves at once, up to a few hundred.
    pub fn generating() -> Rules {
        Rules {
            start: 64,
            most: 256,
            budget: Duration::from_secs(3600),
            prefix_first: false,
            alarm: Alarm::default(),
            clock: Arc::new(MachineClock),
            seed: backoff::any_seed(),
        }
    }
}

/// Why endpoints make no fleet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FleetError {
    #[error("no server is named")]
    Empty,
    #[error("{0} is named twice")]
    Twice(String),
    #[error("{name} serves {found}, {first} serves {expected}; servers of one role must serve the same model")]
    OtherModel { first: String, expected: String, name: String, found: String },
}

/// Several endpoints as one back end.
pub struct Fleet<B: ?Sized> {
    back_ends: Vec<Arc<B>>,
    identity: Identity,
    dispatch: Arc<Dispatch>,
    prefix_first: bool,
    /// One model in this process.
    local: bool,
}

impl Fleet<dyn Scorer> {
    /// A scorer over servers of the same model.
    ///
    /// # Errors
    /// There is none, one is named twice, or they serve different models.
    pub fn of_scorers(endpoints: Vec<Endpoint<dyn Scorer>>, rules: &Rules) -> Result<Fleet<dyn Scorer>, FleetError> {
        Fleet::new(Role::Score, endpoints, rules, |scorer| scorer.identity())
    }

    /// A scorer in this process: its calls are counted, and nothing else is done to them.
    pub fn local_scorer(name: &str, scorer: Arc<dyn Scorer>) -> Fleet<dyn Scorer> {
        let identity = scorer.identity().clone();
        Fleet::alone(Role::Score, name, scorer, identity)
    }
}

impl Fleet<dyn Complete> {
    /// A text model over servers of the same model.
    ///
    /// # Errors
    /// As [`Fleet::of_scorers`].
    pub fn of_models(endpoints: Vec<Endpoint<dyn Complete>>, rules: &Rules) -> Result<Fleet<dyn Complete>, FleetError> {
        Fleet::new(Role::Generate, endpoints, rules, |model| model.identity())
    }

    /// As [`Fleet::local_scorer`].
    pub fn local_model(name: &str, model: Arc<dyn Complete>) -> Fleet<dyn Complete> {
        let identity = model.identity().clone();
        Fleet::alone(Role::Generate, name, model, identity)
    }
}

impl Fleet<dyn Verbatim> {
    /// A scorer of bare tokens over servers of the same model.
    ///
    /// # Errors
    /// As [`Fleet::of_scorers`].
    pub fn of_verbatim(endpoints: Vec<Endpoint<dyn Verbatim>>, rules: &Rules) -> Result<Self, FleetError> {
        Fleet::new(Role::Score, endpoints, rules, |scorer| scorer.identity())
    }
}

impl<B: ?Sized> Fleet<B> {
    fn new(
        role: Role,
        endpoints: Vec<Endpoint<B>>,
        rules: &Rules,
        identity: fn(&B) -> &Identity,
    ) -> Result<Fleet<B>, FleetError> {
        let first = endpoints.first().ok_or(FleetError::Empty)?;
        let expected = identity(&first.back_end).clone();
        for (at, endpoint) in endpoints.iter().enumerate() {
            if endpoints[..at].iter().any(|earlier| earlier.name == endpoint.name) {
                return Err(FleetError::Twice(endpoint.name.clone()));
            }
            let found = identity(&endpoint.back_end);
            if *found != expected {
                return Err(FleetError::OtherModel {
                    first: first.name.clone(),
                    expected: spelled(&expected),
                    name: endpoint.name.clone(),
                    found: spelled(found),
                });
            }
        }
        let (back_ends, posts): (Vec<_>, Vec<_>) =
            endpoints.into_iter().map(|endpoint| (endpoint.back_end, (endpoint.name, endpoint.probe))).unzip();
        let dispatch = Arc::new(Dispatch::new(role, posts, rules));
        Ok(Fleet { back_ends, identity: expected, dispatch, prefix_first: rules.prefix_first, local: false })
    }

    fn alone(role: Role, name: &str, back_end: Arc<B>, identity: Identity) -> Fleet<B> {
        let dispatch = Arc::new(Dispatch::local(role, name.to_owned()));
        Fleet { back_ends: vec![back_end], identity, dispatch, prefix_first: false, local: true }
    }

    /// Where to ask what goes on, also when the fleet itself has become a plain back end.
    pub fn dispatch(&self) -> &Arc<Dispatch> {
        &self.dispatch
    }

    /// How many of `calls` calls that belong together go before the others.
    fn ahead(&self, calls: usize) -> usize {
        if self.prefix_first { calls.min(1) } else { 0 }
    }
}

fn spelled(identity: &Identity) -> String {
    let Identity { kind, model, revision } = identity;
    revision.as_ref().map_or_else(|| format!("{kind}:{model}"), |revision| format!("{kind}:{model} ({revision})"))
}
