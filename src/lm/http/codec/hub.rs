//! Where the tokenizer of a model is found on this machine. Loads nothing and downloads nothing.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::lm::LmError;

/// A `tokenizer.json` on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub file: PathBuf,
    /// What it is and where, in words.
    pub origin: String,
}

/// Finds the tokenizer of `model`: the one that is `named`, a file or a folder; the one in the folder that `model` is the
/// path of; the one in the hub cache. Environment variables are read by `variable`.
///
/// # Errors
/// [`LmError::Unsupported`] when one is named and is not there.
pub fn find(
    named: Option<&Path>,
    model: &str,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Found>, LmError> {
    if let Some(named) = named {
        let path = at_home(named, variable);
        let file = if path.is_dir() { path.join("tokenizer.json") } else { path };
        let origin = format!("{}, as tokenizer= says", file.display());
        return match file.is_file() {
            true => Ok(Some(Found { file, origin })),
            false => Err(LmError::Unsupported(format!(
                "{}: there is no such file; name a tokenizer.json or the folder of one with tokenizer=PATH",
                file.display()
            ))),
        };
    }
    Ok(in_folder(model).or_else(|| in_cache(model, variable)))
}

fn in_folder(model: &str) -> Option<Found> {
    let folder = Path::new(model);
    let file = folder.join("tokenizer.json");
    // A name like `m` is no path: the folder of that name in the present one has nothing to do with the server's model.
    (folder.is_absolute() && file.is_file()).then(|| Found { origin: format!("tokenizer.json in {model}"), file })
}

fn in_cache(model: &str, variable: &dyn Fn(&str) -> Option<String>) -> Option<Found> {
    let (owner, name) = model.split_once('/')?;
    let is_name = |part: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        !part.is_empty() && !part.starts_with('.') && part.chars().all(plain)
    };
    if !is_name(owner) || !is_name(name) {
        return None;
    }
    let folder = cache(variable)?.join(format!("models--{owner}--{name}"));
    let file = current(&folder).or_else(|| newest(&folder))?;
    Some(Found { file, origin: format!("tokenizer.json of {model} in the hub cache") })
}

/// The hub cache, as its own tools find it.
fn cache(variable: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let given = |name: &str| variable(name).filter(|value| !value.is_empty());
    let path = |name: &str| given(name).map(|value| at_home(Path::new(&value), variable));
    let home = || path("XDG_CACHE_HOME").or_else(|| Some(PathBuf::from(given("HOME")?).join(".cache")));
    path("HF_HUB_CACHE")
        .or_else(|| path("HUGGINGFACE_HUB_CACHE"))
        .or_else(|| Some(path("HF_HOME")?.join("hub")))
        .or_else(|| Some(home()?.join("huggingface").join("hub")))
}

/// A path with `~` in front as the shell would read it, which does not look inside an address.
fn at_home(path: &Path, variable: &dyn Fn(&str) -> Option<String>) -> PathBuf {
    let below = path.strip_prefix("~").ok().zip(variable("HOME"));
    below.map_or_else(|| path.to_owned(), |(rest, home)| Path::new(&home).join(rest))
}

/// The tokenizer of the revision that `main` points at.
fn current(folder: &Path) -> Option<PathBuf> {
    let revision = std::fs::read_to_string(folder.join("refs").join("main")).ok()?;
    let revision = revision.trim();
    let file = folder.join("snapshots").join(revision).join("tokenizer.json");
    (!revision.is_empty() && file.is_file()).then_some(file)
}

