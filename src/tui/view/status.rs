//! The line on top: which session, where in it, its score, what runs.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::theme::{Role, Theme};
use super::super::widgets::paint;
use crate::app::App;
use crate::app::batch::Batch;
use crate::app::bench::{Bench, stop_in_words, waiting_in_words};
use crate::app::library::Place;
use crate::engine::desk::Work;
use crate::reer::search::Search;
use crate::session::{Status, Verdict};
use crate::text::{Safe, fit_end, fit_middle, width};

type Part = (String, Role);

/// Cells of the name at most, and as long as there is no room for all that stands beside it.
const NAME: usize = 40;
const SHORT_NAME: usize = 16;
/// Cells that what runs has in any case.
const LEAST: usize = 8;
/// Cells that stay free between both ends.
const GAP: usize = 2;

/// Draws it: names at the left, what runs at the right.
pub fn draw(buf: &mut Buffer, area: Rect, app: &App, theme: &Theme) {
    let (left, right) = match app.bench() {
        Some(bench) => of_bench(app, bench, usize::from(area.width)),
        None => match app.batch() {
            Some(batch) => (of_batch(batch), elsewhere(app)),
            None => (of_library(app), elsewhere(app)),
        },
    };
    paint::clear(buf, area, theme.style(Role::Status));
    let right_cells = cells(&right).min(area.width);
    let room = area.width.saturating_sub(right_cells + GAP as u16);
    put(buf, (area.x, area.y), room, theme, whole(&left, room));
    put(buf, (area.right() - right_cells, area.y), right_cells, theme, &right);
}

fn cells(parts: &[Part]) -> u16 {
    parts.iter().map(|(text, _)| width(&Safe::new(text))).sum::<usize>() as u16
}

/// The parts that there is room for: a number that is cut off would be another number. The first stands in any case.
fn whole(parts: &[Part], room: u16) -> &[Part] {
    let mut used = 0;
    let fits = |(text, _): &Part| {
        used += width(&Safe::new(text));
        used <= usize::from(room)
    };
    let count = parts.iter().map(fits).take_while(|fits| *fits).count();
    &parts[..count.max(1).min(parts.len())]
}

fn put(buf: &mut Buffer, at: (u16, u16), room: u16, theme: &Theme, parts: &[Part]) {
    let status = theme.style(Role::Status);
    paint::parts(buf, at, room, parts.iter().map(|(text, role)| (text.as_str(), status.patch(theme.style(*role)))));
}

/// A session's line in `room` cells. What only explains gives way first, then the name is cut short, then what runs;
/// score and place stay.
fn of_bench(app: &App, bench: &Bench, room: usize) -> (Vec<Part>, Vec<Part>) {
    let called = match bench.state.called() {
        "" => "…",
        called => called,
    };
    let called = Safe::new(called);
    let long = width(&called).min(NAME);
    let short = long.min(SHORT_NAME);
    let score = score(bench).map(|score| format!("  {score}")).unwrap_or_default();
    let place = |full| match place(bench, full) {
        place if place.is_empty() => place,
        place => format!("  {place}"),
    };
    let beside = |place: &str| 1 + width(&score) + width(place) + GAP;
    let full = Some(place(true)).filter(|place| short + beside(place) + LEAST <= room);
    let place = full.unwrap_or_else(|| place(false));
    let short = short.min(room.saturating_sub(beside(&place) + LEAST)).max(1);
    let left = room.saturating_sub(short + beside(&place)).max(LEAST);
    let right: Vec<Part> = running(app, bench, left.min(room * 45 / 100))
        .into_iter()
        .map(|(text, role)| (fit_end(&Safe::new(&text), left).into_owned(), role))
        .collect();
    let left = room.saturating_sub(beside(&place) + usize::from(cells(&right)));
    let said = said(bench);
    // A name that a person made long leaves room for the score, and for the verdict where it can.
    let beside_verdict = left.saturating_sub(said.as_ref().map_or(0, |(said, _)| width(said)));
    let left = if beside_verdict >= short { beside_verdict } else { left };
    // Names that are alike differ at their ends.
    let name = fit_middle(&called, left.clamp(short, long)).into_owned();
    let mut parts = vec![(format!(" {name}"), Role::TitleFocused), (score, Role::Accent), (place, Role::Text)];
    parts.extend(said);
    if !bench.state.annotations.flags().is_empty() {
        parts.push(("  ⚑".to_owned(), Role::Warning));
    }
    let noted = bench.state.annotations.notes();
    if noted.contains_key(&None) || noted.contains_key(&bench.node()) {
        parts.push(("  ✎".to_owned(), Role::Label));
    }
    let stars = usize::from(bench.state.annotations.rating());
    if stars > 0 {
        parts.push((format!("  {}", "★".repeat(stars)), Role::Accent));
    }
    parts.extend(stands_for(bench).map(|text| (format!("  {text}"), Role::Dim)));
    if let Some((at, of)) = app.position(bench) {
        parts.push((format!("  {at} of {of}"), Role::Dim));
    }
    if let Some(example) = bench.state.example.as_ref() {
        let category = example.category.as_deref().map(|category| format!("{category}, ")).unwrap_or_default();
        parts.push((format!("  {category}{}", example.language.code()), Role::Dim));
    }
    (parts, right)
}

