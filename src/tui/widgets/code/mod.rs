//! Syntax highlighting of code and markdown inside texts, off the loop: asked for in every frame, there when it is
//! ready, gone when nobody asks for it any more.

mod parse;
mod roles;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::text::{Spans, beginning};

/// Bytes of a text that are highlighted; the rest stays plain.
const MOST_BYTES: usize = 200_000;
/// Texts whose highlights are kept.
const MOST_TEXTS: usize = 32;

/// Highlights of texts, made by a thread of its own that is started by the first text and loads the syntaxes.
pub struct Highlighter {
    shared: Arc<Shared>,
    started: bool,
}

struct Shared {
    desk: Mutex<Desk>,
    wake: Condvar,
    done: Box<dyn Fn() + Send + Sync>,
}

#[derive(Default)]
struct Desk {
    /// The one asked for last stands last, and is worked on first.
    kept: Vec<Kept>,
    closed: bool,
}

struct Kept {
    /// The part of a text that is highlighted.
    text: Arc<str>,
    spans: Option<Arc<Spans>>,
    begun: bool,
    /// Nobody wants it any more.
    dropped: Arc<AtomicBool>,
}

impl Highlighter {
    /// `done` is called from the working thread when a text became ready: it asks for a frame.
    pub fn new(done: impl Fn() + Send + Sync + 'static) -> Highlighter {
        let shared = Shared { desk: Mutex::default(), wake: Condvar::new(), done: Box::new(done) };
        Highlighter { shared: Arc::new(shared), started: false }
    }

    /// The highlights of `text` when they are ready; else they are begun. While a text grows, those of its beginning
    /// stand in.
    pub fn layers(&mut self, text: &str) -> Option<Arc<Spans>> {
        let text = beginning(text, MOST_BYTES);
        let mut desk = self.shared.lock();
        if let Some(at) = desk.kept.iter().position(|kept| *kept.text == *text) {
            let kept = desk.kept.remove(at);
            let spans = kept.spans.clone();
            desk.kept.push(kept);
            return spans.or_else(|| desk.beginning_of(text));
        }
        let meanwhile = desk.beginning_of(text);
        desk.take(text);
        drop(desk);
        self.shared.wake.notify_one();
        self.start();
        meanwhile
    }

    fn start(&mut self) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let worker = thread::Builder::new().name("highlighter".to_owned());
        // Without a thread the texts stay plain.
        let _plain = worker.spawn(move || shared.work());
    }
}

impl Drop for Highlighter {
    fn drop(&mut self) {
        let mut desk = self.shared.lock();
        desk.closed = true;
        desk.kept.iter().for_each(Kept::drop_it);
        drop(desk);
        self.shared.wake.notify_one();
    }
}

impl Desk {
    fn beginning_of(&self, text: &str) -> Option<Arc<Spans>> {
        let ready = self.kept.iter().rev().filter(|kept| text.starts_with(&*kept.text));
        ready.filter_map(|kept| kept.spans.clone()).next()
    }

    fn take(&mut self, text: &str) {
        // A text that has grown needs its shorter self no more once it was seen to grow.
        self.kept.retain(|kept| {
            let outgrown = kept.spans.is_none() && text.starts_with(&*kept.text);
            if outgrown {
                kept.drop_it();
            }
            !outgrown
        });
        if self.kept.len() == MOST_TEXTS {
            self.kept.remove(0).drop_it();
        }
        let dropped = Arc::new(AtomicBool::new(false));
        self.kept.push(Kept { text: text.into(), spans: None, begun: false, dropped });
    }
}

impl Kept {
    fn drop_it(&self) {
        self.dropped.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let parser = parse::Parser::new();
        while let Some((text, dropped)) = self.next() {
            let Some(spans) = parser.spans(&text, || dropped.load(Ordering::Relaxed)) else { continue };
            let mut desk = self.lock();
            let waiting = desk.kept.iter_mut().find(|kept| Arc::ptr_eq(&kept.text, &text));
            let wanted = waiting.map(|kept| kept.spans = Some(Arc::new(spans))).is_some();
            drop(desk);
            if wanted {
                (self.done)();
            }
        }
    }

    /// Waits for a text to work on; none when the highlighter is gone.
    fn next(&self) -> Option<(Arc<str>, Arc<AtomicBool>)> {
        let mut desk = self.lock();
        loop {
            if desk.closed {
                return None;
            }
            if let Some(kept) = desk.kept.iter_mut().rev().find(|kept| !kept.begun) {
                kept.begun = true;
                return Some((Arc::clone(&kept.text), Arc::clone(&kept.dropped)));
            }
            desk = self.wake.wait(desk).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::tui::theme::Role;

    /// Nothing depends on it but how long a failure takes.
    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn highlights_arrive_later_and_stay() {
        let (told, done) = mpsc::channel();
        let mut highlighter = Highlighter::new(move || told.send(()).unwrap());
        let text = "# The lamp\n\nIt is *kind*.\n";
        assert_eq!(highlighter.layers(text), None);
        done.recv_timeout(PATIENCE).unwrap();
        let spans = highlighter.layers(text).unwrap();
        assert!(spans.iter().any(|(_, role)| *role == Role::Heading), "{spans:?}");
        // The beginning stands in for a text that has grown.
        assert_eq!(highlighter.layers(&format!("{text}It is **warm**")), Some(spans));
        done.recv_timeout(PATIENCE).unwrap();
        let grown = highlighter.layers(&format!("{text}It is **warm**")).unwrap();
        assert!(grown.iter().any(|(_, role)| *role == Role::Strong), "{grown:?}");
    }

    #[test]
    fn texts_that_were_not_begun_are_dropped_when_they_grow_or_age() {
        let mut desk = Desk::default();
        desk.take("one");
        desk.take("one two");
        assert_eq!(desk.kept.len(), 1);
        (0..2 * MOST_TEXTS).for_each(|at| desk.take(&format!("{at}.")));
        assert_eq!(desk.kept.len(), MOST_TEXTS);
    }

    #[test]
    fn only_the_beginning_of_a_long_text_counts() {
        let (told, done) = mpsc::channel();
        let mut highlighter = Highlighter::new(move || told.send(()).unwrap());
        let long = format!("# The lamp\n{}", "思".repeat(MOST_BYTES));
        assert_eq!(highlighter.layers(&long), None);
        done.recv_timeout(PATIENCE).unwrap();
        assert!(highlighter.layers(&(long + "# more")).is_some_and(|spans| !spans.is_empty()));
    }
}
