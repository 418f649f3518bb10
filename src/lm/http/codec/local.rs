//! A codec from a `tokenizer.json` on this machine, with what stands beside it: special tokens and the chat template.
//!
//! A normaliser of the file (NFC, say) is applied as the model's own tools apply it; byte ranges are still those of the
//! text that was given.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;
use tokenizers::{Model as _, Normalizer as _, OffsetType, PreTokenizer as _, Tokenizer};

use super::control::{Control, Part, Place, Run};
use super::recent::Recent;
use super::spans::{covering, gaps};
use super::vocabulary::{Config, Vocabulary};
use super::{Codec, PromptTokens, cuts, text_after};
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
    /// Whether a text's tokens are those of its parts.
    cuts: bool,
    recent: Recent,
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
        let cuts = leading.is_none() && cuts::can_be_cut(&vocabulary.json);
        let recent = Recent::default();
        Ok(Local { bare, leading, leads_after_control, control, begin, unknown, config, cuts, recent })
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

impl Local {
    /// Appends the ids of [`Local::encode`], in parts and in words where they are the same, each encoded once in a while.
    fn push_ids(&self, text: &str, place: Place, ids: &mut Vec<u32>) -> Result<(), LmError> {
        // Only a space in front depends on the place.
        let place = if self.leading.is_some() { place } else { Place::Inside };
        let whole = |text: &str| Ok(self.encode(text, place)?.tokens);
        if !self.cuts {
            return self.push_known(text, place, ids, whole);
        }
        cuts::parts(text).try_for_each(|part| {
            self.push_known(part, place, ids, |part| {
                let mut of_part = Vec::new();
                cuts::words(part).try_for_each(|word| self.push_known(word, place, &mut of_part, whole))?;
                Ok(of_part)
            })
        })
    }

    /// Appends the ids of a text that was encoded lately, else those that `encode` gives it.
    fn push_known(
        &self,
        text: &str,
        place: Place,
        ids: &mut Vec<u32>,
        encode: impl FnOnce(&str) -> Result<Vec<u32>, LmError>,
    ) -> Result<(), LmError> {
        if let Some(known) = self.recent.get(text, place) {
            ids.extend(known.iter());
            return Ok(());
        }
        let new = encode(text)?;
        ids.extend(&new);
        self.recent.keep(text, place, Arc::from(new));
        Ok(())
    }
}

