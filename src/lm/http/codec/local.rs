//! A codec from a `tokenizer.json` on this machine, with what stands beside it: special tokens and the chat template.
//!
//! A normaliser of the file (NFC, say) is applied as the model's own tools apply it; byte ranges are still those of the
//! text that was given.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use serde_json::Value;
use tokenizers::{Model as _, Normalizer as _, OffsetType, PreTokenizer as _, Tokenizer};

use super::control::{Control, Part, Place, Run};
use super::spans::{covering, gaps};
use super::vocabulary::{Config, Vocabulary};
use super::{Codec, PromptTokens, text_after};
use crate::lm::template::SpecialTokens;
use crate::lm::{FramePiece, LmError};
use crate::reer::Target;

/// A vocabulary on this machine.
pub struct Local {
    /// Without the space that some vocabularies put in front of a text.
    bare: Tokenizer,
    /// With it, where the vocabulary has such a rule.
    leading: Option<Tokenizer>,
    /// Whether text behind a control token has it too.
    leads_after_control: bool,
    control: Control,
    /// What every sequence begins with.
    begin: Vec<u32>,
    unknown: Option<u32>,
    config: Config,
}

impl Local {
    /// Loads a `tokenizer.json`, or the one in a folder, with the `tokenizer_config.json` and `chat_template.jinja`
    /// beside it where they are.
    ///
    /// # Errors
    /// [`LmError::Unsupported`] with the file and the cause.
    pub fn open(path: &Path) -> Result<Local, LmError> {
        let file = if path.is_dir() { path.join("tokenizer.json") } else { path.to_owned() };
        let folder = file.parent().map(Path::to_path_buf).unwrap_or_default();
        let json = read_json(&file)?.ok_or_else(|| {
            fault(&file, "there is no such file; name a tokenizer.json or the folder of one with tokenizer=PATH")
        })?;
        let config = config(&folder)?;
        let vocabulary = Vocabulary::new(json).ok_or_else(|| fault(&file, "it is no tokenizer.json"))?;
        Local::new(&vocabulary, config).map_err(|cause| fault(&file, &cause))
    }

    fn new(vocabulary: &Vocabulary, config: Config) -> Result<Local, String> {
        let mut whole = load(&vocabulary.json)?;
        let moved = vocabulary.added.iter().find(|(spelling, id)| whole.token_to_id(spelling) != Some(*id));
        if let Some((spelling, id)) = moved {
            return Err(format!("its added token {spelling} is not where the file says, at {id}"));
        }
        let control = Control::new(vocabulary.control.clone());
        let mut begin = begin(&whole)?;
        if begin.is_empty() && config.adds_bos {
            begin.extend(config.bos.as_deref().and_then(|bos| control.id(bos)));
        }
        // Its post-processor also moves byte ranges off leading spaces.
        whole.with_post_processor(None::<tokenizers::PostProcessorWrapper>);
        let (bare, leading, leads_after_control) = match vocabulary.without_prefix() {
            Some((json, after_control)) => (load(&json)?, Some(whole), after_control),
            None => (whole, None, false),
        };
        let unknown = vocabulary.unknown;
        Ok(Local { bare, leading, leads_after_control, control, begin, unknown, config })
    }

    /// The model's chat template, where it has one.
    pub fn chat_template(&self) -> Option<&str> {
        self.config.chat_template.as_deref()
    }

    /// Special tokens by their spelling, for the chat template.
    pub fn special_tokens(&self) -> SpecialTokens {
        let Config { bos, eos, unknown, padding, .. } = self.config.clone();
        SpecialTokens { bos, eos, unknown, padding }
    }

    fn at(&self, place: Place) -> &Tokenizer {
        let leads = match place {
            Place::Start => true,
            Place::AfterControl => self.leads_after_control,
            Place::Inside => false,
        };
        self.leading.as_ref().filter(|_| leads).unwrap_or(&self.bare)
    }

    /// Tokens of a text in which no control token is recognised.
    fn encode(&self, text: &str, place: Place) -> Result<Target, LmError> {
        let tokenizer = self.at(place);
        let target = pieces_of(tokenizer, text)?;
        let spelled = self.unknown.is_none_or(|unknown| !target.tokens.contains(&unknown));
        let lost = gaps(&target.spans, text).into_iter().any(|gap| is_lost(tokenizer, gap));
        if !spelled || lost {
            return Err(unspelled());
        }
        Ok(Target { spans: covering(target.spans, text), ..target })
    }
}

#[async_trait]
impl Codec for Local {
    async fn prompt(&self, pieces: &[FramePiece]) -> Result<PromptTokens, LmError> {
        let mut ids = Vec::new();
        for run in self.control.runs(pieces) {
            match run {
                Run::Control(id) => ids.push(id),
                Run::Text(text, place) => ids.extend(self.encode(&text, place)?.tokens),
            }
        }
        if self.begin.first().is_some_and(|bos| ids.first() != Some(bos)) {
            ids.splice(0..0, self.begin.iter().copied());
        }
        let bos = self.bos().and_then(|bos| self.control.spelling(bos));
        Ok(PromptTokens { ids, text: text_after(bos, pieces) })
    }

    async fn target(&self, text: &str) -> Result<Target, LmError> {
        self.encode(text, Place::Inside)
    }

