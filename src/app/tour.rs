//! The first-run tour: five steps, one line each, done by doing. It stands in a line of its own and covers nothing.

use super::App;
use super::command::Command;
use super::library::Row;
use super::memory::Tour;

/// How many steps there are.
pub const STEPS: usize = 5;

/// What a step asks for: words with the commands whose keys stand between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    Text(&'static str),
    Key(Command),
}

use Word::{Key, Text};

/// The steps, in order.
const WORDS: [&[Word]; STEPS] = [
    &[Key(Command::Up), Key(Command::Down), Text("choose a session,"), Key(Command::Open), Text("opens it")],
    &[
        Key(Command::StepBack),
        Key(Command::StepForward),
        Text("step,"),
        Key(Command::Play),
        Text("plays: its perplexity falls"),
    ],
    &[
        Key(Command::CandidateUp),
        Key(Command::CandidateDown),
        Text("other rewrites,"),
        Key(Command::Take),
        Text("take,"),
        Key(Command::Refuse),
        Text("refuse,"),
        Key(Command::Edit),
        Text("edit,"),
        Key(Command::Undo),
        Text("undo"),
    ],
    &[Key(Command::Close), Text("goes back; in a fresh one"), Key(Command::Run), Text("searches live")],
    &[Key(Command::Keep), Text("keeps and goes on;"), Key(Command::Export), Text("writes the training rows")],
];

/// The first step where the samples are listed.
const THE_LETTER: &[Word] =
    &[Key(Command::Up), Key(Command::Down), Text("choose the letter,"), Key(Command::Open), Text("opens it")];

/// The fourth in the library, where nothing is left to go back to.
const A_FRESH_ONE: &[Word] =
    &[Key(Command::Open), Text("opens a fresh one; there"), Key(Command::Run), Text("searches live")];

/// The fourth where nothing was searched yet.
const SEARCH_IT: &[Word] = &[Key(Command::Run), Text("searches live")];

impl App {
    /// The step of the tour and its words; `None` when it is over, and where its keys mean something else.
    pub fn tour(&self) -> Option<(usize, &'static [Word])> {
        let Tour::At(step) = self.memory.tour else { return None };
        let words = *WORDS.get(step)?;
        if !self.overlays.is_empty() || self.batch().is_some() {
            return None;
        }
        let words = match (step, self.bench()) {
            (_, Some(bench)) if bench.is_searching() => return None,
            (0, Some(_)) | (1 | 2, None) => return None,
            (1 | 2, Some(bench)) if bench.timeline.is_empty() => return None,
            (0, None) if self.library.listed_rows().any(Row::is_sample) => THE_LETTER,
            (3, None) => A_FRESH_ONE,
            (3, Some(bench)) if bench.timeline.is_empty() => SEARCH_IT,
            _ => words,
        };
        Some((step, words))
    }

    /// Goes on with the tour when `command` is what its step asked for; where that may do nothing, when it `did` something.
    /// True when the tour goes on.
    pub(super) fn tour_saw(&mut self, command: Command, did: bool) -> bool {
        let Tour::At(step) = self.memory.tour else { return false };
        let (tries, acts): (&[Command], &[Command]) = match step {
            0 => (&[], &[Command::Open]),
            1 => (&[Command::StepForward, Command::StepBack], &[Command::Play]),
            2 => (&[Command::CandidateDown, Command::CandidateUp, Command::Take, Command::Refuse], &[Command::Edit]),
            3 => (&[], &[]),
            _ => (&[], &[Command::Export]),
        };
        let asked = did && tries.contains(&command) || acts.contains(&command);
        if asked {
            self.tour_step(step);
        }
        asked
    }

    /// A search began, which is what the fourth step asks for. True when the tour goes on by it.
    pub(super) fn tour_saw_a_search(&mut self) -> bool {
        let asked = self.memory.tour == Tour::At(3);
        if asked {
            self.tour_step(3);
        }
        asked
    }

    fn tour_step(&mut self, done: usize) {
        self.memory.tour = if done + 1 < STEPS { Tour::At(done + 1) } else { Tour::Over };
    }
}
