//! How values are spread: order statistics and a histogram.

use serde::Serialize;

/// A histogram with bins of equal width.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bins {
    pub from: f64,
    pub to: f64,
    pub counts: Vec<usize>,
}

/// Order statistics of finite values.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spread {
    pub n: usize,
    pub min: f64,
    pub p25: f64,
    pub median: f64,
    pub p75: f64,
    pub max: f64,
    pub mean: f64,
    pub bins: Bins,
}

const BINS: usize = 16;

impl Spread {
    /// The spread of `values`, binned over their own range; none for no values.
    pub fn of(values: &[f64]) -> Option<Spread> {
        Spread::over(values, range(&[values])?)
    }

    /// As [`Spread::of`] for several lists, all binned over the range of all, so that they can be compared.
    pub fn together<const N: usize>(lists: [&[f64]; N]) -> [Option<Spread>; N] {
        match range(&lists) {
            Some(range) => lists.map(|values| Spread::over(values, range)),
            None => lists.map(|_| None),
        }
    }

    fn over(values: &[f64], (from, to): (f64, f64)) -> Option<Spread> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let mut counts = vec![0; BINS];
        for value in &sorted {
            let place = (value - from) / (to - from) * BINS as f64;
            counts[(place as usize).min(BINS - 1)] += 1;
        }
        Some(Spread {
            n: sorted.len(),
            min,
            p25: quantile(&sorted, 0.25),
            median: quantile(&sorted, 0.5),
            p75: quantile(&sorted, 0.75),
            max,
            mean: sorted.iter().sum::<f64>() / sorted.len() as f64,
            bins: Bins { from, to, counts },
        })
    }
}

fn range(lists: &[&[f64]]) -> Option<(f64, f64)> {
    let values = || lists.iter().flat_map(|values| values.iter().copied());
    Some((values().min_by(f64::total_cmp)?, values().max_by(f64::total_cmp)?))
}

/// Linear interpolation between the two nearest ranks (type 7 of Hyndman and Fan 1996).
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    low + (high - low) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn quartiles_interpolate_between_ranks() {
        let spread = Spread::of(&[4.0, 1.0, 3.0, 2.0]).unwrap();
        assert_eq!((spread.p25, spread.median, spread.p75, spread.mean), (1.75, 2.5, 3.25, 2.5));
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn one_value_and_equal_values_fill_one_bin() {
        for values in [&[7.0][..], &[7.0, 7.0]] {
            let counts = Spread::of(values).unwrap().bins.counts;
            assert_eq!(counts.iter().filter(|count| **count > 0).count(), 1);
            assert_eq!(counts.iter().sum::<usize>(), values.len());
        }
    }

    #[test]
    fn lists_told_together_share_their_axis() {
        let [a, b, none] = Spread::together([&[1.0, 2.0], &[5.0], &[]]);
        let (a, b) = (a.unwrap().bins, b.unwrap().bins);
        assert_eq!(((a.from, a.to), (b.from, b.to)), ((1.0, 5.0), (1.0, 5.0)));
        assert_eq!(b.counts.last(), Some(&1));
        assert_eq!(none, None);
    }

    proptest! {
        #[test]
        fn order_holds_and_every_value_is_in_a_bin(values in prop::collection::vec(-1e6..1e6f64, 1..50)) {
            let s = Spread::of(&values).unwrap();
            prop_assert!(s.min <= s.p25 && s.p25 <= s.median && s.median <= s.p75 && s.p75 <= s.max);
            prop_assert_eq!(s.bins.counts.iter().sum::<usize>(), values.len());
        }
    }
}
