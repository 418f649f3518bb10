//! A server that computes nothing: vLLM's answers made as cheaply as can be, so that what is measured is the client.

use std::convert::Infallible;
use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use crate::server::random::mix;

/// What the server is like.
#[derive(Debug, Clone, Copy)]
pub struct Lean {
    /// Each call of the engine takes so long.
    pub latency: Duration,
    /// So many at a time.
    pub seats: usize,
    /// Paragraphs of a draft.
    pub paragraphs: usize,
    /// Words, each a token, of a draft and of a rewrite with its reasons.
    pub words: usize,
}

/// A running server; dropped, it is gone.
pub struct Running {
    address: SocketAddr,
    pub desk: Arc<Desk>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What has been asked.
pub struct Desk {
    plan: Lean,
    seats: Semaphore,
    began: Instant,
    pub scores: AtomicU64,
    pub texts: AtomicU64,
    /// Milliseconds at which the first call of the engine came and the last was answered.
    first: AtomicU64,
    last: AtomicU64,
    pub in_flight: AtomicUsize,
    pub most_in_flight: AtomicUsize,
}

impl Lean {
    pub fn start(self) -> Running {
        let desk = Arc::new(Desk {
            plan: self,
            seats: Semaphore::new(self.seats.min(Semaphore::MAX_PERMITS)),
            began: Instant::now(),
            scores: AtomicU64::new(0),
            texts: AtomicU64::new(0),
            first: AtomicU64::new(u64::MAX),
            last: AtomicU64::new(0),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
        });
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a socket that does not block");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let serving = desk.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(serve(listener, serving, stopped));
        });
        Running { address, desk, stop: Some(stop), thread: Some(thread) }
    }
}

impl Running {
    /// As SPECs write it, with a tokenizer on this machine.
    pub fn url(&self) -> String {
        let tokenizer = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tokenizers/bytes");
        format!("http://{}?tokenizer={tokenizer}", self.address)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.take().into_iter().for_each(|stop| stop.send(()).unwrap_or_default());
        self.thread.take().into_iter().for_each(|thread| thread.join().expect("the server ends in peace"));
    }
}

impl Desk {
    /// Calls of the engine so far.
    pub fn calls(&self) -> u64 {
        self.scores.load(Ordering::Relaxed) + self.texts.load(Ordering::Relaxed)
    }

    /// From the first call of the engine to the last answer.
    pub fn busy(&self) -> Duration {
        let (first, last) = (self.first.load(Ordering::Relaxed), self.last.load(Ordering::Relaxed));
        Duration::from_millis(last.saturating_sub(first))
    }

    fn now(&self) -> u64 {
        self.began.elapsed().as_millis() as u64
    }
}

