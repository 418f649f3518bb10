//! Which server answers at an address: a few harmless questions, and what the answers say together.

use serde_json::Value;

use super::{Address, Call, Client, Keys, Kind};
use crate::lm::{LmError, Setback};

/// What was found at an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub kind: Kind,
    /// The model that will be asked, by the server's name for it.
    pub model: String,
    /// Every model that the server offers.
    pub models: Vec<String>,
    /// Most tokens of prompt and answer together, where the server says.
    pub limit: Option<usize>,
    /// The server's version, where it says.
    pub version: Option<String>,
    /// Whether a prompt may be sent as token ids.
    pub takes_ids: bool,
    /// What makes it unfit for some use, in sentences.
    pub warnings: Vec<String>,
}

/// The answers to the questions, where there were any.
#[derive(Debug, Clone, Default, PartialEq)]
struct Evidence {
    models: Option<Value>,
    version: Option<Value>,
    sglang: Option<Value>,
    props: Option<Value>,
    tgi: Option<Value>,
    ollama: Option<Value>,
}

/// Models that are named when a choice must be made.
const MOST_NAMED: usize = 12;

/// Asks the server at the client's address what it is.
///
/// # Errors
/// Nobody answers, or a key is missing; the server cannot be told; or it offers several models and none was named.
pub async fn probe(client: &Client) -> Result<Found, LmError> {
    let address = client.address();
    let hosted = kind_by_host(address.host());
    let models = client.send(&Call::get("/v1/models")).await;
    let reply = match models {
        Err(error @ LmError::Passing { setback: Setback::Down | Setback::Slow, .. }) => return Err(error),
        Err(_) => None,
        Ok(reply) => Some(reply),
    };
    if let Some(reply) = reply.as_ref().filter(|reply| matches!(reply.status, 401 | 403)) {
        let variable = Keys::variable(address.host());
        let message = format!(
            "{} wants a key (status {}); set {variable}, or the host's entry under [keys] in the settings file",
            address.base(),
            reply.status
        );
        return Err(LmError::Denied(message));
    }
    let read = |reply: super::Reply| reply.is_success().then(|| serde_json::from_slice(&reply.body).ok()).flatten();
    let mut evidence = Evidence { models: reply.and_then(read), ..Evidence::default() };
    if hosted.is_none() {
        let ask = async |path: &str| client.send(&Call::get(path)).await.ok().and_then(read);
        (evidence.version, evidence.sglang, evidence.props, evidence.tgi, evidence.ollama) = futures::join!(
            ask("/version"),
            async {
                match ask("/server_info").await {
                    None => match ask("/get_server_info").await {
                        None => ask("/get_model_info").await,
                        info => info,
                    },
                    info => info,
                }
            },
            ask("/props"),
            ask("/info"),
            ask("/api/version"),
        );
    }
    verdict(address, hosted, &evidence)
}

/// Providers that are known by their name.
fn kind_by_host(host: &str) -> Option<Kind> {
    let host = host.to_ascii_lowercase();
    let of = |domain: &str| host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'));
    let known = [
        ("anthropic.com", Kind::Anthropic),
        ("fireworks.ai", Kind::Fireworks),
        ("together.xyz", Kind::Together),
        ("together.ai", Kind::Together),
        ("openai.com", Kind::Chat),
        ("openrouter.ai", Kind::Chat),
        ("deepinfra.com", Kind::Echo),
    ];
    known.into_iter().find(|(domain, _)| of(domain)).map(|(_, kind)| kind)
}

fn verdict(address: &Address, hosted: Option<Kind>, evidence: &Evidence) -> Result<Found, LmError> {
    let found = hosted.or_else(|| kind_by_evidence(evidence));
    let Some(kind) = address.kind.or(found) else {
        return Err(LmError::Unsupported(format!(
            "{} answers, but does not say which server it is; add ?kind=KIND ({})",
            address.base(),
            Kind::ALL.map(Kind::name).join(", ")
        )));
    };
    let entries = entries(evidence);
    let models: Vec<String> = entries.iter().filter_map(|entry| text(&entry["id"])).collect();
    let model = match (&address.model, &models[..]) {
        (Some(named), _) => named.clone(),
        (None, [only]) => only.clone(),
        (None, []) => alone(kind, evidence).ok_or_else(|| {
            LmError::Unsupported(format!("{} does not list its models; name one with #MODEL", address.base()))
        })?,
        // A server of one's own lists its model first and adapters to it after.
        (None, [first, ..]) if hosted.is_none() && kind != Kind::Ollama => first.clone(),
        (None, several) => {
            return Err(LmError::Unsupported(format!(
                "{} offers {} models; name one with #MODEL ({})",
                address.base(),
                several.len(),
                some(several)
            )));
        }
    };
    if kind == Kind::LlamaServer
        && let Some(named) = &address.model
        && !models.is_empty()
        && !entries.iter().any(|entry| is_called(entry, named))
    {
        // It would serve another model under this name, and records would name one that never answered.
        return Err(LmError::Unsupported(format!(
            "{} has no model {named}; name one that it has with #MODEL ({})",
            address.base(),
            some(&models)
        )));
    }
    let entry = entries.iter().find(|entry| is_called(entry, &model)).or(entries.first());
    let limit = entry.and_then(|entry| number(&entry["max_model_len"]).or_else(|| number(&entry["context_length"])));
    let limit = limit.or_else(|| limit_by_evidence(kind, evidence));
    let (version, warnings) = (version(evidence), warnings(evidence));
    // llama-cpp-python and the echoing providers take text only.
    let takes_ids = kind != Kind::Echo || (hosted.is_none() && owner(evidence).as_deref() != Some(LLAMA_CPP_PYTHON));
    Ok(Found { kind, model, models, limit, version, takes_ids, warnings })
}

