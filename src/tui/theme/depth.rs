//! How many colours the terminal shows, and the nearest of those to a colour it does not. The only place where
//! colours are converted.

use std::str::FromStr;

use ratatui::style::{Color, Style};

/// How many colours may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Depth {
    /// None: weight, underline and reversal only.
    Mono,
    /// The sixteen of the terminal's own palette.
    Ansi16,
    Ansi256,
    /// 24 bits.
    True,
}

/// Text that names no depth.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no number of colours; write true, 256, 16 or none")]
pub struct NotADepth(String);

impl FromStr for Depth {
    type Err = NotADepth;

    fn from_str(text: &str) -> Result<Depth, NotADepth> {
        let named = Depth::ALL.into_iter().find(|depth| depth.name() == text);
        named.ok_or_else(|| NotADepth(text.to_owned()))
    }
}

impl Depth {
    pub const ALL: [Depth; 4] = [Depth::Mono, Depth::Ansi16, Depth::Ansi256, Depth::True];

    /// As it is written in settings and arguments.
    pub fn name(self) -> &'static str {
        match self {
            Depth::Mono => "none",
            Depth::Ansi16 => "16",
            Depth::Ansi256 => "256",
            Depth::True => "true",
        }
    }

    /// What the environment says about the terminal: NO_COLOR (<https://no-color.org>), COLORTERM, TERM and the names
    /// that some terminals leave. `variable` looks one up.
    pub fn detect(variable: impl Fn(&str) -> Option<String>) -> Depth {
        let of = |name: &str| variable(name).unwrap_or_default();
        let term = of("TERM");
        if !of("NO_COLOR").is_empty() || term == "dumb" {
            return Depth::Mono;
        }
        // GNU screen passes COLORTERM on and 24-bit colours not; Apple's terminal has 256, whatever started it says.
        let at_most_256 =
            (term.starts_with("screen") && of("TMUX").is_empty()) || of("TERM_PROGRAM") == "Apple_Terminal";
        let (said, known) = (of("COLORTERM"), of("TERM"));
        let many = matches!(said.as_str(), "truecolor" | "24bit")
            || known.contains("direct")
            || ["kitty", "alacritty", "ghostty", "wezterm", "foot", "contour"].iter().any(|name| known.contains(name))
            || !of("WT_SESSION").is_empty()
            || (cfg!(windows) && term.is_empty());
        match (many, at_most_256) {
            (true, false) => Depth::True,
            (true, true) => Depth::Ansi256,
            (false, _) if term.contains("256color") => Depth::Ansi256,
            (false, true) if term.is_empty() => Depth::Ansi256,
            (false, _) => Depth::Ansi16,
        }
    }

    /// The style in this many colours.
    pub(super) fn fit(self, style: Style) -> Style {
        let convert = |color: Option<Color>| color.and_then(|color| self.nearest(color));
        Style { fg: convert(style.fg), bg: convert(style.bg), underline_color: convert(style.underline_color), ..style }
    }

    /// The colour that is nearest to `color` among those there are.
    fn nearest(self, color: Color) -> Option<Color> {
        match (self, color) {
            (Depth::Mono, _) => None,
            (Depth::Ansi256, Color::Rgb(r, g, b)) => Some(nearest_of(16..=255, [r, g, b])),
            (Depth::Ansi16, Color::Rgb(r, g, b)) => Some(nearest_of(0..=15, [r, g, b])),
            (Depth::Ansi16, Color::Indexed(index)) => Some(nearest_of(0..=15, rgb_of(index))),
            _ => Some(color),
        }
    }
}

/// The terminal's own sixteen, by their numbers.
pub(super) const SIXTEEN: [Color; 16] = [
    Color::Black,
    Color::Red,
    Color::Green,
    Color::Yellow,
    Color::Blue,
    Color::Magenta,
    Color::Cyan,
    Color::Gray,
    Color::DarkGray,
    Color::LightRed,
    Color::LightGreen,
    Color::LightYellow,
    Color::LightBlue,
    Color::LightMagenta,
    Color::LightCyan,
    Color::White,
];

/// How xterm shows its first sixteen; other terminals come close.
const XTERM: [[u8; 3]; 16] = [
    [0, 0, 0],
    [205, 0, 0],
    [0, 205, 0],
    [205, 205, 0],
    [0, 0, 238],
    [205, 0, 205],
    [0, 205, 205],
    [229, 229, 229],
    [127, 127, 127],
    [255, 0, 0],
    [0, 255, 0],
    [255, 255, 0],
    [92, 92, 255],
    [255, 0, 255],
    [0, 255, 255],
    [255, 255, 255],
];

