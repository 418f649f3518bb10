//! The pictures of the README, played on the sample sessions with the bundled back ends:
//! `cargo test --test suite bench::pictures -- --ignored` draws them anew. The same program draws the same pictures.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use retrace::app::bench::{Fate, Tint};
use retrace::app::memory::{Memory, Tour};
use retrace::app::overlay::Overlay;
use retrace::engine::{BackEnds, Setup};
use retrace::lm::prompts::Prompts;
use retrace::reer::search::{Config, Preset};

use super::script::{Opening, Script};
use super::svg::svg;

fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/pictures").join(name)
}

fn draw(script: &mut Script, name: &str, title: &str) {
    std::fs::create_dir_all(place("")).unwrap();
    std::fs::write(place(name), svg(&script.draw(), title)).unwrap();
}

/// The user's own library on a fresh machine, with the samples in it.
async fn fresh() -> Script {
    let setup = Setup {
        generator: "cues".to_owned(),
        scorer: "bundled".to_owned(),
        search: Config { steps: 12, ..Config::preset(Preset::Retrace) },
    };
    let memory = Memory { tour: Tour::Over, theme: Some("dark".to_owned()), ..Memory::default() };
    let back_ends = Some(Arc::new(BackEnds::new(Prompts::default(), setup)));
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("retrace")).unwrap();
    let opening = Opening { size: (150, 42), memory, at: "retrace", own: true, back_ends, ..Opening::default() };
    Script::open_in(folder, opening).await
}

#[tokio::test]
#[ignore = "draws the README's pictures"]
async fn draw_them() {
    let mut script = fresh().await;
    draw(&mut script, "library.svg", "The library: sample sessions, searched and fresh");

    script.open_session("lighthouse-letter").await;
    script.keys("0");
    // The biggest gain that the search itself brought.
    let is_chosen = |script: &Script| script.bench().candidate().is_some_and(|c| c.fate == Fate::Chosen);
    for _ in 0..script.bench().timeline.len() {
        script.keys(">");
        if is_chosen(&script) {
            break;
        }
    }
    assert!(is_chosen(&script), "{}", script.screen());
    while script.bench().tint != Tint::SinceBefore {
        script.keys("t");
    }
    script.settled().await;
    draw(
        &mut script,
        "bench.svg",
        "The bench: a step of a search, its candidates, and what it changed in the reference",
    );

    script.keys("e ctrl-end");
    script.write(" She would want the lamp first, and him only in its light.");
    draw(&mut script, "edit.svg", "A segment is edited in its place; saved, it is scored at once");
    script.act("ctrl-s").await;

    script.keys("X");
    let shown = |app: &retrace::app::App| match app.overlays.last() {
        Some(Overlay::Export(view)) => view.preview.is_some(),
        _ => false,
    };
    script.until(shown).await;
    draw(&mut script, "export.svg", "The export: the row as the trainer reads it");

    script.keys("esc q");
    script.settled().await;
    script.open_session("slow-kettle").await;
    script.keys("t t t r");
    script.until(|app| app.bench().is_some_and(|b| b.state.steps() >= 6 && !b.candidates().is_empty())).await;
    draw(&mut script, "search.svg", "A live search: the perplexity of the reference falls step by step");
    script.close().await;
}
