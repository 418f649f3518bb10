//! Text to token ids as the served model has it. A scorer uses one codec for a whole run, so that every candidate is scored
//! on the same tokens.

mod control;
mod cuts;
pub mod hub;
pub mod local;
pub mod open;
mod recent;
pub mod served;
mod spans;
mod spelling;
#[cfg(test)]
mod tests;
mod vocabulary;
pub mod wire;

use async_trait::async_trait;

use super::{Call, Client, Reply};
use crate::lm::{FramePiece, LmError};
use crate::reer::Target;

pub use local::Local;
pub use open::{Opened, open};
pub use served::Served;

/// A whole prompt in token ids, and the text they spell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PromptTokens {
    /// BOS in front where the model uses one and the markup does not begin with it already.
    pub ids: Vec<u32>,
    /// Without BOS: for servers that take text and put it there by themselves.
    pub text: String,
}

/// A vocabulary with its rules.
#[async_trait]
pub trait Codec: Send + Sync {
    /// Encodes the pieces of a frame: control tokens are recognised in markup and, where the codec can tell them apart,
    /// are plain text in texts.
    ///
    /// # Errors
    /// The vocabulary cannot spell a text, or the server that tokenises cannot be asked.
    async fn prompt(&self, pieces: &[FramePiece]) -> Result<PromptTokens, LmError>;

    /// Encodes y: no special tokens, byte ranges into `text` that cover it.
    ///
    /// # Errors
    /// As [`Codec::prompt`].
    async fn target(&self, text: &str) -> Result<Target, LmError>;

    /// Encodes a text byte for byte, control tokens spelled in it recognised; `first` when nothing but BOS stands before it.
    ///
    /// # Errors
    /// As [`Codec::prompt`].
    async fn verbatim(&self, text: &str, first: bool) -> Result<Target, LmError>;

    /// The token that begins every sequence of this model, when it uses one.
    fn bos(&self) -> Option<u32>;
}

/// Sends calls to the server that tokenises.
#[async_trait]
pub trait Sends: Send + Sync {
    /// # Errors
    /// No answer came.
    async fn send(&self, call: &Call) -> Result<Reply, LmError>;
}

#[async_trait]
impl Sends for Client {
    async fn send(&self, call: &Call) -> Result<Reply, LmError> {
        Client::send(self, call).await
    }
}

/// The text of pieces, without the BOS that markup begins with.
fn text_after(bos: Option<&str>, pieces: &[FramePiece]) -> String {
    let mut text = String::new();
    for (at, piece) in pieces.iter().enumerate() {
        match (piece, bos) {
            (FramePiece::Markup(markup), Some(bos)) if at == 0 => {
                text.push_str(markup.strip_prefix(bos).unwrap_or(markup));
            }
            (FramePiece::Markup(piece) | FramePiece::Text(piece), _) => text.push_str(piece),
        }
    }
    text
}
