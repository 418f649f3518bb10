//! Servers for tests, without a network: they tokenise as the real ones do, with the tokenizers of the fixtures.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use serde_json::{Value, json};
use tokenizers::Tokenizer;

use super::Sends;
use super::wire::Route;
use crate::lm::LmError;
use crate::lm::gguf::Model;
use crate::lm::http::{Call, Reply};

pub(super) fn fixture(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(path)
}

pub(super) fn now<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// A vocabulary in both of its forms: a folder of a tokenizer.json, and a model file.
#[derive(Clone, Copy)]
pub(super) struct Both {
    pub(super) folder: &'static str,
    pub(super) model: &'static str,
    /// Whether spaces are written, with one in front of a text.
    pub(super) written: bool,
}

pub(super) const BYTES: Both = Both { folder: "tokenizers/bytes", model: "gguf/qwen3-f16.gguf", written: false };
pub(super) const PIECES: Both = Both { folder: "tokenizers/pieces", model: "gguf/llama-spm.gguf", written: true };

impl Both {
    pub(super) fn open(self) -> Model {
        Model::open(&fixture(self.model)).unwrap()
    }
}

pub(super) struct Fake {
    route: Route,
    both: Both,
    hub: Tokenizer,
    model: Model,
    /// A chat template, where the model has one.
    pub(super) template: Option<fn(&Value) -> String>,
    /// Answers of other routes, by path.
    pub(super) others: Vec<(&'static str, Value)>,
    pub(super) calls: AtomicUsize,
}

impl Fake {
    pub(super) fn new(route: Route, both: Both) -> Fake {
        let hub = Tokenizer::from_file(fixture(both.folder).join("tokenizer.json")).unwrap();
        Fake { route, both, hub, model: both.open(), template: None, others: Vec::new(), calls: AtomicUsize::new(0) }
    }

    fn answer(&self, call: &Call) -> Option<Value> {
        if let Some((_, answer)) = self.others.iter().find(|(path, _)| *path == call.path) {
            return Some(answer.clone());
        }
        let body: Value = serde_json::from_str(call.body.as_deref()?).unwrap();
        let text = |name: &str| body[name].as_str();
        let flag = |name: &str| body[name] == true;
        match (self.route, call.path.as_str()) {
            (Route::Vllm, "/tokenize") if body["messages"].is_array() => {
                let text = self.template.as_ref()?(&body["messages"]);
                let encoding = self.hub.encode(text, flag("add_special_tokens")).unwrap();
                Some(json!({ "tokens": encoding.get_ids() }))
            }
            (Route::Vllm, "/tokenize") => {
                let encoding = self.hub.encode(text("prompt")?, flag("add_special_tokens")).unwrap();
                Some(json!({ "tokens": encoding.get_ids(), "token_strs": encoding.get_tokens() }))
            }
            (Route::Vllm, "/detokenize") => {
                Some(json!({ "prompt": self.hub.decode(&ids(&body["tokens"]), false).unwrap() }))
            }
            (Route::Sglang, "/tokenize") => {
                let encoding = self.hub.encode(text("prompt")?, flag("add_special_tokens")).unwrap();
                Some(json!({ "tokens": encoding.get_ids() }))
            }
            (Route::Sglang, "/detokenize") => {
                let lists = body["tokens"].as_array()?.iter();
                Some(
                    json!({ "text": lists.map(|list| self.hub.decode(&ids(list), false).unwrap()).collect::<Vec<_>>() }),
                )
            }
            (Route::Tgi, "/tokenize") => {
                let encoding = self.hub.encode_char_offsets(text("inputs")?, true).unwrap();
                let ranges = encoding.get_ids().iter().zip(encoding.get_offsets());
                Some(
                    ranges
                        .map(|(id, (start, stop))| json!({ "id": id, "text": "", "start": start, "stop": stop }))
                        .collect(),
                )
            }
            (Route::LlamaServer, "/tokenize") => {
                let ids = self.engine(text("content")?, flag("parse_special"), flag("add_special"));
                let pieces: Vec<Value> = ids.iter().map(|id| json!({ "id": id, "piece": self.piece(*id) })).collect();
                Some(json!({ "tokens": pieces }))
            }
            (Route::LlamaCppPython, "/extras/tokenize") => {
                Some(json!({ "tokens": self.engine(text("input")?, true, true) }))
            }
            (Route::LlamaCppPython, "/extras/detokenize") => {
                let bytes = self.model.tokenizer().bytes(*ids(&body["tokens"]).first()?).to_vec();
                Some(json!({ "text": String::from_utf8(bytes).ok()? }))
            }
            _ => None,
        }
    }

    fn engine(&self, text: &str, control: bool, special: bool) -> Vec<u32> {
        let tokenizer = self.model.tokenizer();
        let begin = tokenizer.special().bos.filter(|_| special && tokenizer.special().adds_bos);
        let encoded = match (control, self.both.written && !text.is_empty()) {
            (true, _) => tokenizer.encode_markup(text, true),
            (false, true) => tokenizer.encode(&format!(" {text}")),
            (false, false) => tokenizer.encode(text),
        };
        begin.into_iter().chain(encoded.unwrap().ids).collect()
    }

    fn piece(&self, id: u32) -> Value {
        let tokenizer = self.model.tokenizer();
        let bytes = tokenizer.bytes(id);
        match std::str::from_utf8(bytes) {
            Ok("") => json!(tokenizer.spelling(id)),
            Ok(text) => json!(text),
            Err(_) => json!(bytes),
        }
    }
}

fn ids(list: &Value) -> Vec<u32> {
    list.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}

#[async_trait]
impl Sends for Fake {
    async fn send(&self, call: &Call) -> Result<Reply, LmError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let answer = self.answer(call);
        let status = match (&answer, self.route) {
            (Some(_), _) => 200,
            (None, Route::LlamaCppPython) => 500,
            (None, _) => 404,
        };
        let body = answer.unwrap_or_else(|| json!({ "detail": "Not Found" })).to_string().into_bytes();
        Ok(Reply { status, retry_after: None, body })
    }
}
