//! Which function carries out which command.

use crate::app::bench::Bench;
use crate::app::command::Command;
use crate::app::effect::Scroll;
use crate::app::{App, Effect};
use crate::session::Verdict;
use crate::session::runs::Wish;

impl App {
    pub(super) fn act(&mut self, command: Command) -> Vec<Effect> {
        match command {
            Command::Up => self.go_up(-1),
            Command::Down => self.go_up(1),
            Command::PageUp => self.go_page(-1),
            Command::PageDown => self.go_page(1),
            Command::Top => self.go_end(false),
            Command::Bottom => self.go_end(true),
            Command::Open if self.batch().is_some() => self.open_of_batch(),
            Command::Open => self.open_selected(),
            Command::StepBack => self.travel_or(|bench| bench.step(-1), "this is the first moment"),
            Command::StepForward => self.travel_or(|bench| bench.step(1), "this is the last moment"),
            Command::FirstStep => self.travel(|bench| bench.visit(0)),
            Command::LastStep => self.travel(Bench::go_to_end),
            Command::NextMark => self.go_to_mark(true),
            Command::PreviousMark => self.go_to_mark(false),
            Command::NextGain => self.go_to_change(true),
            Command::NextLoss => self.go_to_change(false),
            Command::Play => self.play(),
            Command::Faster => self.change_speed(1),
            Command::Slower => self.change_speed(-1),
            Command::Run => self.run_search(),
            Command::RunWith => self.open_form(),
            Command::Anew => self.search_anew(),
            Command::GoOn => self.go_on_from_here(),
            Command::Fork => self.ask_branch_name(),
            Command::Branches => self.list_branches(false),
            Command::CandidateDown => self.step_candidate(1),
            Command::CandidateUp => self.step_candidate(-1),
            Command::Take => self.take(),
            Command::Refuse => self.refuse(),
            Command::Edit => self.edit(false),
            Command::EditOutside => self.edit(true),
            Command::Again => self.ask_instruction(),
            Command::More => self.propose(None),
            Command::Split => self.split(),
            Command::Merge => self.order(Bench::merge),
            Command::MoveUp => self.order(|bench| bench.move_segment(true)),
            Command::MoveDown => self.order(|bench| bench.move_segment(false)),
            Command::Insert => self.insert(),
            Command::Delete => self.order(Bench::delete),
            Command::Keep => self.judge(Verdict::Keep),
            Command::Drop => self.judge(Verdict::Drop),
            Command::Later => self.judge(Verdict::Later),
            Command::Flag => self.flag(),
            Command::Rate1 => self.rate(1),
            Command::Rate2 => self.rate(2),
            Command::Rate3 => self.rate(3),
            Command::Rate4 => self.rate(4),
            Command::Rate5 => self.rate(5),
            Command::Unrate => self.rate(0),
            Command::Tag => self.ask_tag(),
            Command::Note => self.write_note(),
            Command::Rename => self.ask_name(),
            Command::Mark => self.mark(),
            Command::Undo => self.undo(),
            Command::Redo => self.redo(),
            Command::Decisions => self.list_decisions(),
            Command::NextExample => self.open_beside(1),
            Command::PreviousExample => self.open_beside(-1),
            Command::NextPane => self.on_bench(|bench| bench.focus = bench.focus.turned(true)),
            Command::PreviousPane => self.on_bench(|bench| bench.focus = bench.focus.turned(false)),
            Command::Zoom => self.on_bench(|bench| bench.zoom = !bench.zoom),
            Command::Fold => self.on_bench(|bench| bench.unfolded = !bench.unfolded),
            Command::Tint => self.turn_tint(true),
            Command::TintBack => self.turn_tint(false),
            Command::Leaks => self.turn_leaks(),
            Command::Compare => self.hold(),
            Command::Measure => self.turn_measure(),
            Command::Measures => self.list_measures(),
            Command::LogScale => self.turn_scale(),
            Command::Legend => self.list_signs(),
            Command::Find => self.ask_find(),
            Command::FindNext => self.find_further(true),
            Command::FindPrevious => self.find_further(false),
            Command::Copy => self.copy(),
            Command::New => self.write_new(),
            Command::Visit => self.ask_path(),
            Command::NextQueue => self.turn_queue(true),
            Command::PreviousQueue => self.turn_queue(false),
            Command::Sort => self.turn_sort(),
            Command::SortBack => self.turn_order(),
            Command::Remove => self.ask_to_remove(),
            Command::Refresh => vec![Effect::List],
            Command::Skipped => self.list_skipped(),
            Command::Batch => self.open_batch(),
            Command::Export => self.open_export(),
            Command::SearchAll => self.search_all(),
            Command::NextList => self.on_batch(|batch| batch.turn_tab(true)),
            Command::PreviousList => self.on_batch(|batch| batch.turn_tab(false)),
            Command::NextRun => self.step_run(1),
            Command::PreviousRun => self.step_run(-1),
            Command::PauseRun => self.ask_run(|batch| Some(batch.pause())),
            Command::Drain => self.ask_run(|_| Some(Wish::Drain)),
            Command::StopRun => self.ask_to_stop(),
            Command::Requeue => self.requeue(),
            Command::RequeueFailed => self.ask_run(|_| Some(Wish::RequeueFailed)),
            Command::MoreAtOnce => self.ask_run(|batch| batch.at_once(true)),
            Command::FewerAtOnce => self.ask_run(|batch| batch.at_once(false)),
            Command::Theme => self.list_themes(),
            Command::Mouse => self.turn_mouse(),
            Command::Tour => self.restart_tour(),
            Command::Keys => vec![Effect::EditKeys(None)],
            Command::Palette => self.list_commands(),
            Command::Help => self.list_keys(),
            Command::Messages => self.list_messages(),
            Command::Repeat => self.do_again(),
            Command::Redraw => vec![Effect::Redraw],
            Command::Close => self.close(),
            Command::Dismiss => self.dismiss(),
            Command::Quit => self.quit(),
            Command::Suspend => vec![Effect::Suspend],
            Command::Choose => self.choose(),
            Command::ListUp => self.step_list(-1),
            Command::ListDown => self.step_list(1),
            Command::ListPageUp => self.step_list(-(self.page as isize)),
            Command::ListPageDown => self.step_list(self.page as isize),
            Command::ListTop => self.step_list(isize::MIN / 2),
            Command::ListBottom => self.step_list(isize::MAX / 2),
            Command::ListClose => self.close_overlay(),
            Command::Accept => self.accept_line(),
            Command::Complete => self.complete_line(),
            Command::NextValue => self.turn_value(true),
            Command::PreviousValue => self.turn_value(false),
            Command::ChangeValue => self.type_value(),
            Command::BackEnds => self.ask_back_ends(),
            Command::Start => self.start_from_form(),
            Command::ExportFolder => self.ask_folder(),
            Command::ExportQueue => self.turn_export_queue(),
            Command::ExportNext => self.preview_beside(1),
            Command::ExportPrevious => self.preview_beside(-1),
            Command::ExportScrollDown => self.scroll_preview(4),
            Command::ExportScrollUp => self.scroll_preview(-4),
            Command::Save => vec![Effect::FinishText],
            Command::Cancel => vec![Effect::CancelText],
            Command::Outside => vec![Effect::WriteOutside],
        }
    }

