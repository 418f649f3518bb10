//! Undo and redo: a person's actions, the last first, across restarts, with nothing ever lost.

use proptest::prelude::*;
use retrace::reer::search::NodeId;
use retrace::session::{Author, Flag, Head, Payload, Purpose, Session, State, Tag, Verdict, read};

use super::laws::{action, edit};
use super::scripted::{ada, begin, drive, example, folder, ticks};

/// What a person sees of a state that undo can change.
fn seen(state: &State) -> String {
    let said = &state.annotations;
    let overrides: Vec<u64> = said.overrides().map(|setting| setting.seq).collect();
    format!(
        "{:?} {} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {overrides:?} {:?}",
        said.verdict(),
        said.rating(),
        said.tags(),
        said.notes(),
        said.stars(),
        said.marks(),
        said.flags(),
        said.forks(),
        said.branch(),
        state.head()
    )
}

#[derive(Debug, Clone)]
enum Deed {
    Action(Box<Payload>),
    Edit(u32),
    Several(Vec<Payload>),
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        4 => action().prop_map(|payload| Deed::Action(Box::new(payload))),
        1 => (1u32..3).prop_map(Deed::Edit),
        2 => proptest::collection::vec(action(), 1..4).prop_map(Deed::Several),
    ]
}

fn do_it(session: &mut Session, deed: Deed) {
    match deed {
        Deed::Action(payload) => drop(session.record(ada(), *payload).unwrap()),
        Deed::Edit(node) => edit(session, node, "In my words."),
        Deed::Several(payloads) => drop(session.record_group(ada(), payloads).unwrap()),
    }
}

fn reopen(session: Session) -> Session {
    let path = session.path().to_owned();
    drop(session);
    Session::open_at(&path, Purpose::Annotate, ticks()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn undo_walks_back_and_redo_forward(deeds in proptest::collection::vec(deed(), 1..12), restart in 0usize..24) {
        let dir = folder();
        let path = dir.path().join("s.jsonl");
        let mut session = Session::create_at(&path, "s", example("s"), ticks()).unwrap();
        begin(&mut session, 3);
        drive(&mut session, 4);
        let mut history = vec![seen(session.state())];
        for deed in deeds {
            do_it(&mut session, deed);
            history.push(seen(session.state()));
        }
        let versions = session.state().search.as_ref().unwrap().tree().iter().count();
        for (at, before) in history.iter().enumerate().rev().skip(1) {
            if at == restart {
                session = reopen(session);
            }
            prop_assert!(session.undo(ada()).unwrap().is_some());
            prop_assert_eq!(&seen(session.state()), before);
        }
        prop_assert!(session.undo(ada()).unwrap().is_none());
        for (at, after) in history.iter().enumerate().skip(1) {
            if at + 12 == restart {
                session = reopen(session);
            }
            prop_assert!(session.redo(ada()).unwrap().is_some());
            prop_assert_eq!(&seen(session.state()), after);
        }
        prop_assert!(session.redo(ada()).unwrap().is_none());
        prop_assert_eq!(session.state().search.as_ref().unwrap().tree().iter().count(), versions);
        let live = session.state().digest();
        drop(session);
        prop_assert_eq!(read(&path).unwrap().state.digest(), live);
    }
}

fn begun(dir: &tempfile::TempDir) -> Session {
    let mut session = Session::create_at(&dir.path().join("s.jsonl"), "s", example("s"), ticks()).unwrap();
    begin(&mut session, 6);
    drive(&mut session, 6);
    session
}

#[test]
fn an_undone_override_moves_the_head_back_and_keeps_what_was_built_on_it() {
    let dir = folder();
    let mut session = begun(&dir);
    let before = session.state().head();
    edit(&mut session, 1, "My own opening.");
    let mine = session.state().head();
    drive(&mut session, 4);
    let built: Vec<NodeId> = session
        .state()
        .search
        .as_ref()
        .unwrap()
        .tree()
        .iter()
        .map(|(id, _)| id)
        .filter(|id| Some(*id) > mine)
        .collect();
    assert!(!built.is_empty() && before != mine);
    session.undo(ada()).unwrap().unwrap();
    assert_eq!(session.state().head(), before);
    let tree = session.state().search.as_ref().unwrap().tree();
    assert!(built.iter().chain(mine.iter()).all(|id| tree.get(*id).is_some()));
    session.redo(ada()).unwrap().unwrap();
    assert_eq!(session.state().head(), mine);
}

#[test]
fn only_a_persons_events_are_taken_back() {
    let dir = folder();
    let mut session = begun(&dir);
    let flag = |on| Payload::Flag(Flag { name: "leak".into(), on, reason: None });
    session.record(Author::System, flag(true)).unwrap();
    assert!(session.undo(ada()).unwrap().is_none());
    session.record(ada(), flag(false)).unwrap();
    assert!(session.state().annotations.flags().is_empty());
    session.undo(ada()).unwrap().unwrap();
    assert_eq!(session.state().annotations.flags()["leak"].by, Author::System);
    assert!(session.undo(ada()).unwrap().is_none());
}

#[test]
fn a_new_action_forgets_what_could_be_redone() {
    let dir = folder();
    let mut session = begun(&dir);
    session.judge(ada(), Verdict::Keep).unwrap();
    session.undo(ada()).unwrap().unwrap();
    assert_eq!(session.state().redoable(&ada()).map(|action| action.name.as_str()), Some("verdict"));
    drive(&mut session, 1);
    assert!(session.state().redoable(&ada()).is_some(), "the search's events do not forget it");
    session.record(ada(), Payload::Tag(Tag { name: "x".into(), on: true })).unwrap();
    assert!(session.redo(ada()).unwrap().is_none());
    assert_eq!(session.state().annotations.verdict(), Verdict::None);
}

#[test]
fn nobody_undoes_what_another_did() {
    let dir = folder();
    let mut session = begun(&dir);
    let ben = || Author::User("ben".to_owned());
    session.judge(ada(), Verdict::Keep).unwrap();
    assert!(session.undo(ben()).unwrap().is_none());
    session.record(ben(), Payload::Tag(Tag { name: "x".into(), on: true })).unwrap();
    session.undo(ada()).unwrap().unwrap();
    assert_eq!(session.state().annotations.verdict(), Verdict::None);
    assert!(session.state().annotations.tags().contains("x"));
    session.undo(ben()).unwrap().unwrap();
    session.redo(ada()).unwrap().unwrap();
    assert_eq!(session.state().annotations.verdict(), Verdict::Keep, "another's action forgets nothing of hers");
}

#[test]
fn bringing_back_leads_to_where_it_was_taken_back() {
    let dir = folder();
    let mut session = begun(&dir);
    drive(&mut session, 1);
    let node = session.state().head().unwrap();
    session.record(ada(), Payload::Head(Head { node, branch: None })).unwrap();
    drive(&mut session, 40);
    let head = session.state().head();
    session.undo(ada()).unwrap().unwrap();
    session.redo(ada()).unwrap().unwrap();
    assert_eq!(session.state().head(), head, "not to where the action led before the search went on");
}
