//! A small program on the terminal room alone, which `guard.rs` runs in a pseudo-terminal: this test binary, called
//! again for the one test below.

use std::io;
use std::path::Path;
use std::time::Duration;

use retrace::app::input::Input;
use retrace::tui::terminal::{Clipboard, Editor, Inputs, Modes, Screen, Signal, Signals, check, frames};

use super::terminal::Start;

/// Set where the test below is to be that program.
const VARIABLE: &str = "RETRACE_GUEST";

/// The program, to be started in a terminal.
pub fn start() -> Start {
    start_as(std::env::current_exe().unwrap())
}

pub fn start_as(program: impl AsRef<Path>) -> Start {
    let arguments = ["--exact", "pty::guest::guest", "--ignored", "--nocapture", "--test-threads=1"];
    Start::new(program).args(arguments).env(VARIABLE, "1")
}

/// The same program as words for a shell.
pub fn words() -> String {
    let start = start();
    format!("{VARIABLE}=1 '{}' {}", start.program.display(), start.arguments.join(" "))
}

#[test]
#[ignore = "a program that other tests run in a terminal"]
fn guest() {
    if std::env::var_os(VARIABLE).is_none() {
        return;
    }
    check().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ended = runtime.block_on(run());
    // The harness would go on; a program ends here. Drawing fails where there is no terminal any more.
    std::process::exit(ended.unwrap_or(5));
}

/// Shows what came last until it is told to end; the exit code.
async fn run() -> io::Result<i32> {
    let mut screen = Screen::enter(Modes { mouse: true, focus: true })?;
    let (requester, mut wanted) = frames();
    let mut last = format!("ready {}", std::process::id());
    show(&mut screen, &last)?;
    let mut signals = Signals::listen()?;
    let mut inputs = Inputs::open(&mut screen)?;
    let mut behind = None;
    loop {
        let next = async {
            match behind.take() {
                Some(input) => Some(input),
                None => inputs.next().await,
            }
        };
        tokio::select! {
            input = next => match input {
                None => return Ok(4),
                Some(Input::Paste(text)) => last = format!("pasted {} bytes, {} lines", text.len(), text.matches('\n').count()),
                Some(Input::Key(key)) => {
                    let key = key.to_string();
                    last = format!("key {key}");
                    match key.as_str() {
                        "q" => return Ok(0),
                        "p" => panic!("asked to"),
                        "t" => std::thread::spawn(|| panic!("aside")).join().map_or((), |()| unreachable!()),
                        "h" => {
                            show(&mut screen, "hanging")?;
                            std::thread::sleep(Duration::from_secs(3600));
                        }
                        "ctrl-z" if !screen.suspend()? => last = "no shell".to_owned(),
                        "m" => screen.set_mouse(false)?,
                        "c" => last = Clipboard::new().copy("copied text".to_owned()).await.unwrap().to_string(),
                        "e" => {
                            drop(inputs);
                            screen.release();
                            let edited = Editor::find().and_then(|editor| editor.edit("segment.md", "before\n"));
                            screen.resume()?;
                            inputs = Inputs::open(&mut screen)?;
                            last = format!("edited {:?}", edited.map_err(|error| error.to_string()));
                        }
                        _ => {}
                    }
                }
                Some(other) => last = format!("{other:?}"),
            },
            signal = signals.next() => match signal {
                Signal::Terminate => return Ok(43),
                Signal::Hangup => {
                    // There is no terminal left to say it on.
                    if let Some(path) = std::env::var_os("SAY_IN") {
                        std::fs::write(path, "hung up")?;
                    }
                    return Ok(44);
                }
                Signal::Interrupt => return Ok(130),
                Signal::Suspend => _ = screen.suspend()?,
                Signal::Continue => {
                    screen.continued()?;
                    last = "continued".to_owned();
                }
                Signal::Panicked(what) => last = what,
            },
            () = wanted.next() => {
                show(&mut screen, &last)?;
                continue;
            }
        }
        // As a loop does that takes all that waits before it draws.
        behind = inputs.waiting();
        requester.request();
    }
}

fn show(screen: &mut Screen, text: &str) -> io::Result<()> {
    screen.draw(|frame| frame.render_widget(text, frame.area()))
}
