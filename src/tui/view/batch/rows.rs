//! The rows of the batch screen's lists.

use std::ops::Range;

use super::super::super::theme::Role;
use super::super::super::widgets::table::{Cell, Column, Cut};
use super::status::clock;
use crate::app::batch::Tab;
use crate::reer::Objective;
use crate::session::runs::{Answer, Endpoint, ErrorClass, FailedItem, RunRecord, Running, Slow};
use crate::text::Align;

/// Cells of a line of scores.
const LINE: usize = 16;

const fn left(name: &'static str, least: u16) -> Column<'static> {
    Column { name, align: Align::Left, least, cut: Cut::End }
}

const fn right(name: &'static str, least: u16) -> Column<'static> {
    Column { name, align: Align::Right, least, cut: Cut::End }
}

const RUNNING: &[Column<'static>] = &[
    left("session", 12),
    right("step", 5),
    right("baseline", 6),
    right("now", 6),
    right("tokens", 4),
    left("fall", 8),
    right("time", 5),
    right("row", 4),
];
const FAILED: &[Column<'static>] = &[left("session", 12), right("row", 4), left("when, UTC", 9), left("reason", 20)];
const SLOWEST: &[Column<'static>] = &[left("session", 12), right("time", 5), right("steps", 5)];
const FAULTS: &[Column<'static>] =
    &[left("class", 10), right("times", 5), left("last, UTC", 9), left("what the last one said", 20)];
const SERVERS: &[Column<'static>] = &[
    left("server", 14),
    left("role", 5),
    left("state", 6),
    right("in flight", 5),
    right("waiting", 5),
    right("done", 4),
    right("again", 4),
    left("faults", 10),
    left("why", 10),
];
const ANSWERS: &[Column<'static>] = &[left("when, UTC", 9), left("by", 6), left("asked", 8), left("answer", 20)];

pub fn columns(tab: Tab) -> &'static [Column<'static>] {
    match tab {
        Tab::Running => RUNNING,
        Tab::Failed => FAILED,
        Tab::Slowest => SLOWEST,
        Tab::Faults => FAULTS,
        Tab::Servers => SERVERS,
        Tab::Answers => ANSWERS,
    }
}

/// What the numbers of the rows are: no score stands without its scorer and objective.
pub fn unit(record: &RunRecord) -> String {
    let objective = match record.plan.objective {
        Some(Objective::Nll) => "nll",
        Some(Objective::ReerClipped) => "reer-clipped",
        None => return String::new(),
    };
    format!("{objective} by {}, nats per token", record.plan.scorer)
}

/// The cells of a range of rows.
pub fn cells(tab: Tab, record: &RunRecord, rows: Range<usize>) -> Vec<Vec<Cell>> {
    let (skip, take) = (rows.start, rows.len());
    match tab {
        Tab::Running => record.running.iter().skip(skip).take(take).map(running).collect(),
        Tab::Failed => record.failures.iter().skip(skip).take(take).map(failed).collect(),
        Tab::Slowest => record.slowest.iter().skip(skip).take(take).map(slow).collect(),
        Tab::Faults => record.errors.iter().skip(skip).take(take).map(fault).collect(),
        Tab::Servers => record.endpoints.iter().skip(skip).take(take).map(server).collect(),
        Tab::Answers => record.answers.iter().skip(skip).take(take).map(answer).collect(),
    }
}

fn text(text: impl Into<String>) -> Cell {
    (text.into(), Role::Text)
}

fn dim(text: impl Into<String>) -> Cell {
    (text.into(), Role::Dim)
}

fn running(row: &Running) -> Vec<Cell> {
    let nats = |value: Option<f64>| value.map(|value| format!("{value:.4}")).unwrap_or_default();
    let now = row.scores.last().copied();
    let lower = now.zip(row.baseline).is_some_and(|(now, baseline)| now < baseline);
    vec![
        text(&row.id),
        text(format!("{}/{}", row.step, row.steps)),
        dim(nats(row.baseline)),
        (nats(now), if lower { Role::Better } else { Role::Text }),
        dim(row.tokens.map(|tokens| tokens.to_string()).unwrap_or_default()),
        (line_of(&row.scores), Role::Line),
        text(clock(row.seconds)),
        dim(row.line.to_string()),
    ]
}

fn failed(row: &FailedItem) -> Vec<Cell> {
    vec![text(&row.id), dim(row.line.to_string()), dim(time(&row.at)), (row.reason.clone(), Role::Error)]
}

fn slow(row: &Slow) -> Vec<Cell> {
    vec![text(&row.id), text(clock(row.seconds)), text(row.steps.to_string())]
}

fn fault((class, row): (&String, &ErrorClass)) -> Vec<Cell> {
    vec![(class.clone(), Role::Warning), text(row.count.to_string()), dim(time(&row.at)), text(&row.last)]
}

fn server(row: &Endpoint) -> Vec<Cell> {
    let faults: Vec<String> = row.errors.iter().map(|(class, count)| format!("{class} {count}")).collect();
    let role = if row.state == "up" { Role::Better } else { Role::Warning };
    vec![
        text(&row.name),
        dim(&row.role),
        (row.state.clone(), role),
        // A model in its own process bounds itself.
        text(if row.limit > 0 { format!("{} of {}", row.in_flight, row.limit) } else { row.in_flight.to_string() }),
        text(row.waiting.to_string()),
        text(row.done.to_string()),
        text(row.retried.to_string()),
        (faults.join(" "), Role::Warning),
        dim(row.reason.clone().unwrap_or_default()),
    ]
}

fn answer(row: &Answer) -> Vec<Cell> {
    vec![dim(time(&row.at)), dim(row.by.name()), text(&row.asked), text(&row.answer)]
}

/// `10:22:05` of a UTC time as it is recorded.
fn time(stamp: &str) -> String {
    stamp.get(11..19).unwrap_or_default().to_owned()
}

/// Scores as a row of blocks from the highest to the lowest, the last of them at the end.
fn line_of(scores: &[f64]) -> String {
    const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let (low, high) =
        scores.iter().fold((f64::MAX, f64::MIN), |(low, high), score| (low.min(*score), high.max(*score)));
    let block = |score: f64| match high - low {
        range if range > 0.0 => BLOCKS[((score - low) / range * 7.0).round().clamp(0.0, 7.0) as usize],
        _ => BLOCKS[3],
    };
    let cells = scores.len().min(LINE);
    let picked = (0..cells).map(|at| if cells < 2 { 0 } else { at * (scores.len() - 1) / (cells - 1) });
    picked.map(|at| block(scores[at])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Author;

    #[test]
    fn a_line_falls_from_its_first_score_to_its_last() {
        assert_eq!(line_of(&[]), "");
        assert_eq!(line_of(&[2.0]), "▄");
        assert_eq!(line_of(&[4.0, 3.5, 3.0, 0.5]), "█▇▆▁");
        let long: Vec<f64> = (0..48).map(|at| f64::from(100 - at)).collect();
        let line = line_of(&long);
        assert_eq!(line.chars().count(), LINE);
        assert!(line.starts_with('█') && line.ends_with('▁'), "{line}");
    }

    #[test]
    fn every_list_has_as_many_cells_as_columns() {
        let mut record = RunRecord::default();
        record.running.push(Running::default());
        record.failures.push(FailedItem {
            id: "a".to_owned(),
            file: String::new(),
            line: 3,
            reason: "it broke".to_owned(),
            at: "2026-01-31T10:22:05.118Z".to_owned(),
        });
        record.slowest.push(Slow { id: "a".to_owned(), file: String::new(), seconds: 7, steps: 2 });
        record.errors.insert("timeout".to_owned(), ErrorClass::default());
        record.endpoints.push(Endpoint::default());
        let (asked, by) = ("pause".to_owned(), Author::User("ada".to_owned()));
        record.answers.push(Answer { asked, by, at: String::new(), answer: "pausing".to_owned() });
        for tab in Tab::ALL {
            assert_eq!(cells(tab, &record, 0..9)[0].len(), columns(tab).len(), "{tab:?}");
        }
        assert_eq!(cells(Tab::Failed, &record, 0..1)[0][2].0, "10:22:05");
    }
}
