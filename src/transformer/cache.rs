//! Keys and values of evaluated tokens, in blocks that sequences share.
//!
//! A sequence holds its tokens and the blocks of their keys and values. A fork shares the blocks of its parent;
//! a block that more than one sequence holds is copied before it is written.

use std::sync::Arc;

use super::config::Config;
use super::error::Halt;
use super::network::Network;

/// Positions in one block.
pub(super) const BLOCK: usize = 16;

/// The largest of the numbers that a key or value is stored as.
const LARGEST: f32 = 32_767.0;

/// Keys and values of [`BLOCK`] positions: whole numbers of 16 bits, with one scale for each key and value of a head. That
/// takes the memory of half precision and is off by no more than 1 in 64,000 of the largest number beside it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Block {
    /// For each layer and key-value head first the keys, `[head_width][BLOCK]`, so that scores of neighbouring positions
    /// are neighbours, then the values, `[BLOCK][padded]`.
    numbers: Vec<i16>,
    /// For each layer and key-value head those of the keys, `[BLOCK]`, then those of the values, `[BLOCK]`.
    scales: Vec<f32>,
}

/// The sizes of a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    kv_heads: usize,
    layers: usize,
    pub(super) head_width: usize,
    /// The head's width rounded up to whole vectors.
    pub(super) padded: usize,
}

impl Layout {
    pub(super) fn new(config: &Config) -> Layout {
        Layout {
            kv_heads: config.kv_heads,
            layers: config.layers,
            head_width: config.head_width,
            padded: config.head_width.next_multiple_of(BLOCK),
        }
    }

    fn head_size(&self) -> usize {
        BLOCK * (self.head_width + self.padded)
    }

    fn heads(&self) -> usize {
        self.layers * self.kv_heads
    }

    /// Bytes of one block.
    fn bytes(&self) -> usize {
        self.heads() * (self.head_size() * size_of::<i16>() + 2 * BLOCK * size_of::<f32>())
    }

    /// A block of zeros; nothing where there is no memory for it.
    fn zeros(&self) -> Option<Block> {
        fn zeros<T: Copy + Default>(length: usize) -> Option<Vec<T>> {
            let mut zeros = Vec::new();
            zeros.try_reserve_exact(length).ok()?;
            zeros.resize(length, T::default());
            Some(zeros)
        }
        Some(Block { numbers: zeros(self.heads() * self.head_size())?, scales: zeros(self.heads() * 2 * BLOCK)? })
    }

    /// Writes one position's key and value of one head.
    pub(super) fn write(
        &self,
        block: &mut Block,
        (layer, kv_head): (usize, usize),
        slot: usize,
        key: &[f32],
        value: &[f32],
    ) {
        let head = layer * self.kv_heads + kv_head;
        let numbers = &mut block.numbers[head * self.head_size()..][..self.head_size()];
        let (keys, values) = numbers.split_at_mut(BLOCK * self.head_width);
        let scales = &mut block.scales[head * 2 * BLOCK..][..2 * BLOCK];
        scales[slot] = whole(key, keys.iter_mut().skip(slot).step_by(BLOCK));
        scales[BLOCK + slot] = whole(value, values[slot * self.padded..].iter_mut());
    }

    /// Reads one head's keys, `[head_width][BLOCK]`, and values, `[BLOCK][padded]`.
    #[inline(always)]
    pub(super) fn read(&self, block: &Block, (layer, kv_head): (usize, usize), keys: &mut [f32], values: &mut [f32]) {
        let head = layer * self.kv_heads + kv_head;
        let numbers = &block.numbers[head * self.head_size()..][..self.head_size()];
        let (key_numbers, value_numbers) = numbers.split_at(BLOCK * self.head_width);
        let scales = block.scales[head * 2 * BLOCK..][..2 * BLOCK].as_chunks::<BLOCK>().0;
        for (out, numbers) in keys.as_chunks_mut::<BLOCK>().0.iter_mut().zip(key_numbers.as_chunks::<BLOCK>().0) {
            *out = scaled(*numbers, scales[0]);
        }
        let values = values.chunks_exact_mut(self.padded).zip(value_numbers.chunks_exact(self.padded));
        for ((out, numbers), scale) in values.zip(scales[1]) {
            for (out, numbers) in out.as_chunks_mut::<BLOCK>().0.iter_mut().zip(numbers.as_chunks::<BLOCK>().0) {
                *out = scaled(*numbers, [scale; BLOCK]);
            }
        }
    }
}

