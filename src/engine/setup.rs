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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reer::search::Preset;
    use crate::session::{Author, Event, Payload};

    fn setup(generator: &str) -> Setup {
        let search = Config::preset(Preset::Retrace);
        Setup { generator: generator.to_owned(), scorer: "bundled".to_owned(), search }
    }

    fn state_of(setup: &Setup) -> State {
        let mut state = State::default();
        let payload = Payload::Config(setup.record());
        state.apply(&Event { seq: 1, t: String::new(), dt: 0, by: Author::Search, grp: None, payload });
        state
    }

    #[test]
    fn a_session_goes_on_as_it_was_begun_where_its_generator_is_here() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let here = format!("recorded:{}", file.path().display());
        let table = [
            (setup("cues"), "cues"),
            (setup(&here), here.as_str()),
            (setup("recorded:nowhere/at-all.jsonl"), "gguf:mine"),
        ];
        for (mut begun, generator) in table {
            begun.search.candidates = 7;
            let going_on = Setup::going_on(&state_of(&begun), &setup("gguf:mine"));
            assert_eq!((going_on.generator.as_str(), going_on.search.candidates), (generator, 7));
        }
        assert_eq!(Setup::going_on(&State::default(), &setup("cues")), setup("cues"));
    }
}
