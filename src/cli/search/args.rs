//! The flags of `retrace search`, and the settings they stand for.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;

use crate::engine::Shard;
use crate::settings::{Flags, Key, Kind, key};

const EXAMPLES: &str = "\
Examples:
  retrace search pairs.jsonl --into out
      Ten lines of {\"query\": ..., \"reference\": ...} become ten sessions in out/.
      The same call again goes on where this one stopped.
  retrace search pairs.jsonl --into out --scorer gguf:qwen3-4b.gguf --generator gguf:qwen3-4b.gguf
      Drafts, rewrites and scores with a model of yours.
  retrace search pairs.jsonl --into out --generator http://gpu1:8000 --scorer http://gpu2:8000 --scorer http://gpu3:8000
      Drafts at one server, scores at two; `retrace doctor` shows what each can do and how to start it.
  retrace search pairs.parquet --into part0 --shard 0/4 --max-seconds 600 --json
      The first quarter of a dataset, ten minutes an example at most, JSON at the end.

Scores, thresholds and deltas are in nats per token of the objective: 0.1 nats less is a perplexity 9.5 % lower.
Exit code: 0 all done, 1 some rows were skipped or failed, 2 nothing could be done, 130 interrupted.";

/// Search the thinking behind one or many pairs of query and reference, without a screen
///
/// For each pair, a trajectory is drafted and rewritten one segment at a time; a rewrite is kept when it lowers the
/// perplexity of the reference. Each pair becomes one session file, which holds every version, score and refusal.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES, allow_negative_numbers = true)]
pub struct SearchArgs {
    /// Pairs: JSON lines, a JSON list, or parquet; each with a query and a reference; - reads standard input
    pub input: PathBuf,

    /// Folder of session files, made if it is not there [default: the library of the settings]
    #[arg(long, value_name = "DIR")]
    pub into: Option<PathBuf>,

    #[command(flatten)]
    pub knobs: Knobs,

    /// Who drafts and rewrites: cues, gguf:PATH, recorded:FILE or http://HOST:PORT; several servers of one model share
    /// the calls [default: cues]
    #[arg(long, value_name = "SPEC", help_heading = "Models")]
    pub generator: Vec<String>,

    /// Who computes perplexities: bundled, gguf:PATH or http://HOST:PORT; several servers as above [default: bundled]
    #[arg(long, value_name = "SPEC", help_heading = "Models")]
    pub scorer: Vec<String>,

    /// Score with a server that the doctor finds unfit, or has not examined
    #[arg(long, help_heading = "Models")]
    pub allow_unproven_scorer: bool,

    /// Field of a row that holds the query [default: query, question, prompt, instruction, or the first user message]
    #[arg(long, value_name = "FIELD", help_heading = "Rows")]
    pub query_field: Option<String>,

    /// Field of a row that holds the reference [default: reference, solution, response, answer, output]
    #[arg(long, value_name = "FIELD", help_heading = "Rows")]
    pub reference_field: Option<String>,

    /// Only part I of N of the pairs, I from 0, chosen by each pair's hash
    #[arg(long, value_name = "I/N", help_heading = "Rows", value_parser = shard)]
    pub shard: Option<Shard>,

    /// Only the first N pairs
    #[arg(long, value_name = "N", help_heading = "Rows")]
    pub limit: Option<usize>,

    /// Examples searched at the same time [default: one a core; at a server enough to fill its batch]
    #[arg(long, value_name = "N", help_heading = "Run")]
    pub concurrency: Option<String>,

    /// Try sessions again that ended by an error
    #[arg(long, help_heading = "Run")]
    pub retry_failed: bool,

    /// Where a session was begun with other settings, begin another beside it instead of refusing
    #[arg(long, help_heading = "Run")]
    pub fork: bool,

    /// Read and check everything, say what would be done, and search nothing
    #[arg(long, help_heading = "Run")]
    pub dry_run: bool,

    /// Print one JSON document on stdout, and nothing else there
    #[arg(long, help_heading = "Run")]
    pub json: bool,
}

/// The knobs of a search. The text of a value is checked by the setting it stands for.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Search")]
pub struct Knobs {
    /// The knobs to start from; paper is the official code's [default: retrace]
    #[arg(long, value_parser = words(key::PRESET))]
    pub preset: Option<String>,

    /// What is minimised: the mean nll of all tokens, or the official clipped score [default: nll]
    #[arg(long, value_parser = words(key::OBJECTIVE))]
    pub objective: Option<String>,

    /// Rewrites asked for at each step [default: 4; paper: 2]
    #[arg(long, value_name = "K")]
    pub candidates: Option<String>,

    /// Steps after which a search stops [default: 24; paper: 10]
    #[arg(long, value_name = "N")]
    pub steps: Option<String>,

    /// Stop once the best score is below this, in nats per token, or off [default: off; paper: 0.25]
    #[arg(long, value_name = "NATS")]
    pub threshold: Option<String>,

    /// A rewrite must be lower by more than this, in nats per token [default: the scorer's noise; paper: 0]
    #[arg(long, value_name = "NATS")]
    pub min_delta: Option<String>,

    /// In which order a round visits the segments [default: weakest-first; paper: left-to-right]
    #[arg(long, value_parser = words(key::ORDER))]
    pub order: Option<String>,

    /// Rounds after which a search stops, or off [default: off; paper: 1]
    #[arg(long, value_name = "N")]
    pub passes: Option<String>,

    /// Rounds without an acceptance after which a search stops, or off [default: 1; paper: off]
    #[arg(long, value_name = "N")]
    pub patience: Option<String>,

    /// Trajectories kept side by side [default: 1]
    #[arg(long, value_name = "B")]
    pub beam: Option<String>,

    /// Further drafts that are searched after the first [default: 0]
    #[arg(long, value_name = "N")]
    pub restarts: Option<String>,

    /// Starting temperature of annealed acceptance, in nats per token, or off [default: off]
    #[arg(long, value_name = "NATS")]
    pub anneal: Option<String>,

    /// Every choice of a search is derived from this number [default: 0]
    #[arg(long, value_name = "S")]
    pub seed: Option<String>,

    /// Drop rewrites of a step that cannot win before they are scored whole: exact never changes a decision; paired reads
    /// them first where they may change the reference most, which spares about a quarter of the tokens and may change one.
    /// For scorers in this process [default: off]
    #[arg(long, value_parser = words(key::RACE))]
    pub race: Option<String>,

    /// Refuse rewrites that copy the reference beyond the limits of the settings [default: on; paper: off]
    #[arg(long, value_parser = words(key::LEAK_GUARD))]
    pub leak_guard: Option<String>,

    /// Seconds one example's search may take over all its runs; then it pauses, and a larger number goes on [default: off]
    #[arg(long, value_name = "S")]
    pub max_seconds: Option<String>,

    /// Tokens one example's search may read and write over all its runs; then it pauses [default: off]
    #[arg(long, value_name = "N")]
    pub max_tokens: Option<String>,
}

/// The words of a setting that is a choice.
fn words(key: Key) -> PossibleValuesParser {
    match key.kind {
        Kind::Choice(words) => PossibleValuesParser::new(words),
        _ => PossibleValuesParser::new([key::OFF]),
    }
}

impl SearchArgs {
    /// What was given, as settings that go before all others.
    pub fn flags(&self) -> Flags {
        self.knobs
            .flags()
            .with(key::GENERATOR, "--generator", together(&self.generator))
            .with(key::SCORER, "--scorer", together(&self.scorer))
            .with(key::CONCURRENCY, "--concurrency", self.concurrency.as_ref())
            .with(key::LIBRARY, "--into", self.into.as_ref().map(|dir| dir.display()))
    }
}

impl Knobs {
    fn flags(&self) -> Flags {
        let given = [
            (key::PRESET, "--preset", &self.preset),
            (key::OBJECTIVE, "--objective", &self.objective),
            (key::CANDIDATES, "--candidates", &self.candidates),
            (key::STEPS, "--steps", &self.steps),
            (key::THRESHOLD, "--threshold", &self.threshold),
            (key::MIN_DELTA, "--min-delta", &self.min_delta),
            (key::ORDER, "--order", &self.order),
            (key::PASSES, "--passes", &self.passes),
            (key::PATIENCE, "--patience", &self.patience),
            (key::BEAM, "--beam", &self.beam),
            (key::RESTARTS, "--restarts", &self.restarts),
            (key::ANNEAL, "--anneal", &self.anneal),
            (key::SEED, "--seed", &self.seed),
            (key::RACE, "--race", &self.race),
            (key::LEAK_GUARD, "--leak-guard", &self.leak_guard),
            (key::MAX_SECONDS, "--max-seconds", &self.max_seconds),
            (key::MAX_TOKENS, "--max-tokens", &self.max_tokens),
        ];
        given.into_iter().fold(Flags::default(), |flags, (key, flag, value)| flags.with(key, flag, value.as_ref()))
    }
}

/// Reads `I/N`.
fn shard(text: &str) -> Result<Shard, String> {
    let parts = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
    match parts {
        Some((index, count)) if index < count => Ok(Shard { index, count }),
        _ => Err("must be I/N with I from 0 to N-1, as in 0/4".to_owned()),
    }
}

/// A flag that may be repeated as one SPEC.
pub fn together(specs: &[String]) -> Option<String> {
    (!specs.is_empty()).then(|| specs.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reer::search::{Order, Rule};
    use crate::settings::Settings;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Alone {
        #[command(flatten)]
        search: SearchArgs,
    }

    fn parse(flags: &str) -> Result<SearchArgs, clap::Error> {
        Alone::try_parse_from(["search", "in.jsonl"].into_iter().chain(flags.split_whitespace())).map(|a| a.search)
    }

    fn settings(flags: &str) -> Result<Settings, String> {
        let args = parse(flags).unwrap();
        Settings::resolve(None, |_| None, &args.flags()).map_err(|e| e.to_string())
    }

    #[test]
    fn every_knob_reaches_the_search() {
        let every = "--preset paper --objective nll --candidates 3 --steps 5 --threshold 1.5 --min-delta 0.01 \
                     --order random --passes 2 --patience 3 --beam 2 --restarts 1 --anneal 0.1 --seed 7 --race paired \
                     --leak-guard on --max-seconds 60 --max-tokens 1000";
        let config = settings(every).unwrap().search;
        assert_eq!((config.candidates, config.steps, config.beam, config.restarts, config.seed), (3, 5, 2, 1, 7));
        assert_eq!((config.threshold, config.min_delta, config.anneal), (Some(1.5), 0.01, Some(0.1)));
        assert_eq!((config.order, config.passes, config.patience), (Order::Random, Some(2), Some(3)));
        assert_eq!((config.max_seconds, config.max_tokens), (Some(60), Some(1000)));
        assert!(config.guards.is_some());
        assert_eq!(config.race, Some(Rule::Paired));
        config.validate().unwrap();
    }

    #[test]
    fn a_wrong_value_names_its_flag() {
        assert!(settings("--steps many").unwrap_err().starts_with("--steps: search.steps must be a whole number"));
        assert!(settings("--min-delta -1").unwrap_err().starts_with("--min-delta: "));
        assert!(parse("--order upside-down").unwrap_err().to_string().contains("left-to-right"));
    }

    #[test]
    fn a_shard_is_one_part_of_all() {
        assert_eq!(parse("--shard 3/4").unwrap().shard, Some(Shard { index: 3, count: 4 }));
        for bad in ["4/4", "1", "-1/2", "a/b", "1/0"] {
            assert!(shard(bad).is_err(), "{bad}");
        }
    }
}
