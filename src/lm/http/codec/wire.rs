//! What servers are asked about tokens and chat templates, and how their answers are read: pure functions, one pair a
//! route.

use std::ops::Range;

use serde_json::{Value, json};

use super::super::{Call, Kind, Reply, fault};
use crate::lm::template::SpecialTokens;
use crate::lm::{LmError, Message};

/// How a server tokenises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// `/tokenize` with token strings. Control tokens spelled in a text are recognised.
    Vllm,
    /// `/tokenize` and `/detokenize` with lists of lists. Control tokens spelled in a text are recognised.
    Sglang,
    /// `/tokenize` with pieces; tells control tokens and texts apart.
    LlamaServer,
    /// `/extras/tokenize` and `/extras/detokenize`. Puts BOS in front always; control tokens spelled in a text are
    /// recognised.
    LlamaCppPython,
    /// `/tokenize` with character ranges. Puts BOS in front always; control tokens spelled in a text are recognised.
    Tgi,
}

impl Route {
    /// How servers of a kind tokenise, where they can be asked.
    pub fn of(kind: Kind) -> Option<Route> {
        match kind {
            Kind::Vllm => Some(Route::Vllm),
            Kind::Sglang => Some(Route::Sglang),
            Kind::LlamaServer => Some(Route::LlamaServer),
            Kind::Echo => Some(Route::LlamaCppPython),
            Kind::Tgi => Some(Route::Tgi),
            Kind::Chat | Kind::Anthropic | Kind::Fireworks | Kind::Together | Kind::Ollama => None,
        }
    }

    /// Whether BOS comes with every answer, asked for or not.
    pub(super) fn always_begins(self) -> bool {
        matches!(self, Route::LlamaCppPython | Route::Tgi)
    }
}

/// How a text is to be tokenised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Manner {
    /// With BOS, and whatever else begins a sequence.
    pub special: bool,
    /// Control tokens spelled in it are recognised, where that can be chosen.
    pub control: bool,
}

/// What a token stands for, as far as a server tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Spelling {
    /// As the vocabulary spells it: `Ġthe`, `▁the`, `<0xE4>`.
    Vocabulary(String),
    Bytes(Vec<u8>),
    /// Characters of the text that was tokenised.
    Characters(Range<usize>),
    /// Not told.
    Untold,
}

/// A token as a server tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub id: u32,
    pub spelling: Spelling,
}

pub fn tokenize(route: Route, model: &str, text: &str, manner: Manner) -> Call {
    match route {
        Route::Vllm => Call::post(
            "/tokenize",
            json!({ "model": model, "prompt": text, "add_special_tokens": manner.special, "return_token_strs": true }),
        ),
        Route::Sglang => {
            Call::post("/tokenize", json!({ "model": model, "prompt": text, "add_special_tokens": manner.special }))
        }
        Route::LlamaServer => Call::post(
            "/tokenize",
            json!({ "model": model, "content": text, "add_special": manner.special, "parse_special": manner.control,
                    "with_pieces": true }),
        ),
        Route::LlamaCppPython => Call::post("/extras/tokenize", json!({ "model": model, "input": text })),
        Route::Tgi => Call::post("/tokenize", json!({ "inputs": text })),
    }
}

/// # Errors
/// What the server refused, or [`LmError::Invalid`] for what is no list of tokens.
pub fn tokens(route: Route, reply: &Reply) -> Result<Vec<Told>, LmError> {
    let answer = fault::success(reply, 0)?;
    let list = if route == Route::Tgi { &answer } else { &answer["tokens"] };
    let list = list.as_array().ok_or_else(|| unreadable("it has no list of tokens"))?;
    let strings = match (route, answer["token_strs"].as_array()) {
        (Route::Vllm, Some(strings)) if strings.len() == list.len() => strings.as_slice(),
        _ => &[],
    };
    let told = list.iter().enumerate().map(|(at, token)| {
        let id = if token.is_object() { &token["id"] } else { token };
        let id = id.as_u64().and_then(|id| u32::try_from(id).ok()).ok_or_else(|| unreadable("a token has no id"))?;
        let string = strings.get(at).and_then(Value::as_str);
        Ok(Told { id, spelling: string.map_or_else(|| spelling(token), |s| Spelling::Vocabulary(s.to_owned())) })
    });
    told.collect()
}

fn spelling(token: &Value) -> Spelling {
    match &token["piece"] {
        Value::String(piece) => return Spelling::Bytes(piece.clone().into_bytes()),
        Value::Array(bytes) => {
            let bytes = bytes.iter().map(|byte| byte.as_u64().and_then(|byte| u8::try_from(byte).ok()));
            return bytes.collect::<Option<Vec<u8>>>().map_or(Spelling::Untold, Spelling::Bytes);
        }
        _ => {}
    }
    let place = |name: &str| token[name].as_u64().map(|place| place as usize);
    match (place("start"), place("stop")) {
        (Some(start), Some(stop)) if start <= stop => Spelling::Characters(start..stop),
        _ => Spelling::Untold,
    }
}

