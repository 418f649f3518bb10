//! The first-run tour: five steps, one line each, done by doing. It stands in a line of its own and covers nothing.

use super::App;
use super::command::Command;
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
    &[Key(Command::Up), Key(Command::Down), Text("choose the letter,"), Key(Command::Open), Text("opens it")],
    &[
        Key(Command::StepForward),
        Key(Command::StepBack),
        Text("step,"),
        Key(Command::Play),
        Text("plays: its perplexity falls"),
    ],
    &[
        Key(Command::CandidateDown),
        Text("next rewrite,"),
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

impl App {
    /// The step of the tour and its words; `None` when it is over.
    pub fn tour(&self) -> Option<(usize, &'static [Word])> {
        match self.memory.tour {
            Tour::At(step) => Some((step, *WORDS.get(step)?)),
            Tour::Over => None,
        }
    }

    /// Goes on with the tour when `command` is what its step asked for. True when it did.
    pub(super) fn tour_saw(&mut self, command: Command) -> bool {
        let Tour::At(step) = self.memory.tour else { return false };
        let asked: &[Command] = match step {
            0 => &[Command::Open],
            1 => &[Command::StepForward, Command::StepBack, Command::Play],
            2 => &[Command::Take, Command::Refuse, Command::Edit, Command::CandidateDown],
            3 => &[Command::Run, Command::Start],
            _ => &[Command::Export],
        };
        if !asked.contains(&command) {
            return false;
        }
        self.memory.tour = if step + 1 < STEPS { Tour::At(step + 1) } else { Tour::Over };
        true
    }
}
