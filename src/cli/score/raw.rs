//! Scoring a text behind another without any frame.

use serde::Serialize;

use super::tokens::{self, Token};
use super::{ScoreArgs, Why, asked, runtime};
use crate::cli::numbers::ScoreReport;
use crate::cli::{Outcome, Output, back_ends};
use crate::lm::{self, RawScore};
use crate::reer::{MeasureError, Measures, Objective, Target, measure};
use crate::settings::Settings;

/// JSON of `retrace score --raw`: no baseline, gain or leak.
#[derive(Serialize)]
struct Scored<'a> {
    #[serde(flatten)]
    score: ScoreReport,
    /// Tokens in front of the reference, BOS included.
    context_tokens: usize,
    /// Their ids, with `--tokens`.
    #[serde(skip_serializing_if = "Option::is_none")]
    context_ids: Option<Vec<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_token: Option<Vec<Token<'a>>>,
}

pub fn run(
    context: &str,
    reference: &str,
    settings: &Settings,
    args: &ScoreArgs,
    output: &mut Output,
) -> Result<Outcome, Why> {
    let runtime = runtime()?;
    let within = runtime.enter();
    let model = back_ends::opener(settings)?.verbatim(&back_ends::spec(&settings.scorer)?)?;
    drop(within);
    let raw = runtime.block_on(lm::score_raw(model.as_ref(), context, reference)).map_err(asked)?;
    let measures = measures(reference, &raw).map_err(|why| Why::Reference(why.to_string()))?;
    let score = ScoreReport::new(model.identity(), Objective::Nll, &measures);
    let per_token = args.tokens.then(|| tokens::tokens(reference, 0, &raw.ids, &raw.spans, &raw.logprobs));
    let context_ids = args.tokens.then(|| raw.context_ids.clone());
    let scored = Scored { score, context_tokens: raw.context_ids.len(), context_ids, per_token };
    if args.json {
        output.json(&scored);
    } else {
        scored.score.lines().iter().for_each(|line| output.line(line));
        scored.per_token.iter().for_each(|list| tokens::tell(list, output));
    }
    Ok(Outcome::Done)
}

/// Measures over the tokens that something stands before.
fn measures(reference: &str, raw: &RawScore) -> Result<Measures, MeasureError> {
    let first = raw.logprobs.iter().take_while(|logprob| logprob.is_none()).count();
    let from = raw.spans.get(first).map_or(reference.len(), |span| span.start);
    let spans = raw.spans[first..].iter().map(|span| span.start - from..span.end - from).collect();
    let target = Target { tokens: raw.ids[first..].to_vec(), spans };
    let logprobs: Vec<f32> = raw.logprobs.iter().flatten().copied().collect();
    measure(&reference[from..], &target, &logprobs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_token_behind_nothing_is_left_out_of_the_mean() {
        let raw = RawScore {
            context_ids: vec![],
            ids: vec![1, 2, 3],
            spans: vec![0..2, 2..4, 4..6],
            logprobs: vec![None, Some(-1.0), Some(-3.0)],
        };
        let measures = measures("abcdef", &raw).unwrap();
        assert_eq!((measures.tokens, measures.nll.0), (2, 2.0));
        let bits = 4.0 / std::f64::consts::LN_2 / 4.0;
        assert!((measures.bits_per_char.0 - bits).abs() < 1e-12);
    }

    #[test]
    fn a_reference_of_one_token_behind_nothing_cannot_be_measured() {
        let one = std::iter::once(0..1);
        let raw = RawScore { context_ids: vec![], ids: vec![1], spans: one.collect(), logprobs: vec![None] };
        assert_eq!(measures("a", &raw), Err(MeasureError::Empty));
    }
}
