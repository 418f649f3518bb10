//! The user's own editor on a piece of text, in a file that is gone afterwards.
//!
//! Knows nothing of the screen: whoever calls it releases the terminal before and takes it back after.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::{env, fs, io};

use tempfile::TempDir;

/// Editors looked for when the environment names none, the easiest to leave first.
const FALLBACKS: &[&str] = if cfg!(windows) { &["notepad.exe"] } else { &["nano", "vim", "vi"] };

/// A command that edits the file that is its last argument, and ends when the person is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Editor {
    program: String,
    arguments: Vec<String>,
}

/// Why a text could not be edited; the text that was to be edited is as it was.
#[derive(Debug, thiserror::Error)]
pub enum EditorError {
    #[error(
        "no editor was found; name one in VISUAL or EDITOR, as in `export EDITOR=nano`, or edit here with the edit key"
    )]
    None,
    #[error(
        "{variable} is `{command}`, which is no command: a quote is left open or nothing is named; set it to a program"
    )]
    NoCommand { variable: &'static str, command: String },
    #[error("the editor `{program}` cannot be started: {source}; set VISUAL or EDITOR to one that is installed")]
    Start { program: String, source: io::Error },
    #[error("the editor `{program}` ended with {status}; nothing was taken over{}", kept_at(kept))]
    Failed {
        program: String,
        status: ExitStatus,
        /// Where the text is that was written until then, when it differs from the one given.
        kept: Option<PathBuf>,
    },
    #[error("the text could not be handed to the editor and back: {0}; nothing was changed")]
    File(#[from] io::Error),
    #[error("what the editor saved is not UTF-8 text, so nothing was changed; it is kept in {}", .0.display())]
    NotText(PathBuf),
}

fn kept_at(kept: &Option<PathBuf>) -> String {
    kept.as_ref().map(|path| format!("; what was written is kept in {}", path.display())).unwrap_or_default()
}

impl Editor {
    /// The editor named in VISUAL, else in EDITOR, else one that is usually there.
    ///
    /// # Errors
    /// A variable holds no command, or no editor is installed.
    pub fn find() -> Result<Editor, EditorError> {
        let path = env::var_os("PATH").unwrap_or_default();
        Editor::choose(|name| env::var(name).ok(), |program| is_in(&path, program))
    }

    fn choose(variable: impl Fn(&str) -> Option<String>, exists: impl Fn(&str) -> bool) -> Result<Editor, EditorError> {
        let named = |name| Some((name, variable(name).filter(|command| !command.trim().is_empty())?));
        if let Some((variable, command)) = named("VISUAL").or_else(|| named("EDITOR")) {
            return Editor::parse(&command).ok_or(EditorError::NoCommand { variable, command });
        }
        let found = FALLBACKS.iter().find(|program| exists(program)).ok_or(EditorError::None)?;
        Ok(Editor { program: (*found).to_owned(), arguments: Vec::new() })
    }

    fn parse(command: &str) -> Option<Editor> {
        let mut words = split(command)?.into_iter();
        Some(Editor { program: words.next().filter(|program| !program.is_empty())?, arguments: words.collect() })
    }

    /// Its name, for a notice.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Lets the person edit `text` in a file of this `name`, by which editors choose their syntax; none when it was left
    /// as it was. A newline at the end that the editor added is taken off. Waits for the editor: the screen is released, and this is not called on the loop's thread unless
    /// nothing else shall happen meanwhile.
    ///
    /// # Errors
    /// As [`EditorError`] says; what was written in a failed editor is kept in a file.
    pub fn edit(&self, name: &str, text: &str) -> Result<Option<String>, EditorError> {
        let folder = tempfile::Builder::new().prefix("retrace-").tempdir()?;
        let path = folder.path().join(name);
        fs::write(&path, text)?;
        let status = self.run(&path)?;
        if !status.success() {
            let kept = differs(&path, text).then(|| keep(folder, name));
            return Err(EditorError::Failed { program: self.program.clone(), status, kept });
        }
        match String::from_utf8(fs::read(&path)?) {
            Ok(written) => {
                Ok(Some(without_added_newline(&written, text)).filter(|new| *new != text).map(str::to_owned))
            }
            Err(_) => Err(EditorError::NotText(keep(folder, name))),
        }
    }

    /// Lets the person edit a file where it is. Waits as [`Editor::edit`] does.
    ///
    /// # Errors
    /// The editor cannot be started, or ended with an error.
    pub fn open(&self, path: &Path) -> Result<(), EditorError> {
        match self.run(path)? {
            status if status.success() => Ok(()),
            status => Err(EditorError::Failed { program: self.program.clone(), status, kept: None }),
        }
    }

    fn run(&self, path: &Path) -> Result<ExitStatus, EditorError> {
        let start = |source| EditorError::Start { program: self.program.clone(), source };
        Command::new(&self.program).args(&self.arguments).arg(path).status().map_err(start)
    }
}

/// Splits as a shell does; on Windows, where a backslash separates folders, only at quotes and spaces.
fn split(command: &str) -> Option<Vec<String>> {
    if cfg!(windows) { shlex::split(&command.replace('\\', "\\\\")) } else { shlex::split(command) }
}

fn without_added_newline<'a>(written: &'a str, given: &str) -> &'a str {
    match written.strip_suffix("\r\n").or_else(|| written.strip_suffix('\n')) {
        Some(stripped) if !given.ends_with('\n') => stripped,
        _ => written,
    }
}

