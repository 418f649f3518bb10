//! The layers laid over each other: the settings a command works with, and where each comes from.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error;
use toml_edit::Value;

use super::key::{as_number, as_whole};
use super::layer::{self, Layer};
use super::{DEFAULT_FILE, Flags, HostKeys, Key, Origin, SettingsError, SettingsFile, file, key};
use crate::reer::search::{Config, GuardLimits, Preset, Sampling};

/// The settings a command works with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Spec of the generator, as written.
    pub generator: String,
    /// Spec of the scorer, as written.
    pub scorer: String,
    /// Every knob of the search, in range.
    pub search: Config,
    /// Examples searched at the same time, where somebody says how many.
    pub concurrency: Option<usize>,
    /// Folder of the user's own prompts.
    pub prompts: Option<PathBuf>,
    /// Folder of sessions; none for a user without a home folder.
    pub library: Option<PathBuf>,
    /// Keys of servers, from the file alone.
    pub keys: HostKeys,
    merged: Layer,
}

/// One setting as `retrace config show` tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub key: &'static str,
    /// As it would stand in the file.
    pub value: String,
    pub origin: Origin,
}

impl Settings {
    /// The settings of this user under `flags`.
    ///
    /// # Errors
    /// A file that cannot be read or a value that is wrong, with its place.
    pub fn load(flags: &Flags) -> Result<Settings, SettingsError> {
        let variable = |name: &str| std::env::var(name).ok();
        for (place, _) in std::env::vars_os() {
            let place = place.to_string_lossy().into_owned();
            if let Some(key) = Key::misspelt(&place) {
                return Err(SettingsError::Value {
                    place,
                    what: format!("there is no such setting; did you mean {}?", key.variable()),
                });
            }
        }
        let file = SettingsFile::of_user(variable)?;
        Settings::resolve(file.as_ref(), variable, flags)
    }

    /// Lays `flags` over the environment over `file` over the preset and the defaults.
    ///
    /// # Errors
    /// As [`Settings::load`].
    pub fn resolve(
        file: Option<&SettingsFile>,
        variable: impl Fn(&str) -> Option<String>,
        flags: &Flags,
    ) -> Result<Settings, SettingsError> {
        let mut given = file.map_or(Ok(Layer::new()), SettingsFile::layer)?;
        given.extend(layer::variables(variable)?);
        given.extend(flags.layer()?);
        let mut merged = defaults()?;
        let preset: Preset = word(given.get(key::PRESET.name).or(merged.get(key::PRESET.name)));
        merged.extend(preset_layer(preset));
        merged.extend(given);
        let folder = |key: Key| {
            let (value, origin) = merged.get(key.name)?;
            Some(from_its_file(Path::new(value.as_str()?), origin, file))
        };
        Ok(Settings {
            generator: text(&merged, key::GENERATOR),
            scorer: text(&merged, key::SCORER),
            search: config(preset, &merged),
            concurrency: whole(&merged, key::CONCURRENCY).map(|examples| examples as usize),
            prompts: folder(key::PROMPTS),
            library: folder(key::LIBRARY),
            keys: file.map_or(Ok(HostKeys::default()), SettingsFile::keys)?,
            merged,
        })
    }

    /// Where the value of `key` comes from; [`Origin::Default`] for one that is not set.
    pub fn origin(&self, key: Key) -> Origin {
        self.merged.get(key.name).map_or(Origin::Default, |(_, origin)| origin.clone())
    }

    /// Every setting that has a value, in the order of the file.
    pub fn told(&self) -> Vec<Told> {
        let tell = |key: &Key| {
            let (value, origin) = self.merged.get(key.name)?;
            Some(Told { key: key.name, value: value.to_string().trim().to_owned(), origin: origin.clone() })
        };
        key::ALL.iter().filter_map(tell).collect()
    }
}

/// A path in the file is relative to the file; one in a flag or variable, to the working folder.
fn from_its_file(path: &Path, origin: &Origin, file: Option<&SettingsFile>) -> PathBuf {
    match (origin, file.and_then(|f| f.location().parent())) {
        (Origin::File { .. }, Some(folder)) => folder.join(path),
        _ => path.to_owned(),
    }
}

