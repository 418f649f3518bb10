//! Servers of a SPEC as one back end: those that answer, each examined once before it scores, behind a fleet.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::runtime::Handle;

use super::Servers;
use super::back_ends::{BackEnds, EquipError, Framed, Trust};
use super::fleet::{self, Dispatch, Fleet, Probe, Rules, Standing};
use super::known::{KnownServer, Scoring, Subject};
use crate::lm::http::{Address, Server};
use crate::lm::open::{OpenError, Opener};
use crate::lm::spec::Spec;
use crate::lm::{Complete, Generator, LmError, Verbatim, doctor};
use crate::reer::search::Preset;
use crate::session;
use crate::session::runs;

/// How long a call of an examination may be in trouble: somebody waits for the end of it.
const EXAMINATION: Duration = Duration::from_secs(60);

impl BackEnds {
    /// The servers at `addresses` as one scorer, and its frame's name in records.
    ///
    /// # Errors
    /// As [`BackEnds::scorer`].
    pub(super) fn fleet_of_scorers(&self, opener: &mut Opener, addresses: &[Address]) -> Result<Framed, EquipError> {
        let mut frame = "plain";
        let endpoints = self.those_that_answer(opener, addresses, |opener, address| {
            let noise_floor = self.noise_floor(opener, address)?;
            let (scorer, its) = opener.scorer_at(address, noise_floor)?;
            frame = its;
            Ok(scorer)
        })?;
        let fleet = Fleet::of_scorers(endpoints, &self.rules(Rules::scoring()))?;
        self.enlist(fleet.dispatch());
        Ok((Arc::new(fleet), frame))
    }

    /// The servers at `addresses` as one generator.
    ///
    /// # Errors
    /// As [`BackEnds::generator`].
    pub(super) fn fleet_of_models(
        &self,
        opener: &mut Opener,
        addresses: &[Address],
    ) -> Result<Arc<dyn Generator>, EquipError> {
        let endpoints =
            self.those_that_answer(opener, addresses, |opener, address| Ok(opener.completer_at(address)?))?;
        let fleet = Fleet::of_models(endpoints, &self.rules(Rules::generating()))?;
        self.enlist(fleet.dispatch());
        let fleet: Arc<dyn Complete> = Arc::new(fleet);
        Ok(opener.prompted(fleet))
    }

