//! A codec that asks the server that serves the model.
//!
//! Only llama-server keeps texts and markup apart; with the others, a control token spelled in x, z or y is that token.
//! A tokenizer on this machine does not have this fault and makes no calls.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::control::{Control, Run, Spelled};
use super::spelling::{by_texts, ranges};
use super::wire::{self, Manner, Route, Spelling, Told};
use super::{Codec, PromptTokens, Sends, text_after};
use crate::lm::{FramePiece, LmError};
use crate::reer::Target;

/// Texts whose tokens are kept: candidates of one step share the query's turn and often the frame's.
const MOST_KEPT: usize = 64;

/// What is put in front of a text so that no space is; its tokens are taken off again.
const ANCHOR: &str = "\n";

const REMEDY: &str = "name the model's tokenizer with tokenizer=PATH";

/// The usual spellings of BOS, for servers that do not tell how theirs is spelled.
const USUAL_BOS: [&str; 5] = ["<s>", "<|begin_of_text|>", "<bos>", "<｜begin▁of▁sentence｜>", "<|startoftext|>"];

/// A vocabulary behind a server.
pub struct Served {
    server: Server,
    /// What every sequence begins with.
    begin: Vec<u32>,
    bos_spelling: Option<String>,
    /// Whether the vocabulary puts a space in front of a text.
    prefixes: bool,
    known: Mutex<Known>,
}

#[derive(Clone)]
struct Server {
    wire: Arc<dyn Sends>,
    route: Route,
    model: String,
}

/// A text, and whether its control tokens were recognised.
type Asked = (String, bool);

#[derive(Default)]
struct Known {
    runs: VecDeque<(Asked, Arc<Vec<Told>>)>,
    /// Ids of what markup spells between brackets; `None` for what is no control token.
    control: BTreeMap<String, Option<u32>>,
    /// Texts of single tokens; `None` for what is no text by itself.
    texts: HashMap<u32, Option<String>>,
}

impl Served {
    /// Asks a server how its sequences begin.
    ///
    /// # Errors
    /// It cannot be asked, or its answers are of another kind.
    pub async fn open(wire: Arc<dyn Sends>, route: Route, model: &str) -> Result<Served, LmError> {
        let server = Server { wire, route, model: model.to_owned() };
        let begin = server.begin().await?;
        let mut served = Served {
            server,
            begin: begin.iter().map(|token| token.id).collect(),
            bos_spelling: None,
            prefixes: false,
            known: Mutex::default(),
        };
        served.bos_spelling = served.spelling_of(begin.first()).await?;
        let last = |tokens: Arc<Vec<Told>>| tokens.last().map(|token| token.id);
        let alone = last(served.tokens("a", false).await?);
        served.prefixes = alone != last(served.tokens(&format!("{ANCHOR}a"), false).await?);
        Ok(served)
    }

