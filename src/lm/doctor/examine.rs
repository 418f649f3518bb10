//! The examination: asks a scorer the same things in several ways and has the answers judged.

use futures::future::join_all;

use super::texts::{OTHER, PASSAGE, long};
use super::{Check, Findings, Outcome, judge};
use crate::lm::{LmError, Passage, TokenLogprobs, Verbatim};
use crate::reer::Target;

/// Calls at once that the noise floor is measured with.
const REPEATS: usize = 20;
/// Tokens that the model is asked to write.
const WRITTEN: usize = 8;
/// Most tokens of the long prompt: beyond it a laptop's server would take minutes.
const MOST_LONG: usize = 24_000;
/// Tokens at one place from which something can be concluded.
const FEW: usize = 4;
/// Tokens of a score that looks for its place at the end of a long prompt.
const SHORT: usize = 16;

/// Examines a scorer; `told` hears each check as it is made.
///
/// # Errors
/// The first call failed: there is nothing to examine. Later faults fail their check.
pub async fn examine(scorer: &dyn Verbatim, told: &(dyn Fn(&Check) + Sync)) -> Result<Findings, LmError> {
    let text = Text::new(scorer, PASSAGE, true).await?;
    let other = Text::new(scorer, OTHER, true).await?;
    let plain = text.behind(scorer, &other, false).await?;
    let mut checks = Vec::new();
    let mut tell = |check: Check| {
        told(&check);
        checks.push(check);
    };
    tell(answers(&plain, &other, &text));
    tell(failing("alignment", alignment(scorer, &text, &other)).await);
    tell(failing("normalisation", normalisation(scorer, &text, &other)).await);
    tell(failing("self-consistency", consistency(scorer, &other)).await);
    // The same log-probabilities, however they were asked for: what their means differ by is noise as well.
    let mut ways = vec![plain.logprobs.clone()];
    tell(failing("additivity", additivity(scorer, &text, &other, &plain, &mut ways)).await);
    tell(failing("cache", cache(scorer, &text, &other, &plain, &mut ways)).await);
    let (noise_floor, noise) = noise(scorer, &text, &other, ways).await;
    tell(noise);
    tell(failing("long prompt", long_prompt(scorer)).await);
    Ok(Findings { checks, noise_floor })
}

async fn failing(name: &'static str, check: impl Future<Output = Result<Check, LmError>>) -> Check {
    check.await.unwrap_or_else(|error| Check { name, outcome: Outcome::Failed, detail: error.to_string() })
}

/// An encoded text.
struct Text {
    text: String,
    target: Target,
    /// With BOS in front, where the model uses one.
    as_context: Vec<u32>,
}

impl Text {
    async fn new(scorer: &dyn Verbatim, text: &str, first: bool) -> Result<Text, LmError> {
        let target = scorer.encode(text, first).await?;
        let as_context = scorer.bos().into_iter().chain(target.tokens.iter().copied()).collect();
        Ok(Text { text: text.to_owned(), target, as_context })
    }

    fn context(&self) -> Passage<'_> {
        Passage { ids: &self.as_context, text: &self.text }
    }

    /// Tokens `from..to` with the text they spell.
    fn part(&self, from: usize, to: usize) -> Passage<'_> {
        let spans = &self.target.spans;
        let start = spans.get(from).map_or(self.text.len(), |span| span.start);
        let end = to.checked_sub(1).and_then(|last| spans.get(last)).map_or(start, |span| span.end.max(start));
        Passage { ids: &self.target.tokens[from..to], text: &self.text[start..end] }
    }

    fn whole(&self) -> Passage<'_> {
        self.part(0, self.target.tokens.len())
    }

    async fn behind(&self, scorer: &dyn Verbatim, context: &Text, fresh: bool) -> Result<TokenLogprobs, LmError> {
        scorer.logprobs(context.context(), self.whole(), fresh).await
    }

    /// This text with the words of `words` behind it.
    async fn and(&self, scorer: &dyn Verbatim, words: &str) -> Result<Text, LmError> {
        Text::new(scorer, &format!("{}\n\n{words}\n\n", self.text), true).await
    }
}