    async fn verbatim(&self, text: &str, first: bool) -> Result<Target, LmError> {
        let mut target = Target { tokens: Vec::new(), spans: Vec::new() };
        let mut place = if first { Place::Start } else { Place::Inside };
        let mut from = 0;
        for part in self.control.cut(text) {
            match part {
                Part::Control(id, spelling) => {
                    target.tokens.push(id);
                    target.spans.push(from..from + spelling.len());
                    from += spelling.len();
                    place = Place::AfterControl;
                }
                Part::Plain(plain) => {
                    let encoded = self.encode(plain, place)?;
                    target.tokens.extend(encoded.tokens);
                    target.spans.extend(encoded.spans.iter().map(|span| span.start + from..span.end + from));
                    from += plain.len();
                }
            }
        }
        Ok(target)
    }

    fn bos(&self) -> Option<u32> {
        self.begin.first().copied()
    }
}

impl std::fmt::Debug for Local {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Local").field("tokens", &self.bare.get_vocab_size(true)).field("begin", &self.begin).finish()
    }
}

fn load(json: &Value) -> Result<Tokenizer, String> {
    let bytes = serde_json::to_vec(json).map_err(|error| error.to_string())?;
    let mut tokenizer =
        Tokenizer::from_bytes(bytes).map_err(|error| format!("its tokenizer cannot be used: {error}"))?;
    tokenizer.set_encode_special_tokens(true);
    Ok(tokenizer)
}

/// What the file's post-processor puts in front of every sequence.
fn begin(tokenizer: &Tokenizer) -> Result<Vec<u32>, String> {
    let ids = |special| tokenizer.encode_fast("a", special).map(|encoding| encoding.get_ids().to_vec());
    let both = ids(false).and_then(|plain| Ok((plain, ids(true)?)));
    let (plain, special) = both.map_err(|error| format!("its tokenizer cannot be used: {error}"))?;
    let at = special.windows(plain.len().max(1)).position(|window| window == plain);
    Ok(special[..at.unwrap_or(0)].to_vec())
}

/// Tokens of a text with byte ranges as the library tells them.
fn pieces_of(tokenizer: &Tokenizer, text: &str) -> Result<Target, LmError> {
    let fault = |error: tokenizers::Error| match error.downcast::<Unspelled>() {
        Ok(_) => unspelled(),
        Err(error) => LmError::Invalid(format!("the tokenizer failed: {error}")),
    };
    let added = tokenizer.get_added_vocabulary();
    let mut cut = added.extract_and_normalize(tokenizer.get_normalizer(), text);
    if let Some(words) = tokenizer.get_pre_tokenizer() {
        words.pre_tokenize(&mut cut).map_err(fault)?;
    }
    let model = tokenizer.get_model();
    let tokenized = cut.tokenize(|word| {
        let tokens = model.tokenize(word.get())?;
        // A vocabulary without bytes and without an unknown token drops what it cannot spell, and says nothing.
        let covered =
            tokens.iter().fold(0, |end, token| if token.offsets.0 <= end { token.offsets.1.max(end) } else { 0 });
        if covered == word.get().len() { Ok(tokens) } else { Err(Unspelled.into()) }
    });
    tokenized.map_err(fault)?;
    let encoding = cut.into_encoding(None, 0, OffsetType::Byte).map_err(fault)?;
    let spans = encoding.get_offsets().iter().map(|(start, end)| *start..*end).collect();
    Ok(Target { tokens: encoding.get_ids().to_vec(), spans })
}

/// Whether bytes that no token has are missing from the tokens: not so for those that a normaliser drops, or joins to the
/// character before.
fn is_lost(tokenizer: &Tokenizer, gap: &str) -> bool {
    let mut normal = gap.into();
    let dropped = match tokenizer.get_normalizer() {
        Some(normalizer) => normalizer.normalize(&mut normal).is_ok() && normal.is_empty(),
        None => false,
    };
    !dropped && pieces_of(tokenizer, gap).is_ok_and(|alone| alone.tokens.is_empty())
}

#[derive(Debug, thiserror::Error)]
#[error("not in the vocabulary")]
struct Unspelled;

fn unspelled() -> LmError {
    let what = "the text has characters that the model's vocabulary cannot spell";
    LmError::Unsupported(format!("{what}; use another model"))
}

/// `None` when the file is not there.
fn read(file: &Path) -> Result<Option<String>, LmError> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(fault(file, &format!("it cannot be read: {error}"))),
    }
}

fn read_json(file: &Path) -> Result<Option<Value>, LmError> {
    let Some(text) = read(file)? else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(|error| fault(file, &format!("it is no JSON: {error}")))
}

fn config(folder: &Path) -> Result<Config, LmError> {
    let json = read_json(&folder.join("tokenizer_config.json"))?;
    let mut config = json.as_ref().and_then(Value::as_object).map(Config::new).unwrap_or_default();
    if let Some(template) = read(&folder.join("chat_template.jinja"))? {
        config.chat_template = Some(template);
    }
    Ok(config)
}

fn fault(file: &Path, cause: &str) -> LmError {
    let file: PathBuf = file.to_owned();
    LmError::Unsupported(format!("{}: {cause}", file.display()))
}