/// The default file's values, and those that depend on the machine.
fn defaults() -> Result<Layer, SettingsError> {
    let mut layer = layer::file(Path::new("default settings"), DEFAULT_FILE)?;
    if let Some(folders) = file::folders() {
        let library = folders.data_dir().join("library").display().to_string();
        layer.insert(key::LIBRARY.name, (library.into(), Origin::Default));
    }
    for (_, origin) in layer.values_mut() {
        *origin = Origin::Default;
    }
    Ok(layer)
}

/// A preset's knobs as values.
fn preset_layer(preset: Preset) -> Layer {
    let config = Config::preset(preset);
    let off = || Value::from(key::OFF);
    let limit = |limit: Option<i64>| limit.map_or_else(off, Value::from);
    let level = |level: Option<f64>| level.map_or_else(off, Value::from);
    let name = spelled(&config.preset);
    let values = [
        (key::OBJECTIVE, spelled(&config.objective).into()),
        (key::CANDIDATES, i64::from(config.candidates).into()),
        (key::STEPS, i64::from(config.steps).into()),
        (key::THRESHOLD, level(config.threshold)),
        (key::MIN_DELTA, config.min_delta.into()),
        (key::ORDER, spelled(&config.order).into()),
        (key::PASSES, limit(config.passes.map(i64::from))),
        (key::PATIENCE, limit(config.patience.map(i64::from))),
        (key::BEAM, i64::from(config.beam).into()),
        (key::RESTARTS, i64::from(config.restarts).into()),
        (key::ANNEAL, level(config.anneal)),
        (key::SEED, (config.seed as i64).into()),
        (key::RACE, config.race.map_or_else(off, |rule| spelled(&rule).into())),
        (key::LEAK_GUARD, if config.guards.is_some() { "on" } else { key::OFF }.into()),
        (key::MAX_SECONDS, limit(config.max_seconds.map(|n| n as i64))),
        (key::MAX_TOKENS, limit(config.max_tokens.map(|n| n as i64))),
        (key::TEMPERATURE, config.sampling.temperature.into()),
        (key::TOP_P, config.sampling.top_p.into()),
        (key::TOP_K, limit(config.sampling.top_k.map(i64::from))),
        (key::MIN_P, level(config.sampling.min_p)),
        (key::ANSWER_TOKENS, i64::from(config.sampling.max_tokens).into()),
    ];
    values.into_iter().map(|(key, value)| (key.name, (value, Origin::Preset(name.clone())))).collect()
}

/// The search's configuration; every key it reads has a value, from the preset if from nowhere else.
fn config(preset: Preset, merged: &Layer) -> Config {
    let base = Config::preset(preset);
    Config {
        objective: word(merged.get(key::OBJECTIVE.name)),
        candidates: whole(merged, key::CANDIDATES).unwrap_or(base.candidates),
        steps: whole(merged, key::STEPS).unwrap_or(base.steps),
        threshold: number(merged, key::THRESHOLD),
        min_delta: number(merged, key::MIN_DELTA).unwrap_or(base.min_delta),
        order: word(merged.get(key::ORDER.name)),
        passes: whole(merged, key::PASSES),
        patience: whole(merged, key::PATIENCE),
        beam: whole(merged, key::BEAM).unwrap_or(base.beam),
        restarts: whole(merged, key::RESTARTS).unwrap_or(base.restarts),
        anneal: number(merged, key::ANNEAL),
        seed: whole(merged, key::SEED).map_or(base.seed, u64::from),
        race: (text(merged, key::RACE) != key::OFF).then(|| word(merged.get(key::RACE.name))),
        guards: guards(base.guards, merged),
        max_seconds: whole(merged, key::MAX_SECONDS).map(u64::from),
        max_tokens: whole(merged, key::MAX_TOKENS).map(u64::from),
        sampling: Sampling {
            temperature: number(merged, key::TEMPERATURE).unwrap_or(base.sampling.temperature),
            top_p: number(merged, key::TOP_P).unwrap_or(base.sampling.top_p),
            top_k: whole(merged, key::TOP_K),
            min_p: number(merged, key::MIN_P),
            max_tokens: whole(merged, key::ANSWER_TOKENS).unwrap_or(base.sampling.max_tokens),
        },
        preset,
    }
}