    async fn spelling_of(&self, bos: Option<&Told>) -> Result<Option<String>, LmError> {
        let Some(bos) = bos else { return Ok(None) };
        match &bos.spelling {
            Spelling::Vocabulary(spelling) => return Ok(Some(spelling.clone())),
            Spelling::Bytes(bytes) if !bytes.is_empty() => return Ok(String::from_utf8(bytes.clone()).ok()),
            _ => {}
        }
        for usual in USUAL_BOS {
            if self.tokens(usual, true).await?.iter().map(|token| token.id).eq([bos.id]) {
                return Ok(Some(usual.to_owned()));
            }
        }
        Ok(None)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        // What is kept is whole after every statement, whoever panicked.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tokens of a text, without what a sequence begins with.
    async fn tokens(&self, text: &str, control: bool) -> Result<Arc<Vec<Told>>, LmError> {
        if text.is_empty() {
            return Ok(Arc::default());
        }
        if let Some(kept) = self.known().run(text, control) {
            return Ok(kept);
        }
        let mut tokens = self.server.tokens(text, Manner { special: false, control }).await?;
        let begins = tokens.iter().map(|token| token.id).take(self.begin.len()).eq(self.begin.iter().copied());
        if self.server.route.always_begins() && begins {
            tokens.drain(..self.begin.len());
        }
        let tokens = Arc::new(tokens);
        self.known().keep(text, control, tokens.clone());
        Ok(tokens)
    }

    /// Tokens with their ranges, `text` standing at the beginning of a sequence.
    async fn spelled(&self, text: &str, control: bool) -> Result<Target, LmError> {
        let tokens = self.tokens(text, control).await?;
        let told = tokens.iter().all(|token| token.spelling != Spelling::Untold);
        let spans = if told {
            ranges(&tokens, text, self.prefixes)
        } else {
            let texts = self.texts(&tokens).await?;
            by_texts(&texts.iter().map(Option::as_deref).collect::<Vec<_>>(), text, self.prefixes)
        };
        let spans = spans.ok_or_else(|| {
            LmError::Unsupported(format!("the server's tokens do not spell the text that they are of; {REMEDY}"))
        })?;
        Ok(Target { tokens: tokens.iter().map(|token| token.id).collect(), spans })
    }

    /// Tokens with their ranges, other text standing before `text`.
    async fn inside(&self, text: &str, control: bool) -> Result<Target, LmError> {
        if !self.prefixes || text.is_empty() {
            return self.spelled(text, control).await;
        }
        let anchored = self.spelled(&format!("{ANCHOR}{text}"), control).await?;
        let (before, behind) = (ANCHOR.len(), anchored.spans.iter().position(|span| span.start >= ANCHOR.len()));
        let cut = behind.filter(|cut| anchored.spans[..*cut].iter().all(|span| span.end <= before));
        let cut = cut.ok_or_else(|| {
            LmError::Unsupported(format!("the server's vocabulary joins a text to what stands before it; {REMEDY}"))
        })?;
        let spans = anchored.spans[cut..].iter().map(|span| span.start - before..span.end - before).collect();
        Ok(Target { tokens: anchored.tokens[cut..].to_vec(), spans })
    }

    /// The texts of single tokens.
    async fn texts(&self, tokens: &[Told]) -> Result<Vec<Option<String>>, LmError> {
        let mut missing: Vec<u32> = {
            let known = self.known();
            tokens.iter().map(|token| token.id).filter(|id| !known.texts.contains_key(id)).collect()
        };
        missing.sort_unstable();
        missing.dedup();
        let mut ids = missing.iter();
        for call in wire::detokenize(self.server.route, &self.server.model, &missing) {
            let texts = wire::texts(self.server.route, &self.server.send(&call).await?).map_err(remedied)?;
            self.known().texts.extend(ids.by_ref().copied().zip(texts));
        }
        let known = self.known();
        Ok(tokens.iter().map(|token| known.texts.get(&token.id).cloned().flatten()).collect())
    }

    /// The control tokens that pieces spell in their markup.
    async fn control(&self, pieces: &[FramePiece]) -> Result<Control, LmError> {
        let mut found = Vec::new();
        for spelling in pieces.iter().flat_map(candidates) {
            let known = self.known().control.get(spelling).copied();
            let id = match known {
                Some(id) => id,
                None => {
                    let id = self.server.control(spelling).await?;
                    self.known().control.insert(spelling.to_owned(), id);
                    id
                }
            };
            let token = |id| Spelled { spelling: spelling.to_owned(), id, takes_before: false, takes_after: false };
            found.extend(id.map(token));
        }
        Ok(Control::new(found))
    }

    async fn ids(&self, pieces: &[FramePiece]) -> Result<Vec<u32>, LmError> {
        let mut ids = Vec::new();
        if self.server.route != Route::LlamaServer {
            let text = text_after(None, pieces);
            ids.extend(self.tokens(&text, true).await?.iter().map(|token| token.id));
            return Ok(ids);
        }
        for run in self.control(pieces).await?.runs(pieces) {
            match run {
                Run::Control(id) => ids.push(id),
                // This server puts a space in front of every text it is given, and behind every control token.
                Run::Text(text, _) => ids.extend(self.tokens(&text, false).await?.iter().map(|token| token.id)),
            }
        }
        Ok(ids)
    }
}

#[async_trait]
impl Codec for Served {
    async fn prompt(&self, pieces: &[FramePiece]) -> Result<PromptTokens, LmError> {
        let mut ids = self.ids(pieces).await?;
        if self.begin.first().is_some_and(|bos| ids.first() != Some(bos)) {
            ids.splice(0..0, self.begin.iter().copied());
        }
        Ok(PromptTokens { ids, text: text_after(self.bos_spelling.as_deref(), pieces) })
    }

    async fn target(&self, text: &str) -> Result<Target, LmError> {
        self.inside(text, false).await
    }

    async fn verbatim(&self, text: &str, first: bool) -> Result<Target, LmError> {
        if first { self.spelled(text, true).await } else { self.inside(text, true).await }
    }

    fn bos(&self) -> Option<u32> {
        self.begin.first().copied()
    }
}

impl Known {
    fn run(&mut self, text: &str, control: bool) -> Option<Arc<Vec<Told>>> {
        let at = self.runs.iter().position(|((kept, with), _)| kept == text && *with == control)?;
        let run = self.runs.remove(at)?;
        let tokens = run.1.clone();
        self.runs.push_back(run);
        Some(tokens)
    }

