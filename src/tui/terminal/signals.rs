//! What the system tells this process, brought to the loop by a thread of its own: a loop that hangs must not keep the
//! terminal from being restored.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

use super::{modes, panics};

/// Something the loop must react to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// Stop cleanly (SIGTERM, SIGQUIT).
    Terminate,
    /// Stop cleanly as on ctrl-c (SIGINT from outside; the key itself comes as input).
    Interrupt,
    /// Stop cleanly; the terminal is gone (SIGHUP).
    Hangup,
    /// Call [`super::Screen::suspend`] (SIGTSTP from outside; ctrl-z comes as input).
    Suspend,
    /// Call [`super::Screen::continued`] (SIGCONT).
    Continue,
    /// Another thread panicked; a sentence that says so. Its work is lost, the screen is not.
    Panicked(String),
}

impl Signal {
    /// Whether the loop must end.
    pub fn stops(&self) -> bool {
        matches!(self, Signal::Terminate | Signal::Interrupt | Signal::Hangup)
    }

    /// The exit code of a process that this signal killed: 128 and its number.
    pub fn exit_code(&self) -> u8 {
        match self {
            Signal::Hangup => 129,
            Signal::Interrupt => 130,
            _ => 143,
        }
    }
}

/// How long the loop may take to fetch a signal that stops it.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long no signal comes when all that were sent have come: the system may bring one to a thread that is about to
/// run.
const SILENCE: Duration = Duration::from_millis(20);

/// Where the listening thread is asked to say that it has heard what was sent so far.
static ASKED: Mutex<Option<UnboundedSender<mpsc::Sender<()>>>> = Mutex::new(None);

/// Waits until what was sent before this call is delivered. Ctrl-c in another program is sent to this process too,
/// and must find the terminal still lent: the program may have ended by it and the loop be ahead of the listening
/// thread.
pub(super) fn hear_what_was_sent() {
    let (answer, answered) = mpsc::channel();
    let asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(|to| to.send(answer).is_ok());
    if asked {
        // A listener that does not answer is no reason to keep the terminal.
        let _ = answered.recv_timeout(PATIENCE);
    }
}

/// The signals on their way to the loop.
///
/// A loop that does not fetch a stopping signal within two seconds is ended from here: terminal restored, process
/// left. So is one that gets a second such signal while it stops, and a program that gets one after this is dropped.
#[derive(Debug)]
pub struct Signals {
    received: UnboundedReceiver<Signal>,
    answered: Arc<AtomicBool>,
}

impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    /// The system refuses, or no thread can be started.
    pub fn listen() -> io::Result<Signals> {
        let (sender, received) = unbounded_channel();
        let answered = Arc::new(AtomicBool::new(false));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _inside = runtime.enter();
            unix::Listener::new()?
        };
        panics::tell(sender.clone());
        let (asks, asked) = unbounded_channel();
        *ASKED.lock().unwrap_or_else(PoisonError::into_inner) = Some(asks);
        let watch = Watch { sender, answered: answered.clone(), deadline: None, asked };
        thread::Builder::new().name("signals".to_owned()).spawn(move || runtime.block_on(watch.run(listener)))?;
        Ok(Signals { received, answered })
    }

    /// The next signal, as soon as there is one. May be dropped while it waits.
    pub async fn next(&mut self) -> Signal {
        match self.received.recv().await {
            Some(signal) => {
                if signal.stops() {
                    self.answered.store(true, Ordering::SeqCst);
                }
                signal
            }
            // The listening thread holds the other end for good; without it there is nothing to wait for.
            None => std::future::pending().await,
        }
    }
}

/// The listening thread's side.
struct Watch {
    sender: UnboundedSender<Signal>,
    answered: Arc<AtomicBool>,
    /// Until when a stopping signal must be fetched.
    deadline: Option<(Instant, Signal)>,
    /// Who waits for [`hear_what_was_sent`].
    asked: UnboundedReceiver<mpsc::Sender<()>>,
}

