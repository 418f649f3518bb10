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
            themes: Theme::choices(None),
            notice: None,
            here: std::env::current_dir().unwrap(),
            open_first: true,
            memory,
        };
        let means = Means {
            back_ends: Arc::new(BackEnds::new(Prompts::load(None).unwrap(), setup)),
            author: Author::User("ada".to_owned()),
            concurrency: Some(1),
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
        tell(name, times);
    }

    /// Takes what comes as the loop does until `done`, draws after each, and prints how long the loop was held up.
    async fn measure_beside(&mut self, name: &str, done: impl Fn(&retrace::app::App) -> bool) {
        let (mut taken, mut drawn) = (Vec::new(), Vec::new());
        while !done(&self.stage.app) {
            let message = self.messages.recv().await.expect("the stage lives");
            let began = Instant::now();
            self.stage.take(message);
            taken.push(began.elapsed());
            let began = Instant::now();
            self.stage.draw(&mut self.buf);
            drawn.push(began.elapsed());
        }
        tell(&format!("{name}, a message"), taken);
        tell(&format!("{name}, a frame"), drawn);
    }
}

fn tell(name: &str, mut times: Vec<Duration>) {
    times.sort();
    let at = |share: usize| times[times.len() * share / 100];
    let (count, longest) = (times.len(), times[times.len() - 1]);
    println!("{name}: median {:?}, 99 of 100 within {:?}, longest of {count} {longest:?}", at(50), at(99));
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
    bench.press("/ k i n d");
    let began = Instant::now();
    bench.press("enter");
    println!("13,000 matches in it are there after {:?}", began.elapsed());
    bench.measure("a reference of 1 MB, match by match", ["n", "N"]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "prints times"]
async fn the_loop_beside_a_search() {
    let folder = tempfile::tempdir().unwrap();
    let mut bench = Bench::open(folder.path());
    bench.until(|app| app.library.listing.is_some()).await;
    let fresh = |app: &retrace::app::App| app.library.view().position(|row| row.summary.id == "slow-kettle");
    let place = fresh(&bench.stage.app).expect("the sample is listed");
    bench.press("q home");
    (0..place).for_each(|_| bench.press("down"));
    bench.press("enter");
    bench.until(|app| app.bench().is_some_and(|bench| !bench.loading)).await;
    bench.press("r");
    bench.measure_beside("eight steps of a search", |app| app.bench().is_some_and(|b| b.state.steps() >= 8)).await;
}

#[test]
#[ignore = "prints times"]
fn copied_runs_of_long_texts() {
    // Words by Zipf's law, as in prose: the pairs of equal words are what the time goes to.
    let mut dice = 0x2545_F491_4F6C_DD1Du64;
    let mut word = || {
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        let rank = ((dice % 10_000) as f64 / 10_000.0 * (8_000f64).ln()).exp() as u64;
        format!("w{rank} ")
    };
    for (bytes_of_y, bytes_of_z) in [(10_000, 4_000), (40_000, 5_000), (100_000, 2_000)] {
        let mut text = |bytes: usize| std::iter::from_fn(|| Some(word())).take(bytes / 5).collect::<String>();
        let (y, z) = (text(bytes_of_y), text(bytes_of_z));
        let began = Instant::now();
        let probe = retrace::reer::LeakProbe::new("Write it.", &y);
        let (made, began) = (began.elapsed(), Instant::now());
        let runs = probe.runs(&z).len();
        println!("{bytes_of_y} x {bytes_of_z} bytes: ready in {made:?}, {runs} copied runs in {:?}", began.elapsed());
    }
}