/// Asks for the text of each of several tokens; one call may take several, others one.
pub fn detokenize(route: Route, model: &str, ids: &[u32]) -> Vec<Call> {
    let each = |ids: &[u32]| ids.iter().map(|id| vec![*id]).collect::<Vec<_>>();
    match route {
        Route::Sglang if ids.is_empty() => Vec::new(),
        Route::Sglang => vec![Call::post(
            "/detokenize",
            json!({ "model": model, "tokens": each(ids), "skip_special_tokens": false }),
        )],
        Route::LlamaCppPython => {
            let call = |id: &u32| Call::post("/extras/detokenize", json!({ "model": model, "tokens": [id] }));
            ids.iter().map(call).collect()
        }
        Route::Vllm | Route::LlamaServer | Route::Tgi => Vec::new(),
    }
}

/// The texts of a call's tokens, in order; `None` for one that is no text by itself, which some servers refuse to tell.
///
/// # Errors
/// What the server refused, or [`LmError::Invalid`].
pub fn texts(route: Route, reply: &Reply) -> Result<Vec<Option<String>>, LmError> {
    if route == Route::LlamaCppPython && reply.status == 500 {
        return Ok(vec![None]);
    }
    let answer = fault::success(reply, 0)?;
    let whole = |text: &str| (!text.contains(char::REPLACEMENT_CHARACTER)).then(|| text.to_owned());
    match &answer["text"] {
        Value::String(text) => Ok(vec![whole(text)]),
        Value::Array(texts) => Ok(texts.iter().map(|text| text.as_str().and_then(whole)).collect()),
        _ => Err(unreadable("it has no text")),
    }
}

/// Asks llama-server for the source of its chat template.
pub fn props() -> Call {
    Call::get("/props")
}

