//! Key sequences and their commands, by context.

use std::collections::{BTreeMap, BTreeSet};

use crate::app::command::{Command, Context, REGISTRY};
use crate::app::keys::Key;

/// Keys pressed one after the other.
pub(super) type Sequence = Vec<Key>;

/// What a context's sequences do; no two the same, none the beginning of another.
pub(super) type Bindings = Vec<(Sequence, Command)>;

/// The keys of every context.
#[derive(Debug, Clone, PartialEq)]
pub struct Keymap {
    by_context: BTreeMap<Context, Bindings>,
}

/// What keys pressed so far mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Looked {
    Command(Command),
    /// The beginning of sequences: the next key and the command at the end of each.
    Prefix(Vec<(Key, Command)>),
    Nothing,
}

impl Default for Keymap {
    fn default() -> Keymap {
        let mut by_context: BTreeMap<Context, Bindings> = BTreeMap::new();
        for entry in REGISTRY {
            for context in entry.contexts {
                let bindings = by_context.entry(*context).or_default();
                // Every key of the registry can be read, which a test holds.
                let sequences = entry.keys.iter().filter_map(|keys| sequence(keys).ok());
                bindings.extend(sequences.map(|sequence| (sequence, entry.command)));
            }
        }
        Keymap { by_context }
    }
}

/// Reads `v s` as two keys.
pub(super) fn sequence(text: &str) -> Result<Sequence, crate::app::keys::NotAKey> {
    text.split(' ').map(str::parse).collect()
}

/// Writes a sequence as it is read.
pub(super) fn written(sequence: &[Key]) -> String {
    sequence.iter().map(Key::to_string).collect::<Vec<_>>().join(" ")
}

impl Keymap {
    pub(super) fn bindings(&mut self, context: Context) -> &mut Bindings {
        self.by_context.entry(context).or_default()
    }

    pub(super) fn of(&self, context: Context) -> impl Iterator<Item = (&Sequence, Command)> {
        self.by_context.get(&context).into_iter().flatten().map(|(sequence, command)| (sequence, *command))
    }

    /// What `keys` mean in `contexts`, the innermost first. An inner context's binding hides the outer ones'.
    pub fn look(&self, contexts: &[Context], keys: &[Key]) -> Looked {
        let exact = contexts.iter().flat_map(|context| self.of(*context)).find(|(sequence, _)| *sequence == keys);
        if let Some((_, command)) = exact {
            return Looked::Command(command);
        }
        let mut seen = BTreeSet::new();
        let longer = contexts.iter().flat_map(|context| self.of(*context));
        let longer = longer.filter(|(sequence, _)| sequence.len() > keys.len() && sequence.starts_with(keys));
        let next: Vec<(Key, Command)> = longer
            .map(|(sequence, command)| (sequence[keys.len()], command))
            .filter(|(key, _)| seen.insert(*key))
            .collect();
        if next.is_empty() { Looked::Nothing } else { Looked::Prefix(next) }
    }

    /// The command that pressing `keys` one after the other comes to: its own, or one that a beginning of it has.
    pub(super) fn catches(&self, contexts: &[Context], keys: &[Key]) -> Option<Command> {
        (1..=keys.len()).find_map(|len| match self.look(contexts, &keys[..len]) {
            Looked::Command(command) => Some(command),
            Looked::Prefix(_) | Looked::Nothing => None,
        })
    }

    /// The sequences of a command in `contexts`, as they are written; those that cannot be pressed there left out.
    pub fn keys_of(&self, contexts: &[Context], command: Command) -> Vec<String> {
        let all = contexts.iter().flat_map(|context| self.of(*context)).filter(|(_, found)| *found == command);
        let mut written_keys: Vec<String> = Vec::new();
        for (sequence, _) in all.filter(|(sequence, _)| self.catches(contexts, sequence) == Some(command)) {
            let text = written(sequence);
            if !written_keys.contains(&text) {
                written_keys.push(text);
            }
        }
        // The registry's order: what it names first is what hints show.
        let rank = |text: &String| command.entry().keys.iter().position(|key| key == text).unwrap_or(usize::MAX);
        written_keys.sort_by_key(rank);
        written_keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<Key> {
        sequence(text).unwrap()
    }

    #[test]
    fn every_default_key_can_be_read_and_none_hides_another() {
        for context in Context::ALL {
            let mut bound: BTreeMap<Sequence, Command> = BTreeMap::new();
            for entry in REGISTRY.iter().filter(|entry| entry.contexts.contains(&context)) {
                for text in entry.keys {
                    let sequence = sequence(text).unwrap();
                    assert_eq!(written(&sequence), *text);
                    assert_eq!(bound.insert(sequence, entry.command), None, "{text} in {context:?}");
                }
            }
            for (sequence, command) in &bound {
                let longer = bound.keys().find(|other| other.len() > sequence.len() && other.starts_with(sequence));
                assert_eq!(longer, None, "{command:?} hides a longer sequence");
            }
        }
    }

    #[test]
    fn inner_contexts_hide_outer_ones_and_prefixes_list_what_follows() {
        let map = Keymap::default();
        let bench = [Context::Bench, Context::Anywhere];
        assert_eq!(map.look(&bench, &keys("n")), Looked::Command(Command::Refuse));
        let finding = [Context::Finding, Context::Bench, Context::Anywhere];
        assert_eq!(map.look(&finding, &keys("n")), Looked::Command(Command::FindNext));
        assert_eq!(map.keys_of(&finding, Command::Refuse), [""; 0]);
        assert_eq!(map.keys_of(&bench, Command::StepBack), ["left", "h"]);
        let Looked::Prefix(next) = map.look(&bench, &keys("v")) else { panic!() };
        assert!(next.contains(&(keys("s")[0], Command::Split)));
        assert_eq!(map.look(&bench, &keys("v v")), Looked::Nothing);
        let Looked::Prefix(next) = map.look(&bench, &keys(",")) else { panic!() };
        assert!(next.contains(&(keys("t")[0], Command::Theme)) && next.contains(&(keys("m")[0], Command::Measure)));
    }
}
