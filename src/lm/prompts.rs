//! The prompts in English and Chinese: compiled in, and replaced file by file from a folder of the user's.
//!
//! A file is text with placeholders in braces. A leading `<!-- ... -->` documents it and is not sent; white space
//! around the rest is ignored. What an answer must look like is the business of [`super::rewrite`].

use std::path::{Path, PathBuf};

use crate::reer::Language;

/// What a prompt is for; also its file's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Asks for a first trajectory.
    Draft,
    /// Asks for a rewrite of one segment.
    Refine,
    /// The plain frame around x, for models without a chat template.
    Frame,
    /// The guide on how to think into which the paper preset puts x.
    Guide,
}

impl Kind {
    const ALL: [Kind; 4] = [Kind::Draft, Kind::Refine, Kind::Frame, Kind::Guide];

    fn file(self) -> &'static str {
        match self {
            Kind::Draft => "draft.md",
            Kind::Refine => "refine.md",
            Kind::Frame => "frame.md",
            Kind::Guide => "guide.md",
        }
    }

    /// Placeholders without which a prompt cannot do its work.
    fn required(self) -> &'static [&'static str] {
        match self {
            Kind::Draft => &["{query}", "{reference}"],
            Kind::Refine => &["{query}", "{reference}", "{trajectory}"],
            Kind::Frame | Kind::Guide => &["{query}"],
        }
    }
}

/// Why a user's prompts cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    #[error("{}: {}", path.display(), crate::text::unreadable(source))]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{path}: the placeholder {placeholder} is missing; put it where that text belongs", path = path.display())]
    Placeholder { path: PathBuf, placeholder: &'static str },
    #[error("{path}: the comment at the top is not closed with -->", path = path.display())]
    Comment { path: PathBuf },
}

const LANGUAGES: [Language; 2] = [Language::En, Language::Zh];

/// The texts as compiled in, in the order of [`LANGUAGES`] and [`Kind::ALL`].
const BUNDLED: [[&str; 4]; 2] = [
    [
        include_str!("../../assets/prompts/en/draft.md"),
        include_str!("../../assets/prompts/en/refine.md"),
        include_str!("../../assets/prompts/en/frame.md"),
        include_str!("../../assets/prompts/en/guide.md"),
    ],
    [
        include_str!("../../assets/prompts/zh/draft.md"),
        include_str!("../../assets/prompts/zh/refine.md"),
        include_str!("../../assets/prompts/zh/frame.md"),
        include_str!("../../assets/prompts/zh/guide.md"),
    ],
];

/// The prompt texts in use, comments removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompts {
    texts: [[String; 4]; 2],
}

impl Default for Prompts {
    /// The bundled texts.
    fn default() -> Prompts {
        Prompts { texts: BUNDLED.map(|texts| texts.map(|text| body(text).unwrap_or(text).to_owned())) }
    }
}

impl Prompts {
    /// The bundled texts, each replaced by `FOLDER/{en,zh}/{draft,refine,frame,guide}.md` where that file is.
    ///
    /// # Errors
    /// A file that cannot be read, lacks a placeholder, or has an open comment; it is named.
    pub fn load(folder: Option<&Path>) -> Result<Prompts, PromptError> {
        let mut prompts = Prompts::default();
        let Some(folder) = folder else { return Ok(prompts) };
        for language in LANGUAGES {
            for kind in Kind::ALL {
                let path = folder.join(language.code()).join(kind.file());
                if let Some(text) = read(&path, kind)? {
                    prompts.texts[language as usize][kind as usize] = text;
                }
            }
        }
        Ok(prompts)
    }

    /// These prompts with the guide of both languages taken from one file.
    ///
    /// # Errors
    /// As [`Prompts::load`]; a missing file is one too.
    pub fn with_guide(mut self, path: &Path) -> Result<Prompts, PromptError> {
        let missing = || PromptError::Unreadable { path: path.to_owned(), source: std::io::ErrorKind::NotFound.into() };
        let guide = read(path, Kind::Guide)?.ok_or_else(missing)?;
        for language in LANGUAGES {
            self.texts[language as usize][Kind::Guide as usize].clone_from(&guide);
        }
        Ok(self)
    }

    /// A prompt's text with its placeholders in place.
    pub fn text(&self, language: Language, kind: Kind) -> &str {
        &self.texts[language as usize][kind as usize]
    }

    /// The prompt with `values` (name without braces, text) in place of its placeholders, in one pass: braces inside
    /// a value stay. A paragraph whose placeholder has the value `None` is left out.
    pub fn fill(&self, language: Language, kind: Kind, values: &[(&str, Option<&str>)]) -> String {
        let absent: Vec<String> =
            values.iter().filter(|(_, value)| value.is_none()).map(|(name, _)| format!("{{{name}}}")).collect();
        let paragraphs: Vec<&str> = self
            .text(language, kind)
            .split("\n\n")
            .filter(|paragraph| !absent.iter().any(|placeholder| paragraph.contains(placeholder)))
            .collect();
        substitute(&paragraphs.join("\n\n"), values)
    }

