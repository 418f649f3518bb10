//! What 1 MB costs, printed: `cargo test --release --lib text::tests::timings -- --nocapture`. Nothing here depends on the
//! clock to pass.

use std::hint::black_box;
use std::time::{Duration, Instant};

use crate::text::{Safe, Wrapped, find, word_diff};

const SIZE: usize = 1 << 20;

fn texts() -> [(&'static str, String); 5] {
    let of = |piece: &str| piece.repeat(SIZE / piece.len() + 1);
    [
        ("english", of("The lamp has been kind to me this winter, and I clean it every night. I have\nthree things. ")),
        ("one line", of("The lamp has been kind to me this winter. ")),
        ("one word", of("lighthouse")),
        ("chinese", of("今年冬天，灯塔的灯待我很好。我每夜擦拭它，「想着家里的厨房」。\n")),
        ("hostile", of("a\tb\u{1b}[31m\u{202e}👨\u{200d}👩e\u{301}\r\n")),
    ]
}

/// The shortest of ten: what the work costs when nothing else is in the way.
fn shortest(mut work: impl FnMut()) -> Duration {
    let runs = [(); 10].map(|()| {
        let start = Instant::now();
        work();
        start.elapsed()
    });
    runs.into_iter().min().unwrap_or_default()
}

#[test]
fn a_megabyte() {
    for (name, raw) in texts() {
        let safe = Safe::new(&raw);
        let mut rows = Wrapped::default();
        let made = shortest(|| drop(black_box(Safe::new(&raw))));
        let wrapped = shortest(|| {
            rows = Wrapped::default();
            rows.fit(&safe, 0, 80);
        });
        let grown = Safe::new(&raw).to_string() + " and more";
        let grown = Safe::new(&grown);
        let mut longer = rows.clone();
        let start = Instant::now();
        longer.fit(&grown, 0, 80);
        let appended = start.elapsed();
        let found = shortest(|| drop(black_box(find(&safe, "every night z"))));
        println!(
            "{name:>8}: safe {made:.1?}, wrap {wrapped:.1?} ({} rows), append {appended:.1?}, find {found:.1?}",
            rows.len(),
        );
        assert!(longer.len() >= rows.len());
    }
}

#[test]
fn a_segment_rewritten() {
    let old = "Maybe I should open on the lamp, not on him. Wait, that hides him from her. ".repeat(8);
    let new = old.replace("hides him", "shows what the lamp sees of home").replace("open", "begin");
    let mut hunks = Vec::new();
    let taken = shortest(|| hunks = word_diff(&old, &new, None));
    println!("word diff of {} characters: {taken:.1?}, {} hunks", old.len(), hunks.len());
    assert!(hunks.len() > 8);
}
