//! JSON lines, one held at a time.

use std::io::{self, BufRead, Read};

use serde_json::Value;

/// A longer line is skipped without being held: no pair is that long.
const LONGEST: u64 = 64 << 20;

/// The rows of a JSONL file: blank lines and a byte-order mark are passed over, CR LF is an end of line.
pub(super) struct Lines<R> {
    reader: R,
    line: u64,
    broken: bool,
}

impl<R: BufRead> Lines<R> {
    pub fn new(reader: R) -> Lines<R> {
        Lines { reader, line: 0, broken: false }
    }

    /// The next line without its end; `None` at the end of the file.
    fn line(&mut self) -> io::Result<Option<Result<Vec<u8>, String>>> {
        let mut bytes = Vec::new();
        let read = self.reader.by_ref().take(LONGEST).read_until(b'\n', &mut bytes)?;
        if read == 0 {
            return Ok(None);
        }
        self.line += 1;
        if read as u64 == LONGEST && !bytes.ends_with(b"\n") {
            skip_line(&mut self.reader)?;
            return Ok(Some(Err(format!("the line is longer than {} MB", LONGEST >> 20))));
        }
        if self.line == 1 && bytes.starts_with(b"\xef\xbb\xbf") {
            bytes.drain(..3);
        }
        Ok(Some(Ok(bytes)))
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = (u64, Result<Value, String>);

    fn next(&mut self) -> Option<Self::Item> {
        while !self.broken {
            match self.line() {
                Ok(None) => return None,
                Ok(Some(Ok(bytes))) if bytes.trim_ascii().is_empty() => {}
                Ok(Some(bytes)) => return Some((self.line, bytes.and_then(|bytes| parse(&bytes)))),
                Err(e) => {
                    self.broken = true;
                    return Some((self.line + 1, Err(format!("the file cannot be read from here on: {e}"))));
                }
            }
        }
        None
    }
}

fn parse(bytes: &[u8]) -> Result<Value, String> {
    let text = std::str::from_utf8(bytes).map_err(|e| format!("not UTF-8 at byte {} of the line", e.valid_up_to()))?;
    // The end of the line is no part of it: a string that is not closed would seem to hold it.
    serde_json::from_str(text.trim_end_matches(['\n', '\r'])).map_err(|e| format!("no JSON: {}", place_free(&e)))
}

/// The message without "at line 1", which would be taken for the line of the file.
fn place_free(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let bare = message.split(" at line ").next().unwrap_or(&message);
    let bare = match bare {
        "EOF while parsing a string" => "a string is not closed",
        "EOF while parsing a value" => "a value is missing",
        "EOF while parsing an object" => "an object is not closed",
        "EOF while parsing a list" => "a list is not closed",
        "expected ident" | "expected value" => "a value is neither a text in quotes nor a number, true, false or null",
        bare => bare,
    };
    format!("{bare} at column {}", error.column())
}

fn skip_line(reader: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = reader.fill_buf()?;
        let (used, done) = match buffer.iter().position(|b| *b == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        reader.consume(used);
        if done {
            return Ok(());
        }
    }
}

/// The first byte that is not white space, without consuming anything of the buffer's first fill; `None` when
/// there is none.
pub(super) fn first_byte(reader: &mut impl BufRead) -> io::Result<Option<u8>> {
    let buffer = reader.fill_buf()?;
    let buffer = buffer.strip_prefix(b"\xef\xbb\xbf").unwrap_or(buffer);
    Ok(buffer.iter().copied().find(|b| !b.is_ascii_whitespace()))
}