    /// BLAKE3 of all texts, 16 hex digits: two runs with the same digest asked in the same words.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for text in self.texts.iter().flatten() {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        hasher.finalize().to_hex()[..16].to_owned()
    }
}

/// The file's text without its comment; `None` when there is no such file.
fn read(path: &Path, kind: Kind) -> Result<Option<String>, PromptError> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text.replace("\r\n", "\n"),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(PromptError::Unreadable { path: path.to_owned(), source }),
    };
    let text = body(&text).ok_or_else(|| PromptError::Comment { path: path.to_owned() })?;
    match kind.required().iter().find(|placeholder| !text.contains(**placeholder)) {
        Some(placeholder) => Err(PromptError::Placeholder { path: path.to_owned(), placeholder }),
        None => Ok(Some(text.to_owned())),
    }
}

/// What follows the leading comment, trimmed; `None` when the comment is not closed.
fn body(file: &str) -> Option<&str> {
    let file = file.trim_start_matches('\u{FEFF}').trim();
    match file.strip_prefix("<!--") {
        Some(comment) => comment.split_once("-->").map(|(_, text)| text.trim()),
        None => Some(file),
    }
}

fn substitute(template: &str, values: &[(&str, Option<&str>)]) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        rest = &rest[open..];
        let known = values.iter().find_map(|(name, value)| {
            let after = rest[1..].strip_prefix(name)?.strip_prefix('}')?;
            Some((value.unwrap_or_default(), after))
        });
        match known {
            Some((value, after)) => {
                out.push_str(value);
                rest = after;
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_texts_hold_what_they_must() {
        let prompts = Prompts::default();
        for language in LANGUAGES {
            for kind in Kind::ALL {
                let text = prompts.text(language, kind);
                assert!(!text.contains("<!--"), "{language:?} {kind:?} still has its comment");
                assert!(kind.required().iter().all(|p| text.contains(p)), "{language:?} {kind:?}");
            }
            assert!(prompts.text(language, Kind::Refine).contains("{instruction}"));
        }
        assert_eq!(prompts.text(Language::En, Kind::Frame), "Query:\n{query}\n\nResponse:");
        assert_eq!(prompts.text(Language::Zh, Kind::Frame), "要求：\n{query}\n\n正文：");
    }

    #[test]
    fn values_are_never_expanded_and_absent_paragraphs_go() {
        let prompts = Prompts::default();
        let values = [
            ("query", Some("say {reference} {")),
            ("reference", Some("{trajectory}")),
            ("trajectory", Some("z")),
            ("instruction", None),
        ];
        let text = prompts.fill(Language::En, Kind::Refine, &values);
        assert!(text.contains("<request>\nsay {reference} {\n</request>"));
        assert!(text.contains("<piece>\n{trajectory}\n</piece>"));
        assert!(!text.contains("asks of this rewrite"));
        let with = prompts.fill(Language::En, Kind::Refine, &[("instruction", Some("shorter"))]);
        assert!(with.contains("asks of this rewrite: shorter"));
    }

    #[test]
    fn a_folder_replaces_single_files_and_moves_the_digest() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Prompts::load(Some(folder.path())).unwrap(), Prompts::default());
        std::fs::create_dir(folder.path().join("zh")).unwrap();
        let file = folder.path().join("zh").join("guide.md");
        std::fs::write(&file, "<!-- mine -->\r\n想好再写：{query}\r\n").unwrap();
        let mine = Prompts::load(Some(folder.path())).unwrap();
        assert_eq!(mine.text(Language::Zh, Kind::Guide), "想好再写：{query}");
        assert_eq!(mine.text(Language::En, Kind::Guide), Prompts::default().text(Language::En, Kind::Guide));
        assert_ne!(mine.digest(), Prompts::default().digest());
        assert_eq!(mine.digest().len(), 16);
        let both = Prompts::default().with_guide(&file).unwrap();
        assert_eq!(both.text(Language::En, Kind::Guide), "想好再写：{query}");
    }

    #[test]
    fn faults_name_the_file_and_what_it_lacks() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("en")).unwrap();
        let file = folder.path().join("en").join("draft.md");
        for (text, expected) in [("only {query}", "{reference} is missing"), ("<!-- {query} {reference}", "not closed")]
        {
            std::fs::write(&file, text).unwrap();
            let error = Prompts::load(Some(folder.path())).unwrap_err().to_string();
            assert!(error.contains("draft.md") && error.contains(expected), "{error}");
        }
        assert!(Prompts::default().with_guide(&folder.path().join("none.md")).is_err());
    }
}
