//! Back ends by their SPEC, opened once and shared: what the command line and the desk ask with. Servers become fleets,
//! and score only when the doctor has found them sound.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::fleet::{Alarm, Dispatch, FleetError, Rules};
use super::known::KnownServers;
use super::{Models, Setup};
use crate::lm::frame::Framing;
use crate::lm::http::client::Patience;
use crate::lm::http::{Address, Keys, Server};
use crate::lm::open::{OpenError, Opener};
use crate::lm::prompts::{PromptError, Prompts};
use crate::lm::spec::Spec;
use crate::lm::{Generator, LmError, Scorer};
use crate::reer::search::Preset;
use crate::session;
use crate::settings::{self, Settings};

/// Opens back ends and keeps them. Opening reads model files and asks servers: call it where a thread may block, within a
/// tokio runtime where servers may be named.
pub struct BackEnds {
    defaults: Setup,
    prompts: Prompts,
    keys: Keys,
    patience: Patience,
    pub(super) trust: Trust,
    pub(super) known: KnownServers,
    pub(super) alarm: Alarm,
    /// How long a call may be in trouble at servers.
    pub(super) budget: Duration,
    /// Hears of what takes long.
    pub(super) told: Box<dyn Fn(&str) + Send + Sync>,
    opened: Mutex<Opened>,
    /// Of the fleets that have been opened.
    pub(super) dispatches: Mutex<Vec<Arc<Dispatch>>>,
}

/// Which servers may score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trust {
    /// Those that the doctor finds sound; others are examined first.
    Proven,
    /// Any.
    Any,
}

/// Why back ends cannot be had; one line each.
#[derive(Debug, thiserror::Error)]
pub enum EquipError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Fleet(#[from] FleetError),
    #[error("{address}: the examination of this scorer broke off: {source}")]
    Examination { address: String, source: LmError },
    #[error(
        "{address}: the doctor finds this scorer unfit: {why}; it was examined {ago}: \
         `retrace doctor --scorer {spec}` examines it again and says more, \
         --allow-unproven-scorer uses it all the same"
    )]
    Unfit {
        address: String,
        spec: String,
        why: String,
        /// When it was examined, in words.
        ago: String,
    },
}

impl From<crate::lm::spec::SpecError> for EquipError {
    fn from(error: crate::lm::spec::SpecError) -> EquipError {
        EquipError::Open(error.into())
    }
}