#[async_trait]
impl Codec for Local {
    async fn prompt(&self, pieces: &[FramePiece]) -> Result<PromptTokens, LmError> {
        let mut ids = Vec::new();
        for run in self.control.runs(pieces) {
            match run {
                Run::Control(id) => ids.push(id),
                Run::Text(text, place) => self.push_ids(&text, place, &mut ids)?,
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_json::json;

    use super::*;
    use crate::lm::gguf::Model;

    fn fixture(path: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path)
    }

    fn bytes() -> Local {
        Local::open(&fixture("tokenizers/bytes")).unwrap()
    }

    fn pieces() -> Local {
        Local::open(&fixture("tokenizers/pieces/tokenizer.json")).unwrap()
    }

    /// The vocabulary of `pieces` with its space in front written the way newer files do.
    fn pieces_first() -> Local {
        let mut json = read_json(&fixture("tokenizers/pieces/tokenizer.json")).unwrap().unwrap();
        json["normalizer"] = Value::Null;
        json["pre_tokenizer"] =
            json!({ "type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": false });
        Local::new(&Vocabulary::new(json).unwrap(), Config::default()).unwrap()
    }

    fn now<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    fn target(codec: &Local, text: &str) -> Target {
        now(codec.target(text)).unwrap()
    }

    fn ids(codec: &Local, pieces: &[FramePiece]) -> Vec<u32> {
        now(codec.prompt(pieces)).unwrap().ids
    }

    fn text(text: &str) -> FramePiece {
        FramePiece::Text(text.to_owned())
    }

    fn markup(text: &str) -> FramePiece {
        FramePiece::Markup(text.to_owned())
    }

    #[derive(Deserialize)]
    struct Peer {
        text: String,
        ids: Vec<u32>,
    }

    #[test]
    fn ids_are_those_of_the_peer() {
        for (name, codec) in [("bytes", bytes()), ("pieces", pieces())] {
            let file = std::fs::read_to_string(fixture(&format!("tokenizers/{name}/peer.json"))).unwrap();
            for peer in serde_json::from_str::<Vec<Peer>>(&file).unwrap() {
                assert_eq!(codec.encode(&peer.text, Place::Start).unwrap().tokens, peer.ids, "{name}: {}", peer.text);
            }
        }
    }

    #[test]
    fn tokens_and_ranges_are_those_of_the_engine_in_this_process() {
        for (name, codec) in [("qwen3-f16", bytes()), ("llama-spm", pieces()), ("llama-spm", pieces_first())] {
            let model = Model::open(&fixture(&format!("gguf/{name}.gguf"))).unwrap();
            for y in [
                "The boy came back from the upper town; 1984 was a good year.",
                "渡船晚开了。龘 🏮👨‍👩‍👧",
                "  naïve café\n\n\t“done” <think> <|im_end|></s>",
                "a",
            ] {
                let (ours, engine) = (target(&codec, y), model.tokenizer().encode(y).unwrap());
                assert_eq!((ours.tokens, ours.spans), (engine.ids, engine.spans), "{name}: {y}");
            }
        }
    }

    #[test]
    fn control_tokens_are_markups_and_never_a_texts() {
        let codec = bytes();
        let frame =
            [markup("<|im_start|>user\n"), text("Say <think> <|im_end|>."), markup("<|im_end|>\n<think>"), text("\n")];
        let ids = ids(&codec, &frame);
        assert_eq!(ids.iter().filter(|id| **id == 5).count(), 1);
        assert_eq!(ids.iter().filter(|id| **id == 2).count(), 1);
        assert_eq!(ids[0], 4);
        let said = target(&codec, "<think><|im_end|>").tokens;
        assert!(said.len() > 2 && said.iter().all(|id| *id > 5), "{said:?}");
        let heard = now(codec.verbatim("a<think>灯", false)).unwrap();
        assert_eq!((heard.tokens[1], heard.spans[1].clone()), (2, 1..8));
    }

    #[test]
    fn an_added_token_that_is_not_special_is_one_token_in_any_text() {
        let tool = target(&bytes(), "a<tool>b");
        assert_eq!(tool.spans[1], 1..7);
    }

    /// P51: the text before y ends in a space, and y's tokens are still its own.
    #[test]
    fn the_tokens_of_y_do_not_depend_on_what_stands_before() {
        for codec in [bytes(), pieces(), pieces_first()] {
            let y = "the lamp";
            let (behind, alone) = (ids(&codec, &[text("told us about "), text(y)]), target(&codec, y).tokens);
            assert!(!behind.ends_with(&alone), "the example does not show what it should");
            let first = now(codec.verbatim(y, false)).unwrap();
            assert_eq!(first.tokens, alone);
        }
    }

    /// P52.
    #[test]
    fn bos_stands_once() {
        let codec = pieces();
        assert_eq!(codec.bos(), Some(1));
        let spelled = now(codec.prompt(&[markup("<s>"), text("The lamp")])).unwrap();
        let put = now(codec.prompt(&[text("The lamp")])).unwrap();
        assert_eq!(spelled, put, "both have it once, and neither in the text");
        assert_eq!((put.ids[0], put.text.as_str()), (1, "The lamp"));
        assert_eq!(ids(&codec, &[]), [1]);
        assert_eq!(bytes().bos(), None);
        assert_eq!(target(&codec, "<s>").tokens.iter().find(|id| **id == 1), None);
    }

    #[test]
    fn bos_may_be_left_to_the_settings_beside_the_vocabulary() {
        let mut json = read_json(&fixture("tokenizers/pieces/tokenizer.json")).unwrap().unwrap();
        json["post_processor"] = Value::Null;
        let vocabulary = Vocabulary::new(json).unwrap();
        let config = Config { bos: Some("<s>".to_owned()), adds_bos: true, ..Config::default() };
        assert_eq!(Local::new(&vocabulary, config).unwrap().bos(), Some(1));
        assert_eq!(Local::new(&vocabulary, Config::default()).unwrap().bos(), None);
    }

    #[test]
    fn a_space_is_put_in_front_only_where_the_vocabulary_does_so() {
        let spaced = |codec: &Local, place| codec.encode("lamp", place).unwrap().tokens;
        let (old, new) = (pieces(), pieces_first());
        assert_eq!(spaced(&old, Place::Start), spaced(&old, Place::AfterControl));
        assert_ne!(spaced(&old, Place::Start), spaced(&old, Place::Inside));
        assert_eq!(spaced(&new, Place::Start), spaced(&old, Place::Start));
        assert_eq!(spaced(&new, Place::AfterControl), spaced(&new, Place::Inside));
        assert_eq!(spaced(&new, Place::Inside), spaced(&old, Place::Inside));
    }

    /// P53.
    #[test]
    fn tokens_inside_a_character_share_its_range() {
        for codec in [bytes(), pieces()] {
            let y = target(&codec, "a🏮b");
            assert_eq!(y.spans.iter().filter(|span| **span == (1..5)).count(), y.spans.len() - 2, "{y:?}");
        }
    }

    #[test]
    fn a_text_that_is_not_in_its_normal_form_is_covered() {
        let codec = bytes();
        let (composed, decomposed) = (target(&codec, "café!"), target(&codec, "cafe\u{301}!"));
        assert_eq!(composed.tokens, decomposed.tokens);
        assert_eq!(decomposed.spans.last(), Some(&(6..7)));
        assert!(decomposed.spans.iter().any(|span| span.end == 6));
        // Marks in the wrong order change places, and one that nothing carries stands alone.
        for y in ["\u{1E0B}\u{323}", "\u{301}a", "\u{1100}\u{1161}\u{11A8}"] {
            covers(y, &target(&codec, y));
        }
    }

    /// P54: a template that opens the think block gives the frame one, not two.
    #[test]
    fn a_template_with_a_think_block_of_its_own_gives_one() {
        let codec = bytes();
        let frame = crate::lm::frame::Frame::template(codec.chat_template().unwrap(), codec.special_tokens()).unwrap();
        let example = crate::reer::Example {
            id: "1".to_owned(),
            query: "Write about a lamp.".to_owned(),
            reference: "The lamp.".to_owned(),
            language: crate::reer::Language::En,
            category: None,
            meta: serde_json::Map::new(),
        };
        let prompt = now(codec.prompt(&frame.context(&example, "z").unwrap())).unwrap();
        assert_eq!(prompt.ids.iter().filter(|id| **id == 2).count(), 1);
        assert!(prompt.text.ends_with("assistant\n<think>\nz\n</think>\n\n"), "{:?}", prompt.text);
    }

    /// P55.
    #[test]
    fn a_text_of_one_token_and_of_none() {
        let one = target(&bytes(), "a");
        assert_eq!((one.tokens.len(), one.spans.first(), one.spans.len()), (1, Some(&(0..1)), 1));
        assert!(target(&bytes(), "").tokens.is_empty());
    }

    #[test]
    fn what_the_vocabulary_cannot_spell_is_an_error_and_not_dropped() {
        let plain = |unknown: Value, words: Value| {
            let model =
                json!({ "type": "BPE", "unk_token": unknown, "vocab": { "a": 0, "b": 1, "u": 2 }, "merges": [] });
            let json = json!({ "version": "1.0", "added_tokens": [], "model": model, "pre_tokenizer": words });
            Local::new(&Vocabulary::new(json).unwrap(), Config::default()).unwrap()
        };
        let fails =
            |codec: &Local, text: &str| now(codec.target(text)).is_err_and(|e| e.to_string().contains("cannot spell"));
        let (drops, unknown) = (plain(Value::Null, Value::Null), plain(json!("u"), Value::Null));
        assert_eq!(target(&drops, "ab").spans, [0..1, 1..2]);
        assert!(fails(&drops, "axb") && fails(&drops, "x") && fails(&unknown, "axb"));
        let splits = plain(Value::Null, json!({ "type": "WhitespaceSplit" }));
        assert!(fails(&splits, "a b"), "the splitter took the space");
    }

    #[test]
    fn pieces_with_scores_do_not_spell_control_tokens() {
        let vocab =
            json!([["<unk>", 0.0], ["<s>", 0.0], ["▁", -2.0], ["<", -3.0], ["s", -3.0], [">", -3.0], ["a", -1.0]]);
        let special = |id: u32, content: &str| {
            json!({ "id": id, "content": content, "special": true, "single_word": false, "lstrip": false,
                    "rstrip": false, "normalized": false })
        };
        let json = json!({ "version": "1.0", "added_tokens": [special(0, "<unk>"), special(1, "<s>")],
            "model": { "type": "Unigram", "unk_id": 0, "vocab": vocab, "byte_fallback": false },
            "pre_tokenizer": { "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true } });
        let codec = Local::new(&Vocabulary::new(json).unwrap(), Config::default()).unwrap();
        assert_eq!(target(&codec, "<s>a").tokens, [3, 4, 5, 6]);
        assert_eq!(ids(&codec, &[markup("<s>a")]), [1, 2, 6]);
    }

    #[test]
    fn faults_name_the_file_and_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let message = || Local::open(folder.path()).unwrap_err().to_string();
        assert!(message().contains("tokenizer.json: there is no such file") && message().contains("tokenizer=PATH"));
        let file = folder.path().join("tokenizer.json");
        std::fs::write(&file, "{").unwrap();
        assert!(message().contains("it is no JSON"));
        std::fs::write(&file, "{}").unwrap();
        assert!(message().contains("it is no tokenizer.json"));
        std::fs::write(&file, r#"{"model":{"type":"none"}}"#).unwrap();
        assert!(message().contains("cannot be used"));
    }

    #[test]
    fn a_template_file_stands_before_the_settings() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["tokenizer.json", "tokenizer_config.json"] {
            std::fs::copy(fixture("tokenizers/bytes").join(name), folder.path().join(name)).unwrap();
        }
        std::fs::write(folder.path().join("chat_template.jinja"), "own").unwrap();
        assert_eq!(Local::open(folder.path()).unwrap().chat_template(), Some("own"));
    }

    fn covers(text: &str, target: &Target) {
        assert_eq!(target.tokens.len(), target.spans.len());
        let mut end = 0;
        for span in &target.spans {
            assert!(span.start <= end && span.end >= end, "{text:?}: {:?}", target.spans);
            assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end));
            end = span.end;
        }
        assert_eq!(end, text.len(), "{text:?}: {:?}", target.spans);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

        #[test]
        fn the_tokens_of_y_cover_it(y in r"([a-z灯e\u{301}\u{323}가ᄀ각🏮é <>\n]|<think>|<\|im_end\|>|</s>|<tool>|\PC){0,24}") {
            for codec in [bytes(), pieces(), pieces_first()] {
                covers(&y, &target(&codec, &y));
                covers(&y, &now(codec.verbatim(&y, true)).unwrap());
            }
        }

        #[test]
        fn a_text_cut_in_parts_has_the_same_tokens(
            lines in prop::collection::vec(r"([a-z灯e\u{301}가ᄀé <>!0-9\n\r\t ]|<think>|<\|im_end\|>|<tool>|'s|\PC){0,8}", 0..8)
        ) {
            let (whole, codec) = (lines.join("\n"), bytes());
            prop_assert!(codec.cuts);
            let expected = target(&codec, &whole).tokens;
            for _ in 0..2 {
                prop_assert_eq!(&ids(&codec, &[text(&whole)]), &expected);
            }
        }
    }
}
