//! What lies over a screen.

mod export;
mod form;
mod list;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::super::theme::{Role, Theme};
use super::super::widgets::{field, paint, pane};
use super::{Look, View, layout};
use crate::app::App;
use crate::app::bench::{Pane, Writing};
use crate::app::command::{Command, Context};
use crate::app::overlay::{Overlay, Prompt, Text, Wanting};

/// What drawing an overlay found out.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Over {
    pub cursor: Option<Position>,
    pub page: usize,
}

impl View {
    pub(super) fn draw_overlay(
        &mut self,
        buf: &mut Buffer,
        body: Rect,
        app: &App,
        overlay: &Overlay,
        top: bool,
        look: Look<'_>,
    ) -> Over {
        match overlay {
            Overlay::List(picker) => self.draw_list(buf, body, picker, look),
            Overlay::Field(prompt) => Over { cursor: draw_field(buf, body, app, prompt, look.theme), page: 0 },
            Overlay::Writing(about) => self.draw_writing(buf, body, app, about, top, look),
            Overlay::Form(form) => {
                let misfit = app.bench().and_then(|bench| bench.misfit(&form.setup.scorer));
                self.draw_form(buf, body, form, misfit, look)
            }
            Overlay::Export(view) => self.draw_export(buf, body, (view, &app.here), look),
        }
    }

    /// The editor: over the pane that the text belongs to, so that the others can still be read.
    fn draw_writing(
        &mut self,
        buf: &mut Buffer,
        body: Rect,
        app: &App,
        about: &Text,
        top: bool,
        look: Look<'_>,
    ) -> Over {
        let area = match (about, app.bench()) {
            (Text::Of(_, writing), Some(bench)) if !bench.zoom => {
                let panes = layout::panes(body, bench.focus, Pane::Reference, false);
                let place = if *writing == Writing::Note { panes.query.or(panes.reference) } else { panes.trajectory };
                place.unwrap_or(body)
            }
            _ => layout::centred(body, 100, body.height.saturating_sub(4).max(12)),
        };
        paint::clear(buf, area, look.theme.style(Role::Overlay));
        let Some(editor) = &mut self.editor else { return Over::default() };
        let changed = if editor.is_changed() { "changed" } else { "" };
        let title = about.title(app.bench());
        let pane = pane::Pane { title: &title, right: changed, focused: true };
        let inner = pane::draw(buf, area, look.theme, pane);
        let cursor = editor.draw(buf, inner, look.theme);
        // Known once it is drawn, so the title is written again.
        if let Some(standing) = editor.standing() {
            let right = if changed.is_empty() { standing } else { format!("{changed} · {standing}") };
            pane::draw(buf, area, look.theme, pane::Pane { right: &right, ..pane });
        }
        Over { cursor: cursor.filter(|_| top), page: 0 }
    }
}

/// The words that the key completes with.
fn offers(app: &App, prompt: &Prompt) -> String {
    let key = app.keymap.keys_of(&[Context::Field], Command::Complete).into_iter().next();
    match (key, prompt.offers().as_slice()) {
        (None, _) | (_, []) => String::new(),
        (Some(key), offers) => format!("{key}: {}", offers.join(" · ")),
    }
}

/// A line that is typed, at the bottom of the body.
fn draw_field(buf: &mut Buffer, body: Rect, app: &App, prompt: &Prompt, theme: &Theme) -> Option<Position> {
    let area = Rect { y: body.bottom().saturating_sub(3), height: 3.min(body.height), ..body };
    paint::clear(buf, area, theme.style(Role::Overlay));
    let right = match (prompt.wanting, app.bench()) {
        (Wanting::Find(_), Some(bench)) => match bench.matches().len() {
            0 if prompt.line.text().is_empty() => String::new(),
            0 => "not found".to_owned(),
            n => format!("{n} found"),
        },
        (Wanting::Filter, _) => format!("{} left", app.library.len()),
        (Wanting::Tag, _) => offers(app, prompt),
        _ => prompt.aside.clone(),
    };
    let right = prompt.error.clone().unwrap_or(right);
    let inner = pane::draw(buf, area, theme, pane::Pane { title: prompt.label(), right: &right, focused: true });
    field::draw(buf, inner, theme, &prompt.line, prompt.placeholder())
}
