//! How long a frame takes. Prints; asserts nothing, because machines differ:
//!
//! `cargo test --release --test suite frames -- --ignored --nocapture`

use std::sync::Arc;
use std::time::{Duration, Instant};

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use retrace::app::input::Input;
use retrace::app::library::Place;
use retrace::app::memory::{Memory, Tour};
use retrace::app::message::Message;
use retrace::app::{Start, bench::Tint, keymap::Keymap};
use retrace::engine::{BackEnds, Setup};
use retrace::lm::prompts::Prompts;
use retrace::reer::search::{Config, Preset};
use retrace::session::{Author, ExampleRecord, Library};
use retrace::tui::theme::{Depth, Theme};
use retrace::tui::view::View;
use retrace::tui::{Means, Stage};
use tokio::sync::mpsc::UnboundedReceiver;

const FRAMES: u32 = 300;

struct Bench {
    stage: Stage,
    messages: UnboundedReceiver<Message>,
    buf: Buffer,
}

impl Bench {
    fn open(folder: &std::path::Path) -> Bench {
        let setup = Setup {
            generator: "cues".to_owned(),
            scorer: "bundled".to_owned(),
            search: Config::preset(Preset::Retrace),
        };
        let memory = Memory { tour: Tour::Over, tint: Tint::SinceBaseline, ..Memory::default() };
        let start = Start {
            keymap: Keymap::default(),
            defaults: setup.clone(),
            author: Author::User("ada".to_owned()),
            home: folder.to_owned(),
            themes: Theme::names(None),
            notice: None,
            open_first: true,
            memory,
        };
        let means = Means {
            back_ends: Arc::new(BackEnds::new(Prompts::load(None).unwrap(), setup)),
            author: Author::User("ada".to_owned()),
            concurrency: 1,
            place: Place::Folder(folder.to_owned()),
            home: folder.to_owned(),
            own: Some(folder.to_owned()),
            state: None,
        };
        let (stage, messages, _) = Stage::new(start, View::new(None), means, (Depth::True, None)).unwrap();
        Bench { stage, messages, buf: Buffer::empty(Rect::new(0, 0, 200, 60)) }
    }

    async fn until(&mut self, ready: impl Fn(&retrace::app::App) -> bool) {
        while !ready(&self.stage.app) {
            let message = self.messages.recv().await.expect("the stage lives");
            self.stage.take(message);
        }
    }

    fn press(&mut self, keys: &str) {
        for key in keys.split(' ') {
            self.stage.take(Message::Input(Input::Key(key.parse().unwrap())));
        }
    }

    /// Draws after each key and prints how long frames took.
    fn measure(&mut self, name: &str, keys: [&str; 2]) {
        let mut times: Vec<Duration> = Vec::new();
        for frame in 0..FRAMES {
            self.press(keys[(frame / 8 % 2) as usize]);
            let began = Instant::now();
            self.stage.draw(&mut self.buf);
            times.push(began.elapsed());
        }
        times.sort();
        let at = |share: usize| times[times.len() * share / 100];
        println!("{name}: median {:?}, 99 of 100 within {:?}, longest {:?}", at(50), at(99), times[times.len() - 1]);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints times"]
async fn frames_at_200_by_60() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(folder.path());
    bench.until(|app| app.bench().is_some_and(|bench| !bench.loading)).await;
    bench.measure("a sample, tinted, stepping", ["left", "right"]);
    bench.measure("a sample, tinted, segment by segment", ["down", "up"]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints times"]
async fn frames_of_a_megabyte() {
    let folder = tempfile::tempdir().unwrap();
    let reference = "The lamp has been kind to me this winter, 灯塔, and I clean it every night. ".repeat(13_000);
    let mut library = Library::create(folder.path()).unwrap();
    library.add(ExampleRecord::written("Write at length.", &reference)).unwrap().close().unwrap();
    let mut bench = Bench::open(folder.path());
    bench.until(|app| app.library.listing.is_some()).await;
    // The samples are listed before it, and the first of them is opened at once.
    bench.press("q end enter");
    bench.until(|app| app.bench().is_some_and(|bench| !bench.loading && bench.reference().len() > 900_000)).await;
    bench.press("shift-tab");
    bench.measure("a reference of 1 MB, page by page", ["pagedown", "pageup"]);
}
