//! Racing: what it spares and which decisions it changes. Every decision of searches without racing is run again as a race:
//! by the exact rule over the log-probabilities that were computed for it, by guesses with the scorer itself. With
//! `RETRACE_RACE_ROWS=FILE` a line of JSON for each decision, with what was guessed, is appended there.

use std::collections::HashMap;
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use retrace::engine::{BackEnds, Models, Plan, Setup, batch};
use retrace::lm::prompts::Prompts;
use retrace::lm::{Answered, Context, Current, Estimate, LmError, Scorer, TokenLogprobs};
use retrace::reer::search::{
    Config, Decision, Guess, Known, NodeId, PARTS, Preset, Race, Reason, Rule, Search, UNREAD, laps,
};
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

    fn estimates(&self) -> bool {
        self.inner.estimates()
    }

    async fn estimate(
        &self,
        example: &Example,
        target: &Target,
        current: Current<'_>,
        contexts: &[Context],
        unread: f64,
    ) -> Vec<Result<Estimate, LmError>> {
        self.inner.estimate(example, target, current, contexts, unread).await
    }
}

/// Sums over decisions.
#[derive(Default)]
struct Tally {
    decisions: usize,
    changed: usize,
    /// Tokens of scoring every candidate alone.
    plain: usize,
    /// Of scoring them whole, those alike once, where what they share is evaluated once.
    shared: usize,
    raced: usize,
    /// Candidates, and those of them that were scored whole.
    candidates: usize,
    whole: usize,
}

/// A decision with what was heard for it.
struct Heard<'a> {
    state: &'a State,
    decision: &'a Decision,
    current: (Context, TokenLogprobs),
    /// Rewrites alike stand here once.
    field: Vec<(NodeId, Context, TokenLogprobs)>,
    allowed: Vec<bool>,
    /// Tokens of scoring every candidate alone.
    plain: usize,
}

