//! A text that was being written when the program ended: where it belongs, so that it can be gone on with there. It is
//! no decision of the person's yet, and so it stands in no session.

use serde::{Deserialize, Serialize};

use super::bench::Writing;
use super::overlay::{Overlay, Text};
use super::{App, Effect};

/// What the text is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum About {
    /// Something of the session of this key.
    Session { key: String, writing: Writing },
    /// The query of a new session, and its reference as far as it is there.
    Query { reference: String },
    /// The reference of a new session with this query.
    Reference { query: String },
}

impl About {
    /// Where it is looked for again: a session's key, and nothing for a new session.
    pub fn key(&self) -> &str {
        match self {
            About::Session { key, .. } => key,
            About::Query { .. } | About::Reference { .. } => "",
        }
    }
}

/// The text, and what it is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsaved {
    pub about: About,
    pub text: String,
}

impl App {
    /// Has the text that is being written kept, should the program end before it is saved.
    pub fn keep_text(&self) -> Vec<Effect> {
        let writing = self.overlays.iter().rev().find_map(|overlay| match overlay {
            Overlay::Writing(about) => Some(about.clone()),
            _ => None,
        });
        let about = match writing {
            Some(Text::Of(desk, writing)) => {
                self.benches.get(&desk).map(|bench| About::Session { key: bench.key.clone(), writing })
            }
            Some(Text::Query { reference }) => Some(About::Query { reference }),
            Some(Text::Reference { query }) => Some(About::Reference { query }),
            None => None,
        };
        about.map(Effect::KeepText).into_iter().collect()
    }

    /// Goes on with a text where it was left, if that place is on the screen.
    pub(super) fn recalled(&mut self, unsaved: Unsaved) -> Vec<Effect> {
        let about = match unsaved.about {
            _ if !self.overlays.is_empty() => return Vec::new(),
            About::Session { key, writing } => {
                let bench = self.bench().filter(|bench| bench.key == key && bench.read_only.is_none());
                match bench.filter(|bench| bench.can_write(writing)) {
                    Some(bench) => Text::Of(bench.desk, writing),
                    None => return Vec::new(),
                }
            }
            _ if self.front.is_some() => return Vec::new(),
            About::Query { reference } => Text::Query { reference },
            About::Reference { query } => Text::Reference { query },
        };
        let mut effects = Vec::new();
        if let (Text::Of(_, writing), Some(bench)) = (&about, self.bench_mut()) {
            bench.go_to_text(*writing);
            effects.extend(self.measure());
        }
        effects.extend(self.write_again(about, unsaved.text));
        effects.extend(self.keep_text());
        effects.extend(self.tell("here is the text that you were writing when the program ended; it is not saved yet"));
        effects
    }
}
