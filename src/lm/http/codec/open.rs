//! Finds the codec and the chat template of a served model: on this machine before the server, and says where both came
//! from.

use std::sync::Arc;

use super::super::{Client, Kind};
use super::wire::{self, Route};
use super::{Codec, Local, Sends, Served, hub, served};
use crate::lm::LmError;
use crate::lm::template::{ChatTemplate, sentinels};

/// Sequences of roles that conversations have here. The first is every scorer's.
const CONVERSATIONS: [&[&str]; 2] = [&["user"], &["system", "user"]];

/// How a served model's prompts are made.
pub struct Opened {
    pub codec: Arc<dyn Codec>,
    /// Absent: the plain frame.
    pub template: Option<ChatTemplate>,
    /// Where the codec is from, in words.
    pub tokenizer_origin: String,
    /// Where the template is from, in words.
    pub template_origin: String,
}

/// Opens the codec and the chat template of `model` as servers of `kind` serve it. The tokenizer is the one that the
/// client's address names, the one of the folder that the model is, the one in the hub cache, or the server's; the template
/// stands beside it, or is the server's. Environment variables are read by `variable`.
///
/// # Errors
/// [`LmError::Unsupported`] with the remedy when there is no tokenizer, or a file cannot be used; what the server refused.
pub async fn open(
    client: &Client,
    kind: Kind,
    model: &str,
    variable: &(dyn Fn(&str) -> Option<String> + Sync),
) -> Result<Opened, LmError> {
    let found = hub::find(client.address().tokenizer.as_deref(), model, variable)?;
    open_found(Arc::new(client.clone()), kind, model, found).await
}

async fn open_found(
    wire: Arc<dyn Sends>,
    kind: Kind,
    model: &str,
    found: Option<hub::Found>,
) -> Result<Opened, LmError> {
    let route = Route::of(kind);
    let Some(found) = found else {
        let route = route.ok_or_else(|| no_tokenizer(kind, model))?;
        let codec = Arc::new(Served::open(wire.clone(), route, model).await?);
        let (template, template_origin) = server_template(&wire, route, model).await?;
        return Ok(Opened { codec, template, tokenizer_origin: "asked of the server".to_owned(), template_origin });
    };
    let file = found.file.clone();
    // A large vocabulary takes a second to read.
    let local = tokio::task::spawn_blocking(move || Local::open(&file)).await;
    let local = local.map_err(|error| LmError::Unsupported(format!("the tokenizer was not read: {error}")))??;
    let (template, template_origin) = match (local.chat_template(), route) {
        (Some(source), _) => {
            let template = ChatTemplate::new(source, local.special_tokens()).map_err(|error| match error {
                LmError::Unsupported(cause) => LmError::Unsupported(format!("{}: {cause}", found.file.display())),
                other => other,
            })?;
            (Some(template), format!("beside {}", found.origin))
        }
        (None, Some(route)) => server_template(&wire, route, model).await?,
        (None, None) => no_template(),
    };
    Ok(Opened { codec: Arc::new(local), template, tokenizer_origin: found.origin, template_origin })
}

fn no_tokenizer(kind: Kind, model: &str) -> LmError {
    LmError::Unsupported(format!(
        "the tokenizer of {model} is not on this machine, and {kind} servers cannot be asked for tokens; name its \
         tokenizer.json with tokenizer=PATH"
    ))
}

fn no_template() -> (Option<ChatTemplate>, String) {
    (None, "none: the plain frame".to_owned())
}

/// The chat template of a server, where it has one and tells.
async fn server_template(
    wire: &Arc<dyn Sends>,
    route: Route,
    model: &str,
) -> Result<(Option<ChatTemplate>, String), LmError> {
    let template = match route {
        Route::LlamaServer => llama_server_template(wire, model).await?,
        Route::Vllm => rendered(wire, route, model).await?,
        Route::Sglang | Route::LlamaCppPython | Route::Tgi => None,
    };
    Ok(template.map_or_else(no_template, |template| (Some(template), "asked of the server".to_owned())))
}