impl Watch {
    async fn run(mut self, mut listener: unix::Listener) {
        loop {
            let late = async {
                match &self.deadline {
                    Some((deadline, _)) => tokio::time::sleep_until(*deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                signal = listener.next() => self.deliver(signal),
                () = late => self.check(),
                Some(answer) = self.asked.recv() => {
                    while let Ok(signal) = tokio::time::timeout(SILENCE, listener.next()).await {
                        self.deliver(signal);
                    }
                    // Whoever asked may have lost patience.
                    let _ = answer.send(());
                }
            }
        }
    }

    fn deliver(&mut self, signal: Signal) {
        if unix::handled_for_another_program(&signal) {
            return;
        }
        let again = signal.stops() && self.deadline.is_some();
        let unheard = self.sender.send(signal.clone()).is_err();
        if signal.stops() && (again || unheard) {
            end(&signal);
        }
        if signal.stops() {
            self.deadline = Some((Instant::now() + PATIENCE, signal));
        }
    }

    fn check(&mut self) {
        if let Some((deadline, signal)) = &mut self.deadline {
            if !self.answered.load(Ordering::SeqCst) {
                end(signal);
            }
            // Answered; kept, so that a second signal is known for one.
            *deadline = Instant::now() + Duration::from_secs(3600);
        }
    }
}

/// The end of a process whose loop does not end it.
fn end(signal: &Signal) -> ! {
    modes::restore_in_time();
    std::process::exit(signal.exit_code().into())
}

#[cfg(unix)]
mod unix {
    use std::io;

    use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

    use super::Signal;
    use crate::tui::terminal::screen::{Holder, stop};

    pub struct Listener {
        terminate: Stream,
        quit: Stream,
        interrupt: Stream,
        hangup: Stream,
        suspend: Stream,
        continued: Stream,
    }

    impl Listener {
        pub fn new() -> io::Result<Listener> {
            let other = |number: rustix::process::Signal| signal(SignalKind::from_raw(number.as_raw()));
            Ok(Listener {
                terminate: signal(SignalKind::terminate())?,
                quit: signal(SignalKind::quit())?,
                interrupt: signal(SignalKind::interrupt())?,
                hangup: signal(SignalKind::hangup())?,
                suspend: other(rustix::process::Signal::TSTP)?,
                continued: other(rustix::process::Signal::CONT)?,
            })
        }

        pub async fn next(&mut self) -> Signal {
            tokio::select! {
                _ = self.terminate.recv() => Signal::Terminate,
                _ = self.quit.recv() => Signal::Terminate,
                _ = self.interrupt.recv() => Signal::Interrupt,
                _ = self.hangup.recv() => Signal::Hangup,
                _ = self.suspend.recv() => Signal::Suspend,
                _ = self.continued.recv() => Signal::Continue,
            }
        }
    }

    /// While the user's editor has the terminal, ctrl-c is meant for it, and what stops it must stop this process too:
    /// the shell waits for both, and the loop may be waiting for the editor.
    pub fn handled_for_another_program(signal: &Signal) -> bool {
        match (Holder::now(), signal) {
            (Holder::Lent, Signal::Interrupt | Signal::Continue) => true,
            (Holder::Lent, Signal::Suspend) => {
                // A group that may not be stopped goes on.
                let _ = if stop::is_possible() { stop::group() } else { Ok(()) };
                true
            }
            _ => false,
        }
    }
}

#[cfg(not(unix))]
mod unix {
    use std::io;

    use super::Signal;

    pub struct Listener;

    impl Listener {
        pub fn new() -> io::Result<Listener> {
            Ok(Listener)
        }

        pub async fn next(&mut self) -> Signal {
            match tokio::signal::ctrl_c().await {
                Ok(()) => Signal::Interrupt,
                Err(_) => std::future::pending().await,
            }
        }
    }

    pub fn handled_for_another_program(_: &Signal) -> bool {
        false
    }
}
