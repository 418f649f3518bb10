//! Scores as the command line tells them, in JSON and in words.
//!
//! A perplexity never goes without its scorer, objective and token count, and the official clipped score is never
//! told as a perplexity.

use serde::Serialize;

use crate::reer::{Gain, Identity, Leak, Measures, Nats, Objective, Perplexity};

/// One score without what it is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Point {
    /// Nats per token.
    pub nll: Nats,
    pub ppl: Perplexity,
    /// The official score in nats per token, where it is the objective.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clipped_nll: Option<Nats>,
}

impl Point {
    pub fn of(measures: &Measures, objective: Option<Objective>) -> Point {
        let clipped = measures.clipped.filter(|_| objective == Some(Objective::ReerClipped));
        Point { nll: measures.nll, ppl: measures.ppl, clipped_nll: clipped.map(|c| c.nll) }
    }
}

/// Everything known of one scored text: the JSON of `score`, and of a moment of a session.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScoreReport {
    pub scorer: Identity,
    pub objective: Objective,
    /// Tokens of the reference.
    pub tokens: usize,
    pub nll: Nats,
    pub ppl: Perplexity,
    pub bits_per_char: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clipped_nll: Option<Nats>,
    /// Tokens that `clipped_nll` is the mean of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clipped_tokens: Option<usize>,
    pub clipped_fraction: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Point>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub gain: Option<Gain>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leak: Option<Leak>,
}

impl ScoreReport {
    pub fn new(scorer: &Identity, objective: Objective, measures: &Measures) -> ScoreReport {
        ScoreReport {
            scorer: scorer.clone(),
            objective,
            tokens: measures.tokens,
            nll: measures.nll,
            ppl: measures.ppl,
            bits_per_char: measures.bits_per_char.0,
            clipped_nll: measures.clipped.map(|c| c.nll),
            clipped_tokens: measures.clipped.map(|c| c.tokens),
            clipped_fraction: measures.clipped_fraction,
            baseline: None,
            gain: None,
            leak: None,
        }
    }

    /// Compared with the same reference behind an empty think block, and with the lexical leak that explains a gain.
    #[must_use]
    pub fn against(mut self, measures: &Measures, baseline: Option<&Measures>, leak: Option<Leak>) -> ScoreReport {
        self.baseline = baseline.map(|b| Point::of(b, Some(self.objective)));
        self.gain = baseline.map(|b| measures.gain(b));
        self.leak = leak;
        self
    }

    /// For a person, one line a fact.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![
            format!("scorer        {}, objective {}", scorer(&self.scorer), self.objective.name()),
            format!("perplexity    {} over {} tokens of the reference", ppl(self.ppl), self.tokens),
            format!("nll           {:.4} nats per token, {:.4} bits per character", self.nll.0, self.bits_per_char),
        ];
        let share = 100.0 * self.clipped_fraction;
        lines.push(match (self.clipped_nll, self.clipped_tokens) {
            (Some(nll), Some(tokens)) => {
                format!("reer-clipped  {:.4} of 2 over {tokens} tokens; {share:.0} % of all at the clip", nll.0)
            }
            _ => format!("reer-clipped  none: the reference has one segment; {share:.0} % of tokens at the clip"),
        });
        if let (Some(baseline), Some(gain)) = (&self.baseline, &self.gain) {
            lines.push(format!("baseline      perplexity {}, {:.4} nats per token", ppl(baseline.ppl), baseline.nll.0));
            lines.push(format!("gain          {}", self::gain(gain)));
        }
        lines.extend(self.leak.map(|leak| format!("leak          {}", self::leak(&leak))));
        lines
    }
}

/// A perplexity with three digits that tell.
pub fn ppl(ppl: Perplexity) -> String {
    match ppl.0 {
        value if value >= 1e6 => format!("{value:.2e}"),
        value if value >= 100.0 => format!("{value:.0}"),
        value => format!("{value:.2}"),
    }
}

/// A gain with its sign: positive is better than the baseline, in nats and in percent.
pub fn gain(gain: &Gain) -> String {
    // Adding 0 makes a negative zero a plain one.
    format!("{:+.4} nats per token, {:+.1} % of the perplexity", gain.gain_nats.0 + 0.0, gain.gain_percent + 0.0)
}

pub fn leak(leak: &Leak) -> String {
    format!(
        "{:.1} % of 8-grams, longest run {} words ({:.1} % of the reference)",
        100.0 * leak.ngram,
        leak.span_words,
        100.0 * leak.span_share
    )
}

pub fn scorer(identity: &Identity) -> String {
    match &identity.revision {
        Some(revision) => format!("{} {} ({revision})", identity.kind, identity.model),
        None => format!("{} {}", identity.kind, identity.model),
    }
}

/// `1 session`, `2 sessions`.
pub fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A value as its JSON spells it: `no-gain`, `unfinished`.
pub fn spelled(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reer::{Bits, Clipped};

    fn measures(nll: f64, clipped: Option<f64>) -> Measures {
        Measures {
            tokens: 10,
            nll: Nats(nll),
            ppl: Nats(nll).perplexity(),
            bits_per_char: Bits(nll),
            clipped_fraction: 0.5,
            clipped: clipped.map(|nll| Clipped { nll: Nats(nll), tokens: 6 }),
        }
    }

    fn identity() -> Identity {
        Identity { kind: "gguf".into(), model: "m".into(), revision: None }
    }

    #[test]
    fn what_is_not_computed_is_absent_and_never_null() {
        let bare = ScoreReport::new(&identity(), Objective::Nll, &measures(1.0, None));
        let json = serde_json::to_value(&bare).unwrap();
        let keys: Vec<&String> = json.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["scorer", "objective", "tokens", "nll", "ppl", "bits_per_char", "clipped_fraction"]);
    }

    #[test]
    fn a_full_score_has_every_key_of_the_contract() {
        let score = measures(1.0, Some(0.8));
        let leak = Leak { ngram: 0.0, span_words: 3, span_share: 0.1 };
        let full = ScoreReport::new(&identity(), Objective::Nll, &score);
        let json = serde_json::to_value(full.against(&score, Some(&measures(2.0, None)), Some(leak))).unwrap();
        for key in ["clipped_nll", "baseline", "gain_nats", "gain_percent", "leak"] {
            assert!(!json[key].is_null(), "{key}");
        }
        assert_eq!(json["gain_nats"], 1.0);
        assert!(json["baseline"].get("clipped_nll").is_none(), "another objective's score is not mixed in");
    }
}
