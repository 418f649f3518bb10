//! The tokens of a scored reference, in JSON and as a list.

use std::ops::Range;

use serde::Serialize;

use crate::cli::Output;
use crate::cli::table::table;

/// One token of the reference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Token<'a> {
    pub id: u32,
    /// The bytes it covers; a token inside one character has the whole character.
    pub text: &'a str,
    /// Bytes of the reference file.
    pub start: usize,
    pub end: usize,
    /// Nats; null for a first token that nothing stands before.
    pub logprob: Option<f32>,
}

/// Tokens of `text`, which begins at byte `offset` of its file.
pub fn tokens<'a>(
    text: &'a str,
    offset: usize,
    ids: &[u32],
    spans: &[Range<usize>],
    logprobs: &[Option<f32>],
) -> Vec<Token<'a>> {
    let parts = ids.iter().zip(spans).zip(logprobs);
    let token = |((id, span), logprob): ((&u32, &Range<usize>), &Option<f32>)| Token {
        id: *id,
        text: text.get(span.clone()).unwrap_or_default(),
        start: offset + span.start,
        end: offset + span.end,
        logprob: *logprob,
    };
    parts.map(token).collect()
}

pub fn tell(tokens: &[Token<'_>], output: &mut Output) {
    let cells = |token: &Token<'_>| {
        let logprob = token.logprob.map_or("none".to_owned(), |logprob| format!("{logprob:.4}"));
        vec![token.start.to_string(), token.id.to_string(), logprob, format!("{:?}", token.text)]
    };
    let rows: Vec<Vec<String>> = tokens.iter().map(cells).collect();
    output.line("");
    table(&["byte", "id", "logprob", "text"], &rows).iter().for_each(|line| output.line(line));
}