async fn llama_server_template(wire: &Arc<dyn Sends>, model: &str) -> Result<Option<ChatTemplate>, LmError> {
    let told = lasting(wire.send(&wire::props()).await.and_then(|reply| wire::template_source(&reply)))?;
    let Some((source, tokens)) = told.flatten() else { return Ok(None) };
    // For a model without a template the server shows one of its own, whose marks the vocabulary does not have.
    let mark = "<|im_start|>";
    if source.contains(mark) && !served::has_control(wire.clone(), model, mark).await? {
        return Ok(None);
    }
    match ChatTemplate::new(&source, tokens) {
        Ok(template) => Ok(Some(template)),
        Err(_) => rendered(wire, Route::LlamaServer, model).await,
    }
}

/// A template known by what the server makes of sentinels; `None` where it makes nothing of the first conversation.
async fn rendered(wire: &Arc<dyn Sends>, route: Route, model: &str) -> Result<Option<ChatTemplate>, LmError> {
    let [first, others @ ..] = CONVERSATIONS;
    let Some(text) = lasting(rendering(wire, route, model, first).await)? else { return Ok(None) };
    let mut renderings = vec![(first.to_vec(), text)];
    for roles in others {
        // Some templates refuse a system message, each server in its own way, and some leave it out.
        let Ok(text) = rendering(wire, route, model, roles).await else { continue };
        let rendering = (roles.to_vec(), text);
        if ChatTemplate::of_renderings(vec![rendering.clone()]).is_ok() {
            renderings.push(rendering);
        }
    }
    ChatTemplate::of_renderings(renderings).map(Some)
}

