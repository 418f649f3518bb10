//! With what a search is to run, as a person names it.

use std::path::Path;

use crate::lm::spec::Spec;
use crate::reer::search::{Config, Preset};
use crate::session::{ConfigRecord, State};
use crate::settings::Settings;

/// Texts that a server writes at a time before more of them only wait: what serving engines batch by default. Fewer leave
/// it idle whenever examples wait for scores.
const TEXTS: usize = 256;

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

    /// With the scorer's noise, in nats per token, as the least gain that counts, where no other is asked for. The
    /// official code takes any improvement, and so does its preset.
    #[must_use]
    pub fn above_noise(mut self, floor: f64) -> Setup {
        if self.search.preset == Preset::Retrace && self.search.min_delta == 0.0 {
            self.search.min_delta = coarse(floor);
        }
        self
    }

    /// Examples to search at the same time: where models run here one a core, where a server scores as many as keep
    /// `TEXTS` texts in work.
    pub fn at_once(&self) -> usize {
        match self.scorer.parse() {
            Ok(Spec::Servers(_)) => (TEXTS / (self.search.candidates.max(1) as usize)).max(1),
            _ => std::thread::available_parallelism().map_or(1, usize::from),
        }
    }

    /// As a session's record of settings.
    pub fn record(&self) -> ConfigRecord {
        ConfigRecord { search: self.search.clone(), generator: self.generator.clone(), scorer: self.scorer.clone() }
    }
}

/// The next of 1, 2 and 5 times a power of ten: measured again, a noise floor is a little another number, and a search
/// that goes on must have the same.
fn coarse(floor: f64) -> f64 {
    if floor <= 0.0 {
        return 0.0;
    }
    let power = 10f64.powf(floor.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().find(|step| step * power >= floor).unwrap_or(10.0);
    // Through text, so that 0.0002 is 0.0002.
    format!("{:e}", step * power).parse().unwrap_or(step * power)
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

    #[test]
    fn a_server_is_given_enough_to_fill_its_batch() {
        let mut setup = Setup { scorer: "http://localhost:8000?kind=vllm".to_owned(), ..setup("cues") };
        let at_once = [1, 2, 4, 1000].map(|candidates| {
            setup.search.candidates = candidates;
            setup.at_once()
        });
        assert_eq!(at_once, [256, 128, 64, 1]);
        assert!(Setup { scorer: "bundled".to_owned(), ..setup }.at_once() >= 1);
    }

    #[test]
    fn a_noise_floor_is_rounded_up_to_one_of_a_few_numbers() {
        for (floor, coarse_floor) in [(0.0, 0.0), (1.2e-4, 2e-4), (2e-4, 2e-4), (3.3e-3, 5e-3), (0.07, 0.1)] {
            assert_eq!(coarse(floor), coarse_floor, "{floor}");
        }
    }

    #[test]
    fn the_least_gain_is_the_noise_where_nothing_else_is_said() {
        assert_eq!(setup("cues").above_noise(1.2e-4).search.min_delta, 2e-4);
        let mut set = setup("cues");
        set.search.min_delta = 0.05;
        assert_eq!(set.above_noise(1.2e-4).search.min_delta, 0.05);
        let paper = Setup { search: Config::preset(Preset::Paper), ..setup("cues") };
        assert_eq!(paper.above_noise(1.2e-4).search.min_delta, 0.0);
    }
}
