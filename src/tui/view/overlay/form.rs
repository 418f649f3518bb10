//! The form before a search.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::super::theme::Role;
use super::super::super::widgets::{paint, pane, text};
use super::super::{Look, View, layout};
use super::Over;
use crate::app::message::Target;
use crate::app::overlay::{Form, Knob};
use crate::reer::Objective;
use crate::text::width;

/// Cells of the names and of the values.
const NAME: u16 = 13;
const VALUE: u16 = 26;
/// Rows for why the pair does not fit.
const MISFIT: u16 = 3;
/// Rows for what the selected setting means, with the blank one above: what a row of 80 columns cuts is read here.
const MEANS: u16 = 3;

impl View {
    /// `misfit` says why the pair is too long for the scorer that is chosen.
    pub(super) fn draw_form(
        &mut self,
        buf: &mut Buffer,
        body: Rect,
        form: &Form,
        misfit: Option<&str>,
        look: Look<'_>,
    ) -> Over {
        let more = if misfit.is_some() { MISFIT } else { 0 };
        let area = layout::centred(body, 110, Knob::ALL.len() as u16 + 5 + MEANS + more);
        let theme = look.theme;
        paint::clear(buf, area, theme.style(Role::Overlay));
        let title = if form.begun { "Go on with the search" } else { "Settings of the search" };
        let inner = pane::draw(buf, area, theme, pane::Pane { title, right: "", focused: true });
        for (at, knob) in Knob::ALL.into_iter().enumerate() {
            let row = Rect { y: inner.y + at as u16, height: 1, ..inner };
            if row.y >= inner.bottom() {
                break;
            }
            self.targets.add(row, Target::Row(at));
            let selected = form.selected() == knob;
            let fixed = form.begun && !knob.may_change();
            let ground = theme.style(if selected { Role::Selection } else { Role::Overlay });
            paint::clear(buf, row, ground);
            let over = |role| if selected { ground } else { theme.style(role) };
            paint::put(buf, (row.x, row.y), 2, if selected { "▸ " } else { "  " }, ground);
            paint::fitted(buf, (row.x + 2, row.y), NAME, knob.name(), over(Role::Label));
            let value = if selected && !fixed { format!("‹ {} ›", form.value(knob)) } else { form.value(knob) };
            paint::fitted(
                buf,
                (row.x + 2 + NAME, row.y),
                VALUE,
                &value,
                over(if fixed { Role::Dim } else { Role::Text }),
            );
            let doc = if fixed { "as recorded" } else { knob.doc() };
            let x = row.x + 3 + NAME + VALUE;
            paint::fitted(buf, (x, row.y), row.right().saturating_sub(x), doc, over(Role::Dim));
        }
        let below = inner.y + Knob::ALL.len() as u16 + 1;
        let means = Rect { x: inner.x + 2, y: below, width: inner.width.saturating_sub(3), height: MEANS - 1 };
        let (knob, value) = (form.selected(), form.value(form.selected()));
        // A value that its row cuts short is read here.
        let whole = if width(&value) + 4 > usize::from(VALUE) { format!("{value} · ") } else { String::new() };
        let mut sheet = text::Sheet::new(&format!("{whole}{}", form.meaning(knob)), means.width.max(1));
        text::draw(buf, means.intersection(inner), &mut sheet, 0, text::Look::plain(theme));
        let cost = form.cost();
        let left_out = match cost.left_out {
            0 => String::new(),
            count => format!(", and about {count} scores without one segment"),
        };
        let said = [
            format!("At most {} generated texts and {} scores{left_out}.", cost.texts, cost.scores),
            match form.setup.search.objective {
                Objective::Nll => "Scores are in nats per token; 0.1 less is a perplexity 9.5 % lower.",
                Objective::ReerClipped => "The clipped score is in nats per token, 0 to 2, and is no perplexity.",
            }
            .to_owned(),
        ];
        for (at, text) in said.iter().enumerate() {
            let y = below + MEANS + at as u16;
            if y < inner.bottom() {
                super::super::line(
                    buf,
                    Rect { x: inner.x + 2, y, width: inner.width.saturating_sub(3), height: 1 },
                    text,
                    theme.style(Role::Dim),
                );
            }
        }
        if let Some(why) = misfit {
            let mut sheet = text::Sheet::new(&format!("! {why}"), inner.width.saturating_sub(3).max(1));
            // On a small screen it takes the place of what the numbers mean.
            let y = (below + MEANS + said.len() as u16).min(inner.bottom().saturating_sub(sheet.rows() as u16));
            let place = Rect { x: inner.x + 2, y, width: inner.width.saturating_sub(3), height: inner.bottom() - y };
            paint::clear(buf, place, theme.style(Role::Overlay));
            text::draw(buf, place, &mut sheet, 0, text::Look { base: Role::Error, ..text::Look::plain(theme) });
        }
        Over { cursor: None, page: Knob::ALL.len() }
    }
}
