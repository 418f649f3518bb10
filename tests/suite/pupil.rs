//! The small model that tests take where any that reads will do: it has the bundled one's vocabulary and a twentieth of
//! its work.

/// Its file.
pub const PUPIL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/gguf/pupil-q8_0.gguf");
