//! The library: the sessions as a table, with queues above and the selected one's query below.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::theme::Role;
use super::super::widgets::table::Cut;
use super::super::widgets::{list, paint, pane, scrollbar, table, text};
use super::{Drawn, Look, View, status};
use crate::app::App;
use crate::app::bench::stop_in_words;
use crate::app::command::Command;
use crate::app::library::{Column, Listing, Place, QueueFilter, Row, Source};
use crate::app::message::Target;
use crate::session::Status;
use crate::text::{Align, fit_end, width};

/// Rows for the selected session's query, on a screen that has them.
const PREVIEW: u16 = 7;

/// How the rows are sorted, in words.
fn order(app: &App) -> String {
    if app.library.is_by_match() {
        return "best match first".to_owned();
    }
    let by = if app.library.column == Column::Listed { "" } else { "by " };
    format!("{by}{}{}", app.library.column.name(), if app.library.descending { " ↓" } else { " ↑" })
}

impl View {
    pub(super) fn draw_library(&mut self, buf: &mut Buffer, body: Rect, app: &App, look: Look<'_>) -> Drawn {
        let preview = if body.height >= 24 { PREVIEW } else { 0 };
        let area = Rect { height: body.height - preview, ..body };
        let order = order(app);
        let title = pane::Pane { title: "Library", right: &order, focused: true };
        let inner = pane::draw(buf, area, look.theme, title);
        if inner.height < 3 {
            return Drawn::default();
        }
        self.draw_queues(buf, Rect { height: 1, ..inner }, app, look);
        let rest = Rect { y: inner.y + 1, height: inner.height - 1, ..inner };
        if app.library.is_empty() {
            empty(buf, rest, app, look);
        } else {
            self.draw_rows(buf, rest, app, look);
        }
        if preview > 0 {
            self.draw_preview(buf, Rect { y: area.bottom(), height: preview, ..body }, app, look);
        }
        Drawn { page: usize::from(rest.height.saturating_sub(1)), ..Drawn::default() }
    }

    fn draw_queues(&mut self, buf: &mut Buffer, row: Rect, app: &App, look: Look<'_>) {
        let mut parts: Vec<(String, Role)> = Vec::new();
        for queue in QueueFilter::ALL {
            let here = queue == app.library.queue;
            let name = if here { format!(" [{}] ", queue.name()) } else { format!("  {}  ", queue.name()) };
            parts.push((name, if here { Role::Accent } else { Role::Dim }));
        }
        let filter = app.library.filter.text();
        if !filter.is_empty() {
            parts.push((format!("   filter: {filter} ({} left)", app.library.len()), Role::Find));
        }
        let key = app.screen_key_of(Command::Skipped);
        let skipped = app.library.listing.as_ref().and_then(|listing| strangers(listing, key.as_deref()));
        parts.extend(skipped.map(|said| (format!("   {said}"), Role::Warning)));
        // The last part may be long; what is cut off shows that it is.
        if let Some((last, before)) = parts.split_last_mut() {
            let used: usize = before.iter().map(|(text, _)| width(text)).sum();
            last.0 = fit_end(&last.0, usize::from(row.width).saturating_sub(used)).into_owned();
        }
        let styled = parts.iter().map(|(text, role)| (text.as_str(), look.theme.style(*role)));
        paint::parts(buf, (row.x, row.y), row.width, styled);
    }

    fn draw_rows(&mut self, buf: &mut Buffer, area: Rect, app: &App, look: Look<'_>) {
        let table_area = Rect { width: area.width - 1, ..area };
        let height = table_area.height.saturating_sub(1);
        let selected = app.library.selected_index();
        let window = list::window(self.library_top, Some(selected), app.library.len(), height);
        self.library_top = window.start;
        let rows: Vec<Vec<table::Cell>> = {
            let rows = app.library.view().skip(window.start).take(window.len());
            rows.map(|row| cells(row, doing(app, row))).collect()
        };
        let kept = kept(table_area.width);
        let columns: Vec<table::Column<'static>> = kept.iter().map(|at| COLUMNS[*at]).collect();
        let keep = |row: &Vec<table::Cell>| kept.iter().map(|at| row[*at].clone()).collect();
        let rows: Vec<Vec<table::Cell>> = rows.iter().map(keep).collect();
        let drawn = table::Table { columns: &columns, rows: &rows, selected: selected.checked_sub(window.start) };
        table::draw(buf, table_area, look.theme, &drawn);
        for at in 0..rows.len() {
            let row = Rect { y: table_area.y + 1 + at as u16, height: 1, ..table_area };
            self.targets.add(row, Target::Row(window.start + at));
        }
        let bar = Rect { x: area.right() - 1, y: area.y + 1, width: 1, height };
        scrollbar::draw(buf, bar, look.theme, window.start, app.library.len());
    }

