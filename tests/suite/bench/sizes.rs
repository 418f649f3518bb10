//! The same screens in other sizes and colour depths, and in every size whatever.

use ratatui::buffer::Buffer;
use retrace::tui::theme::Depth;

use super::picture;
use super::script::{Opening, Script};

#[tokio::test]
async fn the_bench_from_large_to_too_small() {
    let mut script = Script::at(200, 60).await;
    script.open_session("harbour").await;
    script.keys("0 l l");
    for (width, height) in [(200, 60), (120, 40), (80, 24), (60, 20), (40, 12)] {
        script.resize(width, height);
        insta::assert_snapshot!(format!("bench_{width}x{height}"), script.screen());
    }
    script.resize(60, 20);
    script.keys("tab tab");
    insta::assert_snapshot!("reference_60x20", script.screen());
}

#[tokio::test]
async fn the_bench_in_every_depth_of_colour() {
    for (name, depth) in [("true", Depth::True), ("256", Depth::Ansi256), ("16", Depth::Ansi16), ("mono", Depth::Mono)]
    {
        let mut script = Script::open(Opening { depth, size: (100, 30), ..Opening::default() }).await;
        script.open_session("harbour").await;
        script.keys("0 l t t t");
        script.settled().await;
        insta::assert_snapshot!(format!("bench_{name}"), format!("{}\n\n{}", script.screen(), script.styles()));
    }
}

/// Cells that differ in what they show or how.
fn differing(one: &Buffer, other: &Buffer) -> usize {
    one.content().iter().zip(other.content()).filter(|(one, other)| one != other).count()
}

#[tokio::test]
async fn focus_and_selection_are_told_apart_without_colour() {
    let opening = || Opening { depth: Depth::Mono, size: (160, 40), ..Opening::default() };
    let mut script = Script::open(opening()).await;
    let first = script.draw();
    script.keys("j");
    let second = script.draw();
    let row = |buf: &Buffer, y: u16| picture::runs(buf, y).iter().map(|run| run.text.clone()).collect::<String>();
    let marked = |buf: &Buffer| (0..40).filter(|y| row(buf, *y).contains("│▸")).collect::<Vec<_>>();
    assert_eq!((marked(&first), marked(&second)), (vec![4], vec![5]), "one row is marked by a sign");
    script.open_session("harbour").await;
    let titles = |script: &mut Script| script.screen().lines().filter(|line| line.contains("╭ ▸ ")).count();
    let mut panes = Vec::new();
    for _ in 0..4 {
        script.keys("tab");
        assert_eq!(titles(&mut script), 1, "one title has the sign of the focus");
        panes.push(script.draw());
    }
    for (at, one) in panes.iter().enumerate() {
        assert!(panes[at + 1..].iter().all(|other| differing(one, other) > 4));
    }
    script.keys("home");
    let marks = |script: &mut Script| {
        let screen = script.screen();
        screen.lines().enumerate().filter(|(_, line)| line.contains('▌')).map(|(at, _)| at).collect::<Vec<_>>()
    };
    let before = marks(&mut script);
    script.keys("down");
    let after = marks(&mut script);
    assert!(!before.is_empty() && before != after, "the selected segment has a bar of its own");
    let current = |script: &Script| script.bench().candidates().len();
    if current(&script) > 1 {
        assert_eq!(script.screen().matches("▸ ").count(), 2, "one candidate is marked beside the focus");
    }
    script.keys("/");
    script.write("the");
    script.keys("enter");
    let styles = script.styles();
    script.keys("n");
    assert_ne!(styles, script.styles(), "the current match differs from the others");
}

/// Everything that can lie over a screen, by the keys that open it.
const OVERLAYS: [&str; 10] = [":", "?", ", t", "/", "S", "X", "e", "w", "b", "g"];

#[tokio::test]
async fn every_size_can_be_drawn() {
    let mut script = Script::at(150, 44).await;
    every_size(&mut script, "the library");
    script.keys("X");
    every_size(&mut script, "the export without a session");
    script.keys("esc N");
    every_size(&mut script, "a new session");
    script.keys("esc B");
    every_size(&mut script, "the batch without a run");
    script.keys("q");
    script.open_session("harbour").await;
    every_size(&mut script, "the bench");
    script.keys("t t z , g");
    every_size(&mut script, "a pane alone");
    script.keys("z c tab");
    every_size(&mut script, "a held version");
    for keys in OVERLAYS {
        script.keys(keys);
        every_size(&mut script, keys);
        script.keys("esc");
        assert!(script.app().overlays.is_empty(), "{keys} is closed by esc");
    }
    script.keys("v");
    script.tell(retrace::app::Message::Tick(retrace::app::effect::Tick::Prefix));
    every_size(&mut script, "keys that may follow");
    script.keys("x q q q");
    script.settled().await;
    script.open_session("lowland").await;
    every_size(&mut script, "a fresh session");
}

fn every_size(script: &mut Script, what: &str) {
    let small = (0..=30u16).flat_map(|width| (0..=12u16).map(move |height| (width, height)));
    let mut dice = 0x2545_F491_4F6C_DD1Du64;
    let mut roll = |most: u64| {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        (dice % most) as u16
    };
    let random: Vec<(u16, u16)> = (0..60).map(|_| (roll(230), roll(70))).collect();
    let edges = (58..=62).flat_map(|width| (16..=20).map(move |height| (width, height)));
    for (width, height) in small.chain(edges).chain(random) {
        let drawn = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| script.resize(width, height)));
        assert!(drawn.is_ok(), "{what} at {width}x{height}");
    }
    script.resize(150, 44);
}

#[tokio::test]
async fn the_selected_segment_stays_in_view_when_the_screen_shrinks() {
    let mut script = Script::at(200, 60).await;
    script.open_session("harbour").await;
    script.keys("down down down down");
    let selected = script.bench().segment_text().unwrap();
    let begin: String = selected.chars().take(12).collect();
    script.resize(60, 18);
    assert!(script.shows(&begin), "{}", script.screen());
}

#[tokio::test]
async fn every_measure_is_reached_at_any_size() {
    for (width, height) in [(160, 48), (110, 35), (80, 24), (60, 18)] {
        let mut script = Script::at(width, height).await;
        script.open_session("harbour").await;
        let measures: Vec<_> = script.bench().measures();
        assert!(measures.len() > 6);
        script.keys("i");
        for measure in &measures {
            assert!(script.shows(measure.name) && script.shows(&measure.value), "{} at {width}x{height}", measure.name);
            let first: Vec<&str> = measure.means.split(' ').take(4).collect();
            let seen = script.screen().split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(seen.contains(&first.join(" ")), "{first:?} at {width}x{height}: {seen}");
            script.keys("down");
        }
        if width == 80 {
            insta::assert_snapshot!("measures_80", script.screen());
        }
        script.keys("esc");
        assert!(script.app().overlays.is_empty());
    }
}