/// Off lifts the leak limits alone; length and repetition are guarded as the preset does.
fn guards(preset: Option<GuardLimits>, merged: &Layer) -> Option<GuardLimits> {
    let usual = GuardLimits::default();
    let limits = GuardLimits {
        span_words: whole(merged, key::SPAN_WORDS).unwrap_or(usual.span_words),
        short_span_words: whole(merged, key::SHORT_SPAN_WORDS).unwrap_or(usual.short_span_words),
        short_span_share: number(merged, key::SHORT_SPAN_SHARE).unwrap_or(usual.short_span_share),
        ngram: number(merged, key::NGRAM).unwrap_or(usual.ngram),
        length_factor: number(merged, key::LENGTH_FACTOR).unwrap_or(usual.length_factor),
        length_floor: whole(merged, key::LENGTH_FLOOR).map_or(usual.length_floor, |n| n as usize),
        repetition: number(merged, key::REPETITION).unwrap_or(usual.repetition),
    };
    if text(merged, key::LEAK_GUARD) != key::OFF {
        return Some(limits);
    }
    let no_limit = GuardLimits { span_words: u32::MAX, short_span_words: u32::MAX, ngram: 1.0, ..limits };
    preset.map(|_| no_limit)
}

/// A choice as the file spells it.
fn spelled(choice: &impl serde::Serialize) -> String {
    serde_json::to_value(choice).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A choice that the layer checked. Every word of a [`key::Kind::Choice`] is one of the type's, which a test holds.
fn word<T: for<'a> Deserialize<'a>>(entry: Option<&(Value, Origin)>) -> T {
    let word = entry.and_then(|(value, _)| value.as_str()).unwrap_or_default();
    let choice: Result<T, Error> = T::deserialize(word.into_deserializer());
    choice.expect("a checked word of a choice")
}

fn text(merged: &Layer, key: Key) -> String {
    merged.get(key.name).and_then(|(value, _)| value.as_str()).unwrap_or_default().to_owned()
}

/// None for `off`.
fn whole(merged: &Layer, key: Key) -> Option<u32> {
    as_whole(&merged.get(key.name)?.0)
}

/// None for `off`.
fn number(merged: &Layer, key: Key) -> Option<f64> {
    as_number(&merged.get(key.name)?.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reer::Objective;
    use crate::reer::search::Order;

    fn nothing(_: &str) -> Option<String> {
        None
    }

    fn written(text: &str) -> (tempfile::TempDir, SettingsFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.toml");
        std::fs::write(&path, text).unwrap();
        let file = SettingsFile::read(&path).unwrap();
        (folder, file)
    }

    #[test]
    fn without_anything_the_presets_are_exactly_themselves() {
        for preset in [Preset::Retrace, Preset::Paper] {
            let flags = Flags::default().with(key::PRESET, "--preset", Some(spelled(&preset)));
            let settings = Settings::resolve(None, nothing, &flags).unwrap();
            assert_eq!(settings.search, Config::preset(preset));
            settings.search.validate().unwrap();
        }
    }

    #[test]
    fn the_default_file_holds_the_defaults() {
        let settings = Settings::resolve(None, nothing, &Flags::default()).unwrap();
        assert_eq!((settings.generator.as_str(), settings.scorer.as_str()), ("cues", "bundled"));
        assert_eq!(settings.search.guards, Some(GuardLimits::default()));
    }

    #[test]
    fn every_default_shown_in_a_comment_of_the_file_is_the_default() {
        let commented = |line: &str| line.strip_prefix("# ").filter(|l| l.contains(" = ")).map(str::to_owned);
        let uncommented: Vec<String> =
            DEFAULT_FILE.lines().map(|line| commented(line).unwrap_or_else(|| line.to_owned())).collect();
        let (_folder, file) = written(&uncommented.join("\n"));
        let set = Settings::resolve(Some(&file), nothing, &Flags::default()).unwrap();
        assert_eq!(set.search, Config::preset(Preset::Retrace));
        assert_eq!(set.told().len(), key::ALL.len(), "the file shows every setting");
        assert!(set.told().iter().all(|told| matches!(told.origin, Origin::File { .. })));
    }

    #[test]
    fn flags_beat_the_environment_which_beats_the_file_which_beats_the_preset() {
        let (_folder, file) = written("[search]\npreset = \"paper\"\nsteps = 5\nbeam = 2\ncandidates = 6");
        let variable = |name: &str| match name {
            "RETRACE_SEARCH_BEAM" => Some("3".to_owned()),
            "RETRACE_SEARCH_STEPS" => Some("7".to_owned()),
            _ => None,
        };
        let flags = Flags::default().with(key::STEPS, "--steps", Some(9)).with(key::SEED, "--seed", None::<u32>);
        let settings = Settings::resolve(Some(&file), variable, &flags).unwrap();
        let search = &settings.search;
        assert_eq!((search.steps, search.beam, search.candidates, search.passes), (9, 3, 6, Some(1)));
        assert_eq!((search.objective, search.order), (Objective::ReerClipped, Order::LeftToRight));
        let origin = |key| settings.origin(key).to_string();
        assert_eq!(origin(key::STEPS), "--steps");
        assert_eq!(origin(key::BEAM), "RETRACE_SEARCH_BEAM");
        assert!(origin(key::CANDIDATES).ends_with("settings.toml:5"));
        assert_eq!(origin(key::PASSES), "preset paper");
        assert_eq!(origin(key::SCORER), "default");
    }

    #[test]
    fn off_lifts_a_limit_of_the_preset() {
        let flags = Flags::default()
            .with(key::PRESET, "--preset", Some("paper"))
            .with(key::THRESHOLD, "--threshold", Some("off"))
            .with(key::PASSES, "--passes", Some("off"));
        let search = Settings::resolve(None, nothing, &flags).unwrap().search;
        assert_eq!((search.threshold, search.passes), (None, None));
    }

    #[test]
    fn the_leak_guard_switches_leak_limits_and_nothing_else() {
        let with = |preset: &str, guard: &str| {
            let flags = Flags::default().with(key::PRESET, "--preset", Some(preset)).with(
                key::LEAK_GUARD,
                "--leak-guard",
                Some(guard),
            );
            Settings::resolve(None, nothing, &flags).unwrap().search.guards
        };
        assert_eq!(with("paper", "on"), Some(GuardLimits::default()));
        assert_eq!(with("paper", "off"), None);
        let off = with("retrace", "off").unwrap();
        assert_eq!((off.ngram, off.length_factor), (1.0, GuardLimits::default().length_factor));
    }

    #[test]
    fn every_word_of_a_choice_is_one_of_its_type() {
        for (key, flag) in [(key::PRESET, "--preset"), (key::OBJECTIVE, "--objective"), (key::ORDER, "--order")] {
            let key::Kind::Choice(words) = key.kind else { panic!("{} is a choice", key.name) };
            for word in words {
                let flags = Flags::default().with(key, flag, Some(word));
                let settings = Settings::resolve(None, nothing, &flags).unwrap();
                assert_eq!(settings.told().iter().find(|t| t.key == key.name).unwrap().value, format!("\"{word}\""));
            }
        }
    }

    #[test]
    fn paths_in_the_file_are_relative_to_it() {
        let (folder, file) = written("library = \"mine\"\nprompts = \"/abs\"");
        let settings = Settings::resolve(Some(&file), nothing, &Flags::default()).unwrap();
        assert_eq!(settings.library, Some(folder.path().join("mine")));
        assert_eq!(settings.prompts, Some(PathBuf::from("/abs")));
        let flags = Flags::default().with(key::LIBRARY, "--into", Some("here"));
        let settings = Settings::resolve(Some(&file), nothing, &flags).unwrap();
        assert_eq!(settings.library, Some(PathBuf::from("here")));
    }
}
