//! What follows the last layer: logits over the vocabulary, and the log-probabilities of tokens.

use super::error::Halt;
use super::matmul::Sums;
use super::network::Network;
use super::parallel;
use super::simd::SumOfExponentials;

/// Rows whose log-probabilities one task makes at once.
const ROWS_A_TASK: usize = 64;

/// Lines of logits that one task copies at once.
const LINES_A_TASK: usize = 4;

/// What is known of a row's token by a part of its logits.
#[derive(Clone, Copy)]
struct Found {
    /// The token's, where it is there.
    logit: Option<f32>,
    sum: SumOfExponentials,
}

impl Found {
    /// Of a part of the logits, of which the token's is at `token`, if it is there.
    fn of(part: &[f32], token: Option<usize>) -> Found {
        Found { logit: token.and_then(|token| part.get(token)).copied(), sum: SumOfExponentials::of(part) }
    }

    /// The token's log-probability, by all parts.
    fn logprob(parts: impl Iterator<Item = Found> + Clone) -> f32 {
        let logit = parts.clone().find_map(|part| part.logit).unwrap_or(0.0);
        (f64::from(logit) - SumOfExponentials::ln(parts.map(|part| part.sum))) as f32
    }
}

impl Network {
    /// The log-probability of one token behind each row of the residual stream, `[rows][width]`, in nats.
    ///
    /// # Errors
    /// [`Halt::Device`], where there is one.
    pub fn logprobs(&self, hidden: &[f32], tokens: &[u32], sums: Sums) -> Result<Vec<f32>, Halt> {
        if tokens.is_empty() {
            return Ok(Vec::new());
        }
        let mut normed = Vec::new();
        let normed = self.norm.forward(hidden, &mut normed);
        let parts = self.output.forward_in_parts(0, normed, sums, |first, columns| {
            let mut line = vec![0f32; columns.width()];
            let found = tokens.iter().enumerate().map(|(row, token)| {
                columns.copy(row, 0..line.len(), &mut line);
                Found::of(&line, (*token as usize).checked_sub(first))
            });
            found.collect::<Vec<Found>>()
        })?;
        let mut logprobs = vec![0f32; tokens.len()];
        parallel::chunks(&mut logprobs, ROWS_A_TASK, |task, chunk| {
            for (at, logprob) in chunk.iter_mut().enumerate() {
                *logprob = Found::logprob(parts.iter().map(|part| part[task * ROWS_A_TASK + at]));
            }
        });
        Ok(logprobs)
    }

    /// Each row's logits over the vocabulary.
    ///
    /// # Errors
    /// [`Halt::Device`], where there is one.
    pub fn logits(&self, hidden: &[f32], sums: Sums) -> Result<Vec<Vec<f32>>, Halt> {
        let (mut normed, mut product) = (Vec::new(), Vec::new());
        let product = self.output.forward(self.norm.forward(hidden, &mut normed), sums, &mut product)?;
        let columns = self.output.part(&product, 0);
        let mut lines = vec![vec![0f32; self.vocabulary]; hidden.len() / self.config.width];
        parallel::chunks(&mut lines, LINES_A_TASK, |task, chunk| {
            for (at, line) in chunk.iter_mut().enumerate() {
                columns.copy(task * LINES_A_TASK + at, 0..line.len(), line);
            }
        });
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// In parts of any lengths a token's log-probability is that of the whole line.
        #[test]
        fn parts_give_what_the_whole_line_gives(
            parts in prop::collection::vec(prop::collection::vec(-40f32..40.0, 1..50), 1..6),
            token in any::<prop::sample::Index>(),
        ) {
            let line = parts.concat();
            let token = token.index(line.len());
            let mut first = 0usize;
            let found: Vec<Found> = parts
                .iter()
                .map(|part| {
                    first += part.len();
                    Found::of(part, (token + part.len()).checked_sub(first))
                })
                .collect();
            let got = f64::from(Found::logprob(found.into_iter()));
            let want = f64::from(line[token]) - line.iter().map(|logit| f64::from(*logit).exp()).sum::<f64>().ln();
            prop_assert!((got - want).abs() < 1e-5, "{got} {want}");
        }
    }

    #[test]
    fn what_is_no_number_makes_no_probability() {
        for parts in [[1.0, f32::NAN], [f32::NAN, 1.0], [1.0, f32::INFINITY], [f32::NEG_INFINITY, f32::NEG_INFINITY]] {
            let found = parts.map(|logit| Found::of(&[logit], Some(0)));
            let logprob = Found::logprob(found.into_iter());
            assert!(logprob.is_nan() || logprob == f32::NEG_INFINITY, "{parts:?}");
        }
    }
}
