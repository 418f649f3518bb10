//! A theme file: `[palette]` names colours and `[styles]` gives roles their styles. Where there are fewer colours,
//! `[palette-256]` and `[palette-16]` change colours, `[styles-256]` and `[styles-16]` change styles.

use std::collections::BTreeMap;
use std::ops::Range;

use ratatui::style::Style;
use toml_edit::{Document, Item, Table};

use super::inherit::parent;
use super::words::{self, Palette, nearest};
use super::{Depth, Role};
use crate::text::{begins, line_at};

/// What is wrong with a theme file: the line, from 1, and a sentence with the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub line: usize,
    pub what: String,
}

/// Styles by role, of one table.
type Styles = BTreeMap<Role, Style>;

/// A theme as it was written, for every depth.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ThemeFile {
    many: Styles,
    in_256: Styles,
    in_16: Styles,
}

/// The tables a file may have.
const TABLES: [&str; 6] = ["styles", "palette", "styles-256", "palette-256", "styles-16", "palette-16"];

/// What a theme says of itself: the first sentence of the comment at its top, without its own name.
pub(super) fn about(text: &str) -> String {
    let comment = text.lines().map_while(|line| line.strip_prefix('#')).map(str::trim);
    let paragraph = comment.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join(" ");
    let said = paragraph.split_once("`: ").map_or(paragraph.as_str(), |(_, said)| said);
    said.split(". ").next().unwrap_or_default().trim_end_matches('.').to_owned()
}

impl ThemeFile {
    /// Reads a file's text.
    ///
    /// # Errors
    /// The first thing in it that means nothing.
    pub fn parse(text: &str) -> Result<ThemeFile, Wrong> {
        let document = Document::parse(text).map_err(|error| {
            let noticed = line(text, error.span());
            // A list without its end is noticed far below the line that it begins at.
            let begins = begins(text, noticed, |part| Document::parse(part).is_ok());
            let far = if begins < noticed {
                format!("what begins here goes wrong by line {noticed}: ")
            } else {
                String::new()
            };
            Wrong { line: begins, what: format!("{far}{}", error.message().lines().collect::<Vec<_>>().join("; ")) }
        })?;
        let root = document.as_table();
        if let Some((name, _)) = root.iter().find(|(name, _)| !TABLES.contains(name)) {
            let near = nearest(name, TABLES.into_iter()).map(|near| format!("; did you mean [{near}]?"));
            let what = format!("a theme has no [{name}]{}", near.unwrap_or_default());
            return Err(Wrong { line: line(text, span(root, name)), what });
        }
        let palette = palette(text, root, "palette", None)?;
        let fewer = |colours, styles| {
            let reader = Reader { text, palette: self::palette(text, root, colours, Some(&palette))? };
            let mut all = reader.styles(root, "styles")?;
            all.extend(reader.styles(root, styles)?);
            Ok(all)
        };
        let (in_256, in_16) = (fewer("palette-256", "styles-256")?, fewer("palette-16", "styles-16")?);
        let many = Reader { text, palette }.styles(root, "styles")?;
        match many.contains_key(&Role::Text) {
            true => Ok(ThemeFile { many, in_256, in_16 }),
            false => {
                let what =
                    "[styles] lacks `text`, from which all other roles inherit; add text = \"default\"".to_owned();
                Err(Wrong { line: line(text, span(root, "styles")), what })
            }
        }
    }

    /// The style of a role in this many colours; at none, what is left of it without them.
    pub fn style(&self, role: Role, depth: Depth) -> Style {
        let styles = match depth {
            Depth::Ansi16 => &self.in_16,
            Depth::Ansi256 => &self.in_256,
            Depth::True | Depth::Mono => &self.many,
        };
        match (styles.get(&role), parent(role)) {
            (Some(style), _) => depth.fit(*style),
            (None, Some(parent)) => self.style(parent, depth),
            (None, None) => Style::new(),
        }
    }
}

/// The colours of one table over those of `before`, which alone may name new ones.
fn palette(text: &str, root: &Table, name: &str, before: Option<&Palette>) -> Result<Palette, Wrong> {
    let mut palette = before.cloned().unwrap_or_default();
    let Some(table) = table(text, root, name)? else { return Ok(palette) };
    for (name, item) in table.iter() {
        let wrong = |what: String| Wrong { line: line(text, span(table, name)), what };
        if before.is_some_and(|before| !before.contains_key(name)) {
            return Err(wrong(format!("[palette] has no colour {name}; name it there first")));
        }
        let word = item.as_str().ok_or_else(|| wrong(format!("the colour {name} must be text, as in \"#d0d4da\"")))?;
        let color = words::color(word, &palette).map_err(wrong)?;
        palette.insert(name.to_owned(), color);
    }
    Ok(palette)
}

