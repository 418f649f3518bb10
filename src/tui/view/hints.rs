//! The lines at the bottom: what can be done now, what just happened, the tour; and the keys that may follow a prefix.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::super::theme::{Role, Theme};
use super::super::widgets::{hints, paint, pane, text};
use super::layout;
use crate::app::App;
use crate::app::batch::Batch;
use crate::app::bench::{Pane, Writing};
use crate::app::command::Command;
use crate::app::keymap::Looked;
use crate::app::keys::Key;
use crate::app::notice::{Notice, Tone};
use crate::app::overlay::{Knob, Overlay, Text};
use crate::app::tour::{STEPS, Word};
use crate::session::Status;
use crate::session::runs::Seen;
use crate::text::width;

/// What can be done, most needed first, with short words.
fn wanted(app: &App, width: u16) -> Vec<(Command, &'static str)> {
    match app.overlays.last() {
        Some(Overlay::List(picker)) => {
            let choose = (!picker.tells()).then_some((Command::Choose, "choose"));
            let rest = [(Command::ListDown, "move"), (Command::ListClose, "close")];
            return choose.into_iter().chain(rest).collect();
        }
        Some(Overlay::Field(_)) => return vec![(Command::Accept, "done"), (Command::ListClose, "never mind")],
        Some(Overlay::Writing(about)) => {
            let (save, cancel) = match about {
                Text::Of(_, Writing::Note) => ("save; enter begins a line", "leave"),
                Text::Of(..) => ("save", "never mind"),
                Text::Query { .. } => ("go on to the reference", "never mind"),
                Text::Reference { .. } => ("save the session", "back to the query"),
            };
            return vec![(Command::Save, save), (Command::Outside, "$EDITOR"), (Command::Cancel, cancel)];
        }
        Some(Overlay::Form(form)) => {
            let own = match form.selected() {
                Knob::Generator | Knob::Scorer => (Command::BackEnds, "choose"),
                _ => (Command::NextValue, "change"),
            };
            return vec![
                (Command::Start, "start"),
                (Command::Down, "next"),
                own,
                (Command::ChangeValue, "type"),
                (Command::Dismiss, "never mind"),
            ];
        }
        Some(Overlay::Export(_)) => {
            return vec![
                (Command::Choose, "write the files"),
                (Command::NextValue, "shape"),
                (Command::ExportQueue, "queue"),
                (Command::ExportFolder, "folder"),
                (Command::ExportNext, "next row"),
                (Command::ExportScrollDown, "scroll"),
                (Command::Dismiss, "close"),
            ];
        }
        None => {}
    }
    let below = app.below().unwrap_or("quit");
    if let Some(batch) = app.batch() {
        return of_batch(batch, below);
    }
    let Some(bench) = app.bench() else {
        return vec![
            (Command::Open, "open"),
            (Command::Find, "filter"),
            (Command::Keep, "keep"),
            (Command::Drop, "drop"),
            (Command::Later, "later"),
            (Command::Undo, "undo"),
            (Command::NextQueue, "queue"),
            (Command::Sort, "sort"),
            (Command::New, "new"),
            (Command::Visit, "go to"),
            (Command::Export, "export"),
        ];
    };
    if bench.find.is_some() {
        return vec![
            (Command::FindNext, "next match"),
            (Command::FindPrevious, "previous"),
            (Command::Dismiss, "done"),
        ];
    }
    if bench.timeline.is_empty() && !bench.is_searching() {
        return vec![
            (Command::Run, "search"),
            (Command::RunWith, "with settings"),
            (Command::Edit, "write a draft"),
            (Command::NextPane, "pane"),
            (Command::Keep, "keep"),
            (Command::Drop, "drop"),
            (Command::Close, below),
        ];
    }
    let paused = bench.is_at_end() && bench.state.status() == Status::Unfinished;
    let play = match bench.is_searching() || bench.play.is_some() {
        true => "pause",
        false if paused => "go on",
        false => "play",
    };
    let in_hand = bench.is_searching() || paused && bench.state.steps() > 0;
    let rest = [
        (Command::Run, "search"),
        (Command::Play, play),
        (Command::Keep, "keep"),
        (Command::Drop, "drop"),
        (Command::Later, "later"),
        (Command::Undo, "undo"),
        (Command::Tint, "tint"),
        (Command::NextPane, "pane"),
        (Command::Close, below),
    ];
    let mut list = vec![(Command::StepForward, "step"), (Command::Down, "segment")];
    if matches!(bench.focus, Pane::Query | Pane::Reference) {
        list[1].1 = "scroll";
    } else if !bench.candidates().is_empty() {
        list.extend([(Command::CandidateDown, "candidate"), (Command::Take, "take"), (Command::Refuse, "refuse")]);
    }
    // Where panes share a place, the others are behind this key.
    if layout::columns(width) < 3 {
        list.insert(2, (Command::NextPane, "pane"));
    }
    // Whoever has a search in hand wants this key before any other.
    if in_hand {
        list.insert(0, (Command::Play, play));
    }
    let edit = if bench.picked().is_some() { "edit candidate" } else { "edit" };
    list.extend([(Command::Edit, edit), (Command::Again, "again")]);
    let new = |command: Command| !list.iter().any(|(listed, _)| *listed == command);
    let rest = rest.into_iter().filter(|(command, _)| *command != Command::Run || !in_hand);
    let rest: Vec<_> = rest.filter(|(command, _)| new(*command)).collect();
    list.extend(rest);
    list
}

