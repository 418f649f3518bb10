//! One source of settings: values by key, each with the place it was found at.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use toml_edit::{Document, Item, TableLike, Value};

use super::{Key, SettingsError, key};
use crate::text::{begins, line_at};

/// Where a value comes from, from the strongest source to the weakest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag, as written: `--steps`.
    Flag(String),
    /// An environment variable.
    Variable(String),
    /// A line of the settings file, from 1.
    File { file: String, line: usize },
    /// The preset of the search, by name.
    Preset(String),
    /// The program.
    Default,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Origin::Flag(flag) => f.write_str(flag),
            Origin::Variable(name) => f.write_str(name),
            Origin::File { file, line } => write!(f, "{file}:{line}"),
            Origin::Preset(name) => write!(f, "preset {name}"),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// Values of one source.
pub(super) type Layer = BTreeMap<&'static str, (Value, Origin)>;

/// The table of servers' keys, which is no setting: it is never shown.
const KEYS: &str = "keys";

/// Keys of servers by host. Printing them gives the hosts alone.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HostKeys(pub(super) BTreeMap<String, String>);

impl HostKeys {
    /// The keys themselves, to be sent and nothing else.
    pub fn reveal(self) -> BTreeMap<String, String> {
        self.0
    }
}

impl std::fmt::Debug for HostKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

/// Settings given as flags.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    given: Vec<(Key, String, String)>,
}

impl Flags {
    /// Adds `key` when `value` is there; `flag` is how the user wrote it, with its dashes.
    #[must_use]
    pub fn with(mut self, key: Key, flag: &str, value: Option<impl ToString>) -> Flags {
        self.given.extend(value.map(|value| (key, flag.to_owned(), value.to_string())));
        self
    }

    pub(super) fn layer(&self) -> Result<Layer, SettingsError> {
        let read = |(key, flag, text): &(Key, String, String)| {
            let value = key.parse(text).map_err(|what| SettingsError::Value { place: flag.clone(), what })?;
            Ok((key.name, (value, Origin::Flag(flag.clone()))))
        };
        self.given.iter().map(read).collect()
    }
}

/// Settings in the environment; a variable that is empty counts as not there.
pub(super) fn variables(variable: impl Fn(&str) -> Option<String>) -> Result<Layer, SettingsError> {
    let read = |key: &Key| {
        let name = key.variable();
        let text = variable(&name).filter(|text| !text.is_empty())?;
        let value = key.parse(&text).map_err(|what| SettingsError::Value { place: name.clone(), what });
        Some(value.map(|value| (key.name, (value, Origin::Variable(name)))))
    };
    key::ALL.iter().filter_map(read).collect()
}

/// Settings of a file's text; `path` is for messages.
pub(super) fn file(path: &Path, text: &str) -> Result<Layer, SettingsError> {
    let place = |span: Option<Range<usize>>| format!("{}:{}", path.display(), line(text, span));
    let document = Document::parse(text).map_err(|error| broken(path, text, &error))?;
    let mut layer = Layer::new();
    for (name, span, item) in entries(document.as_table()) {
        let wrong = |what| SettingsError::Value { place: place(span.clone()), what };
        let key = Key::named(&name).ok_or_else(|| wrong(unknown(&name, item)))?;
        let value = item.as_value().ok_or_else(|| wrong(format!("{name} must be a value, not a table")))?;
        key.check(value).map_err(wrong)?;
        let origin = Origin::File { file: path.display().to_string(), line: line(text, span) };
        layer.insert(key.name, (value.clone().decorated("", ""), origin));
    }
    Ok(layer)
}

/// The table of servers' keys in a file's text, by host; `path` is for messages, which never repeat a key.
pub(super) fn keys(path: &Path, text: &str) -> Result<HostKeys, SettingsError> {
    let place = |span: Option<Range<usize>>| format!("{}:{}", path.display(), line(text, span));
    let document = Document::parse(text).map_err(|error| broken(path, text, &error))?;
    let Some(item) = document.get(KEYS) else { return Ok(HostKeys::default()) };
    let wrong = |span, what: &str| SettingsError::Value { place: place(span), what: what.to_owned() };
    let table = item.as_table_like().ok_or_else(|| wrong(item.span(), "[keys] is a table of hosts and their keys"))?;
    let read = |(host, item): (&str, &Item)| match item.as_str().filter(|key| !key.trim().is_empty()) {
        Some(key) => Ok((host.to_owned(), key.to_owned())),
        None => {
            Err(wrong(table.key(host).and_then(toml_edit::Key::span), "a host's key is a text: \"gpu7\" = \"...\""))
        }
    };
    table.iter().map(read).collect::<Result<_, _>>().map(HostKeys)
}

/// Every key with its full name, the tables of known sections opened.
fn entries(table: &dyn TableLike) -> Vec<(String, Option<Range<usize>>, &Item)> {
    let mut found = Vec::new();
    for (name, item) in table.iter().filter(|(name, _)| *name != KEYS) {
        let span = table.key(name).and_then(toml_edit::Key::span);
        let section = item.as_table_like().filter(|_| key::ALL.iter().any(|k| k.name.starts_with(&format!("{name}."))));
        match section {
            Some(section) => found.extend(section.iter().map(|(inner, item)| {
                let span = section.key(inner).and_then(toml_edit::Key::span);
                (format!("{name}.{inner}"), span, item)
            })),
            None => found.push((name.to_owned(), span, item)),
        }
    }
    found
}

