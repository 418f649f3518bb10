//! A terminal for one process: shows what it writes, answers what it asks, remembers every byte.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process};

/// The longest wait for anything; a machine under load is slow, a hang is longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What asks for the kind of terminal, and what a terminal answers.
const WHO: (&[u8], &[u8]) = (b"\x1b[c", b"\x1b[?62;22c");

/// What asks for the flags of the keyboard, and what a terminal that has them answers.
const KEYBOARD: (&[u8], &[u8]) = (b"\x1b[?u", b"\x1b[?0u");

/// Modes by what sets and what undoes them.
const MODES: [(&str, &str, &str); 9] = [
    ("alternate screen", "\x1b[?1049h", "\x1b[?1049l"),
    ("hidden cursor", "\x1b[?25l", "\x1b[?25h"),
    ("bracketed paste", "\x1b[?2004h", "\x1b[?2004l"),
    ("keyboard flags", "\x1b[>1u", "\x1b[<1u"),
    ("focus", "\x1b[?1004h", "\x1b[?1004l"),
    ("mouse buttons", "\x1b[?1000h", "\x1b[?1000l"),
    ("mouse drags", "\x1b[?1002h", "\x1b[?1002l"),
    ("mouse coordinates", "\x1b[?1006h", "\x1b[?1006l"),
    ("synchronized update", "\x1b[?2026h", "\x1b[?2026l"),
];

enum Event {
    Output(Vec<u8>),
    /// Nobody writes any more.
    Closed,
    Exit(ExitStatus),
}

/// A process in a terminal of its own.
pub struct Pty {
    master: Option<Box<dyn MasterPty + Send>>,
    writer: Arc<Mutex<Option<Box<dyn Write + Send>>>>,
    events: Receiver<Event>,
    parser: vt100::Parser,
    bytes: Vec<u8>,
    /// The line discipline before the process began, as text.
    before: String,
    pid: u32,
    closed: bool,
    hanging_up: Arc<AtomicBool>,
    exit: Option<ExitStatus>,
}

/// What to start in which terminal.
pub struct Start {
    pub program: PathBuf,
    pub arguments: Vec<String>,
    pub environment: Vec<(String, String)>,
    pub folder: Option<PathBuf>,
    pub rows: u16,
    pub columns: u16,
    /// Whether the terminal tells keys apart.
    pub flags: bool,
}

impl Start {
    pub fn new(program: impl AsRef<Path>) -> Start {
        Start {
            program: program.as_ref().to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            folder: None,
            rows: 24,
            columns: 80,
            flags: true,
        }
    }

    pub fn args<'a>(mut self, arguments: impl IntoIterator<Item = &'a str>) -> Start {
        self.arguments.extend(arguments.into_iter().map(str::to_owned));
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<Path>) -> Start {
        self.environment.push((name.to_owned(), value.as_ref().display().to_string()));
        self
    }

    /// Starts it; its environment is what was given, PATH, and a terminal with 256 colours.
    pub fn spawn(self) -> Pty {
        let size = PtySize { rows: self.rows, cols: self.columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(&self.program);
        command.args(&self.arguments);
        command.env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap());
        command.env("TERM", "xterm-256color");
        self.environment.iter().for_each(|(name, value)| command.env(name, value));
        command.cwd(self.folder.unwrap_or_else(std::env::temp_dir));

        let before = discipline(pair.master.as_ref());
        let mut reader = pair.master.try_clone_reader().unwrap();
        let writer = Arc::new(Mutex::new(Some(pair.master.take_writer().unwrap())));
        let mut child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let (sender, events) = channel();
        let pid = child.process_id().unwrap();
        let hanging_up = Arc::new(AtomicBool::new(false));
        let (answering, output, over) = (writer.clone(), sender.clone(), hanging_up.clone());
        thread::spawn(move || {
            read(reader.as_mut(), &answering, self.flags, &output, &over);
            drop(reader);
            // The test may be over.
            let _ = output.send(Event::Closed);
        });
        thread::spawn(move || sender.send(Event::Exit(child.wait().unwrap())));
        let cells = |count: u16| count.try_into().unwrap();
        Pty {
            master: Some(pair.master),
            writer,
            events,
            parser: vt100::Parser::new(cells(self.rows), cells(self.columns), 0),
            bytes: Vec::new(),
            before,
            pid,
            closed: false,
            hanging_up,
            exit: None,
        }
    }
}