async fn rendering(
    wire: &Arc<dyn Sends>,
    route: Route,
    model: &str,
    roles: &[&'static str],
) -> Result<String, LmError> {
    let call = wire::render(route, model, &sentinels(roles));
    let call = call.ok_or_else(|| LmError::Unsupported("this server renders nothing".to_owned()))?;
    let reply = wire.send(&call).await?;
    if route != Route::Vllm {
        return wire::rendered(&reply);
    }
    let ids: Vec<u32> = wire::tokens(route, &reply)?.into_iter().map(|token| token.id).collect();
    wire::rendered(&wire.send(&wire::spell(model, &ids)).await?)
}

/// `None` for a refusal for good: the server has no such thing.
fn lasting<T>(result: Result<T, LmError>) -> Result<Option<T>, LmError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(LmError::Unsupported(_) | LmError::Invalid(_)) => Ok(None),
        Err(other) => Err(other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::{BYTES, Fake, PIECES, fixture, now};
    use super::*;
    use crate::lm::template::SpecialTokens;
    use crate::lm::{FramePiece, Message};

    const CHATML: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n<think>\n";

    fn opened(fake: Fake, kind: Kind, found: Option<hub::Found>) -> Result<Opened, LmError> {
        now(open_found(Arc::new(fake), kind, "Q/M", found))
    }

    fn found(folder: &str) -> Option<hub::Found> {
        Some(hub::Found { file: fixture(folder).join("tokenizer.json"), origin: "tokenizer.json of Q/M".to_owned() })
    }

    fn message(error: Result<Opened, LmError>) -> String {
        error.map(|_| ()).unwrap_err().to_string()
    }

    fn conversation() -> [Message; 1] {
        [Message { role: "user", content: " x <|im_end|>".to_owned() }]
    }

    fn here(source: &str) -> Vec<FramePiece> {
        ChatTemplate::new(source, SpecialTokens::default()).unwrap().render(&conversation()).unwrap()
    }

    #[test]
    fn what_is_on_this_machine_is_asked_of_nobody() {
        let fake = Arc::new(Fake::new(Route::Vllm, BYTES));
        let opened = now(open_found(fake.clone(), Kind::Vllm, "Q/M", found(BYTES.folder))).unwrap();
        assert_eq!(opened.tokenizer_origin, "tokenizer.json of Q/M");
        assert_eq!(opened.template_origin, "beside tokenizer.json of Q/M");
        assert!(opened.template.is_some());
        assert_eq!(fake.calls.load(std::sync::atomic::Ordering::Relaxed), 0);
    }

    #[test]
    fn a_tokenizer_here_without_a_template_leaves_that_to_the_server() {
        let mut fake = Fake::new(Route::LlamaServer, BYTES);
        fake.others.push(("/props", json!({ "chat_template": CHATML, "bos_token": "" })));
        let opened = opened(fake, Kind::LlamaServer, found(PIECES.folder)).unwrap();
        assert_eq!(
            (&*opened.tokenizer_origin, &*opened.template_origin),
            ("tokenizer.json of Q/M", "asked of the server")
        );
    }

    #[test]
    fn llama_server_tells_its_template() {
        let mut fake = Fake::new(Route::LlamaServer, BYTES);
        fake.others.push(("/props", json!({ "chat_template": CHATML, "bos_token": "" })));
        let opened = opened(fake, Kind::LlamaServer, None).unwrap();
        assert_eq!(opened.template.unwrap().render(&conversation()).unwrap(), here(CHATML));
        assert_eq!(opened.tokenizer_origin, "asked of the server");
    }

    #[test]
    fn the_template_that_llama_server_has_for_models_without_one_is_not_theirs() {
        let mut fake = Fake::new(Route::LlamaServer, PIECES);
        fake.others.push(("/props", json!({ "chat_template": CHATML, "bos_token": "<s>" })));
        let opened = opened(fake, Kind::LlamaServer, None).unwrap();
        assert!(opened.template.is_none());
        assert_eq!(opened.template_origin, "none: the plain frame");
    }

    #[test]
    fn a_template_that_is_not_for_us_is_rendered_by_llama_server() {
        let mut fake = Fake::new(Route::LlamaServer, BYTES);
        fake.others.push(("/props", json!({ "chat_template": "{% unknown %}" })));
        let sentinel = &sentinels(&["user"])[0].content;
        fake.others.push(("/apply-template", json!({ "prompt": format!("<|im_start|>{sentinel}<|im_end|>") })));
        let template = opened(fake, Kind::LlamaServer, None).unwrap().template.unwrap();
        let pieces = template.render(&conversation()).unwrap();
        assert_eq!(pieces[1], FramePiece::Text(" x <|im_end|>".to_owned()));
        let two = [Message { role: "system", content: "s".to_owned() }, conversation()[0].clone()];
        assert!(template.render(&two).is_err(), "the server left the system message out");
    }

    #[test]
    fn vllm_renders_and_spells_the_rendering() {
        let mut fake = Fake::new(Route::Vllm, BYTES);
        fake.template = Some(|messages| {
            let turn = |m: &serde_json::Value| {
                let (role, content) = (m["role"].as_str().unwrap(), m["content"].as_str().unwrap());
                format!("<|im_start|>{role}\n{content}<|im_end|>\n")
            };
            let turns: String = messages.as_array().unwrap().iter().map(turn).collect();
            turns + "<|im_start|>assistant\n<think>\n"
        });
        let template = opened(fake, Kind::Vllm, None).unwrap().template.unwrap();
        assert_eq!(template.render(&conversation()).unwrap(), here(CHATML));
        let two = [Message { role: "system", content: "s".to_owned() }, conversation()[0].clone()];
        assert_eq!(template.render(&two).unwrap()[1], FramePiece::Text("s".to_owned()));
    }

    #[test]
    fn a_server_without_a_template_gives_the_plain_frame() {
        for (route, kind) in [(Route::Vllm, Kind::Vllm), (Route::Sglang, Kind::Sglang), (Route::Tgi, Kind::Tgi)] {
            assert!(opened(Fake::new(route, BYTES), kind, None).unwrap().template.is_none(), "{kind}");
        }
    }

    #[test]
    fn without_a_tokenizer_the_remedy_is_named() {
        for kind in [Kind::Fireworks, Kind::Together] {
            let error = message(opened(Fake::new(Route::Vllm, BYTES), kind, None));
            assert!(error.contains("Q/M") && error.contains("tokenizer=PATH"), "{error}");
        }
    }
}
