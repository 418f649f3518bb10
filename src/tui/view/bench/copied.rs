//! What the trajectory copies from the reference, found once for each version that is shown.

use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;

use crate::app::bench::Bench;
use crate::reer::LeakProbe;
use crate::reer::search::NodeId;
use crate::tui::theme::Role;

/// Bytes of the reference times those of the trajectory, which the time grows with, up to which runs are found between
/// two frames: under a millisecond. Those of longer texts are found by a thread and shown when it is done.
const AT_ONCE: usize = 4_000_000;

type Spans = Vec<(Range<usize>, Role)>;

/// A session, by its key, and a version of it.
type Of = (String, NodeId);

/// What a search for runs gives: the probe for the next one, and the bytes of y and of z that are the same.
type Found = (Arc<LeakProbe>, Vec<(Range<usize>, Range<usize>)>);

/// The copied runs of the version that was drawn last.
#[derive(Default)]
pub struct CopiedRuns {
    of: Option<Of>,
    probe: Option<(String, Arc<LeakProbe>)>,
    /// Tells that a thread is done; without it, all runs are found between two frames.
    done: Option<Arc<dyn Fn() + Send + Sync>>,
    /// What a thread is looking for.
    pending: Option<(Of, Receiver<Found>)>,
    reference: Spans,
    /// By segment, in order.
    trajectory: Vec<Spans>,
}

impl CopiedRuns {
    /// Runs of long texts are found by threads, which call `done` when a frame can show them.
    pub fn aside(done: impl Fn() + Send + Sync + 'static) -> CopiedRuns {
        CopiedRuns { done: Some(Arc::new(done)), ..CopiedRuns::default() }
    }

    /// Brings them up to date with the version under the cursor, as far as they are found.
    pub fn fit(&mut self, bench: &Bench) {
        let Some(node) = bench.node().filter(|_| bench.leaks) else { return self.clear() };
        let Some(z) = bench.search().and_then(|search| search.tree().trajectory(node)) else { return self.clear() };
        let of = (bench.key.clone(), node);
        if self.of.as_ref() == Some(&of) {
            return;
        }
        self.clear();
        let Some(runs) = self.runs(&of, bench, z.text()) else { return };
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
        self.of = Some(of);
    }

    /// The runs, once they are found.
    fn runs(&mut self, of: &Of, bench: &Bench, text: String) -> Option<Vec<(Range<usize>, Range<usize>)>> {
        let told = self.pending.take_if(|(pending, _)| pending == of);
        if let Some((of, found)) = told {
            match found.try_recv() {
                Ok((probe, runs)) => {
                    self.probe = Some((of.0, probe));
                    return Some(runs);
                }
                Err(TryRecvError::Empty) => {
                    self.pending = Some((of, found));
                    return None;
                }
                // The thread could not be started or died: below, another is.
                Err(TryRecvError::Disconnected) => {}
            }
        }
        let known = self.probe.as_ref().filter(|(key, _)| *key == of.0).map(|(_, probe)| probe.clone());
        let at_once = bench.reference().len().saturating_mul(text.len()) <= AT_ONCE;
        match self.done.clone().filter(|_| !at_once) {
            None => {
                let probe = known.unwrap_or_else(|| Arc::new(LeakProbe::new(bench.query(), bench.reference())));
                let runs = probe.runs(&text);
                self.probe = Some((of.0.clone(), probe));
                Some(runs)
            }
            Some(done) => {
                let (query, reference) = (bench.query().to_owned(), bench.reference().to_owned());
                let (tell, found) = channel();
                self.pending = Some((of.clone(), found));
                thread::spawn(move || {
                    let probe = known.unwrap_or_else(|| Arc::new(LeakProbe::new(&query, &reference)));
                    let runs = probe.runs(&text);
                    // Another version is being looked at: nobody hears, and nothing is to be drawn.
                    if tell.send((probe, runs)).is_ok() {
                        done();
                    }
                });
                None
            }
        }
    }

    /// The longest stretch of a text that stands in the reference, where that is found at once.
    pub fn longest_in<'a>(&self, text: &'a str, bench: &Bench) -> Option<&'a str> {
        let (_, probe) = self.probe.as_ref().filter(|(key, _)| *key == bench.key)?;
        let at_once = bench.reference().len().saturating_mul(text.len()) <= AT_ONCE;
        let runs = if at_once { probe.runs(text) } else { Vec::new() };
        text.get(runs.into_iter().map(|(_, in_text)| in_text).max_by_key(ExactSizeIterator::len)?)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_that_lie_over_each_other_are_one() {
        let ranges = [4..9, 0..2, 8..12, 5..5];
        assert_eq!(merged(ranges.into_iter()), [(0..2, Role::Leak), (4..12, Role::Leak)]);
    }
}
