//! Scoring one reference given a query and thinking, in the frame that a search uses.

use serde::Serialize;
use serde_json::Map;

use super::tokens::{self, Token};
use super::{ScoreArgs, Why, asked, runtime};
use crate::cli::numbers::ScoreReport;
use crate::cli::{Fault, Outcome, Output, note};
use crate::engine::{BackEnds, Trust};
use crate::lm::{Context, Scorer, TokenLogprobs};
use crate::reer::{Example, Language, LeakProbe, Measures, Target, Trajectory, measure};
use crate::settings::Settings;

/// What the files hold.
pub struct Texts {
    pub query: String,
    pub reference: String,
    pub trajectory: String,
}

/// JSON of `retrace score`.
#[derive(Serialize)]
struct Scored<'a> {
    #[serde(flatten)]
    score: ScoreReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    per_token: Option<Vec<Token<'a>>>,
}

pub fn run(texts: &Texts, settings: &Settings, args: &ScoreArgs, output: &mut Output) -> Result<Outcome, Why> {
    let z = texts.trajectory.trim();
    Trajectory::admit(z).map_err(|tag| Fault(format!("the thinking cannot be scored: {tag}")))?;
    let example = example(texts);
    let runtime = runtime()?;
    let within = runtime.enter();
    // One number to look at: nothing is decided by it.
    let back_ends = BackEnds::of(settings)?.trusting(Trust::Any).telling(|what| note(what));
    let (scorer, _) = back_ends.scorer(&settings.scorer, settings.search.preset)?;
    drop(within);
    let (target, answers) = runtime.block_on(ask(scorer.as_ref(), &example, z))?;
    let of = |answer: &TokenLogprobs| -> Result<Measures, Why> {
        let measures = measure(example.scored_reference(), &target, &answer.logprobs);
        measures.map_err(|why| Why::Reference(why.to_string()))
    };
    let [baseline, answer] = answers;
    let (baseline, measures) = (of(&baseline)?, of(&answer)?);
    let objective = settings.search.objective;
    measures.objective(objective).map_err(|why| Why::Reference(why.to_string()))?;
    let leak = LeakProbe::new(&example.query, &example.reference).leak(z);
    let score = ScoreReport::new(scorer.identity(), objective, &measures);
    let text = example.scored_reference();
    let offset = example.reference.len() - example.reference.trim_start_matches(['\n', '\r']).len();
    let logprobs: Vec<Option<f32>> = answer.logprobs.iter().copied().map(Some).collect();
    let per_token = args.tokens.then(|| tokens::tokens(text, offset, &target.tokens, &target.spans, &logprobs));
    let scored = Scored { score: score.against(&measures, Some(&baseline), Some(leak)), per_token };
    if args.json {
        output.json(&scored);
    } else {
        scored.score.lines().iter().for_each(|line| output.line(line));
        scored.per_token.iter().for_each(|list| tokens::tell(list, output));
    }
    Ok(Outcome::Done)
}

/// The pair as a row of a dataset would give it.
fn example(texts: &Texts) -> Example {
    let query = texts.query.trim_end_matches(['\n', '\r']).to_owned();
    Example {
        id: String::new(),
        language: Language::of(&query),
        query,
        reference: texts.reference.clone(),
        category: None,
        meta: Map::new(),
    }
}

/// The reference's tokens, and their log-probabilities behind an empty think block and behind `z`.
async fn ask(scorer: &dyn Scorer, example: &Example, z: &str) -> Result<(Target, [TokenLogprobs; 2]), Why> {
    let target = scorer.tokenize(example).await.map_err(asked)?;
    let contexts = ["", z].map(|z| Context::Thinking { z: z.to_owned() });
    let answers = scorer.score(example, &target, &contexts, &|_, _| {}).await;
    let answers: Vec<TokenLogprobs> = answers.into_iter().collect::<Result<_, _>>().map_err(asked)?;
    let count = answers.len();
    let answers = answers.try_into().map_err(|_| Fault(format!("the scorer gave {count} answers for 2 contexts")))?;
    Ok((target, answers))
}
