//! A search over hand-written thoughts: recorded answers drive it, the bundled model judges them.

use std::path::Path;

use retrace::reer::search::Reason;
use retrace::session;

use crate::cli::House;

#[test]
fn hand_written_thoughts_are_taken_and_copies_are_refused() {
    let house = House::new();
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/samples");
    let generator = format!("recorded:{}", samples.join("lighthouse-letter.recorded.jsonl").display());
    let input = samples.join("pairs.jsonl");
    let args = ["--into", "out", "--limit", "1", "--order", "left-to-right", "--steps", "3", "--generator", &generator];
    let ran = house.run(&[&["search", input.to_str().unwrap()], &args[..]].concat());
    assert_eq!(ran.code, 0, "{}", ran.err);
    crate::session::schema::every_line_is_valid(&house.path("out/lighthouse-letter.jsonl"));
    let state = session::read(&house.path("out/lighthouse-letter.jsonl")).unwrap().state;
    let search = state.search.unwrap();
    let reasons: Vec<Reason> = search.decisions().iter().flat_map(|d| &d.others).map(|other| other.reason).collect();
    assert!(search.decisions().iter().any(|decision| decision.chosen.is_some()));
    assert!(reasons.contains(&Reason::LeakSpan), "{reasons:?}");
    assert!(search.score(search.outcome().unwrap()) < search.baseline().map(|baseline| baseline.nll.0));
}
