//! Back ends as the settings name them.

use crate::lm::frame::Framing;
use crate::lm::open::Opener;
use crate::lm::prompts::Prompts;
use crate::lm::spec::Spec;
use crate::reer::search::Preset;
use crate::settings::Settings;

use super::Fault;

/// An opener with the prompts and the frame of the settings: the paper's preset frames x in its guide.
///
/// # Errors
/// A prompt of the user's that cannot be used.
pub fn opener(settings: &Settings) -> Result<Opener, Fault> {
    let framing = match settings.search.preset {
        Preset::Retrace => Framing::Plain,
        Preset::Paper => Framing::Guide,
    };
    Ok(Opener::new(Prompts::load(settings.prompts.as_deref())?, framing))
}

/// Reads a SPEC.
///
/// # Errors
/// What is wrong with it, with the remedy.
pub fn spec(text: &str) -> Result<Spec, Fault> {
    Ok(text.parse::<Spec>()?)
}
