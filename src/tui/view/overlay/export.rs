//! The export's preview.

use std::path::Path;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::super::theme::Role;
use super::super::super::widgets::{paint, pane, scrollbar, text};
use super::super::{Look, View, layout};
use super::Over;
use crate::app::overlay::{ExportView, Taken};
use crate::session::Verdict;
use crate::session::export::{Format, Queue};
use crate::text::fit_end;

impl View {
    pub(super) fn draw_export(
        &mut self,
        buf: &mut Buffer,
        body: Rect,
        (view, here): (&ExportView, &Path),
        look: Look<'_>,
    ) -> Over {
        let theme = look.theme;
        let area = layout::centred(body, 120, body.height.saturating_sub(2));
        paint::clear(buf, area, theme.style(Role::Overlay));
        let inner = pane::draw(buf, area, theme, pane::Pane { title: "Export", right: "", focused: true });
        if inner.height < 8 {
            return Over::default();
        }
        let shapes = Format::ALL.into_iter().map(|format| (format.name(), !view.every && format == view.format));
        let shapes: Vec<(String, Role)> = shapes
            .chain([("all of them", view.every)])
            .map(|(name, chosen)| match chosen {
                true => (format!(" [{name}] "), Role::Accent),
                false => (format!("  {name}  "), Role::Dim),
            })
            .collect();
        let Taken { sessions, flagged, changed } = view.taken(view.queue);
        let all = view.taken(Queue::All).sessions;
        let of_them = |count: usize, what: &str| match count {
            0 => String::new(),
            1 => format!("; 1 of them is {what}"),
            count => format!("; {count} of them are {what}"),
        };
        let flagged = of_them(flagged, "flagged");
        let changed = of_them(changed, "another text than what was judged");
        let samples = if view.samples { "; a sample counts once you did something with it" } else { "" };
        let queue = match view.queue {
            Queue::Kept => format!("kept: {sessions} of {all} sessions{flagged}{changed}{samples}"),
            Queue::Unflagged => format!("kept and not flagged: {sessions} of {all} sessions{changed}{samples}"),
            Queue::All => format!("all: {sessions} sessions, judged or not{flagged}{changed}"),
        };
        let queue = fit_end(&queue, usize::from(inner.width).saturating_sub(9)).into_owned();
        // Where that is can be seen from no screen otherwise.
        let folder = here.join(&view.to).display().to_string();
        let lines: [Vec<(String, Role)>; 3] = [
            [vec![("shape  ".to_owned(), Role::Label)], shapes].concat(),
            vec![("queue  ".to_owned(), Role::Label), (queue, Role::Text)],
            vec![("folder ".to_owned(), Role::Label), (folder, Role::Text)],
        ];
        for (at, parts) in lines.iter().enumerate() {
            let styled = parts.iter().map(|(text, role)| (text.as_str(), theme.style(*role)));
            paint::parts(buf, (inner.x + 1, inner.y + at as u16), inner.width - 1, styled);
        }
        let (said, role) = match &view.done {
            Some(Ok(said)) => (said.clone(), Role::Better),
            Some(Err(why)) => (format!("✗ {why}"), Role::Error),
            None => (String::new(), Role::Text),
        };
        // What went wrong is read whole, with its remedy.
        let mut sheet = text::Sheet::new(&said, (inner.width - 2).max(1));
        let rows = (sheet.rows() as u16).clamp(1, (inner.height - 6).max(1));
        let place = Rect { x: inner.x + 1, y: inner.y + 3, width: inner.width - 2, height: rows };
        text::draw(buf, place, &mut sheet, 0, text::Look { base: role, ..text::Look::plain(theme) });
        let rest = Rect { y: inner.y + 3 + rows, height: inner.height - 3 - rows, ..inner };
        let version = view.version.as_ref().map(|version| format!(", {version}")).unwrap_or_default();
        let title = match &view.shown {
            None => "A row, as the trainer reads it".to_owned(),
            Some(shown) => {
                let name = shown.called();
                let why = match shown.verdict {
                    _ if !view.has_file => "has no file yet",
                    Verdict::Keep => "is flagged",
                    _ => "is not kept",
                };
                match view.is_written() {
                    true => format!("The row of {name}{version}, as the trainer reads it"),
                    false => format!("What the row of {name}{version} would be; it {why}, and is not written"),
                }
            }
        };
        let place = pane::draw(buf, rest, theme, pane::Pane { title: &title, right: "", focused: false });
        let (shown, role) = match &view.preview {
            Some(Ok(row)) => (row.clone(), Role::Text),
            Some(Err(why)) => (format!("It has no row: {why}."), Role::Warning),
            None if view.session.is_none() => ("Open a session to see its row here.".to_owned(), Role::Dim),
            None => ("…".to_owned(), Role::Dim),
        };
        let text_area = Rect { width: place.width.saturating_sub(1), ..place };
        let sheet = self.sheets.get(&shown, text_area.width.max(1));
        let first = view.top.min(sheet.last_top(place.height));
        text::draw(buf, text_area, sheet, first, text::Look { base: role, ..text::Look::plain(theme) });
        scrollbar::draw(
            buf,
            Rect { x: place.right().saturating_sub(1), width: 1, ..place },
            theme,
            first,
            sheet.rows(),
        );
        Over::default()
    }
}
