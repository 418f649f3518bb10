//! `retrace doctor`: what each back end is and can do, shown by asking it.

mod generator;
mod scorer;

use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::search::together;
use super::{Fault, Outcome, Output, note};
use crate::engine::{BackEnds, Trust};
use crate::lm::http::{Address, Server};
use crate::lm::open::OpenError;
use crate::lm::spec::Spec;
use crate::settings::{Flags, Settings, key};

const EXAMPLES: &str = "\
Examples:
  retrace doctor --scorer http://localhost:8080
      Which server answers there, whether its scores can be trusted, and with which flags to start one that can.
  retrace doctor --generator http://gpu1:8000#Qwen3-32B --scorer http://gpu2:8000 --json
      Both roles, as one JSON document.
  retrace doctor
      The back ends of the settings.

A scorer is examined with numbers: it must see its context, give one text the same score at once and in parts, warm and \
cold, twenty times at once, and take prompts as long as it says. Each check compares two of its own answers, so that \
weak models pass as strong ones do. What is found is kept for a week; a search examines a server that is not known.

Keys of servers are read from the environment (OPENAI_API_KEY, ANTHROPIC_API_KEY, FIREWORKS_API_KEY, TOGETHER_API_KEY, \
DEEPINFRA_API_KEY, OPENROUTER_API_KEY, HF_TOKEN; for all others RETRACE_API_KEY), or from [keys] in the settings file; \
they are never shown or recorded.
Exit code: 0 all can be used, 1 one cannot, 2 wrong usage.";

/// Show what each back end can do, proved with numbers
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct DoctorArgs {
    /// Who would draft and rewrite [default: that of the settings, unless --scorer is given]
    #[arg(long, value_name = "SPEC")]
    generator: Vec<String>,

    /// Who would compute perplexities [default: that of the settings, unless --generator is given]
    #[arg(long, value_name = "SPEC")]
    scorer: Vec<String>,

    /// Print one JSON document on stdout, and nothing else there
    #[arg(long)]
    json: bool,
}

/// How long a call is tried again: somebody waits for the answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// JSON of `retrace doctor`.
#[derive(Serialize)]
struct Report {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    generators: Vec<generator::Tried>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scorers: Vec<scorer::Examined>,
}

/// What a server is, as it says itself.
#[derive(Debug, Serialize)]
struct Known {
    kind: &'static str,
    model: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// Most tokens of prompt and answer together.
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<usize>,
    /// Where its tokens and its chat template are from, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    tokenizer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    template: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

pub fn run(args: &DoctorArgs, output: &mut Output) -> Result<Outcome, Fault> {
    let flags = Flags::default().with(key::GENERATOR, "--generator", together(&args.generator)).with(
        key::SCORER,
        "--scorer",
        together(&args.scorer),
    );
    let settings = Settings::load(&flags)?;
    let both = args.generator.is_empty() && args.scorer.is_empty();
    let runtime = tokio::runtime::Runtime::new().map_err(|e| Fault(format!("cannot start: {e}")))?;
    let within = runtime.enter();
    let back_ends = BackEnds::of(&settings)?.trusting(Trust::Any).within(PATIENCE);
    let mut report = Report { generators: Vec::new(), scorers: Vec::new() };
    if both || !args.generator.is_empty() {
        for spec in one_by_one(settings.generator.parse::<Spec>()?.generator()?) {
            let tried = generator::tried(&back_ends, &spec);
            if !args.json {
                tried.tell(output);
                output.flush();
            }
            report.generators.push(tried);
        }
    }
    if both || !args.scorer.is_empty() {
        for spec in one_by_one(settings.scorer.parse::<Spec>()?.scorer()?) {
            let watch = |line: &str| match args.json {
                true => note(line),
                // Checks take their time; each is read as it comes.
                false => {
                    output.line(line);
                    output.flush();
                }
            };
            let examined = scorer::examined(&back_ends, &spec, watch);
            if !args.json {
                examined.tell(output);
            }
            report.scorers.push(examined);
        }
    }
    drop(within);
    if args.json {
        output.json(&report);
    }
    let usable = report.generators.iter().all(generator::Tried::is_usable)
        && report.scorers.iter().all(scorer::Examined::is_sound);
    Ok(Outcome::partial_if(!usable))
}

/// Each server of a SPEC by itself.
fn one_by_one(spec: Spec) -> Vec<Spec> {
    match spec {
        Spec::Servers(servers) => servers.into_iter().map(|server| Spec::Servers(vec![server])).collect(),
        other => vec![other],
    }
}

/// The server that a SPEC names, asked what it is; none for what is in this process.
fn server(back_ends: &BackEnds, spec: &Spec) -> Option<(Address, Result<Server, OpenError>)> {
    back_ends.servers(spec).pop()
}

impl Known {
    fn of(server: &Server) -> Known {
        let (found, prompts) = (server.found(), server.prompts());
        Known {
            kind: found.kind.name(),
            model: found.model.clone(),
            version: found.version.clone(),
            context: found.limit,
            tokenizer: prompts.map(|prompts| prompts.tokenizer_origin.clone()),
            template: prompts.map(|prompts| prompts.template_origin.clone()),
            warnings: found.warnings.clone(),
        }
    }

    fn lines(&self) -> Vec<String> {
        let version = self.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
        let context = self.context.map(|limit| format!(", {limit} tokens of context")).unwrap_or_default();
        let mut lines = vec![format!("  {}{version} with {}{context}", self.kind, self.model)];
        lines.extend(self.tokenizer.iter().map(|origin| format!("  tokens: {origin}")));
        lines.extend(self.template.iter().map(|origin| format!("  chat template: {origin}")));
        lines.extend(self.warnings.iter().map(|warning| format!("  warning: {warning}")));
        lines
    }
}
