//! The tokenizer that a model file carries: text to token ids and back, with byte ranges and control tokens.
//!
//! Text is taken byte for byte (no Unicode normalisation), so that the tokens of a text always cover exactly its bytes.

mod control;
mod sentencepiece;
mod split;

use std::collections::HashMap;
use std::ops::Range;

use tokenizers::models::bpe::BPE;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split as RegexSplit, SplitPattern};
use tokenizers::tokenizer::SplitDelimiterBehavior;
use tokenizers::{PreTokenizerWrapper, Tokenizer as Bpe};
use transformer::{GgufError, GgufFile};

pub(super) use self::control::Part;
pub use self::control::Special;
use self::control::{Spellings, is_control, is_tag};
use crate::lm::LmError;

/// A vocabulary with its rules.
pub struct Tokenizer {
    bpe: Bpe,
    pieces: Vec<Piece>,
    /// Recognised in markup.
    control: Spellings,
    /// One token in any text.
    whole: Spellings,
    spaces: Spaces,
    special: Special,
}

struct Piece {
    /// As the vocabulary spells it.
    spelling: String,
    /// The text's bytes it stands for.
    bytes: Vec<u8>,
    control: bool,
}

/// What happens to spaces.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spaces {
    /// Bytes like others.
    Bytes,
    /// Written as `▁`, with one more in front of a text when `prefix`.
    Written { prefix: bool },
}

/// Tokens of a text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Encoded {
    pub ids: Vec<u32>,
    /// Byte range of each token in the text. Tokens inside one character share its range.
    pub spans: Vec<Range<usize>>,
}

/// Kinds of pieces, as `tokenizer.ggml.token_type` numbers them.
const NORMAL: u64 = 1;
const CONTROL: u64 = 3;
const USER_DEFINED: u64 = 4;
const BYTE: u64 = 6;

impl Tokenizer {
    pub(super) fn load(file: &GgufFile) -> Result<Tokenizer, GgufError> {
        let vocabulary = Vocabulary::read(file)?;
        let model = file.text("tokenizer.ggml.model").ok_or_else(|| file.missing("tokenizer.ggml.model"))?;
        let (bpe, spaces, adds_bos) = match model {
            "gpt2" => {
                let pre = file.text("tokenizer.ggml.pre").unwrap_or("default");
                let cut = split::named(pre).ok_or_else(|| {
                    file.unsupported(format!("the pre-tokenizer `{pre}`"), "use a model of a known family")
                })?;
                let adds_bos = cut.adds_bos;
                (byte_level(file, &vocabulary, &cut)?, Spaces::Bytes, adds_bos)
            }
            "llama" => {
                let prefix = file.flag("tokenizer.ggml.add_space_prefix").unwrap_or(true);
                (pieces_with_scores(file, &vocabulary)?, Spaces::Written { prefix }, true)
            }
            other => {
                return Err(file.unsupported(format!("the tokenizer `{other}`"), "use a model with a BPE vocabulary"));
            }
        };
        let pieces = vocabulary.pieces(spaces);
        let listed = |wanted: &dyn Fn(u64, &str) -> bool| {
            let all = vocabulary.ids();
            Spellings::new(all.filter(|(s, id)| !s.is_empty() && wanted(vocabulary.kind(*id as usize), s)).collect())
        };
        let control = listed(&is_control);
        let special = Special::read(file, &control.list, adds_bos, vocabulary.tokens.len());
        let whole = listed(&|kind, s| kind == USER_DEFINED && !is_control(kind, s));
        Ok(Tokenizer { bpe, pieces, control, whole, spaces, special })
    }

    /// Size of the vocabulary.
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Whether the vocabulary is empty, which no loaded one is.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Ids with a meaning of their own.
    pub fn special(&self) -> &Special {
        &self.special
    }

    /// How the vocabulary spells a token; `None` for an id it does not have.
    pub fn spelling(&self, id: u32) -> Option<&str> {
        self.pieces.get(id as usize).map(|piece| piece.spelling.as_str())
    }

    /// The bytes of text that a token stands for; none for a control token that is not a tag like `<think>`.
    pub fn bytes(&self, id: u32) -> &[u8] {
        match self.pieces.get(id as usize) {
            Some(piece) if piece.control && !is_tag(&piece.spelling) => &[],
            Some(piece) => &piece.bytes,
            None => &[],
        }
    }

