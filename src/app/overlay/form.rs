//! The form before a search: its settings, what they mean, what the search will cost.

use crate::engine::Setup;
use crate::lm::spec::{Spec, SpecError};
use crate::reer::Objective;
use crate::reer::search::{Config, NodeId, Order, Preset};

/// One setting of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knob {
    Preset,
    Generator,
    Scorer,
    Objective,
    Candidates,
    Steps,
    Order,
    Passes,
    Patience,
    Guards,
    Threshold,
    Seed,
}

/// The form's fields, filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    pub setup: Setup,
    selected: usize,
    /// The search has begun: what was recorded stays.
    pub begun: bool,
    /// Steps that are made already.
    done: u32,
    /// Generators and scorers to turn through; any other can be typed.
    known: BackEndNames,
    /// The version that the search goes on from once this is accepted, where that is not the current one.
    pub from: Option<NodeId>,
}

/// Back ends by the names that a person gave them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BackEndNames {
    generators: Vec<String>,
    scorers: Vec<String>,
}

impl BackEndNames {
    /// Those of these setups, each once, and the ones that every machine has.
    pub fn of<'a>(setups: impl IntoIterator<Item = &'a Setup>) -> BackEndNames {
        let mut names = BackEndNames { generators: vec!["cues".to_owned()], scorers: vec!["bundled".to_owned()] };
        let add = |names: &mut Vec<String>, name: &String| {
            if !names.contains(name) {
                names.push(name.clone());
            }
        };
        for setup in setups {
            add(&mut names.generators, &setup.generator);
            add(&mut names.scorers, &setup.scorer);
        }
        names
    }
}

impl Knob {
    pub const ALL: [Knob; 12] = [
        Knob::Preset,
        Knob::Generator,
        Knob::Scorer,
        Knob::Objective,
        Knob::Candidates,
        Knob::Steps,
        Knob::Order,
        Knob::Passes,
        Knob::Patience,
        Knob::Guards,
        Knob::Threshold,
        Knob::Seed,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Knob::Preset => "preset",
            Knob::Generator => "generator",
            Knob::Scorer => "scorer",
            Knob::Objective => "objective",
            Knob::Candidates => "candidates",
            Knob::Steps => "steps",
            Knob::Order => "order",
            Knob::Passes => "passes",
            Knob::Patience => "patience",
            Knob::Guards => "leak guard",
            Knob::Threshold => "threshold",
            Knob::Seed => "seed",
        }
    }

    /// What it means, in one line.
    pub fn doc(self) -> &'static str {
        match self {
            Knob::Preset => "the settings to start from; paper is the official code's",
            Knob::Generator => "who drafts and rewrites; cues is a rule-based baseline",
            Knob::Scorer => "who computes the perplexity of the reference",
            Knob::Objective => "what is minimised; reer-clipped is the official score and no perplexity",
            Knob::Candidates => "rewrites asked for at each step",
            Knob::Steps => "steps after which it stops",
            Knob::Order => "in which order a round visits the segments",
            Knob::Passes => "rounds after which it stops",
            Knob::Patience => "rounds without an acceptance after which it stops",
            Knob::Guards => "refuse rewrites that copy the reference, run on or repeat themselves",
            Knob::Threshold => "stop once the best score is below this, nats per token",
            Knob::Seed => "every choice is derived from it",
        }
    }

    /// What a typed value must be.
    pub fn expects(self) -> &'static str {
        match self {
            Knob::Preset => "retrace or paper",
            Knob::Generator => "cues, gguf:PATH, recorded:FILE or servers at http://HOST:PORT",
            Knob::Scorer => "bundled, gguf:PATH or servers at http://HOST:PORT",
            Knob::Objective => "nll or reer-clipped",
            Knob::Candidates => "a whole number from 1 to 1024",
            Knob::Steps | Knob::Seed => "a whole number under 2^32",
            Knob::Order => "weakest-first, left-to-right or random",
            Knob::Passes | Knob::Patience => "a whole number of at least 1, or off",
            Knob::Guards => "on or off",
            Knob::Threshold => "a number of nats, 0 or more, or off",
        }
    }

    /// True for what may still change once a search has begun.
    pub fn may_change(self) -> bool {
        matches!(self, Knob::Generator | Knob::Steps)
    }
}

impl Form {
    pub fn new(setup: Setup, begun: bool, done: u32, known: BackEndNames) -> Form {
        Form { setup, selected: if begun { 5 } else { 0 }, begun, done, known, from: None }
    }

    pub fn selected(&self) -> Knob {
        Knob::ALL[self.selected]
    }

    pub fn select(&mut self, index: usize) {
        self.selected = index.min(Knob::ALL.len() - 1);
    }

    pub fn step(&mut self, by: isize) {
        self.select(self.selected.saturating_add_signed(by));
    }

