//! One line that tells what just happened, and goes.

use std::time::Duration;

use super::effect::Tick;
use super::{App, Effect};

/// How long a notice stays.
const STAYS: Duration = Duration::from_secs(6);

/// So many are kept to be read again.
const KEPT: usize = 100;

/// What stood so long was seen.
const SEEN: Duration = Duration::from_secs(1);

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Warning,
    Error,
}

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub text: String,
    pub tone: Tone,
    /// When it came, and when it goes.
    pub since: Duration,
    pub until: Duration,
}

impl Notice {
    /// The text behind the sign of its tone.
    pub fn signed(&self) -> String {
        let sign = match self.tone {
            Tone::Plain => "",
            Tone::Warning => "! ",
            Tone::Error => "✗ ",
        };
        format!("{sign}{}", self.text)
    }
}

impl App {
    pub(super) fn tell(&mut self, text: impl Into<String>) -> Vec<Effect> {
        self.notify(text.into(), Tone::Plain)
    }

    pub(super) fn warn(&mut self, text: impl Into<String>) -> Vec<Effect> {
        self.notify(text.into(), Tone::Warning)
    }

    pub(super) fn fail(&mut self, text: impl Into<String>) -> Vec<Effect> {
        self.notify(text.into(), Tone::Error)
    }

    fn notify(&mut self, text: String, tone: Tone) -> Vec<Effect> {
        // Longer sentences take longer to read.
        let stays = STAYS + Duration::from_millis(40 * text.len() as u64);
        let notice = Notice { text, tone, since: self.now, until: self.now + stays };
        self.told.truncate(KEPT - 1);
        self.told.push_front(notice.clone());
        self.notice = Some(notice);
        vec![Effect::Tick(Tick::Notice, stays)]
    }

    /// Who goes on has read what was told; what went wrong stays long enough to be seen.
    pub(super) fn read_notice(&mut self) {
        let now = self.now;
        self.notice.take_if(|notice| notice.tone == Tone::Plain || now.saturating_sub(notice.since) > SEEN);
    }

    pub(super) fn forget_notice(&mut self) {
        if self.notice.as_ref().is_some_and(|notice| notice.until <= self.now) {
            self.notice = None;
        }
    }
}