impl<'a> Heard<'a> {
    fn of(recorder: &Recorder, state: &'a State, decision: &'a Decision) -> Option<Heard<'a>> {
        let search = state.search.as_ref()?;
        let heard = recorder.heard.lock().unwrap();
        let of = |node: NodeId| {
            let z = search.tree().trajectory(node)?.text();
            let tokens = heard.get(&(state.id.clone(), z.clone()))?.clone();
            Some((Context::Thinking { z }, tokens))
        };
        let guarded = |node: &NodeId| {
            let reason = decision.others.iter().find(|other| other.node == *node).map(|other| other.reason);
            matches!(reason, Some(Reason::LeakSpan | Reason::LeakNgram | Reason::Length | Reason::Repetition))
        };
        let nodes = decision.chosen.into_iter().chain(decision.others.iter().map(|other| other.node));
        let mut field: Vec<(NodeId, Context, TokenLogprobs)> = Vec::new();
        let mut plain = 0;
        for (node, (context, tokens)) in nodes.filter_map(|node| Some((node, of(node)?))) {
            plain += tokens.prompt_tokens;
            if field.iter().all(|(_, other, _)| *other != context) {
                field.push((node, context, tokens));
            }
        }
        let allowed = field.iter().map(|(node, ..)| !guarded(node)).collect();
        (!field.is_empty()).then_some(Heard {
            state,
            decision,
            current: of(before(search, decision))?,
            field,
            allowed,
            plain,
        })
    }

    fn race(&self, rule: Rule) -> Race {
        let objective = self.state.search.as_ref().unwrap().config().objective;
        Race { rule, objective, min_delta: 0.0, allowed: self.allowed.clone() }
    }

    fn chosen(&self) -> Option<usize> {
        self.decision.chosen.and_then(|chosen| self.field.iter().position(|(node, ..)| *node == chosen))
    }

    /// Counts a race in which some were scored whole, by so many tokens in all.
    fn count(&self, tally: &mut Tally, whole: &[bool], raced: usize) {
        let tokens = self.field.iter().map(|(.., tokens)| tokens);
        tally.decisions += 1;
        tally.changed += usize::from(self.chosen().is_some_and(|chosen| !whole[chosen]));
        tally.plain += self.plain;
        tally.shared += tokens.map(evaluated).sum::<usize>();
        tally.raced += raced;
        tally.candidates += whole.len();
        tally.whole += whole.iter().filter(|whole| **whole).count();
    }

    /// By laps.
    fn run_laps(&self, tally: &mut Tally) {
        let race = self.race(Rule::Exact);
        let tokens = self.current.1.logprobs.len();
        let whole = losses(&race, &self.current.1);
        let (mut read, mut left) = (vec![tokens; self.field.len()], vec![true; self.field.len()]);
        for lap in laps(tokens) {
            let until = |tokens: &TokenLogprobs| losses(&race, tokens)[..lap.end].to_vec();
            let runners: Vec<Option<Vec<f64>>> =
                self.field.iter().zip(&left).map(|((.., heard), left)| left.then(|| until(heard))).collect();
            for (at, out) in race.out(&whole, &runners).into_iter().enumerate() {
                if out {
                    (left[at], read[at]) = (false, lap.end);
                }
            }
        }
        let spared = |(heard, read): (&TokenLogprobs, usize)| evaluated(heard) - (tokens - read).min(evaluated(heard));
        let raced = self.field.iter().map(|(.., heard)| heard).zip(read).map(spared).sum();
        self.count(tally, &left, raced);
    }

    /// By guesses.
    async fn run_by_guesses(&self, scorer: &dyn Scorer, tally: &mut Tally) {
        let race = self.race(Rule::Paired);
        let example = self.state.example.as_ref().unwrap().to_example();
        let target = scorer.tokenize(&example).await.unwrap();
        let logprobs: Vec<f64> = self.current.1.logprobs.iter().map(|logprob| f64::from(*logprob)).collect();
        let known = Current { context: &self.current.0, logprobs: &logprobs };
        let current = losses(&race, &self.current.1);
        let contexts: Vec<Context> = self.field.iter().map(|(_, context, _)| context.clone()).collect();
        let estimates = scorer.estimate(&example, &target, known, &contexts, UNREAD).await;
        let estimates: Vec<Estimate> = estimates.into_iter().map(Result::unwrap).collect();
        let guess = |estimate: &Estimate, exact: &[f32]| {
            let loss = |logprob: f32| race.objective.loss(f64::from(logprob));
            let known = |at: usize| match exact.get(at) {
                Some(logprob) => Known::Exact(loss(*logprob)),
                None if estimate.read[at] => Known::Estimated(loss(estimate.tokens.logprobs[at])),
                None => Known::Unread,
            };
            let losses: Vec<Known> = (0..current.len()).map(known).collect();
            Some(Guess::new(&current, &losses, &estimate.expected))
        };
        let mut guesses: Vec<Option<Guess>> = estimates.iter().map(|estimate| guess(estimate, &[])).collect();
        let first = guesses.clone();
        let mut raced: usize = estimates.iter().map(|estimate| evaluated(&estimate.tokens)).sum();
        let mut exact = vec![Vec::new(); self.field.len()];
        while let Some(at) = race.next(current.len(), &guesses) {
            let context = std::slice::from_ref(&contexts[at]);
            let start = exact[at].len();
            let part = start..(start + current.len().div_ceil(PARTS)).min(current.len());
            let tokens = scorer.score_part(&example, &target, part, context).await.remove(0).unwrap();
            raced += evaluated(&tokens);
            exact[at].extend(tokens.logprobs);
            guesses[at] = guess(&estimates[at], &exact[at]);
        }
        let whole: Vec<bool> = exact.iter().map(|exact| exact.len() == current.len()).collect();
        self.count(tally, &whole, raced);
        if let Some(file) = std::env::var_os(ROWS) {
            let exact = |(.., heard): &(_, _, TokenLogprobs)| {
                losses(&race, heard).iter().sum::<f64>() - current.iter().sum::<f64>()
            };
            let row = serde_json::json!({
                "id": self.state.id, "chosen": self.chosen(), "allowed": self.allowed, "tokens": current.len(), "raced": raced,
                "whole": whole,
                "alone": self.field.iter().map(|(.., heard)| heard.prompt_tokens).collect::<Vec<_>>(),
                "evaluated": self.field.iter().map(|(.., heard)| evaluated(heard)).collect::<Vec<_>>(),
                "estimated": estimates.iter().map(|estimate| evaluated(&estimate.tokens)).collect::<Vec<_>>(), "differences": self.field.iter().map(exact).collect::<Vec<_>>(),
                "guesses": first.iter().map(|guess| format!("{guess:?}")).collect::<Vec<_>>(),
            });
            let mut file = std::fs::OpenOptions::new().create(true).append(true).open(file).unwrap();
            writeln!(file, "{row}").unwrap();
        }
    }
}

