//! Makes a sample at the desk: a recorded generator, the real bundled scorer, a person whose pauses are told and not
//! waited for.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use retrace::engine::desk::{Order, Origin};
use retrace::engine::{BackEnds, Setup};
use retrace::lm::prompts::Prompts;
use retrace::lm::recorded::Recorded;
use retrace::reer::search::{Config, NodeId, Order as Visits, Preset, Why};
use retrace::session::pairs::{self, Fields};
use retrace::session::{
    Author, Clock, ExampleRecord, Fork, Head, Mark, Note, Override, Payload, Rate, Session, Star, Tag, Verdict,
    VerdictRecord,
};
use time::OffsetDateTime;
use time::macros::datetime;

use crate::desk::stand::Stand;

/// Pairs without a search.
pub const FRESH: [&str; 4] = ["slow-kettle", "previous-tenant", "winding-the-clock", "last-night-embassy"];

/// The first sample was begun then; the others follow, some hours apart.
const BEGUN: OffsetDateTime = datetime!(2026-03-14 18:40:00 UTC);

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/samples")
}

fn example(name: &str) -> (ExampleRecord, OffsetDateTime) {
    let pairs = pairs::read(&fixtures().join("pairs.jsonl"), &Fields::default()).unwrap();
    let found = pairs.map(Result::unwrap).enumerate().find(|(_, pair)| pair.id == name);
    let (at, pair) = found.unwrap_or_else(|| panic!("no pair {name}"));
    (ExampleRecord { source: None, ..pair }, BEGUN + Duration::from_secs(at as u64 * 19_373))
}

/// A session without a search, as its first look finds it.
pub fn fresh(name: &str, folder: &Path) {
    let (example, begun) = example(name);
    let path = folder.join(format!("{name}.jsonl"));
    let _ = std::fs::remove_file(&path);
    drop(Session::create_at(&path, name, example, Arc::new(Staged::at(begun))).unwrap());
}

/// A clock that a few hundred milliseconds pass on at each look, and more when it is told.
struct Staged {
    begun: OffsetDateTime,
    ms: AtomicU64,
    dice: Mutex<u64>,
}

impl Staged {
    fn at(begun: OffsetDateTime) -> Staged {
        Staged { begun, ms: AtomicU64::new(0), dice: Mutex::new(0x9E37_79B9_7F4A_7C15) }
    }