    fn keep(&mut self, text: &str, control: bool, tokens: Arc<Vec<Told>>) {
        if self.runs.len() == MOST_KEPT {
            self.runs.pop_front();
        }
        self.runs.push_back(((text.to_owned(), control), tokens));
    }
}

impl Server {
    async fn send(&self, call: &super::Call) -> Result<super::Reply, LmError> {
        self.wire.send(call).await
    }

    async fn tokens(&self, text: &str, manner: Manner) -> Result<Vec<Told>, LmError> {
        let reply = self.send(&wire::tokenize(self.route, &self.model, text, manner)).await?;
        wire::tokens(self.route, &reply).map_err(remedied)
    }

    /// What every sequence begins with.
    async fn begin(&self) -> Result<Vec<Told>, LmError> {
        let special = Manner { special: true, control: false };
        match self.route {
            Route::LlamaCppPython => self.tokens("", special).await,
            Route::Tgi => {
                let tokens = self.tokens("a", special).await?;
                Ok(tokens.into_iter().take_while(|token| token.spelling == Spelling::Characters(0..0)).collect())
            }
            Route::Vllm | Route::Sglang | Route::LlamaServer => {
                let plain = self.tokens("a", Manner { special: false, control: false }).await?;
                let mut whole = self.tokens("a", special).await?;
                let at = whole.windows(plain.len().max(1)).position(|window| window == plain);
                whole.truncate(at.unwrap_or(0));
                Ok(whole)
            }
        }
    }

