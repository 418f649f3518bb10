//! What a server computes with: the in-process engine, or a pseudo-model whose numbers are a pure function of the tokens.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use retrace::lm::gguf::{Backend, Model as Gguf, Tokenizer};
use retrace::lm::{LmError, Passage, Verbatim};
use retrace::reer::search::Sampling;

use super::pseudo::{self, Pseudo};
use crate::pupil::PUPIL;

/// A model behind a server's routes. Both have the pupil's vocabulary, which is the bundled model's.
pub enum Model {
    /// Real log-probabilities and real, poor, text.
    Engine(Backend),
    /// Invented log-probabilities, the same for the same tokens, and text in the form that prompts ask for.
    Pseudo { pseudo: Pseudo, vocabulary: Gguf },
}

/// A sample to be written.
pub struct Writing<'a> {
    pub prompt: &'a [u32],
    pub stop: &'a [String],
    pub seed: u64,
    pub sampling: Sampling,
}

/// A sample as written.
#[derive(Debug, Clone)]
pub struct Written {
    pub text: String,
    /// What the text spells. Of the engine's tokens this is the usual spelling, which may not be the one it took.
    pub ids: Vec<u32>,
    pub ended: Ended,
}

/// Why a sample ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    Length,
    Eos,
    /// At this stop string.
    Stop(String),
}

/// The pupil, loaded once for all servers of the test binary.
fn pupil() -> Gguf {
    static MODEL: OnceLock<Gguf> = OnceLock::new();
    MODEL.get_or_init(|| Gguf::open(Path::new(PUPIL)).expect("the pupil loads")).clone()
}

impl Model {
    /// The pupil in the in-process engine.
    pub fn engine() -> Model {
        let unused = || LmError::Unsupported("servers take ids, not frames".to_owned());
        Model::Engine(Backend::new(pupil(), Arc::new(move |_, _| Err(unused())), Arc::new(move |_| Err(unused()))))
    }

    pub fn pseudo(pseudo: Pseudo) -> Model {
        Model::Pseudo { pseudo, vocabulary: pupil() }
    }

    pub fn tokenizer(&self) -> &Tokenizer {
        match self {
            Model::Engine(backend) => backend.model().tokenizer(),
            Model::Pseudo { vocabulary, .. } => vocabulary.tokenizer(),
        }
    }

    /// Most tokens of prompt and answer together.
    pub fn context_length(&self) -> usize {
        match self {
            Model::Engine(backend) => backend.model().config().context_length,
            Model::Pseudo { .. } => 1 << 17,
        }
    }

    /// Ids of a text in which control tokens are recognised, as servers do; BOS in front when `special` asks for the
    /// tokenizer's own rule.
    pub fn encode(&self, text: &str, special: bool) -> Vec<u32> {
        let rule = self.tokenizer().special();
        let bos = rule.bos.filter(|_| special && rule.adds_bos);
        bos.into_iter().chain(self.tokenizer().encode_markup(text, true).expect("a spellable text").ids).collect()
    }

    /// The text of ids, control tokens spelled out.
    pub fn decode(&self, ids: &[u32]) -> String {
        String::from_utf8_lossy(&ids.iter().flat_map(|id| self.bytes(*id)).copied().collect::<Vec<u8>>()).into_owned()
    }

    fn bytes(&self, id: u32) -> &[u8] {
        match self.tokenizer().bytes(id) {
            [] => self.tokenizer().spelling(id).unwrap_or_default().as_bytes(),
            bytes => bytes,
        }
    }

    /// Nats of each of `ids` from the place `from` on, which is at least 1.
    ///
    /// # Errors
    /// What the engine refuses.
    pub async fn score(&self, ids: &[u32], from: usize) -> Result<Vec<f32>, LmError> {
        match self {
            Model::Engine(_) if from >= ids.len() => Ok(Vec::new()),
            Model::Engine(backend) => {
                let (context, target) = ids.split_at(from);
                // The texts are for servers that take no ids.
                let [context, target] = [context, target].map(|ids| Passage { ids, text: "" });
                Ok(backend.logprobs(context, target, false).await?.logprobs)
            }
            Model::Pseudo { .. } => Ok(pseudo::logprobs(ids, from)),
        }
    }

    /// Continues a prompt.
    ///
    /// # Errors
    /// What the engine refuses.
    pub async fn write(&self, writing: &Writing<'_>) -> Result<Written, LmError> {
        match self {
            Model::Engine(backend) => {
                // Stop strings are looked for here, so that the answer can name the one it ended at.
                let stop: Vec<&str> = writing.stop.iter().map(String::as_str).collect();
                let prompt = writing.prompt.to_vec();
                let mut answers =
                    backend.continue_ids(prompt, &stop, &[writing.seed], &writing.sampling, &|_, _| {}).await?;
                let answer = answers.remove(0);
                let ended = match (answer.finished, stop.first()) {
                    (false, _) => Ended::Length,
                    (true, Some(stop)) => Ended::Stop((*stop).to_owned()),
                    (true, None) => Ended::Eos,
                };
                Ok(Written { ids: self.encode(&answer.text, false), text: answer.text, ended })
            }
            Model::Pseudo { pseudo, .. } => {
                let text = pseudo.continuation(writing, &self.decode(writing.prompt));
                Ok(self.ended(text, writing))
            }
        }
    }

    /// A text as it comes out of a sampler with stop strings and a limit of tokens.
    fn ended(&self, text: String, writing: &Writing<'_>) -> Written {
        let first = writing.stop.iter().filter_map(|stop| Some((text.find(stop.as_str())?, stop))).min();
        let (text, mut ended) = match first {
            Some((at, stop)) => (text[..at].to_owned(), Ended::Stop(stop.clone())),
            None => (text, Ended::Eos),
        };
        let (mut text, mut ids) = (text.clone(), self.encode(&text, false));
        let most = writing.sampling.max_tokens as usize;
        if ids.len() > most {
            ids.truncate(most);
            text = self.decode(&ids);
            ended = Ended::Length;
        }
        Written { text, ids, ended }
    }

    /// A text in the pieces that tokens make of it.
    pub fn pieces(&self, text: &str) -> Vec<String> {
        let spans = self.tokenizer().encode_markup(text, true).expect("a spellable text").spans;
        let (mut pieces, mut sent) = (Vec::new(), 0);
        for span in spans.iter().filter(|span| !span.is_empty()) {
            // Tokens inside one character share its range.
            if span.end > sent {
                pieces.push(text[sent..span.end].to_owned());
                sent = span.end;
            }
        }
        pieces
    }
}
