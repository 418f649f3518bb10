//! What every theme must keep, in every number of colours.

use std::fmt::Write;

use ratatui::style::{Color, Modifier, Style};

use super::depth::{SIXTEEN, rgb_of};
use super::{BUNDLED, DEFAULT, Depth, Role, Theme, ThemeError};

fn every_theme() -> impl Iterator<Item = Theme> {
    BUNDLED.iter().flat_map(|(name, _)| Depth::ALL.map(|depth| Theme::load(name, depth, None).unwrap()))
}

/// Roles that mean different things where both may be seen.
const TOLD_APART: &[&[Role]] = &[
    &[Role::Border, Role::BorderFocused],
    &[Role::Title, Role::TitleFocused],
    &[Role::Text, Role::Selection, Role::Dim],
    &[Role::Text, Role::Current],
    &[Role::Text, Role::Accent],
    &[Role::Better, Role::Worse, Role::Text],
    &[Role::Added, Role::Removed, Role::Text],
    &[Role::Text, Role::Find, Role::FindCurrent],
    &[Role::Keep, Role::Drop, Role::Later],
    &[
        Role::Text,
        Role::Cheaper1,
        Role::Cheaper2,
        Role::Cheaper3,
        Role::Dearer1,
        Role::Dearer2,
        Role::Dearer3,
        Role::Leak,
    ],
    &[Role::Text, Role::Surprise1, Role::Surprise2, Role::Surprise3, Role::Leak],
    &[Role::Line, Role::Branch],
    &[Role::Candidate, Role::Refused],
    &[Role::Error, Role::Text],
    &[Role::Warning, Role::Text],
    &[Role::Heading, Role::Text],
    &[Role::Key, Role::Text],
    &[Role::Key, Role::Label],
    &[Role::Marked, Role::Text],
    &[Role::Edited, Role::Text],
];

#[test]
fn what_differs_in_meaning_looks_different() {
    for theme in every_theme() {
        for group in TOLD_APART {
            for (at, one) in group.iter().enumerate() {
                for other in &group[at + 1..] {
                    // What a role leaves open shows as texts do.
                    let [one_shown, other_shown] = [one, other].map(|role| shown(&theme, *role));
                    assert_ne!(one_shown, other_shown, "{} {:?}: {one:?}, {other:?}", theme.name(), theme.depth());
                }
            }
        }
    }
}

#[test]
fn cheaper_and_dearer_differ_in_more_than_colour() {
    let pairs = [(Role::Cheaper1, Role::Dearer1), (Role::Cheaper2, Role::Dearer2), (Role::Cheaper3, Role::Dearer3)];
    for theme in every_theme() {
        for (cheaper, dearer) in pairs {
            let shape = |role| shown(&theme, role).add_modifier;
            assert_ne!(shape(cheaper), shape(dearer), "{} {:?}: {cheaper:?}", theme.name(), theme.depth());
        }
    }
}

/// The style of a role over that of texts.
fn shown(theme: &Theme, role: Role) -> Style {
    theme.ground().patch(theme.style(role))
}

#[test]
fn no_theme_uses_more_colours_than_there_are() {
    for theme in every_theme() {
        for role in Role::ALL {
            let style = theme.style(*role);
            for color in [style.fg, style.bg].into_iter().flatten() {
                let fits = match theme.depth() {
                    Depth::Mono => false,
                    Depth::Ansi16 => color == Color::Reset || SIXTEEN.contains(&color),
                    Depth::Ansi256 => !matches!(color, Color::Rgb(..)),
                    Depth::True => true,
                };
                assert!(fits, "{} {:?} {role:?}: {color:?}", theme.name(), theme.depth());
            }
        }
    }
}

#[test]
fn the_default_theme_keeps_to_the_terminals_own_colours_and_ground() {
    for depth in Depth::ALL {
        let theme = Theme::load(DEFAULT, depth, None).unwrap();
        for role in Role::ALL {
            let style = theme.style(*role);
            let own = |color: Option<Color>| color.is_none_or(|color| SIXTEEN.contains(&color));
            assert!(own(style.fg) && own(style.bg), "{role:?}: {style:?}");
            let grounded = [Role::Find, Role::FindCurrent].contains(role);
            assert!(style.bg.is_none() || grounded, "{role:?} has a ground: {style:?}");
        }
    }
}

/// The contrast of two colours, from 1 to 21 (WCAG 2.2, "contrast ratio").
fn contrast(one: Color, other: Color) -> f64 {
    let [one, other] = [one, other].map(|color| luminance(color) + 0.05);
    one.max(other) / one.min(other)
}

