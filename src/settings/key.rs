//! Every setting: its name, and what its value may be.

use toml_edit::Value;

use crate::reer::search::Config;

/// One setting, named as in the file: `generator`, `search.max-seconds`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Key {
    pub name: &'static str,
    pub kind: Kind,
}

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Any text that is not blank.
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A whole number from `min` to `max`; with `off`, also the word `off`.
    Whole { min: u32, max: u32, off: bool },
    /// A number; with `off`, also the word `off`.
    Number { min: f64, max: f64, off: bool },
}

use Kind::{Choice, Number, Text, Whole};

const fn whole(min: u32) -> Kind {
    between(min, u32::MAX)
}

const fn between(min: u32, max: u32) -> Kind {
    Whole { min, max, off: false }
}

const fn whole_or_off(min: u32) -> Kind {
    Whole { min, max: u32::MAX, off: true }
}

const fn number(min: f64, max: f64) -> Kind {
    Number { min, max, off: false }
}

const fn number_or_off(min: f64, max: f64) -> Kind {
    Number { min, max, off: true }
}

/// The word that switches a limit off.
pub const OFF: &str = "off";

/// Defines the keys and the list of all.
macro_rules! keys {
    ($($id:ident = $name:literal: $kind:expr;)*) => {
        $(pub const $id: Key = Key { name: $name, kind: $kind };)*
        /// Every key, in the order of the file.
        pub const ALL: &[Key] = &[$($id),*];
    };
}

keys! {
    GENERATOR = "generator": Text;
    SCORER = "scorer": Text;
    CONCURRENCY = "concurrency": between(1, 4096);
    LIBRARY = "library": Text;
    PROMPTS = "prompts": Text;
    PRESET = "search.preset": Choice(&["retrace", "paper"]);
    OBJECTIVE = "search.objective": Choice(&["nll", "reer-clipped"]);
    CANDIDATES = "search.candidates": between(*Config::AT_ONCE.start(), *Config::AT_ONCE.end());
    STEPS = "search.steps": whole(0);
    THRESHOLD = "search.threshold": number_or_off(0.0, f64::MAX);
    MIN_DELTA = "search.min-delta": number(0.0, f64::MAX);
    ORDER = "search.order": Choice(&["weakest-first", "left-to-right", "random"]);
    PASSES = "search.passes": whole_or_off(1);
    PATIENCE = "search.patience": whole_or_off(1);
    BEAM = "search.beam": between(*Config::AT_ONCE.start(), *Config::AT_ONCE.end());
    RESTARTS = "search.restarts": whole(0);
    ANNEAL = "search.anneal": number_or_off(f64::MIN_POSITIVE, f64::MAX);
    SEED = "search.seed": whole(0);
    RACE = "search.race": Choice(&[OFF, "exact", "paired"]);
    LEAK_GUARD = "search.leak-guard": Choice(&["on", OFF]);
    MAX_SECONDS = "search.max-seconds": whole_or_off(1);
    MAX_TOKENS = "search.max-tokens": whole_or_off(1);
    TEMPERATURE = "sampling.temperature": number(0.0, f64::MAX);
    TOP_P = "sampling.top-p": number(f64::MIN_POSITIVE, 1.0);
    TOP_K = "sampling.top-k": whole_or_off(1);
    MIN_P = "sampling.min-p": number_or_off(0.0, 1.0);
    ANSWER_TOKENS = "sampling.max-tokens": whole(1);
    SPAN_WORDS = "guards.span-words": whole(0);
    SHORT_SPAN_WORDS = "guards.short-span-words": whole(0);
    SHORT_SPAN_SHARE = "guards.short-span-share": number(0.0, 1.0);
    NGRAM = "guards.ngram": number(0.0, 1.0);
    LENGTH_FACTOR = "guards.length-factor": number(1.0, f64::MAX);
    LENGTH_FLOOR = "guards.length-floor": whole(0);
    REPETITION = "guards.repetition": number(0.0, 1.0);
}

impl Key {
    /// The environment variable that sets it: `RETRACE_SEARCH_MAX_SECONDS`.
    pub fn variable(&self) -> String {
        format!("RETRACE_{}", self.name.replace(['.', '-'], "_").to_uppercase())
    }

    /// The key that a variable's name was meant for, when it is no key's but nearly so.
    pub fn misspelt(variable: &str) -> Option<Key> {
        let distance = |key: &Key| strsim::damerau_levenshtein(&key.variable(), variable);
        let nearest = ALL.iter().copied().min_by_key(distance)?;
        (1..=2).contains(&distance(&nearest)).then_some(nearest)
    }

    /// The key of this name.
    pub fn named(name: &str) -> Option<Key> {
        ALL.iter().copied().find(|key| key.name == name)
    }

    /// The key whose name looks most like `name`, when one does: before all others one that stands in another table.
    pub fn nearest(name: &str) -> Option<Key> {
        let likeness = |key: &Key| {
            let alike = strsim::jaro_winkler(key.name, name).max(strsim::jaro_winkler(last(key.name), name));
            if last(key.name) == last(name) { 1.0 + alike } else { alike }
        };
        let nearest = ALL.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
        (likeness(&nearest) > 0.7).then_some(nearest)
    }

