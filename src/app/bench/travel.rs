//! Moving along the timeline and among segments and candidates; playing.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Bench, Shown, Writing};
use crate::app::memory::Place;
use crate::reer::SegmentId;
use crate::reer::search::NodeId;

/// A session that plays.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Play {
    /// Times as fast as it happened.
    pub speed: f64,
}

/// Speeds to choose from.
pub const SPEEDS: [f64; 8] = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0];

/// However long a moment took, so long it counts at most while a session plays: nobody waits for a person's pause again.
pub const LONGEST: Duration = Duration::from_secs(3);

/// However fast it plays, so long a moment stays at least.
const SHORTEST: Duration = Duration::from_millis(60);

impl Bench {
    /// Goes to a moment; the last one is followed from then on while a search runs.
    pub fn go_to(&mut self, index: usize) {
        let last = self.timeline.len().saturating_sub(1);
        let index = index.min(last);
        if index != self.cursor {
            self.candidate = None;
        }
        self.cursor = index;
        self.ranked = None;
        self.follow = index == last;
        self.find_again();
    }

    /// Goes to a moment and selects the segment that it was about.
    pub fn visit(&mut self, index: usize) {
        self.go_to(index);
        let about = self.moment().and_then(|moment| self.search()?.tree().get(moment.node)?.node.segment);
        let decided = match self.moment().map(|moment| moment.happened) {
            Some(super::Happened::Step { segment, .. }) => Some(segment),
            _ => about,
        };
        if let Some(segment) = decided {
            self.select(segment);
        }
    }

    /// Moves by so many moments; false where there are none.
    pub fn step(&mut self, by: isize) -> bool {
        let before = self.cursor;
        self.visit(self.cursor.saturating_add_signed(by));
        self.cursor != before
    }

    /// Which moment and which candidate are looked at.
    pub fn stands(&self) -> (usize, usize) {
        (self.cursor, self.candidate_index(&self.candidates()))
    }

    /// Goes to the last moment and stays with the search.
    pub fn go_to_end(&mut self) {
        self.visit(self.timeline.len().saturating_sub(1));
        (self.follow, self.steady) = (true, false);
    }

    /// The next moment that is marked or made by hand; with `forward` false, the one before.
    pub fn go_to_mark(&mut self, forward: bool) -> bool {
        let marks = self.marked();
        let wanted = |index: &usize| {
            self.timeline.get(*index).is_some_and(|moment| moment.is_hand_made()) || marks.contains(index)
        };
        let found = if forward {
            (self.cursor + 1..self.timeline.len()).find(wanted)
        } else {
            (0..self.cursor).rev().find(wanted)
        };
        found.map(|index| self.visit(index)).is_some()
    }

    /// The moments that bear a mark: those with which marked versions came.
    pub fn marked(&self) -> BTreeSet<usize> {
        self.state.annotations.marks().into_keys().filter_map(|node| self.timeline.came(node)).collect()
    }

    /// Goes to the moment that changed the score most, by falls (`gains`) or by rises; from there to the next smaller
    /// one, and so on, round to the biggest. Which of how many it is; none where there is none.
    pub fn go_to_change(&mut self, gains: bool) -> Option<(usize, usize)> {
        let told = (0..self.timeline.len()).filter(|index| !self.timeline.is_by_the_way(*index, &self.state));
        let mut changes: Vec<(f64, usize)> = told.filter_map(|index| Some((self.change_at(index)?, index))).collect();
        changes.retain(|(change, _)| if gains { *change < 0.0 } else { *change > 0.0 });
        changes.sort_by(|a, b| b.0.abs().total_cmp(&a.0.abs()).then(a.1.cmp(&b.1)));
        let here = changes.iter().position(|(_, index)| *index == self.cursor);
        let here = here.filter(|_| self.ranked == Some(gains));
        let next = here.map_or(0, |at| (at + 1) % changes.len());
        let (_, index) = changes.get(next)?;
        self.visit(*index);
        self.ranked = Some(gains);
        Some((next, changes.len()))
    }

