//! The sample sessions: how they are made, and that they are what they claim to be.

mod maker;
mod stories;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use retrace::lm::bundled;
use retrace::reer::Language;
use retrace::reer::search::{Reason, ScoreOf, Why};
use retrace::session::samples::{SAMPLES, Sample};
use retrace::session::{self, Payload, State, Status, Verdict};

use crate::cli::House;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sessions")
}

/// The stored digests, by name.
fn digests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/samples/digests.json")
}

/// Writes `sessions/*.jsonl` anew with the real bundled scorer, and their digests; one at a time:
/// `cargo test --test suite samples::write -- --ignored --test-threads 1`.
mod write {
    use super::{digests, folder, maker, stories};

    /// Stores the digest of a sample beside those of the others.
    fn seal(name: &str) {
        let stored = std::fs::read_to_string(digests()).unwrap_or_else(|_| "{}".to_owned());
        let mut told: std::collections::BTreeMap<String, String> = serde_json::from_str(&stored).unwrap();
        let file = folder().join(format!("{name}.jsonl"));
        told.insert(name.to_owned(), retrace::session::read(&file).unwrap().state.digest());
        std::fs::write(digests(), serde_json::to_string_pretty(&told).unwrap() + "\n").unwrap();
    }

    #[test]
    #[ignore = "writes sample sessions anew"]
    fn fresh() {
        for name in maker::FRESH {
            maker::fresh(name, &folder());
            seal(name);
        }
    }

    /// Writes one searched sample.
    macro_rules! searched {
        ($($name:ident $file:literal),+) => {$(
            #[tokio::test(flavor = "multi_thread")]
            #[ignore = "writes a sample session anew, which takes a minute or more"]
            async fn $name() {
                stories::$name(&folder()).await;
                seal($file);
            }
        )+};
    }

    searched! {
        lighthouse_letter "lighthouse-letter",
        weighbridge_ticket "weighbridge-ticket",
        on_whistling "on-whistling",
        scratched_disc "scratched-disc",
        eleven_votes "eleven-votes",
        huinantian "huinantian"
    }
}

fn states() -> Vec<(Sample, State)> {
    SAMPLES.iter().map(|sample| (*sample, sample.read().unwrap().state)).collect()
}

#[test]
fn every_sample_replays_to_its_digest() {
    let stored: BTreeMap<String, String> = serde_json::from_str(&std::fs::read_to_string(digests()).unwrap()).unwrap();
    let replayed: BTreeMap<String, String> =
        states().into_iter().map(|(sample, state)| (sample.name.to_owned(), state.digest())).collect();
    assert_eq!(replayed, stored);
    for sample in SAMPLES {
        assert!(sample.read().unwrap().health.is_sound());
        assert_eq!(std::fs::read(folder().join(sample.file_name())).unwrap(), sample.bytes, "what is compiled in");
        crate::session::schema::every_line_is_valid(&folder().join(sample.file_name()));
    }
}

#[test]
fn every_file_is_a_sample_and_the_program_finds_them_sound() {
    let mut names: Vec<String> = SAMPLES.iter().map(Sample::file_name).collect();
    assert_eq!(names[0], "lighthouse-letter.jsonl", "the letter first");
    names.sort();
    let files = session::library::files(&folder()).unwrap();
    let files: Vec<String> = files.iter().map(|f| f.file_name().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(files, names);
    let house = House::new();
    for sample in SAMPLES {
        house.write(&format!("copy/{}", sample.file_name()), std::str::from_utf8(sample.bytes).unwrap());
    }
    let checked = house.run(&["check", "copy", "--json"]);
    assert_eq!(checked.code, 0, "{} {}", checked.out, checked.err);
}

#[test]
fn each_is_worth_opening() {
    let scorer = bundled::model().unwrap().identity().clone();
    let (mut searched, mut fresh, mut chinese) = (0, 0, 0);
    let (mut notes, mut verdicts) = (0, 0);
    for (sample, state) in states() {
        let example = state.example.as_ref().unwrap();
        let length = match example.language {
            Language::En => example.reference.split_whitespace().count(),
            Language::Zh => example.reference.chars().filter(|c| !c.is_ascii_punctuation()).count(),
        };
        assert!((150..=1200).contains(&length), "{}: {length}", sample.name);
        chinese += usize::from(example.language == Language::Zh);
        if state.status() == Status::Fresh {
            let (events, _) = session::events_of(Path::new(sample.name), sample.bytes).unwrap();
            assert_eq!(events.iter().map(|e| e.payload.name()).collect::<Vec<_>>(), ["open", "example"]);
            fresh += 1;
            continue;
        }
        searched += 1;
        assert_eq!(state.scorer.as_ref(), Some(&scorer), "{}: scored by the model that is compiled in", sample.name);
        tells_a_story(&sample, &state);
        notes += state.annotations.notes().len();
        verdicts += usize::from(state.annotations.verdict() != Verdict::None);
    }
    assert!(searched >= 6 && fresh >= 3 && chinese >= 1 && notes >= 2 && (1..searched).contains(&verdicts));
}

/// A fall, refusals by guards, a hand edit, a choice against the search, a fork, a mark.
fn tells_a_story(sample: &Sample, state: &State) {
    let name = sample.name;
    let search = state.search.as_ref().unwrap();
    let baseline = search.baseline().unwrap().nll.0;
    assert!(search.score(search.best_ever().unwrap()).unwrap() < baseline - 0.1, "{name} falls");
    let reasons: Vec<Reason> = search.decisions().iter().flat_map(|d| &d.others).map(|other| other.reason).collect();
    assert!(reasons.contains(&Reason::LeakSpan) && reasons.contains(&Reason::Repetition), "{name}: {reasons:?}");
    let edits: Vec<_> = search.tree().iter().filter(|(_, v)| v.node.why == Why::Edit).collect();
    assert!(!edits.is_empty(), "{name} has an edit");
    for (id, edit) in edits {
        assert!(edit.measures.is_some() && edit.leak.is_some_and(|leak| leak.ngram < 0.05), "{name}: {id:?}");
        assert!(state.logprobs.contains_key(&ScoreOf::Node(id)));
    }
    assert!(state.annotations.overrides().any(|choice| choice.value.step.is_some()), "{name} has an override");
    assert!(!state.annotations.forks().is_empty() && !state.annotations.marks().is_empty(), "{name}");
    assert!(state.errors.is_empty(), "{name}: {:?}", state.errors);
    let (events, _) = session::events_of(Path::new(name), sample.bytes).unwrap();
    assert!(matches!(events.last().unwrap().payload, Payload::Closed(_)));
}