/// The verdict as the library has it, so that a sample has none; and which version it was given to, where another stands
/// there now.
fn said(bench: &Bench) -> Option<Part> {
    if bench.is_sample() {
        return Some(("  sample".to_owned(), Role::Dim));
    }
    let said = bench.state.annotations.verdict_setting()?;
    let (word, role) = verdict_word(said.value)?;
    let by = if said.by == bench.me { String::new() } else { format!(" by {}", said.by.name()) };
    let since = bench.state.changed_since_verdict();
    let since = since.map(|(judged, now)| format!(" v{}, now v{}", judged.0, now.0)).unwrap_or_default();
    Some((format!("  {word}{since}{by}"), role))
}

/// `step 7/24 · seg 3`; after a person's act, in full also the step before it.
fn place(bench: &Bench, full: bool) -> String {
    let segment = bench.segment().and_then(|id| bench.segments().iter().position(|row| row.id == id));
    let segment = segment.map(|at| format!(" · seg {}", at + 1)).unwrap_or_default();
    let of = bench.search().map_or(0, |search| search.config().steps);
    match bench.moment() {
        None => String::new(),
        Some(moment) => match (moment.step(), bench.cursor()) {
            (Some(step), _) => format!("step {step}/{of}{segment}"),
            (None, 0) => format!("draft{segment}"),
            (None, cursor) => {
                let before = bench.timeline.moments()[..cursor].iter().rev().find_map(|moment| moment.step());
                let before = before.filter(|_| full);
                let after = before.map(|step| format!(" after step {step}/{of}")).unwrap_or_default();
                format!("{}{after}{segment}", moment.name(&bench.me))
            }
        },
    }
}

/// The score of the version under the cursor.
fn score(bench: &Bench) -> Option<String> {
    let measures = bench.search()?.tree().get(bench.node()?)?.measures?;
    Some(format!("ppl {:.1}", measures.ppl.0))
}

/// What the score is of: scorer, objective, tokens.
pub fn stands_for(bench: &Bench) -> Option<String> {
    let search = bench.search()?;
    let measures = search.tree().get(bench.node()?)?.measures?;
    let scorer = bench.state.scorer.as_ref().map(|scorer| scorer.model.as_str()).unwrap_or_default();
    Some(format!("by {scorer}, {}, {} tokens", search.config().objective.name(), measures.tokens))
}

/// A verdict as a word with its role; none for none.
pub fn verdict_word(verdict: Verdict) -> Option<(&'static str, Role)> {
    match verdict {
        Verdict::Keep => Some(("✓ kept", Role::Keep)),
        Verdict::Drop => Some(("✗ dropped", Role::Drop)),
        Verdict::Later => Some(("… later", Role::Later)),
        Verdict::None => None,
    }
}

fn running(app: &App, bench: &Bench, room: usize) -> Vec<Part> {
    if bench.loading {
        return vec![("reading… ".to_owned(), Role::Dim)];
    }
    let work = match bench.activity.work {
        Work::Idle if bench.is_searching() => "searching".to_owned(),
        Work::Idle => return idle(app, bench, room),
        Work::Loading => "loading the models".to_owned(),
        Work::Drafting => "drafting".to_owned(),
        Work::Proposing { .. } => format!("rewriting{}", count(bench)),
        Work::Scoring => format!("scoring{}", count(bench)),
        Work::LeaveOneOut => format!("weighing segments{}", count(bench)),
        Work::Measuring => format!("measuring{}", count(bench)),
    };
    let waiting = bench.waiting.as_ref().map(waiting_in_words);
    let waits = waiting.is_some();
    let mut said = vec![format!("● {}", waiting.unwrap_or(work))];
    if bench.is_searching()
        && let Some(search) = bench.search()
    {
        said.push(format!("step {}/{}", bench.state.steps() + 1, search.config().steps));
    }
    if let Some(since) = bench.since {
        said.push(clock(app.now.saturating_sub(since).as_secs()));
        // How fast it went before says nothing of a wait.
        let pace = if waits { Default::default() } else { [remaining(bench), speed(bench)] };
        said.extend(pace.into_iter().chain([budget(bench)]).filter(|text| !text.is_empty()));
    }
    vec![(format!("{} ", joined(said, room)), if waits { Role::Warning } else { Role::Running })]
}

/// As many of these as there is room for, the first at least.
fn joined(said: Vec<String>, room: usize) -> String {
    let mut text = String::new();
    for (at, part) in said.into_iter().enumerate() {
        let longer = if at == 0 { part } else { format!("{text} · {part}") };
        if at > 0 && width(&longer) > room {
            break;
        }
        text = longer;
    }
    text
}

/// Tokens a second of what goes on.
fn speed(bench: &Bench) -> String {
    bench.speed().map(|rate| format!("{rate} tok/s")).unwrap_or_default()
}

