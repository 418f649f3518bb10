//! Racing: what it spares and which decisions it changes. Every decision of searches without racing is run again as a
//! race over the log-probabilities that were computed for it. With `RETRACE_RACE_ROWS=FILE` the losses of every decision are
//! appended there, a line of JSON each, for trying out other rules, and nothing is searched a second time.

use std::collections::HashMap;
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use async_trait::async_trait;
use retrace::engine::{BackEnds, Models, Plan, Setup, batch};
use retrace::lm::prompts::Prompts;
use retrace::lm::{Answered, Context, LmError, Scorer, TokenLogprobs};
use retrace::reer::search::{Config, Decision, NodeId, Preset, Race, Reason, Rule, Search, laps};
use retrace::reer::{Example, Identity, Target};
use retrace::session::{self, State};
use tokio_util::sync::CancellationToken;

const CANDIDATES: u32 = 8;
const STEPS: u32 = 12;
const DECISIONS: usize = 1000;
const TOGETHER: usize = 5;

/// Names a file for the rows.
const ROWS: &str = "RETRACE_RACE_ROWS";

/// A scorer that remembers what it said of each z of each example.
struct Recorder {
    inner: Arc<dyn Scorer>,
    heard: Mutex<HashMap<(String, String), TokenLogprobs>>,
}

#[async_trait]
impl Scorer for Recorder {
    fn identity(&self) -> &Identity {
        self.inner.identity()
    }

    async fn tokenize(&self, example: &Example) -> Result<Target, LmError> {
        self.inner.tokenize(example).await
    }

    async fn score(
        &self,
        example: &Example,
        target: &Target,
        contexts: &[Context],
        answered: Answered<'_>,
    ) -> Vec<Result<TokenLogprobs, LmError>> {
        let answers = self.inner.score(example, target, contexts, answered).await;
        for (Context::Thinking { z }, answer) in contexts.iter().zip(&answers) {
            let answer = answer.clone().unwrap();
            // Asked for again, it is known already; what it cost was spent the first time.
            self.heard.lock().unwrap().entry((example.id.clone(), z.clone())).or_insert(answer);
        }
        answers
    }

    fn reads_in_parts(&self) -> bool {
        self.inner.reads_in_parts()
    }

    async fn score_part(
        &self,
        example: &Example,
        target: &Target,
        part: Range<usize>,
        contexts: &[Context],
    ) -> Vec<Result<TokenLogprobs, LmError>> {
        self.inner.score_part(example, target, part, contexts).await
    }
}

/// Sums over decisions.
#[derive(Default)]
struct Tally {
    decisions: usize,
    changed: usize,
    /// Tokens evaluated in scoring candidates whole.
    plain: usize,
    raced: usize,
    /// Of those, what no rule could spare: all but the one that is chosen are dropped after the first lap.
    least: usize,
}

impl Tally {
    fn add(&mut self, recorder: &Recorder, state: &State, decision: &Decision, before: NodeId, rule: Rule) {
        let search = state.search.as_ref().unwrap();
        let heard = recorder.heard.lock().unwrap();
        let of = |node: NodeId| heard.get(&(state.id.clone(), search.tree().trajectory(node)?.text()));
        let Some(current) = of(before) else { return };
        let losses = |read: &TokenLogprobs, end: usize| -> Vec<f64> {
            read.logprobs[..end].iter().map(|v| search.config().objective.loss(f64::from(*v))).collect()
        };
        let guarded = |node| {
            let reason = decision.others.iter().find(|other| other.node == node).map(|other| other.reason);
            matches!(reason, Some(Reason::LeakSpan | Reason::LeakNgram | Reason::Length | Reason::Repetition))
        };
        let nodes: Vec<NodeId> = decision.others.iter().map(|o| o.node).chain(decision.chosen).collect();
        let field: Vec<(NodeId, &TokenLogprobs)> =
            nodes.into_iter().filter_map(|node| Some((node, of(node)?))).collect();
        let tokens = current.logprobs.len();
        let allowed = field.iter().map(|(node, _)| !guarded(*node)).collect();
        let race = Race { rule, objective: search.config().objective, min_delta: 0.0, allowed };
        let whole = losses(current, tokens);
        if let (Rule::Paired, Some(file)) = (rule, std::env::var_os(ROWS)) {
            let row = serde_json::json!({
                "id": state.id, "current": whole, "allowed": race.allowed,
                "runners": field.iter().map(|(_, heard)| losses(heard, tokens)).collect::<Vec<_>>(),
                "evaluated": field.iter().map(|(_, heard)| heard.prompt_tokens - heard.cached_tokens).collect::<Vec<_>>(),
                "chosen": decision.chosen.and_then(|chosen| field.iter().position(|(node, _)| *node == chosen)),
            });
            let mut file = std::fs::OpenOptions::new().create(true).append(true).open(file).unwrap();
            writeln!(file, "{row}").unwrap();
        }
        let mut read = vec![tokens; field.len()];
        let mut left = vec![true; field.len()];
        for lap in laps(tokens) {
            let runners: Vec<Option<Vec<f64>>> =
                field.iter().zip(&left).map(|((_, heard), left)| left.then(|| losses(heard, lap.end))).collect();
            for (at, out) in race.out(&whole, &runners).into_iter().enumerate() {
                if out {
                    (left[at], read[at]) = (false, lap.end);
                }
            }
        }
        let evaluated = |heard: &TokenLogprobs| heard.prompt_tokens - heard.cached_tokens;
        self.decisions += 1;
        let kept = |node: NodeId| field.iter().zip(&left).any(|((other, _), left)| *other == node && *left);
        self.changed += usize::from(decision.chosen.is_some_and(|chosen| !kept(chosen)));
        let first = laps(tokens)[0].end;
        for ((node, heard), read) in field.iter().zip(read) {
            let until = |read: usize| evaluated(heard) - (tokens - read).min(evaluated(heard));
            self.plain += evaluated(heard);
            self.raced += until(read);
            self.least += until(if decision.chosen == Some(*node) { tokens } else { first });
        }
    }
}

