//! The chart under the panes: the timeline of the session as the chart widget wants it.

use ratatui::buffer::Buffer;

use super::super::super::theme::Theme;
use super::super::super::widgets::chart::{self, Candidate, Chart, Column, Kind, Shape, Unit};
use super::super::super::widgets::pane;
use super::super::{View, layout, status};
use super::frame::Frame;
use crate::app::App;
use crate::app::bench::{Bench, Happened, Moment, Shown, signed};
use crate::reer::Objective;
use crate::reer::search::{Decision, NodeId, Search};
use crate::session::Status;

impl View {
    pub(super) fn draw_chart(&mut self, buf: &mut Buffer, frame: Frame<'_>, app: &App, bench: &Bench, theme: &Theme) {
        let shown = app.memory.shown;
        let title = format!("{}{}", shown.title(), if app.memory.log_scale { " · log" } else { "" });
        let right = readout(bench, shown);
        let inner = frame.draw(buf, theme, (&title, &right));
        // Where the query's measures are out of sight, what the numbers are of stands here.
        if let Some(of) = status::stands_for(bench).filter(|_| layout::columns(buf.area.width) < 3) {
            pane::foot(buf, frame.area, theme, &of);
        }
        let Some(search) = bench.search().filter(|_| !bench.timeline.is_empty() && !inner.is_empty()) else {
            if !inner.is_empty() {
                super::empty(buf, inner, theme, &["The line begins with the first draft's score."]);
            }
            return;
        };
        let columns = columns(bench, search, shown);
        let unit = Unit { name: shown.name(), decimals: if shown == Shown::Perplexity { 1 } else { 3 } };
        let chart = Chart {
            columns: &columns,
            cursor: bench.cursor(),
            follow_tail: bench.follow && bench.is_searching(),
            baseline: search.baseline().and_then(|baseline| shown.of(baseline)),
            threshold: threshold(search, shown),
            unit,
            log: app.memory.log_scale,
            expected: expected(bench, search),
            second: None,
        };
        let placed = chart::draw(buf, inner, theme, &chart, self.chart.as_ref());
        self.targets.add_chart(placed.clone());
        self.chart = Some(placed);
    }
}

/// Moments that there will be when a search that is not over makes all its steps.
fn expected(bench: &Bench, search: &Search) -> usize {
    match bench.state.status() {
        Status::Unfinished => {
            bench.timeline.len() + (search.config().steps.saturating_sub(bench.state.steps())) as usize
        }
        _ => 0,
    }
}

/// The threshold in the unit that is shown, where it means something there.
fn threshold(search: &Search, shown: Shown) -> Option<f64> {
    let nats = search.config().threshold?;
    match (search.config().objective, shown) {
        (Objective::Nll, Shown::Nll) | (Objective::ReerClipped, Shown::Clipped) => Some(nats),
        (Objective::Nll, Shown::Perplexity) => Some(nats.exp()),
        _ => None,
    }
}

/// `step 7: 31.9 (−0.043 nats) · best 31.9 · copied 5w 0.8 %`.
fn readout(bench: &Bench, shown: Shown) -> String {
    let Some((moment, search)) = bench.moment().zip(bench.search()) else { return String::new() };
    let score = |node| bench.shown_score(node, shown);
    let what = moment.name(&bench.me);
    let Some(now) = score(moment.node) else {
        let version = search.tree().get(moment.node);
        return match version {
            Some(version) if version.too_long => format!("{what}: too long for the scorer"),
            Some(version) if version.error.is_some() => format!("{what}: could not be scored"),
            _ if bench.is_busy() => format!("{what}: being scored"),
            _ => format!("{what}: not scored yet"),
        };
    };
    let changed = change(bench, moment, shown).map(|change| format!(" ({change})"));
    let best = search.best_ever().and_then(score).map(|best| format!(" · best {}", shown.write(best)));
    let leak = search.tree().get(moment.node).and_then(|version| version.leak);
    let leak = leak.map(|leak| format!(" · copied {}w {:.1} %", leak.span_words, 100.0 * leak.span_share));
    let parts = [changed, best, leak].map(Option::unwrap_or_default);
    format!("{what}: {}{}", shown.write(now), parts.concat())
}

