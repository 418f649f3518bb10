//! The machine driven by a scripted world: tables for what each knob does, properties for what always holds.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::reer::{Leak, Measures, Nats, Objective, Segment, SegmentId, Target, Trajectory, measure};

/// Answers every want: texts are numbers' names, scores a hash of the trajectory's text.
struct World {
    seed: u64,
    /// Every n-th rewrite is unusable; 0: none.
    refuse_every: u32,
    segments: u32,
}

impl World {
    fn measures(&self, text: &str) -> Measures {
        let hash = text.bytes().fold(self.seed, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3));
        let nll = 1.0 + (seed::unit(hash) * 2.0) as f32;
        let y = format!("{}\n\n{}", "a".repeat(120), "b".repeat(120));
        let target = Target { tokens: vec![0, 1], spans: vec![0..122, 122..242] };
        measure(&y, &target, &[-nll - 1.0, -nll.min(1.9)]).unwrap()
    }

    fn answer(&self, search: &Search, want: &Want) -> Vec<Fact> {
        match want {
            Want::Draft { slot, seed } => {
                let segment = |i| Segment { id: SegmentId(slot * 100 + i), text: format!("draft {seed} part {i}") };
                let segments = (1..=self.segments).map(segment).collect();
                vec![Fact::Node(Node { segments: Some(segments), slot: Some(*slot), ..node(search, Why::Draft) })]
            }
            Want::Propose { step, node: parent, segment, slots } => slots
                .iter()
                .enumerate()
                .map(|(i, (slot, seed))| {
                    let refused = self.refuse_every > 0 && (slot + 1) % self.refuse_every == 0;
                    let mut node = node(search, Why::Candidate);
                    node.id.0 += i as u32;
                    Fact::Node(Node {
                        parent: Some(*parent),
                        segment: Some(*segment),
                        text: Some(format!("rewrite {seed}")),
                        step: Some(*step),
                        slot: Some(*slot),
                        refused: refused.then_some(Refusal::Missing),
                        ..node
                    })
                })
                .collect(),
            Want::Score(of) => {
                let z = match of {
                    ScoreOf::Baseline => Trajectory::default(),
                    ScoreOf::Node(node) => search.tree().trajectory(*node).unwrap().clone(),
                    ScoreOf::Without(node, segment) => {
                        search.tree().trajectory(*node).unwrap().without(*segment).unwrap()
                    }
                };
                let leak = Some(Leak { ngram: 0.0, span_words: 0, span_share: 0.0 });
                vec![Fact::Scored(Scored { of: *of, outcome: Ok(self.measures(&z.text())), leak })]
            }
            Want::Decide(decision) => vec![Fact::Decided(decision.clone())],
            Want::Stop(reason, _) => vec![Fact::Stopped(*reason)],
        }
    }

    /// Runs to the end or to `limit` facts; each want's facts are learned in order.
    fn run(&self, search: &mut Search, limit: usize) -> Vec<Fact> {
        let mut facts: Vec<Fact> = Vec::new();
        while search.stopped().is_none() && facts.len() < limit {
            let wants = search.wants();
            assert!(!wants.is_empty(), "a search that has not stopped wants something");
            for want in wants {
                for fact in self.answer(search, &want) {
                    search.apply(&fact);
                    facts.push(fact);
                }
            }
        }
        facts
    }
}

fn node(search: &Search, why: Why) -> Node {
    Node {
        id: search.tree().next_id(),
        parent: None,
        why,
        segments: None,
        segment: None,
        text: None,
        step: None,
        slot: None,
        refused: None,
        instruction: None,
        analysis: None,
        raw: None,
    }
}

fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::preset(Preset::Retrace);
    change(&mut config);
    config
}

fn search(config: &Config) -> Search {
    Search::new(config.clone(), "pair")
}

const PLAIN: World = World { seed: 7, refuse_every: 0, segments: 5 };

fn visited(search: &Search) -> Vec<u32> {
    search.decisions().iter().map(|d| d.segment.0).collect()
}

#[test]
fn left_to_right_visits_in_order_and_the_cap_on_rounds_ends_it() {
    let mut s = search(&config(|c| (c.order, c.passes, c.patience) = (Order::LeftToRight, Some(2), None)));
    PLAIN.run(&mut s, 1000);
    assert_eq!(visited(&s), [1, 2, 3, 4, 5, 1, 2, 3, 4, 5]);
    assert_eq!(s.stopped(), Some(StopReason::Passes));
}

