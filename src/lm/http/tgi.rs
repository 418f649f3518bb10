//! Text-generation-inference: scores by `decoder_input_details`. Takes text only, which it tokenises with its BOS.
//!
//! Whether it gives any rows is decided where it is started (`REQUEST_LOGPROBS`), and what its prefix cache holds has none.

use serde_json::{Value, json};

use super::ask::{Answer, Ask, Scoring};
use super::echo::text;
use super::rows::{Row, checked};
use super::{Call, Kind, Reply, fault};
use crate::lm::LmError;

/// Text-generation-inference.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tgi;

impl Scoring for Tgi {
    fn kind(&self) -> Kind {
        Kind::Tgi
    }

    fn build(&self, ask: &Ask<'_>) -> Call {
        let body = json!({
            "inputs": text(ask),
            "parameters": { "max_new_tokens": 1, "decoder_input_details": true, "details": true, "do_sample": false },
        });
        Call::post("/generate", body)
    }

    fn parse(&self, ask: &Ask<'_>, reply: &Reply) -> Result<Answer, LmError> {
        let sent = ask.context.len() + ask.target.len();
        let answer = fault::success(reply, sent)?;
        let entries = match answer["details"]["prefill"].as_array() {
            Some(entries) if !entries.is_empty() => entries,
            _ => {
                return Err(LmError::Unsupported(
                    "the server gave no log-probabilities of the prompt: start it with REQUEST_LOGPROBS=1 and without \
                     prefix caching (PREFIX_CACHING=0)"
                        .to_owned(),
                ));
            }
        };
        let rows: Vec<Row> = entries[entries.len().saturating_sub(ask.target.len())..].iter().map(row).collect();
        checked(ask, &rows, Some(entries.len()), None)
    }
}

fn row(entry: &Value) -> Row {
    let id = entry["id"].as_u64().and_then(|id| u32::try_from(id).ok());
    Row { id, text: Some(entry["text"].as_str().unwrap_or_default().to_owned()), logprob: entry["logprob"].as_f64() }
}
