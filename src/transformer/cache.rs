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

/// The largest of the whole numbers that a key or value is stored as: small enough that sums of products fit 32 bits
/// ([`super::attend_integers`]).
pub(super) const LARGEST: f32 = 16_383.0;

/// Two numbers of each of sixteen, as products in integers take them. One that lies across two lines of the processor's cache
/// would take twice as long to load.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(align(64))]
pub(super) struct Line(pub(super) [[i16; 2]; BLOCK]);

/// Keys and values of [`BLOCK`] positions: whole numbers of 16 bits, with one scale for each key and value of a head. That
/// takes the memory of half precision and is off by no more than 1 in 32,000 of the largest number beside it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Block {
    /// For each layer and key-value head first the keys, `[head_width / 2]`, two neighbouring numbers of each position, then
    /// the values, `[BLOCK / 2][padded / BLOCK]`, each number of two neighbouring positions.
    lines: Vec<Line>,
    /// For each layer and key-value head those of the keys, then those of the values.
    scales: Vec<[f32; BLOCK]>,
}

/// What a block holds of one head.
#[derive(Clone, Copy)]
pub(super) struct Held<'a> {
    /// `[head_width / 2]`, two neighbouring numbers of each position.
    pub(super) keys: &'a [Line],
    pub(super) key_scales: &'a [f32; BLOCK],
    /// `[BLOCK / 2][padded / BLOCK]`, each number of two neighbouring positions.
    pub(super) values: &'a [Line],
    pub(super) value_scales: &'a [f32; BLOCK],
}

/// The sizes of a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub(super) kv_heads: usize,
    pub(super) layers: usize,
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

    /// Lines of a head's keys.
    fn of_keys(&self) -> usize {
        self.head_width.div_ceil(2)
    }

    /// Lines of two positions' values.
    fn of_values(&self) -> usize {
        self.padded / BLOCK
    }

    /// Lines of a head.
    fn of_head(&self) -> usize {
        self.of_keys() + BLOCK / 2 * self.of_values()
    }

    fn heads(&self) -> usize {
        self.layers * self.kv_heads
    }

    /// Bytes of one block.
    fn bytes(&self) -> usize {
        self.heads() * (self.of_head() * size_of::<Line>() + 2 * size_of::<[f32; BLOCK]>())
    }

    /// A block of zeros; nothing where there is no memory for it.
    pub(super) fn zeros(&self) -> Option<Block> {
        fn filled<T: Copy>(length: usize, zero: T) -> Option<Vec<T>> {
            let mut zeros = Vec::new();
            zeros.try_reserve_exact(length).ok()?;
            zeros.resize(length, zero);
            Some(zeros)
        }
        let lines = filled(self.heads() * self.of_head(), Line([[0; 2]; BLOCK]))?;
        Some(Block { lines, scales: filled(self.heads() * 2, [0.0; BLOCK])? })
    }

    /// What a block holds of a head.
    #[inline(always)]
    pub(super) fn held<'a>(&self, block: &'a Block, (layer, kv_head): (usize, usize)) -> Held<'a> {
        self.held_of(block, layer * self.kv_heads + kv_head)
    }

    #[inline(always)]
    fn held_of<'a>(&self, block: &'a Block, head: usize) -> Held<'a> {
        let (keys, values) = block.lines[head * self.of_head()..][..self.of_head()].split_at(self.of_keys());
        Held { keys, values, key_scales: &block.scales[head * 2], value_scales: &block.scales[head * 2 + 1] }
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
        let (keys, values) = block.lines[head * self.of_head()..][..self.of_head()].split_at_mut(self.of_keys());
        block.scales[head * 2][slot] = whole(key, keys.iter_mut().flat_map(|line| &mut line.0[slot]));
        let values = values[slot / 2 * self.of_values()..].iter_mut().flat_map(|line| &mut line.0);
        block.scales[head * 2 + 1][slot] = whole(value, values.map(|two| &mut two[slot % 2]));
    }
}

impl Held<'_> {
    /// Reads the keys, `[head_width][BLOCK]`, and values, `[BLOCK][padded]`.
    #[inline(always)]
    pub(super) fn read(&self, keys: &mut [f32], values: &mut [f32]) {
        for (out, line) in keys.as_chunks_mut::<BLOCK>().0.chunks_mut(2).zip(self.keys) {
            for (at, out) in out.iter_mut().enumerate() {
                *out = scaled(line, at, *self.key_scales);
            }
        }
        let padded = values.len() / BLOCK;
        let two = values.chunks_exact_mut(2 * padded).zip(self.values.chunks_exact(padded / BLOCK));
        for ((out, lines), scales) in two.zip(self.value_scales.as_chunks::<2>().0) {
            for ((at, out), scale) in out.chunks_exact_mut(padded).enumerate().zip(scales) {
                for (out, line) in out.as_chunks_mut::<BLOCK>().0.iter_mut().zip(lines) {
                    *out = scaled(line, at, [*scale; BLOCK]);
                }
            }
        }
    }
}

/// The first or second of each two numbers times their scales: of values, not of references that the compiler must suppose to
/// overlap, so that it makes vectors of them.
#[inline(always)]
fn scaled(line: &Line, which: usize, scales: [f32; BLOCK]) -> [f32; BLOCK] {
    let mut out = [0f32; BLOCK];
    for at in 0..BLOCK {
        out[at] = f32::from(line.0[at][which]) * scales[at];
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
            let held = self.held_of(from, head);
            let (keys, values) = to.lines[head * self.of_head()..][..self.of_head()].split_at_mut(self.of_keys());
            for (key, number) in key.iter_mut().zip(held.keys.iter().flat_map(|line| &line.0[slot])) {
                *key = f32::from(*number) * held.key_scales[slot];
            }
            turn(&mut key);
            to.scales[head * 2][to_slot] = whole(&key, keys.iter_mut().flat_map(|line| &mut line.0[to_slot]));
            let values = values[to_slot / 2 * self.of_values()..][..self.of_values()].iter_mut();
            for (to, from) in values.zip(&held.values[slot / 2 * self.of_values()..]) {
                for (to, from) in to.0.iter_mut().zip(&from.0) {
                    to[to_slot % 2] = from[slot % 2];
                }
            }
            to.scales[head * 2 + 1][to_slot] = held.value_scales[slot];
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
                block.scales.fill([0.0; BLOCK]);
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
        LAYOUT.held(block, head).read(&mut keys, &mut values);
        (keys, values)
    }

    proptest! {
        /// Each number is off by less than 1 in 32,000 of the largest of its own key or value, whatever stands beside it: by half
        /// a whole number of 16,383, and by a hundredth of one that the arithmetic in f32 loses.
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
                got.iter().zip(want).all(|(got, want)| (got - want).abs() <= largest / 32_000.0)
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
