//! The export screen: a preview of the row, then the files.

use std::path::{Path, PathBuf};

use crate::app::command::Command;
use crate::app::effect::Previewed;
use crate::app::library::{Row, Source};
use crate::app::overlay::{ExportView, Overlay, Taken};
use crate::app::{App, Effect};
use crate::reer::search::{NodeId, Search};
use crate::session::export::{Format, Queue};
use crate::session::{State, Verdict};

impl App {
    pub(super) fn open_export(&mut self) -> Vec<Effect> {
        let files = || self.library.listed_rows().filter(|row| matches!(row.source, Source::File(_)));
        let taken = Queue::ALL.map(|queue| {
            files().filter(|row| queue.takes(&row.summary)).fold(Taken::default(), |taken, row| Taken {
                sessions: taken.sessions + 1,
                flagged: taken.flagged + usize::from(!row.summary.flags.is_empty()),
                changed: taken.changed + usize::from(row.summary.changed),
            })
        });
        let queue = if taken[Queue::Kept as usize].sessions > 0 { Queue::Kept } else { Queue::All };
        let (key, session, shown) = match self.bench() {
            Some(bench) => {
                let state = Previewed::Open(Box::new(bench.state.clone()));
                (Some(bench.key.clone()), Some(state), Some(bench.state.summary()))
            }
            None => {
                // What will be written, and with nothing to write any other, which shows the shape.
                let is_written = |row: &&Row| matches!(row.source, Source::File(_)) && queue.takes(&row.summary);
                let selected = self.library.selected();
                let first = || files().find(|row| is_written(row) && row.summary.best.is_some());
                let row = selected.filter(is_written).or_else(first).or_else(|| files().find(is_written)).or(selected);
                let source = row.map(|row| Previewed::Listed(row.source.clone()));
                (row.map(|row| row.key.clone()), source, row.map(|row| row.summary.clone()))
            }
        };
        // A sample that nobody touched has no file to be exported.
        let has_file = match self.bench() {
            Some(bench) => !bench.is_sample(),
            None => files().any(|row| Some(&row.key) == key.as_ref()),
        };
        let version = self.bench().and_then(|bench| version_to_export(&bench.state));
        let view = ExportView {
            format: Format::Messages,
            every: false,
            queue,
            to: self.memory.export_to.clone().unwrap_or_else(|| "retrace-export".to_owned()),
            taken,
            samples: self.library.listed_rows().any(Row::is_sample),
            key,
            session,
            shown,
            has_file,
            version,
            preview: None,
            top: 0,
            done: None,
            replaces: false,
        };
        self.overlays.push(Overlay::Export(Box::new(view)));
        self.preview()
    }

    /// Asks for the row of the session at hand.
    pub(super) fn preview(&self) -> Vec<Effect> {
        let Some(Overlay::Export(view)) = self.overlays.last() else { return Vec::new() };
        match &view.session {
            Some(session) => vec![Effect::Preview { of: session.clone(), format: view.format }],
            None => Vec::new(),
        }
    }

    /// Previews the row beside the one that is shown, among those that will be written.
    pub(super) fn preview_beside(&mut self, by: isize) -> Vec<Effect> {
        let Some(Overlay::Export(view)) = self.overlays.last_mut() else { return Vec::new() };
        let is_written = |row: &&Row| matches!(row.source, Source::File(_)) && view.queue.takes(&row.summary);
        let rows: Vec<&Row> = self.library.listed_rows().filter(is_written).collect();
        let at = rows.iter().position(|row| Some(&row.key) == view.key.as_ref());
        let to = at.map_or(Some(0), |at| at.checked_add_signed(by));
        let Some(row) = to.and_then(|to| rows.get(to)) else {
            return self.tell(if by > 0 { "this is the last row" } else { "this is the first row" });
        };
        view.key = Some(row.key.clone());
        view.session = Some(Previewed::Listed(row.source.clone()));
        (view.shown, view.has_file) = (Some(row.summary.clone()), true);
        (view.version, view.preview, view.top) = (None, None, 0);
        self.preview()
    }

    pub(super) fn turn_export_queue(&mut self) -> Vec<Effect> {
        if let Some(Overlay::Export(view)) = self.overlays.last_mut() {
            view.turn_queue();
        }
        Vec::new()
    }

    pub(super) fn scroll_preview(&mut self, by: isize) -> Vec<Effect> {
        if let Some(Overlay::Export(view)) = self.overlays.last_mut() {
            view.top = view.top.saturating_add_signed(by);
        }
        Vec::new()
    }

    pub(super) fn typed_folder(&mut self, text: String) -> Vec<Effect> {
        let Some(Overlay::Export(view)) = self.overlays.last_mut() else { return Vec::new() };
        if text.is_empty() {
            return Vec::new();
        }
        view.to.clone_from(&text);
        view.forget_last();
        self.memory.export_to = Some(text);
        self.remember()
    }

    /// Writes the files of the chosen shapes; over an earlier export only when it was said that there is one.
    pub(super) fn export(&mut self) -> Vec<Effect> {
        let Some(Overlay::Export(view)) = self.overlays.last_mut() else { return Vec::new() };
        view.done = None;
        let force = std::mem::take(&mut view.replaces);
        vec![Effect::Export { formats: view.formats(), queue: view.queue, force, to: PathBuf::from(&view.to) }]
    }

    /// The folder holds an earlier export, and nothing was written.
    pub(super) fn would_replace(&mut self, to: &Path) -> Vec<Effect> {
        let key = |command| self.key_of(command).unwrap_or_default();
        let (again, folder) = (key(Command::Choose), key(Command::ExportFolder));
        let said = format!(
            "nothing was written: {} holds an earlier export, and {again} again puts this one in its place, whatever shapes it has; {folder} types another folder",
            to.display()
        );
        let Some(Overlay::Export(view)) = self.overlays.last_mut() else { return self.warn(said) };
        (view.done, view.replaces) = (Some(Err(said)), true);
        Vec::new()
    }

    pub(super) fn exported(&mut self, done: Result<String, String>) -> Vec<Effect> {
        if let Some(Overlay::Export(view)) = self.overlays.last_mut() {
            view.done = Some(done.clone());
            self.note(done);
            return Vec::new();
        }
        match done {
            Ok(said) => self.tell(said),
            Err(why) => self.fail(why),
        }
    }
}

/// The perplexity of a version, as it is written.
fn ppl(search: &Search, node: NodeId) -> Option<String> {
    Some(format!("{:.1}", search.tree().get(node)?.measures?.ppl.0))
}

/// `v27 is lower: ppl 27.3`, where another version than this one has the lowest score.
pub(super) fn lowest_beside(search: &Search, node: NodeId) -> Option<String> {
    let best = search.best_ever().filter(|best| *best != node)?;
    Some(format!("v{} is lower: ppl {}", best.0, ppl(search, best)?))
}

/// The version that goes out: what was arrived at since a person last chose one, which need not be the lowest, nor the
/// one that they kept.
fn version_to_export(state: &State) -> Option<String> {
    let search = state.search.as_ref()?;
    let node = search.outcome()?;
    let score = ppl(search, node).map(|ppl| format!(" with ppl {ppl}")).unwrap_or_default();
    let best = lowest_beside(search, node).map(|best| format!(" ({best})"));
    let kept = state.changed_since_verdict().filter(|_| state.annotations.verdict() == Verdict::Keep);
    let kept = kept.map(|(kept, _)| format!("; what was kept is v{}", kept.0));
    Some(format!("v{}{score}{}{}", node.0, best.unwrap_or_default(), kept.unwrap_or_default()))
}
