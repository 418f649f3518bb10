//! What numbers mean: pure functions from what a scorer answered to what a check came to.

use super::{Check, Outcome};

/// Differences may be this share of those to the shifted control: rounding and batching cost a hundredth or two, any
/// misalignment makes both alike.
const SHARE: f64 = 0.1;

/// How many standard errors a difference must be, to be no accident.
const SURE: f64 = 3.0;

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len().max(1) as f64;
    values.sum::<f64>() / count
}

/// Mean absolute difference, nats per token.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    mean(a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).collect::<Vec<_>>().into_iter())
}

/// Two ways of asking for the same log-probabilities.
pub(super) fn agreement(name: &'static str, what: &str, a: &[f32], b: &[f32]) -> Check {
    let check = |outcome, detail| Check { name, outcome, detail };
    if a.len() != b.len() {
        let detail = format!("{what}: {} log-probabilities one way, {} the other", a.len(), b.len());
        return check(Outcome::Failed, detail);
    }
    let apart = distance(a, b);
    let control = distance(&a[1..], &b[..b.len() - 1]).min(distance(&a[..a.len() - 1], &b[1..]));
    let detail = format!("{what}: {apart:.4} nats apart per token; shifted by one token they would be {control:.2}");
    let outcome = if apart <= SHARE * control { Outcome::Passed } else { Outcome::Failed };
    check(outcome, detail)
}

/// A text that stands in its own context against the same words shuffled there: whoever sees the right tokens behind the
/// right context finds the copy easier.
pub(super) fn copying(copied: &[f32], shuffled: &[f32]) -> (bool, String) {
    let differences: Vec<f64> = copied.iter().zip(shuffled).map(|(a, b)| f64::from(a - b)).collect();
    let gain = mean(differences.iter().copied());
    let spread = mean(differences.iter().map(|d| (d - gain).powi(2)).collect::<Vec<_>>().into_iter()).sqrt();
    let error = spread / (differences.len().max(1) as f64).sqrt();
    let detail = format!(
        "a text that stands in its context is {gain:.2} nats per token easier there than behind its words shuffled (± {error:.2})"
    );
    (gain > SURE * error.max(1e-6), detail)
}

/// A token that the model itself found most probable against others at the same place.
pub(super) fn most_probable(own: f32, others: &[f32]) -> (bool, String) {
    let best = others.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    // Two tokens may tie within rounding.
    let holds = own >= best - 0.05;
    (holds, format!("the token it writes itself has {own:.2} nats, the best of {} others {best:.2}", others.len()))
}

/// The two proofs that log-probabilities belong to the tokens they are told for.
pub(super) fn alignment(copying: (bool, String), most_probable: Option<(bool, String)>) -> Check {
    let name = "alignment";
    match (copying, most_probable) {
        ((_, _), Some((false, detail))) => Check {
            name,
            outcome: Outcome::Failed,
            detail: format!("{detail}: the log-probabilities belong to other tokens (lists shifted by one?)"),
        },
        ((true, copied), own) => {
            let own = own.map(|(_, own)| format!("; {own}")).unwrap_or_default();
            Check { name, outcome: Outcome::Passed, detail: format!("{copied}{own}") }
        }
        ((false, copied), Some((true, own))) => Check {
            name,
            outcome: Outcome::Warned,
            detail: format!("{own}; but {copied}: the model hardly uses its context"),
        },
        ((false, copied), None) => Check {
            name,
            outcome: Outcome::Failed,
            detail: format!("{copied}: the scores do not show that they see the text before them"),
        },
    }
}

/// Alternatives at one place share one probability.
pub(super) fn normalisation(alternatives: &[f32]) -> Check {
    let total: f64 = alternatives.iter().map(|logprob| f64::from(*logprob).exp()).sum();
    let detail =
        format!("{} different tokens at one place have {total:.4} of the probability together", alternatives.len());
    let outcome = if total <= 1.01 { Outcome::Passed } else { Outcome::Failed };
    Check { name: "normalisation", outcome, detail }
}

/// What the server tells of a token as it writes it, and as it scores it.
pub(super) fn consistency(told: &[(f32, f32)]) -> Check {
    let name = "self-consistency";
    if told.is_empty() {
        let detail = "it does not tell the log-probabilities of what it writes".to_owned();
        return Check { name, outcome: Outcome::Skipped, detail };
    }
    let apart = told.iter().map(|(written, scored)| f64::from((written - scored).abs())).fold(0.0, f64::max);
    let size = mean(told.iter().map(|(_, scored)| f64::from(scored.abs())).collect::<Vec<_>>().into_iter());
    let wrote = match told.len() {
        1 => "1 token that it wrote itself is".to_owned(),
        count => format!("{count} tokens that it wrote itself are"),
    };
    let detail = format!("{wrote} at most {apart:.4} nats apart from the score (mean size {size:.2})");
    // Sampling settings applied to what is told change every number by a share of its size.
    let outcome = match apart {
        apart if apart <= 0.05 => Outcome::Passed,
        apart if apart <= 0.05 + SHARE * size => Outcome::Warned,
        _ => Outcome::Failed,
    };
    Check { name, outcome, detail }
}

