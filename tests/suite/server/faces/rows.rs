//! Scores as rows, one a token, as the model gives them or with what is wrong with them.

use retrace::lm::LmError;

use crate::server::desk::{Call, Desk};
use crate::server::faults::Wrong;

/// A scored token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    pub id: u32,
    /// Nats; nothing where nothing stands before, or where it was not asked for.
    pub logprob: Option<f32>,
}

/// Rows of all tokens of a prompt.
pub struct Rows {
    pub rows: Vec<Row>,
    /// Tokens that the server counts.
    pub tokens: usize,
    /// Nats of what was to follow the prompt.
    pub behind: Vec<f32>,
}

/// The rows of `ids`, with numbers from the place `from` on; the row of the first token has none. `behind` is scored with
/// them and has no rows.
///
/// # Errors
/// What the engine refuses.
pub async fn scored(desk: &Desk, call: &mut Call, ids: &[u32], behind: &[u32], from: usize) -> Result<Rows, LmError> {
    let special = desk.model.tokenizer().special();
    let mut ids = ids.to_vec();
    if call.wrong == Some(Wrong::DoubleBos) {
        ids.insert(0, special.bos.unwrap_or(0));
    }
    let from = from.max(1);
    let (all, rest) = ([&ids[..], behind].concat(), ids.len().saturating_sub(from));
    let mut logprobs = desk.model.score(&all, from).await?;
    let behind = logprobs.split_off(rest.min(logprobs.len()));
    let mut rows: Vec<Row> = ids.iter().map(|id| Row { id: *id, logprob: None }).collect();
    for (row, logprob) in rows[from.min(ids.len())..].iter_mut().zip(logprobs) {
        row.logprob = Some(call.noise.on(logprob));
    }
    let vocabulary = desk.model.tokenizer().len() as u32;
    spoil(&mut rows, from, call.wrong, vocabulary);
    Ok(Rows { rows, tokens: ids.len(), behind })
}

fn spoil(rows: &mut Vec<Row>, from: usize, wrong: Option<Wrong>, vocabulary: u32) {
    let last = rows.len().saturating_sub(1);
    match wrong {
        Some(Wrong::RowMissing) => drop(rows.pop()),
        Some(Wrong::RowExtra) => rows.extend(rows.last().copied()),
        Some(Wrong::Shifted) => {
            for at in from..last {
                rows[at].logprob = rows[at + 1].logprob;
            }
        }
        Some(Wrong::Floor) if last >= from => rows[last].logprob = Some(-9999.0),
        Some(Wrong::Sentinel) if last >= from => rows[last].logprob = Some(1.0),
        Some(Wrong::Zeros) => rows[from.min(last + 1)..].iter_mut().for_each(|row| row.logprob = Some(0.0)),
        Some(Wrong::Ids) => rows.iter_mut().for_each(|row| row.id = (row.id + 1) % vocabulary),
        _ => {}
    }
}
