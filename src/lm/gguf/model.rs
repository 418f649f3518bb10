//! A model file opened for use: weights, tokenizer and what the file says about itself.

use std::path::Path;
use std::sync::Arc;

use transformer::{Config, GgufError, GgufFile, Network, Source};

use super::tokenizer::Tokenizer;
use crate::reer::Identity;

/// A loaded model; cheap to clone, the weights are shared.
#[derive(Clone)]
pub struct Model {
    pub(super) network: Arc<Network>,
    tokenizer: Arc<Tokenizer>,
    identity: Identity,
    chat_template: Option<Arc<str>>,
}

impl Model {
    /// Opens a model file; its identity has the kind `gguf`.
    ///
    /// # Errors
    /// One [`GgufError`] a kind of fault: no file, not a GGUF, damaged, an architecture, quantisation or tokenizer
    /// that is not supported, no memory.
    pub fn open(path: &Path) -> Result<Model, GgufError> {
        let stem = path.file_stem().map_or_else(|| "model".to_owned(), |stem| stem.to_string_lossy().into_owned());
        Model::load(GgufFile::open(path)?, "gguf", stem)
    }

    /// Opens a model that is compiled in, under the identity's `kind` (such as `bundled`), which messages call it too.
    ///
    /// # Errors
    /// As [`Model::open`].
    pub fn from_bytes(bytes: &'static [u8], kind: &str) -> Result<Model, GgufError> {
        let file = GgufFile::parse(format!("the {kind} model"), Source::Static(bytes))?;
        Model::load(file, kind, kind.to_owned())
    }

    fn load(file: GgufFile, kind: &str, fallback: String) -> Result<Model, GgufError> {
        check_memory(&file)?;
        // The digest reads the whole file: beside the rest it costs no time of its own.
        let (network, tokenizer, digest) = std::thread::scope(|scope| {
            let digest = scope.spawn(|| blake3::hash(&file.bytes));
            let tokenizer = scope.spawn(|| Tokenizer::load(&file));
            let network = Network::load(&file);
            (network, tokenizer.join(), digest.join())
        });
        let crashed = |_| file.damaged("reading it failed unexpectedly");
        let (network, tokenizer, digest) = (network?, tokenizer.map_err(crashed)??, digest.map_err(crashed)?);
        if tokenizer.len() > network.vocabulary {
            let (tokens, rows) = (tokenizer.len(), network.vocabulary);
            return Err(file.damaged(format!("it has {tokens} tokens but embeddings for {rows}")));
        }
        let identity = Identity {
            kind: kind.to_owned(),
            model: file.text("general.name").filter(|name| !name.trim().is_empty()).map_or(fallback, str::to_owned),
            revision: Some(digest.to_hex()[..16].to_owned()),
        };
        Ok(Model {
            network: Arc::new(network),
            tokenizer: Arc::new(tokenizer),
            identity,
            chat_template: file.text("tokenizer.chat_template").map(Arc::from),
        })
    }

    /// Sizes and constants of the model.
    pub fn config(&self) -> &Config {
        &self.network.config
    }

    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Who computed what this model computes.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The file's chat template, a Jinja text.
    pub fn chat_template(&self) -> Option<&str> {
        self.chat_template.as_deref()
    }

    /// How a special token is spelled, for the chat template: `bos`, `eos`, `unknown` or `padding`.
    pub fn special_spelling(&self, id: Option<u32>) -> Option<&str> {
        self.tokenizer.spelling(id?)
    }
}

fn check_memory(file: &GgufFile) -> Result<(), GgufError> {
    let need = file.tensor_bytes()?;
    match available_memory() {
        Some(have) if have < need => {
            Err(GgufError::NoMemory { name: file.name.clone(), need: need >> 20, have: have >> 20 })
        }
        _ => Ok(()),
    }
}

/// Bytes that can be had without swapping, where the system says (Linux); elsewhere allocation fails by itself.
fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
