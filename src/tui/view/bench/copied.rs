//! What the trajectory copies from the reference, found once for each version that is shown.

use std::ops::Range;

use crate::app::bench::Bench;
use crate::reer::LeakProbe;
use crate::reer::search::NodeId;
use crate::tui::theme::Role;

/// Longer references are not searched for copied runs between two frames, nor such whose bytes times those of the
/// trajectory, which the time grows with, are more; their leak measures stand all the same.
const MOST_BYTES: usize = 100_000;
const MOST_PAIRS: usize = 200_000_000;

type Spans = Vec<(Range<usize>, Role)>;

/// The copied runs of the version that was drawn last.
#[derive(Debug, Default)]
pub struct CopiedRuns {
    of: Option<(String, NodeId)>,
    probe: Option<(String, LeakProbe)>,
    reference: Spans,
    /// By segment, in order.
    trajectory: Vec<Spans>,
}

impl CopiedRuns {
    /// Brings them up to date with the version under the cursor.
    pub fn fit(&mut self, bench: &Bench) {
        let Some(node) = bench.node().filter(|_| bench.leaks) else { return self.clear() };
        let Some(z) = bench.search().and_then(|search| search.tree().trajectory(node)) else { return self.clear() };
        if self.of.as_ref().is_some_and(|(key, of)| *key == bench.key && *of == node) {
            return;
        }
        self.clear();
        let text = z.text();
        let bytes = bench.reference().len();
        if bytes > MOST_BYTES || bytes * text.len() > MOST_PAIRS {
            return;
        }
        if self.probe.as_ref().is_none_or(|(key, _)| *key != bench.key) {
            self.probe = Some((bench.key.clone(), LeakProbe::new(bench.query(), bench.reference())));
        }
        let runs = self.probe.as_ref().map(|(_, probe)| probe.runs(&text)).unwrap_or_default();
        self.reference = merged(runs.iter().map(|(y, _)| y.clone()));
        let in_z = merged(runs.into_iter().map(|(_, z)| z));
        let mut start = 0;
        for segment in &z.segments {
            let end = start + segment.text.trim().len();
            let cut = |(span, role): &(Range<usize>, Role)| {
                let (from, to) = (span.start.max(start), span.end.min(end));
                (from < to).then(|| (from - start..to - start, *role))
            };
            self.trajectory.push(in_z.iter().filter_map(cut).collect());
            // Segments are joined by a blank line.
            start = end + 2;
        }
        self.of = Some((bench.key.clone(), node));
    }

    fn clear(&mut self) {
        self.of = None;
        self.reference.clear();
        self.trajectory.clear();
    }

    /// Bytes of the reference.
    pub fn in_reference(&self) -> &[(Range<usize>, Role)] {
        &self.reference
    }

    /// Bytes of the segment at this place.
    pub fn in_segment(&self, at: usize) -> &[(Range<usize>, Role)] {
        self.trajectory.get(at).map_or(&[], Vec::as_slice)
    }
}

fn merged(ranges: impl Iterator<Item = Range<usize>>) -> Spans {
    let mut ranges: Vec<Range<usize>> = ranges.filter(|range| !range.is_empty()).collect();
    ranges.sort_by_key(|range| range.start);
    let mut out: Spans = Vec::new();
    for range in ranges {
        match out.last_mut() {
            Some((last, _)) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => out.push((range, Role::Leak)),
        }
    }
    out
}
