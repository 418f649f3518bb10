//! Drawing the visible rows of a sheet, with what its stretches mean laid over it.

use std::ops::Range;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::super::paint::{cell, put};
use super::Sheet;
use super::sheet::Place;
use crate::text::{graphemes, width};
use crate::tui::theme::{Role, Theme};

/// How tinted words are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Bands {
    /// By the styles of their roles alone.
    #[default]
    Colour,
    /// Also by signs, for terminals with few colours or none: the strongest band of each row in the gutter. The text
    /// itself stays as it is; its styles differ in shape there, not in colour alone.
    Signs,
}

/// Cells that the gutter takes from the area's width; the sheet must be that much narrower.
pub fn gutter(bands: Bands) -> u16 {
    match bands {
        Bands::Colour => 0,
        Bands::Signs => 3,
    }
}

/// How a sheet is drawn.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    pub theme: &'a Theme,
    /// The ground of the text: [`Role::Text`] as a rule.
    pub base: Role,
    /// Laid over each other in this order: syntax, tint, leak, find.
    pub layers: &'a [&'a [(Range<usize>, Role)]],
    pub bands: Bands,
}

impl<'a> Look<'a> {
    /// Text without anything laid over it.
    pub fn plain(theme: &'a Theme) -> Look<'a> {
        Look { theme, base: Role::Text, layers: &[], bands: Bands::Colour }
    }
}

/// Draws the beginning of `sheet` into `area`, an ellipsis standing for the rows that have no room.
pub fn draw_folded(buf: &mut Buffer, area: Rect, sheet: &mut Sheet, look: Look<'_>) {
    draw(buf, area, sheet, 0, look);
    let area = area.intersection(buf.area);
    let Some(last) = area.height.checked_sub(1).filter(|last| sheet.row(usize::from(*last) + 1).is_some()) else {
        return;
    };
    let Some(place) = sheet.row(usize::from(last)) else { return };
    let text = sheet.safe()[place.shown].trim_end_matches(['\n', ' ']);
    let end = gutter(look.bands) + place.indent + width(text).min(usize::from(u16::MAX / 2)) as u16;
    let x = area.x + end.min(area.width.saturating_sub(1));
    put(buf, (x, area.y + last), area.width.min(1), "…", look.theme.style(Role::Dim));
}

/// Draws the rows of `sheet` from `first_row` on into `area`.
pub fn draw(buf: &mut Buffer, area: Rect, sheet: &mut Sheet, first_row: usize, look: Look<'_>) {
    let area = area.intersection(buf.area);
    let gutter = gutter(look.bands).min(area.width);
    for line in 0..area.height {
        let Some(place) = sheet.row(first_row + usize::from(line)) else { break };
        let layers = Layers::of(sheet, &place, look);
        if let Some((sign, style)) = layers.sign(look) {
            put(buf, (area.x, area.y + line), gutter, sign, style);
        }
        let text = Rect { x: area.x + gutter, y: area.y + line, width: area.width - gutter, height: 1 };
        draw_row(buf, text, sheet, &place, layers, look.theme.style(look.base));
    }
}

fn draw_row(buf: &mut Buffer, area: Rect, sheet: &Sheet, place: &Place, layers: Layers, base: Style) {
    let mut used = place.indent.min(area.width);
    for (at, grapheme) in graphemes(&sheet.safe()[place.shown.clone()]) {
        let here = place.shown.start + at..place.shown.start + at + grapheme.len();
        if grapheme == "\n" {
            break;
        }
        let cells = cell(buf, (area.x + used, area.y), area.width - used, grapheme, layers.at(&here, base));
        if cells == 0 && width(grapheme) > 0 {
            break;
        }
        used += cells;
    }
}

/// The stretches that touch one row, as bytes of the safe text.
struct Layers {
    layers: Vec<Vec<Stretch>>,
    signs: bool,
}

struct Stretch {
    shown: Range<usize>,
    role: Role,
    style: Style,
}

impl Layers {
    fn of(sheet: &Sheet, place: &Place, look: Look<'_>) -> Layers {
        let raw = sheet.safe().raw(place.shown.clone());
        let signs = look.bands == Bands::Signs;
        let layers = look.layers.iter().map(|spans| {
            let first = spans.partition_point(|(span, _)| span.end <= raw.start);
            let touching = spans[first..].iter().take_while(|(span, _)| span.start < raw.end);
            let stretch = |(span, role): &(Range<usize>, Role)| Stretch {
                shown: sheet.safe().shown(span.clone()),
                role: *role,
                style: look.theme.style(*role),
            };
            touching.map(stretch).collect()
        });
        Layers { layers: layers.collect(), signs }
    }

