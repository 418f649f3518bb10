//! Buffers as pictures: SVG with one text for each stretch of a style, every cell in its place.

use std::fmt::Write as _;

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

use super::picture::{Run, runs};

/// A cell, and the space around the screen, in pixels.
const CELL: (f32, f32) = (8.4, 17.0);
const MARGIN: f32 = 10.0;

/// What a theme leaves to the terminal.
const PAPER: &str = "#16181d";
const INK: &str = "#d7dae0";

/// The screen as an SVG document.
pub fn svg(buf: &Buffer, title: &str) -> String {
    let (columns, rows) = (f32::from(buf.area.width), f32::from(buf.area.height));
    let (width, height) = (columns * CELL.0 + 2.0 * MARGIN, rows * CELL.1 + 2.0 * MARGIN);
    // The last row is the screen's own ground.
    let paper = buf[(0, buf.area.height - 1)].bg;
    let paper = colour(Some(paper)).unwrap_or_else(|| PAPER.to_owned());
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.1} {height:.1}\" width=\"{width:.0}\" \
         height=\"{height:.0}\" role=\"img\">\n<title>{}</title>\n<rect width=\"100%\" height=\"100%\" rx=\"6\" \
         fill=\"{paper}\"/>\n<g font-family=\"'JetBrains Mono','DejaVu Sans Mono',Menlo,Consolas,'Noto Sans Mono CJK SC',\
         monospace\" font-size=\"14\" xml:space=\"preserve\">\n",
        escaped(title)
    );
    let all: Vec<Run> = (buf.area.top()..buf.area.bottom()).flat_map(|y| runs(buf, y)).collect();
    all.iter().for_each(|run| ground(&mut out, run, &paper));
    all.iter().for_each(|run| letters(&mut out, run));
    out.push_str("</g>\n</svg>\n");
    out
}

fn ground(out: &mut String, run: &Run, paper: &str) {
    let (_, back) = colours(run.style);
    let Some(back) = back.filter(|back| back != paper) else { return };
    let (x, y) = place(run);
    let width = f32::from(run.cells) * CELL.0;
    writeln!(out, "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{}\" fill=\"{back}\"/>", CELL.1)
        .unwrap();
}

fn letters(out: &mut String, run: &Run) {
    // Spaces at the ends are ground, and take no letters.
    let begin = run.text.len() - run.text.trim_start_matches(' ').len();
    let text = run.text.trim_matches(' ');
    if text.is_empty() {
        return;
    }
    let (x, y) = place(run);
    let (x, y) = (x + begin as f32 * CELL.0, y + CELL.1 * 0.76);
    let width = retrace::text::width(text) as f32 * CELL.0;
    let (ink, _) = colours(run.style);
    let ink = ink.unwrap_or_else(|| INK.to_owned());
    let mut how = String::new();
    let weights = run.style.add_modifier;
    for (weight, said) in [
        (Modifier::BOLD, " font-weight=\"bold\""),
        (Modifier::ITALIC, " font-style=\"italic\""),
        (Modifier::DIM, " opacity=\"0.65\""),
    ] {
        if weights.contains(weight) {
            how.push_str(said);
        }
    }
    let lines: Vec<&str> = [(Modifier::UNDERLINED, "underline"), (Modifier::CROSSED_OUT, "line-through")]
        .into_iter()
        .filter_map(|(weight, said)| weights.contains(weight).then_some(said))
        .collect();
    if !lines.is_empty() {
        write!(how, " text-decoration=\"{}\"", lines.join(" ")).unwrap();
    }
    writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" textLength=\"{width:.1}\" lengthAdjust=\"spacingAndGlyphs\" \
         fill=\"{ink}\"{how}>{}</text>",
        escaped(text)
    )
    .unwrap();
}

fn place(run: &Run) -> (f32, f32) {
    (MARGIN + f32::from(run.x) * CELL.0, MARGIN + f32::from(run.y) * CELL.1)
}

/// Ink and ground, turned round where the style says so.
fn colours(style: Style) -> (Option<String>, Option<String>) {
    let (ink, back) = (colour(style.fg), colour(style.bg));
    match style.add_modifier.contains(Modifier::REVERSED) {
        true => (back.or_else(|| Some(PAPER.to_owned())), ink.or_else(|| Some(INK.to_owned()))),
        false => (ink, back),
    }
}

/// A colour of the theme's own; what the terminal would choose is none.
fn colour(colour: Option<Color>) -> Option<String> {
    match colour? {
        Color::Rgb(r, g, b) => Some(format!("#{r:02x}{g:02x}{b:02x}")),
        Color::Reset => None,
        other => panic!("{other} is no colour of a theme at true colour"),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[test]
fn a_picture_keeps_cells_and_styles() {
    use ratatui::layout::Rect;
    let mut buf = Buffer::empty(Rect::new(0, 0, 12, 1));
    buf.set_string(0, 0, "a<b ", Style::new());
    buf.set_string(4, 0, "南天", Style::new().fg(Color::Rgb(1, 2, 3)).bg(Color::Rgb(9, 9, 9)));
    buf.set_string(9, 0, "x", Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED));
    let drawn = svg(&buf, "A \"picture\"");
    let lines: Vec<&str> =
        drawn.lines().filter(|line| line.starts_with("<rect x") || line.starts_with("<text")).collect();
    insta::assert_snapshot!(lines.join("\n"), @r##"
    <rect x="43.6" y="10.0" width="33.6" height="17" fill="#090909"/>
    <text x="10.0" y="22.9" textLength="25.2" lengthAdjust="spacingAndGlyphs" fill="#d7dae0">a&lt;b</text>
    <text x="43.6" y="22.9" textLength="33.6" lengthAdjust="spacingAndGlyphs" fill="#010203">南天</text>
    <text x="85.6" y="22.9" textLength="8.4" lengthAdjust="spacingAndGlyphs" fill="#d7dae0" font-weight="bold" text-decoration="underline">x</text>
    "##);
    assert!(drawn.contains("<title>A &quot;picture&quot;</title>"));
}