fn differs(path: &Path, text: &str) -> bool {
    fs::read(path).is_ok_and(|written| without_added_newline(&String::from_utf8_lossy(&written), text) != text)
}

fn keep(folder: TempDir, name: &str) -> PathBuf {
    folder.keep().join(name)
}

/// Whether one of the folders in `path` holds the program.
fn is_in(path: &OsString, program: &str) -> bool {
    env::split_paths(path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(variables: &[(&str, &str)], installed: &[&str]) -> Result<Editor, EditorError> {
        let find = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
        Editor::choose(find, |program| installed.contains(&program))
    }

    #[test]
    fn the_editor_is_the_one_that_the_person_named() {
        let chosen = |variables: &[(&str, &str)], installed: &[&str]| {
            let editor = choose(variables, installed).unwrap();
            [vec![editor.program], editor.arguments].concat().join("|")
        };
        assert_eq!(chosen(&[("VISUAL", "code --wait"), ("EDITOR", "vi")], &["nano"]), "code|--wait");
        assert_eq!(chosen(&[("VISUAL", " "), ("EDITOR", "emacs -nw")], &[]), "emacs|-nw");
        assert_eq!(chosen(&[("EDITOR", "'/opt/my editor/e' \"-c 'x y'\"")], &[]), "/opt/my editor/e|-c 'x y'");
        assert_eq!(chosen(&[], &["vi", "nano"]), "nano");
        assert_eq!(chosen(&[], &["vi"]), "vi");
    }

    #[test]
    fn no_editor_is_a_sentence_with_the_remedy() {
        assert!(choose(&[], &[]).unwrap_err().to_string().contains("export EDITOR="));
        let error = choose(&[("EDITOR", "vi 'x")], &["vi"]).unwrap_err().to_string();
        assert!(error.starts_with("EDITOR is `vi 'x`, which is no command"), "{error}");
    }

    #[cfg(unix)]
    fn script(body: &str) -> Editor {
        Editor { program: "sh".to_owned(), arguments: vec!["-c".to_owned(), body.to_owned(), "editor".to_owned()] }
    }

    #[cfg(unix)]
    #[test]
    fn the_text_comes_back_as_it_was_saved() {
        let edit = |body: &str, text: &str| script(body).edit("segment.md", text).unwrap();
        assert_eq!(edit("printf 'new\\n' > \"$1\"", "old"), Some("new".to_owned()), "the newline is the editor's");
        assert_eq!(edit("printf 'new\\n' > \"$1\"", "old\n"), Some("new\n".to_owned()), "the newline is the text's");
        assert_eq!(edit("printf 'new\\n\\n' > \"$1\"", "old"), Some("new\n".to_owned()), "only one is taken off");
        assert_eq!(edit("true", "old"), None);
        assert_eq!(edit("echo >> \"$1\"", "old"), None, "a newline alone is no change");
        assert_eq!(edit(": > \"$1\"", "old"), Some(String::new()));
        assert_eq!(
            edit("test \"$(basename \"$1\")\" = segment.md && printf %s 思 >> \"$1\"", "é"),
            Some("é思".to_owned())
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_failing_editor_changes_nothing_and_loses_nothing() {
        let error = script("exit 1").edit("segment.md", "old").unwrap_err();
        assert!(error.to_string().ends_with("nothing was taken over"), "{error}");
        let error = script("printf half > \"$1\"; exit 3").edit("segment.md", "old").unwrap_err();
        let EditorError::Failed { kept: Some(kept), .. } = &error else { panic!("{error}") };
        assert_eq!(fs::read_to_string(kept).unwrap(), "half");
        assert!(error.to_string().contains("exit status: 3") && error.to_string().contains("segment.md"), "{error}");
        fs::remove_dir_all(kept.parent().unwrap()).unwrap();

        let error = script("printf '\\377' > \"$1\"").edit("segment.md", "old").unwrap_err();
        let EditorError::NotText(kept) = error else { panic!("{error}") };
        fs::remove_dir_all(kept.parent().unwrap()).unwrap();
        let missing = Editor { program: "/nowhere/editor".to_owned(), arguments: Vec::new() };
        assert!(matches!(missing.edit("segment.md", "old"), Err(EditorError::Start { .. })));
    }
}