/// Whole numbers times their scales: of values, not of references that the compiler must suppose to overlap, so that it makes
/// vectors of them.
#[inline(always)]
fn scaled(numbers: [i16; BLOCK], scales: [f32; BLOCK]) -> [f32; BLOCK] {
    let mut out = [0f32; BLOCK];
    for at in 0..BLOCK {
        out[at] = f32::from(numbers[at]) * scales[at];
    }
    out
}

/// A position of a block that others may hold.
pub(super) type Slot<'a> = (&'a Block, usize);

impl Layout {
    /// Copies one position's keys and values of all heads, the keys through `turn`.
    pub(super) fn carry(&self, (from, slot): Slot<'_>, to: &mut Block, to_slot: usize, turn: impl Fn(&mut [f32])) {
        let mut key = vec![0f32; self.head_width];
        for head in 0..self.heads() {
            let (size, of_scales) = (self.head_size(), head * 2 * BLOCK);
            let numbers = &from.numbers[head * size..][..size];
            let (keys, values) = to.numbers[head * size..][..size].split_at_mut(BLOCK * self.head_width);
            for (key, number) in key.iter_mut().zip(numbers[slot..].iter().step_by(BLOCK)) {
                *key = f32::from(*number) * from.scales[of_scales + slot];
            }
            turn(&mut key);
            to.scales[of_scales + to_slot] = whole(&key, keys.iter_mut().skip(to_slot).step_by(BLOCK));
            let value = &numbers[BLOCK * self.head_width + slot * self.padded..][..self.padded];
            values[to_slot * self.padded..][..self.padded].copy_from_slice(value);
            to.scales[of_scales + BLOCK + to_slot] = from.scales[of_scales + BLOCK + slot];
        }
    }
}

/// Writes numbers as whole ones and returns their scale: not a number where one of them is none or has no bound.
fn whole<'a>(numbers: &[f32], out: impl Iterator<Item = &'a mut i16>) -> f32 {
    let largest = numbers.iter().fold(0f32, |largest, number| largest.max(number.abs()));
    if !numbers.iter().all(|number| number.is_finite()) {
        return f32::NAN;
    }
    let per = LARGEST / largest;
    for (out, number) in out.zip(numbers) {
        let number = number * per;
        *out = (number + 0.5f32.copysign(number)) as i16;
    }
    largest / LARGEST
}

/// Evaluated tokens.
#[derive(Clone, Default)]
pub struct Sequence {
    pub(super) tokens: Vec<u32>,
    pub(super) blocks: Vec<Arc<Block>>,
}

impl Sequence {
    /// The tokens, in order.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// The first `length` tokens, sharing their blocks.
    pub fn fork(&self, length: usize) -> Sequence {
        let length = length.min(self.tokens.len());
        Sequence { tokens: self.tokens[..length].to_vec(), blocks: self.blocks[..length.div_ceil(BLOCK)].to_vec() }
    }

    /// How many of the first tokens are also `tokens`' first.
    pub fn shared(&self, tokens: &[u32]) -> usize {
        common_prefix(&self.tokens, tokens)
    }
}

