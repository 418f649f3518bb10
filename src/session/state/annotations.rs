//! What persons and filters said of an example and its versions: the last word that was not taken back stands.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Author, Event, Flag, Mark, Override, Payload, Verdict};
use crate::reer::search::NodeId;

/// A value with who set it and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting<T> {
    pub seq: u64,
    pub by: Author,
    /// As the event's `t`; empty where the time is unknown.
    pub t: String,
    pub value: T,
}

/// Everything one thing was set to, in order.
type Said<T> = Vec<Setting<T>>;

/// Verdict, rating, tags, notes, the name, stars, marks, flags, forks and overrides.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Annotations {
    verdict: Said<Verdict>,
    rating: Said<u8>,
    tags: BTreeMap<String, Said<bool>>,
    /// By version; `None` for the note on the example.
    notes: BTreeMap<Option<NodeId>, Said<String>>,
    name: Said<String>,
    stars: BTreeMap<NodeId, Said<bool>>,
    marks: BTreeMap<NodeId, Said<Mark>>,
    flags: BTreeMap<String, Said<Flag>>,
    forks: BTreeMap<String, Said<NodeId>>,
    overrides: Said<Override>,
    branch: Said<Option<String>>,
    undone: BTreeSet<u64>,
}

impl Annotations {
    pub(super) fn apply(&mut self, event: &Event) {
        let set = |said: &mut Said<_>, value| said.push(setting(event, value));
        match &event.payload {
            Payload::Verdict(verdict) => self.verdict.push(setting(event, verdict.verdict)),
            Payload::Rate(rate) => self.rating.push(setting(event, rate.stars)),
            Payload::Tag(tag) => set(self.tags.entry(tag.name.clone()).or_default(), tag.on),
            Payload::Note(note) if note.name => self.name.push(setting(event, note.text.clone())),
            Payload::Note(note) => self.notes.entry(note.node).or_default().push(setting(event, note.text.clone())),
            Payload::Star(star) => set(self.stars.entry(star.node).or_default(), star.on),
            Payload::Mark(mark) => self.marks.entry(mark.node).or_default().push(setting(event, mark.clone())),
            Payload::Flag(flag) => self.flags.entry(flag.name.clone()).or_default().push(setting(event, flag.clone())),
            Payload::Fork(fork) => self.forks.entry(fork.name.clone()).or_default().push(setting(event, fork.node)),
            Payload::Override(choice) => self.overrides.push(setting(event, choice.clone())),
            Payload::Head(head) => self.branch.push(setting(event, head.branch.clone())),
            _ => {}
        }
    }

    pub(super) fn undo(&mut self, seqs: &[u64]) {
        self.undone.extend(seqs);
    }

    pub(super) fn redo(&mut self, seqs: &[u64]) {
        self.undone.retain(|seq| !seqs.contains(seq));
    }

    pub(super) fn is_undone(&self, seq: u64) -> bool {
        self.undone.contains(&seq)
    }

    pub(super) fn undone(&self) -> &BTreeSet<u64> {
        &self.undone
    }

    fn standing<'a, T>(&'a self, said: &'a Said<T>) -> Option<&'a Setting<T>> {
        said.iter().rev().find(|setting| !self.undone.contains(&setting.seq))
    }

    fn standing_of<'a, K, T>(&'a self, by: &'a BTreeMap<K, Said<T>>) -> impl Iterator<Item = (&'a K, &'a Setting<T>)> {
        by.iter().filter_map(|(key, said)| Some((key, self.standing(said)?)))
    }

    pub fn verdict(&self) -> Verdict {
        self.verdict_setting().map_or(Verdict::None, |setting| setting.value)
    }

    /// The verdict with who gave it and when.
    pub fn verdict_setting(&self) -> Option<&Setting<Verdict>> {
        self.standing(&self.verdict)
    }

    /// 1 to 5; 0 for none.
    pub fn rating(&self) -> u8 {
        self.standing(&self.rating).map_or(0, |setting| setting.value)
    }

    pub fn tags(&self) -> BTreeSet<&str> {
        self.standing_of(&self.tags).filter(|(_, on)| on.value).map(|(name, _)| name.as_str()).collect()
    }

    /// Notes by version; that on the example itself under `None`.
    pub fn notes(&self) -> BTreeMap<Option<NodeId>, &str> {
        let notes = self.standing_of(&self.notes).filter(|(_, note)| !note.value.is_empty());
        notes.map(|(of, note)| (*of, note.value.as_str())).collect()
    }

    /// What a person calls the session, where they named it.
    pub fn name(&self) -> Option<&str> {
        self.standing(&self.name).map(|name| name.value.as_str()).filter(|name| !name.is_empty())
    }

    pub fn stars(&self) -> BTreeSet<NodeId> {
        self.standing_of(&self.stars).filter(|(_, on)| on.value).map(|(node, _)| *node).collect()
    }

    /// Marked versions with the mark's name.
    pub fn marks(&self) -> BTreeMap<NodeId, Option<&str>> {
        let marks = self.standing_of(&self.marks).filter(|(_, mark)| mark.value.on);
        marks.map(|(node, mark)| (*node, mark.value.name.as_deref())).collect()
    }

    /// Raised flags by name, with who raised them.
    pub fn flags(&self) -> BTreeMap<&str, &Setting<Flag>> {
        let flags = self.standing_of(&self.flags).filter(|(_, flag)| flag.value.on);
        flags.map(|(name, flag)| (name.as_str(), flag)).collect()
    }

    /// Named branches and the versions they start from.
    pub fn forks(&self) -> BTreeMap<&str, NodeId> {
        self.standing_of(&self.forks).map(|(name, fork)| (name.as_str(), fork.value)).collect()
    }

    /// A person's choices against the search's that were not taken back, in order.
    pub fn overrides(&self) -> impl Iterator<Item = &Setting<Override>> {
        self.overrides.iter().filter(|setting| !self.undone.contains(&setting.seq))
    }

    /// The branch the current version is on, when it has a name.
    pub fn branch(&self) -> Option<&str> {
        self.standing(&self.branch)?.value.as_deref()
    }
}

fn setting<T>(event: &Event, value: T) -> Setting<T> {
    Setting { seq: event.seq, by: event.by.clone(), t: event.t.clone(), value }
}
