//! SGLang: `/generate`.

use crate::server::desk::{Call, Desk};
use crate::server::wire::Answer;

pub async fn answer(_desk: &Desk, _call: Call) -> Answer {
    Answer::json(404, &serde_json::json!({ "detail": "Not Found" }))
}