    fn pass(&self, ms: u64) {
        self.ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for Staged {
    fn utc(&self) -> OffsetDateTime {
        self.begun + Duration::from_millis(self.ms.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        let mut dice = self.dice.lock().unwrap();
        *dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.pass(190 + (*dice >> 33) % 260);
        Duration::from_millis(self.ms.load(Ordering::SeqCst))
    }
}

/// Someone at the desk with one sample.
pub struct Maker {
    stand: Stand,
    clock: Arc<Staged>,
    setup: Setup,
    path: PathBuf,
}

impl Maker {
    pub async fn sit_down(name: &str, folder: &Path) -> Maker {
        let (example, begun) = example(name);
        let (path, clock) = (folder.join(format!("{name}.jsonl")), Arc::new(Staged::at(begun)));
        let _ = std::fs::remove_file(&path);
        drop(Session::create_at(&path, name, example, clock.clone()).unwrap());
        let file = format!("{name}.recorded.jsonl");
        let search = Config { order: Visits::LeftToRight, patience: None, steps: 1, ..Config::preset(Preset::Retrace) };
        let setup = Setup { generator: format!("recorded:{file}"), scorer: "bundled".to_owned(), search };
        let recorded = Arc::new(Recorded::open(&fixtures().join(&file)).unwrap());
        let back_ends = BackEnds::new(Prompts::default(), setup.clone()).with_generator(&setup.generator, recorded);
        let mara = Author::User("mara".to_owned());
        clock.pass(4_000);
        let mut stand = Stand::open_as(mara, clock.clone(), Origin::File(path.clone()), Arc::new(back_ends));
        stand.opened().await;
        Maker { stand, clock, setup, path }
    }

    /// Lets the search make steps up to `steps`.
    pub async fn search(&mut self, steps: u32) {
        self.setup.search.steps = steps;
        self.stand.desk.order(Order::Search(self.setup.clone()));
        self.stand.until(|_, state| state.steps() == steps && state.stop.is_some()).await;
        self.stand.idle().await;
    }

    /// The person does nothing for a while.
    pub fn pass(&self, seconds: u64) {
        self.clock.pass(seconds * 1000);
    }

    pub fn head(&self) -> NodeId {
        self.stand.state.head().unwrap()
    }

    /// The version that a step ended with; 0 for the draft.
    pub fn after(&self, step: usize) -> NodeId {
        let search = self.stand.state.search.as_ref().unwrap();
        match step {
            0 => search.tree().iter().next().unwrap().0,
            _ => search.decisions()[step - 1].frontier[0],
        }
    }

    /// A candidate of a step, by its letter.
    pub fn candidate(&self, step: u32, letter: char) -> NodeId {
        let slot = Some(u32::from(letter) - u32::from('a'));
        let search = self.stand.state.search.as_ref().unwrap();
        let mut versions = search.tree().iter();
        versions.find(|(_, v)| v.node.step == Some(step) && v.node.slot == slot).unwrap().0
    }

    async fn record(&mut self, payloads: Vec<Payload>) {
        let before = self.stand.state.last_seq;
        let moves = payloads.iter().any(|p| matches!(p, Payload::Override(_) | Payload::Head(_)));
        self.stand.desk.order(Order::Record(payloads));
        self.stand.until(|_, state| state.last_seq > before).await;
        if moves {
            self.scored().await;
        }
    }

    /// Waits until the current version has its score and its token log-probabilities.
    async fn scored(&mut self) {
        let known = |state: &retrace::session::State| {
            state.head().is_some_and(|h| state.logprobs.contains_key(&retrace::reer::search::ScoreOf::Node(h)))
        };
        if !known(&self.stand.state) {
            self.stand.until(|_, state| known(state)).await;
            self.stand.idle().await;
        }
    }

    /// Takes a candidate against the search's choice.
    pub async fn take(&mut self, step: u32, letter: char) {
        let node = self.candidate(step, letter);
        let refused = self.stand.state.search.as_ref().unwrap().decisions()[step as usize - 1].chosen;
        self.record(vec![Payload::Override(Override { node, refused, step: Some(step) })]).await;
    }

    /// Makes a version current; `branch` names where it is.
    pub async fn go_to(&mut self, node: NodeId, branch: Option<&str>) {
        self.record(vec![Payload::Head(Head { node, branch: branch.map(str::to_owned) })]).await;
    }

    /// Begins a named branch at a version.
    pub async fn fork(&mut self, node: NodeId, name: &str) {
        let head = Payload::Head(Head { node, branch: Some(name.to_owned()) });
        self.record(vec![Payload::Fork(Fork { node, name: name.to_owned() }), head]).await;
    }

    /// Writes the segment at `position` anew from what it says now.
    pub async fn edit(&mut self, position: usize, write: impl Fn(&str) -> String) {
        let head = self.head();
        let search = self.stand.state.search.as_ref().unwrap();
        let segments = &search.tree().trajectory(head).unwrap().segments;
        let mut texts: Vec<_> = segments.iter().map(|s| (Some(s.id), s.text.clone())).collect();
        texts[position].1 = write(&texts[position].1);
        let segment = texts[position].0;
        self.stand.desk.order(Order::Make {
            parent: head,
            why: Why::Edit,
            segment,
            segments: texts,
            step: None,
            refused: None,
        });
        self.stand.until(|_, state| state.head() != Some(head)).await;
        self.scored().await;
    }

    /// Asks for the recorded candidates of a segment outside the search; gives them back in order.
    pub async fn propose(&mut self, position: usize, instruction: &str) -> Vec<NodeId> {
        let node = self.head();
        let search = self.stand.state.search.as_ref().unwrap();
        let segment = search.tree().trajectory(node).unwrap().segments[position].id;
        let first = search.tree().next_id();
        let instruction = Some(instruction.to_owned());
        let generator = self.stand.state.config.as_ref().unwrap().generator.clone();
        self.stand.desk.order(Order::Propose { node, segment, instruction, generator, count: 4 });
        let new = |state: &retrace::session::State| -> Vec<(NodeId, bool)> {
            let versions = state.search.as_ref().unwrap().tree().iter().filter(|(id, _)| *id >= first);
            versions.map(|(id, v)| (id, v.measures.is_some())).collect()
        };
        self.stand.until(|_, state| new(state).len() == 4 && new(state).iter().all(|(_, scored)| *scored)).await;
        self.stand.idle().await;
        new(&self.stand.state).into_iter().map(|(id, _)| id).collect()
    }

    /// Takes a candidate that was asked for.
    pub async fn accept(&mut self, node: NodeId) {
        self.record(vec![Payload::Override(Override { node, refused: None, step: None })]).await;
    }

    /// Refuses a candidate and keeps what is current.
    pub async fn refuse(&mut self, node: NodeId) {
        let head = self.head();
        self.record(vec![Payload::Override(Override { node: head, refused: Some(node), step: None })]).await;
    }

    pub async fn mark(&mut self, node: NodeId, name: &str) {
        self.record(vec![Payload::Mark(Mark { node, name: Some(name.to_owned()), on: true })]).await;
    }

    pub async fn star(&mut self, node: NodeId) {
        self.record(vec![Payload::Star(Star { node, on: true })]).await;
    }

    pub async fn note(&mut self, node: Option<NodeId>, text: &str) {
        self.record(vec![Payload::Note(Note { text: text.to_owned(), node, name: false })]).await;
    }

    pub async fn tag(&mut self, name: &str) {
        self.record(vec![Payload::Tag(Tag { name: name.to_owned(), on: true })]).await;
    }

    pub async fn judge(&mut self, verdict: Verdict, stars: u8) {
        let verdict = Payload::Verdict(VerdictRecord { verdict, summary: None });
        self.record(vec![verdict, Payload::Rate(Rate { stars })]).await;
    }

    /// Ends the sitting. Calls are told with the staged clock's times, like everything else.
    pub async fn get_up(self) {
        self.clock.pass(3_000);
        self.stand.close(&self.path).await;
        let text = std::fs::read_to_string(&self.path).unwrap();
        std::fs::write(&self.path, text.lines().map(staged).collect::<String>()).unwrap();
    }
}

/// A line with the time of its call, where it has one, as the staged clock saw it.
fn staged(line: &str) -> String {
    let event: serde_json::Value = serde_json::from_str(line).unwrap();
    let (Some(ms), Some(dt)) = (event["d"]["ms"].as_u64(), event["dt"].as_u64()) else { return format!("{line}\n") };
    let head = line.rsplit_once(",\"crc\"").unwrap().0;
    crate::session::scripted::sealed(&head.replacen(&format!("\"ms\":{ms}"), &format!("\"ms\":{dt}"), 1))
}
