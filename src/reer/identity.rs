//! Who computed a number or wrote a text.

use serde::{Deserialize, Serialize};

/// A back end's name, written beside everything it answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// `bundled`, `gguf`, `cues`, `recorded`, or a server's kind.
    pub kind: String,
    /// The model's name: `general.name` of a GGUF, a server's model id, a rule set's version.
    pub model: String,
    /// BLAKE3 of the model file (16 hex digits), or a server's revision, where one is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub revision: Option<String>,
}