    fn draw_preview(&mut self, buf: &mut Buffer, area: Rect, app: &App, look: Look<'_>) {
        let Some(row) = app.library.selected() else { return };
        let right = match &row.source {
            Source::Sample { .. } => "a sample; what you do with it is kept in a copy of yours".to_owned(),
            Source::Pair(_) => format!("no session yet; once begun it is kept in {}", app.home().display()),
            Source::File(_) => String::new(),
        };
        let origin = row.summary.source.as_ref().map(|source| format!("row {} of {}", source.row, source.file));
        let right = [origin.unwrap_or_default(), right]
            .into_iter()
            .filter(|said| !said.is_empty())
            .collect::<Vec<_>>()
            .join("; ");
        let title = match &row.summary.name {
            Some(name) => format!("{name} ({})", row.summary.id),
            None => row.summary.id.clone(),
        };
        let title = pane::Pane { title: &title, right: &right, focused: false };
        let inner = pane::draw(buf, area, look.theme, title);
        let query = match &row.source {
            Source::Pair(example) => example.query.clone(),
            _ => row.summary.title.clone(),
        };
        let said = match (&row.summary.scorer, row.summary.best, row.summary.baseline) {
            (Some(scorer), Some(best), Some(baseline)) => {
                let gain = best.gain(&baseline);
                format!(
                    "ppl {:.1}, baseline {:.1}, gain {:.3} nats ({:.1} %) · {} · {} tokens",
                    best.ppl.0, baseline.ppl.0, gain.gain_nats.0, gain.gain_percent, scorer.model, best.tokens
                )
            }
            _ if app.runs(&row.key) => "being searched".to_owned(),
            _ => "not searched yet".to_owned(),
        };
        let changed = "\nΔ: what would be exported is another text than the one that was judged".to_owned();
        let changed = Some(changed).filter(|_| row.summary.changed && !row.is_sample()).unwrap_or_default();
        let detail = row.summary.detail.as_ref().map(|detail| format!("\n{detail}")).unwrap_or_default();
        let note = row.summary.note.as_ref().map(|note| format!("\nnote: {note}")).unwrap_or_default();
        let sheet = self.sheets.get(&format!("{query}\n\n{said}{changed}{detail}{note}"), inner.width.max(1));
        text::draw(buf, inner, sheet, 0, text::Look::plain(look.theme));
    }
}

/// What is there and cannot be listed.
fn strangers(listing: &Listing, key: Option<&str>) -> Option<String> {
    let (name, why) = listing.strangers.first()?;
    let all = key.map(|key| format!(" ({key} lists them)")).unwrap_or_default();
    Some(match (&listing.place, listing.strangers.len()) {
        (Place::Pairs(_), 1) => format!("1 row skipped{all}: {name}: {why}"),
        (Place::Pairs(_), count) => format!("{count} rows skipped{all}, the first: {name}: {why}"),
        (_, count) => format!("{count} cannot be read{all}"),
    })
}

const COLUMNS: &[table::Column<'static>] = &[
    table::Column { name: "queue", align: Align::Left, least: 6, cut: Cut::End },
    table::Column { name: "session", align: Align::Left, least: 14, cut: Cut::Middle },
    table::Column { name: "ppl", align: Align::Right, least: 5, cut: Cut::End },
    table::Column { name: "gain %", align: Align::Right, least: 5, cut: Cut::End },
    table::Column { name: "copied", align: Align::Right, least: 5, cut: Cut::End },
    table::Column { name: "steps", align: Align::Right, least: 4, cut: Cut::End },
    table::Column { name: "status", align: Align::Left, least: 9, cut: Cut::End },
    table::Column { name: "", align: Align::Left, least: 3, cut: Cut::End },
    table::Column { name: "query", align: Align::Left, least: 10, cut: Cut::End },
];

