//! The wire: sends calls to one server and receives answers, whole or streamed. Knows no protocol and tries nothing twice.

use std::sync::Once;
use std::time::Duration;

use futures::{Stream, StreamExt, stream};

use super::ask::Events;
use super::stream::Cutter;
use super::{Address, Call, Kind, Method, Reply, Secret, fault};
use crate::lm::{LmError, Setback};

/// How long a client waits.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// For a connection.
    pub connect: Duration,
    /// For a whole answer: calls wait in the server's queue, which may be long.
    pub whole: Duration,
    /// For the first piece of a stream.
    pub first: Duration,
    /// For each further piece.
    pub next: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            connect: Duration::from_secs(5),
            whole: Duration::from_secs(600),
            first: Duration::from_secs(300),
            next: Duration::from_secs(60),
        }
    }
}

/// Idle connections are let go before the servers' own limit (uvicorn's is five seconds): one that the server closes
/// while a call is on its way breaks the call off.
const IDLE: Duration = Duration::from_secs(4);

/// Sends calls to one server. Cheap to clone; must be used in the runtime that it was first used in.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    address: Address,
    key: Option<Secret>,
    patience: Patience,
}

impl Client {
    /// A client that says `key`, where there is one, with every call.
    ///
    /// # Errors
    /// [`LmError::Unsupported`] when the machine's certificates cannot be read.
    pub fn new(address: Address, key: Option<Secret>, patience: Patience) -> Result<Client, LmError> {
        static PROVIDER: Once = Once::new();
        // Fails only when a provider is there already.
        PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("retrace/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(patience.connect)
            .pool_idle_timeout(IDLE)
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true);
        if address.is_local() {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|e| LmError::Unsupported(format!("cannot make calls: {}", causes(&e))))?;
        Ok(Client { http, address, key, patience })
    }

    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Sends a call and waits for its whole answer, whatever its status.
    ///
    /// # Errors
    /// [`LmError::Passing`] when no answer came.
    pub async fn send(&self, call: &Call) -> Result<Reply, LmError> {
        let whole = async {
            let response = self.request(call).send().await.map_err(|e| self.broken(&e))?;
            self.reply(response).await
        };
        tokio::time::timeout(self.patience.whole, whole).await.unwrap_or_else(|_| Err(self.silent(self.patience.whole)))
    }

    /// Sends a call whose answer is streamed; its events as they come.
    ///
    /// # Errors
    /// As [`Client::send`], and what a refusal means.
    pub async fn stream(
        &self,
        call: &Call,
        events: Events,
    ) -> Result<impl Stream<Item = Result<String, LmError>> + Unpin + Send + use<>, LmError> {
        let first = self.patience.first;
        let response = tokio::time::timeout(first, self.request(call).send()).await;
        let response = response.map_err(|_| self.silent(first))?.map_err(|e| self.broken(&e))?;
        if !response.status().is_success() {
            let reply = self.reply(response).await?;
            return Err(fault::refusal(&reply, 0));
        }
        let state = (self.clone(), response, Cutter::new(events), first);
        let batches = stream::unfold(Some(state), |state| async move {
            let (client, mut response, mut cutter, wait) = state?;
            match tokio::time::timeout(wait, response.chunk()).await {
                Err(_) => Some((vec![Err(client.silent(wait))], None)),
                Ok(Err(error)) => Some((vec![Err(client.broken(&error))], None)),
                Ok(Ok(None)) => Some((cutter.end().into_iter().map(|event| Ok(client.event(event))).collect(), None)),
                Ok(Ok(Some(bytes))) => {
                    let events = cutter.push(&bytes).into_iter().map(|event| Ok(client.event(event)));
                    let events: Vec<Result<String, LmError>> = events.collect();
                    // A ping is no progress: it does not shorten the wait for the first piece.
                    let wait = if events.is_empty() { wait } else { client.patience.next };
                    Some((events, Some((client, response, cutter, wait))))
                }
            }
        });
        Ok(Box::pin(batches.flat_map(stream::iter)))
    }

    /// Who reads the key in a header of its own.
    fn is_anthropic(&self) -> bool {
        self.address.kind == Some(Kind::Anthropic) || self.address.host().ends_with("anthropic.com")
    }

    fn request(&self, call: &Call) -> reqwest::RequestBuilder {
        let url = self.address.url(&call.path);
        let mut request = match call.method {
            Method::Get => self.http.get(url),
            Method::Post => self.http.post(url),
        };
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if let Some(key) = &self.key {
            let name = if self.is_anthropic() { "x-api-key" } else { "authorization" };
            let value = if name == "x-api-key" { key.reveal().to_owned() } else { format!("Bearer {}", key.reveal()) };
            match reqwest::header::HeaderValue::from_str(&value) {
                Ok(mut value) => {
                    value.set_sensitive(true);
                    request = request.header(name, value);
                }
                // A key with control characters: sent as it is it would be refused with the key in the message.
                Err(_) => request = request.header(name, "unusable"),
            }
        }
        match &call.body {
            Some(body) => request.header("content-type", "application/json").body(body.clone()),
            None => request,
        }
    }

    /// The answer with its body, which does not repeat the key: refusals do, those that claim success too.
    async fn reply(&self, response: reqwest::Response) -> Result<Reply, LmError> {
        let status = response.status().as_u16();
        let header = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
        let retry_after = header.and_then(|text| fault::retry_after(text, time::OffsetDateTime::now_utc()));
        let body = response.bytes().await.map_err(|e| self.broken(&e))?;
        let body = match &self.key {
            Some(key) => key.out_of(&String::from_utf8_lossy(&body)).into_bytes(),
            None => Vec::from(body),
        };
        Ok(Reply { status, retry_after, body })
    }

    fn event(&self, event: String) -> String {
        match &self.key {
            Some(key) => key.out_of(&event),
            None => event,
        }
    }

    fn broken(&self, error: &reqwest::Error) -> LmError {
        let setback = match error {
            error if error.is_timeout() && !error.is_connect() => Setback::Slow,
            error if error.is_connect() => Setback::Down,
            _ => Setback::Broken,
        };
        let what = if setback == Setback::Down { "does not answer" } else { "broke off" };
        LmError::Passing { setback, message: format!("{} {what}: {}", self.address.base(), causes(error)) }
    }

    fn silent(&self, wait: Duration) -> LmError {
        let message = format!("{} sent nothing for {} seconds", self.address.base(), wait.as_secs_f32());
        LmError::Passing { setback: Setback::Slow, message }
    }
}

/// An error's innermost cause: the outer ones only say that something failed, and repeat the address.
fn causes(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    innermost.to_string()
}