/// The first of these by name.
fn some(models: &[String]) -> String {
    let named = models.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
    if models.len() > MOST_NAMED { format!("{named}, …") } else { named }
}

/// Whether an entry of the list goes by this name, or by this other name that its server gives it.
fn is_called(entry: &Value, name: &str) -> bool {
    let other = entry["aliases"].as_array().is_some_and(|aliases| aliases.iter().any(|alias| *alias == name));
    entry["id"] == name || other
}

/// How llama-cpp-python calls the owner of its models.
const LLAMA_CPP_PYTHON: &str = "me";

/// Whom the first model is said to belong to.
fn owner(evidence: &Evidence) -> Option<String> {
    entries(evidence).first().and_then(|entry| text(&entry["owned_by"]))
}

fn kind_by_evidence(evidence: &Evidence) -> Option<Kind> {
    match owner(evidence).as_deref() {
        Some("vllm") => return Some(Kind::Vllm),
        Some("sglang") => return Some(Kind::Sglang),
        Some("llamacpp") => return Some(Kind::LlamaServer),
        Some(LLAMA_CPP_PYTHON) => return Some(Kind::Echo),
        Some("tensorrt_llm" | "tabbyAPI" | "local" | "organization_owner") => return Some(Kind::Chat),
        _ => {}
    }
    let props = evidence.props.as_ref().is_some_and(|props| props.get("default_generation_settings").is_some());
    let router = |info: &Value| text(&info["router"]).is_some_and(|router| router.contains("text-generation"));
    match evidence {
        _ if props => Some(Kind::LlamaServer),
        Evidence { sglang: Some(_), .. } => Some(Kind::Sglang),
        Evidence { tgi: Some(info), .. } if router(info) || info.get("max_total_tokens").is_some() => Some(Kind::Tgi),
        Evidence { ollama: Some(_), .. } => Some(Kind::Ollama),
        Evidence { version: Some(_), .. } => Some(Kind::Vllm),
        // What is left of the OpenAI family can chat.
        Evidence { models: Some(_), .. } => Some(Kind::Chat),
        _ => None,
    }
}

/// The entries of a list of models: under `data`, or the list itself.
fn entries(evidence: &Evidence) -> Vec<Value> {
    let list = evidence.models.as_ref().map(|models| if models.is_array() { models } else { &models["data"] });
    list.and_then(Value::as_array).cloned().unwrap_or_default()
}

/// The name of a server's only model where it has no list.
fn alone(kind: Kind, evidence: &Evidence) -> Option<String> {
    match kind {
        Kind::Sglang => evidence.sglang.as_ref().and_then(|info| text(&info["model_path"])),
        Kind::Tgi => evidence.tgi.as_ref().and_then(|info| text(&info["model_id"])),
        Kind::LlamaServer => evidence.props.as_ref().and_then(|props| text(&props["model_alias"])),
        _ => None,
    }
}

fn limit_by_evidence(kind: Kind, evidence: &Evidence) -> Option<usize> {
    match kind {
        Kind::LlamaServer => {
            let settings = &evidence.props.as_ref()?["default_generation_settings"];
            number(&settings["n_ctx"])
        }
        Kind::Sglang => evidence.sglang.as_ref().and_then(|info| number(&info["context_length"])),
        Kind::Tgi => evidence.tgi.as_ref().and_then(|info| number(&info["max_total_tokens"])),
        _ => None,
    }
}

fn version(evidence: &Evidence) -> Option<String> {
    let of = |value: &Option<Value>, key: &str| value.as_ref().and_then(|value| text(&value[key]));
    of(&evidence.version, "version")
        .or_else(|| of(&evidence.sglang, "version"))
        .or_else(|| of(&evidence.props, "build_info"))
        .or_else(|| of(&evidence.tgi, "version"))
        .or_else(|| of(&evidence.ollama, "version"))
}

fn warnings(evidence: &Evidence) -> Vec<String> {
    let drafts = evidence.sglang.as_ref().and_then(|info| text(&info["speculative_algorithm"]));
    let speculative = drafts.map(|name| {
        format!(
            "it decodes speculatively ({name}), which has corrupted scores in silence; score with a server without it"
        )
    });
    speculative.into_iter().collect()
}

