//! The desk of a server: logs a call, draws its fate, keeps it waiting, and lets the face of the server answer it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use hyper::body::Bytes;
use hyper::http::request::Parts;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::cache::PrefixCache;
use super::faces::{Face, sglang};
use super::faults::{Attempts, Fate, Faults, Noise, Wrong};
use super::log::{Log, Received};
use super::model::Model;
use super::random::digest;
use super::wire::{Answer, Body};

/// Everything of a server that outlives a restart.
pub struct Desk {
    pub face: Face,
    pub model: Model,
    pub log: Log,
    pub cache: PrefixCache,
    pub settings: Settings,
    pub faults: Mutex<Faults>,
    attempts: Mutex<Attempts>,
    /// Calls that the dead engine is still going to fail.
    dead: AtomicU32,
    seats: Semaphore,
}

/// What a server is told at its start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name of the model.
    pub name: String,
    pub context_length: usize,
    /// Whether errors stand at the top of the answer, as older servers have it, or under `error`.
    pub old_errors: bool,
    pub key: Option<String>,
    /// Whether errors repeat that key.
    pub tattles: bool,
    pub latency: Duration,
    /// Calls in the engine at one time; further ones wait.
    pub seats: usize,
    /// What the server says of its speculative decoding.
    pub speculative: Option<String>,
    /// Answers to chats begin with thoughts apart from them.
    pub reasons: bool,
    /// Streams come in small pieces, between pings.
    pub ragged: bool,
    pub keeps_calls: bool,
}

/// A call, its body read.
pub struct Call {
    pub path: String,
    pub body: Value,
    /// What is wrong with the scores of this answer.
    pub wrong: Option<Wrong>,
    pub noise: Noise,
    /// A seed for samples that bring none.
    pub seed: u64,
}

impl Desk {
    pub fn new(face: Face, model: Model, settings: Settings, faults: Faults) -> Desk {
        Desk {
            face,
            model,
            log: Log::new(settings.keeps_calls),
            cache: PrefixCache::default(),
            faults: Mutex::new(faults),
            attempts: Mutex::default(),
            dead: AtomicU32::new(0),
            seats: Semaphore::new(settings.seats.min(Semaphore::MAX_PERMITS)),
            settings,
        }
    }

    pub fn is_ragged(&self) -> bool {
        self.settings.ragged
    }

    /// The engine fails so many calls that score, generate or ask for its health.
    pub fn engine_dies(&self, calls: u32) {
        self.dead.store(calls, Ordering::Relaxed);
    }

    /// The answer to a call, and what happens to it on the wire.
    pub async fn answer(&self, head: &Parts, body: Bytes) -> (Answer, Option<Fate>) {
        let _present = self.log.enter();
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let path = head.uri.path().to_owned();
        let digest = digest(&body);
        let works = self.face.works(&path);
        let before = self.attempts.lock().unwrap().count(digest);
        let (mut fate, noise) = {
            let faults = self.faults.lock().unwrap();
            (faults.draw(digest, before).filter(|_| works), faults.noise(digest, before))
        };
        let authorization = header("authorization");
        if self.settings.key.as_ref().is_some_and(|key| authorization.as_deref() != Some(&format!("Bearer {key}"))) {
            fate = Some(Fate::Denied);
        } else if works && self.dies_a_little() {
            fate = Some(Fate::EngineDead);
        }
        let value = serde_json::from_slice(&body).unwrap_or_default();
        self.log.push(Received {
            method: head.method.to_string(),
            path: path.clone(),
            body,
            session: header("x-session-id").or_else(|| header("x-smg-routing-key")),
            authorization,
            before,
            fate,
            at: self.log.now(),
        });
        if fate == Some(Fate::Hang) {
            std::future::pending::<()>().await;
        }
        if let Some(answer) = fate.and_then(|fate| self.refusal(fate)) {
            return (answer, fate);
        }
        let wrong = match fate {
            Some(Fate::Scores(wrong)) => Some(wrong),
            _ => None,
        };
        let call = Call { path: path.clone(), body: value, wrong, noise, seed: digest ^ u64::from(before) };
        let mut answer = match works {
            true => self.seated(call).await,
            false => self.face.answer(self, call).await,
        };
        if fate == Some(Fate::Refuse) {
            let error = match path.as_str() {
                "/generate" => sglang::abort(500, "something broke on the way"),
                _ => self.error_body(500, "InternalServerError", "something broke on the way"),
            };
            match &mut answer.body {
                Body::Events(events) => {
                    events.truncate(events.len() / 2);
                    events.push(error.to_string());
                }
                _ => answer = Answer::json(200, &error),
            }
        }
        (answer, fate)
    }

    /// A call that the engine works on: when a seat is free, and not before its time is over.
    async fn seated(&self, call: Call) -> Answer {
        let _seat = self.seats.acquire().await.expect("seats are never taken away");
        if !self.settings.latency.is_zero() {
            tokio::time::sleep(self.settings.latency).await;
        }
        self.face.answer(self, call).await
    }

    /// Whether the engine is dead for this call, which brings its recovery nearer.
    pub fn dies_a_little(&self) -> bool {
        self.dead.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    fn refusal(&self, fate: Fate) -> Option<Answer> {
        let error = |status, kind, message| Some(Answer::json(status, &self.error_body(status, kind, message)));
        match fate {
            Fate::Error => error(500, "InternalServerError", "Internal server error"),
            Fate::EngineDead => error(
                500,
                "InternalServerError",
                "EngineDeadError: EngineCore encountered an issue. See stack trace (above) for the root cause.",
            ),
            Fate::Busy(retry_after) => Some(Answer {
                retry_after,
                ..Answer::json(429, &self.error_body(429, "TooManyRequests", "too many requests are waiting"))
            }),
            Fate::BadGateway => {
                let page = "<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1>\
                            </center></body></html>";
                Some(Answer { status: 502, retry_after: None, body: Body::Html(page) })
            }
            Fate::Denied => Some(Answer::json(401, &json!({ "error": "Unauthorized" }))),
            _ => None,
        }
    }

    /// An error as this server writes it.
    pub fn error_body(&self, status: u16, kind: &str, message: &str) -> Value {
        let key = self.settings.key.as_ref().filter(|_| self.settings.tattles);
        let message = key.map_or_else(|| message.to_owned(), |key| format!("{message} (you said Bearer {key})"));
        match self.settings.old_errors {
            true => json!({ "object": "error", "message": message, "type": kind, "param": null, "code": status }),
            false => json!({ "error": { "message": message, "type": kind, "param": null, "code": status } }),
        }
    }

    /// A call refused for what it asks.
    pub fn bad_request(&self, message: &str) -> Answer {
        Answer::json(400, &self.error_body(400, "BadRequestError", message))
    }
}