fn answers(plain: &TokenLogprobs, context: &Text, text: &Text) -> Check {
    let total: f64 = plain.logprobs.iter().map(|v| -f64::from(*v)).sum();
    let detail = format!(
        "{} tokens behind {}: {:.3} nats per token",
        text.target.tokens.len(),
        context.as_context.len(),
        total / plain.logprobs.len().max(1) as f64
    );
    Check { name: "answers", outcome: Outcome::Passed, detail }
}

async fn alignment(scorer: &dyn Verbatim, text: &Text, other: &Text) -> Result<Check, LmError> {
    let (copy, shuffled) = (other.and(scorer, &text.text).await?, other.and(scorer, &backwards(&text.text)).await?);
    let behind_copy = text.behind(scorer, &copy, false).await?;
    let behind_shuffled = text.behind(scorer, &shuffled, false).await?;
    let copying = judge::copying(&behind_copy.logprobs, &behind_shuffled.logprobs);
    let own = match scorer.most_probable(copy.context()).await? {
        None => None,
        Some(next) => {
            let own = each(scorer, &copy, std::iter::once((next.id, &*next.text))).await?;
            let others = each(scorer, &copy, alternatives(text, next.id)).await?;
            let own = own.first().filter(|_| others.len() >= FEW);
            own.map(|own| judge::most_probable(*own, &others))
        }
    };
    Ok(judge::alignment(copying, own))
}

/// The words in the other order: the same tokens, nearly, and none of the sense.
fn backwards(text: &str) -> String {
    text.split_whitespace().rev().collect::<Vec<_>>().join(" ")
}

/// Different tokens that could stand at one place, with their texts.
fn alternatives(text: &Text, except: u32) -> impl Iterator<Item = (u32, &str)> {
    let mut seen = vec![except];
    let tokens = text.target.tokens.iter().zip(&text.target.spans);
    let different = tokens.filter_map(move |(id, span)| {
        let new = !seen.contains(id);
        seen.push(*id);
        new.then(|| (*id, &text.text[span.clone()]))
    });
    different.take(12)
}

async fn one(scorer: &dyn Verbatim, context: &Text, id: u32, text: &str) -> Result<f32, LmError> {
    let scored = scorer.logprobs(context.context(), Passage { ids: &[id], text }, false).await?;
    scored.logprobs.first().copied().ok_or_else(|| LmError::Invalid("no log-probability for one token".to_owned()))
}

/// The tokens of which each can be asked for by itself: a server that takes texts may join one with what stands before it.
async fn each<'a>(
    scorer: &dyn Verbatim,
    context: &Text,
    tokens: impl Iterator<Item = (u32, &'a str)>,
) -> Result<Vec<f32>, LmError> {
    let scores = join_all(tokens.map(|(id, text)| one(scorer, context, id, text))).await;
    let joined = |score: &Result<f32, LmError>| matches!(score, Err(LmError::Invalid(_)));
    scores.into_iter().filter(|score| !joined(score)).collect()
}

async fn normalisation(scorer: &dyn Verbatim, text: &Text, other: &Text) -> Result<Check, LmError> {
    let scores = each(scorer, other, alternatives(text, u32::MAX)).await?;
    if scores.len() < FEW {
        let detail =
            "single tokens cannot be asked for: it takes texts, and joins them with what stands before".to_owned();
        return Ok(Check { name: "normalisation", outcome: Outcome::Skipped, detail });
    }
    Ok(judge::normalisation(&scores))
}

async fn consistency(scorer: &dyn Verbatim, context: &Text) -> Result<Check, LmError> {
    let (mut ids, mut text, mut told) = (context.as_context.clone(), context.text.clone(), Vec::new());
    for _ in 0..WRITTEN {
        let before = Passage { ids: &ids, text: &text };
        let Some(next) = scorer.most_probable(before).await? else { break };
        let target = [next.id];
        let scored = match scorer.logprobs(before, Passage { ids: &target, text: &next.text }, false).await {
            Err(LmError::Invalid(_)) => break,
            scored => scored?,
        };
        told.extend(next.logprob.zip(scored.logprobs.first().copied()));
        ids.push(next.id);
        text.push_str(&next.text);
    }
    Ok(judge::consistency(&told))
}