async fn serve(listener: std::net::TcpListener, desk: Arc<Desk>, mut stop: oneshot::Receiver<()>) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stop => return,
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                stream.set_nodelay(true).unwrap_or_default();
                let desk = desk.clone();
                connections.spawn(async move {
                    let service = service_fn(move |request| handle(desk.clone(), request));
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.unwrap_or_default();
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn handle(desk: Arc<Desk>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let (status, kind, text) = match head.uri.path() {
        "/v1/completions" => {
            let (kind, text) = worked(&desk, &body).await;
            (200, kind, text)
        }
        "/v1/models" => (200, JSON, MODELS.to_owned()),
        "/version" => (200, JSON, r#"{"version":"0.29.0"}"#.to_owned()),
        "/health" => (200, JSON, String::new()),
        _ => (404, JSON, r#"{"detail":"Not Found"}"#.to_owned()),
    };
    let response = Response::builder().status(status).header("content-type", kind);
    Ok(response.body(Full::new(Bytes::from(text))).expect("a status and a header of our own"))
}

const JSON: &str = "application/json";
const MODELS: &str = r#"{"object":"list","data":[{"id":"m","object":"model","created":1,"owned_by":"vllm","root":"m","parent":null,"max_model_len":131072,"permission":[]}]}"#;
const HEAD: &str = r#"{"id":"cmpl-1","object":"text_completion","created":1,"model":"m","choices":[{"index":0,"#;

async fn worked(desk: &Desk, body: &[u8]) -> (&'static str, String) {
    desk.first.fetch_min(desk.now(), Ordering::Relaxed);
    let now = desk.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
    desk.most_in_flight.fetch_max(now, Ordering::Relaxed);
    let seat = desk.seats.acquire().await.expect("seats are never taken away");
    // What the answer takes to be written is part of the time, not added to it.
    let ready = tokio::time::Instant::now() + desk.plan.latency;
    let answer = answer(desk, body);
    if !desk.plan.latency.is_zero() {
        tokio::time::sleep_until(ready).await;
    }
    drop(seat);
    desk.in_flight.fetch_sub(1, Ordering::Relaxed);
    desk.last.fetch_max(desk.now(), Ordering::Relaxed);
    answer
}

fn answer(desk: &Desk, body: &[u8]) -> (&'static str, String) {
    let ids = ids(body);
    if has(body, b"\"prompt_logprobs\"") {
        desk.scores.fetch_add(1, Ordering::Relaxed);
        (JSON, score(&ids))
    } else {
        desk.texts.fetch_add(1, Ordering::Relaxed);
        let seed = ids.iter().fold(digest(body), |hash, id| mix(hash, u64::from(*id)));
        ("text/event-stream", text(desk.plan, has(body, b"</refine>"), ids.len(), seed))
    }
}

fn digest(body: &[u8]) -> u64 {
    body.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3))
}

fn has(body: &[u8], word: &[u8]) -> bool {
    body.windows(word.len()).any(|window| window == word)
}

/// The ids of `"prompt":[...]`.
fn ids(body: &[u8]) -> Vec<u32> {
    let name = b"\"prompt\":[";
    let from = body.windows(name.len()).position(|window| window == name).map_or(body.len(), |at| at + name.len());
    let list = body[from..].split(|byte| *byte == b']').next().unwrap_or_default();
    let numbers = list.split(|byte| *byte == b',').filter_map(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    numbers.collect()
}

/// Every token's number depends on all that stands before it.
fn score(ids: &[u32]) -> String {
    let mut out = String::with_capacity(64 * ids.len() + 256);
    out.push_str(HEAD);
    out.push_str(r#""text":"a","logprobs":null,"finish_reason":"length","stop_reason":null,"prompt_logprobs":["#);
    static LOGPROBS: LazyLock<Vec<String>> =
        LazyLock::new(|| (0..4000).map(|at| format!("{}", f64::from(at) / 1000.0)).collect());
    static IDS: LazyLock<Vec<String>> = LazyLock::new(|| (0..1000).map(|id| format!("{id}")).collect());
    let mut before = 7;
    for (at, id) in ids.iter().enumerate() {
        before = mix(before, u64::from(*id));
        match (at, IDS.get(*id as usize)) {
            (0, _) => out.push_str("null"),
            (_, Some(id)) => {
                let logprob = LOGPROBS[(before % 4000) as usize].as_str();
                let parts = [r#",{""#, id, r#"":{"logprob":-"#, logprob, r#","rank":1,"decoded_token":"a"}}"#];
                parts.iter().for_each(|part| out.push_str(part));
            }
            (_, None) => panic!("the tokenizer of bytes has no id {id}"),
        }
    }
    let (have, total) = (ids.len(), ids.len() + 1);
    write!(out, r#"]}}],"usage":{{"prompt_tokens":{have},"completion_tokens":1,"total_tokens":{total}}}}}"#).unwrap();
    out
}

const WORDS: [&str; 16] = [
    "lamp", "river", "letter", "stone", "bread", "night", "voice", "window", "harbour", "morning", "father", "small",
    "cold", "plain", "slow", "open",
];

/// A draft, or a rewrite with its reasons, token by token.
fn text(plan: Lean, rewrites: bool, prompt: usize, seed: u64) -> String {
    let mut out = String::with_capacity(160 * plan.words + 512);
    let mut event = |texts: [&str; 2], finish: &str| {
        let [between, word] = texts;
        let end = ",\"stop_reason\":null}]}\n\n";
        let parts =
            ["data: ", HEAD, "\"text\":\"", between, word, "\",\"logprobs\":null,\"finish_reason\":", finish, end];
        parts.iter().for_each(|part| out.push_str(part));
    };
    let paragraph = plan.words.div_ceil(plan.paragraphs);
    let reasons = plan.words / 4;
    let mut hash = seed;
    for at in 0..plan.words {
        hash = mix(hash, at as u64);
        let word = WORDS[(hash % WORDS.len() as u64) as usize];
        let between = match (rewrites, at) {
            (_, 0) => "",
            (true, at) if at == reasons => "\\n</analyze>\\n<refine>\\n",
            (false, at) if at % paragraph == 0 => "\\n\\n",
            _ => " ",
        };
        event([between, word], "null");
    }
    event([""; 2], "\"stop\"");
    let (written, total) = (plan.words, prompt + plan.words);
    write!(
        out,
        "data: {{\"id\":\"cmpl-1\",\"object\":\"text_completion\",\"created\":1,\"model\":\"m\",\"choices\":[],\
         \"usage\":{{\"prompt_tokens\":{prompt},\"completion_tokens\":{written},\"total_tokens\":{total}}}}}\n\n\
         data: [DONE]\n\n"
    )
    .unwrap();
    out
}