/// The relative luminance of a colour, from 0 to 1 (WCAG 2.2, "relative luminance").
fn luminance(color: Color) -> f64 {
    let rgb = match color {
        Color::Rgb(r, g, b) => [r, g, b],
        Color::Indexed(index) => rgb_of(index),
        color => rgb_of(SIXTEEN.iter().position(|own| *own == color).unwrap() as u8),
    };
    let [r, g, b] = rgb.map(|channel| match f64::from(channel) / 255.0 {
        dark if dark <= 0.04045 => dark / 12.92,
        light => ((light + 0.055) / 1.055).powf(2.4),
    });
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

#[test]
fn everything_can_be_read() {
    let mut unreadable = String::new();
    for (name, least) in [("dark", 4.5), ("light", 4.5), ("colour-blind", 4.5), ("high-contrast", 7.0)] {
        for depth in [Depth::True, Depth::Ansi256] {
            let theme = Theme::load(name, depth, None).unwrap();
            for role in Role::ALL {
                let style = shown(&theme, *role);
                // Borders are no texts; they must be seen.
                let least = if *role == Role::Border { 1.5 } else { least };
                let (fg, bg) = (style.fg.unwrap(), style.bg.unwrap());
                let found = contrast(fg, bg);
                if found < least {
                    writeln!(unreadable, "{name} {depth:?} {}: {found:.2} < {least}: {fg:?} on {bg:?}", role.name())
                        .unwrap();
                }
            }
        }
    }
    assert!(unreadable.is_empty(), "\n{unreadable}");
}

#[test]
fn stronger_tints_stand_out_more_from_the_ground() {
    for name in ["dark", "light", "colour-blind", "high-contrast"] {
        let theme = Theme::load(name, Depth::True, None).unwrap();
        let ground = theme.ground().bg.unwrap();
        for levels in [
            [Role::Cheaper1, Role::Cheaper2, Role::Cheaper3],
            [Role::Dearer1, Role::Dearer2, Role::Dearer3],
            [Role::Surprise1, Role::Surprise2, Role::Surprise3],
        ] {
            let found = levels.map(|role| contrast(theme.style(role).bg.unwrap(), ground));
            assert!(1.1 < found[0] && found[0] < found[1] && found[1] < found[2], "{name} {levels:?}: {found:?}");
        }
    }
}

/// A style in few letters: colours, then the first letter of each modifier.
fn letters(style: Style) -> String {
    let mut text = String::new();
    let color = |color: Color| match color {
        Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        color => color.to_string().to_lowercase(),
    };
    text.extend(style.fg.map(color));
    text.extend(style.bg.map(|bg| format!("/{}", color(bg))));
    let modifiers = [
        (Modifier::BOLD, "b"),
        (Modifier::DIM, "d"),
        (Modifier::ITALIC, "i"),
        (Modifier::UNDERLINED, "u"),
        (Modifier::REVERSED, "r"),
        (Modifier::CROSSED_OUT, "x"),
    ];
    let set: String =
        modifiers.iter().filter(|(m, _)| style.add_modifier.contains(*m)).map(|(_, letter)| *letter).collect();
    if !set.is_empty() {
        write!(text, "+{set}").unwrap();
    }
    if text.is_empty() { "-".to_owned() } else { text }
}

#[test]
fn the_styles_of_all_themes() {
    for (name, _) in BUNDLED {
        let themes = [Depth::True, Depth::Ansi256, Depth::Ansi16, Depth::Mono]
            .map(|depth| Theme::load(name, depth, None).unwrap());
        let mut table = String::new();
        for role in Role::ALL {
            let style = |theme: &Theme| if *role == Role::Text { theme.ground() } else { theme.style(*role) };
            let [many, in_256, in_16, none] = themes.each_ref().map(|theme| letters(style(theme)));
            writeln!(table, "{:<15} {many:<20} {in_256:<12} {in_16:<22} {none}", role.name()).unwrap();
        }
        insta::assert_snapshot!(format!("theme_{name}"), table);
    }
}

#[test]
fn a_users_theme_goes_before_the_programs() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("dark.toml", "[styles]\ntext = \"red\"\n");
    write("mine.toml", "[styles]\ntext = \"blue\"\n");
    write("torn.toml", "[styles]\ntext = \"blue\"\ndimm = \"red\"\n");
    write("notes.txt", "");
    let own = Some(folder.path());
    let names = Theme::names(own);
    assert_eq!(names, ["terminal", "dark", "light", "high-contrast", "colour-blind", "mono", "mine", "torn"]);
    assert_eq!(Theme::names(None), names[..6]);
    let about: Vec<String> = Theme::choices(None).into_iter().map(|choice| choice.about).collect();
    insta::assert_snapshot!(about.join("\n"), @"
    the terminal's own sixteen colours and its own ground, so that it suits whatever is set up there
    light texts on a dark ground of its own
    dark texts on a light ground of its own
    every text at least seven times as bright as its ground, or as dark
    blue for better and orange for worse, from the palette by Okabe and Ito, which are told apart with any kind of colour vision; on a dark ground
    no colours, only weight, underline and reversal
    ");
    let text = |name: &str, depth| Theme::load(name, depth, own).map(|theme| theme.style(Role::Text).fg);
    assert_eq!(text("dark", Depth::True).unwrap(), Some(Color::Red));
    assert_eq!(text("mine", Depth::Ansi16).unwrap(), Some(Color::Blue));
    assert_eq!(text("mine", Depth::Mono).unwrap(), None);
    let error = text("torn", Depth::Mono).unwrap_err().to_string();
    assert!(error.ends_with("torn.toml:3: there is no role dimm; did you mean dim?"), "{error}");
    for missing in ["none", "../mine"] {
        let error = text(missing, Depth::True).unwrap_err();
        assert!(matches!(&error, ThemeError::Unknown { known, .. } if known == &names), "{error}");
    }
}

#[test]
fn every_bundled_theme_names_every_role_but_those_it_wants_alike() {
    // A new role is styled everywhere or nowhere: by its parent alone it would look right by luck.
    for (name, text) in BUNDLED {
        let missing: Vec<&str> =
            Role::ALL.iter().map(|role| role.name()).filter(|role| !text.contains(&format!("\n{role} = "))).collect();
        assert_eq!(missing, Vec::<&str>::new(), "{name}");
    }
}
