//! Text that is being generated, before it is a version.

use std::collections::BTreeMap;

use crate::engine::desk::Stream;

/// The texts in flight, by what they will become and by sample.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Streams {
    texts: BTreeMap<usize, String>,
    purpose: Option<Stream>,
    step: u32,
}

impl Streams {
    /// Adds a piece. What belongs to another step or purpose than the texts so far begins anew.
    pub fn add(&mut self, purpose: Stream, step: u32, sample: usize, piece: &str) {
        if (self.purpose, self.step) != (Some(purpose), step) {
            *self = Streams { texts: BTreeMap::new(), purpose: Some(purpose), step };
        }
        self.texts.entry(sample).or_default().push_str(piece);
    }

    /// The texts became versions, or will not.
    pub fn clear(&mut self) {
        *self = Streams::default();
    }

    /// The draft, while it comes in.
    pub fn draft(&self) -> Option<&str> {
        self.texts.values().next().filter(|_| self.purpose == Some(Stream::Draft)).map(String::as_str)
    }

    /// The rewrites, while they come in, by sample.
    pub fn candidates(&self) -> impl Iterator<Item = (usize, &str)> {
        let shown = self.purpose.is_some_and(|purpose| purpose != Stream::Draft);
        self.texts.iter().filter(move |_| shown).map(|(sample, text)| (*sample, text.as_str()))
    }
}
