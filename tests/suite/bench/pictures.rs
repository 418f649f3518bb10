//! The pictures of the README, played on the sample sessions with the bundled back ends:
//! `cargo test --test suite bench::pictures -- --ignored` draws them anew. The same program draws the same pictures.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use ratatui::buffer::Buffer;
use retrace::app::bench::{Bench, Fate, Tint};
use retrace::app::memory::{Memory, Tour};
use retrace::app::overlay::Overlay;
use retrace::engine::desk::Work;
use retrace::engine::{BackEnds, Setup};
use retrace::lm::prompts::Prompts;
use retrace::lm::{Generator, LmError, Request, Sample, Sink};
use retrace::reer::Identity;
use retrace::reer::search::{Config, Preset};

use tokio::sync::Semaphore;

use super::script::{Opening, Script};
use super::svg::svg;

fn place(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/pictures").join(name)
}

/// Draws the screen without what is another one each time: the folder's name, the time and the speed.
fn draw(script: &mut Script, name: &str, title: &str) {
    let mut buf = script.draw();
    let folder = script.path("").display().to_string();
    for y in 0..buf.area.height {
        rewrite(&mut buf, y, &folder, "~/");
    }
    still(&mut buf);
    std::fs::create_dir_all(place("")).unwrap();
    std::fs::write(place(name), svg(&buf, title)).unwrap();
}

/// Puts `new` in the place of `old`, which is not shorter, and what follows up to two spaces behind it.
fn rewrite(buf: &mut Buffer, y: u16, old: &str, new: &str) {
    let cells: Vec<String> = (0..buf.area.width).map(|x| buf[(x, y)].symbol().to_owned()).collect();
    let row = cells.concat();
    let Some(at) = row.find(old) else { return };
    let x = row[..at].chars().count();
    let rest = &row[at + old.len()..];
    let rest = &rest[..rest.find("  ").unwrap_or(rest.len())];
    let whole = old.chars().count() + rest.chars().count();
    let text = format!("{new}{rest}");
    let letters = text.chars().chain(std::iter::repeat(' ')).take(whole);
    for (letter, x) in letters.zip(x as u16..) {
        buf[(x, y)].set_char(letter);
    }
}

/// Takes the time and the speed out of the status line.
fn still(buf: &mut Buffer) {
    let row: Vec<char> = (0..buf.area.width).filter_map(|x| buf[(x, 0)].symbol().chars().next()).collect();
    let Some(begin) = row.iter().position(|c| *c == '●') else { return };
    let said: String = row[begin..].iter().collect();
    let is_time = |part: &&str| part.contains("tok/s") || part.contains(':');
    let kept: Vec<&str> = said.trim_end().split(" · ").filter(|part| !is_time(part)).collect();
    let kept = format!("{:>width$} ", kept.join(" · "), width = row.len() - begin - 1);
    for (letter, x) in kept.chars().zip(begin as u16..) {
        buf[(x, 0)].set_char(letter);
    }
}

/// A generator that answers so many calls, and then lets everybody wait.
struct Gated {
    generator: Arc<dyn Generator>,
    permits: Semaphore,
}

#[async_trait]
impl Generator for Gated {
    fn identity(&self) -> &Identity {
        self.generator.identity()
    }

    async fn generate(&self, request: &Request<'_>, sink: Sink<'_>) -> Result<Vec<Sample>, LmError> {
        self.permits.acquire().await.map_err(|_| LmError::Cancelled)?.forget();
        self.generator.generate(request, sink).await
    }
}

/// The user's own library on a fresh machine, with the samples in it.
async fn fresh(calls: usize) -> Script {
    let setup = Setup {
        generator: "cues".to_owned(),
        scorer: "bundled".to_owned(),
        search: Config { steps: 12, ..Config::preset(Preset::Retrace) },
    };
    let memory = Memory { tour: Tour::Over, theme: Some("dark".to_owned()), ..Memory::default() };
    let back_ends = BackEnds::new(Prompts::default(), setup);
    let generator = back_ends.generator("cues", Preset::Retrace).unwrap();
    let gated = Gated { generator, permits: Semaphore::new(calls) };
    let back_ends = Some(Arc::new(back_ends.with_generator("cues", Arc::new(gated))));
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("retrace")).unwrap();
    let opening = Opening { size: (150, 42), memory, at: "retrace", own: true, back_ends, ..Opening::default() };
    Script::open_in(folder, opening).await
}

#[tokio::test]
#[ignore = "draws the README's pictures"]
async fn draw_them() {
    // A draft and six steps.
    let mut script = fresh(7).await;
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
    script.keys("r");
    let waits = |bench: &Bench| bench.state.steps() == 6 && matches!(bench.activity.work, Work::Proposing { .. });
    script.until(|app| app.bench().is_some_and(waits)).await;
    script.keys("z z");
    draw(&mut script, "search.svg", "A live search: the perplexity of the reference falls step by step");
    script.close().await;
}
