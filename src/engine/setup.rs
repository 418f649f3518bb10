//! With what a search is to run, as a person names it.

use std::path::Path;

use crate::lm::spec::Spec;
use crate::reer::search::Config;
use crate::session::{ConfigRecord, State};
use crate::settings::Settings;

/// With what a search is to run.
///
/// A search that has begun keeps its scorer and its knobs: of `search`, only more steps and the two budgets count
/// then, and `generator`, which may change from run to run. [`Setup::going_on`] makes the one to show and send.
#[derive(Debug, Clone, PartialEq)]
pub struct Setup {
    /// Who drafts and rewrites: a SPEC.
    pub generator: String,
    /// Who scores: a SPEC.
    pub scorer: String,
    pub search: Config,
}

impl Setup {
    /// What the settings say.
    pub fn of(settings: &Settings) -> Setup {
        let (generator, scorer) = (settings.generator.clone(), settings.scorer.clone());
        Setup { generator, scorer, search: settings.search.clone() }
    }

    /// What a session's search was last run with.
    pub fn recorded(config: &ConfigRecord) -> Setup {
        Setup { generator: config.generator.clone(), scorer: config.scorer.clone(), search: config.search.clone() }
    }

    /// What to go on with in a session: what is recorded there, with the generator of `otherwise` where the recorded
    /// one is a file that is not here; `otherwise` itself where no search has begun.
    pub fn going_on(state: &State, otherwise: &Setup) -> Setup {
        let Some(config) = &state.config else { return otherwise.clone() };
        let recorded = Setup::recorded(config);
        let generator = if is_here(&recorded.generator) { recorded.generator } else { otherwise.generator.clone() };
        Setup { generator, ..recorded }
    }

    /// As a session's record of settings.
    pub fn record(&self) -> ConfigRecord {
        ConfigRecord { search: self.search.clone(), generator: self.generator.clone(), scorer: self.scorer.clone() }
    }
}

/// Whether the file that a SPEC names is there; a SPEC without a file always is.
fn is_here(spec: &str) -> bool {
    let is_file = |path: &Path| path.is_file();
    match spec.parse() {
        Ok(Spec::Recorded(path) | Spec::Gguf(path)) => is_file(&path),
        _ => true,
    }
}
