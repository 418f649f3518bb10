//! The examination of scorers: a sound one passes, and each way of being wrong fails the check that is there for it.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use retrace::lm::doctor::{Findings, Outcome, examine};
use retrace::lm::gguf::Backend;
use retrace::lm::open::Opener;
use retrace::lm::prompts::Prompts;
use retrace::lm::spec::Spec;
use retrace::lm::{LmError, Passage, TokenLogprobs, Verbatim};
use retrace::reer::{Identity, Target};

/// A way of being wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Wrong {
    Not,
    /// Row i holds what belongs to token i + 1, as llama-cpp-python gives it for models without BOS. Long texts are left as they
    /// are, since each of their rows is a pass here.
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

/// Tokens of a text whose rows are all moved.
const SHORT: usize = 200;

struct Patient {
    model: std::sync::Arc<Backend>,
    wrong: Wrong,
    calls: AtomicU32,
    /// Moved rows by context and target: each is a pass.
    moved: Mutex<HashMap<[Vec<u32>; 2], Vec<f32>>>,
}

impl Patient {
    /// Of each of `ids` the probability behind itself.
    async fn behind_themselves(&self, context: &[u32], ids: &[u32]) -> Result<Vec<f32>, LmError> {
        let key = [context, ids].map(<[u32]>::to_vec);
        if let Some(known) = self.moved.lock().unwrap().get(&key) {
            return Ok(known.clone());
        }
        let mut moved = Vec::new();
        for at in 0..ids.len() {
            let before = [context, &ids[..=at]].concat();
            let again = Passage { ids: &ids[at..=at], text: "" };
            moved.push(self.model.logprobs(Passage { ids: &before, text: "" }, again, false).await?.logprobs[0]);
        }
        self.moved.lock().unwrap().insert(key, moved.clone());
        Ok(moved)
    }
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
        let mut scored = self.model.logprobs(context, target, false).await?;
        match self.wrong {
            Wrong::Shifted if target.ids.len() <= SHORT => {
                scored.logprobs = self.behind_themselves(context.ids, target.ids).await?;
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

async fn findings(wrong: Wrong) -> Findings {
    let mut opener = Opener::new(Prompts::default(), Default::default());
    let model = opener.model(&Spec::Bundled).unwrap();
    examine(&Patient { model, wrong, calls: AtomicU32::new(0), moved: Mutex::default() }, &|_| {}).await.unwrap()
}

fn failed(findings: &Findings) -> Vec<&str> {
    findings.checks.iter().filter(|check| check.outcome == Outcome::Failed).map(|check| check.name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bundled_scorer_is_sound_and_has_no_noise() {
    let findings = findings(Wrong::Not).await;
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
