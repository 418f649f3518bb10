//! The live state and the replayed one are the same, whatever happened, at every moment.

use std::path::Path;

use proptest::prelude::*;
use retrace::reer::SegmentId;
use retrace::reer::search::{NodeId, Why};
use retrace::session::{
    Author, Failure, Flag, Followed, Follower, Fork, Head, Mark, Metric, Moment, Note, Override, Payload, Purpose,
    Rate, Score, Session, SessionError, Star, State, Status, Tag, Verdict, read, state_at,
};

use super::scripted::{ada, append, begin, blank, drive, example, finished, folder, measures, second_scorer, ticks};

/// One thing that happens to a session.
#[derive(Debug, Clone)]
pub enum Happening {
    Search(usize),
    Person(Payload),
    Filter(Payload),
    Edit(u32, String),
    SecondScore(u32),
    Undo,
    Redo,
    Reopen(Purpose),
}

/// What a person records with a single event.
pub fn action() -> impl Strategy<Value = Payload> {
    let node = || (1u32..12).prop_map(NodeId);
    let name = || "[ab]".prop_map(String::from);
    prop_oneof![
        prop_oneof![Just(Verdict::Keep), Just(Verdict::Drop), Just(Verdict::Later), Just(Verdict::None)]
            .prop_map(|verdict| Payload::Verdict(retrace::session::VerdictRecord { verdict, summary: None })),
        (0u8..6).prop_map(|stars| Payload::Rate(Rate { stars })),
        (name(), any::<bool>()).prop_map(|(name, on)| Payload::Tag(Tag { name, on })),
        (any::<String>(), proptest::option::of(node()), any::<bool>())
            .prop_map(|(text, node, name)| Payload::Note(Note { text, node, name })),
        (node(), any::<bool>()).prop_map(|(node, on)| Payload::Star(Star { node, on })),
        (node(), proptest::option::of(name()), any::<bool>()).prop_map(|(node, name, on)| Payload::Mark(Mark {
            node,
            name,
            on
        })),
        (name(), any::<bool>()).prop_map(|(name, on)| Payload::Flag(Flag { name, on, reason: None })),
        (node(), name()).prop_map(|(node, name)| Payload::Fork(Fork { node, name })),
        (node(), prop::option::of(node())).prop_map(|(node, refused)| Payload::Override(Override {
            node,
            refused,
            step: None
        })),
        (node(), proptest::option::of(name())).prop_map(|(node, branch)| Payload::Head(Head { node, branch })),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        3 => (1usize..6).prop_map(Happening::Search),
        5 => action().prop_map(Happening::Person),
        1 => action().prop_filter("a filter does not choose", |p| matches!(p, Payload::Flag(_))).prop_map(Happening::Filter),
        1 => any::<f64>().prop_filter("JSON", |v| v.is_finite())
            .prop_map(|value| Happening::Filter(Payload::Metric(Metric { name: "m".into(), value }))),
        1 => Just(Happening::Filter(Payload::Error(Failure { purpose: "score".into(), message: "timeout".into() }))),
        2 => (1u32..12, "\\PC{0,20}").prop_map(|(node, text)| Happening::Edit(node, text)),
        1 => (1u32..12).prop_map(Happening::SecondScore),
        3 => Just(Happening::Undo),
        2 => Just(Happening::Redo),
        1 => Just(Happening::Reopen(Purpose::Search)),
        1 => Just(Happening::Reopen(Purpose::Annotate)),
    ]
}

/// A person's edit of version `node`: the new version and the move to it, as one action.
pub fn edit(session: &mut Session, node: u32, text: &str) {
    let tree = session.state().search.as_ref().unwrap().tree();
    let Some(z) = tree.trajectory(NodeId(node)).cloned() else { return };
    let mut new = blank(tree.next_id().0, Why::Edit);
    new.parent = Some(NodeId(node));
    new.segment = Some(SegmentId(1));
    new.segments = Some(z.with(SegmentId(1), text).unwrap_or(z).segments);
    let head = Head { node: new.id, branch: None };
    session.record_group(ada(), vec![Payload::Node(new), Payload::Head(head)]).unwrap();
}

fn happen(mut session: Session, what: Happening) -> Session {
    match what {
        Happening::Search(rounds) => drive(&mut session, rounds),
        Happening::Person(payload) => drop(session.record(ada(), payload).unwrap()),
        Happening::Filter(payload) => drop(session.record(Author::System, payload).unwrap()),
        Happening::Edit(node, text) => edit(&mut session, node, &text),
        Happening::SecondScore(node) => {
            let (measures, logprobs) = measures(&node.to_string());
            let score = Score {
                node: Some(NodeId(node)),
                without: None,
                scorer: second_scorer(),
                measures: Some(measures),
                leak: None,
                logprobs: Some(logprobs),
                error: None,
                estimated: false,
                too_long: false,
                outraced: None,
            };
            session.record(Author::System, Payload::Score(score)).unwrap();
        }
        Happening::Undo => drop(session.undo(ada()).unwrap()),
        Happening::Redo => drop(session.redo(ada()).unwrap()),
        Happening::Reopen(purpose) => {
            let path = session.path().to_owned();
            drop(session);
            return Session::open_at(&path, purpose, ticks()).unwrap();
        }
    }
    session
}