#[test]
fn weakest_first_computes_leave_one_out_once_a_round_and_visits_by_it() {
    let mut s = search(&config(|c| c.steps = 5));
    let facts = PLAIN.run(&mut s, 1000);
    let draft = s.tree().drafts().next().unwrap().node.id;
    let mut by_importance: Vec<u32> = (1..=5).collect();
    by_importance.sort_by(|a, b| {
        let importance = |i: &u32| s.importance(draft, SegmentId(*i)).unwrap();
        importance(a).total_cmp(&importance(b))
    });
    assert_eq!(visited(&s), by_importance);
    let left_out = facts.iter().filter(|f| matches!(f, Fact::Scored(Scored { of: ScoreOf::Without(..), .. })));
    assert_eq!(left_out.count(), 5, "leave-one-out scores are not steps");
}

#[test]
fn patience_is_rounds_without_an_acceptance() {
    let world = World { refuse_every: 1, ..PLAIN };
    for (patience, steps) in [(1, 5), (2, 10)] {
        let mut s = search(&config(|c| c.patience = Some(patience)));
        world.run(&mut s, 1000);
        assert_eq!(s.decisions().len(), steps);
        assert!(s.decisions().iter().all(|d| d.others.iter().all(|o| o.reason == Reason::Unusable)));
    }
}

#[test]
fn every_end_is_named() {
    let ended = |config: Config, world: &World| {
        let mut s = search(&config);
        world.run(&mut s, 5000);
        s.stopped().unwrap()
    };
    let stuck = World { refuse_every: 1, ..PLAIN };
    assert_eq!(ended(config(|c| c.threshold = Some(9.0)), &PLAIN), StopReason::Threshold);
    assert_eq!(ended(config(|c| c.steps = 3), &PLAIN), StopReason::Steps);
    assert_eq!(ended(config(|_| ()), &PLAIN), StopReason::Patience);
    assert_eq!(ended(Config::preset(Preset::Paper), &PLAIN), StopReason::Passes);
    // The first world whose draft lies above the empty think block.
    let worse = (0..).map(|seed| World { seed, ..stuck }).find(|w| {
        let mut s = search(&config(|_| ()));
        w.run(&mut s, 1000);
        s.score(s.outcome().unwrap()) >= s.baseline().map(|b| b.nll.0)
    });
    assert_eq!(ended(config(|_| ()), &worse.unwrap()), StopReason::NoGain);
}

#[test]
fn a_token_budget_ends_the_search_and_a_later_run_goes_on() {
    let mut s = search(&config(|c| c.max_tokens = Some(100)));
    s.apply(&Fact::Spent { tokens: 100 });
    assert!(matches!(s.wants()[..], [Want::Stop(StopReason::Budget, _)]));
    PLAIN.run(&mut s, 10);
    assert_eq!(s.stopped(), Some(StopReason::Budget));
    s.apply(&Fact::Resumed);
    s.reconfigure(config(|c| c.max_tokens = Some(200)));
    PLAIN.run(&mut s, 1000);
    assert_eq!(s.stopped(), Some(StopReason::Patience));
}

#[test]
fn unusable_drafts_are_asked_for_again_and_then_given_up() {
    let mut s = search(&config(|_| ()));
    s.apply(&Fact::Scored(Scored { of: ScoreOf::Baseline, outcome: Ok(PLAIN.measures("")), leak: None }));
    let mut seeds = BTreeSet::new();
    for attempt in 0..3 {
        let [Want::Draft { slot, seed }] = s.wants()[..] else { panic!("{:?}", s.wants()) };
        assert_eq!(slot, attempt);
        seeds.insert(seed);
        assert_eq!(s.drafts_again().is_some(), attempt > 0);
        s.apply(&Fact::Node(Node { slot: Some(slot), refused: Some(Refusal::Empty), ..node(&s, Why::Draft) }));
    }
    assert_eq!(seeds.len(), 3);
    assert_eq!(s.drafts_again(), None, "no other is asked for");
    assert!(matches!(s.wants()[..], [Want::Stop(StopReason::Error, _)]));
}

#[test]
fn restarts_search_further_drafts_and_keep_the_best() {
    let mut s = search(&config(|c| (c.restarts, c.steps) = (2, 1000)));
    PLAIN.run(&mut s, 100_000);
    assert_eq!(s.tree().drafts().count(), 3);
    let lowest = s.decisions().iter().flat_map(|d| &d.frontier).filter_map(|n| s.score(*n)).fold(f64::MAX, f64::min);
    assert_eq!(s.score(s.outcome().unwrap()), Some(lowest));
    assert_eq!(s.outcome(), s.best_ever());
}

