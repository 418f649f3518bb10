//! Sends single calls to endpoints: chooses one, waits for a place there, and does after a fault what the table says.
//!
//! Knows nothing of what is asked.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::{Either, select};
use tokio::sync::Notify;

use super::backoff::Jitter;
use super::limit::{Limit, Place};
use super::station::{Sent, Station, watched};
use super::traffic::{Tokens, Traffic};
use super::tries::{Remedy, Tries, out_of_time};
use super::waits::Open;
use super::{Alarm, Clock, Probe, Rules, effort};
use crate::lm::{LmError, Setback};
use crate::session::Role;

/// How many round trips longer than elsewhere a call waits at its example's own endpoint before it goes to the least
/// loaded one. Smaller: more calls find a cold prefix cache; larger: a slow endpoint holds its examples up.
const STICKY_ROUNDS: f64 = 2.0;

/// How long a call waits for its place before it looks whether another endpoint is less loaded by now.
const PATIENCE: Duration = Duration::from_secs(5);

/// The endpoints of one role, and what goes on there.
pub struct Dispatch {
    role: Role,
    stations: Vec<Station>,
    /// Told when a paused endpoint was asked for its health.
    asked: Notify,
    jitter: Jitter,
    clock: Arc<dyn Clock>,
    budget: Duration,
    alarm: Alarm,
}

impl Dispatch {
    pub(super) fn new(role: Role, endpoints: Vec<(String, Arc<dyn Probe>)>, rules: &Rules) -> Dispatch {
        let station =
            |(name, probe)| Station::new(name, Limit::new(rules.start, rules.most), probe, rules.clock.clone());
        Dispatch::over(role, endpoints.into_iter().map(station).collect(), rules)
    }

    /// One model in this process, whose calls are only counted.
    pub(super) fn local(role: Role, name: String) -> Dispatch {
        let rules = Rules::generating();
        Dispatch::over(role, vec![Station::local(name, rules.clock.clone())], &rules)
    }

    fn over(role: Role, stations: Vec<Station>, rules: &Rules) -> Dispatch {
        Dispatch {
            role,
            stations,
            asked: Notify::new(),
            jitter: Jitter::seeded(rules.seed),
            clock: rules.clock.clone(),
            budget: rules.budget,
            alarm: rules.alarm.clone(),
        }
    }

    /// What goes on at this moment. Cheap, and may be asked from any thread.
    pub fn traffic(&self) -> Traffic {
        Traffic { role: self.role, endpoints: self.stations.iter().map(Station::traffic).collect() }
    }

    /// Carries out `work`, which makes any number of [`call`](Dispatch::call)s, while paused endpoints are asked for their
    /// health.
    pub(super) async fn watched<T>(&self, work: impl Future<Output = T>) -> T {
        watched(work, &self.stations, &self.jitter, &self.asked).await
    }

