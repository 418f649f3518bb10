//! Back ends as the settings name them.

use crate::engine;
use crate::lm::http::Keys;
use crate::lm::http::client::Patience;
use crate::lm::open::Opener;
use crate::lm::prompts::Prompts;
use crate::lm::spec::Spec;
use crate::settings::Settings;

use super::Fault;

/// An opener with the prompts and the frame of the settings: the paper's preset frames x in its guide.
///
/// # Errors
/// A prompt of the user's that cannot be used.
pub fn opener(settings: &Settings) -> Result<Opener, Fault> {
    let keys = Keys::new(|name| std::env::var(name).ok(), settings.keys.clone().reveal());
    let prompts = Prompts::load(settings.prompts.as_deref())?;
    Ok(Opener::new(prompts, engine::framing(settings.search.preset)).with_servers(keys, Patience::default()))
}

/// Reads a SPEC.
///
/// # Errors
/// What is wrong with it, with the remedy.
pub fn spec(text: &str) -> Result<Spec, Fault> {
    Ok(text.parse::<Spec>()?)
}
