//! Answers that come in any order, taken in the order of asking: what is recorded of them does not hang on who was
//! fastest.

use std::collections::BTreeMap;

/// What came so far, by its place in the order of asking.
#[derive(Debug)]
pub(super) struct InOrder<T> {
    /// The place that is taken next.
    next: usize,
    waiting: BTreeMap<usize, T>,
}

impl<T> Default for InOrder<T> {
    fn default() -> InOrder<T> {
        InOrder { next: 0, waiting: BTreeMap::new() }
    }
}

impl<T> InOrder<T> {
    /// Keeps what came for a place; false, and nothing changes, when something had come for it before.
    pub fn put(&mut self, place: usize, item: T) -> bool {
        if place < self.next || self.waiting.contains_key(&place) {
            return false;
        }
        self.waiting.insert(place, item);
        true
    }

    /// Everything that is there, in order, whatever is still missing before it.
    pub fn rest(&mut self) -> impl Iterator<Item = T> {
        std::mem::take(&mut self.waiting).into_values()
    }

    /// The next one, once all before it were taken and it is there.
    pub fn take(&mut self) -> Option<T> {
        let item = self.waiting.remove(&self.next)?;
        self.next += 1;
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_the_order_of_arrival_it_is_taken_in_the_order_of_asking(
            arrivals in Just((0..9).collect::<Vec<usize>>()).prop_shuffle(),
        ) {
            let (mut answers, mut taken) = (InOrder::default(), Vec::new());
            for (at, place) in arrivals.iter().enumerate() {
                prop_assert!(answers.put(*place, *place));
                taken.extend(std::iter::from_fn(|| answers.take()));
                prop_assert!(!answers.put(*place, 99), "the second to come for a place is dropped");
                let whole = (0..9).take_while(|place| arrivals[..=at].contains(place)).count();
                prop_assert_eq!(&taken, &(0..whole).collect::<Vec<_>>(), "all that can be taken is");
            }
        }

        #[test]
        fn what_is_given_up_leaves_all_that_came_in_the_order_of_asking(
            arrivals in prop::sample::subsequence((0..9).collect::<Vec<usize>>(), 0..9).prop_shuffle(),
        ) {
            let mut answers = InOrder::default();
            arrivals.iter().for_each(|place| _ = answers.put(*place, *place));
            let taken: Vec<usize> = std::iter::from_fn(|| answers.take()).collect();
            let rest: Vec<usize> = answers.rest().collect();
            let mut all = arrivals.clone();
            all.sort_unstable();
            prop_assert_eq!([taken, rest].concat(), all);
        }
    }
}