    /// The id of a control token; `None` for a text that is none.
    async fn control(&self, spelling: &str) -> Result<Option<u32>, LmError> {
        let known = self.tokens(spelling, Manner { special: false, control: true }).await?;
        let [one] = known.as_slice() else { return Ok(None) };
        let plain = self.tokens(spelling, Manner { special: false, control: false }).await?;
        Ok((plain.iter().map(|token| token.id).ne([one.id])).then_some(one.id))
    }
}

/// Whether llama-server has a control token of this spelling.
///
/// # Errors
/// It cannot be asked.
pub(super) async fn has_control(wire: Arc<dyn Sends>, model: &str, spelling: &str) -> Result<bool, LmError> {
    let server = Server { wire, route: Route::LlamaServer, model: model.to_owned() };
    Ok(server.control(spelling).await?.is_some())
}

/// What in markup may be a control token: brackets around a word.
fn candidates(piece: &FramePiece) -> Vec<&str> {
    let FramePiece::Markup(markup) = piece else { return Vec::new() };
    let mut found = Vec::new();
    for (open, close) in [('<', '>'), ('[', ']')] {
        for (start, _) in markup.match_indices(open) {
            let inside = |c: char| c == open || c.is_whitespace();
            let word = markup[start..].split_once(close).map(|(word, _)| word);
            if let Some(word) = word.filter(|word| word.len() > 1 && !word[1..].contains(inside)) {
                found.push(&markup[start..=start + word.len()]);
            }
        }
    }
    found
}

/// A refusal for good with what helps against it.
fn remedied(error: LmError) -> LmError {
    match error {
        LmError::Unsupported(message) => LmError::Unsupported(format!("{message}; {REMEDY}")),
        LmError::Invalid(message) => LmError::Invalid(format!("{message}; {REMEDY}")),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::super::Local;
    use super::super::tests::{BYTES, Both, Fake, PIECES, fixture, now};
    use super::*;

    const ROUTES: [Route; 5] = [Route::Vllm, Route::Sglang, Route::LlamaServer, Route::LlamaCppPython, Route::Tgi];

    fn served(route: Route, both: Both) -> Served {
        now(Served::open(Arc::new(Fake::new(route, both)), route, "m")).unwrap()
    }

    fn local(both: Both) -> Local {
        Local::open(&fixture(both.folder)).unwrap()
    }

    fn text(text: &str) -> FramePiece {
        FramePiece::Text(text.to_owned())
    }

    fn markup(text: &str) -> FramePiece {
        FramePiece::Markup(text.to_owned())
    }

    /// P51, P53 and P55 for every server: y's tokens are its own, whatever stands before it, and their ranges cover it.
    #[test]
    fn targets_are_those_of_the_vocabulary_on_this_machine() {
        for both in [BYTES, PIECES] {
            let local = local(both);
            for route in ROUTES {
                let served = served(route, both);
                for y in ["the lamp was told", "灯灯 naïve café\n\n\t3.14", "a🏮b", "l", "  two", ""] {
                    let ours = now(local.target(y)).unwrap();
                    let its = now(served.target(y)).unwrap_or_else(|error| panic!("{route:?} {y:?}: {error}"));
                    assert_eq!(its.tokens, ours.tokens, "{route:?} {}: {y:?}", both.folder);
                    let told = !matches!(route, Route::Sglang | Route::LlamaCppPython);
                    if told {
                        assert_eq!(its.spans, ours.spans, "{route:?} {}: {y:?}", both.folder);
                    }
                    assert_eq!(its.spans.last().map_or(0, |span| span.end), y.len(), "{route:?}: {y:?}");
                }
            }
        }
    }

    /// P52.
    #[test]
    fn bos_is_found_and_stands_once() {
        for route in ROUTES {
            let served = served(route, PIECES);
            assert_eq!((served.bos(), served.prefixes), (Some(1), true), "{route:?}");
            assert_eq!(served.bos_spelling.as_deref(), Some("<s>"), "{route:?}");
            let spelled = now(served.prompt(&[markup("<s>"), text("told us")])).unwrap();
            assert_eq!(spelled.ids.iter().filter(|id| **id == 1).count(), 1, "{route:?}");
            assert_eq!(spelled.text, "told us", "{route:?}");
            assert_eq!(now(served.prompt(&[text("told us")])).unwrap().ids, spelled.ids, "{route:?}");
        }
        for route in [Route::Vllm, Route::Sglang, Route::Tgi] {
            assert_eq!(served(route, BYTES).bos(), None, "{route:?}");
        }
    }

    #[test]
    fn prompts_of_a_server_that_keeps_texts_apart_are_those_of_this_machine() {
        let frame = [
            markup("</s>user [x]\n"),
            text("Say </s> <think> 灯."),
            markup("</s>\n"),
            markup("<think>"),
            text("\nz </s>\n"),
            markup("</think>"),
            text("\n\n"),
        ];
        let (served, local) = (served(Route::LlamaServer, PIECES), local(PIECES));
        let (its, ours) = (now(served.prompt(&frame)).unwrap(), now(local.prompt(&frame)).unwrap());
        assert_eq!(its, ours);
        assert_eq!(its.ids.iter().filter(|id| **id == 2).count(), 2, "those of the markup");
    }

    #[test]
    fn other_servers_recognise_control_tokens_in_texts_too() {
        let frame = [markup("<|im_start|>user\n"), text("a<think>b")];
        let hub = tokenizers::Tokenizer::from_file(fixture(BYTES.folder).join("tokenizer.json")).unwrap();
        let whole = hub.encode_fast("<|im_start|>user\na<think>b", false).unwrap();
        for route in [Route::Vllm, Route::Sglang, Route::Tgi] {
            assert_eq!(now(served(route, BYTES).prompt(&frame)).unwrap().ids, whole.get_ids(), "{route:?}");
        }
    }

    #[test]
    fn verbatim_texts_have_their_control_tokens() {
        for route in [Route::Vllm, Route::LlamaServer] {
            let (served, local) = (served(route, PIECES), local(PIECES));
            for (y, first) in [("told</s>", true), ("told</s>", false)] {
                let (its, ours) = (now(served.verbatim(y, first)).unwrap(), now(local.verbatim(y, first)).unwrap());
                assert_eq!((its.tokens, its.spans), (ours.tokens, ours.spans), "{route:?} {first}");
            }
        }
    }

    #[test]
    fn a_text_is_asked_for_once() {
        let fake = Arc::new(Fake::new(Route::LlamaServer, PIECES));
        let served = now(Served::open(fake.clone(), Route::LlamaServer, "m")).unwrap();
        let frame = |z: &str| [markup("</s>"), text("query"), markup("</s>"), text(z)];
        now(served.prompt(&frame("one"))).unwrap();
        let before = fake.calls.load(Ordering::Relaxed);
        now(served.prompt(&frame("two"))).unwrap();
        assert_eq!(fake.calls.load(Ordering::Relaxed), before + 1, "only the thinking is new");
        for n in 0..2 * MOST_KEPT {
            now(served.target(&n.to_string())).unwrap();
        }
        assert_eq!(served.known().runs.len(), MOST_KEPT);
    }

    #[test]
    fn a_text_that_the_tokens_do_not_spell_is_an_error_with_the_remedy() {
        let served = served(Route::Vllm, BYTES);
        let error = now(served.target("cafe\u{301}")).unwrap_err().to_string();
        assert!(error.contains("do not spell") && error.contains("tokenizer=PATH"), "{error}");
        let none = Arc::new(Fake::new(Route::Sglang, BYTES));
        let error = now(Served::open(none, Route::Tgi, "m")).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("404") && error.contains("tokenizer=PATH"), "{error}");
    }

    #[test]
    fn brackets_of_markup_are_asked_about() {
        let of = |text: &str| candidates(&markup(text)).into_iter().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(of("<s>[INST] a < b <|x|><灯> < > <>"), ["<s>", "<|x|>", "<灯>", "[INST]"]);
        assert!(candidates(&text("<s>")).is_empty());
    }
}