fn newest(folder: &Path) -> Option<PathBuf> {
    let snapshots = std::fs::read_dir(folder.join("snapshots")).ok()?.flatten();
    let files = snapshots.map(|entry| entry.path().join("tokenizer.json")).filter(|file| file.is_file());
    let changed = |file: &PathBuf| {
        let folder = file.parent().and_then(|folder| folder.metadata().ok());
        folder.and_then(|folder| folder.modified().ok()).unwrap_or(SystemTime::UNIX_EPOCH)
    };
    files.max_by_key(|file| (changed(file), file.clone()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;

    fn put(root: &Path, path: &str, content: &str) -> PathBuf {
        let file = root.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, content).unwrap();
        file
    }

    fn found(model: &str, variables: &[(&str, &Path)]) -> Option<PathBuf> {
        let variable = |name: &str| {
            let (_, value) = variables.iter().find(|(known, _)| *known == name)?;
            Some(value.display().to_string())
        };
        find(None, model, &variable).unwrap().map(|found| found.file)
    }

    #[test]
    fn the_cache_is_where_its_own_tools_look() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        let put = |below: &str| put(root, &format!("{below}/models--Q--M-1.5b/snapshots/r/tokenizer.json"), "{}");
        let files = [put("a"), put("b"), put("c/hub"), put("d/huggingface/hub"), put("e/.cache/huggingface/hub")];
        let of = |name: &'static str, below: &str| (name, root.join(below));
        let variables = [
            of("HF_HUB_CACHE", "a"),
            of("HUGGINGFACE_HUB_CACHE", "b"),
            of("HF_HOME", "c"),
            of("XDG_CACHE_HOME", "d"),
            of("HOME", "e"),
        ];
        let variables: Vec<(&str, &Path)> = variables.iter().map(|(name, path)| (*name, path.as_path())).collect();
        for (from, file) in files.iter().enumerate() {
            assert_eq!(found("Q/M-1.5b", &variables[from..]).as_ref(), Some(file));
        }
        assert_eq!(found("Q/M-1.5b", &[]), None);
    }

    #[test]
    fn the_revision_that_main_points_at_stands_before_newer_ones() {
        let root = tempfile::tempdir().unwrap();
        let cache = root.path();
        let old = put(cache, "models--Q--M/snapshots/old/tokenizer.json", "{}");
        let new = put(cache, "models--Q--M/snapshots/new/tokenizer.json", "{}");
        put(cache, "models--Q--M/snapshots/weights/config.json", "{}");
        let later = SystemTime::now() + Duration::from_secs(60);
        fs::File::open(new.parent().unwrap()).unwrap().set_modified(later).unwrap();
        let of = |model: &str| found(model, &[("HF_HUB_CACHE", cache)]);
        assert_eq!(of("Q/M"), Some(new.clone()));
        put(cache, "models--Q--M/refs/main", "old\n");
        assert_eq!(of("Q/M"), Some(old));
        put(cache, "models--Q--M/refs/main", "weights");
        assert_eq!(of("Q/M"), Some(new), "that revision has none");
        for no in ["M", "Q/N", "Q/../M", "../Q/M", "Q/M/x", ""] {
            assert_eq!(of(no), None, "{no}");
        }
    }

    #[test]
    fn a_model_that_is_a_folder_has_its_own() {
        let root = tempfile::tempdir().unwrap();
        let file = put(root.path(), "m/tokenizer.json", "{}");
        assert_eq!(found(&root.path().join("m").display().to_string(), &[]), Some(file));
        assert_eq!(found(&root.path().display().to_string(), &[]), None);
    }

    #[test]
    fn the_named_one_stands_before_all_and_must_be_there() {
        let root = tempfile::tempdir().unwrap();
        let file = put(root.path(), "m/tokenizer.json", "{}");
        let home = root.path().display().to_string();
        let variable = |name: &str| (name == "HOME").then(|| home.clone());
        for named in [file.as_path(), file.parent().unwrap(), Path::new("~/m")] {
            assert_eq!(find(Some(named), "Q/M", &variable).unwrap().unwrap().file, file);
        }
        let message = find(Some(Path::new("/none/x")), "Q/M", &variable).unwrap_err().to_string();
        assert!(message.starts_with("/none/x: there is no such file; name a tokenizer.json"), "{message}");
    }
}