    /// The text of tokens; bytes that are no text become U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> String {
        let bytes: Vec<u8> = ids.iter().flat_map(|id| self.bytes(*id)).copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Tokens of a text in which control tokens are text like any other.
    ///
    /// # Errors
    /// [`LmError::Unsupported`] when the vocabulary has no token for a byte of it.
    pub fn encode(&self, text: &str) -> Result<Encoded, LmError> {
        self.encode_at(text, false)
    }

    /// As [`Tokenizer::encode`]; with `first`, as the beginning of a sequence or of what follows a control token, where
    /// SentencePiece models expect a space in front.
    pub(super) fn encode_at(&self, text: &str, first: bool) -> Result<Encoded, LmError> {
        let mut out = Encoded::default();
        self.push(text, first, &mut out)?;
        Ok(out.covering(text))
    }

    /// Tokens of a text in which control tokens spelled out are those tokens; `first` as in `encode_at`.
    ///
    /// # Errors
    /// As [`Tokenizer::encode`].
    pub fn encode_markup(&self, text: &str, first: bool) -> Result<Encoded, LmError> {
        let (mut out, mut first) = (Encoded::default(), first);
        for part in self.cut(text) {
            match part {
                Part::Control(id, spelling) => out.push(id, spelling.len()),
                Part::Plain(plain) => self.push(plain, first, &mut out)?,
            }
            first = matches!(part, Part::Control(..));
        }
        Ok(out.covering(text))
    }

    /// A text cut at the control tokens spelled in it.
    pub(super) fn cut<'t>(&self, text: &'t str) -> Vec<Part<'t>> {
        self.control.cut(text)
    }

    fn push(&self, text: &str, first: bool, out: &mut Encoded) -> Result<(), LmError> {
        let mut first = first;
        for part in self.whole.cut(text) {
            match part {
                Part::Control(id, spelling) => out.push(id, spelling.len()),
                Part::Plain(plain) => self.push_plain(plain, first, out)?,
            }
            first = false;
        }
        Ok(())
    }

    fn push_plain(&self, text: &str, first: bool, out: &mut Encoded) -> Result<(), LmError> {
        if text.is_empty() {
            return Ok(());
        }
        let fault = |error: tokenizers::Error| LmError::Invalid(format!("the tokenizer failed: {error}"));
        let (encoding, prefixed) = match self.spaces {
            Spaces::Bytes => (self.bpe.encode_fast(text, false).map_err(fault)?, false),
            Spaces::Written { prefix } => {
                let prefix = prefix && first;
                let mut written = String::with_capacity(text.len() + 16);
                written.extend(prefix.then_some(sentencepiece::SPACE));
                written.extend(text.chars().map(|c| if c == ' ' { sentencepiece::SPACE } else { c }));
                (self.bpe.encode_fast(written, false).map_err(fault)?, prefix)
            }
        };
        let ids = encoding.get_ids();
        let covered: usize = ids.iter().map(|id| self.pieces[*id as usize].bytes.len()).sum();
        if covered != text.len() + usize::from(prefixed) {
            let what = "the text has characters that the model's vocabulary cannot spell";
            return Err(LmError::Unsupported(format!("{what}; use another model")));
        }
        for (at, id) in ids.iter().enumerate() {
            let bytes = self.pieces[*id as usize].bytes.len();
            out.push(*id, bytes - usize::from(prefixed && at == 0));
        }
        Ok(())
    }
}

impl Encoded {
    fn push(&mut self, id: u32, bytes: usize) {
        let start = self.spans.last().map_or(0, |span| span.end);
        self.ids.push(id);
        self.spans.push(start..start + bytes);
    }

    /// Widens ranges that cut a character to the whole character.
    fn covering(mut self, text: &str) -> Encoded {
        for span in &mut self.spans {
            while !text.is_char_boundary(span.start) {
                span.start -= 1;
            }
            while !text.is_char_boundary(span.end) {
                span.end += 1;
            }
        }
        self
    }
}

struct Vocabulary<'a> {
    tokens: Vec<&'a str>,
    kinds: Vec<u64>,
}

