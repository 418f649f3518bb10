//! Fleets in virtual time: storms, deaths and returns of servers, and what calls make of them. The cases P57, P58 and P60
//! are those of the protocols' list.

mod machine;
mod virtual_time;

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use serde_json::Map;
use tokio_util::sync::CancellationToken;

use self::machine::{Machine, Seen, passing};
use self::virtual_time::Virtual;
use super::{Alarm, Endpoint, Fleet, Rules, Standing, Waiting, Waits};
use crate::lm::{Context, LmError, Scorer, Setback};
use crate::reer::{Example, Language, Target};

const SECOND: Duration = Duration::from_secs(1);

fn fleet(clock: &Virtual, endpoints: Vec<Endpoint<dyn Scorer>>, alarm: Alarm) -> Fleet<dyn Scorer> {
    let rules = Rules { clock: Arc::new(clock.clone()), alarm, seed: 7, ..Rules::scoring() };
    Fleet::of_scorers(endpoints, &rules).unwrap()
}

fn example(id: &str) -> Example {
    let (query, reference) = ("x".to_owned(), "y".to_owned());
    Example { id: id.to_owned(), query, reference, language: Language::En, category: None, meta: Map::new() }
}

async fn score(fleet: &Fleet<dyn Scorer>, id: &str) -> Result<f32, LmError> {
    let target = Target { tokens: vec![1], spans: std::iter::once(0..1).collect() };
    let contexts = [Context::Thinking { z: String::new() }];
    let mut answers = fleet.score(&example(id), &target, &contexts, &|_, _| {}).await;
    answers.pop().unwrap().map(|score| score.logprobs[0])
}

/// `examples` one beside the other, of `calls` calls each, one after another.
async fn search(fleet: &Fleet<dyn Scorer>, examples: usize, calls: usize) -> Vec<Result<f32, LmError>> {
    let one = async |at: usize| {
        let mut answers = Vec::new();
        for _ in 0..calls {
            answers.push(score(fleet, &format!("e{at}")).await);
        }
        answers
    };
    join_all((0..examples).map(one)).await.into_iter().flatten().collect()
}

fn limit(fleet: &Fleet<dyn Scorer>, at: usize) -> usize {
    fleet.dispatch().traffic().endpoints[at].limit.unwrap()
}

/// P57: a storm of refusals halves the limit, and the server is used as before when it is over.
#[test]
fn p57_a_storm_of_refusals_passes_and_the_limit_grows_back() {
    let clock = Virtual::new();
    let storm = |seen: Seen| match (20..30).contains(&seen.at.as_secs()) && seen.in_flight != 0 {
        true => Err(passing(Setback::Busy { after: None })),
        false => Ok(()),
    };
    let machine = Machine::new(&clock, SECOND, storm);
    let fleet = fleet(&clock, vec![machine.endpoint("http://a")], Alarm::default());
    let answers = clock.run(search(&fleet, 100, 60));
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let most = |seconds| machine.within(seconds).iter().map(|seen| seen.in_flight).max().unwrap();
    assert_eq!(most(15..20), 64, "as many as may be, before");
    assert!(most(32..34) <= 4, "few at once, after it: {}", most(32..34));
    assert!(machine.within(20..30).len() < 600, "not hammered: {}", machine.within(20..30).len());
    assert!(limit(&fleet, 0) > 8, "it grows back: {}", limit(&fleet, 0));
    let traffic = fleet.dispatch().traffic().total();
    assert_eq!((traffic.done, traffic.calls - traffic.done), (6000, traffic.errors["busy"]));
}

/// A server that can take only so many gets about so many.
#[test]
fn the_limit_settles_near_what_a_server_bears() {
    let clock = Virtual::new();
    let bears = |seen: Seen| if seen.in_flight > 24 { Err(passing(Setback::Busy { after: None })) } else { Ok(()) };
    let machine = Machine::new(&clock, SECOND, bears);
    let fleet = fleet(&clock, vec![machine.endpoint("http://a")], Alarm::default());
    let answers = clock.run(search(&fleet, 100, 40));
    assert!(answers.iter().all(Result::is_ok));
    assert!((8..=25).contains(&limit(&fleet, 0)), "{}", limit(&fleet, 0));
    let refused = fleet.dispatch().traffic().total().errors["busy"];
    assert!(refused * 20 < 4000, "{refused} of 4000 refused");
}

