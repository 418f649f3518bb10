//! What a frame costs, printed: `cargo test --lib text::tests::a_frame -- --ignored --nocapture`.

use std::time::{Duration, Instant};

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::*;
use crate::tui::theme::Theme;
use crate::tui::widgets::tint;

/// The shortest of twenty: what the work costs when nothing else is in the way.
fn shortest(mut work: impl FnMut()) -> Duration {
    let runs = [(); 20].map(|()| {
        let start = Instant::now();
        work();
        start.elapsed()
    });
    runs.into_iter().min().unwrap()
}

#[test]
#[ignore = "prints timings"]
fn a_frame_of_a_megabyte_with_the_tint_on() {
    let theme = Theme::mono();
    for (name, piece) in [
        ("english", "The lamp has been kind to me this winter, and I clean it every night. "),
        ("chinese", "今年冬天，灯塔的灯待我很好。我每夜擦拭它，「想着家里的厨房」。"),
        ("hostile", "a\tb\u{1b}[31m\u{202e}👨\u{200d}👩e\u{301}\r\n"),
    ] {
        let raw = piece.repeat((1 << 20) / piece.len());
        let ends: Vec<usize> = (1..raw.len() / 4).map(|token| token * 4).collect();
        let logprobs: Vec<f64> = (0..ends.len()).map(|token| -((token % 9) as f64)).collect();
        let mut spans = Spans::new();
        let tinted = shortest(|| spans = tint::surprisal(&ends, &logprobs));
        let (mut sheets, area) = (Sheets::default(), Rect::new(0, 0, 200, 60));
        let mut buf = Buffer::empty(area);
        let mut frame = |first: usize| {
            let start = Instant::now();
            let sheet = sheets.get(&raw, 200);
            let look = Look { layers: &[&spans], ..Look::plain(&theme) };
            draw(&mut buf, area, sheet, first, look);
            let drawn = start.elapsed();
            sheets.advance();
            (drawn, start.elapsed() - drawn)
        };
        let (first, slice) = frame(0);
        let longest = (0..100).map(|_| frame(0).1).max().unwrap();
        let mut frame = |first: usize| {
            let sheet = sheets.get(&raw, 200);
            draw(&mut buf, area, sheet, first, Look { layers: &[&spans], ..Look::plain(&theme) });
        };
        let (top, deep) = (shortest(|| frame(0)), shortest(|| frame(4000)));
        println!(
            "{name}: {} bands in {tinted:.1?}; first frame {first:.1?}, then making safe {slice:.1?}, wrapping at most \
             {longest:.1?} a frame; afterwards a frame takes {top:.1?} at the top, {deep:.1?} deep down",
            spans.len(),
        );
    }
}