    /// Checks a value against the kind.
    ///
    /// # Errors
    /// One sentence that says what the value must be.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        if self.kind.admits(value) {
            return Ok(());
        }
        let given = value.clone().decorated("", "");
        Err(format!("{} must be {}, not {given}", self.name, self.kind.describe()))
    }

    /// Reads a value written as plain text, as in an environment variable or a flag.
    ///
    /// # Errors
    /// As [`Key::check`].
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        let text = text.trim();
        let value = match self.kind {
            Text | Choice(_) => None,
            Whole { .. } => text.parse::<i64>().ok().map(Value::from),
            Number { .. } => text.parse::<f64>().ok().map(Value::from),
        };
        let value = value.unwrap_or_else(|| Value::from(text));
        self.check(&value).map(|()| value)
    }
}

impl Kind {
    fn admits(self, value: &Value) -> bool {
        match self {
            Text => value.as_str().is_some_and(|text| !text.trim().is_empty()),
            Choice(words) => value.as_str().is_some_and(|word| words.contains(&word)),
            Whole { min, max, off } => {
                as_whole(value).is_some_and(|n| n >= min && n <= max) || (off && value.as_str() == Some(OFF))
            }
            Number { min, max, off } => {
                as_number(value).is_some_and(|n| n >= min && n <= max) || (off && value.as_str() == Some(OFF))
            }
        }
    }

    /// What a value must be, in words.
    pub fn describe(self) -> String {
        let off = |off| if off { ", or \"off\"" } else { "" };
        match self {
            Text => "text in quotes that is not blank".to_owned(),
            Choice(words) => format!("one of {}", words.join(", ")),
            Whole { min, max: u32::MAX, off: or } => {
                format!("a whole number of at least {min} and under 2^32{}", off(or))
            }
            Whole { min, max, off: or } => format!("a whole number from {min} to {max}{}", off(or)),
            Number { min, max, off: or } => {
                let least = if min == f64::MIN_POSITIVE { "above 0".to_owned() } else { format!("of at least {min}") };
                let most = if max == f64::MAX { String::new() } else { format!(" and at most {max}") };
                format!("a number {least}{most}{}", off(or))
            }
        }
    }
}

/// A name without its table.
fn last(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// The table whose name looks most like `name`, when one does.
pub(super) fn nearest_section(name: &str) -> Option<&'static str> {
    let likeness = |section: &&str| strsim::jaro_winkler(section, name);
    let sections = ALL.iter().filter_map(|key| Some(key.name.split_once('.')?.0));
    sections.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).filter(|section| likeness(section) > 0.7)
}

/// A whole number of the size that settings have.
pub(super) fn as_whole(value: &Value) -> Option<u32> {
    u32::try_from(value.as_integer()?).ok()
}

/// A number, whether written with a decimal point or without.
pub(super) fn as_number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|n| n as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_variables_are_distinct() {
        let mut variables: Vec<String> = ALL.iter().map(Key::variable).collect();
        variables.sort();
        variables.dedup();
        assert_eq!(variables.len(), ALL.len());
        assert_eq!(MAX_SECONDS.variable(), "RETRACE_SEARCH_MAX_SECONDS");
    }

    #[test]
    fn nearest_finds_what_was_meant_and_nothing_for_noise() {
        assert_eq!(Key::nearest("search.candidate"), Some(CANDIDATES));
        assert_eq!(Key::nearest("scorrer"), Some(SCORER));
        assert_eq!(Key::nearest("span_words").map(|k| k.name), Some("guards.span-words"));
        assert_eq!(Key::nearest("guards.steps"), Some(STEPS), "under the wrong table");
        assert_eq!(Key::nearest("search.max-tokenss"), Some(MAX_TOKENS));
        assert_eq!(Key::nearest("zzz"), None);
    }

    #[test]
    fn values_out_of_range_say_what_they_must_be() {
        let cases = [
            (STEPS, "-1", "search.steps must be a whole number of at least 0 and under 2^32, not -1"),
            (CANDIDATES, "3000000000", "search.candidates must be a whole number from 1 to 1024, not 3000000000"),
            (CANDIDATES, "0", "search.candidates must be a whole number from 1 to 1024, not 0"),
            (CANDIDATES, "many", "search.candidates must be a whole number from 1 to 1024, not \"many\""),
            (TOP_P, "0", "sampling.top-p must be a number above 0 and at most 1, not 0.0"),
            (THRESHOLD, "NaN", "search.threshold must be a number of at least 0, or \"off\", not nan"),
            (PRESET, "ours", "search.preset must be one of retrace, paper, not \"ours\""),
            (GENERATOR, " ", "generator must be text in quotes that is not blank, not \"\""),
        ];
        for (key, text, message) in cases {
            assert_eq!(key.parse(text).unwrap_err(), message);
        }
    }

    #[test]
    fn off_is_a_value_only_where_there_is_a_limit_to_switch_off() {
        assert!(PATIENCE.parse("off").is_ok());
        assert!(STEPS.parse("off").is_err());
        assert!(THRESHOLD.check(&Value::from(1)).is_ok(), "a whole number is a number");
    }
}
