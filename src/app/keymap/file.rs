//! The user's file of keys: `[bench] take = ["y", "ctrl-y"]`. What it names replaces the defaults; an empty list
//! leaves a command without keys. Anything doubtful is refused with its line and the remedy.

use std::fmt::Write as _;

use toml_edit::{Document, Item};

use super::Keymap;
use super::map::{Sequence, sequence, written};
use crate::app::command::{Command, Context, REGISTRY};
use crate::text::{begins, line_at};

/// Why a file of keys is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct KeysError {
    /// From 1.
    pub line: usize,
    /// What is wrong and what to do about it.
    pub what: String,
}

impl Keymap {
    /// The defaults with the changes of a file.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line.
    pub fn with_file(text: &str) -> Result<Keymap, KeysError> {
        let document = Document::parse(text).map_err(|e| broken(text, e.span(), e.message()))?;
        let mut map = Keymap::default();
        let mut given: Vec<(Context, Command, usize)> = Vec::new();
        for (name, item) in document.iter() {
            let span = || document.key(name).and_then(toml_edit::Key::span);
            let contexts = Context::ALL.map(Context::name).join(", ");
            let context = Context::ALL.into_iter().find(|context| context.name() == name);
            let context = context.ok_or_else(|| {
                refuse(text, span(), format!("there is no place {name:?}; the places are {contexts}"))
            })?;
            let table = item.as_table_like();
            let table = table.ok_or_else(|| refuse(text, span(), format!("{name} must be a table of commands")))?;
            for (command, keys) in table.iter() {
                let span = table.key(command).and_then(toml_edit::Key::span);
                let at = line(text, span.clone());
                let wrong = |what: String| KeysError { line: at, what };
                let command = known(context, command).map_err(wrong)?;
                map.rebind(context, command, sequences(keys).map_err(wrong)?);
                given.push((context, command, at));
            }
        }
        for (context, command, line) in given {
            if command == Command::Quit && map.of(context).all(|(_, bound)| bound != command) {
                return Err(KeysError { line, what: "quit needs a key: nothing else ends the program".to_owned() });
            }
            let what = map.conflict(context, command).or_else(|| map.idle(context, command));
            what.map_or(Ok(()), |what| Err(KeysError { line, what }))?;
        }
        Ok(map)
    }

    fn rebind(&mut self, context: Context, command: Command, sequences: Vec<Sequence>) {
        let bindings = self.bindings(context);
        bindings.retain(|(_, bound)| *bound != command);
        bindings.extend(sequences.into_iter().map(|sequence| (sequence, command)));
    }

    /// What stands against the bindings of `command`: another command on the same keys, or on their beginning.
    fn conflict(&self, context: Context, command: Command) -> Option<String> {
        let own = || self.of(context).filter(|(_, bound)| *bound == command);
        let twice = own().find_map(|(sequence, _)| {
            let longer = |(other, _): &(&Sequence, Command)| *other != sequence && other.starts_with(sequence);
            own().find(longer).map(|(other, _)| (written(sequence), written(other)))
        });
        if let Some((keys, longer)) = twice {
            return Some(format!("{keys:?} acts before {longer:?} can be pressed; leave one of them"));
        }
        own().flat_map(|(sequence, _)| {
            let others = self.of(context).filter(move |(_, other)| *other != command);
            others.filter_map(move |(other, bound)| {
                let meet = sequence.starts_with(other) || other.starts_with(sequence);
                meet.then(|| (written(other), bound.name()))
            })
        })
        .map(|(keys, other)| {
            let (place, name) = (context.name(), command.name());
            format!(
                "{name} meets {other} on {keys:?}; give {other} other keys under [{place}], or {other} = [] for none"
            )
        })
        .next()
    }
}

fn known(context: Context, name: &str) -> Result<Command, String> {
    let here = || REGISTRY.iter().filter(|entry| entry.contexts.contains(&context));
    let Some(command) = Command::named(name) else {
        let near = here().max_by(|a, b| likeness(a.name, name).total_cmp(&likeness(b.name, name)));
        let near = near.map(|entry| format!("; did you mean {}?", entry.name)).unwrap_or_default();
        return Err(format!("there is no command {name}{near}"));
    };
    if command.entry().contexts.contains(&context) {
        return Ok(command);
    }
    let places: Vec<&str> = command.entry().contexts.iter().map(|place| place.name()).collect();
    Err(format!("{name} does not work under [{}]; write it under [{}]", context.name(), places.join("] or [")))
}

fn likeness(a: &str, b: &str) -> f64 {
    strsim::jaro_winkler(a, b)
}

fn sequences(item: &Item) -> Result<Vec<Sequence>, String> {
    let list = item.as_array().ok_or("keys must be a list, such as [\"y\", \"ctrl-y\"]")?;
    let read = |value: &toml_edit::Value| {
        let text = value.as_str().ok_or_else(|| "each key must be text in quotes".to_owned())?;
        sequence(text).map_err(|error| error.to_string())
    };
    list.iter().map(read).collect()
}

