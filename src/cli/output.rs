//! The only place that prints: results to stdout, everything else to stderr.
//!
//! A reader that went away (`retrace stats | head`) is no fault: what is left is dropped in silence.

use std::fmt::Display;
use std::io::{self, BufWriter, ErrorKind, Write};

use serde::Serialize;

use super::Fault;
use crate::text::visible;

/// Standard output, buffered until [`Output::finish`].
pub struct Output {
    to: Box<dyn Write>,
    failed: Option<io::Error>,
}

impl Output {
    pub fn stdout() -> Output {
        Output::to(BufWriter::new(io::stdout()))
    }

    /// Output to any writer.
    pub fn to(writer: impl Write + 'static) -> Output {
        Output { to: Box::new(writer), failed: None }
    }

    /// One line, or several; what a terminal would obey is made visible.
    pub fn line(&mut self, text: impl Display) {
        self.write(|to| writeln!(to, "{}", visible(&text.to_string())));
    }

    /// Text exactly as it is, for what another program reads.
    pub fn raw(&mut self, text: &[u8]) {
        self.write(|to| to.write_all(text));
    }

    /// One JSON document.
    pub fn json(&mut self, document: &impl Serialize) {
        self.write(|to| {
            serde_json::to_writer(&mut *to, document)?;
            writeln!(to)
        });
    }

    /// Brings everything written so far to the reader, for output that appears over time.
    pub fn flush(&mut self) {
        self.write(|to| to.flush());
    }

    /// True when nobody reads any more.
    pub fn is_closed(&self) -> bool {
        self.failed.is_some()
    }

    /// Ends the output.
    ///
    /// # Errors
    /// It could not be written, for another reason than that its reader went away.
    pub fn finish(mut self) -> Result<(), Fault> {
        self.flush();
        match self.failed {
            Some(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(Fault(format!("standard output cannot be written: {error}")))
            }
            _ => Ok(()),
        }
    }

    fn write(&mut self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) {
        if self.failed.is_none() {
            self.failed = write(&mut *self.to).err();
        }
    }
}

/// One line to stderr; a closed stderr is passed over.
pub fn note(text: impl Display) {
    let _closed = writeln!(io::stderr(), "{}", visible(&text.to_string()));
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_went_away_is_no_fault_and_a_full_disk_is() {
        for (kind, fine) in [(ErrorKind::BrokenPipe, true), (ErrorKind::StorageFull, false)] {
            let mut output = Output::to(Broken(kind));
            output.line("a");
            output.json(&1);
            assert!(output.is_closed());
            assert_eq!(output.finish().is_ok(), fine, "{kind}");
        }
    }
}
