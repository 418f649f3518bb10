//! Opening back ends by their SPEC: a model file is loaded once and a server asked once, whatever it serves as.
//!
//! Several servers are opened one by one; making one back end of them is the caller's.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::bundled;
use super::cues::Cues;
use super::frame::{Frame, Framing};
use super::gguf::{Backend, GgufError, Model};
use super::http::client::Patience;
use super::http::{Address, Keys, Server};
use super::prompted::Prompted;
use super::prompts::{PromptError, Prompts};
use super::recorded::{Recorded, RecordedError};
use super::spec::{Spec, SpecError};
use super::template::SpecialTokens;
use super::{Complete, Generator, LmError, Scorer, Verbatim};

/// Why a back end could not be opened; one line each.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Spec(#[from] SpecError),
    #[error(transparent)]
    Gguf(#[from] GgufError),
    #[error(transparent)]
    Recorded(#[from] RecordedError),
    #[error(transparent)]
    Prompts(#[from] PromptError),
    /// The model's chat template cannot be used.
    #[error("{file}: its chat template cannot be used: {source}")]
    Template { file: String, source: LmError },
    #[error("{}", told_once(.address, .source))]
    Server { address: String, source: LmError },
    /// A programming error: servers are asked within a tokio runtime.
    #[error("servers cannot be asked here: there is no runtime for calls")]
    NoRuntime,
    /// A programming error: servers are opened one by one, at their addresses.
    #[error("{0}: no model of this process")]
    NotHere(Spec),
}

/// A server's fault with its address, which many faults name already.
fn told_once(address: &str, source: &LmError) -> String {
    let message = source.to_string();
    if message.contains(address) { message } else { format!("{address}: {message}") }
}

/// Opens back ends that share prompts and a frame.
pub struct Opener {
    prompts: Arc<Prompts>,
    framing: Framing,
    keys: Keys,
    patience: Patience,
    models: HashMap<Option<PathBuf>, Arc<Backend>>,
    /// By their addresses as written.
    servers: HashMap<String, Server>,
}

fn at(address: &Address, source: LmError) -> OpenError {
    OpenError::Server { address: address.base().to_owned(), source }
}

impl Opener {
    /// `framing` is the frame around x: plain, or the paper's guide.
    pub fn new(prompts: Prompts, framing: Framing) -> Opener {
        Opener {
            prompts: Arc::new(prompts),
            framing,
            keys: Keys::default(),
            patience: Patience::default(),
            models: HashMap::new(),
            servers: HashMap::new(),
        }
    }

    /// With keys for servers, and how long these are waited for.
    #[must_use]
    pub fn with_servers(self, keys: Keys, patience: Patience) -> Opener {
        Opener { keys, patience, ..self }
    }

    /// The prompts that back ends are asked with.
    pub fn prompts(&self) -> &Prompts {
        &self.prompts
    }

    /// Opens a scorer in this process.
    ///
    /// # Errors
    /// The SPEC names none, or its file cannot be used.
    pub fn scorer(&mut self, spec: &Spec) -> Result<Arc<dyn Scorer>, OpenError> {
        Ok(self.model(&spec.clone().scorer()?)?)
    }

    /// Opens a scorer that takes bare tokens: a model in this process, or the first of the servers.
    ///
    /// # Errors
    /// As [`Opener::scorer`] and [`Opener::server`]; or the server cannot score.
    pub fn verbatim(&mut self, spec: &Spec) -> Result<Arc<dyn Verbatim>, OpenError> {
        match spec.clone().scorer()? {
            Spec::Servers(servers) => self.verbatim_at(&servers[0]),
            spec => Ok(self.model(&spec)?),
        }
    }

    /// The server at `address` as a scorer of bare tokens.
    ///
    /// # Errors
    /// As [`Opener::server`]; or it cannot score.
    pub fn verbatim_at(&mut self, address: &Address) -> Result<Arc<dyn Verbatim>, OpenError> {
        let server = self.server(address)?;
        let scorer = server.scorer(self.framing, self.prompts.clone(), 0.0);
        Ok(Arc::new(scorer.map_err(|source| at(address, source))?))
    }

    /// The server at `address` as a scorer with a measured noise floor, and its frame's name in records.
    ///
    /// # Errors
    /// As [`Opener::verbatim_at`].
    pub fn scorer_at(
        &mut self,
        address: &Address,
        noise_floor: f64,
    ) -> Result<(Arc<dyn Scorer>, &'static str), OpenError> {
        let server = self.server(address)?;
        let scorer = server.scorer(self.framing, self.prompts.clone(), noise_floor);
        let scorer = scorer.map_err(|source| at(address, source))?;
        let frame = scorer.frame_name();
        Ok((Arc::new(scorer), frame))
    }

    /// Opens a generator in this process.
    ///
    /// # Errors
    /// The SPEC names none, or its file cannot be used.
    pub fn generator(&mut self, spec: &Spec) -> Result<Arc<dyn Generator>, OpenError> {
        let spec = spec.clone().generator()?;
        Ok(match &spec {
            Spec::Cues => Arc::new(Cues::new()),
            Spec::Recorded(path) => Arc::new(Recorded::open(path)?),
            _ => {
                let model = self.model(&spec)?;
                self.prompted(model)
            }
        })
    }

    /// The server at `address` as a text model.
    ///
    /// # Errors
    /// As [`Opener::server`]; or it only scores.
    pub fn completer_at(&mut self, address: &Address) -> Result<Arc<dyn Complete>, OpenError> {
        let completer = self.server(address)?.completer(self.prompts.clone());
        Ok(Arc::new(completer.map_err(|source| at(address, source))?))
    }

    /// A text model as a generator, asked with the prompts.
    pub fn prompted(&self, model: Arc<dyn Complete>) -> Arc<dyn Generator> {
        Arc::new(Prompted::new(model, self.prompts.clone()))
    }

    /// Asks the server at `address` what it is; blocks, and must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`OpenError::Server`]: nobody answers, a key is missing, or the server cannot be told.
    pub fn server(&mut self, address: &Address) -> Result<Server, OpenError> {
        if let Some(known) = self.servers.get(&address.to_string()) {
            return Ok(known.clone());
        }
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| OpenError::NoRuntime)?;
        let variable = |name: &str| std::env::var(name).ok();
        let server = runtime.block_on(Server::connect(address, &self.keys, self.patience, &variable));
        let server = server.map_err(|source| at(address, source))?;
        self.servers.insert(address.to_string(), server.clone());
        Ok(server)
    }

    /// Opens a model that runs in this process.
    ///
    /// # Errors
    /// The SPEC names none, or its file cannot be used.
    pub fn model(&mut self, spec: &Spec) -> Result<Arc<Backend>, OpenError> {
        let path = match spec.clone().scorer()? {
            Spec::Gguf(path) => Some(path),
            Spec::Servers(_) => return Err(OpenError::NotHere(spec.clone())),
            _ => None,
        };
        if let Some(open) = self.models.get(&path) {
            return Ok(open.clone());
        }
        let model = match &path {
            Some(path) => Model::open(path)?,
            None => bundled::model()?,
        };
        let frame = self.frame(&model, spec)?;
        let (for_context, for_messages) = (frame.clone(), frame);
        let backend = Arc::new(Backend::new(
            model,
            Arc::new(move |example, z| for_context.context(example, z)),
            Arc::new(move |messages| for_messages.render(messages)),
        ));
        self.models.insert(path, backend.clone());
        Ok(backend)
    }

    /// How a scorer's frame is called in records: `template`, `plain` or `guide`.
    ///
    /// # Errors
    /// As [`Opener::model`].
    pub fn frame_name(&mut self, scorer: &Spec) -> Result<&'static str, OpenError> {
        let backend = self.model(scorer)?;
        Ok(self.frame(backend.model(), scorer)?.name())
    }

    fn frame(&self, model: &Model, spec: &Spec) -> Result<Frame, OpenError> {
        let special = model.tokenizer().special();
        let spelled = |id| model.special_spelling(id).map(str::to_owned);
        let frame = match model.chat_template() {
            Some(source) => {
                let tokens =
                    SpecialTokens { bos: spelled(special.bos), eos: spelled(special.eos), ..Default::default() };
                Frame::template(source, tokens)
                    .map_err(|source| OpenError::Template { file: spec.to_string(), source })?
            }
            None => Frame::plain(),
        };
        Ok(frame.framed(self.framing).with_prompts(self.prompts.clone()))
    }
}
