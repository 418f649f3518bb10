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
