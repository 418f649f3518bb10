//! A style in words: `ink on paper bold underline`.

use std::collections::BTreeMap;

use ratatui::style::{Color, Modifier, Style};

use super::depth::{SIXTEEN, indexed};

/// Colours that a theme names, by name.
pub(super) type Palette = BTreeMap<String, Color>;

const MODIFIERS: [(&str, Modifier); 6] = [
    ("bold", Modifier::BOLD),
    ("dim", Modifier::DIM),
    ("italic", Modifier::ITALIC),
    ("underline", Modifier::UNDERLINED),
    ("reverse", Modifier::REVERSED),
    ("crossed", Modifier::CROSSED_OUT),
];

/// The terminal's own colours, in the order of their numbers.
const NAMES: [&str; 16] = [
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "white",
    "bright-black",
    "bright-red",
    "bright-green",
    "bright-yellow",
    "bright-blue",
    "bright-magenta",
    "bright-cyan",
    "bright-white",
];

/// Reads a style: a colour of the text, `on` and one of the ground, and modifiers, each where wanted.
///
/// # Errors
/// A sentence about the word that means nothing.
pub(super) fn style(words: &str, palette: &Palette) -> Result<Style, String> {
    let (mut style, mut words) = (Style::new(), words.split_whitespace());
    while let Some(word) = words.next() {
        let modifier = MODIFIERS.iter().find(|(name, _)| *name == word);
        style = match modifier {
            Some((_, modifier)) => style.add_modifier(*modifier),
            None if word == "on" => {
                let ground = words.next().ok_or("`on` stands before the colour of the ground, and there is none")?;
                style.bg(color(ground, palette)?)
            }
            None if style.fg.is_some() => {
                return Err(format!("`{word}` would be a second colour of the text; write `on` before the ground's"));
            }
            None => style.fg(color(word, palette)?),
        };
    }
    Ok(style)
}

/// Reads a colour: a name of the palette or of the terminal's own, `default`, `#rrggbb`, or a number up to 255.
///
/// # Errors
/// A sentence about a word that is none of these.
pub(super) fn color(word: &str, palette: &Palette) -> Result<Color, String> {
    let own = || NAMES.iter().position(|name| *name == word).map(|at| SIXTEEN[at]);
    let default = || (word == "default").then_some(Color::Reset);
    let number = || word.parse().ok().map(indexed);
    let found = palette.get(word).copied().or_else(own).or_else(default).or_else(|| hex(word)).or_else(number);
    found.ok_or_else(|| unknown(word, palette))
}

fn hex(word: &str) -> Option<Color> {
    let digits =
        word.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
    let value = u32::from_str_radix(digits, 16).ok()?;
    let [_, r, g, b] = value.to_be_bytes();
    Some(Color::Rgb(r, g, b))
}

fn unknown(word: &str, palette: &Palette) -> String {
    let known =
        palette.keys().map(String::as_str).chain(NAMES).chain(MODIFIERS.map(|(name, _)| name)).chain(["default", "on"]);
    match nearest(word, known) {
        Some(near) => format!("`{word}` is neither a colour nor a modifier; did you mean `{near}`?"),
        None => format!(
            "`{word}` is neither a colour nor a modifier; write a name of [palette], a colour of the terminal such as \
             `bright-red`, `default`, `#rrggbb`, a number up to 255, or bold, dim, italic, underline, reverse, crossed"
        ),
    }
}

/// The word that looks most like `word`, when one does.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let likeness = |name: &&str| strsim::jaro_winkler(name, word);
    known.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).filter(|name| likeness(name) > 0.8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn styles_are_read_from_words() {
        let palette = Palette::from([("ink".to_owned(), Color::Rgb(1, 2, 3)), ("red".to_owned(), Color::Indexed(160))]);
        let cases = [
            ("", Style::new()),
            ("ink", Style::new().fg(Color::Rgb(1, 2, 3))),
            ("on ink", Style::new().bg(Color::Rgb(1, 2, 3))),
            (
                "bold red on #0a0B0c underline",
                Style::new().fg(Color::Indexed(160)).bg(Color::Rgb(10, 11, 12)).bold().underlined(),
            ),
            ("bright-white on 9", Style::new().fg(Color::White).bg(Color::LightRed)),
            ("default dim crossed", Style::new().fg(Color::Reset).dim().crossed_out()),
            ("34 italic reverse", Style::new().fg(Color::Indexed(34)).italic().reversed()),
        ];
        for (words, expected) in cases {
            assert_eq!(style(words, &palette), Ok(expected), "{words:?}");
        }
    }

    #[test]
    fn a_wrong_word_is_named_with_what_it_could_be() {
        let palette = Palette::from([("paper".to_owned(), Color::White)]);
        let cases = [
            ("bolt", "did you mean `bold`?"),
            ("on papper", "did you mean `paper`?"),
            ("red blue", "write `on`"),
            ("red on", "there is none"),
            ("#12345", "neither a colour nor a modifier"),
            ("256", "neither a colour nor a modifier"),
            ("#+12345", "neither a colour nor a modifier"),
        ];
        for (words, part) in cases {
            let error = style(words, &palette).unwrap_err();
            assert!(error.contains(part), "{words:?}: {error}");
        }
    }
}