/// The colour of a number: sixteen named ones, a cube of 6 x 6 x 6, 24 greys.
pub(super) fn indexed(index: u8) -> Color {
    SIXTEEN.get(usize::from(index)).copied().unwrap_or(Color::Indexed(index))
}

/// What a number looks like, in sRGB.
pub(super) fn rgb_of(index: u8) -> [u8; 3] {
    let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * step };
    match index {
        0..=15 => XTERM[usize::from(index)],
        16..=231 => [(index - 16) / 36, (index - 16) / 6 % 6, (index - 16) % 6].map(level),
        232..=255 => [8 + 10 * (index - 232); 3],
    }
}

fn nearest_of(indices: std::ops::RangeInclusive<u8>, rgb: [u8; 3]) -> Color {
    let nearest = indices.min_by_key(|index| distance(rgb_of(*index), rgb)).unwrap_or_default();
    indexed(nearest)
}

/// How different two colours look, squared: the channels weighed by how red both are (CompuPhase's "redmean").
fn distance(a: [u8; 3], b: [u8; 3]) -> i64 {
    let red = (i64::from(a[0]) + i64::from(b[0])) / 2;
    let [r, g, b] = [0, 1, 2].map(|channel| (i64::from(a[channel]) - i64::from(b[channel])).pow(2));
    (((512 + red) * r) >> 8) + 4 * g + (((767 - red) * b) >> 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_tells_the_depth() {
        let cases: [(&[(&str, &str)], Depth); 17] = [
            (&[], Depth::Ansi16),
            (&[("TERM", "xterm")], Depth::Ansi16),
            (&[("TERM", "linux")], Depth::Ansi16),
            (&[("TERM", "dumb"), ("COLORTERM", "truecolor")], Depth::Mono),
            (&[("TERM", "xterm-256color")], Depth::Ansi256),
            (&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")], Depth::True),
            (&[("TERM", "xterm-256color"), ("COLORTERM", "24bit")], Depth::True),
            (&[("TERM", "xterm-256color"), ("COLORTERM", "truecolor"), ("NO_COLOR", "1")], Depth::Mono),
            (&[("TERM", "xterm-256color"), ("NO_COLOR", "")], Depth::Ansi256),
            (&[("TERM", "xterm-kitty")], Depth::True),
            (&[("TERM", "xterm-direct")], Depth::True),
            (&[("TERM", "tmux-256color")], Depth::Ansi256),
            (&[("TERM", "screen"), ("TMUX", "/tmp/t,1,0"), ("COLORTERM", "truecolor")], Depth::True),
            (&[("TERM", "screen-256color"), ("COLORTERM", "truecolor")], Depth::Ansi256),
            (&[("TERM", "screen")], Depth::Ansi16),
            (
                &[("TERM", "xterm-256color"), ("TERM_PROGRAM", "Apple_Terminal"), ("COLORTERM", "truecolor")],
                Depth::Ansi256,
            ),
            (&[("TERM", "vt100")], Depth::Ansi16),
        ];
        for (variables, depth) in cases {
            let find = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
            assert_eq!(Depth::detect(find), depth, "{variables:?}");
        }
    }

    #[test]
    fn depths_are_written_as_they_are_read() {
        for depth in Depth::ALL {
            assert_eq!(depth.name().parse(), Ok(depth));
        }
        assert!("8".parse::<Depth>().is_err());
    }

    #[test]
    fn colours_become_the_nearest_there_is() {
        let at = |depth: Depth, rgb: [u8; 3]| depth.nearest(Color::Rgb(rgb[0], rgb[1], rgb[2]));
        for index in 16..=255 {
            let Some(Color::Indexed(found)) = at(Depth::Ansi256, rgb_of(index)) else { panic!("{index}") };
            assert_eq!(rgb_of(found), rgb_of(index), "what there is stays");
        }
        assert_eq!(at(Depth::Ansi256, [95, 135, 255]), Some(Color::Indexed(69)));
        assert_eq!(at(Depth::Ansi16, [250, 250, 250]), Some(Color::White));
        assert_eq!(at(Depth::Ansi16, [20, 22, 26]), Some(Color::Black));
        assert_eq!(at(Depth::Ansi16, [190, 20, 20]), Some(Color::Red));
        assert_eq!(Depth::Ansi16.nearest(Color::Indexed(34)), Some(Color::Green));
        assert_eq!(Depth::Ansi16.nearest(Color::Reset), Some(Color::Reset));
        assert_eq!(at(Depth::True, [1, 2, 3]), Some(Color::Rgb(1, 2, 3)));
        assert_eq!(at(Depth::Mono, [1, 2, 3]), None);
    }
}