/// P39: the wait that a server asks for is kept by the call that it refused.
#[test]
fn p39_no_call_comes_back_before_the_time_that_the_server_named() {
    let clock = Virtual::new();
    let after = Some(7 * SECOND);
    let first = move |seen: Seen| if seen.at < SECOND { Err(passing(Setback::Busy { after })) } else { Ok(()) };
    let machine = Machine::new(&clock, SECOND, first);
    let fleet = fleet(&clock, vec![machine.endpoint("http://a")], Alarm::default());
    assert!(clock.run(search(&fleet, 8, 1)).iter().all(Result::is_ok));
    let late: Vec<Duration> = machine.calls().iter().map(|(_, seen)| seen.at).skip(8).collect();
    assert_eq!(late.len(), 8);
    assert!(late.iter().all(|at| *at >= 7 * SECOND) && late[0] < 8 * SECOND, "{late:?}");
}

/// P58: an engine that is dead for half a minute is asked for its health and sent nothing; then everything goes on.
#[test]
fn p58_a_dead_engine_is_left_alone_until_it_is_well() {
    let clock = Virtual::new();
    let dead = |seen: Seen| if (10..40).contains(&seen.at.as_secs()) { Err(passing(Setback::Down)) } else { Ok(()) };
    let machine = Machine::new(&clock, SECOND, dead);
    let fleet = fleet(&clock, vec![machine.endpoint("http://a")], Alarm::default());
    let answers = clock.run(search(&fleet, 50, 30));
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert!(machine.within(11..40).is_empty(), "{:?}", machine.within(11..40));
    assert!((2..40).contains(&machine.probes().len()), "{:?}", machine.probes());
    let back = machine.probes().into_iter().max().unwrap();
    assert!((40 * SECOND..56 * SECOND).contains(&back), "noticed in time: {back:?}");
}

/// What calls wait for is told while the server is away, with how often it was asked for, and goes when it is back.
#[test]
fn a_wait_for_a_dead_server_is_told_until_it_is_back() {
    let clock = Virtual::new();
    let dead = |seen: Seen| if (10..40).contains(&seen.at.as_secs()) { Err(passing(Setback::Down)) } else { Ok(()) };
    let machine = Machine::new(&clock, SECOND, dead);
    let fleet = fleet(&clock, vec![machine.endpoint("http://a")], Alarm::default());
    let waits = Arc::<Waits>::default();
    let mut told: Vec<(Duration, Option<Waiting>)> = Vec::new();
    let watch = async {
        loop {
            waits.changed().await;
            let waiting = waits.waiting();
            if told.last().is_none_or(|(_, last)| *last != waiting) {
                told.push((clock.passed(), waiting));
            }
        }
    };
    let work = waits.clone().heard(search(&fleet, 4, 30));
    clock.run(async {
        tokio::select! {
            answers = work => assert!(answers.iter().all(Result::is_ok)),
            () = watch => {}
        }
    });
    let waited: Vec<_> = told.iter().filter_map(|(at, waiting)| Some((at, waiting.as_ref()?))).collect();
    let (first, last) = (waited[0], waited[waited.len() - 1]);
    assert!((10 * SECOND..13 * SECOND).contains(first.0), "{told:?}");
    assert_eq!((&*first.1.server, &*first.1.reason, first.1.again), ("http://a", "it is down", 0));
    assert!(last.1.again as usize + 1 == machine.probes().len() && last.1.again > 1, "{told:?}");
    let back = told.iter().find(|(at, waiting)| at > last.0 && waiting.is_none());
    assert_eq!(back.map(|(at, _)| *at), machine.probes().into_iter().max(), "as soon as it is well: {told:?}");
}