    /// Begins a call of the only endpoint without waiting; nothing is done when it fails.
    pub(super) async fn begin(&self) -> Option<Sent<'_>> {
        let [only] = &self.stations[..] else { return None };
        only.limit.place().await.ok().map(|place| only.send(place, false))
    }

    /// Makes one call: `ask` sends it to the endpoint of a number, and may be called again after a fault. Calls of the same
    /// `affinity` go to the same endpoint. Must be awaited within [`watched`](Dispatch::watched).
    ///
    /// # Errors
    /// The last fault, when nothing helps against it or the call has met too many.
    pub(super) async fn call<T, A>(
        &self,
        affinity: Option<&str>,
        spent: fn(&T) -> Tokens,
        ask: impl Fn(usize) -> A,
    ) -> Result<T, LmError>
    where
        A: Future<Output = Result<T, LmError>>,
    {
        self.call_told(&Open::begin(), affinity, spent, ask).await
    }

    /// As [`call`](Dispatch::call), for one whose answer shows before it is whole: `ask` tells `open` so.
    pub(super) async fn call_told<T, A>(
        &self,
        open: &Open,
        affinity: Option<&str>,
        spent: fn(&T) -> Tokens,
        ask: impl Fn(usize) -> A,
    ) -> Result<T, LmError>
    where
        A: Future<Output = Result<T, LmError>>,
    {
        let (mut tries, mut avoid, mut again) = (Tries::default(), None, 0);
        loop {
            let (at, place) = self.place(affinity, avoid, (&mut tries, again), open).await?;
            let station = &self.stations[at];
            again += u32::from(avoid.is_some());
            effort::count(avoid.is_some());
            let sent = station.send(place, avoid.is_some());
            let error = match ask(at).await {
                Ok(answer) => {
                    sent.answered(spent(&answer));
                    return Ok(answer);
                }
                Err(error) => error,
            };
            let blame = sent.faulted(&error, &self.jitter);
            if Remedy::of(&error) == Remedy::EndRun {
                self.alarm.raise(|| format!("{}: {error}", station.name));
            }
            let now = self.clock.now();
            let fault = error.to_string();
            let wait = tries.again(error, blame, now, self.budget, &self.jitter)?;
            if !wait.is_zero() {
                open.waits(&station.name, &fault, again);
            }
            self.clock.sleep_until(now + wait).await;
            avoid = Some(at);
        }
    }

    /// A place at an endpoint that takes calls, waiting for one where none does.
    ///
    /// # Errors
    /// None did for the whole budget; the run is ended then.
    async fn place(
        &self,
        affinity: Option<&str>,
        avoid: Option<usize>,
        (tries, again): (&mut Tries, u32),
        open: &Open,
    ) -> Result<(usize, Place), LmError> {
        let mut away = false;
        loop {
            let mut asked = pin!(self.asked.notified());
            asked.as_mut().enable();
            if let Some(at) = self.choose(affinity, avoid) {
                if std::mem::take(&mut away) {
                    open.goes_on();
                }
                match self.place_at(at, affinity, avoid).await {
                    Some(place) => return Ok((at, place)),
                    None => continue,
                }
            }
            away = true;
            if let Some((station, (reason, asked))) = self.stations.iter().find_map(|s| Some((s, s.pause()?))) {
                open.waits(&station.name, &reason, again + asked);
            }
            let deadline = self.clock.sleep_until(tries.deadline(self.clock.now(), self.budget));
            if let Either::Right(_) = select(asked, deadline).await {
                return Err(self.nobody_left());
            }
        }
    }

    /// A place at this endpoint; `None` when the call had better choose anew: it is paused, or others have become much
    /// less loaded.
    async fn place_at(&self, at: usize, affinity: Option<&str>, avoid: Option<usize>) -> Option<Place> {
        let mut queue = self.stations[at].limit.place();
        if self.stations.len() == 1 {
            return queue.await.ok();
        }
        loop {
            let patience = self.clock.sleep_until(self.clock.now() + PATIENCE);
            match select(queue, patience).await {
                Either::Left((place, _)) => return place.ok(),
                Either::Right((_, waiting)) => queue = waiting,
            }
            if self.choose(affinity, avoid) != Some(at) {
                return None;
            }
        }
    }

    fn nobody_left(&self) -> LmError {
        let reasons: Vec<String> = self.stations.iter().filter_map(Station::pause).map(|(reason, _)| reason).collect();
        let message = format!("no server is up: {}", reasons.join("; "));
        let error = out_of_time(LmError::Passing { setback: Setback::Down, message }, self.budget);
        self.alarm.raise(|| error.to_string());
        error
    }

    /// The endpoint for a call: for the same affinity always the same while it is up and not much more loaded than another,
    /// so that its prefix cache serves; else the least loaded one. One that has just failed is avoided where there are
    /// others.
    fn choose(&self, affinity: Option<&str>, avoid: Option<usize>) -> Option<usize> {
        if let [only] = &self.stations[..] {
            return only.is_up().then_some(0);
        }
        let up: Vec<usize> = (0..self.stations.len()).filter(|at| self.stations[*at].is_up()).collect();
        let others: Vec<usize> = up.iter().copied().filter(|at| Some(*at) != avoid).collect();
        let open = if others.is_empty() { up } else { others };
        let load = |at: usize| self.stations[at].limit.gauge().load();
        let least = open.iter().copied().min_by(|a, b| load(*a).total_cmp(&load(*b)))?;
        let Some(id) = affinity else { return Some(least) };
        let own = open.iter().copied().max_by_key(|at| weight(&self.stations[*at].name, id))?;
        Some(if load(own) > load(least) + STICKY_ROUNDS { least } else { own })
    }
}

/// Rendezvous hashing (Thaler and Ravishankar 1996): an example belongs to the endpoint where this is largest. When an
/// endpoint comes or goes, only its own examples move.
fn weight(endpoint: &str, id: &str) -> u64 {
    let hash = blake3::Hasher::new().update(endpoint.as_bytes()).update(b"\0").update(id.as_bytes()).finalize();
    let bytes = hash.as_bytes();
    u64::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(names: &[&str], id: &str) -> String {
        (*names.iter().max_by_key(|name| weight(name, id)).unwrap()).to_owned()
    }

    #[test]
    fn examples_spread_evenly_and_only_those_of_a_lost_endpoint_move() {
        let all = ["http://a", "http://b", "http://c", "http://d"];
        let mut owned = [0; 4];
        for example in 0..4000 {
            let id = format!("example-{example}");
            let before = owner(&all, &id);
            owned[all.iter().position(|name| *name == before).unwrap()] += 1;
            let after = owner(&all[..3], &id);
            assert!(before == after || before == "http://d");
        }
        assert!(owned.iter().all(|count| (900..1100).contains(count)), "{owned:?}");
    }
}