fn unknown(name: &str, item: &Item) -> String {
    let near = if item.is_table_like() { key::nearest_section(name) } else { Key::nearest(name).map(|key| key.name) };
    match near {
        Some(near) => format!("there is no setting {name}; did you mean {near}?"),
        None => format!("there is no setting {name}; `retrace config show` lists all"),
    }
}

/// Line of a span's start, from 1.
fn line(text: &str, span: Option<Range<usize>>) -> usize {
    line_at(text, span.map_or(0, |span| span.start))
}

/// What is no TOML, told where it begins, which may be far above where that shows.
fn broken(path: &Path, text: &str, error: &toml_edit::TomlError) -> SettingsError {
    let noticed = line(text, error.span());
    let begins = begins(text, noticed, |part| Document::parse(part).is_ok());
    let far = if begins < noticed { format!("what begins here goes wrong by line {noticed}: ") } else { String::new() };
    let named = error.span().and_then(|span| text.get(span)).filter(|_| error.message() == "duplicate key");
    let what = match named {
        Some(key) => format!("{far}{key} is set a second time here; keep one of the two"),
        None => format!("{far}{}", one_line(error.message())),
    };
    SettingsError::Value { place: format!("{}:{begins}", path.display()), what }
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        file(Path::new("s.toml"), text).unwrap_err().to_string()
    }

    #[test]
    fn a_file_s_faults_name_line_and_remedy() {
        let cases = [
            ("generator = \"cues\"\nscorrer = \"x\"", "s.toml:2: there is no setting scorrer; did you mean scorer?"),
            (
                "\n[search]\ncandidate = 3",
                "s.toml:3: there is no setting search.candidate; did you mean search.candidates?",
            ),
            ("[guards]\nsteps = \"x\"", "s.toml:2: there is no setting guards.steps; did you mean search.steps?"),
            ("[serch]\nsteps = 3", "s.toml:1: there is no setting serch; did you mean search?"),
            ("[zzz]\nsteps = 3", "s.toml:1: there is no setting zzz; `retrace config show` lists all"),
            (
                "[search]\nsteps = \"many\"",
                "s.toml:2: search.steps must be a whole number of at least 0 and under 2^32, not \"many\"",
            ),
            ("[generator]\nx = 1", "s.toml:1: generator must be a value, not a table"),
            ("[search]\nsteps = 3\nsteps = 4", "s.toml:3: steps is set a second time here; keep one of the two"),
        ];
        for (text, message) in cases {
            assert_eq!(refusal(text), message);
        }
        assert!(refusal("a = = 1").starts_with("s.toml:1: "));
        let open = refusal("[search]\norder = [\"random\"\n\nsteps = 3\n");
        assert!(open.starts_with("s.toml:2: what begins here goes wrong by line 4: "), "{open}");
    }

    #[test]
    fn keys_of_servers_are_no_settings_and_cannot_be_printed() {
        let text = "scorer = \"bundled\"\n[keys]\ngpu7 = \"sk-1\"\n\"api.x.com\" = \"sk-2\"\n";
        assert_eq!(file(Path::new("s.toml"), text).unwrap().keys().collect::<Vec<_>>(), [&"scorer"]);
        let keys = keys(Path::new("s.toml"), text).unwrap();
        assert_eq!(format!("{keys:?}"), r#"["api.x.com", "gpu7"]"#);
        assert_eq!(keys.reveal()["gpu7"], "sk-1");
    }

    #[test]
    fn a_key_that_is_no_text_is_named_by_its_line_alone() {
        let refusal = |text: &str| keys(Path::new("s.toml"), text).unwrap_err().to_string();
        assert_eq!(refusal("[keys]\ngpu7 = 123456"), "s.toml:2: a host's key is a text: \"gpu7\" = \"...\"");
        assert!(refusal("keys = \"sk-1\"").ends_with("[keys] is a table of hosts and their keys"));
    }

    #[test]
    fn dotted_keys_inline_tables_and_sections_mean_the_same() {
        for text in ["search.steps = 3", "search = { steps = 3 }", "[search]\nsteps = 3"] {
            let layer = file(Path::new("s.toml"), text).unwrap();
            assert_eq!(layer["search.steps"].0.as_integer(), Some(3), "{text}");
        }
    }

    #[test]
    fn variables_are_read_by_kind_and_empty_ones_are_not_there() {
        let layer = variables(|name| match name {
            "RETRACE_SEARCH_STEPS" => Some("7".into()),
            "RETRACE_SCORER" => Some(String::new()),
            _ => None,
        })
        .unwrap();
        assert_eq!(layer.keys().collect::<Vec<_>>(), [&"search.steps"]);
        let error = variables(|name| (name == "RETRACE_SEARCH_STEPS").then(|| "x".into())).unwrap_err();
        assert!(error.to_string().starts_with("RETRACE_SEARCH_STEPS: search.steps must be"), "{error}");
    }
}
