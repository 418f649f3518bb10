//! How a run stands, in a few lines with a bar: the most needed first, for there may be no room for all.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::super::theme::{Role, Theme};
use super::super::super::widgets::paint;
use super::status::clock;
use crate::session::runs::{Cost, Counts, Pace, RunRecord, Seen, Stage, Standing};

/// Cells of the names at the left.
const NAMES: u16 = 9;

/// One line: its name, what it says, what that means.
pub struct Line {
    name: &'static str,
    text: String,
    role: Role,
}

/// The lines of a run; the second has the bar before its text.
pub fn lines(seen: &Seen) -> Vec<Line> {
    let record = &seen.record;
    let line = |name, text: String| Line { name, text, role: Role::Text };
    let mut lines = vec![state(seen), line("through", share(record.counts)), line("pace", pace(record))];
    lines.push(line("examples", counts(record)));
    let faults: Vec<String> = record.errors.iter().map(|(class, seen)| format!("{class} {}", seen.count)).collect();
    if !faults.is_empty() {
        lines.push(Line { name: "faults", text: faults.join(" · "), role: Role::Warning });
    }
    lines.extend(record.cost.iter().map(|(role, cost)| line(role_name(role), spent(cost))));
    lines.push(line("input", input(record)));
    let accepted = format!("{} of {} steps accepted", record.accepted, record.steps);
    lines.push(Line { name: "search", text: format!("{accepted} · {}", record.plan.settings), role: Role::Dim });
    lines
}

pub fn draw(buf: &mut Buffer, area: Rect, theme: &Theme, seen: &Seen, lines: &[Line]) {
    for (at, line) in lines.iter().enumerate().take(usize::from(area.height)) {
        let y = area.y + at as u16;
        paint::fitted(buf, (area.x + 1, y), NAMES.min(area.width), line.name, theme.style(Role::Label));
        let text = Rect { x: area.x + 1 + NAMES, y, width: area.width.saturating_sub(NAMES + 2), height: 1 };
        let used = if line.name == "through" { bar(buf, text, theme, seen.record.counts) } else { 0 };
        let room = text.width.saturating_sub(used);
        paint::fitted(buf, (text.x + used, y), room, &line.text, theme.style(line.role));
    }
}

/// A bar of what is through, failures at its end; returns the cells it took.
fn bar(buf: &mut Buffer, area: Rect, theme: &Theme, counts: Counts) -> u16 {
    let cells = area.width.saturating_sub(24).min(60);
    let part = |of: usize| (of * usize::from(cells)).checked_div(counts.expected).unwrap_or(0).min(usize::from(cells));
    let (settled, sound) = (part(counts.settled()), part(counts.settled() - counts.failed));
    let pieces = [
        ("█".repeat(sound), Role::Running),
        ("▒".repeat(settled - sound), Role::Error),
        ("░".repeat(usize::from(cells) - settled), Role::Dim),
        (" ".to_owned(), Role::Text),
    ];
    paint::parts(
        buf,
        (area.x, area.y),
        area.width,
        pieces.iter().map(|(text, role)| (text.as_str(), theme.style(*role))),
    )
}

fn share(counts: Counts) -> String {
    match counts.expected {
        0 => "the input is being read".to_owned(),
        expected => {
            let percent = 100.0 * counts.settled() as f64 / expected as f64;
            format!("{} of {expected}, {percent:.1} %", counts.settled())
        }
    }
}

fn state(seen: &Seen) -> Line {
    let record = &seen.record;
    let (said, role) = match seen.standing {
        Standing::Gone => {
            let how = "its process is gone and said nothing: the same command again goes on where it stopped";
            (format!("✗ {how}"), Role::Error)
        }
        Standing::Silent => {
            let how = "it should speak every second: its machine cannot be reached, or it hangs";
            (format!("! {}, and silent since; {how}", record.stage.word()), Role::Warning)
        }
        Standing::Ended => (format!("■ {}", record.ended.as_deref().unwrap_or("ended")), Role::Dim),
        Standing::Live => {
            let sign = if record.stage == Stage::Paused { "‖" } else { "●" };
            // A run that waits speaks seldom.
            let waits = record.in_stage + seen.age.as_secs();
            let seconds = if record.stage == Stage::Running { record.seconds } else { waits };
            (format!("{sign} {} for {}", record.stage.word(), clock(seconds)), Role::Running)
        }
    };
    Line { name: "state", text: said, role }
}

fn pace(record: &RunRecord) -> String {
    let Pace { examples_a_minute, steps_a_minute, calls_a_second, tokens_out_a_second, tokens_a_second, left_s } =
        record.pace;
    if record.stage == Stage::Ended {
        return format!("took {}", clock(record.seconds));
    }
    if calls_a_second == 0.0 {
        return "no call has ended within the last minute".to_owned();
    }
    let left = left_s.map(|left| format!("{} left · ", clock(left))).unwrap_or_default();
    format!(
        "{left}{examples_a_minute:.1} examples and {steps_a_minute:.0} steps a minute · {calls_a_second:.1} calls and \
         {tokens_a_second:.0} tokens a second, {tokens_out_a_second:.0} of them written"
    )
}

fn counts(record: &RunRecord) -> String {
    let Counts { done, failed, unfinished, stopped, skipped, found, .. } = record.counts;
    let work = record.running.len() + record.running_more;
    let mut parts = vec![format!("{done} done")];
    if record.stage != Stage::Ended {
        parts.insert(0, format!("{work} of at most {} in work", record.plan.concurrency));
    }
    let waiting = if record.stage == Stage::Ended { "not begun" } else { "waiting" };
    let some = [
        (failed, "failed"),
        (unfinished, "out of budget"),
        (stopped, "stopped on the way"),
        (record.counts.waiting(work), waiting),
        (found, "of these from earlier runs"),
        (skipped, if skipped == 1 { "row skipped" } else { "rows skipped" }),
    ];
    parts.extend(some.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
    parts.join(" · ")
}

fn role_name(role: &str) -> &'static str {
    if role == "generate" { "generate" } else { "score" }
}

fn spent(cost: &Cost) -> String {
    let failed = if cost.failed > 0 { format!(", {} of them failed", cost.failed) } else { String::new() };
    let cached =
        if cost.tokens_cached > 0 { format!(", {} from a cache", short(cost.tokens_cached)) } else { String::new() };
    format!(
        "{} calls{failed} · {} tokens in{cached} · {} out",
        cost.calls,
        short(cost.tokens_in),
        short(cost.tokens_out)
    )
}

/// `812`, `91.4 k`, `3.2 M`.
fn short(count: u64) -> String {
    match count {
        0..10_000 => count.to_string(),
        10_000..1_000_000 => format!("{:.1} k", count as f64 / 1e3),
        _ => format!("{:.1} M", count as f64 / 1e6),
    }
}

fn input(record: &RunRecord) -> String {
    let plan = &record.plan;
    let shard = plan.shard.as_ref().map(|shard| format!(", shard {shard}")).unwrap_or_default();
    let limit = plan.limit.map(|limit| format!(", the first {limit}")).unwrap_or_default();
    format!("{}{shard}{limit} · drafts by {} · scores by {}", plan.input, plan.generator, plan.scorer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stay_short() {
        let table = [(0, "0"), (9_999, "9999"), (10_000, "10.0 k"), (91_432, "91.4 k"), (3_210_000, "3.2 M")];
        for (count, expected) in table {
            assert_eq!(short(count), expected);
        }
    }
}
