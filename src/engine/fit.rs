//! Whether a pair fits its scorer's context, told before a search is begun that could only fail.

use crate::lm::{Context, LmError, Scorer};
use crate::reer::Example;

/// Thinking about as short as any that explains something: some sixty tokens.
const SHORTEST: &str = "Okay, who is asking, and what for? I want to find the one thing that the text turns on, and put it \
first. Then what follows from it, in the order in which a reader would ask for it. The hard part comes last, said plainly, \
and then I stop.";

/// Checks that y fits behind x and a few sentences of thinking. What else a scorer has against the pair is told when it
/// is asked for numbers.
///
/// # Errors
/// That it does not, with how long it is, how much the model takes, and what helps.
pub(super) async fn fits(scorer: &dyn Scorer, example: &Example) -> Result<(), String> {
    let Ok(target) = scorer.tokenize(example).await else { return Ok(()) };
    let context = Context::Thinking { z: SHORTEST.to_owned() };
    match scorer.fits(example, &target, &context).await {
        Err(LmError::TooLong { have, limit }) => {
            Err(misfit(&scorer.identity().model, have, target.tokens.len(), limit))
        }
        _ => Ok(()),
    }
}

fn misfit(model: &str, have: usize, of_reference: usize, limit: Option<usize>) -> String {
    let takes = limit.map(|limit| format!(", and {model} takes {limit}")).unwrap_or_default();
    format!(
        "the pair is too long for its scorer: with a few sentences of thinking it is {have} tokens \
         ({of_reference} of them the reference){takes}; shorten the reference, or choose a scorer with a longer context"
    )
}