#[test]
fn a_beam_proposes_for_every_member() {
    let mut s = search(&config(|c| (c.beam, c.steps) = (3, 6)));
    PLAIN.run(&mut s, 10_000);
    let asked = |step| s.tree().step(step).len();
    assert_eq!((asked(1), asked(2)), (4, 12));
    assert!(s.decisions().iter().all(|d| d.frontier.len() == 3));
    let beam = s.decisions().iter().flat_map(|d| &d.others).filter(|o| o.reason == Reason::Beam);
    assert!(beam.count() > 0);
}

#[test]
fn candidates_beyond_the_guards_or_the_context_are_never_taken() {
    let mut s = search(&config(|c| c.steps = 1));
    while s.tree().step(1).is_empty() {
        let want = s.wants().remove(0);
        PLAIN.answer(&s, &want).iter().for_each(|f| s.apply(f));
    }
    let ids: Vec<NodeId> = s.tree().step(1).iter().map(|v| v.node.id).collect();
    let leaking = Some(Leak { ngram: 0.5, span_words: 60, span_share: 0.5 });
    for (i, id) in ids.iter().enumerate() {
        let outcome = if i == 0 { Err(Unscored::TooLong) } else { Ok(PLAIN.measures("")) };
        s.apply(&Fact::Scored(Scored { of: ScoreOf::Node(*id), outcome, leak: leaking }));
    }
    let [Want::Decide(ref decision)] = s.wants()[..] else { panic!("{:?}", s.wants()) };
    let reasons: Vec<Reason> = decision.others.iter().map(|o| o.reason).collect();
    assert_eq!(reasons, [Reason::Context, Reason::LeakSpan, Reason::LeakSpan, Reason::LeakSpan]);
    assert_eq!(decision.chosen, None);
}

#[test]
fn a_person_overrides_in_the_middle_and_the_search_goes_on_from_there() {
    let mut s = search(&config(|_| ()));
    while s.decisions().len() < 2 {
        let wants = s.wants();
        wants.iter().flat_map(|w| PLAIN.answer(&s, w)).collect::<Vec<_>>().iter().for_each(|f| s.apply(f));
    }
    let refused = s.decisions()[0].others[0].node;
    s.apply(&Fact::Head(refused));
    assert_eq!((s.head(), s.outcome()), (Some(refused), Some(refused)));
    PLAIN.run(&mut s, 10_000);
    for decision in &s.decisions()[2..] {
        assert!(s.tree().lineage(decision.frontier[0]).contains(&refused));
    }
    assert!(s.score(s.outcome().unwrap()) <= s.score(refused));
}

#[test]
fn an_override_while_a_step_is_open_closes_it_as_overtaken() {
    let mut s = search(&config(|_| ()));
    while s.tree().step(1).is_empty() {
        let want = s.wants().remove(0);
        PLAIN.answer(&s, &want).iter().for_each(|f| s.apply(f));
    }
    let candidate = s.tree().step(1)[0].node.id;
    s.apply(&Fact::Head(candidate));
    PLAIN.run(&mut s, 10_000);
    let first = &s.decisions()[0];
    assert_eq!((first.chosen, first.frontier.as_slice()), (None, &[candidate][..]));
    assert!(first.others.iter().all(|o| o.reason == Reason::Overtaken));
}

#[test]
fn candidates_that_come_after_a_person_s_choice_are_overtaken_and_the_segment_is_visited_anew() {
    let mut s = search(&config(|_| ()));
    while !s.wants().iter().any(|want| matches!(want, Want::Propose { .. })) {
        s.wants().iter().flat_map(|w| PLAIN.answer(&s, w)).collect::<Vec<_>>().iter().for_each(|f| s.apply(f));
    }
    let asked = s.wants().remove(0);
    let head = s.head().unwrap();
    let mut mine = s.tree().get(head).unwrap().node.clone();
    (mine.id, mine.parent, mine.why, mine.slot) = (s.tree().next_id(), Some(head), Why::Edit, None);
    let mine_id = mine.id;
    let late = PLAIN.answer(&s, &asked);
    s.apply(&Fact::Node(mine));
    s.apply(&Fact::Head(mine_id));
    let Want::Propose { segment, .. } = asked else { unreachable!() };
    for fact in late {
        let Fact::Node(node) = fact else { unreachable!() };
        s.apply(&Fact::Node(Node { id: s.tree().next_id(), ..node }));
    }
    PLAIN.run(&mut s, 10_000);
    let first = &s.decisions()[0];
    assert!(first.others.iter().all(|o| o.reason == Reason::Overtaken));
    assert!(s.decisions()[1..].iter().any(|d| d.segment == segment), "the person's version has its turn");
}

