//! Frame pieces to token ids: which neighbours are encoded together, and where BOS stands.

use super::tokenizer::{Part, Tokenizer};
use crate::lm::FramePiece;
use crate::lm::LmError;

/// The ids of a whole prompt, BOS in front where the model uses one and the markup does not already begin with it.
///
/// Markup is cut at its control tokens; what lies between two of them, markup and text, is encoded as one run, in
/// which no control token is recognised.
///
/// # Errors
/// [`LmError::Unsupported`] when the vocabulary cannot spell a text.
pub(super) fn encode(tokenizer: &Tokenizer, pieces: &[FramePiece]) -> Result<Vec<u32>, LmError> {
    let mut prompt = Prompt { tokenizer, ids: Vec::new(), run: String::new(), after_control: true };
    for piece in pieces {
        match piece {
            FramePiece::Text(text) => prompt.run.push_str(text),
            FramePiece::Markup(markup) => {
                for part in tokenizer.cut(markup) {
                    match part {
                        Part::Plain(text) => prompt.run.push_str(text),
                        Part::Control(id, _) => prompt.control(id)?,
                    }
                }
            }
        }
    }
    prompt.end_run()?;
    prompt.begin(None);
    Ok(prompt.ids)
}

struct Prompt<'a> {
    tokenizer: &'a Tokenizer,
    ids: Vec<u32>,
    /// Text not encoded yet.
    run: String,
    /// Whether the run begins the sequence or follows a control token: SentencePiece models put a space there.
    after_control: bool,
}

impl Prompt<'_> {
    fn begin(&mut self, first: Option<u32>) {
        let special = self.tokenizer.special();
        let bos = special.bos.filter(|bos| special.adds_bos && self.ids.is_empty() && first != Some(*bos));
        self.ids.extend(bos);
    }

    fn control(&mut self, id: u32) -> Result<(), LmError> {
        self.end_run()?;
        self.begin(Some(id));
        self.ids.push(id);
        self.after_control = true;
        Ok(())
    }

    fn end_run(&mut self) -> Result<(), LmError> {
        let run = std::mem::take(&mut self.run);
        if run.is_empty() {
            return Ok(());
        }
        self.begin(None);
        self.ids.extend(self.tokenizer.encode_at(&run, self.after_control)?.ids);
        self.after_control = false;
        Ok(())
    }
}