fn text(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn number(value: &Value) -> Option<usize> {
    value.as_u64().filter(|n| *n > 0).map(|n| n as usize)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(address: &str, evidence: Evidence) -> Result<Found, LmError> {
        let address: Address = address.parse().unwrap();
        verdict(&address, kind_by_host(address.host()), &evidence)
    }

    fn listed(owner: &str) -> Option<Value> {
        Some(json!({"data": [{"id": "Qwen/Qwen3-8B", "owned_by": owner, "max_model_len": 40960}]}))
    }

    #[test]
    fn every_server_is_known_by_what_it_says() {
        let none = Evidence::default();
        let cases = [
            (
                Evidence { models: listed("vllm"), version: Some(json!({"version": "0.29.0"})), ..none.clone() },
                Kind::Vllm,
            ),
            (Evidence { models: listed("sglang"), ..none.clone() }, Kind::Sglang),
            (Evidence { models: listed("llamacpp"), ..none.clone() }, Kind::LlamaServer),
            (Evidence { models: listed("me"), ..none.clone() }, Kind::Echo),
            (Evidence { models: listed("somebody"), ..none.clone() }, Kind::Chat),
            (
                Evidence {
                    models: listed("x"),
                    props: Some(json!({"default_generation_settings": {}})),
                    ..none.clone()
                },
                Kind::LlamaServer,
            ),
            (Evidence { models: listed("x"), sglang: Some(json!({"model_path": "m"})), ..none.clone() }, Kind::Sglang),
            (Evidence { tgi: Some(json!({"model_id": "m", "max_total_tokens": 2048})), ..none.clone() }, Kind::Tgi),
            (
                Evidence { models: listed("library"), ollama: Some(json!({"version": "1"})), ..none.clone() },
                Kind::Ollama,
            ),
            (Evidence { models: listed("x"), version: Some(json!({"version": "0.9"})), ..none }, Kind::Vllm),
        ];
        for (evidence, kind) in cases {
            assert_eq!(found("http://h:1", evidence.clone()).unwrap().kind, kind, "{evidence:?}");
        }
        let models = || Evidence { models: listed("x"), ..Evidence::default() };
        for (host, kind) in [
            ("https://api.anthropic.com", Kind::Anthropic),
            ("https://api.fireworks.ai/inference", Kind::Fireworks),
            ("https://api.together.xyz", Kind::Together),
            ("https://api.openai.com", Kind::Chat),
            ("http://h?kind=sglang", Kind::Sglang),
        ] {
            assert_eq!(found(host, models()).unwrap().kind, kind, "{host}");
        }
    }

    #[test]
    fn model_limit_and_version() {
        let vllm =
            Evidence { models: listed("vllm"), version: Some(json!({"version": "0.29.0"})), ..Evidence::default() };
        let server = found("http://h:1", vllm.clone()).unwrap();
        assert_eq!(
            (&*server.model, server.limit, server.version.as_deref()),
            ("Qwen/Qwen3-8B", Some(40960), Some("0.29.0"))
        );
        assert_eq!(found("http://h:1#lora", vllm).unwrap().model, "lora");
        let llama = Evidence {
            models: Some(json!({"data": [{"id": "scorer.gguf", "owned_by": "llamacpp"}]})),
            props: Some(json!({"default_generation_settings": {"n_ctx": 4096}, "build_info": "b1-x"})),
            ..Evidence::default()
        };
        assert_eq!(found("http://h:1", llama).unwrap().limit, Some(4096));
    }

    #[test]
    fn a_name_that_llama_server_would_ignore_is_refused() {
        let list =
            json!({"data": [{"id": "a.gguf", "aliases": ["a", "first"], "owned_by": "llamacpp"}, {"id": "b.gguf"}]});
        let llama = Evidence { models: Some(list), ..Evidence::default() };
        let refusal = found("http://h:1#Foo", llama.clone()).unwrap_err().to_string();
        assert_eq!(refusal, "http://h:1 has no model Foo; name one that it has with #MODEL (a.gguf, b.gguf)");
        for name in ["a.gguf", "first", "b.gguf"] {
            assert_eq!(found(&format!("http://h:1#{name}"), llama.clone()).unwrap().model, name);
        }
        let unlisted = Evidence { props: Some(json!({"default_generation_settings": {}})), ..Evidence::default() };
        assert_eq!(found("http://h:1#Foo", unlisted).unwrap().model, "Foo", "a server without a list is believed");
    }

    #[test]
    fn speculative_decoding_is_warned_of() {
        let server = Evidence {
            models: listed("sglang"),
            sglang: Some(json!({"speculative_algorithm": "EAGLE3"})),
            ..Evidence::default()
        };
        assert!(found("http://h:1", server).unwrap().warnings[0].contains("EAGLE3"));
    }

    #[test]
    fn a_choice_is_asked_for_where_there_is_one() {
        let many = Evidence { models: Some(json!([{"id": "a"}, {"id": "b"}])), ..Evidence::default() };
        let refusal = found("https://api.together.xyz", many.clone()).unwrap_err().to_string();
        assert!(refusal.contains("offers 2 models; name one with #MODEL (a, b)"), "{refusal}");
        assert_eq!(found("https://api.together.xyz#b", many).unwrap().model, "b");
        let unknown = found("http://h:1", Evidence::default()).unwrap_err().to_string();
        assert!(unknown.contains("add ?kind=KIND"), "{unknown}");
    }
}
