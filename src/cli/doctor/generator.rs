//! A trial of one generator: a short draft, timed.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde_json::Map;
use tokio::runtime::Handle;

use super::{Known, server};
use crate::cli::{Fault, Output};
use crate::engine::BackEnds;
use crate::lm::spec::Spec;
use crate::lm::{Generator, Request, Task};
use crate::reer::search::{Refusal, Sampling};
use crate::reer::{Example, Language};

/// What a trial showed.
#[derive(Serialize)]
pub struct Tried {
    generator: String,
    #[serde(flatten)]
    known: Option<Known>,
    #[serde(flatten)]
    draft: Option<Draft>,
    /// Why there is no draft.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
struct Draft {
    tokens_in: usize,
    tokens_out: usize,
    seconds: f64,
    /// Until the first piece of text; absent where nothing streamed.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_piece_seconds: Option<f64>,
    /// Whether the answer can be used as it came.
    form: &'static str,
}

/// Most tokens of the trial.
const TOKENS: u32 = 256;
const QUERY: &str = "Write two sentences about a kettle that takes too long.";
const REFERENCE: &str = "The kettle has been thinking about boiling since seven. By the time it whistles, the visitor \
                         it was filled for has drunk a glass of water and gone home.";

/// Asks for one draft.
pub fn tried(back_ends: &BackEnds, spec: &Spec) -> Tried {
    let mut tried = Tried { generator: spec.to_string(), known: None, draft: None, error: None };
    match server(back_ends, spec) {
        None => {}
        Some((_, Err(error))) => return Tried { error: Some(error.to_string()), ..tried },
        Some((_, Ok(server))) => tried.known = Some(Known::of(&server)),
    }
    let drafted = back_ends
        .generator(&spec.to_string(), back_ends.defaults().search.preset)
        .map_err(Fault::from)
        .and_then(|generator| Handle::current().block_on(draft(generator.as_ref())));
    match drafted {
        Ok(draft) => tried.draft = Some(draft),
        Err(Fault(error)) => tried.error = Some(error),
    }
    tried
}

async fn draft(generator: &dyn Generator) -> Result<Draft, Fault> {
    let example = Example {
        id: "doctor".to_owned(),
        query: QUERY.to_owned(),
        reference: REFERENCE.to_owned(),
        language: Language::En,
        category: None,
        meta: Map::new(),
    };
    let sampling = Sampling { temperature: 0.8, top_p: 0.95, top_k: None, min_p: None, max_tokens: TOKENS };
    let request =
        Request { example: &example, task: Task::Draft, step: 0, seeds: &[1], slots: &[0], sampling: &sampling };
    let (began, first) = (Instant::now(), Mutex::new(None));
    let sink = |_: usize, _: &str| {
        if let Ok(mut first) = first.lock() {
            first.get_or_insert_with(|| began.elapsed());
        }
    };
    let samples = generator.generate(&request, &sink).await?;
    let seconds = began.elapsed().as_secs_f64();
    let sample = samples.into_iter().next().ok_or_else(|| Fault("no sample came".to_owned()))?;
    let first = first.lock().ok().and_then(|first| first.map(|time: Duration| time.as_secs_f64()));
    let draft = match &sample.text {
        Ok(_) => "in the form that is asked for",
        Err(Refusal::Truncated) => "cut off there",
        Err(_) => "not in the form that is asked for",
    };
    let (tokens_in, tokens_out) = (sample.tokens_in, sample.tokens_out);
    Ok(Draft { tokens_in, tokens_out, seconds, first_piece_seconds: first, form: draft })
}

impl Draft {
    /// In one line; what writes by rule counts no tokens.
    fn told(&self) -> String {
        let Draft { tokens_out, seconds, form, .. } = self;
        if *tokens_out == 0 {
            return format!("a draft by rule in {seconds:.2} s; {form}");
        }
        let first = self.first_piece_seconds.map(|s| format!(", the first piece after {s:.2} s")).unwrap_or_default();
        let rate = *tokens_out as f64 / seconds.max(1e-9);
        format!(
            "a draft of at most {TOKENS} tokens: {tokens_out} in {seconds:.2} s ({rate:.1} tokens/s{first}); {form}"
        )
    }
}

impl Tried {
    pub fn is_usable(&self) -> bool {
        self.error.is_none()
    }

    pub fn tell(&self, output: &mut Output) {
        output.line(format_args!("generator {}", self.generator));
        self.known.iter().flat_map(Known::lines).for_each(|line| output.line(line));
        if let Some(error) = &self.error {
            output.line(format_args!("  cannot write: {error}"));
        }
        if let Some(draft) = &self.draft {
            output.line(format_args!("  {}", draft.told()));
        }
    }
}
