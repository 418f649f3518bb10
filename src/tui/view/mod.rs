//! The screen as a function of the workbench's state: layout, panes, overlays. What it keeps from frame to frame is
//! only what was wrapped, and how far panes are scrolled.

mod batch;
mod bench;
mod hints;
mod layout;
mod library;
mod overlay;
mod scroll;
mod status;
mod target;

use std::collections::BTreeMap;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::theme::{Role, Theme};
use super::widgets::chart::Placed;
use super::widgets::code::Highlighter;
use super::widgets::diff::Comparisons;
use super::widgets::editor::Editor;
use super::widgets::paint;
use super::widgets::text::{Bands, Sheets};
use crate::app::App;
use crate::app::bench::Pane;
use crate::app::effect::Scroll;
use crate::app::overlay::Overlay;
use scroll::Window;
pub use target::Targets;

/// Smallest screen that shows anything but a sentence.
const LEAST: (u16, u16) = (60, 18);

/// What the screen keeps from frame to frame.
#[derive(Default)]
pub struct View {
    sheets: Sheets,
    windows: BTreeMap<Pane, Window>,
    chart: Option<Placed>,
    /// The session whose panes these are, by its key, and how far those of the others are scrolled.
    of: String,
    others: BTreeMap<String, BTreeMap<Pane, Window>>,
    /// First row of the list on top, of the library and of the batch screen's list.
    list_top: usize,
    library_top: usize,
    batch_top: usize,
    /// What stood where, for the mouse.
    pub targets: Targets,
    /// The text that is being written.
    pub editor: Option<Editor>,
    highlighter: Option<Highlighter>,
    copied: bench::CopiedRuns,
    comparisons: Comparisons,
}

/// What a frame is drawn with.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    pub theme: &'a Theme,
    pub bands: Bands,
}

/// What drawing found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drawn {
    /// Where the terminal's cursor belongs: where text is being written.
    pub cursor: Option<Position>,
    /// Rows of the list on the screen.
    pub page: usize,
    /// A long text is not wrapped to its end yet: another frame should follow.
    pub unfinished: bool,
}

impl View {
    /// A screen that has shown nothing yet; without a highlighter, texts are shown plain.
    pub fn new(highlighter: Option<Highlighter>) -> View {
        View { highlighter, ..View::default() }
    }

    /// Lets what takes longer than a frame may be found by threads, which call `done` when there is more to show.
    pub fn working_aside(self, done: impl Fn() + Send + Sync + 'static) -> View {
        View { copied: bench::CopiedRuns::aside(done), ..self }
    }

    /// Scrolls a pane; carried out with the next frame, which knows how high it is.
    pub fn scroll(&mut self, pane: Pane, by: Scroll) {
        self.windows.entry(pane).or_default().ask(by);
    }

    /// Another session's panes are scrolled as that one was left, from the top when it was not seen yet.
    fn turn_to(&mut self, key: &str) {
        if self.of == key {
            return;
        }
        let windows = self.others.remove(key).unwrap_or_default();
        let left = std::mem::replace(&mut self.of, key.to_owned());
        self.others.insert(left, std::mem::replace(&mut self.windows, windows));
        self.chart = None;
    }

    /// Draws everything.
    pub fn draw(&mut self, buf: &mut Buffer, app: &App, look: Look<'_>) -> Drawn {
        let area = buf.area;
        self.targets.clear();
        paint::clear(buf, area, look.theme.ground());
        if area.width < LEAST.0 || area.height < LEAST.1 {
            too_small(buf, look.theme);
            return Drawn::default();
        }
        let parts = layout::frame(area, app.tour().is_some());
        status::draw(buf, parts.status, app, look.theme);
        let mut drawn = match app.bench() {
            Some(bench) => {
                self.turn_to(&bench.key);
                self.draw_bench(buf, parts.body, app, bench, look)
            }
            None => match app.batch() {
                Some(batch) => self.draw_batch(buf, parts.body, app, batch, look),
                None => self.draw_library(buf, parts.body, app, look),
            },
        };
        hints::tour(buf, parts.tour, app, look.theme);
        hints::draw(buf, parts.hints, app, look.theme);
        for (at, overlay) in app.overlays.iter().enumerate() {
            let top = at + 1 == app.overlays.len();
            let over = self.draw_overlay(buf, parts.body, app, overlay, top, look);
            if top {
                drawn.cursor = over.cursor;
                drawn.page = if over.page > 0 { over.page } else { drawn.page };
            }
        }
        if !app.overlays.iter().any(|overlay| matches!(overlay, Overlay::Writing(_))) {
            self.editor = None;
        }
        hints::which_key(buf, parts.body, app, look.theme);
        hints::notices(buf, parts.hints, app, look.theme);
        drawn.unfinished = self.sheets.advance();
        drawn
    }
}

fn too_small(buf: &mut Buffer, theme: &Theme) {
    let area = buf.area;
    let said =
        format!("retrace needs {} columns and {} rows; this is {}x{}", LEAST.0, LEAST.1, area.width, area.height);
    let mut sheet = super::widgets::text::Sheet::new(&said, area.width.max(1));
    let look = super::widgets::text::Look { base: Role::Warning, ..super::widgets::text::Look::plain(theme) };
    super::widgets::text::draw(buf, area, &mut sheet, 0, look);
}

/// Puts one line of text, cut to the area with an ellipsis.
fn line(buf: &mut Buffer, area: Rect, text: &str, style: ratatui::style::Style) -> u16 {
    if area.is_empty() {
        return 0;
    }
    paint::fitted(buf, (area.x, area.y), area.width, text, style)
}