    /// What a setting means, whole, and what may be typed for it.
    pub fn meaning(&self, knob: Knob) -> String {
        let stays = self.begun && !knob.may_change();
        let typed = if stays { "it stays as it was recorded".to_owned() } else { format!("type {}", knob.expects()) };
        format!("{}: {}; {typed}.", knob.name(), knob.doc())
    }

    /// A setting as it is written.
    pub fn value(&self, knob: Knob) -> String {
        let Setup { generator, scorer, search } = &self.setup;
        let limit = |limit: Option<u32>| limit.map_or_else(|| "off".to_owned(), |n| n.to_string());
        match knob {
            Knob::Preset => word(&search.preset),
            Knob::Generator => generator.clone(),
            Knob::Scorer => scorer.clone(),
            Knob::Objective => word(&search.objective),
            Knob::Candidates => search.candidates.to_string(),
            Knob::Steps => search.steps.to_string(),
            Knob::Order => word(&search.order),
            Knob::Passes => limit(search.passes),
            Knob::Patience => limit(search.patience),
            Knob::Guards => if search.guards.is_some() { "on" } else { "off" }.to_owned(),
            Knob::Threshold => search.threshold.map_or_else(|| "off".to_owned(), |nats| nats.to_string()),
            Knob::Seed => search.seed.to_string(),
        }
    }

    /// Turns the selected setting to its next or previous value; `false` when it has to be typed.
    pub fn turn(&mut self, forward: bool) -> bool {
        let knob = self.selected();
        if self.begun && !knob.may_change() {
            return true;
        }
        let names = match knob {
            Knob::Generator => self.known.generators.clone(),
            Knob::Scorer => self.known.scorers.clone(),
            _ => Vec::new(),
        };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let choices: &[&str] = match knob {
            Knob::Generator | Knob::Scorer => &names,
            Knob::Preset => &["retrace", "paper"],
            Knob::Objective => &["nll", "reer-clipped"],
            Knob::Order => &["weakest-first", "left-to-right", "random"],
            Knob::Guards => &["on", "off"],
            Knob::Passes | Knob::Patience => &["off", "1", "2", "3", "4"],
            Knob::Candidates => &["1", "2", "3", "4", "6", "8", "12", "16"],
            Knob::Steps => &["4", "8", "10", "16", "24", "32", "48", "64", "96"],
            Knob::Threshold | Knob::Seed => return false,
        };
        // Turning through one is no choice.
        if choices.len() < 2 {
            return false;
        }
        let now = self.value(knob);
        let count = choices.len();
        let at = choices.iter().position(|choice| *choice == now);
        let number = |text: &str| text.parse::<u32>().ok();
        let next = match (at, number(&now)) {
            (Some(at), _) => choices[(at + if forward { 1 } else { count - 1 }) % count],
            // A number between two choices goes to the nearest one that way.
            (None, Some(now)) if forward => {
                choices.iter().find(|choice| number(choice).is_some_and(|n| n > now)).unwrap_or(&choices[0])
            }
            (None, Some(now)) => choices
                .iter()
                .rev()
                .find(|choice| number(choice).is_some_and(|n| n < now))
                .unwrap_or(&choices[count - 1]),
            (None, None) => choices[0],
        };
        // Every choice of the lists is one that can be typed, which a test holds.
        self.set(knob, next).is_ok()
    }

    /// Takes a typed value.
    ///
    /// # Errors
    /// What it must be.
    pub fn set(&mut self, knob: Knob, text: &str) -> Result<(), String> {
        if self.begun && !knob.may_change() {
            return Err(format!(
                "the search has begun: its {} stays as it was recorded; the command search-anew begins another of this pair",
                knob.name()
            ));
        }
        let text = text.trim();
        let wrong = || format!("{} must be {}", knob.name(), knob.expects());
        // What names nothing is told what this setting takes, not every back end there is.
        let refused = |error: SpecError| match error {
            SpecError::Unknown(given) => format!("{given:?} names no back end; {}", wrong()),
            other => other.to_string(),
        };
        let whole = |least: u32| text.parse::<u32>().ok().filter(|n| *n >= least).ok_or_else(wrong);
        let search = &mut self.setup.search;
        let limit = || if text == "off" { Ok(None) } else { whole(1).map(Some) };
        match knob {
            Knob::Preset => self.setup.search = Config::preset(choice::<Preset>(text).ok_or_else(wrong)?),
            Knob::Generator => {
                text.parse::<Spec>().and_then(Spec::generator).map_err(refused)?;
                text.clone_into(&mut self.setup.generator);
            }
            Knob::Scorer => {
                text.parse::<Spec>().and_then(Spec::scorer).map_err(refused)?;
                text.clone_into(&mut self.setup.scorer);
            }
            Knob::Objective => search.objective = choice::<Objective>(text).ok_or_else(wrong)?,
            Knob::Candidates => {
                search.candidates = text.parse().ok().filter(|n| Config::AT_ONCE.contains(n)).ok_or_else(wrong)?;
            }
            Knob::Steps => search.steps = whole(0)?,
            Knob::Order => search.order = choice::<Order>(text).ok_or_else(wrong)?,
            Knob::Passes => search.passes = limit()?,
            Knob::Patience => search.patience = limit()?,
            Knob::Guards => {
                search.guards = match text {
                    "on" => Some(search.guards.unwrap_or_default()),
                    "off" => None,
                    _ => return Err(wrong()),
                }
            }
            Knob::Threshold if text == "off" => search.threshold = None,
            Knob::Threshold => {
                search.threshold =
                    Some(text.parse().ok().filter(|n: &f64| n.is_finite() && *n >= 0.0).ok_or_else(wrong)?)
            }
            Knob::Seed => search.seed = text.parse().map_err(|_| wrong())?,
        }
        Ok(())
    }

