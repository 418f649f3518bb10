//! A prefix cache: which beginnings of token sequences were computed before.

use std::collections::HashSet;
use std::sync::Mutex;

use super::random::mix;

/// Beginnings kept before everything is forgotten.
const MOST: usize = 1 << 20;

/// Every beginning of every sequence that was put in, by its hash.
#[derive(Debug, Default)]
pub struct PrefixCache(Mutex<HashSet<u64>>);

impl PrefixCache {
    /// Tokens of `ids` that are there, at most `most`; all of `ids` are there afterwards.
    pub fn reuse(&self, ids: &[u32], most: usize) -> usize {
        let mut known = self.0.lock().unwrap();
        let (mut hash, mut hits, mut going) = (1, 0, true);
        for id in ids {
            hash = mix(hash, u64::from(*id));
            going &= !known.insert(hash);
            hits += usize::from(going);
        }
        if known.len() > MOST {
            known.clear();
        }
        hits.min(most)
    }

    pub fn flush(&self) {
        self.0.lock().unwrap().clear();
    }
}
