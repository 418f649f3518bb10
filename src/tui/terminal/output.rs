//! Bytes on their way to the terminal: collected, then written in one piece, past the buffer of `std`'s stdout, which
//! would keep half a frame and let it out after the terminal is restored.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::Duration;

/// Held while a piece is being written, so that pieces of two threads never mix.
static WRITING: Mutex<()> = Mutex::new(());

/// How often, a millisecond apart, restoring tries to go after the piece that is being written.
const TRIES: usize = 50;

/// Writes one piece.
///
/// # Errors
/// The terminal is gone.
pub(super) fn send(bytes: &[u8]) -> io::Result<()> {
    let _alone = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    write(bytes)
}

/// Writes one piece even when another thread hangs in the middle of one.
pub(super) fn force(bytes: &[u8]) -> io::Result<()> {
    let _alone = patiently();
    write(bytes)
}

fn patiently() -> Option<MutexGuard<'static, ()>> {
    for _ in 0..TRIES {
        match WRITING.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(1)),
        }
    }
    None
}

#[cfg(unix)]
fn write(mut bytes: &[u8]) -> io::Result<()> {
    use rustix::io::Errno;
    while !bytes.is_empty() {
        match rustix::io::write(rustix::stdio::stdout(), bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            // Another program left the terminal non-blocking; it takes the rest when it has shown what it has.
            Err(Errno::AGAIN) => thread::sleep(Duration::from_millis(1)),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn write(bytes: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes)?;
    stdout.flush()
}

/// What is collected for the next piece; clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Collected(Arc<Mutex<Vec<u8>>>);

impl Collected {
    /// Takes what was collected.
    pub(super) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.bytes())
    }

    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for Collected {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    /// Does nothing: the screen sends a frame when it is whole.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
