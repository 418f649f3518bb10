//! A search without models: the machine's wants answered by a script, so that tests have whole sessions.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use retrace::reer::search::{Config, Node, Preset, Refusal, ScoreOf, Search, Want, Why};
use retrace::reer::{Identity, Language, LeakProbe, Measures, Objective, Segment, SegmentId, Target, measure};
use retrace::session::{
    Author, Call, Clock, ConfigRecord, ExampleRecord, Models, Payload, Score, Session, Stop, Tokens,
};
use time::OffsetDateTime;

/// Clocks that move by 7 ms a look.
#[derive(Debug, Default)]
pub struct Ticks(AtomicU64);

impl Ticks {
    fn next(&self) -> Duration {
        Duration::from_millis(self.0.fetch_add(7, Ordering::Relaxed))
    }
}

impl Clock for Ticks {
    fn utc(&self) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::from_secs(1_769_854_925) + self.next()
    }

    fn monotonic(&self) -> Duration {
        self.next()
    }
}

pub fn ticks() -> Arc<dyn Clock> {
    Arc::new(Ticks::default())
}

pub fn example(id: &str) -> ExampleRecord {
    let query = format!("Write a short toast for the wedding of {id}.\nKeep it warm.");
    let reference =
        "Friends, when Ana was six she married two \"bears\" — 她很高兴.\n\nTonight she does better.".to_owned();
    let meta = serde_json::json!({"tone": "warm", "scores": [0.1, 1e-7, 3], "\u{1f600}": null});
    ExampleRecord {
        id: id.to_owned(),
        hash: ExampleRecord::pair_hash(&query, &reference),
        query,
        reference,
        language: Language::En,
        category: Some("toast".to_owned()),
        source: None,
        meta: meta.as_object().cloned().unwrap_or_default(),
    }
}

pub fn scorer() -> Identity {
    Identity { kind: "bundled".to_owned(), model: "script".to_owned(), revision: Some("0123456789abcdef".to_owned()) }
}

pub fn second_scorer() -> Identity {
    Identity { kind: "gguf".to_owned(), model: "another".to_owned(), revision: None }
}

pub fn config(steps: u32) -> ConfigRecord {
    let search = Config { steps, candidates: 3, patience: None, seed: 11, ..Config::preset(Preset::Retrace) };
    ConfigRecord { search, generator: "cues".to_owned(), scorer: "bundled".to_owned() }
}

/// Records what stands before a search.
pub fn begin(session: &mut Session, steps: u32) {
    let generator = Identity { kind: "cues".to_owned(), model: "1".to_owned(), revision: None };
    let models = Models {
        generator,
        scorer: scorer(),
        objective: Objective::Nll,
        frame: "plain".to_owned(),
        prompts: "00112233aabbccdd".to_owned(),
    };
    let tokens = Tokens { scorer: scorer(), ids: vec![1, 2, 3, 4], ends: vec![8, 40, 60, 87] };
    for payload in [Payload::Models(models), Payload::Config(config(steps)), Payload::Tokens(tokens)] {
        session.record(Author::Search, payload).unwrap();
    }
}

/// Measures that depend on `text` and on nothing else; the longer, the lower.
pub fn measures(text: &str) -> (Measures, Vec<f64>) {
    let seed = text.bytes().fold(17u32, |h, b| h.wrapping_mul(31).wrapping_add(u32::from(b)));
    let base = if text.is_empty() { 3.5 } else { 3.0 - (text.len() as f32 / 2000.0).min(1.5) };
    let logprobs: Vec<f32> = (0..4).map(|i| -base - ((seed >> (i * 4)) % 97) as f32 / 331.0).collect();
    let target = Target { tokens: vec![1, 2, 3, 4], spans: vec![0..8, 8..40, 40..60, 60..87] };
    let y = "y".repeat(87);
    let rounded = logprobs.iter().map(|v| (f64::from(*v) * 1000.0).round() / 1000.0).collect();
    (measure(&y, &target, &logprobs).unwrap(), rounded)
}

/// Carries out wants until the search stops or has asked for `most` rounds of them.
pub fn drive(session: &mut Session, most: usize) {
    for _ in 0..most {
        let wants = session.state().search.as_ref().map(Search::wants).unwrap_or_default();
        if wants.is_empty() {
            return;
        }
        for want in wants {
            answer(session, want);
        }
    }
}

