//! What the reference is tinted by: which scores' token log-probabilities are shown, and against which.

use serde::{Deserialize, Serialize};

use super::{Bench, Candidate, letter};
use crate::reer::search::ScoreOf;

/// A measure of each token of the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tint {
    #[default]
    Off,
    /// Surprisal, -log p, in nats.
    Surprisal,
    /// Its change from the version before.
    SinceBefore,
    /// Its change from the empty think block.
    SinceBaseline,
    /// Its change from the version that is held for comparison, or that was marked last.
    SinceHeld,
    /// What the selected segment does: its change from the version without that segment.
    Segment,
}

/// What is compared: log-probabilities of the first against those of the second, where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compared {
    pub of: ScoreOf,
    pub against: Option<ScoreOf>,
}

impl Tint {
    pub const ALL: [Tint; 6] =
        [Tint::Off, Tint::Surprisal, Tint::SinceBefore, Tint::SinceBaseline, Tint::SinceHeld, Tint::Segment];

    /// The tint that follows, or precedes.
    pub fn turned(self, forward: bool) -> Tint {
        let at = Tint::ALL.iter().position(|tint| *tint == self).unwrap_or(0);
        let by = if forward { 1 } else { Tint::ALL.len() - 1 };
        Tint::ALL[(at + by) % Tint::ALL.len()]
    }

    /// In a word or two; empty when there is none.
    fn short(self) -> &'static str {
        match self {
            Tint::Off => "",
            Tint::Surprisal => "surprisal",
            Tint::SinceBefore => "Δ before",
            Tint::SinceBaseline => "Δ baseline",
            Tint::SinceHeld => "Δ held",
            Tint::Segment => "Δ segment",
        }
    }

    /// In full; empty when there is none.
    fn title(self) -> &'static str {
        match self {
            Tint::Off => "",
            Tint::Surprisal => "surprisal",
            Tint::SinceBefore => "Δ against the version before",
            Tint::SinceBaseline => "Δ against baseline",
            Tint::SinceHeld => "Δ against the held version",
            Tint::Segment => "what the segment does, against leaving it out",
        }
    }
}

impl Bench {
    /// The tint for the pane's title, with the version or the candidate that it is about; empty when there is none.
    pub fn tint_in_short(&self) -> String {
        let tint = match (self.tint, self.compared_with()) {
            (Tint::SinceHeld, Some((how, node))) => format!("Δ {how} v{}", node.0),
            (tint, _) => tint.short().to_owned(),
        };
        let of = self.tinted_candidate().map(|(at, _)| format!(" · candidate {}", letter(at)));
        format!("{tint}{}", of.unwrap_or_default())
    }

    /// The tint in full; empty when there is none.
    pub fn tint_in_full(&self) -> String {
        match (self.tint, self.compared_with()) {
            (Tint::SinceHeld, Some((how, node))) => format!("Δ against the {how} version v{}", node.0),
            (tint, _) => tint.title().to_owned(),
        }
    }

    /// The candidate that the person selected, with its place, where the tint can be of it: it has a score, and is not
    /// the version under the cursor anyway.
    fn tinted_candidate(&self) -> Option<(usize, Candidate)> {
        self.candidate.filter(|_| !matches!(self.tint, Tint::Off | Tint::Segment))?;
        let mut all = self.candidates();
        let at = self.candidate_index(&all);
        let candidate = (at < all.len()).then(|| all.swap_remove(at))?;
        (candidate.delta.is_some() && Some(candidate.node) != self.node()).then_some((at, candidate))
    }

    /// What the tint compares at the cursor; `None` when it is off or there is nothing to compare.
    pub fn compared(&self) -> Option<Compared> {
        let node = self.node()?;
        let candidate = self.tinted_candidate().map(|(_, candidate)| candidate);
        let of = ScoreOf::Node(candidate.as_ref().map_or(node, |candidate| candidate.node));
        let against = match self.tint {
            Tint::Off => return None,
            Tint::Surprisal => return Some(Compared { of, against: None }),
            Tint::SinceBefore if candidate.is_some() => ScoreOf::Node(candidate?.parent),
            Tint::SinceBefore => {
                let before = self.timeline.before(self.cursor()).and_then(|before| self.timeline.get(before));
                let before = before.map(|moment| moment.node).filter(|before| *before != node);
                let before = before.or_else(|| self.search()?.tree().get(node)?.node.parent);
                before.map_or(ScoreOf::Baseline, ScoreOf::Node)
            }
            Tint::SinceBaseline => ScoreOf::Baseline,
            Tint::SinceHeld => ScoreOf::Node(self.compared_with()?.1),
            Tint::Segment => ScoreOf::Without(node, self.segment()?),
        };
        Some(Compared { of, against: Some(against) })
    }

    /// Log-probabilities of y's tokens in nats, recorded or measured.
    pub fn logprobs(&self, of: ScoreOf) -> Option<&[f64]> {
        self.state.logprobs.get(&of).or_else(|| self.measured.get(&of)).map(Vec::as_slice)
    }

    /// What the tint needs and nobody has computed yet.
    pub fn unmeasured(&self) -> Vec<ScoreOf> {
        let Some(Compared { of, against }) = self.compared() else { return Vec::new() };
        let wanted = [Some(of), against].into_iter().flatten();
        wanted.filter(|of| self.logprobs(*of).is_none() && !self.asked.contains(of)).collect()
    }

    /// Byte offset of each token's end in the scored reference.
    pub fn token_ends(&self) -> Option<&[usize]> {
        let scorer = self.state.scorer.as_ref()?;
        self.state.tokens.get(scorer).map(|tokens| tokens.ends.as_slice())
    }
}