    /// Style of the grapheme at `here`.
    fn at(&self, here: &Range<usize>, base: Style) -> Style {
        let mut style = base;
        for stretches in &self.layers {
            let at = stretches.partition_point(|stretch| stretch.shown.end <= here.start);
            if let Some(stretch) = stretches.get(at).filter(|stretch| stretch.shown.start < here.end) {
                // On a band's own ground the colour of a copied run could not be read: its other marks are laid there.
                let on_band = stretch.role == Role::Leak && style.bg != base.bg;
                let over = if on_band { Style { fg: None, ..stretch.style } } else { stretch.style };
                style = style.patch(over);
            }
        }
        style
    }

    /// What the gutter says of the row: its strongest band.
    fn sign(&self, look: Look<'_>) -> Option<(&'static str, Style)> {
        let bands = self.layers.iter().flatten().filter_map(|stretch| Some((marks(stretch.role)?, stretch.role)));
        let (marks, role) = bands.filter(|_| self.signs).max_by_key(|(marks, _)| marks.strength)?;
        Some((marks.sign, look.theme.style(role)))
    }
}

/// What tells a band of a row without colours.
struct Marks {
    /// The strongest one of a row is what its gutter says; a copied run is stronger than any tint.
    strength: u8,
    sign: &'static str,
}

/// The marks of a role; none for roles that are no band.
fn marks(role: Role) -> Option<Marks> {
    let (strength, sign) = match role {
        Role::Cheaper1 => (1, "−1"),
        Role::Cheaper2 => (2, "−2"),
        Role::Cheaper3 => (3, "−3"),
        Role::Dearer1 => (1, "+1"),
        Role::Dearer2 => (2, "+2"),
        Role::Dearer3 => (3, "+3"),
        Role::Surprise1 => (1, "!1"),
        Role::Surprise2 => (2, "!2"),
        Role::Surprise3 => (3, "!3"),
        Role::Leak => (4, "=="),
        _ => return None,
    };
    Some(Marks { strength, sign })
}

/// What the gutter says of a band, and the legend too.
pub(in crate::tui::widgets) fn sign_of(role: Role) -> &'static str {
    marks(role).map_or("", |marks| marks.sign)
}

#[cfg(test)]
mod tests {
    use super::super::Spans;
    use super::*;
    use crate::tui::widgets::picture::{styles_of, text_of};
    use proptest::prelude::*;

    fn drawn(raw: &str, (width, height): (u16, u16), first: usize, look: Look<'_>) -> Buffer {
        let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
        let mut sheet = Sheet::new(raw, width.saturating_sub(gutter(look.bands)));
        draw(&mut buf, Rect::new(0, 0, width, height), &mut sheet, first, look);
        buf
    }