/// How far the mean of one text moves from call to call, those at once and those `ways` of asking otherwise (in parts, past
/// the cache): the whole range, in nats per token.
pub(super) fn noise(repeats: &[Vec<f32>], ways: &[Vec<f32>]) -> (f64, Check) {
    let mean_of = |logprobs: &Vec<f32>| mean(logprobs.iter().map(|v| f64::from(*v)).collect::<Vec<_>>().into_iter());
    let (low, high) = repeats
        .iter()
        .chain(ways)
        .map(mean_of)
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), m| (low.min(m), high.max(m)));
    let floor = if repeats.is_empty() { 0.0 } else { high - low };
    let detail = format!(
        "{} calls at once for one text, and those in parts and past the cache, give means within {floor:.5} nats per token",
        repeats.len()
    );
    let outcome = match floor {
        floor if floor <= 0.01 => Outcome::Passed,
        floor if floor <= 0.1 => Outcome::Warned,
        _ => Outcome::Failed,
    };
    (floor, Check { name: "noise floor", outcome, detail })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUE: [f32; 8] = [-2.1, -0.2, -5.3, -1.1, -0.4, -7.0, -2.2, -0.9];

    fn outcome(b: &[f32]) -> Outcome {
        agreement("x", "x", &TRUE, b).outcome
    }

    #[test]
    fn rounding_agrees_and_a_shift_does_not() {
        assert_eq!(outcome(&TRUE.map(|v| v + 0.01)), Outcome::Passed);
        assert_eq!(outcome(&[&TRUE[1..], &[-3.0]].concat()), Outcome::Failed);
        assert_eq!(outcome(&[&[-3.0], &TRUE[..7]].concat()), Outcome::Failed);
        assert_eq!(outcome(&TRUE[..7]), Outcome::Failed, "another number of them");
        assert_eq!(outcome(&TRUE.map(|v| v + 1.0)), Outcome::Failed);
    }

    /// A weak model's small numbers are judged by the same shares.
    #[test]
    fn agreement_has_no_scale() {
        let weak = TRUE.map(|v| v / 50.0);
        assert_eq!(agreement("x", "x", &weak, &weak.map(|v| v + 0.0005)).outcome, Outcome::Passed);
        assert_eq!(agreement("x", "x", &weak, &[&weak[1..], &[-0.05]].concat()).outcome, Outcome::Failed);
    }

    /// P6, and what no check may let pass: numbers that say nothing.
    #[test]
    fn all_zeros_fail() {
        assert_eq!(normalisation(&[0.0; 8]).outcome, Outcome::Failed);
        assert!(!copying(&[0.0; 8], &[0.0; 8]).0);
        assert_eq!(agreement("x", "x", &[0.0; 8], &[0.0; 8]).outcome, Outcome::Passed, "only the others see it");
    }

    #[test]
    fn a_copy_must_be_surely_easier() {
        let shuffled = TRUE.map(|v| v - 2.0);
        assert!(copying(&TRUE, &shuffled).0);
        let mut noisy = TRUE;
        noisy.reverse();
        assert!(!copying(&TRUE, &noisy).0, "differences that cancel out");
    }

    #[test]
    fn the_model_s_own_token_decides_over_everything() {
        let sees = || (true, "sees".to_owned());
        let blind = || (false, "blind".to_owned());
        let outcome = |copying, own| alignment(copying, own).outcome;
        assert_eq!(outcome(sees(), Some(most_probable(-0.5, &[-2.0, -4.0]))), Outcome::Passed);
        assert_eq!(outcome(sees(), Some(most_probable(-4.0, &[-2.0, -4.0]))), Outcome::Failed);
        assert_eq!(outcome(blind(), Some(most_probable(-0.5, &[-2.0]))), Outcome::Warned);
        assert_eq!(outcome(blind(), None), Outcome::Failed);
        assert_eq!(outcome(sees(), None), Outcome::Passed);
    }

    #[test]
    fn noise_is_the_range_of_the_means() {
        let (floor, check) = noise(&[vec![-1.0, -2.0], vec![-1.002, -2.002], vec![-0.998, -1.998]], &[]);
        assert!((floor - 0.004).abs() < 1e-6);
        assert_eq!(check.outcome, Outcome::Passed);
        assert_eq!(noise(&[vec![-1.0], vec![-1.05]], &[]).1.outcome, Outcome::Warned);
        assert_eq!(noise(&[vec![-1.0], vec![-2.0]], &[]).1.outcome, Outcome::Failed);
        let (floor, _) = noise(&[vec![-1.0, -2.0]], &[vec![-1.01, -2.03]]);
        assert!((floor - 0.02).abs() < 1e-6, "a cache that changes the score is noise too");
    }

    #[test]
    fn tokens_it_wrote_are_scored_as_it_told_them() {
        assert_eq!(consistency(&[(-0.5, -0.51), (-1.0, -1.02)]).outcome, Outcome::Passed);
        assert_eq!(consistency(&[(-0.5, -3.5), (-1.0, -4.0)]).outcome, Outcome::Failed);
        assert_eq!(consistency(&[]).outcome, Outcome::Skipped);
    }
}