fn same(replayed: &State, live: &State) {
    assert_eq!(replayed.canonical(), live.canonical());
    assert!(replayed == live, "equal in canonical form only");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn live_is_replay_at_every_moment(happenings in proptest::collection::vec(happening(), 1..40)) {
        let dir = folder();
        let path = dir.path().join("s.jsonl");
        let mut session = Session::create_at(&path, "s", example("s"), ticks()).unwrap();
        begin(&mut session, 3);
        let mut follower = Follower::new(&path);
        let mut moments = Vec::new();
        for happening in happenings {
            session = happen(session, happening);
            moments.push((session.state().last_seq, session.state().digest()));
            follower.poll().unwrap();
            same(follower.state(), session.state());
        }
        let live = session.state().clone();
        drop(session);
        let reading = read(&path).unwrap();
        prop_assert!(reading.health.is_sound());
        same(&reading.state, &live);
        for (seq, digest) in moments {
            prop_assert_eq!(state_at(&path, Moment::Seq(seq)).unwrap().digest(), digest);
        }
        super::schema::every_line_is_valid(&path);
    }
}

#[test]
fn a_session_tells_where_it_stands() {
    let dir = folder();
    let path = dir.path().join("s.jsonl");
    let mut session = Session::create_at(&path, "s", example("s"), ticks()).unwrap();
    assert_eq!(session.state().status(), Status::Fresh);
    begin(&mut session, 3);
    drive(&mut session, 2);
    assert_eq!(session.state().status(), Status::Unfinished);
    drive(&mut session, 1000);
    assert_eq!(session.state().status(), Status::Done);
    let summary = session.state().summary();
    assert_eq!((summary.steps, summary.title.as_str()), (3, "Write a short toast for the wedding of s."));
    assert!(summary.best.unwrap().nll < summary.baseline.unwrap().nll);
    let state = session.close().unwrap();
    same(&read(&path).unwrap().state, &state);
}

#[test]
fn a_stopped_search_goes_on_only_where_it_may() {
    use retrace::reer::search::StopReason;
    use retrace::session::Stop;
    let reopened = |reason: StopReason, purpose: Purpose, moved: bool| {
        let dir = folder();
        let path = dir.path().join("s.jsonl");
        let mut session = Session::create_at(&path, "s", example("s"), ticks()).unwrap();
        begin(&mut session, 3);
        drive(&mut session, 2);
        session.record(Author::Search, Payload::Stop(Stop { reason, detail: None })).unwrap();
        if moved {
            edit(&mut session, 1, "My own words.");
        }
        drop(session);
        let session = Session::open_at(&path, purpose, ticks()).unwrap();
        session.state().search.as_ref().unwrap().stopped().is_none()
    };
    let (search, annotate) = (Purpose::Search, Purpose::Annotate);
    for passing in [StopReason::Person, StopReason::Budget, StopReason::Error] {
        assert!(reopened(passing, search, false));
        assert!(!reopened(passing, annotate, false));
    }
    for finished in [StopReason::Patience, StopReason::Steps, StopReason::NoGain, StopReason::Threshold] {
        assert!(!reopened(finished, search, false));
        assert!(!reopened(finished, annotate, true));
        assert!(reopened(finished, search, true));
    }
}

#[test]
fn scores_of_another_scorer_stay_apart() {
    let dir = folder();
    let path = dir.path().join("s.jsonl");
    let mut session = Session::create_at(&path, "s", example("s"), ticks()).unwrap();
    begin(&mut session, 3);
    drive(&mut session, 3);
    let before = session.state().search.clone();
    session = happen(session, Happening::SecondScore(1));
    assert_eq!(session.state().search, before);
    assert_eq!(session.state().others[&second_scorer()].len(), 1);
}

#[test]
fn steps_are_found_by_number() {
    let dir = folder();
    let path = dir.path().join("s.jsonl");
    finished(&path, "s", 3);
    let at = |step| state_at(&path, Moment::Step(step));
    let drafted = at(0).unwrap();
    assert_eq!((drafted.steps(), drafted.head()), (0, Some(NodeId(1))));
    for step in 1..=3 {
        let state = at(step).unwrap();
        assert_eq!(state.steps(), step);
        let decided = state.search.as_ref().unwrap().decisions().last().unwrap().clone();
        assert_eq!(decided.step, step);
        assert_eq!(state.head(), decided.frontier.first().copied());
    }
    assert!(matches!(at(4), Err(SessionError::NoSuchMoment { .. })));
    same(&state_at(&path, Moment::Last).unwrap(), &read(&path).unwrap().state);
}