/// The columns that a screen of this width has room for, by their places: words are not cut short for numbers that
/// the line below tells.
fn kept(width: u16) -> Vec<usize> {
    let dropped: &[&str] = match width {
        0..72 => &["gain %", "copied", "steps", ""],
        72..100 => &["copied", "steps", ""],
        _ => &[],
    };
    (0..COLUMNS.len()).filter(|at| !dropped.contains(&COLUMNS[*at].name)).collect()
}

fn cells(row: &Row, doing: Option<&str>) -> Vec<table::Cell> {
    let summary = &row.summary;
    let (verdict, role) = status::verdict_word(row.verdict()).unwrap_or(("", Role::Dim));
    let number = |value: Option<String>| value.unwrap_or_default();
    let gain = row.gain_percent();
    let gain_role = if gain.is_some_and(|gain| gain > 0.0) { Role::Better } else { Role::Worse };
    let stars = "★".repeat(usize::from(summary.rating));
    // Kept, and changed since: the preview says it in words.
    let changed = if summary.changed && !verdict.is_empty() && !row.is_sample() { " Δ" } else { "" };
    let flag = if summary.flags.is_empty() { "" } else { " ⚑" };
    vec![
        (format!("{verdict}{changed}{flag}").trim_start().to_owned(), role),
        (summary.called().to_owned(), Role::Text),
        (number(row.perplexity().map(|ppl| format!("{ppl:.1}"))), Role::Text),
        (number(gain.map(|gain| format!("{gain:.1}").replace('-', "−"))), gain_role),
        (number(summary.leak.map(|leak| format!("{} w", leak.span_words))), Role::Text),
        (number((summary.steps > 0).then(|| summary.steps.to_string())), Role::Text),
        doing.map_or_else(|| (standing(row), Role::Dim), |doing| (doing.to_owned(), Role::Running)),
        (
            format!(
                "{}{stars}{}",
                if summary.note.is_some() { "✎ " } else { "" },
                summary.tags.iter().map(|tag| format!(" #{tag}")).collect::<String>()
            ),
            Role::Accent,
        ),
        (summary.title.clone(), Role::Dim),
    ]
}

/// What a search does that runs on a session here.
fn doing(app: &App, row: &Row) -> Option<&'static str> {
    app.runs(&row.key).then(|| if app.waits(&row.key) { "● waiting" } else { "● searching" })
}

/// Where a session stands, in a word.
fn standing(row: &Row) -> String {
    match (row.summary.status, row.summary.stop) {
        (Status::Fresh | Status::Unfinished, _) if row.in_work => "in work".to_owned(),
        (Status::Fresh, _) => "fresh".to_owned(),
        (Status::Unfinished, _) => "paused".to_owned(),
        (Status::Failed, _) => "failed".to_owned(),
        (Status::Done, Some(stop)) => stop_in_words(stop).to_owned(),
        (Status::Done, None) => "ended".to_owned(),
    }
}

fn empty(buf: &mut Buffer, area: Rect, app: &App, look: Look<'_>) {
    let key = |command| app.screen_key_of(command).unwrap_or_default();
    let library = &app.library;
    let said: Vec<String> = if let Some(error) = &library.error {
        vec![error.clone(), format!("{} looks again", key(Command::Refresh))]
    } else if library.listing.is_none() {
        vec!["Reading the library…".to_owned()]
    } else if !library.filter.text().is_empty() {
        vec![
            format!("Nothing matches {:?}.", library.filter.text()),
            format!("{} changes the filter, {} takes it away", key(Command::Find), key(Command::Close)),
        ]
    } else if library.queue != QueueFilter::All {
        vec![
            format!("The queue {:?} is empty.", library.queue.name()),
            format!("{} shows the next queue", key(Command::NextQueue)),
        ]
    } else {
        vec![
            "There are no sessions here yet.".to_owned(),
            format!("{} begins one from text you paste or write", key(Command::New)),
            "`retrace pairs.jsonl` lists the rows of a file of pairs".to_owned(),
        ]
    };
    for (at, text) in said.iter().enumerate() {
        let row = Rect { x: area.x + 2, y: area.y + 2 + at as u16, width: area.width.saturating_sub(4), height: 1 };
        if row.y < area.bottom() {
            super::line(buf, row, text, look.theme.style(if at == 0 { Role::Text } else { Role::Dim }));
        }
    }
}
