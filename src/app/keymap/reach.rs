//! Whether what a file binds can be pressed at all: keys that a screen's own bindings take away from those that work
//! everywhere, and letters where letters are typed.

use super::Keymap;
use super::map::{Sequence, written};
use crate::app::command::{Command, Context, REGISTRY};
use crate::app::keys::{Code, Key};

/// The places that lie over each other on a screen, the innermost first.
const SCREENS: [[Context; 2]; 3] =
    [[Context::Bench, Context::Anywhere], [Context::Library, Context::Anywhere], [Context::Batch, Context::Anywhere]];

/// Where a key that types a character types it.
const TYPED: [Context; 3] = [Context::List, Context::Field, Context::Editor];

impl Keymap {
    /// Why a binding of `command` in `context` would take the last keys away from another command of a screen, or
    /// lie idle itself; with the remedy.
    pub(super) fn idle(&self, context: Context, command: Command) -> Option<String> {
        self.arrives_as_another(context, command).or_else(|| self.typed(context, command)).or_else(|| {
            let screens = SCREENS.iter().filter(|screen| screen.contains(&context));
            let mut found = screens.flat_map(|screen| self.hidden(screen));
            found.find(|hidden| hidden.by == command || hidden.command == command).map(|hidden| hidden.remedy())
        })
    }

    /// A key that terminals send as another one.
    fn arrives_as_another(&self, context: Context, command: Command) -> Option<String> {
        let own = self.of(context).filter(|(_, bound)| *bound == command).flat_map(|(sequence, _)| sequence);
        let (key, other) = own.filter_map(|key| Some((key, arrives_as(*key)?))).next()?;
        Some(format!("{:?} is {other} to most terminals; give {} other keys", key.to_string(), command.name()))
    }

    /// A character that begins a sequence where characters are typed.
    fn typed(&self, context: Context, command: Command) -> Option<String> {
        let own = || self.of(context).filter(|(_, bound)| *bound == command);
        let typed = |sequence: &&Sequence| sequence.first().is_some_and(|key| key.text().is_some());
        let (sequence, _) = own().filter(|_| TYPED.contains(&context)).find(|(sequence, _)| typed(sequence))?;
        let (place, name, keys) = (context.name(), command.name(), written(sequence));
        Some(format!(
            "{keys:?} is typed under [{place}]; give {name} keys there that type nothing, such as f2 or ctrl-g"
        ))
    }

    /// Commands of a screen that have keys there and none that can be pressed.
    fn hidden(&self, screen: &[Context]) -> Vec<Hidden> {
        let of_screen = |command: Command| screen.iter().filter(move |place| command.entry().contexts.contains(place));
        let hidden = |command: Command| {
            let mut bound = of_screen(command).flat_map(|place| self.of(*place)).filter(|(_, own)| *own == command);
            let (sequence, _) = bound.next().filter(|_| self.keys_of(screen, command).is_empty())?;
            let by = self.catches(screen, sequence).filter(|by| *by != command)?;
            let place = |command| of_screen(command).next().copied().unwrap_or(Context::Anywhere);
            Some(Hidden { command, place: place(command), keys: written(sequence), by, by_place: place(by) })
        };
        REGISTRY.iter().filter_map(|entry| hidden(entry.command)).collect()
    }
}

/// What most terminals make of a key.
fn arrives_as(key: Key) -> Option<&'static str> {
    match key.code {
        Code::Char('i') if key.ctrl => Some("tab"),
        Code::Char('m') if key.ctrl => Some("enter"),
        Code::Char('[' | '3') if key.ctrl => Some("esc"),
        Code::Char('2') if key.ctrl => Some("ctrl-space"),
        Code::Char('8') if key.ctrl => Some("backspace"),
        Code::Char('0' | '1' | '9') if key.ctrl => Some("the digit alone"),
        _ => None,
    }
}

/// A command that another keeps from being reached.
struct Hidden {
    command: Command,
    place: Context,
    keys: String,
    by: Command,
    by_place: Context,
}

impl Hidden {
    fn remedy(&self) -> String {
        let (name, by, keys) = (self.command.name(), self.by.name(), &self.keys);
        format!(
            "{by} under [{}] keeps {name} from its only keys {keys:?}; give one of them others, or write {name} = [] \
             under [{}] for none",
            self.by_place.name(),
            self.place.name()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        Keymap::with_file(text).unwrap_err().to_string()
    }

    #[test]
    fn the_last_keys_of_a_command_are_not_taken_away_in_silence() {
        assert_eq!(
            refused("[bench]\ntake = [\"q\"]"),
            "line 2: take under [bench] keeps close from its only keys \"q\"; give one of them others, or write close = [] under [anywhere] for none"
        );
        assert!(Keymap::with_file("[bench]\ntake = [\"q\"]\n[anywhere]\nclose = [\"Q\"]").is_ok());
        assert!(Keymap::with_file("[bench]\ntake = [\"q\"]\n[anywhere]\nclose = []").is_ok());
        assert!(Keymap::with_file("[bench]\ntake = [\":\"]").is_ok(), "the palette has ctrl-p as well");
        assert!(Keymap::with_file("[bench]\nmark = [\"j\"]").is_ok(), "the arrow is left");
    }

    #[test]
    fn keys_that_arrive_as_others_are_not_bound() {
        assert_eq!(
            refused("[bench]\nkeep = [\"ctrl-i\"]"),
            "line 2: \"ctrl-i\" is tab to most terminals; give keep other keys"
        );
        assert!(refused("[bench]\nkeep = [\"ctrl-1\"]").contains("is the digit alone to most terminals"));
        let twice = refused("[bench]\nkeep = [\"K K\", \"K\"]");
        assert_eq!(twice, "line 2: \"K\" acts before \"K K\" can be pressed; leave one of them");
        assert_eq!(refused("[anywhere]\nquit = []"), "line 2: quit needs a key: nothing else ends the program");
    }

    #[test]
    fn a_beginning_that_does_something_is_no_beginning() {
        let batch = refused("[batch]\ndrain = [\",\"]");
        assert!(batch.contains("drain under [batch] keeps theme from its only keys \", t\""), "{batch}");
        let idle = refused("[bench]\ntake = [\"q y\"]");
        assert!(idle.contains("close under [anywhere] keeps take from its only keys \"q y\""), "{idle}");
        let anywhere = refused("[anywhere]\n\nredraw = [\"y\"]");
        assert!(anywhere.starts_with("line 3: take under [bench] keeps redraw from its only keys"), "{anywhere}");
    }

    #[test]
    fn letters_stay_letters_where_one_writes() {
        assert_eq!(
            refused("[field]\naccept = [\"a\"]"),
            "line 2: \"a\" is typed under [field]; give accept keys there that type nothing, such as f2 or ctrl-g"
        );
        assert!(refused("[editor]\nsave = [\"space\"]").contains("is typed under [editor]"));
        assert!(Keymap::with_file("[editor]\nsave = [\"f2\", \"ctrl-s\"]").is_ok());
    }
}
