//! The stream of what the terminal reports. Dropping it lets go of the standard input.
//!
//! Relies on crossterm's `use-dev-tty`, which waits for input with poll(2): its other way loses a key that arrives
//! together with the end of an earlier stream, and after the user's editor it reports no new size before a key.

use std::collections::VecDeque;
use std::io;

use crossterm::event::EventStream;
use futures::{FutureExt, StreamExt};

use super::{Screen, input};
use crate::app::input::Input;

/// What the terminal reports. Must be dropped before another program gets the terminal, and opened again after.
#[derive(Debug)]
pub struct Inputs {
    typed_ahead: VecDeque<Input>,
    events: EventStream,
}

impl Inputs {
    /// Begins to listen. The first time, the terminal is asked about its keyboard, for a tenth of a second at most:
    /// draw the first frame before.
    ///
    /// # Errors
    /// The terminal is gone.
    pub fn open(screen: &mut Screen) -> io::Result<Inputs> {
        let typed_ahead = screen.ask_for_keys()?.into_iter().map(Input::Key).collect();
        Ok(Inputs { typed_ahead, events: EventStream::new() })
    }

    /// The next input, as soon as there is one; none when the terminal is gone, which a signal may say before. May be
    /// dropped while it waits.
    pub async fn next(&mut self) -> Option<Input> {
        if let Some(input) = self.typed_ahead.pop_front() {
            return Some(input);
        }
        loop {
            match self.events.next().await {
                Some(Ok(event)) => {
                    if let Some(input) = input::input(event) {
                        return Some(input);
                    }
                }
                Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// An input that waits already, for draining all of them before a frame.
    pub fn waiting(&mut self) -> Option<Input> {
        self.next().now_or_never().flatten()
    }
}