/// P60: of two servers one dies. Its examples move to the other and back when it has returned; the others never move.
#[test]
fn p60_examples_of_a_dead_server_move_and_come_back() {
    let clock = Virtual::new();
    let sound = Machine::new(&clock, SECOND, |_| Ok(()));
    let dies = |seen: Seen| if (30..90).contains(&seen.at.as_secs()) { Err(passing(Setback::Down)) } else { Ok(()) };
    let mortal = Machine::new(&clock, SECOND, dies);
    let endpoints = vec![sound.endpoint("http://a"), mortal.endpoint("http://b")];
    let fleet = fleet(&clock, endpoints, Alarm::default());
    let answers = clock.run(search(&fleet, 40, 150));
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let at = |machine: &Machine, from: u64, to: u64| {
        let calls = machine.calls().into_iter().filter(|(_, seen)| (from..to).contains(&seen.at.as_secs()));
        calls.map(|(id, _)| id).collect::<std::collections::BTreeSet<String>>()
    };
    let (own, others) = (at(&sound, 0, 30), at(&mortal, 0, 30));
    assert!(own.is_disjoint(&others) && own.len() + others.len() == 40, "each at one: {own:?} {others:?}");
    assert!(own.len() >= 10 && others.len() >= 10, "{} and {}", own.len(), others.len());
    assert_eq!(at(&sound, 32, 90).len(), 40, "all at the one that lives");
    assert!(at(&mortal, 31, 90).is_empty());
    assert_eq!((at(&sound, 110, 150), at(&mortal, 110, 150)), (own, others), "as before");
    assert_eq!(fleet.dispatch().traffic().endpoints[1].standing, Standing::Up);
}

/// Both away for good: the run is ended with the reason, an hour after the last of them was seen.
#[test]
fn servers_that_stay_away_end_the_run() {
    let clock = Virtual::new();
    let gone = |seen: Seen| if seen.at > 5 * SECOND { Err(passing(Setback::Down)) } else { Ok(()) };
    let machines = [Machine::new(&clock, SECOND, gone), Machine::new(&clock, SECOND, gone)];
    let run = CancellationToken::new();
    let alarm = Alarm::ending(run.clone());
    let endpoints = vec![machines[0].endpoint("http://a"), machines[1].endpoint("http://b")];
    let fleet = fleet(&clock, endpoints, alarm.clone());
    let answers = clock.run(search(&fleet, 10, 8));
    assert!(run.is_cancelled());
    assert!(alarm.reason().unwrap().starts_with("no server is up: it is down"), "{:?}", alarm.reason());
    assert!(answers.iter().any(Result::is_ok) && answers.iter().any(Result::is_err));
    assert!(clock.passed() >= 3600 * SECOND);
}

/// A key that is refused ends the run at once: no call can work.
#[test]
fn a_refused_key_ends_the_run_at_once() {
    let clock = Virtual::new();
    let machine = Machine::new(&clock, SECOND, |_| Err(LmError::Denied("status 401".to_owned())));
    let run = CancellationToken::new();
    let alarm = Alarm::ending(run.clone());
    let fleet = fleet(&clock, vec![machine.endpoint("http://a")], alarm.clone());
    assert_eq!(clock.run(score(&fleet, "e")), Err(LmError::Denied("status 401".to_owned())));
    assert!(run.is_cancelled());
    assert_eq!(alarm.reason(), Some("http://a: status 401"));
    assert_eq!(machine.calls().len(), 1);
}

/// A call that breaks off is made again at the other server, and no server is paused for it.
#[test]
fn a_call_that_broke_off_is_made_again_elsewhere() {
    let clock = Virtual::new();
    let broken = Machine::new(&clock, SECOND, |_| Err(passing(Setback::Broken)));
    let sound = Machine::new(&clock, SECOND, |_| Ok(()));
    let fleet = fleet(&clock, vec![broken.endpoint("http://a"), sound.endpoint("http://b")], Alarm::default());
    assert!(clock.run(search(&fleet, 12, 1)).iter().all(Result::is_ok));
    assert!((1..12).contains(&broken.calls().len()), "{}", broken.calls().len());
    assert_eq!(sound.calls().len(), 12);
    assert!(clock.passed() < 3 * SECOND, "{:?}", clock.passed());
}