/// Reads until nobody writes any more, and answers as a terminal does.
fn read(
    from: &mut dyn Read,
    to: &Mutex<Option<Box<dyn Write + Send>>>,
    flags: bool,
    output: &Sender<Event>,
    over: &AtomicBool,
) {
    let (mut piece, mut tail) = ([0; 65536], Vec::new());
    while !over.load(Ordering::SeqCst) {
        let length = match from.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(length) => length,
        };
        tail.extend_from_slice(&piece[..length]);
        let questions = [(flags, KEYBOARD), (true, WHO)];
        for (_, (question, answer)) in questions.into_iter().filter(|(answered, _)| *answered) {
            if let Some(at) = find(&tail, question) {
                // An answer goes as one piece, and a question is answered once.
                tail.drain(at..at + question.len());
                if let Some(writer) = to.lock().unwrap().as_mut() {
                    writer.write_all(answer).unwrap();
                    writer.flush().unwrap();
                }
            }
        }
        tail.drain(..tail.len().saturating_sub(8));
        if output.send(Event::Output(piece[..length].to_vec())).is_err() {
            return;
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn rfind(bytes: &[u8], what: &str) -> Option<usize> {
    bytes.windows(what.len()).rposition(|window| window == what.as_bytes())
}

fn discipline(master: &dyn MasterPty) -> String {
    format!("{:?}", master.get_termios().unwrap())
}

impl Pty {
    /// Types keys, or sends whatever else a terminal sends.
    pub fn write(&self, bytes: impl AsRef<[u8]>) {
        let mut writer = self.writer.lock().unwrap();
        let writer = writer.as_mut().unwrap();
        writer.write_all(bytes.as_ref()).unwrap();
        writer.flush().unwrap();
    }

    /// As [`Pty::write`], beside the reading, as a terminal does with more than the line discipline holds.
    pub fn write_beside(&self, bytes: Vec<u8>) {
        let writer = self.writer.clone();
        thread::spawn(move || writer.lock().unwrap().as_mut().unwrap().write_all(&bytes));
    }

    pub fn kill(&self, signal: Signal) {
        kill_process(Pid::from_raw(i32::try_from(self.pid).unwrap()).unwrap(), signal).unwrap();
    }

    pub fn kill_other(pid: i32, signal: Signal) {
        kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    pub fn resize(&mut self, rows: u16, columns: u16) {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        self.master.as_ref().unwrap().resize(size).unwrap();
        self.parser.screen_mut().set_size(rows.try_into().unwrap(), columns.try_into().unwrap());
    }

    /// Closes the terminal, as closing its window does. Types a key to which the process must answer with output.
    pub fn hang_up(&mut self, key: &str) {
        self.hanging_up.store(true, Ordering::SeqCst);
        self.write(key);
        // The reading thread holds the terminal open until it has read once more.
        self.wait_for("the end of reading", |pty| pty.closed);
        *self.writer.lock().unwrap() = None;
        self.master = None;
    }

    /// Waits until the screen is as wished.
    ///
    /// # Panics
    /// It is not in time, or the process ends before.
    #[track_caller]
    pub fn wait_for(&mut self, what: &str, wished: impl Fn(&Pty) -> bool) {
        let begun = Instant::now();
        while !wished(self) {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            let over = self.closed && self.exit.is_some();
            assert!(!over && self.take(left), "{what} did not come; the screen:\n{}", self.text());
        }
    }

    /// Waits until the screen holds a text.
    #[track_caller]
    pub fn wait_for_text(&mut self, text: &str) {
        self.wait_for(&format!("{text:?}"), |pty| pty.text().contains(text));
    }

    /// How many bytes come in this time.
    pub fn listen(&mut self, time: Duration) -> usize {
        let (begun, before) = (Instant::now(), self.bytes.len());
        while begun.elapsed() < time && self.take(time.saturating_sub(begun.elapsed())) {}
        self.bytes.len() - before
    }

    /// Waits until the process has ended and everything it wrote is read; its exit code, or the signal's name.
    #[track_caller]
    pub fn wait_exit(&mut self) -> Result<u32, String> {
        let begun = Instant::now();
        while self.exit.is_none() || !self.closed {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            assert!(self.take(left), "the process did not end; the screen:\n{}", self.text());
        }
        let exit = self.exit.as_ref().unwrap();
        exit.signal().map_or(Ok(exit.exit_code()), |signal| Err(signal.to_owned()))
    }

    /// One event; false when none came in time.
    fn take(&mut self, time: Duration) -> bool {
        match self.events.recv_timeout(time) {
            Ok(Event::Output(bytes)) => {
                self.parser.process(&bytes);
                self.bytes.extend(bytes);
            }
            Ok(Event::Closed) => self.closed = true,
            Ok(Event::Exit(status)) => self.exit = Some(status),
            Err(RecvTimeoutError::Timeout) => return false,
            Err(RecvTimeoutError::Disconnected) => panic!("the terminal is gone:\n{}", self.text()),
        }
        true
    }

    pub fn screen(&self) -> &vt100::Screen {
        self.parser.screen()
    }

    /// What the screen shows.
    pub fn text(&self) -> String {
        self.screen().contents()
    }

    /// Every byte that was written so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether a mode, by its name in [`MODES`], was ever set.
    pub fn was_set(&self, mode: &str) -> bool {
        let (_, set, _) = MODES.iter().find(|(name, _, _)| *name == mode).unwrap();
        find(&self.bytes, set.as_bytes()).is_some()
    }

    /// The modes that are set now.
    pub fn set_modes(&self) -> Vec<&'static str> {
        let is_set = |set: &str, undone: &str| rfind(&self.bytes, set) > rfind(&self.bytes, undone);
        MODES.iter().filter(|(_, set, undone)| is_set(set, undone)).map(|(name, _, _)| *name).collect()
    }

    /// Checks that the terminal is as it was before the process, and that it was not all the time.
    #[track_caller]
    pub fn assert_restored(&self) {
        for mode in ["alternate screen", "hidden cursor", "bracketed paste", "synchronized update"] {
            assert!(self.was_set(mode), "{mode} was never set:\n{}", self.text());
        }
        assert_eq!(self.set_modes(), Vec::<&str>::new(), "left set");
        assert!(!self.screen().alternate_screen() && !self.screen().hide_cursor() && !self.screen().bracketed_paste());
        self.assert_cooked();
    }

    /// Checks that the line discipline is as it was before the process.
    #[track_caller]
    pub fn assert_cooked(&self) {
        assert_eq!(discipline(self.master.as_ref().unwrap().as_ref()), self.before);
    }

    /// Whether keys come at once and unechoed.
    pub fn is_raw(&self) -> bool {
        discipline(self.master.as_ref().unwrap().as_ref()) != self.before
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        if self.exit.is_none()
            && let Some(pid) = i32::try_from(self.pid).ok().and_then(Pid::from_raw)
        {
            // It may have ended in this moment.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}