#[test]
fn after_an_end_by_rounds_more_steps_begin_another_round() {
    let mut s = search(&config(|c| (c.passes, c.patience) = (Some(1), None)));
    PLAIN.run(&mut s, 10_000);
    assert_eq!(s.stopped(), Some(StopReason::Passes));
    let made = s.decisions().len();
    s.apply(&Fact::Resumed);
    PLAIN.run(&mut s, 10_000);
    assert_eq!((s.stopped(), s.decisions().len()), (Some(StopReason::Passes), 2 * made));
}

/// What made the drafts unusable may be mended outside: the search tries again as often as at first.
#[test]
fn a_search_that_gave_up_over_its_drafts_tries_again_when_it_goes_on() {
    let mut s = search(&config(|_| ()));
    PLAIN.answer(&s, &Want::Score(ScoreOf::Baseline)).iter().for_each(|fact| s.apply(fact));
    let refuse = |s: &mut Search| {
        let mut asked = 0;
        while let [Want::Draft { slot, .. }] = &s.wants()[..] {
            let refused = Some(Refusal::Truncated);
            s.apply(&Fact::Node(Node { slot: Some(*slot), refused, ..node(s, Why::Draft) }));
            asked += 1;
        }
        asked
    };
    for _ in 0..2 {
        assert_eq!(refuse(&mut s), 3);
        let wants = s.wants();
        let [Want::Stop(StopReason::Error, why)] = &wants[..] else { panic!("{wants:?}") };
        assert!(why.starts_with("3 drafts in a row could not be used: the last answer was cut off"), "{why}");
        s.apply(&Fact::Stopped(StopReason::Error));
        s.apply(&Fact::Resumed);
    }
    PLAIN.run(&mut s, 10_000);
    assert!(s.stopped().is_some_and(StopReason::is_final) && !s.decisions().is_empty());
}

#[test]
fn a_single_segment_and_the_clipped_objective_are_searched_too() {
    let world = World { segments: 1, ..PLAIN };
    let mut s = search(&config(|c| c.objective = Objective::ReerClipped));
    world.run(&mut s, 1000);
    assert!(s.stopped().is_some_and(StopReason::is_final));
    let m = s.baseline().unwrap();
    assert_ne!(m.objective(Objective::ReerClipped).unwrap(), Nats(m.nll.0));
}

fn knobs() -> impl Strategy<Value = Config> {
    let order = prop_oneof![Just(Order::LeftToRight), Just(Order::WeakestFirst), Just(Order::Random)];
    (order, 1u32..4, 0u32..12, 1u32..3, 0u32..2, prop::option::of(0.01f64..1.0), 0.0f64..0.2, any::<u64>()).prop_map(
        |(order, candidates, steps, beam, restarts, anneal, min_delta, seed)| {
            config(|c| {
                (c.order, c.candidates, c.steps, c.beam) = (order, candidates, steps, beam);
                (c.restarts, c.anneal, c.min_delta, c.seed) = (restarts, anneal, min_delta, seed);
            })
        },
    )
}

proptest! {
    #[test]
    fn laws_of_every_search(config in knobs(), seed in any::<u64>(), refuse_every in 0u32..4, segments in 1u32..6) {
        let world = World { seed, refuse_every, segments };
        let mut s = search(&config);
        let facts = world.run(&mut s, 20_000);
        prop_assert!(s.stopped().is_some_and(StopReason::is_final));
        prop_assert!(s.decisions().len() <= config.steps as usize);

        // Every candidate has a decision that took it or names why not.
        for (id, version) in s.tree().iter().filter(|(_, v)| v.node.why == Why::Candidate) {
            let decision = &s.decisions()[version.node.step.unwrap() as usize - 1];
            prop_assert!(decision.chosen == Some(id) || decision.others.iter().any(|o| o.node == id));
        }
        // Greedy: the current score never rises.
        if config.anneal.is_none() && config.restarts == 0 {
            let path: Vec<f64> = s.decisions().iter().map(|d| s.score(d.frontier[0]).unwrap()).collect();
            prop_assert!(path.windows(2).all(|w| w[1] <= w[0]), "{path:?}");
        }
        // The same answers give the same search; a search cut anywhere goes on at the exact place.
        let mut again = search(&config);
        prop_assert_eq!(&world.run(&mut again, 20_000), &facts);
        let cut = (seed % (facts.len() as u64 + 1)) as usize;
        let mut resumed = search(&config);
        facts[..cut].iter().for_each(|f| resumed.apply(f));
        world.run(&mut resumed, 20_000);
        prop_assert_eq!(resumed.decisions(), s.decisions());
        prop_assert_eq!((resumed.outcome(), resumed.stopped()), (s.outcome(), s.stopped()));
    }
}