struct Reader<'a> {
    text: &'a str,
    palette: Palette,
}

impl Reader<'_> {
    fn styles(&self, root: &Table, name: &str) -> Result<Styles, Wrong> {
        let mut styles = Styles::new();
        let Some(table) = table(self.text, root, name)? else { return Ok(styles) };
        for (name, item) in table.iter() {
            let wrong = |what: String| Wrong { line: line(self.text, span(table, name)), what };
            let role = Role::ALL.iter().find(|role| role.name() == name).ok_or_else(|| wrong(unknown(name)))?;
            let style =
                item.as_str().ok_or_else(|| wrong(format!("the style of {name} must be text, as in \"red bold\"")))?;
            styles.insert(*role, words::style(style, &self.palette).map_err(wrong)?);
        }
        Ok(styles)
    }
}

fn unknown(name: &str) -> String {
    match nearest(name, Role::ALL.iter().map(|role| role.name())) {
        Some(near) => format!("there is no role {name}; did you mean {near}?"),
        None => format!("there is no role {name}; themes/terminal.toml lists all"),
    }
}

/// The table of this name; none when the file has none.
fn table<'a>(text: &str, root: &'a Table, name: &str) -> Result<Option<&'a Table>, Wrong> {
    let wrong = || Wrong { line: line(text, span(root, name)), what: format!("{name} must be a table: [{name}]") };
    root.get(name).map(|item| Item::as_table(item).ok_or_else(wrong)).transpose()
}

fn span(table: &Table, name: &str) -> Option<Range<usize>> {
    table.key(name).and_then(toml_edit::Key::span)
}

/// Line of a span's start, from 1.
fn line(text: &str, span: Option<Range<usize>>) -> usize {
    line_at(text, span.map_or(0, |span| span.start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Color;

    #[test]
    fn a_role_has_its_own_style_or_that_of_the_role_it_comes_from() {
        let text = "[palette]\nink = \"#111111\"\nback = \"ink\"\n[styles]\ntext = \"ink\"\nbetter = \"green\"\n\
                    cheaper-2 = \"on #00ff00\"\n[styles-16]\ncheaper-2 = \"green bold\"\n[styles-256]\nbetter = \"34\"\n";
        let file = ThemeFile::parse(text).unwrap();
        let green = Style::new().fg(Color::Green);
        assert_eq!(file.style(Role::Text, Depth::True), Style::new().fg(Color::Rgb(17, 17, 17)));
        assert_eq!(file.style(Role::Keep, Depth::True), green);
        assert_eq!(file.style(Role::Keep, Depth::Ansi256), Style::new().fg(Color::Indexed(34)));
        assert_eq!(file.style(Role::Cheaper3, Depth::True), Style::new().bg(Color::Rgb(0, 255, 0)));
        assert_eq!(file.style(Role::Cheaper3, Depth::Ansi16), green.bold());
        assert_eq!(file.style(Role::Border, Depth::Ansi16), Style::new().fg(Color::Black));
        let file = ThemeFile::parse(&format!("{text}[palette-16]\nink = \"white\"\n")).unwrap();
        assert_eq!(file.style(Role::Border, Depth::Ansi16), Style::new().fg(Color::Gray));
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let cases = [
            ("[styles]\ntext = \"default\"\nbeter = \"green\"\n", 3, "did you mean better?"),
            ("[styles]\ntext = \"default\"\n\nbetter = \"gren\"\n", 4, "did you mean `green`?"),
            ("[styles]\ntext = 7\n", 2, "must be text"),
            ("[palette]\nink = \"#12\"\n[styles]\ntext = \"ink\"\n", 2, "`#12` is neither"),
            ("# mine\n[stiles]\ntext = \"default\"\n", 2, "did you mean [styles]?"),
            ("[palette]\n[styles]\ndim = \"default\"\n", 2, "lacks `text`"),
            ("[palette-16]\nink = \"red\"\n[styles]\ntext = \"red\"\n", 2, "name it there first"),
            ("styles = 1\n", 1, "must be a table"),
            ("[styles]\ntext = \"default\n", 2, ""),
            ("", 1, "lacks `text`"),
        ];
        for (text, line, part) in cases {
            let wrong = ThemeFile::parse(text).unwrap_err();
            assert!(wrong.line == line && wrong.what.contains(part), "{text:?}: {wrong:?}");
        }
    }
}
