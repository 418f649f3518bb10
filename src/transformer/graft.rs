//! The end of one sequence behind the beginning of another.

use std::ops::Range;
use std::sync::Arc;

use super::cache::{BLOCK, Pool, Sequence};
use super::error::Halt;
use super::network::Network;
use super::parallel;

impl Network {
    /// Appends tokens of another sequence with the keys and values that they have there, turned to the positions that they get
    /// here. Nothing is computed, so what they saw is what stood before them there: an approximation.
    ///
    /// # Errors
    /// [`Halt::NoMemory`].
    pub fn graft(
        &self,
        pool: &mut Pool,
        sequence: &mut Sequence,
        from: &Sequence,
        tokens: Range<usize>,
    ) -> Result<(), Halt> {
        let start = sequence.tokens.len();
        pool.extend(sequence, &from.tokens[tokens.clone()])?;
        let by = start as f32 - tokens.start as f32;
        let rotation = self.rotary.at(std::iter::once(by));
        let blocks = sequence.blocks[start / BLOCK..].iter_mut().enumerate().collect();
        parallel::items(blocks, |(at, block)| {
            // All of them were made the sequence's own when it was extended.
            let Some(block) = Arc::get_mut(block) else { return };
            let first = (start / BLOCK + at) * BLOCK;
            for position in first.max(start)..(first + BLOCK).min(start + tokens.len()) {
                let there = tokens.start + position - start;
                let from = (&*from.blocks[there / BLOCK], there % BLOCK);
                self.layout.carry(from, block, position % BLOCK, |key| rotation.turn(key, 0));
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::file::GgufFile;
    use crate::matmul::Sums;
    use crate::network::Rows;

    static GOING: AtomicBool = AtomicBool::new(false);

    fn network(name: &str) -> Network {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/gguf");
        Network::load(&GgufFile::open(&folder.join(name).with_extension("gguf")).unwrap()).unwrap()
    }

    fn text(length: usize, seed: usize) -> Vec<u32> {
        (0..length).map(|at| (at * at * (seed + 3) * 31 % 199) as u32).collect()
    }

    /// Computes these positions and returns their residual stream.
    fn compute(network: &Network, sequence: &mut Sequence, positions: impl Iterator<Item = usize>) -> Vec<f32> {
        let positions: Vec<usize> = positions.collect();
        let rows = Rows { sequence: 0, read: positions.len(), positions };
        network.forward(std::slice::from_mut(sequence), &[rows], Sums::Alike, &GOING).unwrap()
    }

    fn evaluated(network: &Network, pool: &mut Pool, text: &[u32]) -> (Sequence, Vec<f32>) {
        let mut sequence = Sequence::default();
        pool.extend(&mut sequence, text).unwrap();
        let hidden = compute(network, &mut sequence, 0..text.len());
        (sequence, hidden)
    }

    #[test]
    fn an_end_that_is_computed_again_is_what_it_is_without_a_graft() {
        for network in ["llama-q4_k_m", "qwen2-f16", "qwen3-q8_0"].map(network) {
            let mut pool = Pool::new(&network);
            let (beginning, other, end) = (text(21, 1), text(9, 2), text(30, 3));
            let (whole, want) = evaluated(&network, &mut pool, &[&beginning[..], &end].concat());
            let (from, _) = evaluated(&network, &mut pool, &[&other[..], &end].concat());
            let (mut sequence, _) = evaluated(&network, &mut pool, &beginning);
            network.graft(&mut pool, &mut sequence, &from, 9..39).unwrap();
            assert_eq!(sequence.tokens(), whole.tokens());

            // The first layer's keys and values hang on their token and position alone.
            let read = |sequence: &Sequence, block: usize| {
                let layout = network.layout;
                let (mut keys, mut values) = (vec![0f32; BLOCK * layout.head_width], vec![0f32; BLOCK * layout.padded]);
                layout.held(&sequence.blocks[block], (0, 0)).read(&mut keys, &mut values);
                (keys, values)
            };
            for block in 0..4 {
                let ((keys, values), (want_keys, want_values)) = (read(&sequence, block), read(&whole, block));
                assert!(keys.iter().zip(&want_keys).all(|(key, want)| (key - want).abs() < 0.002 * (1.0 + want.abs())));
                assert!(values.iter().zip(&want_values).all(|(value, want)| (value - want).abs() < 1e-4));
            }

            let width = network.config.width;
            assert_eq!(compute(&network, &mut sequence, 21..51), want[21 * width..]);
            // Some of them once more, out of the middle: nothing around them changes.
            let some = [22, 30, 31, 47];
            let want: Vec<f32> = some.iter().flat_map(|at| &want[at * width..][..width]).copied().collect();
            assert_eq!(compute(&network, &mut sequence, some.into_iter()), want);
        }
    }

    #[test]
    fn rows_that_others_hold_stay_and_those_behind_them_are_computed() {
        let network = network("llama-q4_k_m");
        let mut pool = Pool::new(&network);
        let text = text(BLOCK + 3, 1);
        let (whole, want) = evaluated(&network, &mut pool, &text);
        let mut sequence = whole.fork(BLOCK);
        pool.extend(&mut sequence, &text[BLOCK..]).unwrap();
        let width = network.config.width;
        assert_eq!(compute(&network, &mut sequence, BLOCK - 1..text.len()), want[(BLOCK - 1) * width..]);
    }

    #[test]
    fn a_graft_behind_what_it_stood_behind_changes_nothing() {
        let network = network("llama-q4_k_m");
        let mut pool = Pool::new(&network);
        let (from, want) = evaluated(&network, &mut pool, &text(40, 1));
        let mut sequence = from.fork(18);
        network.graft(&mut pool, &mut sequence, &from, 18..39).unwrap();
        pool.extend(&mut sequence, &from.tokens()[39..]).unwrap();
        let last = compute(&network, &mut sequence, 39..40);
        let want = &want[39 * network.config.width..];
        let largest = want.iter().fold(0f32, |largest, number| largest.max(number.abs()));
        assert!(last.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-3 * largest), "{last:?} {want:?}");
    }
}
