//! Back ends by their SPEC, opened once and shared: what the command line and the desk ask with. Servers become fleets,
//! and score only when the doctor has found them sound.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::runtime::Handle;

use super::fleet::{self, Alarm, Dispatch, Fleet, FleetError, Probe, Rules, Standing};
use super::proof::{Proof, Proofs, Subject};
use super::{Models, Servers, Setup};
use crate::lm::doctor;
use crate::lm::frame::Framing;
use crate::lm::http::client::Patience;
use crate::lm::http::{Address, Keys, Server};
use crate::lm::open::{OpenError, Opener};
use crate::lm::prompts::{PromptError, Prompts};
use crate::lm::spec::Spec;
use crate::lm::{Complete, Generator, LmError, Scorer};
use crate::reer::search::Preset;
use crate::session;
use crate::session::runs;
use crate::settings::{self, Settings};

/// Opens back ends and keeps them. Opening reads model files and asks servers: call it where a thread may block, within a
/// tokio runtime where servers may be named.
pub struct BackEnds {
    defaults: Setup,
    prompts: Prompts,
    keys: Keys,
    patience: Patience,
    trust: Trust,
    proofs: Proofs,
    alarm: Alarm,
    /// Hears of what takes long.
    told: Box<dyn Fn(&str) + Send + Sync>,
    opened: Mutex<Opened>,
    /// Of the fleets that have been opened.
    dispatches: Mutex<Vec<Arc<Dispatch>>>,
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
        "{address}: the doctor finds this scorer unfit: {why}; `retrace doctor --scorer {address}` says more, \
         --allow-unproven-scorer uses it all the same"
    )]
    Unfit { address: String, why: String },
}

impl From<crate::lm::spec::SpecError> for EquipError {
    fn from(error: crate::lm::spec::SpecError) -> EquipError {
        EquipError::Open(error.into())
    }
}