    /// Does the last command again, with what was typed for it.
    fn do_again(&mut self) -> Vec<Effect> {
        match (self.last_command, self.last_wish.clone()) {
            (Some(Command::Tag), _) if !self.last_tags.is_empty() => self.tag(),
            (Some(Command::Again), Some(wish)) => self.propose(Some(wish)),
            (Some(command), _) => self.act(command),
            (None, _) => Vec::new(),
        }
    }

    /// Changes something on the bench.
    pub(super) fn on_bench(&mut self, change: impl FnOnce(&mut Bench)) -> Vec<Effect> {
        if let Some(bench) = self.bench_mut() {
            change(bench);
        }
        self.measure()
    }

    /// Selects something on the bench: from then on the search no longer moves what is selected.
    pub(super) fn touch(&mut self, change: impl FnOnce(&mut Bench)) -> Vec<Effect> {
        self.on_bench(|bench| {
            (bench.follow, bench.steady) = (false, true);
            change(bench);
        })
    }

    fn step_candidate(&mut self, by: isize) -> Vec<Effect> {
        let mut moved = false;
        let mut effects = self.touch(|bench| moved = bench.step_candidate(by));
        if !moved {
            let none = self.bench().is_none_or(|bench| bench.candidates().is_empty());
            effects.extend(self.tell(match (none, by > 0) {
                (true, _) => "this segment has no candidates here",
                (false, true) => "this is the last candidate",
                (false, false) => "this is the first candidate",
            }));
        }
        effects
    }

    /// Moves along the timeline; a session that plays is paused.
    pub(super) fn travel(&mut self, change: impl FnOnce(&mut Bench)) -> Vec<Effect> {
        self.on_bench(|bench| {
            bench.play = None;
            change(bench);
        })
    }

    fn travel_or(&mut self, change: impl FnOnce(&mut Bench) -> bool, otherwise: &str) -> Vec<Effect> {
        let mut moved = false;
        let mut effects = self.travel(|bench| moved = change(bench));
        if !moved {
            effects.extend(self.tell(otherwise));
        }
        effects
    }

    /// Goes to what is marked or made by hand, and says what the mark is called.
    fn go_to_mark(&mut self, forward: bool) -> Vec<Effect> {
        let none =
            if forward { "no mark or hand-made moment follows" } else { "no mark or hand-made moment stands before" };
        let before = self.bench().map(Bench::cursor);
        let mut effects = self.travel_or(|bench| bench.go_to_mark(forward), none);
        let marked = self.bench().filter(|bench| Some(bench.cursor()) != before).and_then(|bench| {
            let name = bench.state.annotations.marks().get(&bench.node()?).copied()??;
            Some(format!("marked: {name}"))
        });
        effects.extend(marked.map(|said| self.tell(said)).unwrap_or_default());
        effects
    }

    pub(super) fn scroll(&self, by: Scroll) -> Vec<Effect> {
        self.bench().map(|bench| Effect::Scroll(bench.focus, by)).into_iter().collect()
    }
}
