//! The trajectory's pane before there is a version: the draft as it comes in, or what to do.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::super::theme::Role;
use super::super::super::widgets::text;
use super::super::{Look, View};
use super::empty;
use crate::app::App;
use crate::app::bench::{Bench, waiting_in_words};
use crate::app::command::Command;
use crate::engine::desk::Work;
use crate::reer::search::Search;
use crate::session::Status;

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
        let key = |command| app.screen_key_of(command).unwrap_or_default();
        let unscored = || {
            let mut drafts = bench.search()?.tree().iter().filter_map(|(_, version)| version.trajectory.as_ref());
            drafts.next_back().map(crate::reer::Trajectory::text)
        };
        let idle = bench.activity.work == Work::Idle && !bench.is_searching();
        let failure = failure(bench).filter(|_| idle);
        let again_drafted = bench.search().and_then(Search::drafts_again).filter(|_| !idle);
        if let Some(draft) = bench.streams.draft().map(str::to_owned).or_else(unscored) {
            let mut area = Rect { width: inner.width - 1, ..inner };
            // Why the draft has no score comes before it.
            if let Some(failure) = failure {
                let said = format!("{failure}\n{}. The draft, not scored:\n\n", again(app));
                area = self.draw_above(buf, area, &said, look);
            } else if let Some(said) = again_drafted {
                area = self.draw_above(buf, area, &format!("{said}\n\n"), look);
            }
            let sheet = self.sheets.get(&draft, area.width);
            // What comes in is followed, what is there is read from its beginning.
            let first = if idle { 0 } else { sheet.last_top(area.height) };
            text::draw(buf, area, sheet, first, text::Look::plain(look.theme));
            return;
        }
        let said: Vec<String> = if bench.loading {
            vec!["Reading the session…".to_owned()]
        } else if let Some(waiting) = bench.waiting.as_ref().filter(|_| !idle) {
            let goes_on = "The first draft is made and scored as soon as that server answers".to_owned();
            vec![format!("● {}", waiting_in_words(waiting)), goes_on, format!("{}  pauses", key(Command::Play))]
        } else if !idle {
            again_drafted.into_iter().chain(["The first draft is being made and scored…".to_owned()]).collect()
        } else if let Some(failure) = failure {
            vec![failure, again(app)]
        } else if bench.state.example.is_none() {
            vec!["This file holds no example.".to_owned(), format!("{} goes back", key(Command::Close))]
        } else if let Some(why) = app.misfit() {
            vec![
                format!("It cannot be searched as it is: {why}."),
                format!("{}  chooses another scorer", key(Command::RunWith)),
                format!("{}  begins a session from a shorter text", key(Command::New)),
            ]
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

/// What can be done about a failure.
fn again(app: &App) -> String {
    let key = |command| app.screen_key_of(command).unwrap_or_default();
    format!("{} tries again, {} with other back ends", key(Command::Run), key(Command::RunWith))
}

impl View {
    /// Says why the search failed above the segments, as long as nothing is done about it; where the segments go.
    pub(super) fn draw_failure(
        &mut self,
        buf: &mut Buffer,
        inner: Rect,
        app: &App,
        bench: &Bench,
        look: Look<'_>,
    ) -> Rect {
        let idle = bench.activity.work == Work::Idle && !bench.is_searching();
        let Some(why) = stopped(bench).filter(|_| idle && bench.is_at_end()) else { return inner };
        self.draw_above(buf, inner, &format!("{why}. {}.\n\n", again(app)), look)
    }

    /// What went wrong, above the rest of a pane; where the rest goes.
    fn draw_above(&mut self, buf: &mut Buffer, area: Rect, said: &str, look: Look<'_>) -> Rect {
        let sheet = self.sheets.get(said, area.width.saturating_sub(1).max(1));
        let rows = (sheet.rows() as u16).min(area.height / 2);
        let look = text::Look { base: Role::Error, ..text::Look::plain(look.theme) };
        text::draw(buf, Rect { height: rows, ..area }, sheet, 0, look);
        Rect { y: area.y + rows, height: area.height - rows, ..area }
    }
}

/// Why the search stopped, when it failed.
fn stopped(bench: &Bench) -> Option<String> {
    let stop = bench.state.stop.as_ref().filter(|_| bench.state.status() == Status::Failed);
    stop.and_then(|stop| stop.detail.clone()).map(|why| format!("The search failed: {why}"))
}

/// Why there is no version with a score, when something failed.
fn failure(bench: &Bench) -> Option<String> {
    stopped(bench).or_else(|| bench.state.errors.last().map(|error| format!("{}: {}", error.purpose, error.message)))
}