async fn additivity(
    scorer: &dyn Verbatim,
    text: &Text,
    other: &Text,
    plain: &TokenLogprobs,
    ways: &mut Vec<Vec<f32>>,
) -> Result<Check, LmError> {
    let (count, half) = (text.target.tokens.len(), text.target.tokens.len() / 2);
    let first = scorer.logprobs(other.context(), text.part(0, half), false).await?;
    let ids: Vec<u32> = other.as_context.iter().chain(&text.target.tokens[..half]).copied().collect();
    let before = format!("{}{}", other.text, text.part(0, half).text);
    let context = Passage { ids: &ids, text: &before };
    let second = scorer.logprobs(context, text.part(half, count), false).await?;
    let parts = [first.logprobs, second.logprobs].concat();
    let check = judge::agreement("additivity", "a text at once and in two parts", &plain.logprobs, &parts);
    ways.push(parts);
    Ok(check)
}

async fn cache(
    scorer: &dyn Verbatim,
    text: &Text,
    other: &Text,
    plain: &TokenLogprobs,
    ways: &mut Vec<Vec<f32>>,
) -> Result<Check, LmError> {
    let warm = text.behind(scorer, other, false).await?;
    let cold = text.behind(scorer, other, true).await?;
    let asked = judge::agreement("cache", "the same call again and past the cache", &warm.logprobs, &cold.logprobs);
    let again = judge::agreement("cache", "the same call twice", &plain.logprobs, &warm.logprobs);
    let cached = format!(" ({} of {} tokens came from a cache)", warm.cached_tokens, warm.prompt_tokens);
    ways.extend([warm.logprobs, cold.logprobs]);
    let worse = if again.outcome == Outcome::Failed { again } else { asked };
    Ok(Check { detail: worse.detail + &cached, ..worse })
}

async fn noise(scorer: &dyn Verbatim, text: &Text, other: &Text, ways: Vec<Vec<f32>>) -> (f64, Check) {
    let calls = join_all((0..REPEATS).map(|_| text.behind(scorer, other, false))).await;
    let failed = calls.iter().find_map(|call| call.as_ref().err());
    if let Some(error) = failed {
        let count = calls.iter().filter(|call| call.is_err()).count();
        let detail = format!("{count} of {REPEATS} calls at once failed: {error}");
        return (0.0, Check { name: "noise floor", outcome: Outcome::Failed, detail });
    }
    let calls: Vec<Vec<f32>> = calls.into_iter().flatten().map(|call| call.logprobs).collect();
    judge::noise(&calls, &ways)
}

async fn long_prompt(scorer: &dyn Verbatim) -> Result<Check, LmError> {
    let name = "long prompt";
    let Some(limit) = scorer.limit() else {
        let detail =
            "it does not say how many tokens it takes; texts beyond that will be refused one by one".to_owned();
        return Ok(Check { name, outcome: Outcome::Warned, detail });
    };
    let wanted = (limit * 3 / 4).min(MOST_LONG);
    // Four characters a token, or more: cut to size below.
    let text = Text::new(scorer, &long(wanted * 5), true).await?;
    let size = wanted.min(text.target.tokens.len());
    if size <= 2 * SHORT {
        let detail = format!("its context of {limit} tokens is too short for any use");
        return Ok(Check { name, outcome: Outcome::Failed, detail });
    }
    let ids: Vec<u32> = scorer.bos().into_iter().chain(text.part(0, size - SHORT).ids.iter().copied()).collect();
    let context = Passage { ids: &ids, text: text.part(0, size - SHORT).text };
    let target = text.part(size - SHORT, size);
    let scored = scorer.logprobs(context, target, true).await?;
    let mean = scored.logprobs.iter().map(|v| -f64::from(*v)).sum::<f64>() / scored.logprobs.len().max(1) as f64;
    let detail = format!("{size} of {limit} tokens are taken; the last {SHORT} have {mean:.2} nats per token");
    Ok(Check { name, outcome: Outcome::Passed, detail })
}
