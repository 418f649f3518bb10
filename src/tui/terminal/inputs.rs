//! The stream of what the terminal reports, read on a thread of its own, so that all that waits can be fetched without
//! waiting. Dropping it lets go of the standard input.
//!
//! Relies on crossterm's `use-dev-tty`, which waits for input with poll(2): its other way loses a key that arrives
//! together with the end of an earlier stream, and after the user's editor it reports no new size before a key.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crossterm::event::EventStream;
use futures::StreamExt;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::{Screen, input};
use crate::app::input::Input;

/// How long dropping waits for the reading thread; it is late only when the machine is.
const PATIENCE: Duration = Duration::from_millis(200);

/// What the terminal reports. Must be dropped before another program gets the terminal, and opened again after.
#[derive(Debug)]
pub struct Inputs {
    typed_ahead: VecDeque<Input>,
    received: UnboundedReceiver<Input>,
    stop: Option<oneshot::Sender<()>>,
    stopped: mpsc::Receiver<()>,
}

impl Inputs {
    /// Begins to listen. The first time, the terminal is asked about its keyboard, for a tenth of a second at most:
    /// draw the first frame before.
    ///
    /// # Errors
    /// The terminal is gone, or no thread can be started.
    pub fn open(screen: &mut Screen) -> io::Result<Inputs> {
        let typed_ahead = screen.ask_for_keys()?.into_iter().map(Input::Key).collect();
        let (sender, received) = unbounded_channel();
        let (stop, stopping) = oneshot::channel();
        let (finished, stopped) = mpsc::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        thread::Builder::new().name("input".to_owned()).spawn(move || {
            runtime.block_on(read(&sender, stopping));
            // Nobody waits when the program ends.
            let _ = finished.send(());
        })?;
        Ok(Inputs { typed_ahead, received, stop: Some(stop), stopped })
    }

    /// The next input, as soon as there is one; none when the terminal is gone. May be dropped while it waits.
    pub async fn next(&mut self) -> Option<Input> {
        match self.typed_ahead.pop_front() {
            Some(input) => Some(input),
            None => self.received.recv().await,
        }
    }

    /// An input that waits already, for draining all of them before a frame.
    pub fn waiting(&mut self) -> Option<Input> {
        self.typed_ahead.pop_front().or_else(|| self.received.try_recv().ok())
    }
}

impl Drop for Inputs {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // A reader that has ended by itself needs no word.
            let _ = stop.send(());
        }
        let _ = self.stopped.recv_timeout(PATIENCE);
    }
}

async fn read(sender: &UnboundedSender<Input>, mut stopping: oneshot::Receiver<()>) {
    let mut events = EventStream::new();
    loop {
        let event = tokio::select! {
            biased;
            _ = &mut stopping => return,
            event = events.next() => event,
        };
        let input = match event {
            Some(Ok(event)) => input::input(event),
            Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => None,
            Some(Err(_)) | None => return,
        };
        if let Some(input) = input
            && sender.send(input).is_err()
        {
            return;
        }
    }
}