/// What a moment changed; where that is not since the moment just before it on the chart, against which version. A
/// perplexity's decimal would hide most steps: its change is told in nats, as elsewhere.
fn change(bench: &Bench, moment: &Moment, shown: Shown) -> Option<String> {
    if matches!(moment.happened, Happened::Step { taken: false, .. }) {
        return Some("took none".to_owned());
    }
    let at = bench.timeline.before(bench.cursor())?;
    let before = bench.timeline.get(at).filter(|before| before.node != moment.node)?;
    let against = if at + 1 == bench.cursor() { String::new() } else { format!(" against v{}", before.node.0) };
    let (of, unit) = if shown == Shown::Perplexity { (Shown::Nll, " nats") } else { (shown, "") };
    let change = bench.shown_score(moment.node, of)? - bench.shown_score(before.node, of)?;
    Some(format!("{}{unit}{against}", signed(change)))
}

fn columns(bench: &Bench, search: &Search, shown: Shown) -> Vec<Column> {
    let line = bench.timeline.line(bench.cursor());
    let marked = bench.marked();
    let mut best: Option<f64> = None;
    let column = |(index, moment): (usize, &Moment)| {
        let score = bench.shown_score(moment.node, shown);
        best = match (best, score) {
            (Some(best), Some(score)) => Some(best.min(score)),
            (best, score) => score.or(best),
        };
        Column {
            score,
            kind: kind(moment, score.is_none()),
            label: label(bench, index, moment),
            candidates: candidates(bench, search, moment, shown),
            on_line: line.binary_search(&index).is_ok(),
            parent: moment.parent.filter(|parent| *parent < index),
            marked: marked.contains(&index),
            best,
        }
    };
    let mut columns: Vec<Column> = bench.timeline.moments().iter().enumerate().map(column).collect();
    columns.extend(open_step(bench, search, shown, columns.len()));
    columns
}

/// The step that is being made, also while it waits: its candidates as they come.
fn open_step(bench: &Bench, search: &Search, shown: Shown, at: usize) -> Option<Column> {
    let step = bench.state.steps() + 1;
    let of_step = search.tree().iter().filter(|(_, version)| version.node.step == Some(step));
    let candidates: Vec<Candidate> = of_step
        .map(|(_, version)| Candidate {
            score: version.measures.as_ref().and_then(|measures| shown.of(measures)),
            shape: if version.measures.is_some() { Shape::Open } else { Shape::Pending },
        })
        .collect();
    (!candidates.is_empty()).then(|| Column {
        score: None,
        kind: Kind::Running,
        label: step.to_string(),
        candidates,
        on_line: false,
        parent: at.checked_sub(1),
        marked: false,
        best: None,
    })
}

fn kind(moment: &Moment, unscored: bool) -> Kind {
    match moment.happened {
        _ if unscored => Kind::Running,
        Happened::Draft => Kind::Draft,
        Happened::Step { taken: true, .. } => Kind::Accepted,
        Happened::Step { taken: false, .. } => Kind::NoChange,
        Happened::Edit(_) => Kind::Edit,
        Happened::Override | Happened::Refused { .. } => Kind::Override,
        Happened::Forked | Happened::Moved | Happened::Undone | Happened::Redone => Kind::Fork,
    }
}

fn label(bench: &Bench, index: usize, moment: &Moment) -> String {
    match (moment.happened, moment.step()) {
        (_, Some(step)) => step.to_string(),
        (Happened::Draft, None) => {
            let drafts = bench.timeline.moments()[..index].iter().filter(|m| m.happened == Happened::Draft).count();
            format!("z{drafts}")
        }
        (Happened::Edit(_), None) => "e".to_owned(),
        (_, None) => String::new(),
    }
}

fn candidates(bench: &Bench, search: &Search, moment: &Moment, shown: Shown) -> Vec<Candidate> {
    let decision = moment.step().and_then(|step| search.decisions().get(step as usize - 1));
    let Some(decision) = decision else { return Vec::new() };
    nodes(decision).map(|(node, shape)| Candidate { score: bench.shown_score(node, shown), shape }).collect()
}

fn nodes(decision: &Decision) -> impl Iterator<Item = (NodeId, Shape)> + '_ {
    let chosen = decision.chosen.map(|node| (node, Shape::Chosen));
    let others = decision.others.iter().map(|other| {
        use crate::reer::search::Reason;
        let refused =
            !matches!(other.reason, Reason::Outrun | Reason::Beam | Reason::NotLower | Reason::WithinMinDelta);
        (other.node, if refused { Shape::Refused } else { Shape::Open })
    });
    chosen.into_iter().chain(others)
}