/// What can be asked of the run that is looked at; of one that is over, nothing.
fn of_batch(batch: &Batch, below: &'static str) -> Vec<(Command, &'static str)> {
    let looking = [
        (Command::Open, "open"),
        (Command::NextList, "list"),
        (Command::NextRun, "earlier run"),
        (Command::SearchAll, "search all pairs"),
        (Command::Close, below),
    ];
    let asking = [
        (Command::PauseRun, if batch.is_paused() { "go on" } else { "pause" }),
        (Command::Drain, "drain"),
        (Command::StopRun, "stop"),
        (Command::Requeue, "retry"),
        (Command::RequeueFailed, "retry all failed"),
        (Command::MoreAtOnce, "more at once"),
        (Command::FewerAtOnce, "fewer"),
    ];
    let asking = asking.into_iter().filter(|_| batch.run().is_some_and(Seen::takes_requests));
    let seen = if batch.run().is_some() { &looking[..] } else { &looking[3..] };
    let (first, rest) = seen.split_at(seen.len().saturating_sub(3));
    first.iter().copied().chain(asking).chain(rest.iter().copied()).collect()
}

/// What just happened, in the place of the hints; over the rows above them when it takes more than one.
pub fn notices(buf: &mut Buffer, mut area: Rect, app: &App, theme: &Theme) {
    for told in app.notices.iter().rev() {
        area.y -= notice(buf, area, told, theme).min(area.y);
    }
}

/// One of them above the last row of `area`; returns the rows that it took.
fn notice(buf: &mut Buffer, area: Rect, notice: &Notice, theme: &Theme) -> u16 {
    let role = match notice.tone {
        Tone::Plain => Role::Accent,
        Tone::Warning => Role::Warning,
        Tone::Error => Role::Error,
    };
    let mut sheet = text::Sheet::new(&notice.signed(), area.width.saturating_sub(2).max(1));
    let rows = (sheet.rows() as u16).clamp(1, area.y.clamp(1, 4));
    let place = Rect { y: area.bottom() - rows, height: rows, ..area };
    paint::clear(buf, place, theme.ground());
    let look = text::Look { base: role, ..text::Look::plain(theme) };
    text::draw(buf, Rect { x: place.x + 1, width: place.width.saturating_sub(2), ..place }, &mut sheet, 0, look);
    rows
}

/// The line of hints.
pub fn draw(buf: &mut Buffer, area: Rect, app: &App, theme: &Theme) {
    paint::clear(buf, area, theme.ground());
    let keyed: Vec<(String, &str)> =
        wanted(app, area.width).into_iter().filter_map(|(command, word)| Some((pair(app, command)?, word))).collect();
    let hints: Vec<(&str, &str)> = keyed.iter().map(|(key, word)| (key.as_str(), *word)).collect();
    let (palette, help) = (app.key_of(Command::Palette), app.key_of(Command::Help));
    let last: Vec<(&str, &str)> = [(&palette, "commands"), (&help, "help")]
        .into_iter()
        .filter_map(|(key, word)| Some((key.as_deref()?, word)))
        .collect();
    hints::draw(buf, Rect { x: area.x + 1, width: area.width.saturating_sub(1), ..area }, theme, &hints, &last);
}