    /// Score of a moment minus that of the moment it is told against, nats per token of the objective.
    pub fn change_at(&self, index: usize) -> Option<f64> {
        let moment = self.timeline.get(index)?;
        let before = self.timeline.get(self.timeline.before(index)?)?;
        let search = self.search()?;
        Some(search.score(moment.node)? - search.score(before.node)?)
    }

    /// A version's score as the chart shows it.
    pub fn shown_score(&self, node: NodeId, shown: Shown) -> Option<f64> {
        self.search()?.tree().get(node)?.measures.as_ref().and_then(|measures| shown.of(measures))
    }

    /// Selects a segment; its first candidate that the search chose, or else the first.
    pub fn select(&mut self, segment: SegmentId) {
        if self.segment != Some(segment) {
            self.segment = Some(segment);
            self.candidate = None;
        }
    }

    /// Goes to the version and the segment that a text is of.
    pub(in crate::app) fn go_to_text(&mut self, of: Writing) {
        let (node, segment) = match of {
            Writing::Segment { node, segment }
            | Writing::Candidate { node, segment, .. }
            | Writing::Split { node, segment }
            | Writing::Insert { node, after: segment } => (node, segment),
            Writing::Draft | Writing::Note => return,
        };
        let at = self.timeline.moments().iter().rposition(|moment| moment.node == node);
        if let Some(at) = at.filter(|_| self.node() != Some(node)) {
            self.go_to(at);
        }
        self.select(segment);
        self.steady = true;
        if let Writing::Candidate { candidate, .. } = of {
            self.select_candidate(candidate);
        }
    }

    /// Selects a candidate by its version.
    pub fn select_candidate(&mut self, node: NodeId) {
        if let Some(index) = self.candidates().iter().position(|candidate| candidate.node == node) {
            self.candidate = Some(index);
        }
    }

    /// The segment so many places further.
    pub fn step_segment(&mut self, by: isize) {
        let segments = self.segments();
        let at = self.segment().and_then(|id| segments.iter().position(|row| row.id == id)).unwrap_or(0);
        let to = at.saturating_add_signed(by).min(segments.len().saturating_sub(1));
        if let Some(row) = segments.get(to) {
            self.select(row.id);
        }
    }

    /// The candidate so many places further; false where there is none.
    pub fn step_candidate(&mut self, by: isize) -> bool {
        let all = self.candidates();
        let from = self.candidate_index(&all);
        let to = from.saturating_add_signed(by).min(all.len().saturating_sub(1));
        self.candidate = Some(to);
        to != from
    }

    /// Selects no candidate any more; false when none was.
    pub fn leave_candidate(&mut self) -> bool {
        self.candidate.take().is_some()
    }

    /// Plays from here, or from the beginning when this is the end; or pauses.
    pub fn toggle_play(&mut self, speed: f64) {
        if self.play.take().is_some() {
            return;
        }
        if self.is_at_end() {
            self.visit(0);
        }
        self.play = Some(Play { speed });
        self.follow = false;
    }

    /// How long the moment under the cursor stays while the session plays; `None` at the end.
    pub fn play_wait(&self) -> Option<Duration> {
        let speed = self.play?.speed;
        let next = self.timeline.get(self.cursor + 1)?;
        let took = Duration::from_millis(next.after_ms).min(LONGEST);
        Some(took.div_f64(speed).max(SHORTEST))
    }

    /// Where the person is, to be found again.
    pub fn place(&self) -> Place {
        let moment = (!self.is_at_end()).then_some(self.cursor);
        Place { moment, of: moment.map(|_| self.timeline.len()), segment: self.segment, pane: self.focus }
    }

    /// Goes back to where the person was.
    pub(super) fn return_to(&mut self, place: &Place) {
        let grown = place.of.is_some_and(|of| self.timeline.len() > of);
        match place.moment.filter(|_| !grown) {
            Some(moment) => self.go_to(moment),
            None => self.go_to_end(),
        }
        self.segment = place.segment.or(self.segment);
        self.focus = place.pane;
    }
}
