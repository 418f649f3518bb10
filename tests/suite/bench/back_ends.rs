//! A generator and a scorer that are functions of the texts alone, so that every search runs the same way anywhere.
//! What is scored is easier to say when the thinking names its words; what is written names them bit by bit.

use std::sync::Arc;

use async_trait::async_trait;
use retrace::engine::{BackEnds, Setup};
use retrace::lm::prompts::Prompts;
use retrace::lm::{Answered, Context, Generator, LmError, Request, Sample, Scorer, Sink, Task, TokenLogprobs};
use retrace::reer::search::{Config, Preset, Refusal};
use retrace::reer::{Example, Identity, Target};
use tokio::sync::Semaphore;

/// Both back ends. A call of the generator and each score take a permit, so that a test can look while a search runs.
pub struct Scripted {
    identity: Identity,
    pub permits: Semaphore,
    pub scores: Semaphore,
}

impl Scripted {
    pub fn new(permits: usize, scores: usize) -> Arc<Scripted> {
        let identity = Identity { kind: "scripted".to_owned(), model: "scripted".to_owned(), revision: None };
        Arc::new(Scripted { identity, permits: Semaphore::new(permits), scores: Semaphore::new(scores) })
    }

    /// Back ends in which this one serves for everything.
    pub fn back_ends(self: &Arc<Scripted>) -> Arc<BackEnds> {
        let back_ends = BackEnds::new(Prompts::default(), setup());
        Arc::new(back_ends.with_generator("scripted", self.clone()).with_scorer("scripted", self.clone()))
    }
}

/// Words that the scorer takes.
const CONTEXT: usize = 1000;

/// What searches run with.
pub fn setup() -> Setup {
    let search = Config { steps: 8, ..Config::preset(Preset::Retrace) };
    Setup { generator: "scripted".to_owned(), scorer: "scripted".to_owned(), search }
}

/// FNV-1a.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3))
}

/// Byte ranges of words with the space after them; of every character where there are no spaces.
fn spans(y: &str) -> Vec<std::ops::Range<usize>> {
    let mut spans: Vec<std::ops::Range<usize>> = Vec::new();
    let mut open = false;
    for (at, c) in y.char_indices() {
        let (end, alone) = (at + c.len_utf8(), c as u32 >= 0x2E80);
        match spans.last_mut().filter(|_| open && !alone) {
            Some(last) => last.end = end,
            None => spans.push(at..end),
        }
        open = !alone && !c.is_whitespace();
    }
    spans
}