/// A command's key; for moves in two directions both.
fn pair(app: &App, command: Command) -> Option<String> {
    let other = match command {
        Command::StepForward => Some(Command::StepBack),
        Command::Down => Some(Command::Up),
        Command::CandidateDown => Some(Command::CandidateUp),
        Command::ListDown => Some(Command::ListUp),
        _ => None,
    };
    let arrows = |command| shown(&app.key_of(command)?);
    match other {
        Some(other) => Some(format!("{}/{}", arrows(other)?, arrows(command)?)),
        None => arrows(command),
    }
}

/// A key as it is shown: arrows as arrows.
fn shown(key: &str) -> Option<String> {
    Some(match key {
        "left" => "←".to_owned(),
        "right" => "→".to_owned(),
        "up" => "↑".to_owned(),
        "down" => "↓".to_owned(),
        "" => return None,
        other => other.to_owned(),
    })
}

/// The tour's line.
pub fn tour(buf: &mut Buffer, area: Rect, app: &App, theme: &Theme) {
    let Some((step, words)) = app.tour().filter(|_| !area.is_empty()) else { return };
    paint::clear(buf, area, theme.ground());
    let (text, key, dim) = (theme.style(Role::Text), theme.style(Role::Key), theme.style(Role::Dim));
    // A step may ask for keys of the other screen.
    let keys_of = |command: Command| app.keymap.keys_of(command.entry().contexts, command);
    let key_of = |command| keys_of(command).into_iter().next().and_then(|key| shown(&key));
    let mut parts: Vec<(String, ratatui::style::Style)> =
        vec![(format!(" Tour {}/{STEPS} ", step + 1), theme.style(Role::TitleFocused))];
    for word in words {
        match word {
            Word::Text(words) if words.starts_with(',') => parts.push(((*words).to_owned(), text)),
            Word::Text(words) => parts.push((format!(" {words}"), text)),
            Word::Key(command) => parts.extend(key_of(*command).map(|name| (format!(" {name}"), key))),
        }
    }
    let end = key_of(Command::Tour).map(|end| format!("  ({end} ends it)"));
    let used: usize = parts.iter().map(|(text, _)| width(text)).sum();
    parts.extend(end.filter(|end| used + width(end) <= usize::from(area.width)).map(|end| (end, dim)));
    paint::parts(buf, (area.x, area.y), area.width, parts.iter().map(|(text, style)| (text.as_str(), *style)));
}

/// The keys that may follow the ones that were pressed, above the hints.
pub fn which_key(buf: &mut Buffer, body: Rect, app: &App, theme: &Theme) {
    if !app.which_key {
        return;
    }
    let Looked::Prefix(next) = app.keymap.look(&app.contexts(), &app.pending) else { return };
    let mut rows: Vec<(String, &str)> = Vec::new();
    for (key, command) in &next {
        let doc = command.entry().doc;
        match rows.iter_mut().find(|(_, known)| *known == doc) {
            Some((keys, _)) => keys.push_str(&format!(" {key}")),
            None => rows.push((key.to_string(), doc)),
        }
    }
    let wide = rows.iter().map(|(key, doc)| width(key) + width(doc) + 6).max().unwrap_or(0) as u16;
    let height = (rows.len() as u16 + 2).min(body.height);
    let area = Rect { x: body.x, y: body.bottom() - height, width: wide.min(body.width), height };
    paint::clear(buf, area, theme.style(Role::Overlay));
    let pressed: Vec<String> = app.pending.iter().map(ToString::to_string).collect();
    let title = [pressed.join(" ").as_str(), subject(&next)].join("  ");
    let inner = pane::draw(buf, area, theme, pane::Pane { title: title.trim(), right: "", focused: true });
    for (at, (key, doc)) in rows.iter().enumerate().take(usize::from(inner.height)) {
        let parts = [(" ", Role::Overlay), (key.as_str(), Role::Key), ("  ", Role::Overlay), (doc, Role::Overlay)];
        let parts = parts.map(|(text, role)| (text, theme.style(role)));
        paint::parts(buf, (inner.x, inner.y + at as u16), inner.width, parts);
    }
}

/// What all of these commands are about, when it is one thing.
fn subject(next: &[(Key, Command)]) -> &'static str {
    use Command::{Delete, Insert, Merge, MoveDown, MoveUp, Rate1, Rate2, Rate3, Rate4, Rate5, Split, Unrate};
    let all = |commands: &[Command]| next.iter().all(|(_, command)| commands.contains(command));
    if all(&[Split, Merge, MoveUp, MoveDown, Insert, Delete]) {
        "the segment"
    } else if all(&[Rate1, Rate2, Rate3, Rate4, Rate5, Unrate]) {
        "a rating"
    } else {
        ""
    }
}