fn answer(session: &mut Session, want: Want) {
    let payloads = match want {
        Want::Draft { slot, .. } => vec![call("draft"), Payload::Node(draft(session, slot))],
        Want::Propose { step, node, segment, slots } => {
            let first = session.state().search.as_ref().unwrap().tree().next_id().0;
            let text =
                |slot| format!("Rewrite {step}.{slot}: what does she 想 hear? {}", "Wait. ".repeat(slot as usize));
            let nodes = slots.iter().enumerate().map(|(at, (slot, _))| {
                let mut new = blank(first + at as u32, Why::Candidate);
                (new.parent, new.segment, new.step, new.slot) = (Some(node), Some(segment), Some(step), Some(*slot));
                match slot {
                    2 if step % 3 == 0 => new.refused = Some(Refusal::Truncated),
                    _ => new.text = Some(text(*slot)),
                }
                new.analysis = Some("sharper".to_owned());
                Payload::Node(new)
            });
            std::iter::once(call("refine")).chain(nodes).collect()
        }
        Want::Score(of) => vec![call("score"), Payload::Score(score(session, of))],
        Want::Decide(decision) => vec![Payload::Decide(decision)],
        Want::Stop(reason, detail) => vec![Payload::Stop(Stop { reason, detail: Some(detail) })],
    };
    for payload in payloads {
        session.record(Author::Search, payload).unwrap();
    }
}

fn draft(session: &Session, slot: u32) -> Node {
    let id = session.state().search.as_ref().unwrap().tree().next_id().0;
    let texts = ["Who is listening? Family.", "想一想: what was she like at six?", "End on tonight."];
    let segments = texts.iter().enumerate();
    let segments = segments.map(|(i, text)| Segment { id: SegmentId(i as u32 + 1), text: (*text).to_owned() });
    let mut node = blank(id, Why::Draft);
    (node.segments, node.slot) = (Some(segments.collect()), Some(slot));
    node
}

/// A node with nothing in it.
pub fn blank(id: u32, why: Why) -> Node {
    Node {
        id: retrace::reer::search::NodeId(id),
        parent: None,
        why,
        segments: None,
        segment: None,
        text: None,
        step: None,
        slot: None,
        refused: None,
        instruction: None,
        analysis: None,
        raw: None,
    }
}

fn call(purpose: &str) -> Payload {
    Payload::Call(Call {
        purpose: purpose.to_owned(),
        model: "script".to_owned(),
        tokens_in: 40,
        tokens_out: 9,
        tokens_cached: 12,
        ms: 3,
        requests: 0,
        retries: 0,
        error: None,
    })
}

fn score(session: &Session, of: ScoreOf) -> Score {
    let search = session.state().search.as_ref().unwrap();
    let example = session.state().example.as_ref().unwrap();
    let (node, without, z) = match of {
        ScoreOf::Baseline => (None, None, String::new()),
        ScoreOf::Node(node) => (Some(node), None, search.tree().trajectory(node).unwrap().text()),
        ScoreOf::Without(node, segment) => {
            let z = search.tree().trajectory(node).unwrap().without(segment).unwrap();
            (Some(node), Some(segment), z.text())
        }
    };
    let (measures, logprobs) = measures(&z);
    let leak =
        (without.is_none() && node.is_some()).then(|| LeakProbe::new(&example.query, &example.reference).leak(&z));
    Score {
        node,
        without,
        scorer: scorer(),
        measures: Some(measures),
        leak,
        logprobs: without.is_none().then_some(logprobs),
        error: None,
        estimated: false,
        too_long: false,
        outraced: None,
    }
}

/// A finished session of about `2 + steps * 9` events at `path`, closed.
pub fn finished(path: &Path, id: &str, steps: u32) {
    let mut session = Session::create_at(path, id, example(id), ticks()).unwrap();
    begin(&mut session, steps);
    drive(&mut session, 1000);
    assert!(session.state().stop.is_some());
    session.close().unwrap();
}

/// A folder in memory where there is one: thousands of recoveries sync a disk tens of thousands of times.
pub fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

pub fn ada() -> Author {
    Author::User("ada".to_owned())
}

/// A line of the journal's form with a right checksum; `head` is everything before it, without the last brace.
pub fn sealed(head: &str) -> String {
    format!("{head},\"crc\":\"{:08x}\"}}\n", crc32c::crc32c(head.as_bytes()))
}

/// Appends bytes to a file past any writer.
pub fn append(path: &Path, bytes: &[u8]) {
    use std::io::Write;
    std::fs::OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}