/// How long the remaining steps may take, by those of this session.
fn remaining(bench: &Bench) -> String {
    let Some(search) = bench.search() else { return String::new() };
    let done = bench.state.steps();
    let left = search.config().steps.saturating_sub(done);
    if !bench.is_searching() || done < 2 || left == 0 {
        return String::new();
    }
    format!("at most {} left", clock(seconds_for(left, bench.state.active_ms, done)))
}

/// Whole seconds that so many steps take at the pace of those that are done; a step may take less than one.
fn seconds_for(left: u32, milliseconds: u64, done: u32) -> u64 {
    (milliseconds * u64::from(left)).div_ceil(u64::from(done.max(1)) * 1000)
}

/// What is used of the budgets, where there are any.
fn budget(bench: &Bench) -> String {
    let Some(config) = bench.search().map(Search::config) else { return String::new() };
    let total = bench.state.ledger.total();
    let tokens = config.max_tokens.map(|most| format!("{} of {most} tokens", total.tokens_in + total.tokens_out));
    let seconds = config.max_seconds.map(|most| format!("{} of {}", clock(bench.state.active_ms / 1000), clock(most)));
    tokens.into_iter().chain(seconds).collect::<Vec<_>>().join(" · ")
}

fn count(bench: &Bench) -> String {
    let rewriting = matches!(bench.activity.work, Work::Proposing { .. });
    match (bench.activity.done, bench.activity.asked) {
        (_, 0 | 1) => String::new(),
        // Asked for in one call, texts come together; scores come one by one.
        (0, asked) if rewriting => format!(" {asked} at once"),
        (done, asked) => format!(" {done} of {asked}"),
    }
}

fn idle(app: &App, bench: &Bench, room: usize) -> Vec<Part> {
    if let Some(play) = bench.play {
        return vec![(format!("▶ playing ×{} ", play.speed), Role::Running)];
    }
    if bench.read_only.is_some() {
        return vec![("read-only ".to_owned(), Role::Warning)];
    }
    let said = match bench.state.status() {
        Status::Fresh if app.misfit().is_some() => return vec![("too long for its scorer ".to_owned(), Role::Warning)],
        Status::Fresh => "fresh".to_owned(),
        Status::Unfinished => "paused".to_owned(),
        Status::Failed => return vec![(format!("{} ", failed(bench, room)), Role::Error)],
        Status::Done => match bench.state.stop.as_ref() {
            Some(stop) => format!("ended: {}", stop_in_words(stop.reason)),
            None => "ended".to_owned(),
        },
    };
    vec![(format!("{said} "), Role::Dim)]
}

/// That the search failed, and why as far as there is room.
fn failed(bench: &Bench, room: usize) -> String {
    let why = bench.state.stop.as_ref().and_then(|stop| stop.detail.as_deref());
    let said = why.map_or_else(|| "failed".to_owned(), |why| format!("failed: {why}"));
    fit_end(&Safe::new(&said), room).into_owned()
}

fn of_library(app: &App) -> Vec<Part> {
    let tally = app.library.tally();
    let place = match app.library.listing.as_ref().map(|listing| &listing.place) {
        Some(Place::Folder(path) | Place::Pairs(path) | Place::Session(path)) => path.display().to_string(),
        None => String::new(),
    };
    vec![
        (" Retrace".to_owned(), Role::TitleFocused),
        (format!("  decided {} of {}", tally.decided(), tally.rows), Role::Text),
        (format!("  {} kept", tally.kept), Role::Keep),
        (format!(" · {} dropped", tally.dropped), Role::Drop),
        (format!(" · {} later", tally.later), Role::Later),
        (format!("  {place}"), Role::Dim),
    ]
}

fn of_batch(batch: &Batch) -> Vec<Part> {
    let mut parts = vec![(" Batch".to_owned(), Role::TitleFocused)];
    if let Some(record) = batch.record() {
        let counts = record.counts;
        parts.push((format!("  {} of {} through", counts.settled(), counts.expected), Role::Text));
        parts.push((format!(" · {} done", counts.done), Role::Better));
        parts.extend((counts.failed > 0).then(|| (format!(" · {} failed", counts.failed), Role::Error)));
    }
    let root = batch.runs.as_ref().map(|runs| runs.root.display().to_string()).unwrap_or_default();
    parts.push((format!("  {root}"), Role::Dim));
    parts
}

fn elsewhere(app: &App) -> Vec<Part> {
    match app.searching() {
        0 if app.batching => vec![("● a batch runs ".to_owned(), Role::Running)],
        0 => Vec::new(),
        1 => vec![("● 1 search runs ".to_owned(), Role::Running)],
        n => vec![(format!("● {n} searches run "), Role::Running)],
    }
}

/// `4:07`, `1:02:33`.
pub fn clock(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_less_than_a_second_take_time_too() {
        assert_eq!(seconds_for(10, 8_000, 13), 7);
        assert_eq!(seconds_for(10, 80_000, 2), 400);
        assert_eq!(seconds_for(1, 1, 2), 1);
    }
}
