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

/// How a block is laid out: for each layer and key-value head first the keys, `[head_width][BLOCK]`, so that scores of
/// neighbouring positions are neighbours, then the values, `[BLOCK][padded]`.
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

    /// Numbers in one block.
    pub(super) fn block_size(&self) -> usize {
        self.layers * self.kv_heads * self.head_size()
    }

    fn head(&self, layer: usize, kv_head: usize) -> usize {
        (layer * self.kv_heads + kv_head) * self.head_size()
    }

    /// Keys `[head_width][BLOCK]` of a block.
    pub(super) fn keys<'a>(&self, block: &'a [f32], layer: usize, kv_head: usize) -> &'a [f32] {
        let start = self.head(layer, kv_head);
        &block[start..start + BLOCK * self.head_width]
    }

    /// Values `[BLOCK][padded]` of a block.
    pub(super) fn values<'a>(&self, block: &'a [f32], layer: usize, kv_head: usize) -> &'a [f32] {
        let start = self.head(layer, kv_head) + BLOCK * self.head_width;
        &block[start..start + BLOCK * self.padded]
    }

    /// Writes one position's key and value of one head.
    pub(super) fn write(&self, block: &mut [f32], at: (usize, usize), slot: usize, key: &[f32], value: &[f32]) {
        let start = self.head(at.0, at.1);
        let (keys, values) = block[start..start + self.head_size()].split_at_mut(BLOCK * self.head_width);
        for (lane, key) in keys.chunks_exact_mut(BLOCK).zip(key) {
            lane[slot] = *key;
        }
        values[slot * self.padded..][..value.len()].copy_from_slice(value);
    }
}

/// Evaluated tokens.
#[derive(Clone, Default)]
pub struct Sequence {
    pub(super) tokens: Vec<u32>,
    pub(super) blocks: Vec<Arc<Vec<f32>>>,
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
    free: Vec<Vec<f32>>,
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
        self.live * self.layout.block_size() * size_of::<f32>()
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

    fn own(&mut self, block: &mut Arc<Vec<f32>>) -> Result<(), Halt> {
        if Arc::get_mut(block).is_none() {
            let mut copy = self.take()?;
            copy.copy_from_slice(block);
            *block = Arc::new(copy);
        }
        Ok(())
    }

    fn take(&mut self) -> Result<Vec<f32>, Halt> {
        let size = self.layout.block_size();
        let block = match self.free.pop() {
            Some(mut block) => {
                block.fill(0.0);
                block
            }
            None => {
                let mut block = Vec::new();
                block.try_reserve_exact(size).map_err(|_| self.no_memory())?;
                block.resize(size, 0.0);
                block
            }
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
        let keep = bytes / (self.layout.block_size() * size_of::<f32>()).max(1);
        self.free.truncate(keep.saturating_sub(self.live));
    }
}