/// A word as it is compared: small letters and nothing else.
fn bare(word: &str) -> String {
    word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The words of a reference that are worth naming, in order.
fn telling(reference: &str) -> Vec<String> {
    let long = |word: &String| word.chars().count() > 5 || word.chars().any(|c| c as u32 >= 0x2E80);
    let words = match reference.chars().any(|c| c as u32 >= 0x2E80) {
        true => reference.split(|c: char| !c.is_alphanumeric()).map(|w| w.chars().take(2).collect()).collect(),
        false => reference.split_whitespace().map(bare).collect::<Vec<String>>(),
    };
    let mut seen = std::collections::BTreeSet::new();
    words.into_iter().filter(long).filter(|word| seen.insert(word.clone())).collect()
}

#[async_trait]
impl Scorer for Scripted {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    async fn tokenize(&self, example: &Example) -> Result<Target, LmError> {
        let y = example.scored_reference();
        let spans = spans(y);
        Ok(Target { tokens: spans.iter().map(|span| hash(&y[span.clone()]) as u32).collect(), spans })
    }

    async fn score(
        &self,
        example: &Example,
        target: &Target,
        of: &[Context],
        answered: Answered<'_>,
    ) -> Vec<Result<TokenLogprobs, LmError>> {
        let y = example.scored_reference();
        let mut answers = Vec::new();
        for (place, Context::Thinking { z }) in of.iter().enumerate() {
            if let Ok(permit) = self.scores.acquire().await {
                permit.forget();
            }
            let fits = self.fits(example, target, &Context::Thinking { z: z.clone() }).await;
            let answer = fits.map(|()| logprobs(y, target, z));
            answered(place, &answer);
            answers.push(answer);
        }
        answers
    }

    async fn fits(&self, example: &Example, target: &Target, context: &Context) -> Result<(), LmError> {
        let Context::Thinking { z } = context;
        let have = spans(&example.query).len() + spans(z).len() + target.tokens.len();
        if have > CONTEXT { Err(LmError::TooLong { have, limit: Some(CONTEXT) }) } else { Ok(()) }
    }
}

fn logprobs(y: &str, target: &Target, z: &str) -> TokenLogprobs {
    let named: std::collections::BTreeSet<String> = z.split_whitespace().map(bare).collect();
    let told = telling(y).iter().filter(|word| named.contains(*word) || z.contains(*word)).count().min(12);
    let told = if z.is_empty() { 0.0 } else { 0.1 + 0.06 * told as f32 };
    let surprise = |span: &std::ops::Range<usize>| {
        let word = bare(&y[span.clone()]);
        let alone = 1.5 + (hash(&word) % 2000) as f32 / 900.0;
        let known = word.len() > 2 && named.contains(&word);
        (if known { alone * 0.45 } else { alone }) - told
    };
    let logprobs = target.spans.iter().map(|span| -surprise(span)).collect();
    TokenLogprobs { logprobs, prompt_tokens: 40 + target.spans.len(), cached_tokens: 0 }
}

#[async_trait]
impl Generator for Scripted {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    async fn generate(&self, request: &Request<'_>, sink: Sink<'_>) -> Result<Vec<Sample>, LmError> {
        sink(0, "Okay, who is asking");
        if let Ok(permit) = self.permits.acquire().await {
            permit.forget();
        }
        let words = telling(&request.example.reference);
        let word = |at: u64| words.get((at % words.len().max(1) as u64) as usize).map_or("lamp", String::as_str);
        let sample = |seed: &u64| match &request.task {
            Task::Draft if request.example.query.contains("(no answer)") => written(String::new(), None),
            Task::Draft => written(draft(word), None),
            Task::Refine { instruction, .. } => {
                let old = request.target_segment().map_or("", |segment| segment.text.as_str());
                rewrite(old, word, *seed, *instruction, &request.example.reference)
            }
        };
        Ok(request.seeds.iter().map(sample).collect())
    }
}

fn draft<'a>(word: impl Fn(u64) -> &'a str) -> String {
    [
        "Okay, who is asking, and what do they need from this? I should begin with the person and not with the form. \
         A reader who is met in the first line stays for the last one."
            .to_owned(),
        format!(
            "Maybe I could open on {} and let it stand there for a while. Hmm, that shows the place before anything \
             is explained, which is what I would want to read myself.",
            word(0)
        ),
        "Wait, the middle must not become a list. Something has to turn there, quietly, so that the reader only \
         notices afterwards that the ground is another one."
            .to_owned(),
        "Then the ending: short, plain, without a lesson. The last word should be one that the reader could touch, \
         and after it there should be nothing."
            .to_owned(),
    ]
    .join("\n\n")
}

fn rewrite<'a>(
    old: &str,
    word: impl Fn(u64) -> &'a str,
    seed: u64,
    instruction: Option<&str>,
    reference: &str,
) -> Sample {
    let first = old.split_inclusive(". ").next().unwrap_or(old).trim();
    let (one, other) = (word(seed / 7), word(seed / 11));
    if let Some(instruction) = instruction {
        return written(format!("{first} I was asked: {instruction}. So, {one}."), Some("as you asked"));
    }
    match seed % 6 {
        0 => written(format!("{old} And {one} belongs here, because it can be seen."), Some("something to see")),
        1 => written(format!("{first} Let me look at {one} and {other} again; the rest can go."), None),
        2 => written(first.to_owned(), Some("shorter")),
        3 => {
            let run: Vec<&str> = reference.split_whitespace().take(24).collect();
            written(format!("I could simply say it: {}", run.join(" ")), Some("it is what is wanted"))
        }
        4 => Sample { text: Err(Refusal::Truncated), ..written(String::new(), None) },
        _ => written(format!("{first} What would {one} be without {other}? That is the question."), None),
    }
}

fn written(text: String, analysis: Option<&str>) -> Sample {
    let analysis = analysis.map(str::to_owned);
    Sample { text: Ok(text), analysis, raw: None, tokens_in: 40, tokens_out: 30, tokens_cached: 0 }
}
