//! The trajectory's pane before there is a version: the draft as it comes in, or what to do.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::super::widgets::text;
use super::super::{Look, View};
use super::empty;
use crate::app::App;
use crate::app::bench::Bench;
use crate::app::command::Command;
use crate::engine::desk::Work;

impl View {
    /// The draft, else a sentence with the keys that help.
    pub(super) fn draw_without_version(
        &mut self,
        buf: &mut Buffer,
        inner: Rect,
        app: &App,
        bench: &Bench,
        look: Look<'_>,
    ) {
        let unscored = || {
            let mut drafts = bench.search()?.tree().iter().filter_map(|(_, version)| version.trajectory.as_ref());
            drafts.next_back().map(crate::reer::Trajectory::text)
        };
        if let Some(draft) = bench.streams.draft().map(str::to_owned).or_else(unscored) {
            let area = Rect { width: inner.width - 1, ..inner };
            let sheet = self.sheets.get(&draft, area.width);
            let first = sheet.last_top(inner.height);
            text::draw(buf, area, sheet, first, text::Look::plain(look.theme));
            return;
        }
        let key = |command| app.key_of(command).unwrap_or_default();
        let said: Vec<String> = if bench.loading {
            vec!["Reading the session…".to_owned()]
        } else if bench.activity.work != Work::Idle || bench.is_searching() {
            vec!["The first draft is being made and scored…".to_owned()]
        } else if let Some(failure) = bench.state.errors.last() {
            vec![format!("{}: {}", failure.purpose, failure.message), format!("{} tries again", key(Command::Run))]
        } else if bench.state.example.is_none() {
            vec!["This file holds no example.".to_owned(), format!("{} goes back", key(Command::Close))]
        } else {
            vec![
                "No thinking yet: the query and the text are here, the way from one to the other is not.".to_owned(),
                format!("{}  drafts some and searches for better", key(Command::Run)),
                format!("{}  the same, with settings of your choice", key(Command::RunWith)),
                format!("{}  writes a draft of your own", key(Command::Edit)),
            ]
        };
        let said: Vec<&str> = said.iter().map(String::as_str).collect();
        empty(buf, inner, look.theme, &said);
    }
}