impl<'a> Vocabulary<'a> {
    fn read(file: &'a GgufFile) -> Result<Vocabulary<'a>, GgufError> {
        let tokens = file.texts("tokenizer.ggml.tokens")?;
        let kinds = file.numbers("tokenizer.ggml.token_type");
        Ok(Vocabulary { tokens, kinds: kinds.into_iter().map(|kind| kind.unwrap_or(NORMAL)).collect() })
    }

    fn kind(&self, id: usize) -> u64 {
        self.kinds.get(id).copied().unwrap_or(NORMAL)
    }

    fn pieces(&self, spaces: Spaces) -> Vec<Piece> {
        let alphabet = byte_alphabet();
        let piece = |(id, token): (usize, &&str)| {
            let kind = self.kind(id);
            let special = matches!(kind, CONTROL | USER_DEFINED);
            let bytes = match spaces {
                _ if special => token.as_bytes().to_vec(),
                Spaces::Bytes => token.chars().filter_map(|c| alphabet.get(&c)).copied().collect(),
                Spaces::Written { .. } => match sentencepiece::byte(token).filter(|_| kind == BYTE) {
                    Some(byte) => vec![byte],
                    None => token.replace(sentencepiece::SPACE, " ").into_bytes(),
                },
            };
            Piece { spelling: (*token).to_owned(), bytes, control: is_control(kind, token) }
        };
        self.tokens.iter().enumerate().map(piece).collect()
    }

    fn ids(&self) -> impl Iterator<Item = (String, u32)> {
        self.tokens.iter().enumerate().map(|(id, token)| ((*token).to_owned(), id as u32))
    }
}

/// A vocabulary over bytes, each written as a printable character (GPT-2's scheme).
fn byte_level(file: &GgufFile, vocabulary: &Vocabulary<'_>, cut: &split::Split) -> Result<Bpe, GgufError> {
    let merges = file
        .texts("tokenizer.ggml.merges")?
        .into_iter()
        .map(|merge| merge.split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned())))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| file.damaged("tokenizer.ggml.merges has an entry that is not a pair"))?;
    let whole_words = file.flag("tokenizer.ggml.ignore_merges").unwrap_or(cut.whole_words);
    let mut bpe = build(file, vocabulary, merges, |builder| builder.ignore_merges(whole_words))?;
    let mut steps = Vec::new();
    for pattern in cut.patterns {
        let pattern = SplitPattern::Regex((*pattern).to_owned());
        let step = RegexSplit::new(pattern, SplitDelimiterBehavior::Isolated, false);
        steps.push(PreTokenizerWrapper::from(step.map_err(|error| file.damaged(error.to_string()))?));
    }
    // No space is put in front of the text: that would change every first token.
    steps.push(ByteLevel::new(false, false, false).into());
    bpe.with_pre_tokenizer(Some(Sequence::new(steps)));
    Ok(bpe)
}

/// A SentencePiece vocabulary.
fn pieces_with_scores(file: &GgufFile, vocabulary: &Vocabulary<'_>) -> Result<Bpe, GgufError> {
    let scores = file.reals("tokenizer.ggml.scores")?;
    let textual = |id: usize| matches!(vocabulary.kind(id), NORMAL | USER_DEFINED);
    let pieces: Vec<(&str, f32)> = vocabulary
        .tokens
        .iter()
        .zip(scores)
        .enumerate()
        .filter(|(id, _)| textual(*id))
        .map(|(_, (token, score))| (*token, score.unwrap_or(f32::NEG_INFINITY)))
        .collect();
    build(file, vocabulary, sentencepiece::merges(&pieces), |builder| builder.byte_fallback(true))
}

fn build(
    file: &GgufFile,
    vocabulary: &Vocabulary<'_>,
    merges: Vec<(String, String)>,
    set: impl FnOnce(tokenizers::models::bpe::BpeBuilder) -> tokenizers::models::bpe::BpeBuilder,
) -> Result<Bpe, GgufError> {
    let ids: tokenizers::models::bpe::Vocab = vocabulary.ids().collect();
    let builder = BPE::builder().vocab_and_merges(ids, merges);
    let bpe =
        set(builder).build().map_err(|error| file.damaged(format!("its vocabulary and merges differ: {error}")))?;
    Ok(Bpe::new(bpe))
}

/// The character that stands for each byte: itself where printable, else one from U+0100 on (GPT-2's table).
fn byte_alphabet() -> HashMap<char, u8> {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    let mut next = 0x100u32;
    let mut alphabet = HashMap::with_capacity(256);
    for byte in 0..=255u8 {
        let c = if printable(byte) {
            Some(char::from(byte))
        } else {
            next += 1;
            char::from_u32(next - 1)
        };
        alphabet.extend(c.map(|c| (c, byte)));
    }
    alphabet
}
