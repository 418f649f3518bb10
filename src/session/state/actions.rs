//! What persons did, as a list that undo and redo walk.

use super::super::{Author, Event, Override, Payload};
use crate::reer::search::NodeId;

/// One thing a person did: an event, or a group of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// The `seq` of its first event, by which `undo` and `redo` name it.
    pub seq: u64,
    /// Every event of it.
    pub seqs: Vec<u64>,
    pub grp: Option<u64>,
    pub by: Author,
    /// Name of its first event, for a person to read; `name` where that names the session.
    pub name: String,
    /// The choice that it was, where it was one.
    pub choice: Option<Override>,
    /// The current version before and after it, where it moved the current version.
    pub head_before: Option<NodeId>,
    pub head_after: Option<NodeId>,
}

impl Action {
    /// The events that undo takes back; everything else stands.
    pub fn is_undoable(payload: &Payload) -> bool {
        matches!(
            payload,
            Payload::Verdict(_)
                | Payload::Rate(_)
                | Payload::Tag(_)
                | Payload::Note(_)
                | Payload::Star(_)
                | Payload::Mark(_)
                | Payload::Flag(_)
                | Payload::Fork(_)
                | Payload::Head(_)
                | Payload::Override(_)
                | Payload::Node(_)
        )
    }
}

/// Done and undone actions, the latest last.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Actions {
    done: Vec<Action>,
    undone: Vec<Action>,
}

impl Actions {
    /// Notes an undoable event; `before` and `after` are the current version around it.
    pub fn record(&mut self, event: &Event, before: Option<NodeId>, after: Option<NodeId>) {
        // Whoever does something new has nothing to bring back any more; others have.
        self.undone.retain(|action| action.by != event.by);
        let moves = match event.payload {
            Payload::Head(_) => true,
            Payload::Override(_) => before != after,
            _ => false,
        };
        let (before, after) = if moves { (before, after) } else { (None, None) };
        let choice = match &event.payload {
            Payload::Override(choice) => Some(choice.clone()),
            _ => None,
        };
        let same = |action: &&mut Action| event.grp.is_some() && action.grp == event.grp;
        match self.done.last_mut().filter(same) {
            Some(action) => {
                action.seqs.push(event.seq);
                action.head_before = action.head_before.or(before);
                action.head_after = after.or(action.head_after);
                action.choice = choice.or(action.choice.take());
            }
            None => self.done.push(Action {
                seq: event.seq,
                seqs: vec![event.seq],
                grp: event.grp,
                by: event.by.clone(),
                name: name(&event.payload).to_owned(),
                choice,
                head_before: before,
                head_after: after,
            }),
        }
    }

    /// The last action of this person.
    pub fn undoable(&self, by: &Author) -> Option<&Action> {
        self.done.iter().rev().find(|action| action.by == *by)
    }

    /// What this person took back last.
    pub fn redoable(&self, by: &Author) -> Option<&Action> {
        self.undone.iter().rev().find(|action| action.by == *by)
    }

    /// Takes the action that begins at `seq` back; `None` when none is done that does. `head` is the current version
    /// before that: where bringing it back leads to, whatever the search did since the action.
    pub fn undo(&mut self, seq: u64, head: Option<NodeId>) -> Option<Action> {
        let at = self.done.iter().rposition(|action| action.seq == seq)?;
        let mut action = self.done.remove(at);
        action.head_after = action.head_before.and(head).or(action.head_after);
        self.undone.push(action.clone());
        Some(action)
    }

    /// Brings the undone action that begins at `seq` back.
    pub fn redo(&mut self, seq: u64) -> Option<Action> {
        let at = self.undone.iter().rposition(|action| action.seq == seq)?;
        let action = self.undone.remove(at);
        self.done.push(action.clone());
        Some(action)
    }

    /// The undone actions, by their first event, in the order in which redo would bring them back from the end.
    pub fn undone(&self) -> impl Iterator<Item = u64> + '_ {
        self.undone.iter().map(|action| action.seq)
    }

    pub fn done(&self) -> impl Iterator<Item = u64> + '_ {
        self.done.iter().map(|action| action.seq)
    }
}

fn name(payload: &Payload) -> &str {
    match payload {
        Payload::Note(note) if note.name => "name",
        other => other.name(),
    }
}
