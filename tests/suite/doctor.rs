//! The examination of scorers: a sound one passes, and each way of being wrong fails the check that is there for it.

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use retrace::lm::doctor::{Findings, Outcome, examine};
use retrace::lm::gguf::Backend;
use retrace::lm::open::Opener;
use retrace::lm::prompts::Prompts;
use retrace::lm::spec::Spec;
use retrace::lm::{LmError, Passage, TokenLogprobs, Verbatim};
use retrace::reer::{Identity, Target};

use crate::pupil::PUPIL;

/// A way of being wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Wrong {
    Not,
    /// Row i holds what belongs to token i + 1, as llama-cpp-python gives it for models without BOS.
    Shifted,
    /// Speculative decoding's zeros.
    Zeros,
    /// The context is not seen.
    Blind,
    /// A cache that gives another text's numbers.
    StaleCache,
    /// The mean moves from call to call by this many nats.
    Noisy(f32),
    /// Long prompts kill it.
    Short,
}

struct Patient {
    model: std::sync::Arc<Backend>,
    wrong: Wrong,
    calls: AtomicU32,
}

#[async_trait]
impl Verbatim for Patient {
    fn identity(&self) -> &Identity {
        Verbatim::identity(self.model.as_ref())
    }

    fn limit(&self) -> Option<usize> {
        Some(2048)
    }

    fn bos(&self) -> Option<u32> {
        self.model.bos()
    }

    async fn encode(&self, text: &str, first: bool) -> Result<Target, LmError> {
        Verbatim::encode(self.model.as_ref(), text, first).await
    }

    async fn logprobs(&self, context: Passage<'_>, target: Passage<'_>, fresh: bool) -> Result<TokenLogprobs, LmError> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let context = match self.wrong {
            Wrong::Blind => Passage { ids: &context.ids[..1], text: "" },
            _ => context,
        };
        if self.wrong == Wrong::Short && context.ids.len() > 1000 {
            return Err(LmError::Unsupported("the engine died".to_owned()));
        }
        let shifted: Vec<u32> = [&target.ids[1..], &target.ids[..1]].concat();
        let asked = match self.wrong {
            // What stands in row i is the probability of token i behind itself.
            Wrong::Shifted => [target.ids, &shifted].concat(),
            _ => target.ids.to_vec(),
        };
        let mut scored = self.model.logprobs(context, Passage { ids: &asked, text: target.text }, false).await?;
        match self.wrong {
            Wrong::Shifted => {
                for at in 0..target.ids.len() {
                    let before = [context.ids, &target.ids[..=at]].concat();
                    let again = Passage { ids: &target.ids[at..=at], text: "" };
                    let behind = self.model.logprobs(Passage { ids: &before, text: "" }, again, false).await?;
                    scored.logprobs[at] = behind.logprobs[0];
                }
                scored.logprobs.truncate(target.ids.len());
            }
            Wrong::Zeros => scored.logprobs.fill(0.0),
            Wrong::StaleCache if !fresh => scored.logprobs.rotate_left(1),
            Wrong::Noisy(size) => {
                let moved = size * (call % 5) as f32 / 4.0;
                scored.logprobs.iter_mut().for_each(|value| *value = (*value - moved).min(0.0));
            }
            _ => {}
        }
        Ok(scored)
    }
}

async fn findings_of(model: Spec, wrong: Wrong) -> Findings {
    let mut opener = Opener::new(Prompts::default(), Default::default());
    let model = opener.model(&model).unwrap();
    examine(&Patient { model, wrong, calls: AtomicU32::new(0) }, &|_| {}).await.unwrap()
}

/// Of the pupil: what the checks see must not hang on a model's strength.
async fn findings(wrong: Wrong) -> Findings {
    findings_of(Spec::Gguf(PUPIL.into()), wrong).await
}

fn failed(findings: &Findings) -> Vec<&str> {
    findings.checks.iter().filter(|check| check.outcome == Outcome::Failed).map(|check| check.name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bundled_scorer_is_sound_and_has_no_noise() {
    let findings = findings_of(Spec::Bundled, Wrong::Not).await;
    assert_eq!(failed(&findings), Vec::<&str>::new(), "{findings:#?}");
    assert!(findings.noise_floor < 1e-5, "{}", findings.noise_floor);
    assert!(findings.is_sound() && findings.why_not().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_of_being_wrong_fails_its_check() {
    for (wrong, check) in [
        (Wrong::Shifted, "alignment"),
        (Wrong::Zeros, "normalisation"),
        (Wrong::Blind, "alignment"),
        (Wrong::StaleCache, "cache"),
        (Wrong::Noisy(0.5), "noise floor"),
        (Wrong::Short, "long prompt"),
    ] {
        let findings = findings(wrong).await;
        assert!(failed(&findings).contains(&check), "{wrong:?}: {findings:#?}");
        assert!(!findings.is_sound() && findings.why_not().contains(check));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn small_noise_is_measured_and_borne() {
    let findings = findings(Wrong::Noisy(0.004)).await;
    assert!(findings.is_sound(), "{findings:#?}");
    assert!((0.003..0.005).contains(&findings.noise_floor), "{}", findings.noise_floor);
}