    /// Opens each server; one of several that does not answer is left out, and told.
    fn those_that_answer<B: ?Sized>(
        &self,
        opener: &mut Opener,
        addresses: &[Address],
        mut open: impl FnMut(&mut Opener, &Address) -> Result<Arc<B>, EquipError>,
    ) -> Result<Vec<fleet::Endpoint<B>>, EquipError> {
        let (mut endpoints, mut away) = (Vec::new(), None);
        for address in addresses {
            match open(opener, address) {
                Ok(back_end) => {
                    let health = Arc::new(Health(self.meet(opener, address)?));
                    endpoints.push(fleet::Endpoint::new(address.base(), back_end).with_probe(health));
                }
                Err(error) if is_away(&error) && addresses.len() > 1 => {
                    (self.told)(&format!("{error}; this run goes without it"));
                    away = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        match away {
            Some(error) if endpoints.is_empty() => Err(error),
            _ => Ok(endpoints),
        }
    }

    /// Asks a server what it is, and keeps that.
    ///
    /// # Errors
    /// As [`Opener::server`].
    pub(super) fn meet(&self, opener: &mut Opener, address: &Address) -> Result<Server, OpenError> {
        let server = opener.server(address)?;
        self.told_unkept(self.known.meet(KnownServer::met(&server)));
        Ok(server)
    }

    fn told_unkept(&self, kept: std::io::Result<()>) {
        if let Err(error) = kept {
            (self.told)(&format!("what was found of servers cannot be kept for the next run: {error}"));
        }
    }

    /// The noise floor of a server that scores, in nats per token; it is examined when that is not known.
    fn noise_floor(&self, opener: &mut Opener, address: &Address) -> Result<f64, EquipError> {
        let server = self.meet(opener, address)?;
        let found = match (self.known.examined(&Subject::of(&server)), self.trust) {
            (Some(found), _) => found,
            (None, Trust::Any) => return Ok(0.0),
            (None, Trust::Proven) => self.examine(opener, &server)?,
        };
        let ago = found.ago();
        match found.scoring {
            Scoring::Unfit { why, .. } if self.trust == Trust::Proven => {
                Err(EquipError::Unfit { address: address.base().to_owned(), spec: address.to_string(), why, ago })
            }
            Scoring::Sound { noise_floor } | Scoring::Unfit { noise_floor, .. } => Ok(noise_floor),
            Scoring::No { .. } | Scoring::Unproven => Ok(0.0),
        }
    }

    fn examine(&self, opener: &mut Opener, server: &Server) -> Result<KnownServer, EquipError> {
        let address = server.address();
        let scorer = self.verbatim_at(opener, address)?;
        (self.told)(&format!("{}: examining this scorer, once", address.base()));
        let runtime = Handle::try_current().map_err(|_| OpenError::NoRuntime)?;
        let findings = runtime
            .block_on(doctor::examine(scorer.as_ref(), &|_| {}))
            .map_err(|source| EquipError::Examination { address: address.base().to_owned(), source })?;
        let known = KnownServer::met(server).examined(&findings);
        self.told_unkept(self.known.keep(known.clone()));
        Ok(known)
    }

    /// A server as a scorer of bare tokens, whose passing faults are no findings.
    fn verbatim_at(&self, opener: &mut Opener, address: &Address) -> Result<Arc<dyn Verbatim>, EquipError> {
        let scorer = opener.verbatim_at(address)?;
        let health = Arc::new(Health(opener.server(address)?));
        let endpoint = fleet::Endpoint::new(address.base(), scorer).with_probe(health);
        let budget = self.budget.min(EXAMINATION);
        Ok(Arc::new(Fleet::of_verbatim(vec![endpoint], &Rules { budget, ..Rules::scoring() })?))
    }

    /// Opens the scorer of bare tokens that `spec` names; of several servers the first.
    ///
    /// # Errors
    /// As [`BackEnds::scorer`]; whether it is fit to score is not asked.
    pub fn verbatim(&self, spec: &Spec, preset: Preset) -> Result<Arc<dyn Verbatim>, EquipError> {
        let mut opened = self.lock();
        let opener = self.opener(&mut opened, preset);
        match spec {
            Spec::Servers(addresses) => self.verbatim_at(opener, &addresses[0]),
            spec => Ok(opener.verbatim(spec)?),
        }
    }

    fn rules(&self, rules: Rules) -> Rules {
        Rules { alarm: self.alarm.clone(), budget: self.budget, ..rules }
    }

    fn enlist(&self, dispatch: &Arc<Dispatch>) {
        self.dispatches.lock().unwrap_or_else(PoisonError::into_inner).push(dispatch.clone());
    }
}

/// Whether a server may be back later.
fn is_away(error: &EquipError) -> bool {
    matches!(error, EquipError::Open(OpenError::Server { source: LmError::Passing { .. }, .. }))
}

/// Asks a server for its list of models, as opening it did.
struct Health(Server);

#[async_trait]
impl Probe for Health {
    async fn is_well(&self) -> bool {
        self.0.is_well().await
    }
}

impl Servers for BackEnds {
    fn endpoints(&self) -> Vec<runs::Endpoint> {
        let dispatches = self.dispatches.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let traffic = dispatches.iter().map(|dispatch| dispatch.traffic());
        traffic.flat_map(|traffic| traffic.endpoints.into_iter().map(move |e| endpoint(traffic.role, e))).collect()
    }

    fn fault(&self) -> Option<String> {
        self.alarm.reason().map(str::to_owned)
    }
}

fn endpoint(role: session::Role, traffic: fleet::EndpointTraffic) -> runs::Endpoint {
    let fleet::EndpointTraffic { name, standing, fault, in_flight, limit, waiting, counts, .. } = traffic;
    let (state, reason) = match standing {
        Standing::Up => ("up", fault),
        Standing::Paused { reason, .. } => ("paused", Some(reason)),
        Standing::Denied { reason } => ("denied", Some(reason)),
    };
    let role = match role {
        session::Role::Generate => "generate",
        session::Role::Score => "score",
    };
    runs::Endpoint {
        name,
        role: role.to_owned(),
        state: state.to_owned(),
        reason,
        in_flight,
        limit: limit.unwrap_or_default(),
        waiting,
        done: counts.done,
        retried: counts.retried,
        errors: counts.errors.into_iter().map(|(class, count)| (class.into_owned(), count)).collect(),
        tokens_in: counts.tokens.read,
        tokens_out: counts.tokens.written,
        tokens_cached: counts.tokens.cached,
    }
}
