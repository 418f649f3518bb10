//! What follows the last layer: logits over the vocabulary, and the log-probabilities of tokens.

use super::error::Halt;
use super::matmul::Sums;
use super::network::Network;
use super::{parallel, simd};

/// Logits that are computed at once for all rows. A whole line of logits is long; if only as many rows were multiplied as the
/// lines of fit memory, the weights would be read again and again.
pub(super) const PART: usize = 4096;

/// Lines of logits that one task takes at once.
const LINES_A_TASK: usize = 4;

/// What is known of a row's token behind some parts of its logits.
#[derive(Clone, Copy)]
struct Found {
    logit: f64,
    /// ln(sum(exp(logits))) so far.
    total: f64,
}

impl Found {
    const NOTHING: Found = Found { logit: 0.0, total: f64::NEG_INFINITY };

    /// Takes the next part of the row's logits, of which the token's is at `token`, if it is there.
    fn take(&mut self, part: &[f32], token: Option<usize>) {
        if let Some(logit) = token.and_then(|token| part.get(token)) {
            self.logit = f64::from(*logit);
        }
        let part = simd::log_sum_exp(part);
        let (less, more) = if self.total < part { (self.total, part) } else { (part, self.total) };
        self.total = more + (less - more).exp().ln_1p();
    }
}

impl Network {
    /// The log-probability of one token behind each row of the residual stream, `[rows][width]`, in nats.
    ///
    /// # Errors
    /// [`Halt::Device`], where there is one.
    pub fn logprobs(&self, hidden: &[f32], tokens: &[u32], sums: Sums) -> Result<Vec<f32>, Halt> {
        let (mut normed, mut product) = (Vec::new(), Vec::new());
        let normed = self.norm.forward(hidden, &mut normed);
        let mut found = vec![Found::NOTHING; tokens.len()];
        for part in 0..self.output.maps() {
            let columns = self.output.forward_one(part, normed, sums, &mut product)?;
            parallel::chunks(&mut found, LINES_A_TASK, |task, chunk| {
                let mut line = vec![0f32; columns.width()];
                for (at, found) in chunk.iter_mut().enumerate() {
                    let row = task * LINES_A_TASK + at;
                    columns.copy(row, 0..line.len(), &mut line);
                    found.take(&line, (tokens[row] as usize).checked_sub(part * PART));
                }
            });
        }
        Ok(found.into_iter().map(|found| (found.logit - found.total) as f32).collect())
    }

    /// Each row's logits over the vocabulary.
    ///
    /// # Errors
    /// [`Halt::Device`], where there is one.
    pub fn logits(&self, hidden: &[f32], sums: Sums) -> Result<Vec<Vec<f32>>, Halt> {
        let (mut normed, mut product) = (Vec::new(), Vec::new());
        let product = self.output.forward(self.norm.forward(hidden, &mut normed), sums, &mut product)?;
        let mut lines = vec![vec![0f32; self.vocabulary]; hidden.len() / self.config.width];
        parallel::chunks(&mut lines, LINES_A_TASK, |task, chunk| {
            for (at, line) in chunk.iter_mut().enumerate() {
                for (part, out) in line.chunks_mut(PART).enumerate() {
                    self.output.part(&product, part).copy(task * LINES_A_TASK + at, 0..out.len(), out);
                }
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
            let (mut found, mut first) = (Found::NOTHING, 0usize);
            for part in &parts {
                found.take(part, token.checked_sub(first));
                first += part.len();
            }
            let want = f64::from(line[token]) - simd::log_sum_exp(&line);
            prop_assert!((found.logit - found.total - want).abs() < 1e-5, "{} {want}", found.logit - found.total);
        }
    }

    #[test]
    fn what_is_no_number_makes_no_probability() {
        for parts in [[1.0, f32::NAN], [f32::NAN, 1.0], [1.0, f32::INFINITY], [f32::NEG_INFINITY, f32::NEG_INFINITY]] {
            let mut found = Found::NOTHING;
            for (at, logit) in parts.iter().enumerate() {
                found.take(&[*logit], 0usize.checked_sub(at));
            }
            assert!(
                (found.logit - found.total).is_nan() || found.logit - found.total == f64::NEG_INFINITY,
                "{parts:?}"
            );
        }
    }
}
