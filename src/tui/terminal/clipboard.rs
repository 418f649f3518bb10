//! Copying text: to the clipboard of this machine when it has a display, else to that of the terminal (OSC 52), which
//! reaches the person's machine over ssh.

use std::env;
use std::sync::mpsc;
use std::thread;

use crossterm::clipboard::CopyToClipboard;
use tokio::sync::oneshot;

use super::Screen;

/// Most bytes of text that a terminal takes: many pass over a sequence longer than 100,000 bytes, some over one longer
/// than 75,000, and base64 makes four bytes of three.
const MOST_BYTES: usize = 74_000 / 4 * 3;

/// How a text was copied, as a sentence for a notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copied {
    /// Into this machine's clipboard.
    System,
    /// Handed to the terminal, which does not say whether it took it.
    Terminal { tmux: bool },
}

impl std::fmt::Display for Copied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Copied::System => "copied",
            Copied::Terminal { tmux: false } => "copied through the terminal",
            Copied::Terminal { tmux: true } => {
                "copied through tmux; should it not arrive: tmux set -g set-clipboard on"
            }
        })
    }
}

/// Why a text was not copied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    #[error(
        "{bytes} bytes are more than a terminal takes for its clipboard ({MOST_BYTES}); copy less, or export the text"
    )]
    TooLong { bytes: usize },
    #[error("the terminal took no text: {0}")]
    Terminal(String),
}

/// The way to copy from here. Clones share it; what was copied stays available until the last is dropped.
#[derive(Debug, Clone)]
pub struct Clipboard {
    system: Option<mpsc::Sender<Request>>,
    tmux: bool,
}

/// A text, and where to say whether it was taken.
type Request = (String, oneshot::Sender<bool>);

impl Clipboard {
    /// Looks at the environment; opens nothing yet.
    pub fn new() -> Clipboard {
        let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        Clipboard { system: is_local(set).then(system).flatten(), tmux: set("TMUX") }
    }

    /// Copies a text. Waits for the system's clipboard, so it is awaited beside the loop and not in it.
    ///
    /// # Errors
    /// There is only the terminal's clipboard, and the text is too long for it, or the terminal is gone.
    pub async fn copy(&self, text: String) -> Result<Copied, CopyError> {
        if self.copy_to_system(&text).await {
            return Ok(Copied::System);
        }
        if text.len() > MOST_BYTES {
            return Err(CopyError::TooLong { bytes: text.len() });
        }
        Screen::execute(CopyToClipboard::to_clipboard_from(text)).map_err(|e| CopyError::Terminal(e.to_string()))?;
        Ok(Copied::Terminal { tmux: self.tmux })
    }

    async fn copy_to_system(&self, text: &str) -> bool {
        let Some(system) = &self.system else { return false };
        let (reply, taken) = oneshot::channel();
        system.send((text.to_owned(), reply)).is_ok() && taken.await.unwrap_or(false)
    }
}

impl Default for Clipboard {
    fn default() -> Clipboard {
        Clipboard::new()
    }
}

/// Whether this machine's clipboard is the person's: it has a display, and they do not come over ssh.
fn is_local(set: impl Fn(&str) -> bool) -> bool {
    let over_ssh = set("SSH_CONNECTION") || set("SSH_TTY");
    let display = cfg!(any(windows, target_os = "macos")) || set("WAYLAND_DISPLAY") || set("DISPLAY");
    display && !over_ssh
}

/// A thread that owns the system's clipboard: on X11 and Wayland the text is there only while its owner is.
fn system() -> Option<mpsc::Sender<Request>> {
    let (sender, requests) = mpsc::channel::<Request>();
    let serve = move || {
        let mut clipboard = None;
        for (text, reply) in requests {
            if clipboard.is_none() {
                clipboard = arboard::Clipboard::new().ok();
            }
            let taken = clipboard.as_mut().is_some_and(|clipboard| clipboard.set_text(text).is_ok());
            if !taken {
                clipboard = None;
            }
            // Whoever asked may have stopped waiting.
            let _ = reply.send(taken);
        }
    };
    thread::Builder::new().name("clipboard".to_owned()).spawn(serve).ok().map(|_| sender)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_terminal_copies_where_this_machine_is_not_the_persons() {
        let local = |set: &[&str]| is_local(|name| set.contains(&name));
        assert!(local(&["DISPLAY"]) && local(&["WAYLAND_DISPLAY"]));
        assert!(!local(&["DISPLAY", "SSH_CONNECTION"]) && !local(&["WAYLAND_DISPLAY", "SSH_TTY"]));
        assert_eq!(local(&[]), cfg!(any(windows, target_os = "macos")));
    }

    #[test]
    fn a_text_too_long_for_a_terminal_is_refused_with_its_length() {
        let clipboard = Clipboard { system: None, tmux: false };
        let copy = clipboard.copy("é".repeat(MOST_BYTES / 2 + 1));
        let error = futures::FutureExt::now_or_never(copy).unwrap().unwrap_err();
        assert_eq!(error, CopyError::TooLong { bytes: MOST_BYTES + 2 - MOST_BYTES % 2 });
        assert!(error.to_string().contains("export the text"));
    }
}