    #[test]
    fn only_the_visible_rows_are_drawn() {
        let theme = Theme::mono();
        let text = "one two three\n  four five\n思考的灯塔";
        insta::assert_snapshot!(text_of(&drawn(text, (8, 4), 1, Look::plain(&theme))), @"
        three
          four
          five
        思考的灯
        ");
    }

    #[test]
    fn the_gutter_says_what_a_row_holds_and_the_text_stays() {
        let theme = Theme::mono();
        let text = "the lamp has been kind to me this winter";
        let tint = [(8..17, Role::Cheaper2), (23..25, Role::Dearer3), (34..40, Role::Surprise1)];
        let look = Look { layers: &[&tint], bands: Bands::Signs, ..Look::plain(&theme) };
        let buf = drawn(text, (22, 3), 0, look);
        insta::assert_snapshot!(text_of(&buf), @"
        −2 the lamp has been
        +3 kind to me this
        !1 winter
        ");
    }

    #[test]
    fn a_copied_run_on_a_band_is_read_as_the_band_is() {
        use crate::tui::theme::Depth;
        use ratatui::style::Modifier;
        for name in ["dark", "light", "high-contrast", "colour-blind"] {
            let theme = Theme::load(name, Depth::True, None).unwrap();
            for band in [Role::Cheaper1, Role::Cheaper3, Role::Dearer2, Role::Dearer3, Role::Surprise3] {
                let (tint, copied) = ([(0..8, band)], [(4..12, Role::Leak)]);
                let look = Look { layers: &[&tint, &copied], ..Look::plain(&theme) };
                let buf = drawn("the lamp has been", (20, 1), 0, look);
                let (of_band, both, alone) = (&buf[(0, 0)], &buf[(5, 0)], &buf[(10, 0)]);
                assert_eq!((both.fg, both.bg), (of_band.fg, of_band.bg), "{name} {band:?}");
                assert!(both.modifier.contains(Modifier::UNDERLINED), "{name} {band:?}");
                assert_eq!(Some(alone.fg), theme.style(Role::Leak).fg, "{name} {band:?}");
            }
        }
    }

    #[test]
    fn a_folded_text_ends_in_an_ellipsis() {
        let theme = Theme::mono();
        for (text, height, expected) in [
            ("the lamp has been kind", 2, "the lamp\nhas been…"),
            ("the lamp has been", 2, "the lamp\nhas been"),
            ("lighthouses on", 1, "lighthous…"),
            ("one\n\ntwo", 2, "one\n…"),
        ] {
            let mut buf = Buffer::empty(Rect::new(0, 0, 10, height));
            draw_folded(&mut buf, Rect::new(0, 0, 10, height), &mut Sheet::new(text, 10), Look::plain(&theme));
            assert_eq!(text_of(&buf), expected);
        }
    }

    #[test]
    fn layers_lie_over_each_other() {
        let theme = Theme::mono();
        let (under, over) = ([(0..8, Role::Dim)], [(4..12, Role::Accent)]);
        let look = Look { layers: &[&under, &over], ..Look::plain(&theme) };
        insta::assert_snapshot!(styles_of(&drawn("the lamp has been", (20, 1), 0, look)), @"
        0.0 the  | DIM
        0.4 lamp | BOLD | DIM
        0.8  has | BOLD
        ");
    }

    proptest! {
        #[test]
        fn any_text_at_any_size(raw in "\\PC{0,60}|[a-z\t\n\u{1b}思👍🏽\u{301} ]{0,60}", w in 0u16..=30, h in 0u16..=12, first in 0usize..9, cut in 0usize..60) {
            let theme = Theme::mono();
            let tint = [(0..cut, Role::Cheaper2), (cut..cut + 9, Role::Dearer1)];
            for bands in [Bands::Colour, Bands::Signs] {
                let look = Look { layers: &[&tint], bands, ..Look::plain(&theme) };
                let mut buf = drawn(&raw, (w, h), first, look);
                draw_folded(&mut buf, Rect::new(0, 0, w, h), &mut Sheet::new(&raw, w), look);
            }
        }

        #[test]
        fn signs_leave_the_text_as_it_is(raw in "[a-z]{1,9}( [a-z]{1,9}){0,20}", w in 10u16..30, cuts in proptest::collection::vec(1usize..12, 0..20)) {
            let theme = Theme::mono();
            let roles = [Role::Cheaper1, Role::Dearer2, Role::Surprise3, Role::Leak];
            let mut at = 0;
            let bands = cuts.chunks_exact(2).zip(roles.iter().cycle()).map(|(cut, role)| {
                let start = at + cut[0];
                at = start + cut[1];
                (start..at, *role)
            });
            let bands: Spans = bands.collect();
            let look = Look { layers: &[&bands], bands: Bands::Signs, ..Look::plain(&theme) };
            let signs = text_of(&drawn(&raw, (w + gutter(Bands::Signs), 20), 0, look));
            let plain = text_of(&drawn(&raw, (w, 20), 0, Look::plain(&theme)));
            for (with, without) in signs.lines().zip(plain.lines()) {
                let with: String = with.chars().skip(usize::from(gutter(Bands::Signs))).collect();
                prop_assert_eq!(with.trim_end(), without);
            }
        }

        #[test]
        fn the_rows_drawn_are_the_text(raw in "[a-z]{1,9}( [a-z]{1,9}){0,20}", w in 10u16..30) {
            let buf = drawn(&raw, (w, 40), 0, Look::plain(&Theme::mono()));
            let words = text_of(&buf).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words, raw.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        }
    }
}