fn losses(race: &Race, heard: &TokenLogprobs) -> Vec<f64> {
    heard.logprobs.iter().map(|logprob| race.objective.loss(f64::from(*logprob))).collect()
}

fn evaluated(heard: &TokenLogprobs) -> usize {
    heard.prompt_tokens - heard.cached_tokens
}

fn setup() -> Setup {
    let search = Config { candidates: CANDIDATES, steps: STEPS, ..Config::preset(Preset::Retrace) };
    Setup { generator: "cues".to_owned(), scorer: "bundled".to_owned(), search }
}

/// Searches a file of pairs.
async fn searched(input: &Path, library: &Path) -> Arc<Recorder> {
    let setup = setup();
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
    batch(plan, models, Arc::new(()), CancellationToken::new()).await.unwrap();
    recorder
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a bench"]
async fn races_spare_tokens_and_change_few_decisions() {
    let folder = tempfile::tempdir().unwrap();
    let (input, library) = (folder.path().join("pairs.jsonl"), folder.path().join("out"));
    let passages = include_str!("../../fixtures/heldout/passages.jsonl");
    let passages: Vec<&str> = passages.lines().collect();
    let (mut exact, mut paired) = (Tally::default(), Tally::default());
    // With a cache of its own, so that nothing is there that a race would not have.
    let runner = BackEnds::new(Prompts::load(None).unwrap(), setup()).open(&setup()).unwrap().models.scorer;
    // A few at a time, so that there are numbers long before the end.
    for some in passages.chunks(TOGETHER) {
        if exact.decisions >= DECISIONS {
            break;
        }
        std::fs::write(&input, some.join("\n")).unwrap();
        let recorder = searched(&input, &library).await;
        for file in session::library::files(&library).unwrap() {
            let state = session::read(&file).unwrap().state;
            for decision in state.search.as_ref().unwrap().decisions() {
                let Some(heard) = Heard::of(&recorder, &state, decision) else { continue };
                heard.run_laps(&mut exact);
                heard.run_by_guesses(runner.as_ref(), &mut paired).await;
            }
        }
        std::fs::remove_dir_all(&library).unwrap();
        for (rule, tally) in [(Rule::Exact, &exact), (Rule::Paired, &paired)] {
            let Tally { decisions, changed, plain, shared, raced, candidates, whole } = tally;
            println!(
                "{rule:?}, K = {CANDIDATES}: {raced} tokens, {:.2}x fewer than candidates scored alone ({plain}), {:.2}x fewer \
                 than scored together ({shared}); {:.1} of {:.1} scored whole; {changed} of {decisions} decisions changed ({:.2} %)",
                *plain as f64 / *raced as f64,
                *shared as f64 / *raced as f64,
                *whole as f64 / *decisions as f64,
                *candidates as f64 / *decisions as f64,
                100.0 * *changed as f64 / *decisions as f64
            );
        }
    }
}

/// The version that was current before a decision: the one that its candidates rewrote.
fn before(search: &Search, decision: &Decision) -> NodeId {
    let candidate = decision.chosen.or(decision.others.first().map(|other| other.node)).unwrap();
    search.tree().get(candidate).unwrap().node.parent.unwrap()
}