#[test]
fn what_cannot_be_recorded_is_refused_and_not_written() {
    let dir = folder();
    let path = dir.path().join("s.jsonl");
    let mut session = Session::create_at(&path, "s", example("s"), ticks()).unwrap();
    begin(&mut session, 3);
    drive(&mut session, 1);
    let before = std::fs::read(&path).unwrap();
    let mut other_knobs = super::scripted::config(3);
    other_knobs.search.seed += 1;
    let (other_knobs, fewer_steps) = (Payload::Config(other_knobs), Payload::Config(super::scripted::config(2)));
    let not_a_number = Payload::Metric(Metric { name: "m".into(), value: f64::NAN });
    let unknown = Payload::Unknown { ev: "x".into(), d: serde_json::Value::Null };
    for payload in [other_knobs, fewer_steps, not_a_number, unknown] {
        assert!(matches!(session.record(Author::Search, payload), Err(SessionError::Unrecordable { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }
    session.record(Author::Search, Payload::Config(super::scripted::config(9))).unwrap();
}

#[test]
fn before_a_search_has_begun_its_knobs_may_change_but_not_what_scores() {
    let dir = folder();
    let mut session = Session::create_at(&dir.path().join("s.jsonl"), "s", example("s"), ticks()).unwrap();
    begin(&mut session, 3);
    let mut other = super::scripted::config(2);
    other.search.candidates = 1;
    session.record(Author::Search, Payload::Config(other.clone())).unwrap();
    assert_eq!(session.state().search.as_ref().unwrap().config().candidates, 1);
    other.scorer = "gguf:another".to_owned();
    assert!(session.record(Author::Search, Payload::Config(other)).is_err());
}

#[test]
fn a_finished_search_goes_on_with_more_steps_and_only_then() {
    let dir = folder();
    let path = dir.path().join("s.jsonl");
    finished(&path, "s", 2);
    let mut session = Session::open_at(&path, Purpose::Annotate, ticks()).unwrap();
    session.go_on().unwrap();
    assert!(session.state().stop.is_some(), "without more steps it stays ended");
    session.record(Author::Search, Payload::Config(super::scripted::config(5))).unwrap();
    session.go_on().unwrap();
    assert!(session.state().stop.is_none());
    drive(&mut session, 10_000);
    assert_eq!(session.state().steps(), 5);
    same(&session.close().unwrap(), &read(&path).unwrap().state);
}

#[test]
fn a_choice_for_the_current_version_is_kept_and_moves_nothing() {
    let dir = folder();
    let path = dir.path().join("s.jsonl");
    let mut session = Session::create_at(&path, "s", example("s"), ticks()).unwrap();
    begin(&mut session, 4);
    while session.state().steps() < 1 {
        drive(&mut session, 1);
    }
    let before = session.state().search.clone();
    let head = session.state().head().unwrap();
    let refused = session.state().search.as_ref().unwrap().decisions()[0].others.first().map(|other| other.node);
    let choice = Override { node: head, refused, step: Some(1) };
    session.record(ada(), Payload::Override(choice.clone())).unwrap();
    assert_eq!(session.state().search, before);
    assert_eq!(session.state().annotations.overrides().next().unwrap().value, choice);
    session.undo(ada()).unwrap().unwrap();
    assert_eq!(session.state().search, before, "and taking it back moves nothing either");
    assert_eq!(session.state().annotations.overrides().count(), 0);
}

#[test]
fn a_follower_waits_for_whole_lines_and_notices_a_cut() {
    let dir = folder();
    let path = dir.path().join("s.jsonl");
    finished(&path, "s", 2);
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, b"").unwrap();
    let mut follower = Follower::new(&path);
    let mut seen = 0;
    for piece in bytes.chunks(101) {
        append(&path, piece);
        let Followed::Grown(events) = follower.poll().unwrap() else { panic!("nothing was cut") };
        for event in events {
            seen += 1;
            assert_eq!(event.seq, seen);
        }
    }
    same(follower.state(), &read(&path).unwrap().state);
    append(&path, b"{\"seq\":");
    assert_eq!(follower.poll().unwrap(), Followed::Grown(Vec::new()));
    drop(Session::open_at(&path, Purpose::Annotate, ticks()).unwrap());
    let Followed::Grown(events) = follower.poll().unwrap() else { panic!("only what was torn is cut") };
    assert_eq!(events.iter().map(|e| e.payload.name()).collect::<Vec<_>>(), ["recovered", "open"]);
    same(follower.state(), &read(&path).unwrap().state);
    let half = bytes.len() / 2;
    std::fs::write(&path, &bytes[..half]).unwrap();
    assert!(matches!(follower.poll().unwrap(), Followed::Restarted(events) if !events.is_empty()));
    same(follower.state(), &read(&path).unwrap().state);
    assert_file_is_jsonl(&path, half);
}

fn assert_file_is_jsonl(path: &Path, length: usize) {
    let text = std::fs::read(path).unwrap();
    assert_eq!(text.len(), length);
    for line in text.split_inclusive(|b| *b == b'\n').filter(|line| line.ends_with(b"\n")) {
        serde_json::from_slice::<serde_json::Value>(line).unwrap();
    }
}
