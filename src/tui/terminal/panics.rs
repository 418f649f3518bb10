//! What a panic does to the screen.
//!
//! On the thread that draws it ends the program: the terminal is restored first, then the report is printed. On any
//! other thread the work that panicked is lost and the workbench is not: the loop is told and shows it. Without a loop
//! that listens, every panic restores and reports.

use std::panic::{self, PanicHookInfo};
use std::sync::{Mutex, Once, PoisonError};
use std::thread::{self, ThreadId};

use tokio::sync::mpsc::UnboundedSender;

use super::modes;
use super::signals::Signal;

/// The thread that drew last.
static DRAWS: Mutex<Option<ThreadId>> = Mutex::new(None);

/// The loop, when one listens.
static LOOP: Mutex<Option<UnboundedSender<Signal>>> = Mutex::new(None);

/// Puts restoring before the hook that is installed; the first call counts.
pub(super) fn install() {
    static INSTALLED: Once = Once::new();
    this_thread_draws();
    INSTALLED.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            if !told(panic) {
                modes::restore();
                report(panic);
            }
        }));
    });
}

pub(super) fn this_thread_draws() {
    *DRAWS.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread::current().id());
}

/// Panics of other threads go to this loop from now on.
pub(super) fn tell(sender: UnboundedSender<Signal>) {
    *LOOP.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
}

/// Whether the loop was told; it is not when it is what panicked.
fn told(panic: &PanicHookInfo) -> bool {
    let draws = *DRAWS.lock().unwrap_or_else(PoisonError::into_inner);
    if draws == Some(thread::current().id()) {
        return false;
    }
    let told = LOOP.lock().unwrap_or_else(PoisonError::into_inner);
    told.as_ref().is_some_and(|sender| sender.send(Signal::Panicked(sentence(panic))).is_ok())
}

fn sentence(panic: &PanicHookInfo) -> String {
    let payload = panic.payload();
    let owned = || payload.downcast_ref::<String>().map(String::as_str);
    let what = payload.downcast_ref::<&str>().copied().or_else(owned).unwrap_or("no reason given");
    match panic.location() {
        Some(place) => format!("a part of the program failed: {what} ({}:{})", place.file(), place.line()),
        None => format!("a part of the program failed: {what}"),
    }
}