/// Length of the longest common prefix.
pub fn common_prefix(a: &[u32], b: &[u32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Hands out blocks and takes them back.
pub struct Pool {
    layout: Layout,
    free: Vec<Block>,
    /// Blocks handed out and not given back.
    live: usize,
}

impl Pool {
    /// For the sequences of one network.
    pub fn new(network: &Network) -> Pool {
        Pool { layout: network.layout, free: Vec::new(), live: 0 }
    }

    /// Bytes of the blocks in use.
    pub fn live_bytes(&self) -> usize {
        self.live * self.layout.bytes()
    }

    /// Makes room for `tokens` behind the sequence's and makes the blocks they fall into its own.
    ///
    /// # Errors
    /// [`Halt::NoMemory`] when there is no memory for another block.
    pub fn extend(&mut self, sequence: &mut Sequence, tokens: &[u32]) -> Result<(), Halt> {
        let start = sequence.tokens.len();
        if !start.is_multiple_of(BLOCK) {
            self.own(&mut sequence.blocks[start / BLOCK])?;
        }
        while sequence.blocks.len() * BLOCK < start + tokens.len() {
            let block = self.take()?;
            sequence.blocks.push(Arc::new(block));
        }
        sequence.tokens.extend_from_slice(tokens);
        Ok(())
    }

    fn own(&mut self, block: &mut Arc<Block>) -> Result<(), Halt> {
        if Arc::get_mut(block).is_none() {
            let mut copy = self.take()?;
            copy.clone_from(block);
            *block = Arc::new(copy);
        }
        Ok(())
    }

    fn take(&mut self) -> Result<Block, Halt> {
        let block = match self.free.pop() {
            Some(mut block) => {
                // Whatever the numbers are, without a scale they are zeros.
                block.scales.fill(0.0);
                block
            }
            None => self.layout.zeros().ok_or_else(|| self.no_memory())?,
        };
        self.live += 1;
        Ok(block)
    }

    fn no_memory(&self) -> Halt {
        Halt::NoMemory { used: (self.live_bytes() >> 20) as u64 }
    }

    /// Takes a sequence's blocks back, but those that others still hold.
    pub fn release(&mut self, sequence: Sequence) {
        for block in sequence.blocks {
            if let Ok(block) = Arc::try_unwrap(block) {
                self.live -= 1;
                self.free.push(block);
            }
        }
    }

    /// Gives unused blocks back to the system.
    pub fn trim(&mut self, bytes: usize) {
        let keep = bytes / self.layout.bytes().max(1);
        self.free.truncate(keep.saturating_sub(self.live));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LAYOUT: Layout = Layout { kv_heads: 2, layers: 3, head_width: 24, padded: 32 };

    fn read(block: &Block, head: (usize, usize)) -> (Vec<f32>, Vec<f32>) {
        let (mut keys, mut values) = (vec![f32::NAN; BLOCK * LAYOUT.head_width], vec![f32::NAN; BLOCK * LAYOUT.padded]);
        LAYOUT.read(block, head, &mut keys, &mut values);
        (keys, values)
    }

    proptest! {
        /// Each number is off by less than 1 in 64,000 of the largest of its own key or value, whatever stands beside it: by half
        /// a whole number of 32,767, and by a hundredth of one that the arithmetic in f32 loses.
        #[test]
        fn what_is_written_is_read(
            written in prop::collection::vec((0usize..3, 0usize..2, 0usize..BLOCK, -20f32..20.0, any::<u16>()), 1..40),
        ) {
            let mut block = LAYOUT.zeros().unwrap();
            let mut known = std::collections::BTreeMap::new();
            for (layer, kv_head, slot, power, seed) in written {
                let number = |at: usize| (f32::from(seed) + at as f32 * 0.7).sin() * power.exp();
                let key: Vec<f32> = (0..24).map(number).collect();
                let value: Vec<f32> = (24..48).map(number).collect();
                LAYOUT.write(&mut block, (layer, kv_head), slot, &key, &value);
                known.insert((layer, kv_head, slot), (key, value));
            }
            let close = |got: &[f32], want: &[f32]| {
                let largest = want.iter().fold(0f32, |largest, number| largest.max(number.abs()));
                got.iter().zip(want).all(|(got, want)| (got - want).abs() <= largest / 64_000.0)
            };
            for ((layer, kv_head, slot), (key, value)) in known {
                let (keys, values) = read(&block, (layer, kv_head));
                let got: Vec<f32> = keys.iter().skip(slot).step_by(BLOCK).copied().collect();
                prop_assert!(close(&got, &key), "{got:?} {key:?}");
                let (got, rest) = values[slot * LAYOUT.padded..][..LAYOUT.padded].split_at(24);
                prop_assert!(close(got, &value));
                prop_assert!(rest.iter().all(|number| *number == 0.0));
            }
        }
    }

    #[test]
    fn what_is_no_number_makes_none_and_zeros_stay() {
        let mut block = LAYOUT.zeros().unwrap();
        let (mut bad, zeros) = ([1.0; 24], [0.0; 24]);
        bad[5] = f32::INFINITY;
        LAYOUT.write(&mut block, (1, 1), 3, &bad, &zeros);
        let (keys, values) = read(&block, (1, 1));
        assert!(keys.iter().skip(3).step_by(BLOCK).all(|number| number.is_nan()));
        assert!(values.iter().all(|number| *number == 0.0));
        assert!(read(&block, (0, 0)).0.iter().all(|number| *number == 0.0));
    }
}
