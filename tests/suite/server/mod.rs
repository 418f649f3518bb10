//! A server of our own for tests: several protocols over one model, real log-probabilities, and faults to order.
//!
//! ```ignore
//! let server = Server::vllm().faults(Faults::seeded(7).with(Fate::Error, 0.05)).start();
//! let spec = server.url();            // http://127.0.0.1:PORT
//! server.stop(); server.restart();    // cuts connections; the same port again
//! assert_eq!(server.count("/v1/completions"), 12);
//! ```
//!
//! From the ground up: `random` → `faults`, `pseudo`, `cache`, `log` → `model` → `desk` over `faces` → `wire` → here.

mod cache;
mod desk;
pub mod faces;
pub mod faults;
pub mod log;
pub mod model;
pub mod pseudo;
pub mod random;
mod tests;
mod wire;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use self::desk::{Desk, Settings};
use self::faces::Face;
pub use self::faults::{Fate, Faults, Wrong};
pub use self::log::Received;
use self::model::Model;
pub use self::pseudo::Pseudo;

/// What a server will be.
pub struct Plan {
    face: Face,
    pseudo: Option<Pseudo>,
    faults: Faults,
    context_length: Option<usize>,
    port: u16,
    settings: Settings,
}

/// A running or stopped server; dropped, it is gone.
pub struct Server {
    desk: Arc<Desk>,
    address: SocketAddr,
    running: Option<Running>,
}

struct Running {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Plan {
    fn new(face: Face) -> Plan {
        let settings = Settings {
            name: "retrace-scorer".to_owned(),
            context_length: 0,
            old_errors: false,
            key: None,
            tattles: false,
            latency: Duration::ZERO,
            seats: usize::MAX,
            speculative: None,
            reasons: false,
            ragged: false,
            keeps_calls: true,
        };
        Plan { face, pseudo: None, faults: Faults::default(), context_length: None, port: 0, settings }
    }

    /// Computes with the pseudo-model instead of the engine: numbers and texts are pure functions of what is asked.
    #[must_use]
    pub fn pseudo(mut self, pseudo: Pseudo) -> Plan {
        self.pseudo = Some(pseudo);
        self
    }

    #[must_use]
    pub fn faults(mut self, faults: Faults) -> Plan {
        self.faults = faults;
        self
    }

    /// Each call takes so long in the engine, which takes so many at a time; further ones wait.
    #[must_use]
    pub fn pace(mut self, latency: Duration, seats: usize) -> Plan {
        (self.settings.latency, self.settings.seats) = (latency, seats);
        self
    }

    /// The model's name at this server.
    #[must_use]
    pub fn name(mut self, name: &str) -> Plan {
        name.clone_into(&mut self.settings.name);
        self
    }

    /// Most tokens of prompt and answer; never more than the model takes.
    #[must_use]
    pub fn context_length(mut self, tokens: usize) -> Plan {
        self.context_length = Some(tokens);
        self
    }

    /// Errors as older servers write them.
    #[must_use]
    pub fn old_errors(mut self) -> Plan {
        self.settings.old_errors = true;
        self
    }

    /// Callers must say this key.
    #[must_use]
    pub fn key(mut self, key: &str) -> Plan {
        self.settings.key = Some(key.to_owned());
        self
    }

    /// Refusals repeat the key that callers must say, as careless servers do.
    #[must_use]
    pub fn tattling(mut self) -> Plan {
        self.settings.tattles = true;
        self
    }

    /// Says that it decodes speculatively, by this algorithm (SGLang).
    #[must_use]
    pub fn speculative(mut self, algorithm: &str) -> Plan {
        self.settings.speculative = Some(algorithm.to_owned());
        self
    }

    /// Answers to chats begin with `reasoning_content`.
    #[must_use]
    pub fn reasons(mut self) -> Plan {
        self.settings.reasons = true;
        self
    }

    /// Streams come in pieces of a few bytes, cut inside events and characters, between pings.
    #[must_use]
    pub fn ragged(mut self) -> Plan {
        self.settings.ragged = true;
        self
    }

    /// The log counts calls and forgets them, so that long runs need little memory.
    #[must_use]
    pub fn forgetful(mut self) -> Plan {
        self.settings.keeps_calls = false;
        self
    }

    /// Listens there instead of at a free port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Plan {
        self.port = port;
        self
    }

    /// Starts to listen on this machine. Returns when connections are taken.
    pub fn start(self) -> Server {
        let model = self.pseudo.map_or_else(Model::engine, Model::pseudo);
        let mut settings = self.settings;
        settings.context_length = self.context_length.unwrap_or(usize::MAX).min(model.context_length());
        let desk = Arc::new(Desk::new(self.face, model, settings, self.faults));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let mut server = Server { desk, address, running: None };
        server.restart();
        server
    }
}

impl Server {
    pub fn vllm() -> Plan {
        Plan::new(Face::Vllm)
    }

    pub fn sglang() -> Plan {
        Plan::new(Face::Sglang)
    }

    pub fn chat() -> Plan {
        Plan::new(Face::Chat)
    }

    /// As SPECs write it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Cuts every connection and gives the port up.
    pub fn stop(&mut self) {
        if let Some(Running { stop, thread }) = self.running.take() {
            // A thread that has ended by itself is joined all the same, and tells why.
            stop.send(()).unwrap_or_default();
            thread.join().expect("the server ends in peace");
        }
    }

    /// Listens again at the same port, with the same log, faults and cache.
    pub fn restart(&mut self) {
        self.stop();
        let listener = self.listener();
        listener.set_nonblocking(true).expect("a socket that does not block");
        self.address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let desk = self.desk.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                wire::serve(listener, desk, stopped).await;
            });
            // Evaluations that nobody waits for any more end by themselves.
            runtime.shutdown_background();
        });
        self.running = Some(Running { stop, thread });
    }

    /// Another process may have taken the port for a moment.
    fn listener(&self) -> std::net::TcpListener {
        for _ in 0..100 {
            if let Ok(listener) = std::net::TcpListener::bind(self.address) {
                return listener;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{} cannot be had", self.address)
    }

    /// Faults from now on.
    pub fn set_faults(&self, faults: Faults) {
        *self.desk.faults.lock().unwrap() = faults;
    }

    /// The engine fails so many calls from now on, questions after its health among them, then lives again; `u32::MAX` for good.
    pub fn engine_dies(&self, calls: u32) {
        self.desk.engine_dies(calls);
    }

    /// All calls so far, in the order they came.
    pub fn calls(&self) -> Vec<Received> {
        self.desk.log.calls()
    }

    /// Calls of a route.
    pub fn count(&self, path: &str) -> usize {
        self.desk.log.count(path)
    }

    /// Most calls that were unanswered at one time, those that wait for a seat included.
    pub fn most_in_flight(&self) -> usize {
        self.desk.log.most_in_flight()
    }

    /// Calls that are unanswered now.
    pub fn in_flight(&self) -> usize {
        self.desk.log.in_flight()
    }

    /// Forgets the calls so far.
    pub fn clear(&self) {
        self.desk.log.clear();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}