/// A scorer and its frame's name in records.
pub(super) type Framed = (Arc<dyn Scorer>, &'static str);

#[derive(Default)]
pub(super) struct Opened {
    plain: Option<Opener>,
    guide: Option<Opener>,
    scorers: HashMap<String, Arc<dyn Scorer>>,
    generators: HashMap<String, Arc<dyn Generator>>,
    /// Fleets by SPEC; scorers by their frame too.
    served_scorers: HashMap<(String, Framing), Framed>,
    served_generators: HashMap<String, Arc<dyn Generator>>,
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
        BackEnds {
            defaults,
            prompts,
            keys: Keys::default(),
            patience: Patience::default(),
            trust: Trust::Proven,
            known: KnownServers::default(),
            alarm: Alarm::default(),
            budget: Rules::generating().budget,
            told: Box::new(|_| {}),
            opened: Mutex::default(),
            dispatches: Mutex::default(),
        }
    }

    /// As the settings say, with what is known of servers from earlier runs.
    ///
    /// # Errors
    /// A prompt of the user's that cannot be used.
    pub fn of(settings: &Settings) -> Result<BackEnds, PromptError> {
        let back_ends = BackEnds::new(Prompts::load(settings.prompts.as_deref())?, Setup::of(settings));
        let keys = Keys::new(|name| std::env::var(name).ok(), settings.keys.clone().reveal());
        let known = settings::state_folder().map_or_else(KnownServers::default, |at| KnownServers::kept_in(&at));
        Ok(BackEnds { keys, known, ..back_ends })
    }

    /// With another trust in servers that score.
    #[must_use]
    pub fn trusting(self, trust: Trust) -> BackEnds {
        BackEnds { trust, ..self }
    }

    /// With an alarm that servers raise which refuse us or stay away.
    #[must_use]
    pub fn with_alarm(self, alarm: Alarm) -> BackEnds {
        BackEnds { alarm, ..self }
    }

    /// With calls that give up when they have been in trouble for so long.
    #[must_use]
    pub fn within(self, budget: Duration) -> BackEnds {
        BackEnds { budget, ..self }
    }

    /// With another patience with servers.
    #[must_use]
    pub fn patient(self, patience: Patience) -> BackEnds {
        BackEnds { patience, ..self }
    }

    /// With somebody who hears, a sentence each, what takes long.
    #[must_use]
    pub fn telling(self, told: impl Fn(&str) + Send + Sync + 'static) -> BackEnds {
        BackEnds { told: Box::new(told), ..self }
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
    /// The SPEC names none, its file cannot be used, or its servers do not answer or are not fit to score.
    pub fn scorer(&self, spec: &str, preset: Preset) -> Result<Framed, EquipError> {
        let mut opened = self.lock();
        if let Some(scorer) = opened.scorers.get(spec) {
            return Ok((scorer.clone(), "plain"));
        }
        let place = (spec.to_owned(), framing(preset));
        if let Some(served) = opened.served_scorers.get(&place) {
            return Ok(served.clone());
        }
        let parsed: Spec = spec.parse()?;
        let opener = self.opener(&mut opened, preset);
        let Spec::Servers(addresses) = &parsed else {
            return Ok((opener.scorer(&parsed)?, opener.frame_name(&parsed)?));
        };
        let served = self.fleet_of_scorers(opener, addresses)?;
        opened.served_scorers.insert(place, served.clone());
        Ok(served)
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
    pub fn generator(&self, spec: &str, preset: Preset) -> Result<Arc<dyn Generator>, EquipError> {
        let mut opened = self.lock();
        let known = opened.generators.get(spec).or_else(|| opened.served_generators.get(spec));
        if let Some(generator) = known {
            return Ok(generator.clone());
        }
        let parsed: Spec = spec.parse()?;
        let opener = self.opener(&mut opened, preset);
        let Spec::Servers(addresses) = &parsed else { return Ok(opener.generator(&parsed)?) };
        let generator = self.fleet_of_models(opener, addresses)?;
        opened.served_generators.insert(spec.to_owned(), generator.clone());
        Ok(generator)
    }

    /// Asks the servers that a SPEC names what they are.
    pub fn servers(&self, spec: &Spec) -> Vec<(Address, Result<Server, OpenError>)> {
        let Spec::Servers(addresses) = spec else { return Vec::new() };
        let mut opened = self.lock();
        let opener = self.opener(&mut opened, self.defaults.search.preset);
        addresses.iter().map(|address| (address.clone(), self.meet(opener, address))).collect()
    }

    /// Every server that has been met.
    pub fn known(&self) -> &KnownServers {
        &self.known
    }

    /// With these servers known.
    #[must_use]
    pub fn knowing(self, known: KnownServers) -> BackEnds {
        BackEnds { known, ..self }
    }

    /// Opens what a search runs with.
    ///
    /// # Errors
    /// As [`BackEnds::scorer`].
    pub fn open(&self, setup: &Setup) -> Result<Equipment, EquipError> {
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

    pub(super) fn opener<'a>(&self, opened: &'a mut Opened, preset: Preset) -> &'a mut Opener {
        let framing = framing(preset);
        let place = match framing {
            Framing::Plain => &mut opened.plain,
            Framing::Guide => &mut opened.guide,
        };
        place.get_or_insert_with(|| {
            Opener::new(self.prompts.clone(), framing).with_servers(self.keys.clone(), self.patience)
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Opened> {
        // What is opened stays usable when another thread died while opening something else.
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