/// The source of a chat template and the tokens it names, where there is one.
///
/// # Errors
/// What the server refused.
pub fn template_source(reply: &Reply) -> Result<Option<(String, SpecialTokens)>, LmError> {
    let answer = fault::success(reply, 0)?;
    let text = |name: &str| answer[name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let tokens = SpecialTokens { bos: text("bos_token"), eos: text("eos_token"), ..SpecialTokens::default() };
    Ok(text("chat_template").map(|source| (source, tokens)))
}

/// Asks for messages rendered by the server's chat template: as text by llama-server, as tokens by vLLM.
pub fn render(route: Route, model: &str, messages: &[Message]) -> Option<Call> {
    match route {
        Route::LlamaServer => {
            Some(Call::post("/apply-template", json!({ "messages": messages, "add_generation_prompt": true })))
        }
        Route::Vllm => Some(Call::post(
            "/tokenize",
            json!({ "model": model, "messages": messages, "add_generation_prompt": true, "add_special_tokens": false }),
        )),
        Route::Sglang | Route::LlamaCppPython | Route::Tgi => None,
    }
}

/// Asks vLLM for the text of tokens.
pub fn spell(model: &str, ids: &[u32]) -> Call {
    Call::post("/detokenize", json!({ "model": model, "tokens": ids }))
}

/// The text of `/apply-template` and of vLLM's `/detokenize`.
///
/// # Errors
/// What the server refused, or [`LmError::Invalid`].
pub fn rendered(reply: &Reply) -> Result<String, LmError> {
    let answer = fault::success(reply, 0)?;
    answer["prompt"].as_str().map(str::to_owned).ok_or_else(|| unreadable("it has no prompt"))
}

fn unreadable(what: &str) -> LmError {
    LmError::Invalid(format!("the server's answer about tokens cannot be used: {what}"))
}

#[cfg(test)]
mod tests {
    use super::super::super::golden::body;
    use super::*;

    const PLAIN: Manner = Manner { special: false, control: false };

    fn reply(status: u16, body: &str) -> Reply {
        Reply { status, retry_after: None, body: body.as_bytes().to_vec() }
    }

    fn told(route: Route, body: &str) -> Vec<(u32, Spelling)> {
        tokens(route, &reply(200, body)).unwrap().into_iter().map(|told| (told.id, told.spelling)).collect()
    }

    #[test]
    fn requests() {
        let shown: Vec<Value> = [Route::Vllm, Route::Sglang, Route::LlamaServer, Route::LlamaCppPython, Route::Tgi]
            .into_iter()
            .flat_map(|route| {
                let mut calls = vec![tokenize(route, "m", "a灯", PLAIN)];
                calls.extend(detokenize(route, "m", &[5, 6]));
                calls.extend(render(route, "m", &[Message { role: "user", content: "x".to_owned() }]));
                calls
            })
            .chain([spell("m", &[1])])
            .map(|call| json!({ "path": call.path, "body": body(&call) }))
            .collect();
        let lines: Vec<String> = shown.iter().map(Value::to_string).collect();
        insta::assert_snapshot!(lines.join("\n"), @r#"
        {"path":"/tokenize","body":{"model":"m","prompt":"a灯","add_special_tokens":false,"return_token_strs":true}}
        {"path":"/tokenize","body":{"model":"m","messages":[{"role":"user","content":"x"}],"add_generation_prompt":true,"add_special_tokens":false}}
        {"path":"/tokenize","body":{"model":"m","prompt":"a灯","add_special_tokens":false}}
        {"path":"/detokenize","body":{"model":"m","tokens":[[5],[6]],"skip_special_tokens":false}}
        {"path":"/tokenize","body":{"model":"m","content":"a灯","add_special":false,"parse_special":false,"with_pieces":true}}
        {"path":"/apply-template","body":{"messages":[{"role":"user","content":"x"}],"add_generation_prompt":true}}
        {"path":"/extras/tokenize","body":{"model":"m","input":"a灯"}}
        {"path":"/extras/detokenize","body":{"model":"m","tokens":[5]}}
        {"path":"/extras/detokenize","body":{"model":"m","tokens":[6]}}
        {"path":"/tokenize","body":{"inputs":"a灯"}}
        {"path":"/detokenize","body":{"model":"m","tokens":[1]}}
        "#);
    }

    #[test]
    fn vllm_tells_strings() {
        let body = r#"{"count":2,"max_model_len":4096,"tokens":[64,103],"token_strs":["Ġa","çģ"]}"#;
        let spelled = |s: &str| Spelling::Vocabulary(s.to_owned());
        assert_eq!(told(Route::Vllm, body), [(64, spelled("Ġa")), (103, spelled("çģ"))]);
        let older = r#"{"count":2,"max_model_len":4096,"tokens":[64,103]}"#;
        assert_eq!(told(Route::Vllm, older), [(64, Spelling::Untold), (103, Spelling::Untold)]);
        assert_eq!(rendered(&reply(200, r#"{"prompt":"<|im_start|>"}"#)).unwrap(), "<|im_start|>");
    }

    #[test]
    fn sglang_tells_ids_and_then_texts() {
        assert_eq!(told(Route::Sglang, r#"{"tokens":[64],"count":1,"max_model_len":-1}"#), [(64, Spelling::Untold)]);
        let answer = texts(Route::Sglang, &reply(200, r#"{"text":[" a","\ufffd"]}"#)).unwrap();
        assert_eq!(answer, [Some(" a".to_owned()), None]);
    }

    #[test]
    fn llama_server_tells_pieces_as_texts_or_bytes() {
        let body = r#"{"tokens":[{"id":64,"piece":" a"},{"id":103,"piece":[231,129]}]}"#;
        assert_eq!(
            told(Route::LlamaServer, body),
            [(64, Spelling::Bytes(b" a".to_vec())), (103, Spelling::Bytes(vec![231, 129]))]
        );
        let body = r#"{"default_generation_settings":{},"chat_template":"{{ x }}","bos_token":"<s>","eos_token":""}"#;
        let (source, tokens) = template_source(&reply(200, body)).unwrap().unwrap();
        assert_eq!((source.as_str(), tokens.bos.as_deref(), tokens.eos), ("{{ x }}", Some("<s>"), None));
        assert_eq!(template_source(&reply(200, r#"{"chat_template":""}"#)).unwrap(), None);
    }

    #[test]
    fn llama_cpp_python_tells_ids_and_fails_where_bytes_are_no_text() {
        assert_eq!(told(Route::LlamaCppPython, r#"{"tokens":[1,64]}"#).len(), 2);
        assert_eq!(texts(Route::LlamaCppPython, &reply(200, r#"{"text":"a"}"#)).unwrap(), [Some("a".to_owned())]);
        let failed = r#"{"error":{"message":"'utf-8' codec can't decode byte 0xe7","type":"internal_server_error"}}"#;
        assert_eq!(texts(Route::LlamaCppPython, &reply(500, failed)).unwrap(), [None]);
    }

    #[test]
    fn tgi_tells_ranges_of_characters() {
        let body = r#"[{"id":1,"text":"","start":0,"stop":0},{"id":64,"text":"a","start":0,"stop":1}]"#;
        assert_eq!(told(Route::Tgi, body), [(1, Spelling::Characters(0..0)), (64, Spelling::Characters(0..1))]);
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        for body in ["{}", r#"{"tokens":[-1]}"#, r#"{"tokens":["a"]}"#, r#"{"tokens":[4294967296]}"#] {
            assert!(matches!(tokens(Route::Vllm, &reply(200, body)), Err(LmError::Invalid(_))), "{body}");
        }
        assert!(matches!(tokens(Route::Vllm, &reply(404, r#"{"detail":"Not Found"}"#)), Err(LmError::Unsupported(_))));
        assert!(rendered(&reply(200, "{}")).is_err() && texts(Route::Sglang, &reply(200, "{}")).is_err());
    }
}
