//! Keys and values of evaluated tokens on the device, which forks share.

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
        Sequence { tokens: self.tokens[..length.min(self.tokens.len())].to_vec(), held: self.held.clone() }
    }

    /// How many of the first tokens are also `tokens`' first.
    pub fn shared(&self, tokens: &[u32]) -> usize {
        common_prefix(&self.tokens, tokens)
    }

    /// A layer's keys and values of the first `start` positions with new ones behind them.
    pub(super) fn followed_by(&self, layer: usize, start: usize, new: Held) -> Result<Held, Error> {
        match self.held.as_ref().filter(|_| start > 0) {
            Some(held) => held.layers[layer].first(start)?.followed_by(new),
            None => Ok(Held { keys: new.keys.contiguous()?, values: new.values.contiguous()? }),
        }
    }

    /// Takes the keys and values of all layers, in place of those before.
    pub(super) fn hold(&mut self, layers: Vec<Held>, live: &Arc<AtomicUsize>) {
        let numbers: usize = layers.iter().map(|held| held.keys.elem_count() + held.values.elem_count()).sum();
        let bytes = numbers * size_of::<f32>();
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