fn refuse(text: &str, span: Option<std::ops::Range<usize>>, what: String) -> KeysError {
    KeysError { line: line(text, span), what }
}

/// What is no TOML, told where it begins, which may be far above where that shows.
fn broken(text: &str, span: Option<std::ops::Range<usize>>, message: &str) -> KeysError {
    let noticed = line(text, span);
    let begins = begins(text, noticed, |part| Document::parse(part).is_ok());
    let far = if begins < noticed { format!("what begins here goes wrong by line {noticed}: ") } else { String::new() };
    KeysError { line: begins, what: format!("{far}{message}") }
}

fn line(text: &str, span: Option<std::ops::Range<usize>>) -> usize {
    line_at(text, span.map_or(0, |span| span.start))
}

/// The commented file to begin with: every command with its default keys, none of them in force.
pub fn template() -> String {
    let mut text = String::from(
        "# Keys of the workbench. Take the `#` away from a line and change its keys; a list replaces the defaults, an\n\
         # empty one leaves the command without keys (the palette still has it). A key is a character, or a name such\n\
         # as space, enter, pagedown, f5, with ctrl-, alt- or shift- before it; \"v s\" is v, then s. Two commands on\n\
         # the same keys of one place are refused, and the program says which. [bench], [library] and [batch] go\n\
         # before [anywhere], but never take the last keys of a command away.\n",
    );
    for context in Context::ALL {
        // Writing to a text cannot fail.
        let _infallible = write!(text, "\n[{}]\n", context.name());
        for entry in REGISTRY.iter().filter(|entry| entry.contexts.contains(&context)) {
            let keys: Vec<String> = entry.keys.iter().map(|key| format!("{key:?}")).collect();
            let _infallible = write!(text, "# {}\n# {} = [{}]\n", entry.doc, entry.name, keys.join(", "));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::keymap::Looked;

    fn look(map: &Keymap, context: Context, keys: &str) -> Looked {
        map.look(&[context], &sequence(keys).unwrap())
    }

    #[test]
    fn a_list_replaces_the_defaults_and_an_empty_one_unbinds() {
        let map = Keymap::with_file("[bench]\ntake = [\"Q\", \"v t\"]\nrefuse = []").unwrap();
        assert_eq!(look(&map, Context::Bench, "Q"), Looked::Command(Command::Take));
        assert_eq!(look(&map, Context::Bench, "v t"), Looked::Command(Command::Take));
        assert_eq!(look(&map, Context::Bench, "y"), Looked::Nothing);
        assert_eq!(look(&map, Context::Bench, "n"), Looked::Nothing);
    }

    #[test]
    fn keys_may_be_swapped() {
        let map = Keymap::with_file("[bench]\ntake = [\"n\"]\nrefuse = [\"y\"]").unwrap();
        assert_eq!(look(&map, Context::Bench, "n"), Looked::Command(Command::Take));
        assert_eq!(look(&map, Context::Bench, "y"), Looked::Command(Command::Refuse));
    }

    #[test]
    fn the_template_changes_nothing_also_with_every_line_in_force() {
        let in_force = |line: &str| line.strip_prefix("# ").filter(|l| l.contains(" = [")).unwrap_or(line).to_owned();
        let all: Vec<String> = template().lines().map(in_force).collect();
        for text in [template(), all.join("\n")] {
            assert_eq!(Keymap::with_file(&text).unwrap(), Keymap::default());
        }
    }

    #[test]
    fn what_is_doubtful_is_refused_with_line_and_remedy() {
        for (text, expected) in [
            (
                "[bench]\ntake = [\"n\"]",
                "line 2: take meets refuse on \"n\"; give refuse other keys under [bench], or refuse = [] for none",
            ),
            (
                "[bench]\n\ntake = [\"v\"]",
                "line 3: take meets split on \"v s\"; give split other keys under [bench], or split = [] for none",
            ),
            ("[bench]\ntaek = [\"n\"]", "line 2: there is no command taek; did you mean take?"),
            ("[bench]\nsave = [\"n\"]", "line 2: save does not work under [bench]; write it under [editor]"),
            (
                "[bnch]\n",
                "line 1: there is no place \"bnch\"; the places are anywhere, library, batch, bench, finding, list, form, export, field, editor",
            ),
            ("[bench]\ntake = \"n\"", "line 2: keys must be a list, such as [\"y\", \"ctrl-y\"]"),
            (
                "[bench]\ntake = [\"meta-x\"]",
                "line 2: \"meta-x\" is no key; write a character, or a name such as enter, space, pagedown, f5, with ctrl-, alt- or shift- before it",
            ),
        ] {
            assert_eq!(Keymap::with_file(text).unwrap_err().to_string(), expected);
        }
        let open = Keymap::with_file("[library]\nopen = [enter\n# a comment\n\n[batch]\n").unwrap_err();
        assert_eq!(
            open.to_string(),
            "line 2: what begins here goes wrong by line 5: missing comma between array elements, expected `,`"
        );
        assert!(Keymap::with_file("[bench\n").unwrap_err().to_string().starts_with("line 1: "));
    }
}