fn setup(race: Option<Rule>) -> Setup {
    let search = Config { candidates: CANDIDATES, steps: STEPS, race, ..Config::preset(Preset::Retrace) };
    Setup { generator: "cues".to_owned(), scorer: "bundled".to_owned(), search }
}

/// Searches a file of pairs, and tells how long it took.
async fn searched(input: &Path, library: &Path, race: Option<Rule>) -> (Arc<Recorder>, f64) {
    let setup = setup(race);
    let back_ends = BackEnds::new(Prompts::load(None).unwrap(), setup.clone());
    let equipment = back_ends.open(&setup).unwrap();
    let recorder = Arc::new(Recorder { inner: equipment.models.scorer.clone(), heard: Mutex::default() });
    let plan = Plan {
        input: input.to_owned(),
        library: library.to_owned(),
        fields: Default::default(),
        config: setup.record(),
        models: equipment.record,
        concurrency: 1,
        shard: None,
        limit: None,
        retry_failed: false,
        fork: false,
    };
    let models = Models { generator: equipment.models.generator, scorer: recorder.clone() };
    let begun = Instant::now();
    batch(plan, models, Arc::new(()), CancellationToken::new()).await.unwrap();
    (recorder, begun.elapsed().as_secs_f64())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a bench"]
async fn races_spare_tokens_and_change_few_decisions() {
    let folder = tempfile::tempdir().unwrap();
    let (input, library) = (folder.path().join("pairs.jsonl"), folder.path().join("out"));
    let passages = include_str!("../../fixtures/heldout/passages.jsonl");
    let passages: Vec<&str> = passages.lines().collect();
    let mut tallies = [Rule::Exact, Rule::Paired].map(|rule| (rule, Tally::default()));
    let (mut plain, mut raced) = (0.0, 0.0);
    // A few at a time, so that there are numbers long before the end.
    for some in passages.chunks(TOGETHER) {
        if tallies[0].1.decisions >= DECISIONS {
            break;
        }
        std::fs::write(&input, some.join("\n")).unwrap();
        let (recorder, seconds) = searched(&input, &library, None).await;
        plain += seconds;
        for file in session::library::files(&library).unwrap() {
            let state = session::read(&file).unwrap().state;
            let search = state.search.as_ref().unwrap();
            for decision in search.decisions() {
                for (rule, tally) in &mut tallies {
                    tally.add(&recorder, &state, decision, before(search, decision), *rule);
                }
            }
        }
        std::fs::remove_dir_all(&library).unwrap();
        if std::env::var_os(ROWS).is_none() {
            raced += searched(&input, &library, Some(Rule::Paired)).await.1;
            std::fs::remove_dir_all(&library).unwrap();
        }
        for (rule, Tally { decisions, changed, plain, raced, least }) in &tallies {
            println!(
                "{rule:?}, K = {CANDIDATES}: {plain} tokens of candidates plain, {raced} raced, {:.2}x fewer ({:.2}x by a rule \
                 that knew the winner after the first lap); {changed} of {decisions} decisions changed ({:.2} %)",
                *plain as f64 / *raced as f64,
                *plain as f64 / *least as f64,
                100.0 * *changed as f64 / *decisions as f64
            );
        }
        println!("whole searches: {plain:.1} s plain, {raced:.1} s raced by the paired test");
    }
}

/// The version that was current before a decision: the one that its candidates rewrote.
fn before(search: &Search, decision: &Decision) -> NodeId {
    let candidate = decision.chosen.or(decision.others.first().map(|other| other.node)).unwrap();
    search.tree().get(candidate).unwrap().node.parent.unwrap()
}
