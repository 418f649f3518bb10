//! Opening a server: asks what it is and how its model's prompts are made, once, and makes scorers and text models of it.

use std::sync::{Arc, RwLock};

use super::anthropic::Anthropic;
use super::chat::Chat;
use super::client::Patience;
use super::codec::{self, Opened};
use super::echo::Echo;
use super::fireworks::Fireworks;
use super::llama_server::LlamaServer;
use super::ollama::Ollama;
use super::probe::{Found, probe};
use super::sglang::Sglang;
use super::tgi::Tgi;
use super::together::Together;
use super::vllm::Vllm;
use super::{Address, Call, Client, Completing, HttpCompleter, HttpScorer, Keys, Kind, Scoring};
use crate::lm::LmError;
use crate::lm::frame::{Frame, Framing};
use crate::lm::prompts::Prompts;
use crate::reer::Identity;

/// A server that has been asked what it is.
#[derive(Clone)]
pub struct Server {
    client: Client,
    found: Found,
    /// Why the model's prompts cannot be made here; kept, because only some uses need them.
    prompts: Result<Arc<Opened>, LmError>,
}

impl Server {
    /// Asks the server at `address` what it is. Keys are taken from `keys`, environment variables read by `variable`.
    ///
    /// # Errors
    /// As [`probe`]; or the server could not be asked for what tells its tokens.
    pub async fn connect(
        address: &Address,
        keys: &Keys,
        patience: Patience,
        variable: &(dyn Fn(&str) -> Option<String> + Sync),
    ) -> Result<Server, LmError> {
        let client = Client::new(address.clone(), keys.of(address.host()), patience)?;
        let found = probe(&client).await?;
        let prompts = match found.kind {
            Kind::Chat | Kind::Anthropic | Kind::Ollama => Err(LmError::Unsupported(format!(
                "{} generates only: {} servers give no log-probabilities of a given text",
                address.base(),
                found.kind
            ))),
            kind => match codec::open(&client, kind, &found.model, variable).await {
                Err(error @ (LmError::Passing { .. } | LmError::Denied(_))) => return Err(error),
                opened => opened.map(Arc::new),
            },
        };
        Ok(Server { client, found, prompts })
    }

    pub fn address(&self) -> &Address {
        self.client.address()
    }

    /// What was found there.
    pub fn found(&self) -> &Found {
        &self.found
    }

    /// How the model's prompts are made, where they can be.
    pub fn prompts(&self) -> Option<&Opened> {
        self.prompts.as_deref().ok()
    }

    /// Whether it answers and its engine lives: of some servers the list of models does not tell.
    pub async fn is_well(&self) -> bool {
        let path = match self.found.kind {
            Kind::Vllm | Kind::Sglang | Kind::LlamaServer | Kind::Tgi => "/health",
            _ => "/v1/models",
        };
        // A router in front may not know the route.
        self.client.send(&Call::get(path)).await.is_ok_and(|reply| reply.status < 500)
    }

    /// Why this server cannot write texts; `None` where it may.
    pub fn why_no_generator(&self) -> Option<String> {
        let why = match self.completing() {
            Ok(protocol) if protocol.continues() => self.prompts.as_ref().err()?.clone(),
            Ok(_) => return None,
            Err(why) => why,
        };
        Some(why.to_string())
    }

    /// Why this server cannot score; `None` where it may.
    pub fn why_no_scorer(&self) -> Option<String> {
        self.prompts.as_ref().err().map(ToString::to_string)
    }

    /// This server as a scorer. `noise_floor` is what was measured, in nats per token.
    ///
    /// # Errors
    /// [`LmError::Unsupported`] where it only generates, or its tokens cannot be known.
    pub fn scorer(&self, framing: Framing, prompts: Arc<Prompts>, noise_floor: f64) -> Result<HttpScorer, LmError> {
        let opened = self.prompts.clone()?;
        Ok(HttpScorer {
            client: self.client.clone(),
            protocol: self.scoring()?,
            codec: opened.codec.clone(),
            frame: frame(&opened, framing, prompts),
            identity: self.identity(),
            limit: self.found.limit,
            noise_floor,
        })
    }

    /// This server as a text model. Where a prompt cannot be made here, a server that can chat makes it.
    ///
    /// # Errors
    /// [`LmError::Unsupported`] where it only scores, or its tokens cannot be known.
    pub fn completer(&self, prompts: Arc<Prompts>) -> Result<HttpCompleter, LmError> {
        let protocol = self.completing()?;
        let renderer = match protocol.continues() {
            true => {
                let opened = self.prompts.clone()?;
                // The guide is the scorer's: a generator is asked in prompts of its own.
                Some((opened.codec.clone(), frame(&opened, Framing::Plain, prompts)))
            }
            false => None,
        };
        Ok(HttpCompleter {
            client: self.client.clone(),
            protocol: RwLock::new(protocol),
            renderer,
            identity: self.identity(),
            limit: self.found.limit,
        })
    }

    /// As records name it: by the kind and the model, so that servers of one model are one scorer.
    fn identity(&self) -> Identity {
        Identity { kind: self.found.kind.name().to_owned(), model: self.found.model.clone(), revision: None }
    }

    fn scoring(&self) -> Result<Arc<dyn Scoring>, LmError> {
        Ok(match self.found.kind {
            Kind::Vllm => Arc::new(Vllm),
            Kind::Sglang => Arc::new(Sglang),
            Kind::Echo => Arc::new(Echo { takes_ids: self.found.takes_ids }),
            Kind::LlamaServer => Arc::new(LlamaServer),
            Kind::Fireworks => Arc::new(Fireworks),
            Kind::Together => Arc::new(Together),
            Kind::Tgi => Arc::new(Tgi),
            kind @ (Kind::Chat | Kind::Anthropic | Kind::Ollama) => {
                return Err(LmError::Unsupported(format!("{kind} servers cannot score")));
            }
        })
    }

    fn completing(&self) -> Result<Arc<dyn Completing>, LmError> {
        Ok(match self.found.kind {
            Kind::Vllm => Arc::new(Vllm),
            Kind::Sglang => Arc::new(Sglang),
            Kind::Echo => Arc::new(Echo { takes_ids: self.found.takes_ids }),
            Kind::LlamaServer => Arc::new(LlamaServer),
            Kind::Fireworks if self.prompts.is_ok() => Arc::new(Fireworks),
            Kind::Together if self.prompts.is_ok() => Arc::new(Together),
            Kind::Fireworks | Kind::Together | Kind::Chat => Arc::new(Chat::default()),
            Kind::Anthropic => Arc::new(Anthropic::default()),
            Kind::Ollama => Arc::new(Ollama::default()),
            Kind::Tgi => {
                return Err(LmError::Unsupported(format!(
                    "{} is a tgi server, which is used for scores only; name another generator",
                    self.address().base()
                )));
            }
        })
    }
}

fn frame(opened: &Opened, framing: Framing, prompts: Arc<Prompts>) -> Frame {
    let frame = opened.template.clone().map_or_else(Frame::plain, Frame::chat);
    frame.framed(framing).with_prompts(prompts)
}
