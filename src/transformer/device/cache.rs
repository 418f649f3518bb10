//! Keys and values of evaluated tokens on the device, which forks share.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{Error, Tensor};

use super::network::Network;
use crate::cache::common_prefix;
use crate::error::Halt;

/// Evaluated tokens.
#[derive(Clone, Default)]
pub struct Sequence {
    pub(super) tokens: Vec<u32>,
    /// How many of them have keys and values.
    computed: usize,
    /// Of these tokens, and perhaps of more behind them that only others still have; none before the first pass.
    held: Option<Arc<Layers>>,
}

/// Keys and values of one layer, `[kv_heads][positions][head_width]` each.
pub(super) struct Held {
    pub(super) keys: Tensor,
    pub(super) values: Tensor,
}

impl Held {
    /// Of the first positions.
    pub(super) fn first(&self, positions: usize) -> Result<Held, Error> {
        let first = |tensor: &Tensor| tensor.narrow(1, 0, positions);
        Ok(Held { keys: first(&self.keys)?, values: first(&self.values)? })
    }

    /// With new positions behind them.
    fn followed_by(&self, new: Held) -> Result<Held, Error> {
        let join = |old: &Tensor, new: Tensor| Tensor::cat(&[old.clone(), new], 1)?.contiguous();
        Ok(Held { keys: join(&self.keys, new.keys)?, values: join(&self.values, new.values)? })
    }
}

/// Those of all layers.
struct Layers {
    layers: Vec<Held>,
    bytes: usize,
    /// Bytes that the model's sequences hold together.
    live: Arc<AtomicUsize>,
}

impl Drop for Layers {
    fn drop(&mut self) {
        self.live.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Sequence {
    /// The tokens, in order.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// The first `length` tokens, sharing their keys and values.
    pub fn fork(&self, length: usize) -> Sequence {
        let length = length.min(self.tokens.len());
        let computed = self.computed.min(length);
        Sequence { tokens: self.tokens[..length].to_vec(), computed, held: self.held.clone() }
    }

    /// How many of the first tokens are also `tokens`' first.
    pub fn shared(&self, tokens: &[u32]) -> usize {
        common_prefix(&self.tokens, tokens)
    }

    /// A layer's keys and values with new ones at these positions, rising: behind those that are there, or in their place.
    pub(super) fn with(&self, layer: usize, positions: &[usize], new: Held) -> Result<Held, Error> {
        let before = self.computed;
        let Some(held) = self.held.as_ref().filter(|_| before > 0) else {
            return Ok(Held { keys: new.keys.contiguous()?, values: new.values.contiguous()? });
        };
        let joined = held.layers[layer].first(before)?.followed_by(new)?;
        if positions.first() == Some(&before) {
            return Ok(joined);
        }
        let all = before.max(positions.last().map_or(0, |last| last + 1));
        let mut from: Vec<u32> = (0..all as u32).collect();
        for (at, position) in positions.iter().enumerate() {
            from[*position] = (before + at) as u32;
        }
        let from = Tensor::new(from, joined.keys.device())?;
        Ok(Held { keys: joined.keys.index_select(&from, 1)?, values: joined.values.index_select(&from, 1)? })
    }

    /// A layer's keys and values of some of its tokens.
    pub(super) fn held(&self, layer: usize, tokens: Range<usize>) -> Result<Option<Held>, Error> {
        let Some(held) = &self.held else { return Ok(None) };
        let part = |tensor: &Tensor| tensor.narrow(1, tokens.start, tokens.len());
        let Held { keys, values } = &held.layers[layer];
        Ok(Some(Held { keys: part(keys)?, values: part(values)? }))
    }

    /// Takes the keys and values of all layers, in place of those before.
    pub(super) fn hold(&mut self, layers: Vec<Held>, live: &Arc<AtomicUsize>) {
        let numbers: usize = layers.iter().map(|held| held.keys.elem_count() + held.values.elem_count()).sum();
        let bytes = numbers * size_of::<f32>();
        self.computed = layers.first().map_or(0, |held| held.keys.dims()[1]);
        live.fetch_add(bytes, Ordering::Relaxed);
        self.held = Some(Arc::new(Layers { layers, bytes, live: live.clone() }));
    }
}

/// Counts what sequences hold, where the processor's cache hands out its blocks: the device's memory is the library's affair.
pub struct Pool {
    live: Arc<AtomicUsize>,
}

impl Pool {
    /// For the sequences of one network.
    pub fn new(network: &Network) -> Pool {
        Pool { live: network.live.clone() }
    }

    /// Bytes of the keys and values in use.
    pub fn live_bytes(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// Appends tokens, whose keys and values the next pass computes.
    ///
    /// # Errors
    /// None here: a device that is full says so in the pass.
    pub fn extend(&mut self, sequence: &mut Sequence, tokens: &[u32]) -> Result<(), Halt> {
        sequence.tokens.extend_from_slice(tokens);
        Ok(())
    }

    /// Takes a sequence back; its keys and values are free when no fork has them any more.
    pub fn release(&mut self, sequence: Sequence) {
        drop(sequence);
    }

    /// Nothing is kept that could be given back.
    pub fn trim(&mut self, _bytes: usize) {}
}