/// A scorer and its frame's name in records.
type Framed = (Arc<dyn Scorer>, &'static str);

#[derive(Default)]
struct Opened {
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
            proofs: Proofs::default(),
            alarm: Alarm::default(),
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
        let proofs = settings::state_folder().map_or_else(Proofs::default, |folder| Proofs::kept_in(&folder));
        Ok(BackEnds { keys, proofs, ..back_ends })
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
        addresses.iter().map(|address| (address.clone(), opener.server(address))).collect()
    }

    /// Every server that has been examined.
    pub fn proofs(&self) -> &Proofs {
        &self.proofs
    }

    fn fleet_of_scorers(&self, opener: &mut Opener, addresses: &[Address]) -> Result<Framed, EquipError> {
        let mut frame = "plain";
        let endpoints = self.those_that_answer(opener, addresses, |opener, address| {
            let noise_floor = self.noise_floor(opener, address)?;
            let (scorer, its) = opener.scorer_at(address, noise_floor)?;
            frame = its;
            Ok(scorer)
        })?;
        let fleet = Fleet::of_scorers(endpoints, &Rules { alarm: self.alarm.clone(), ..Rules::scoring() })?;
        self.enlist(fleet.dispatch());
        Ok((Arc::new(fleet), frame))
    }

    fn fleet_of_models(&self, opener: &mut Opener, addresses: &[Address]) -> Result<Arc<dyn Generator>, EquipError> {
        let endpoints =
            self.those_that_answer(opener, addresses, |opener, address| Ok(opener.completer_at(address)?))?;
        let fleet = Fleet::of_models(endpoints, &Rules { alarm: self.alarm.clone(), ..Rules::generating() })?;
        self.enlist(fleet.dispatch());
        let fleet: Arc<dyn Complete> = Arc::new(fleet);
        Ok(opener.prompted(fleet))
    }

    /// Opens each server; one of several that does not answer is left out, and told.
    fn those_that_answer<B: ?Sized>(
        &self,
        opener: &mut Opener,
        addresses: &[Address],
        mut open: impl FnMut(&mut Opener, &Address) -> Result<Arc<B>, EquipError>,
    ) -> Result<Vec<fleet::Endpoint<B>>, EquipError> {
        let (mut endpoints, mut away) = (Vec::new(), None);
        for address in addresses {
            match open(opener, address) {
                Ok(back_end) => {
                    let health = Arc::new(Health(opener.server(address)?));
                    endpoints.push(fleet::Endpoint::new(address.base(), back_end).with_probe(health));
                }
                Err(error) if is_away(&error) && addresses.len() > 1 => {
                    (self.told)(&format!("{error}; this run goes without it"));
                    away = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        match away {
            Some(error) if endpoints.is_empty() => Err(error),
            _ => Ok(endpoints),
        }
    }

    /// The noise floor of a server that scores, in nats per token; it is examined when that is not known.
    fn noise_floor(&self, opener: &mut Opener, address: &Address) -> Result<f64, EquipError> {
        let subject = Subject::of(&opener.server(address)?);
        let proof = match (self.proofs.of(&subject), self.trust) {
            (Some(proof), _) => proof,
            (None, Trust::Any) => return Ok(0.0),
            (None, Trust::Proven) => self.examine(opener, address, subject)?,
        };
        if proof.sound || self.trust == Trust::Any {
            return Ok(proof.noise_floor);
        }
        Err(EquipError::Unfit { address: address.base().to_owned(), why: proof.why_not })
    }

    fn examine(&self, opener: &mut Opener, address: &Address, subject: Subject) -> Result<Proof, EquipError> {
        let scorer = opener.verbatim_at(address)?;
        (self.told)(&format!("{}: examining this scorer, once", address.base()));
        let runtime = Handle::try_current().map_err(|_| OpenError::NoRuntime)?;
        let findings = runtime
            .block_on(doctor::examine(scorer.as_ref(), &|_| {}))
            .map_err(|source| EquipError::Examination { address: address.base().to_owned(), source })?;
        let proof = Proof::new(subject, &findings);
        if let Err(error) = self.proofs.keep(proof.clone()) {
            (self.told)(&format!("what was found cannot be kept for the next run: {error}"));
        }
        Ok(proof)
    }

    fn enlist(&self, dispatch: &Arc<Dispatch>) {
        self.dispatches.lock().unwrap_or_else(PoisonError::into_inner).push(dispatch.clone());
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

    fn opener<'a>(&self, opened: &'a mut Opened, preset: Preset) -> &'a mut Opener {
        let framing = framing(preset);
        let place = match framing {
            Framing::Plain => &mut opened.plain,
            Framing::Guide => &mut opened.guide,
        };
        place.get_or_insert_with(|| {
            Opener::new(self.prompts.clone(), framing).with_servers(self.keys.clone(), self.patience)
        })
    }

    fn lock(&self) -> MutexGuard<'_, Opened> {
        // What is opened stays usable when another thread died while opening something else.
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a server may be back later.
fn is_away(error: &EquipError) -> bool {
    matches!(error, EquipError::Open(OpenError::Server { source: LmError::Passing { .. }, .. }))
}

/// Asks a server for its list of models, as opening it did.
struct Health(Server);

#[async_trait]
impl Probe for Health {
    async fn is_well(&self) -> bool {
        self.0.is_well().await
    }
}

impl Servers for BackEnds {
    fn endpoints(&self) -> Vec<runs::Endpoint> {
        let dispatches = self.dispatches.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let traffic = dispatches.iter().map(|dispatch| dispatch.traffic());
        traffic.flat_map(|traffic| traffic.endpoints.into_iter().map(move |e| endpoint(traffic.role, e))).collect()
    }

    fn fault(&self) -> Option<String> {
        self.alarm.reason().map(str::to_owned)
    }
}

fn endpoint(role: session::Role, traffic: fleet::EndpointTraffic) -> runs::Endpoint {
    let fleet::EndpointTraffic { name, standing, in_flight, limit, waiting, counts, .. } = traffic;
    let (state, reason) = match standing {
        Standing::Up => ("up", None),
        Standing::Paused { reason, .. } => ("paused", Some(reason)),
        Standing::Denied { reason } => ("denied", Some(reason)),
    };
    let role = match role {
        session::Role::Generate => "generate",
        session::Role::Score => "score",
    };
    runs::Endpoint {
        name,
        role: role.to_owned(),
        state: state.to_owned(),
        reason,
        in_flight,
        limit: limit.unwrap_or_default(),
        waiting,
        done: counts.done,
        retried: counts.retried,
        errors: counts.errors.into_iter().map(|(class, count)| (class.into_owned(), count)).collect(),
        tokens_in: counts.tokens.read,
        tokens_out: counts.tokens.written,
        ..runs::Endpoint::default()
    }
}
