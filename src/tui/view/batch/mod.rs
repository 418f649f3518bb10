//! The batch screen: how the run that is looked at stands, and under it one of its lists.

mod rows;
mod summary;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::theme::Role;
use super::super::widgets::{list, paint, pane, scrollbar, table};
use super::{Drawn, Look, View, status};
use crate::app::App;
use crate::app::batch::{Batch, Tab};
use crate::app::command::Command;
use crate::app::message::Target;
use crate::session::runs::{RunRecord, Seen, Standing};

impl View {
    pub(super) fn draw_batch(
        &mut self,
        buf: &mut Buffer,
        body: Rect,
        app: &App,
        batch: &Batch,
        look: Look<'_>,
    ) -> Drawn {
        let Some(seen) = batch.run() else {
            let title = pane::Pane { title: "Batch", right: "", focused: true };
            let inner = pane::draw(buf, body, look.theme, title);
            empty(buf, inner, app, batch, look);
            return Drawn::default();
        };
        let lines = summary::lines(seen);
        // The list has half of the screen at least.
        let height = (lines.len() as u16 + 2).min(body.height / 2);
        let (top, rest) = (Rect { height, ..body }, Rect { y: body.y + height, height: body.height - height, ..body });
        let (at, count) = batch.place();
        let title = if count > 1 { format!("Run {} of {count}", at + 1) } else { "Run".to_owned() };
        let right = standing(seen);
        let inner = pane::draw(buf, top, look.theme, pane::Pane { title: &title, right: &right, focused: false });
        summary::draw(buf, inner, look.theme, seen, &lines);
        self.draw_run_list(buf, rest, batch, &seen.record, look)
    }

    fn draw_run_list(
        &mut self,
        buf: &mut Buffer,
        area: Rect,
        batch: &Batch,
        record: &RunRecord,
        look: Look<'_>,
    ) -> Drawn {
        let unit = if batch.tab == Tab::Running { rows::unit(record) } else { String::new() };
        let title = pane::Pane { title: batch.tab.title(), right: &unit, focused: true };
        let inner = pane::draw(buf, area, look.theme, title);
        if inner.height < 3 {
            return Drawn::default();
        }
        draw_tabs(buf, Rect { height: 1, ..inner }, batch, record, look);
        let rest = Rect { y: inner.y + 1, height: inner.height - 1, ..inner };
        if batch.is_empty() {
            let said = Rect { x: rest.x + 2, y: rest.y + 1, width: rest.width.saturating_sub(4), height: 1 };
            super::line(buf, said, batch.tab.nothing(), look.theme.style(Role::Dim));
            return Drawn::default();
        }
        let table_area = Rect { width: rest.width - 1, ..rest };
        let height = table_area.height.saturating_sub(1);
        let selected = batch.selected_index();
        let window = list::window(self.batch_top, Some(selected), batch.len(), height);
        self.batch_top = window.start;
        let cells = rows::cells(batch.tab, record, window.clone());
        let columns = rows::columns(batch.tab);
        let drawn = table::Table { columns, rows: &cells, selected: selected.checked_sub(window.start) };
        table::draw(buf, table_area, look.theme, &drawn);
        for at in 0..cells.len() {
            let row = Rect { y: table_area.y + 1 + at as u16, height: 1, ..table_area };
            self.targets.add(row, Target::Row(window.start + at));
        }
        let bar = Rect { x: rest.right() - 1, y: rest.y + 1, width: 1, height };
        scrollbar::draw(buf, bar, look.theme, window.start, batch.len());
        Drawn { page: usize::from(height), ..Drawn::default() }
    }
}

impl Tab {
    fn title(self) -> &'static str {
        match self {
            Tab::Running => "In work",
            Tab::Failed => "Failed",
            Tab::Slowest => "Slowest of this run",
            Tab::Faults => "Faults of calls, by class",
            Tab::Servers => "Servers",
            Tab::Answers => "Requests to this run",
        }
    }

    /// What an empty list means.
    fn nothing(self) -> &'static str {
        match self {
            Tab::Running => "No example is in work.",
            Tab::Failed => "Nothing has failed.",
            Tab::Slowest => "No example has ended yet.",
            Tab::Faults => "No call has failed.",
            Tab::Servers => "Its models run in its own process.",
            Tab::Answers => "Nobody has asked it for anything.",
        }
    }
}

fn draw_tabs(buf: &mut Buffer, row: Rect, batch: &Batch, record: &RunRecord, look: Look<'_>) {
    let parts = Tab::ALL.map(|tab| {
        let (name, count) = (tab.name(), tab.count(record));
        let count = if count > 0 { format!(" {count}") } else { String::new() };
        let role = match tab {
            tab if tab == batch.tab => Role::Accent,
            Tab::Failed | Tab::Faults if !count.is_empty() => Role::Warning,
            _ => Role::Dim,
        };
        (if tab == batch.tab { format!(" [{name}{count}] ") } else { format!("  {name}{count}  ") }, role)
    });
    let styled = parts.iter().map(|(text, role)| (text.as_str(), look.theme.style(*role)));
    paint::parts(buf, (row.x, row.y), row.width, styled);
}

/// Which process a run is, and whether it is there.
fn standing(seen: &Seen) -> String {
    let process = &seen.record.process;
    let whose =
        if process.is_this() { "this process".to_owned() } else { format!("pid {} on {}", process.pid, process.host) };
    match seen.standing {
        Standing::Live => whose,
        Standing::Ended => format!("{whose}, ended"),
        Standing::Gone => format!("{whose}, gone"),
        Standing::Silent => format!("{whose}, silent for {}", status::clock(seen.age.as_secs())),
    }
}

fn empty(buf: &mut Buffer, area: Rect, app: &App, batch: &Batch, look: Look<'_>) {
    let key = |command| app.key_of(command).unwrap_or_default();
    let said: Vec<String> = match (&batch.error, &batch.runs) {
        (Some(error), _) => vec![error.clone()],
        (None, None) => vec!["Reading what the runs say…".to_owned()],
        (None, Some(runs)) => vec![
            "No run over many pairs has worked in this library yet.".to_owned(),
            format!("`retrace search pairs.jsonl --into {}` in another terminal begins one;", runs.root.display()),
            "it appears here within a second, and can be watched, paused and stopped from here.".to_owned(),
            format!(
                "With a file of pairs in the library, {} searches all of them in this process.",
                key(Command::SearchAll)
            ),
            format!("{} goes back to the {}", key(Command::Close), app.below().unwrap_or_default()),
        ],
    };
    for (at, text) in said.iter().enumerate() {
        let row = Rect { x: area.x + 2, y: area.y + 2 + at as u16, width: area.width.saturating_sub(4), height: 1 };
        if row.y < area.bottom() {
            super::line(buf, row, text, look.theme.style(if at == 0 { Role::Text } else { Role::Dim }));
        }
    }
}
