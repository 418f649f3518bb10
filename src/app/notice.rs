//! Lines that tell what just happened, and go.

use std::time::Duration;

use super::effect::Tick;
use super::{App, Effect};

/// How long a notice stays.
const STAYS: Duration = Duration::from_secs(6);

/// So many are kept to be read again.
const KEPT: usize = 100;

/// What stood so long was seen.
const SEEN: Duration = Duration::from_secs(1);

/// At most so many stand together.
const TOGETHER: usize = 3;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
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

    fn is_seen(&self, now: Duration) -> bool {
        now.saturating_sub(self.since) > SEEN
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
        self.keep(notice.clone());
        // What went wrong is not talked over: it stays above what comes next, as long as nobody can have read it or what
        // comes is less.
        let now = self.now;
        let stays_above = |earlier: &Notice| earlier.tone > tone || (earlier.tone == tone && !earlier.is_seen(now));
        self.notices
            .retain(|earlier| earlier.tone > Tone::Plain && earlier.text != notice.text && stays_above(earlier));
        if self.notices.len() >= TOGETHER {
            let least = (0..self.notices.len()).min_by_key(|at| self.notices[*at].tone);
            least.map(|at| self.notices.remove(at));
        }
        self.notices.push(notice);
        vec![Effect::Tick(Tick::Notice, stays)]
    }

    /// Keeps among what was told what the screen says elsewhere.
    pub(super) fn note(&mut self, said: Result<String, String>) {
        let tone = if said.is_ok() { Tone::Plain } else { Tone::Error };
        let text = said.unwrap_or_else(|why| why);
        self.keep(Notice { text, tone, since: self.now, until: self.now });
    }

    fn keep(&mut self, notice: Notice) {
        self.told.truncate(KEPT - 1);
        self.told.push_front(notice);
    }

    /// Who goes on has read what was told; what went wrong stays long enough to be seen.
    pub(super) fn read_notice(&mut self) {
        let now = self.now;
        self.notices.retain(|notice| notice.tone != Tone::Plain && !notice.is_seen(now));
    }

    pub(super) fn forget_notice(&mut self) {
        let now = self.now;
        self.notices.retain(|notice| notice.until > now);
    }
}
