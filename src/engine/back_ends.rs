//! Back ends by their SPEC, opened once and shared: what the command line and the desk ask with.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Models, Setup};
use crate::lm::frame::Framing;
use crate::lm::open::{OpenError, Opener};
use crate::lm::prompts::{PromptError, Prompts};
use crate::lm::spec::Spec;
use crate::lm::{Generator, Scorer};
use crate::reer::search::Preset;
use crate::session;
use crate::settings::Settings;

/// Opens back ends and keeps them. Opening reads model files: call it where a thread may block.
pub struct BackEnds {
    defaults: Setup,
    prompts: Prompts,
    opened: Mutex<Opened>,
}

#[derive(Default)]
struct Opened {
    plain: Option<Opener>,
    guide: Option<Opener>,
    scorers: HashMap<String, Arc<dyn Scorer>>,
    generators: HashMap<String, Arc<dyn Generator>>,
}

/// The back ends of a [`Setup`], and the record of which they are.
#[derive(Clone)]
pub struct Equipment {
    pub models: Models,
    pub record: session::Models,
}

/// The frame around x that a preset scores in: the paper's is its guide.
pub fn framing(preset: Preset) -> Framing {
    match preset {
        Preset::Retrace => Framing::Plain,
        Preset::Paper => Framing::Guide,
    }
}

impl BackEnds {
    /// Back ends that are asked with `prompts`; `defaults` says which serve when nothing else is named.
    pub fn new(prompts: Prompts, defaults: Setup) -> BackEnds {
        BackEnds { defaults, prompts, opened: Mutex::default() }
    }

    /// As the settings say.
    ///
    /// # Errors
    /// A prompt of the user's that cannot be used.
    pub fn of(settings: &Settings) -> Result<BackEnds, PromptError> {
        Ok(BackEnds::new(Prompts::load(settings.prompts.as_deref())?, Setup::of(settings)))
    }

    /// With a scorer of the caller's under a name, which goes before a SPEC of that name.
    #[must_use]
    pub fn with_scorer(self, name: &str, scorer: Arc<dyn Scorer>) -> BackEnds {
        self.lock().scorers.insert(name.to_owned(), scorer);
        self
    }

    /// With a generator of the caller's under a name, which goes before a SPEC of that name.
    #[must_use]
    pub fn with_generator(self, name: &str, generator: Arc<dyn Generator>) -> BackEnds {
        self.lock().generators.insert(name.to_owned(), generator);
        self
    }

    /// What serves when nothing else is named.
    pub fn defaults(&self) -> &Setup {
        &self.defaults
    }

    /// The digest of the prompts, as records name it.
    pub fn prompts(&self) -> String {
        self.prompts.digest()
    }

    /// Opens the scorer that `spec` names, with the frame of a preset, and says that frame's name in records.
    ///
    /// # Errors
    /// The SPEC names none, or its file cannot be used.
    pub fn scorer(&self, spec: &str, preset: Preset) -> Result<(Arc<dyn Scorer>, &'static str), OpenError> {
        let mut opened = self.lock();
        if let Some(scorer) = opened.scorers.get(spec) {
            return Ok((scorer.clone(), "plain"));
        }
        let parsed: Spec = spec.parse()?;
        let opener = opened.opener(preset, &self.prompts);
        Ok((opener.scorer(&parsed)?, opener.frame_name(&parsed)?))
    }

    /// Begins to open the scorer of the defaults, so that it is there when it is needed; must be called within a tokio
    /// runtime. What goes wrong is told when it is needed.
    pub fn warm(self: &Arc<BackEnds>) {
        let back_ends = self.clone();
        drop(tokio::task::spawn_blocking(move || {
            back_ends.scorer(&back_ends.defaults.scorer, back_ends.defaults.search.preset).is_ok()
        }));
    }

    /// Opens the generator that `spec` names.
    ///
    /// # Errors
    /// As [`BackEnds::scorer`].
    pub fn generator(&self, spec: &str, preset: Preset) -> Result<Arc<dyn Generator>, OpenError> {
        let mut opened = self.lock();
        if let Some(generator) = opened.generators.get(spec) {
            return Ok(generator.clone());
        }
        opened.opener(preset, &self.prompts).generator(&spec.parse()?)
    }

    /// Opens what a search runs with.
    ///
    /// # Errors
    /// As [`BackEnds::scorer`].
    pub fn open(&self, setup: &Setup) -> Result<Equipment, OpenError> {
        let preset = setup.search.preset;
        let generator = self.generator(&setup.generator, preset)?;
        let (scorer, frame) = self.scorer(&setup.scorer, preset)?;
        let record = session::Models {
            generator: generator.identity().clone(),
            scorer: scorer.identity().clone(),
            objective: setup.search.objective,
            frame: frame.to_owned(),
            prompts: self.prompts(),
        };
        Ok(Equipment { models: Models { generator, scorer }, record })
    }

    fn lock(&self) -> MutexGuard<'_, Opened> {
        // What is opened stays usable when another thread died while opening something else.
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Opened {
    fn opener(&mut self, preset: Preset, prompts: &Prompts) -> &mut Opener {
        let framing = framing(preset);
        let place = match framing {
            Framing::Plain => &mut self.plain,
            Framing::Guide => &mut self.guide,
        };
        place.get_or_insert_with(|| Opener::new(prompts.clone(), framing))
    }
}
