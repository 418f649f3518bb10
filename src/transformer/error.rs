//! Why a model file cannot be used, one line a kind, each with the place, the cause and the remedy; and why an
//! evaluation ended early.

/// A model file that cannot be used. `name` is the file's path, or what the bundled model is called.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GgufError {
    #[error("{name}: cannot be read: {reason}")]
    Unreadable { name: String, reason: String },
    #[error("{name}: not a GGUF file (it begins with {begins}); give a model in GGUF format")]
    NotGguf { name: String, begins: String },
    #[error("{name}: damaged or truncated: {reason}; copy or download the file again")]
    Damaged { name: String, reason: String },
    #[error("{name}: the architecture `{architecture}` is not supported; supported are llama, qwen2 and qwen3")]
    Architecture { name: String, architecture: String },
    #[error("{name}: {what} is missing; convert the model again with a current converter")]
    Missing { name: String, what: String },
    #[error("{name}: {what} is not supported; {remedy}")]
    Unsupported { name: String, what: String, remedy: &'static str },
    #[error(
        "{name}: not enough memory: the model needs about {need} MiB, {have} MiB are free; use a smaller quantisation or model"
    )]
    NoMemory { name: String, need: u64, have: u64 },
    #[error(
        "{name}: the accelerator cannot take it: {reason}; use a smaller model, or the program built without its feature"
    )]
    Device { name: String, reason: String },
}

/// Why an evaluation ended early.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    #[error("cancelled")]
    Cancelled,
    /// An accelerator gave up.
    #[error("the accelerator failed: {reason}")]
    Device { reason: String },
    /// `used` is in MiB.
    #[error("no memory for more keys and values ({used} MiB are in use)")]
    NoMemory { used: u64 },
}

/// Without the backtrace that the library appends when one is asked for.
pub(super) fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
