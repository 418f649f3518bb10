//! The measures of the version under the cursor, with what explains them and what each means.

use super::Bench;
use crate::reer::{Leak, Measures, Objective};

/// What a measure says of the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Plain,
    /// What the search goes by.
    Main,
    Better,
    Worse,
    /// It copies more than it should.
    Warning,
}

/// One measure: its name, its value, and what stands behind it; a value may be nothing but that.
#[derive(Debug, Clone, PartialEq)]
pub struct Measure {
    pub name: &'static str,
    pub value: String,
    pub tone: Tone,
    pub behind: String,
    /// What the number is, in a sentence's words.
    pub means: &'static str,
}

impl Bench {
    /// Every measure of the version under the cursor, the one that the search minimises first; none without a score.
    pub fn measures(&self) -> Vec<Measure> {
        let Some(search) = self.search() else { return Vec::new() };
        let version = self.node().and_then(|node| search.tree().get(node));
        let Some((version, now)) = version.and_then(|version| Some((version, version.measures?))) else {
            return Vec::new();
        };
        let mut all = Vec::new();
        let baseline = search.baseline();
        // What the search minimises comes first, where it is no perplexity.
        if let Some(clipped) = now.clipped.filter(|_| search.config().objective == Objective::ReerClipped) {
            let before = baseline.and_then(|baseline| baseline.clipped);
            let behind = before.map(|before| format!("baseline {:.3}", before.nll.0)).unwrap_or_default();
            let means =
                "the official clipped score, 0 to 2 nats per token: what this search makes small; no perplexity";
            all.push(measure("clipped", format!("{:.3}", clipped.nll.0), Tone::Main, behind, means));
        }
        all.extend(of_score(&now, baseline));
        all.extend(version.leak.iter().flat_map(of_leak));
        let clipped = format!("{:.0} % clipped", 100.0 * now.clipped_fraction);
        let means = "the score for each character, so that scorers with other tokens can be compared; clipped: tokens less \
                     likely than 1 in 7, which the official score counts as -2 nats";
        all.push(measure("bits/char", format!("{:.3}", now.bits_per_char.0), Tone::Plain, clipped, means));
        let scorer = self.state.scorer.as_ref().map(|scorer| scorer.model.as_str()).unwrap_or_default();
        let behind = format!("{scorer}, {}", search.config().objective.name());
        let means = "whose numbers these are, and what the search makes small; other scorers have other numbers";
        all.push(measure("scorer", String::new(), Tone::Plain, behind, means));
        let means = "how many tokens of the reference the score is the mean of";
        all.push(measure("tokens", now.tokens.to_string(), Tone::Plain, "of y".to_owned(), means));
        all
    }
}

fn of_score(now: &Measures, baseline: Option<&Measures>) -> Vec<Measure> {
    let behind = baseline.map(|b| format!("baseline {:.1}", b.ppl.0)).unwrap_or_default();
    let means = "the perplexity of the reference behind query and thinking; the baseline has an empty think block; less is \
                 better";
    let mut all = vec![measure("ppl", format!("{:.1}", now.ppl.0), Tone::Main, behind, means)];
    let Some(baseline) = baseline else { return all };
    let gain = now.gain(baseline);
    let tone = if gain.gain_nats.0 > 0.0 { Tone::Better } else { Tone::Worse };
    let percent = format!("nats, {:.1} %", gain.gain_percent).replace('-', "−");
    let value = format!("{:.3}", gain.gain_nats.0).replace('-', "−");
    let means = "how far the score lies below the baseline, in nats per token and in percent of its perplexity";
    all.push(measure("gain", value, tone, percent, means));
    let means = "the gain as a share of the baseline's nats: 0 nothing explained, 1 all of it";
    all.push(measure("anchoring", format!("{:.2}", anchoring(now, baseline)), Tone::Plain, String::new(), means));
    all
}

fn of_leak(leak: &Leak) -> [Measure; 2] {
    let tone = if leak.span_words > 8 || leak.ngram > 0.02 { Tone::Warning } else { Tone::Plain };
    let run = format!("run, {:.1} %", 100.0 * leak.span_share);
    let means = "the longest run of words that the thinking copies from the reference, and its share of the reference; twelve \
                 Chinese or Japanese characters count as eight words";
    let longest = measure("copied", format!("{} w", leak.span_words), tone, run, means);
    let means = "the share of the reference's runs of eight words that stand in the thinking word for word";
    [longest, measure("8-grams", format!("{:.1} %", 100.0 * leak.ngram), tone, "copied".to_owned(), means)]
}

fn measure(name: &'static str, value: String, tone: Tone, behind: String, means: &'static str) -> Measure {
    Measure { name, value, tone, behind, means }
}

/// 1 - nll / baseline.nll, 0 to 1: what SSR counts as a leak, and REER maximises.
fn anchoring(now: &Measures, baseline: &Measures) -> f64 {
    (1.0 - now.nll.0 / baseline.nll.0).clamp(0.0, 1.0)
}
