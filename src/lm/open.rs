//! Opening back ends by their SPEC: a model file is loaded once, whatever it serves as.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::bundled;
use super::cues::Cues;
use super::frame::{Frame, Framing};
use super::gguf::{Backend, GgufError, Model};
use super::prompted::Prompted;
use super::prompts::{PromptError, Prompts};
use super::recorded::{Recorded, RecordedError};
use super::spec::{Spec, SpecError};
use super::template::SpecialTokens;
use super::{Generator, LmError, Scorer, Verbatim};

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
}

/// Opens back ends that share prompts and a frame.
pub struct Opener {
    prompts: Arc<Prompts>,
    framing: Framing,
    models: HashMap<Option<PathBuf>, Arc<Backend>>,
}

impl Opener {
    /// `framing` is the frame around x: plain, or the paper's guide.
    pub fn new(prompts: Prompts, framing: Framing) -> Opener {
        Opener { prompts: Arc::new(prompts), framing, models: HashMap::new() }
    }

    /// The prompts that back ends are asked with.
    pub fn prompts(&self) -> &Prompts {
        &self.prompts
    }

    /// Opens a scorer.
    ///
    /// # Errors
    /// The SPEC names none, or its file cannot be used.
    pub fn scorer(&mut self, spec: &Spec) -> Result<Arc<dyn Scorer>, OpenError> {
        Ok(self.model(&spec.clone().scorer()?)?)
    }

    /// Opens a scorer that takes bare tokens.
    ///
    /// # Errors
    /// As [`Opener::scorer`].
    pub fn verbatim(&mut self, spec: &Spec) -> Result<Arc<dyn Verbatim>, OpenError> {
        Ok(self.model(&spec.clone().scorer()?)?)
    }

    /// Opens a generator.
    ///
    /// # Errors
    /// The SPEC names none, or its file cannot be used.
    pub fn generator(&mut self, spec: &Spec) -> Result<Arc<dyn Generator>, OpenError> {
        let spec = spec.clone().generator()?;
        Ok(match &spec {
            Spec::Cues => Arc::new(Cues::new()),
            Spec::Recorded(path) => Arc::new(Recorded::open(path)?),
            _ => Arc::new(Prompted::new(self.model(&spec)?, self.prompts.clone())),
        })
    }

    /// Opens a model that runs in this process.
    ///
    /// # Errors
    /// The SPEC names none, or its file cannot be used.
    pub fn model(&mut self, spec: &Spec) -> Result<Arc<Backend>, OpenError> {
        let path = match spec.clone().scorer()? {
            Spec::Gguf(path) => Some(path),
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
