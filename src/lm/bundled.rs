//! The language model that is compiled in, so that a fresh machine can score without a download.

use super::gguf::{GgufError, Model};

/// The model's file; its card, training script and numbers stand beside it.
static FILE: &[u8] = include_bytes!("../../assets/model/retrace-scorer-q8_0.gguf");

/// Loads the bundled model.
///
/// # Errors
/// No memory for it.
pub fn model() -> Result<Model, GgufError> {
    Model::from_bytes(FILE, "bundled")
}
