//! The policies of a search as small values: in which order segments are visited, and what is taken.

use super::seed::{self, Purpose};
use super::{Config, NodeId, Order, Reason};
use crate::reer::SegmentId;

/// A scored version: objective in nats per token, then id (earlier wins a tie).
pub(super) type Rated = (f64, NodeId);

/// What is taken at a step.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Selection {
    /// Best first.
    pub frontier: Vec<NodeId>,
    pub chosen: Option<NodeId>,
    pub annealed: bool,
}

/// Chooses among the `frontier` (best first, not empty) and the `allowed` candidates.
pub(super) fn select(config: &Config, pair: &str, step: u32, frontier: &[Rated], allowed: &[Rated]) -> Selection {
    let mut pool = frontier.to_vec();
    let worst = frontier.last().map_or(f64::INFINITY, |m| m.0);
    let room = frontier.len() < config.beam as usize;
    pool.extend(allowed.iter().filter(|c| room || c.0 < worst - config.min_delta));
    pool.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    // The current version stays in front unless it is beaten by more than min-delta.
    let current = frontier[0];
    if pool[0].0 >= current.0 - config.min_delta {
        pool.retain(|member| member.1 != current.1);
        pool.insert(0, current);
    }
    pool.truncate(config.beam as usize);
    let mut selection =
        Selection { chosen: (pool[0].1 != current.1).then_some(pool[0].1), frontier: ids(&pool), annealed: false };
    if selection.chosen.is_none()
        && let Some(&best) = allowed.iter().min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
        && anneals(config, pair, step, best.0 - current.0)
    {
        selection.frontier.retain(|id| *id != best.1);
        selection.frontier.insert(0, best.1);
        selection.frontier.truncate(config.beam as usize);
        (selection.chosen, selection.annealed) = (Some(best.1), true);
    }
    selection
}

fn ids(rated: &[Rated]) -> Vec<NodeId> {
    rated.iter().map(|r| r.1).collect()
}

/// Metropolis acceptance at a temperature that falls linearly to 0 at the last step.
fn anneals(config: &Config, pair: &str, step: u32, rise: f64) -> bool {
    let Some(start) = config.anneal else { return false };
    let temperature = start * (1.0 - f64::from(step - 1) / f64::from(config.steps.max(1)));
    let chance = (-rise.max(0.0) / temperature.max(f64::MIN_POSITIVE)).exp();
    seed::unit(seed::derive(config.seed, pair, Purpose::Anneal, step, 0)) < chance
}

/// Why a candidate that passed the guards was not taken.
pub(super) fn reason(config: &Config, score: f64, current: f64) -> Reason {
    if score >= current {
        Reason::NotLower
    } else if score >= current - config.min_delta {
        Reason::WithinMinDelta
    } else {
        Reason::Outrun
    }
}

/// The order of a round. `segments` holds each segment in place with its importance (nll without it minus nll
/// with it), which only `weakest-first` needs.
pub(super) fn order(config: &Config, pair: &str, round: u32, segments: &[(SegmentId, f64)]) -> Vec<SegmentId> {
    let mut order: Vec<(SegmentId, f64)> = segments.to_vec();
    match config.order {
        Order::LeftToRight => {}
        Order::WeakestFirst => order.sort_by(|a, b| a.1.total_cmp(&b.1)),
        Order::Random => seed::shuffle(&mut order, seed::derive(config.seed, pair, Purpose::Order, round, 0)),
    }
    order.into_iter().map(|(id, _)| id).collect()
}

#[cfg(test)]
mod tests {
    use super::super::Preset;
    use super::*;

    fn config(change: impl FnOnce(&mut Config)) -> Config {
        let mut config = Config::preset(Preset::Retrace);
        change(&mut config);
        config
    }

    fn take(config: &Config, frontier: &[(f64, u32)], allowed: &[(f64, u32)]) -> (Vec<u32>, Option<u32>, bool) {
        let rated = |list: &[(f64, u32)]| list.iter().map(|(s, id)| (*s, NodeId(*id))).collect::<Vec<_>>();
        let s = select(config, "pair", 1, &rated(frontier), &rated(allowed));
        (s.frontier.iter().map(|n| n.0).collect(), s.chosen.map(|n| n.0), s.annealed)
    }

    #[test]
    fn greedy_takes_the_best_that_is_lower_by_more_than_min_delta() {
        let exact = config(|_| ());
        let wide = config(|c| c.min_delta = 0.5);
        assert_eq!(take(&exact, &[(3.0, 1)], &[(2.9, 2), (2.8, 3)]), (vec![3], Some(3), false));
        assert_eq!(take(&exact, &[(3.0, 1)], &[(3.0, 2)]), (vec![1], None, false), "a tie is no gain");
        assert_eq!(take(&wide, &[(3.0, 1)], &[(2.5, 2)]), (vec![1], None, false));
        assert_eq!(take(&wide, &[(3.0, 1)], &[(2.4, 2)]), (vec![2], Some(2), false));
        assert_eq!(take(&exact, &[(3.0, 1)], &[]), (vec![1], None, false));
    }

    #[test]
    fn a_beam_keeps_the_best_of_members_and_candidates() {
        let two = config(|c| c.beam = 2);
        assert_eq!(take(&two, &[(3.0, 1)], &[(3.2, 2)]), (vec![1, 2], None, false), "room is filled");
        assert_eq!(take(&two, &[(3.0, 1), (3.2, 2)], &[(3.1, 3), (3.3, 4)]), (vec![1, 3], None, false));
        assert_eq!(take(&two, &[(3.0, 1), (3.2, 2)], &[(2.0, 3), (2.5, 4)]), (vec![3, 4], Some(3), false));
    }

    #[test]
    fn annealing_takes_a_rise_while_hot_and_never_when_cold() {
        let hot = config(|c| c.anneal = Some(1e9));
        assert_eq!(take(&hot, &[(3.0, 1)], &[(3.5, 2)]), (vec![2], Some(2), true));
        let cold = config(|c| c.anneal = Some(1e-9));
        assert_eq!(take(&cold, &[(3.0, 1)], &[(3.5, 2)]), (vec![1], None, false));
        assert_eq!(take(&cold, &[(3.0, 1)], &[(2.5, 2)]), (vec![2], Some(2), false));
    }

    #[test]
    fn orders_visit_every_segment_once() {
        let segments = [(SegmentId(1), 0.3), (SegmentId(2), 0.1), (SegmentId(3), 0.1), (SegmentId(4), -0.2)];
        let visit = |order_kind, round| {
            let c = config(|c| c.order = order_kind);
            order(&c, "pair", round, &segments).into_iter().map(|s| s.0).collect::<Vec<_>>()
        };
        assert_eq!(visit(Order::LeftToRight, 1), [1, 2, 3, 4]);
        assert_eq!(visit(Order::WeakestFirst, 1), [4, 2, 3, 1], "ties by position");
        let mut random = visit(Order::Random, 1);
        assert_eq!(random, visit(Order::Random, 1));
        random.sort_unstable();
        assert_eq!(random, [1, 2, 3, 4]);
    }
}