    /// What is still to come, at most.
    pub fn cost(&self) -> Cost {
        let config = &self.setup.search;
        let drafts = if self.begun { 0 } else { u64::from(config.restarts) + 1 };
        let steps = u64::from(config.steps.saturating_sub(self.done));
        let candidates = steps * u64::from(config.candidates) * u64::from(config.beam);
        Cost {
            texts: drafts + candidates,
            scores: drafts + candidates + u64::from(!self.begun),
            // A round visits every segment once, and begins with a score without each of them.
            left_out: if config.order == Order::WeakestFirst { steps } else { 0 },
        }
    }
}

/// What a search asks of its back ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// Generated texts, at most.
    pub texts: u64,
    /// Scores of the baseline, drafts and candidates, at most.
    pub scores: u64,
    /// Leave-one-out scores, give or take a round's.
    pub left_out: u64,
}

/// A choice as files spell it.
fn word(choice: &impl serde::Serialize) -> String {
    serde_json::to_value(choice).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

fn choice<T: for<'a> serde::Deserialize<'a>>(text: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form() -> Form {
        let setup = Setup {
            generator: "cues".to_owned(),
            scorer: "bundled".to_owned(),
            search: Config::preset(Preset::Retrace),
        };
        let other = Setup { generator: "gguf:m.gguf".to_owned(), scorer: "http://h:1".to_owned(), ..setup.clone() };
        let known = BackEndNames::of([&setup, &other]);
        Form::new(setup, false, 0, known)
    }

    #[test]
    fn a_slip_of_the_finger_asks_for_no_billions() {
        let mut form = form();
        for value in ["0", "1025", "3000000000"] {
            assert_eq!(
                form.set(Knob::Candidates, value).unwrap_err(),
                "candidates must be a whole number from 1 to 1024"
            );
        }
        assert_eq!(*Config::AT_ONCE.end(), 1024, "as the words have it");
        form.set(Knob::Candidates, "1024").unwrap();
    }

    #[test]
    fn every_value_can_be_typed_back_and_turned_round() {
        for (index, knob) in Knob::ALL.into_iter().enumerate() {
            let mut form = form();
            form.select(index);
            let before = form.clone();
            form.set(knob, &before.value(knob)).unwrap();
            assert_eq!(form.setup, before.setup, "{}", knob.name());
            if form.turn(true) {
                form.turn(false);
            }
            assert_eq!(form.value(knob), before.value(knob), "{}", knob.name());
            assert!(form.set(knob, "?").is_err(), "{}", knob.name());
        }
    }

    #[test]
    fn back_ends_are_turned_through_and_typed_as_what_they_can_do() {
        let mut form = form();
        form.select(1);
        assert!(form.turn(true) && form.setup.generator == "gguf:m.gguf");
        assert!(form.turn(true) && form.setup.generator == "cues");
        assert!(form.set(Knob::Generator, "bundled").unwrap_err().contains("cannot write trajectories"));
        assert!(form.set(Knob::Scorer, "cues").unwrap_err().contains("cannot score"));
        assert!(form.set(Knob::Scorer, "gpu1:8000").unwrap_err().contains("names no back end"));
        assert_eq!(
            form.set(Knob::Scorer, "bundledd").unwrap_err(),
            "\"bundledd\" names no back end; scorer must be bundled, gguf:PATH or servers at http://HOST:PORT"
        );
        form.set(Knob::Scorer, "http://gpu1:8000 http://gpu2:8000").unwrap();
        let mut lonely = Form { known: BackEndNames::of([&form.setup; 0]), ..form.clone() };
        assert!(!lonely.turn(true), "one name is no choice: it is typed");
    }

    #[test]
    fn what_was_recorded_stays() {
        let mut form = Form::new(form().setup, true, 24, BackEndNames::default());
        assert_eq!(form.selected(), Knob::Steps);
        assert!(form.set(Knob::Candidates, "8").unwrap_err().contains("has begun"));
        form.set(Knob::Steps, "40").unwrap();
        let to_come = Cost { texts: 64, scores: 64, left_out: 16 };
        assert_eq!(form.cost(), to_come, "only what is still to come");
    }
}
