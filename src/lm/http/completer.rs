//! A text model behind a server: one streamed call a sample, all at once, each cut at its stop string.

use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use futures::{Stream, StreamExt};

use super::ask::{End, Rendered, Usage};
use super::codec::Codec;
use super::{Client, Completing, Kind, Prompt};
use crate::lm::frame::Frame;
use crate::lm::{Complete, Completion, CompletionRequest, FramePiece, LmError, Setback, Sink};
use crate::reer::Identity;

/// A served model that continues conversations.
pub struct HttpCompleter {
    pub(super) client: Client,
    /// Without the options that the model has refused.
    pub(super) protocol: RwLock<Arc<dyn Completing>>,
    /// For servers that continue a prompt rendered here.
    pub(super) renderer: Option<(Arc<dyn Codec>, Frame)>,
    pub(super) identity: Identity,
    /// Most tokens of prompt and answer together, where the server says.
    pub(super) limit: Option<usize>,
}

impl HttpCompleter {
    /// Begins an answer; options that the model refuses are left out, from then on in every call.
    async fn begin(
        &self,
        prompt: &Prompt<'_>,
    ) -> Result<(Arc<dyn Completing>, impl Stream<Item = Result<String, LmError>> + Unpin + Send + use<>), LmError>
    {
        let mut protocol = self.protocol.read().unwrap_or_else(PoisonError::into_inner).clone();
        loop {
            match self.client.stream(&protocol.build(prompt), protocol.events()).await {
                Ok(events) => return Ok((protocol, events)),
                Err(refusal) => protocol = protocol.without(&refusal).ok_or(refusal)?,
            }
            *self.protocol.write().unwrap_or_else(PoisonError::into_inner) = protocol.clone();
        }
    }

    /// That a prompt leaves too little of the context, with what helps.
    fn no_room(&self, prompt: usize, limit: usize, most: u32) -> LmError {
        let left = limit.saturating_sub(prompt);
        let room = format!("{left} are left for an answer of up to {most}");
        let remedy = match self.identity.kind == Kind::LlamaServer.name() {
            true => "start it with a larger -c, which its -np slots share",
            false => "serve the model with a longer context",
        };
        let base = self.client.address().base();
        LmError::Unsupported(format!(
            "the prompt has {prompt} tokens and {base} takes {limit} for prompt and answer: {room}; {remedy}, or choose a \
             generator with a longer context"
        ))
    }

    async fn sample(
        &self,
        request: &CompletionRequest<'_>,
        rendered: Option<Rendered<'_>>,
        (place, seed): (usize, u64),
        sink: Sink<'_>,
    ) -> Result<Completion, LmError> {
        let mut sampling = request.sampling.clone();
        if let (Some(limit), Some(prompt)) = (self.limit, rendered) {
            let room = limit.saturating_sub(prompt.ids.len());
            if room < least_room(sampling.max_tokens) {
                return Err(self.no_room(prompt.ids.len(), limit, sampling.max_tokens));
            }
            sampling.max_tokens = sampling.max_tokens.min(u32::try_from(room).unwrap_or(u32::MAX));
        }
        let prompt = Prompt {
            model: &self.identity.model,
            messages: request.messages,
            rendered,
            prefill: request.prefill,
            stop: request.stop,
            seed,
            sampling: &sampling,
            affinity: request.affinity,
        };
        let (protocol, mut events) = self.begin(&prompt).await?;
        let mut heard = Heard::new(request);
        heard.sent = rendered.map_or(0, |prompt| prompt.ids.len());
        while let Some(event) = events.next().await {
            for piece in protocol.read(&event?)? {
                if piece.sample != 0 {
                    continue;
                }
                heard.usage = piece.usage.map(|usage| heard.usage.unwrap_or_default().after(usage)).or(heard.usage);
                heard.end = piece.end.or(heard.end);
                heard.reasoning.push_str(&piece.reasoning);
                heard.pieces += usize::from(!piece.reasoning.is_empty());
                let new = heard.add(&piece.text);
                if !new.is_empty() {
                    sink(place, &new);
                }
            }
        }
        heard.completion().ok_or_else(|| LmError::Passing {
            setback: Setback::Broken,
            message: format!("{} ended an answer without saying why", self.client.address().base()),
        })
    }
}

/// Tokens that must be left for an answer: one that has less would only be cut off.
const LEAST_ROOM: usize = 256;

/// The room below which nothing is asked, where `most` tokens may be written.
fn least_room(most: u32) -> usize {
    LEAST_ROOM.min(most as usize).max(1)
}

/// An answer as far as it has come.
struct Heard<'a> {
    text: String,
    reasoning: String,
    end: Option<End>,
    usage: Option<Usage>,
    /// Tokens of the prompt that was sent, and pieces that came: what is counted where the server tells no counts.
    sent: usize,
    pieces: usize,
    stop: &'a [&'a str],
    /// What a server that was not given a prefill may begin with all the same.
    prefill: &'a str,
    /// How much of the text is certain: no stop string can begin before.
    told: usize,
    stopped: bool,
}

impl<'a> Heard<'a> {
    fn new(request: &CompletionRequest<'a>) -> Heard<'a> {
        let (text, reasoning) = (String::new(), String::new());
        let (stop, prefill) = (request.stop, request.prefill.trim());
        Heard { text, reasoning, end: None, usage: None, sent: 0, pieces: 0, stop, prefill, told: 0, stopped: false }
    }

    /// Adds text; what of it became certain.
    fn add(&mut self, piece: &str) -> String {
        self.pieces += usize::from(!piece.is_empty());
        if self.stopped || piece.is_empty() {
            return String::new();
        }
        self.text.push_str(piece);
        if self.told == 0 && !self.prefill.is_empty() {
            let begun = self.text.trim_start();
            if begun.len() < self.prefill.len() && self.prefill.starts_with(begun) {
                return String::new();
            }
            if let Some(rest) = begun.strip_prefix(self.prefill) {
                self.text = rest.trim_start_matches(['\n', '\r']).to_owned();
                self.prefill = "";
            }
        }
        // Servers leave a stop string out, but not all do, and not all know every one.
        if let Some(at) = self.stop.iter().filter_map(|stop| self.text.find(stop)).min() {
            self.text.truncate(at);
            self.stopped = true;
        }
        let certain = if self.stopped { self.text.len() } else { self.text.len() - begun_stop(&self.text, self.stop) };
        let new = self.text.get(self.told..certain).unwrap_or_default().to_owned();
        self.told += new.len();
        new
    }

    /// The whole answer; `None` when it broke off.
    fn completion(self) -> Option<Completion> {
        let end = if self.stopped { End::Stop } else { self.end? };
        // A server that takes the first think block for its model's own reasoning leaves nothing else of a draft.
        let text = if self.text.trim().is_empty() { self.reasoning } else { self.text };
        let Usage { tokens_in, tokens_out, cached } =
            self.usage.unwrap_or(Usage { tokens_in: self.sent, tokens_out: self.pieces, cached: 0 });
        Some(Completion { text, finished: end == End::Stop, tokens_in, tokens_out, tokens_cached: cached })
    }
}

/// Bytes at the end of `text` that may be the beginning of a stop string.
fn begun_stop(text: &str, stops: &[&str]) -> usize {
    let begun = |stop: &&str| {
        let ends = stop.char_indices().map(|(at, _)| at).skip(1);
        ends.filter(|at| text.ends_with(&stop[..*at])).max().unwrap_or(0)
    };
    stops.iter().map(begun).max().unwrap_or(0)
}

#[async_trait]
impl Complete for HttpCompleter {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    async fn complete(&self, request: &CompletionRequest<'_>, sink: Sink<'_>) -> Result<Vec<Completion>, LmError> {
        let prompt = match &self.renderer {
            Some((codec, frame)) => {
                let mut pieces = frame.render(request.messages)?;
                pieces.push(FramePiece::Markup(request.prefill.to_owned()));
                Some(codec.prompt(&pieces).await?)
            }
            None => None,
        };
        let rendered = prompt.as_ref().map(|prompt| Rendered { ids: &prompt.ids, text: &prompt.text });
        let samples =
            request.seeds.iter().copied().enumerate().map(|sample| self.sample(request, rendered, sample, sink));
        futures::future::try_join_all(samples).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reer::search::{Config, Preset};

    fn heard(prefill: &'static str, pieces: &[&str]) -> (Vec<String>, Option<Completion>) {
        let config = Config::preset(Preset::Retrace);
        let request = CompletionRequest {
            messages: &[],
            prefill,
            stop: &["</think>", "<answer>"],
            seeds: &[1],
            sampling: &config.sampling,
            affinity: None,
        };
        let mut heard = Heard::new(&request);
        let told = pieces.iter().map(|piece| heard.add(piece)).collect();
        heard.end = Some(End::Stop);
        (told, heard.completion())
    }

    #[test]
    fn text_is_told_once_it_is_certain_and_cut_at_its_stop() {
        let (told, completion) = heard("", &["I plan", " a < b </th", "ink> and", " more"]);
        assert_eq!(told, ["I plan", " a < b ", "", ""]);
        let completion = completion.unwrap();
        assert_eq!((&*completion.text, completion.tokens_out), ("I plan a < b ", 4), "a piece counts as a token");
    }

    #[test]
    fn a_prefill_that_the_model_writes_itself_is_taken_off() {
        let (told, completion) = heard("<think>\n", &["<th", "ink>\nI ", "plan</think>"]);
        assert_eq!(told, ["", "I ", "plan"]);
        assert_eq!(completion.unwrap().text, "I plan");
        assert_eq!(heard("<think>\n", &["I plan"]).1.unwrap().text, "I plan");
    }

    #[test]
    fn an_answer_needs_room_but_no_more_than_it_may_take() {
        assert_eq!([2048, 256, 40, 0].map(least_room), [256, 256, 40, 1]);
    }

    #[test]
    fn an_answer_that_broke_off_is_none() {
        let (mut cut, _) = (Heard { end: None, ..blank() }, ());
        cut.add("I plan");
        assert_eq!(cut.completion(), None);
        let mut long = Heard { end: Some(End::Length), ..blank() };
        long.add("I plan");
        assert!(!long.completion().unwrap().finished);
    }

    #[test]
    fn thinking_that_a_server_keeps_apart_is_the_draft_when_nothing_else_came() {
        let only = Heard { reasoning: "I plan".to_owned(), end: Some(End::Stop), ..blank() };
        assert_eq!(only.completion().unwrap().text, "I plan");
        let both = Heard { reasoning: "hm".to_owned(), text: "I plan".to_owned(), end: Some(End::Stop), ..blank() };
        assert_eq!(both.completion().unwrap().text, "I plan");
    }

    fn blank() -> Heard<'static> {
        Heard {
            text: String::new(),
            reasoning: String::new(),
            end: None,
            usage: None,
            sent: 0,
            pieces: 0,
            stop: &[],
            prefill: "",
            told: 0,
            stopped: false,
        }
    }
}
