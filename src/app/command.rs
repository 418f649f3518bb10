//! The registry: every command with its name, its one line of documentation, where it works and its default keys.
//!
//! Keymap, hints, palette, help and the README's table are made from it. What a command does is in `update`.

/// Where a command works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Context {
    /// On every screen and over lists, never in a text field.
    Anywhere,
    Library,
    /// The runs over many pairs.
    Batch,
    Bench,
    /// On a screen while a search inside a pane has matches.
    Finding,
    /// In a list that lies over the screen: palette, help, pickers.
    List,
    /// In a form.
    Form,
    /// In the export's preview.
    Export,
    /// While a line is typed.
    Field,
    /// While a text is written.
    Editor,
}

impl Context {
    pub const ALL: [Context; 10] = [
        Context::Anywhere,
        Context::Library,
        Context::Batch,
        Context::Bench,
        Context::Finding,
        Context::List,
        Context::Form,
        Context::Export,
        Context::Field,
        Context::Editor,
    ];

    /// Its table in the file of keys, and its heading in the help.
    pub fn name(self) -> &'static str {
        match self {
            Context::Anywhere => "anywhere",
            Context::Library => "library",
            Context::Batch => "batch",
            Context::Bench => "bench",
            Context::Finding => "finding",
            Context::List => "list",
            Context::Form => "form",
            Context::Export => "export",
            Context::Field => "field",
            Context::Editor => "editor",
        }
    }
}

/// What the registry says of a command.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    pub command: Command,
    pub name: &'static str,
    pub doc: &'static str,
    pub contexts: &'static [Context],
    /// Key sequences, keys separated by spaces.
    pub keys: &'static [&'static str],
}

/// Defines the commands and their table.
macro_rules! commands {
    ($($command:ident $name:literal [$($context:ident)*] [$($key:literal)*] $doc:literal;)*) => {
        /// Something a person can do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Command { $(#[doc = $doc] $command),* }

        /// Every command, in the order of the help.
        pub const REGISTRY: &[Entry] = &[$(Entry {
            command: Command::$command,
            name: $name,
            doc: $doc,
            contexts: &[$(Context::$context),*],
            keys: &[$($key),*],
        }),*];
    };
}

commands! {
    Up "up" [Anywhere Form] ["up" "k"] "The segment or row above; scrolls a pane of text";
    Down "down" [Anywhere Form] ["down" "j"] "The segment or row below; scrolls a pane of text";
    PageUp "page-up" [Anywhere] ["pageup" "ctrl-u"] "A page up";
    PageDown "page-down" [Anywhere] ["pagedown" "ctrl-d"] "A page down";
    Top "top" [Anywhere] ["home"] "The first row, or the beginning of the pane";
    Bottom "bottom" [Anywhere] ["end"] "The last row, or the end of the pane";
    Open "open" [Library Batch] ["enter" "l" "right"] "Open the session, or begin one from the row";

    StepBack "step-back" [Bench] ["left" "h"] "The moment before";
    StepForward "step-forward" [Bench] ["right" "l"] "The moment after";
    FirstStep "first-step" [Bench] ["0"] "The first draft";
    LastStep "last-step" [Bench] ["$"] "The last moment; follow the search from there";
    NextMark "next-mark" [Bench] ["'"] "The next marked or hand-made moment";
    PreviousMark "previous-mark" [Bench] ["\""] "The marked or hand-made moment before";
    NextGain "next-gain" [Bench] [">"] "The biggest gain; again, the next smaller one";
    NextLoss "next-loss" [Bench] ["<"] "The biggest loss; again, the next smaller one";
    Play "play" [Bench] ["space"] "Play from here, or pause; a search that runs stops, and goes on with the same key";
    Faster "faster" [Bench] ["+" "="] "Play faster";
    Slower "slower" [Bench] ["minus"] "Play slower";

    Run "run" [Bench] ["r"] "Start the search, or go on with it";
    RunWith "run-with" [Bench] ["S"] "Choose the settings of the search, then start it";
    Anew "search-anew" [Bench] [", n"] "A fresh session of this pair beside this one, to be searched with other settings";
    GoOn "go-on" [Bench] ["A"] "Let the search decide from this version on";
    Fork "fork" [Bench] ["F"] "Make this version the current one, as a named branch";
    Branches "branches" [Bench] ["b"] "Switch to another branch: its last version becomes the current one";

    CandidateDown "candidate-down" [Bench] ["J" "shift-down"] "The next candidate of the segment";
    CandidateUp "candidate-up" [Bench] ["K" "shift-up"] "The candidate before";
    Take "take" [Bench] ["y"] "Take the candidate, against the search if need be";
    Refuse "refuse" [Bench] ["n"] "Refuse the candidate; if it was taken, go back to the text before";
    Edit "edit" [Bench] ["e"] "Edit the segment or the selected candidate here; without a draft, write one";
    EditOutside "edit-outside" [Bench] ["E"] "Edit the segment or the selected candidate in $EDITOR";
    Again "again" [Bench] ["g"] "Ask for new candidates with an instruction";
    More "more" [Bench] ["G"] "Ask for more candidates";
    Split "split" [Bench] ["v s"] "Split the segment where an empty line is left in the editor";
    Merge "merge" [Bench] ["v m"] "Merge the segment with the next";
    MoveUp "move-up" [Bench] ["v k" "v up"] "Move the segment up";
    MoveDown "move-down" [Bench] ["v j" "v down"] "Move the segment down";
    Insert "insert" [Bench] ["v i" "v o"] "Write a new segment after this one";
    Delete "delete" [Bench] ["v d"] "Delete the segment";

    Keep "keep" [Bench Library] ["a"] "Keep the example, and go to the next undecided";
    Drop "drop" [Bench Library] ["x"] "Drop the example, and go to the next undecided";
    Later "later" [Bench Library] ["s"] "Put the example off, and go to the next undecided";
    Flag "flag" [Bench Library] ["f"] "Flag it to look at again, and go to the next undecided; or lower the flag";
    Rate1 "rate-1" [Bench] ["* 1"] "Rate it 1 of 5";
    Rate2 "rate-2" [Bench] ["* 2"] "Rate it 2 of 5";
    Rate3 "rate-3" [Bench] ["* 3"] "Rate it 3 of 5";
    Rate4 "rate-4" [Bench] ["* 4"] "Rate it 4 of 5";
    Rate5 "rate-5" [Bench] ["* 5"] "Rate it 5 of 5";
    Unrate "unrate" [Bench] ["* 0"] "Take the rating away";
    Tag "tag" [Bench] ["#"] "Add a tag, or take one away";
    Note "note" [Bench] ["w"] "Write a note on the example";
    Rename "rename" [Bench Library] ["W" "f2"] "Give the session a name of your own; empty, it has its first one again";
    Mark "mark" [Bench] ["m"] "Mark this version, or take the mark away";
    Undo "undo" [Bench Library] ["u"] "Undo what a person did last";
    Redo "redo" [Bench Library] ["U"] "Bring back what was undone last";
    Decisions "decisions" [Bench Library] ["R"] "The last ten decisions; enter opens one";
    NextExample "next-example" [Bench] ["]"] "The next session of the library";
    PreviousExample "previous-example" [Bench] ["["] "The session before";

    NextPane "next-pane" [Bench] ["tab"] "The next pane";
    PreviousPane "previous-pane" [Bench] ["shift-tab"] "The pane before";
    Zoom "zoom" [Bench] ["z"] "The pane alone, or all of them again";
    Fold "fold" [Bench] ["enter"] "Fold or unfold all segments";
    Tint "tint" [Bench] ["t"] "Tint the reference by the next measure";
    TintBack "tint-back" [Bench] ["ctrl-t"] "Tint the reference by the measure before";
    Leaks "leaks" [Bench] ["L"] "Mark what the trajectory copies from the reference";
    Compare "compare" [Bench] ["c"] "Hold this version and compare others with it, side by side";
    Measure "measure" [Bench] [", m"] "The chart's measure: perplexity, nll, bits per character, clipped";
    Measures "measures" [Bench] ["i"] "Every measure of this version, and what it means";
    LogScale "log-scale" [Bench] [", l"] "The chart's scale, linear or logarithmic";
    Legend "legend" [Bench] [", g"] "What signs and tints mean";
    Find "find" [Bench Library] ["/"] "Search inside the pane; in the library, filter";
    FindNext "find-next" [Finding] ["n"] "The next match";
    FindPrevious "find-previous" [Finding] ["N"] "The match before";
    Copy "copy" [Bench] ["Y"] "Copy the raw text of the pane or segment";

    New "new" [Library Bench] ["N"] "A new session from text you paste or write";
    Visit "visit" [Library] ["p"] "Go to another folder of sessions, a session, or a file of pairs";
    NextQueue "next-queue" [Library] ["tab"] "The next queue: all, undecided, kept, dropped, later";
    PreviousQueue "previous-queue" [Library] ["shift-tab"] "The queue before";
    Sort "sort" [Library] ["o"] "Sort by the next column";
    SortBack "sort-back" [Library] ["O"] "Turn the order round";
    Remove "remove" [Library] ["d"] "Move the session to the library's trash, after a question";
    Refresh "refresh" [Library] ["ctrl-r"] "Look at the folder again";
    Skipped "skipped" [Library] [", s"] "What could not be read of the folder or the file of pairs, and why";
    Batch "batch" [Library Bench] ["B"] "The runs over many pairs: how far they are, what failed, pausing and stopping";
    Export "export" [Bench Library] ["X"] "Export kept examples as training rows, with a preview";

    SearchAll "search-all" [Batch] ["A"] "Search every pair of the file that is listed, in this process";
    NextList "next-list" [Batch] ["tab"] "The next list: in work, failed, slowest, faults, servers, requests";
    PreviousList "previous-list" [Batch] ["shift-tab"] "The list before";
    NextRun "next-run" [Batch] ["]"] "The run before this one in time";
    PreviousRun "previous-run" [Batch] ["["] "The run after this one in time";
    PauseRun "pause-run" [Batch] ["space"] "Pause the run, or let it go on";
    Drain "drain" [Batch] ["d"] "Finish the examples in work, begin no more, end the run";
    StopRun "stop-run" [Batch] ["S"] "Stop the run in order; the same command goes on with it";
    Requeue "requeue" [Batch] ["r"] "Search the failed example again";
    RequeueFailed "requeue-failed" [Batch] ["R"] "Search every failed example of the run again";
    MoreAtOnce "more-at-once" [Batch] ["+" "="] "Twice as many examples at once";
    FewerAtOnce "fewer-at-once" [Batch] ["minus"] "Half as many examples at once";

    Theme "theme" [Anywhere] [", t"] "Choose a theme";
    Mouse "mouse" [Anywhere] [", p"] "Use the mouse, or leave it to the terminal";
    Tour "tour" [Anywhere] [", o"] "The tour in five steps, from its beginning";
    Keys "keys" [Anywhere] [", k"] "Edit the file of keys";
    Palette "palette" [Anywhere] [":" "ctrl-p"] "Find a command and carry it out; 7 goes to step 7, v20 to version 20";
    Help "help" [Anywhere Form Export] ["?" "f1"] "Every key that works here";
    Messages "messages" [Anywhere] [", h"] "What was told last at the foot of the screen, the newest first";
    Repeat "repeat" [Bench] ["."] "Do the last command again";
    Redraw "redraw" [Anywhere] ["ctrl-l"] "Draw the screen anew";
    Close "close" [Anywhere Export Form] ["q"] "Close what is on top; from the last screen, quit";
    Dismiss "dismiss" [Anywhere Export Form] ["esc"] "Close an overlay; end a search in a pane, a comparison, a zoom, a filter, a selection";
    Quit "quit" [Anywhere Field Editor List Form Export] ["ctrl-c"] "Quit; everything is saved";
    Suspend "suspend" [Anywhere] ["ctrl-z"] "Stop the program until the shell brings it back";

    Choose "choose" [List Export] ["enter"] "Do what is selected";
    ListUp "list-up" [List] ["up" "ctrl-k"] "The row above";
    ListDown "list-down" [List] ["down" "ctrl-j" "tab"] "The row below";
    ListPageUp "list-page-up" [List] ["pageup"] "A page up";
    ListPageDown "list-page-down" [List] ["pagedown"] "A page down";
    ListTop "list-top" [List] ["home"] "The first row";
    ListBottom "list-bottom" [List] ["end"] "The last row";
    ListClose "list-close" [List Field] ["esc"] "Close it";
    Accept "accept" [Field] ["enter"] "Done";
    Complete "complete" [Field] ["tab"] "Complete the tag with one of the library's; again, with the next";
    NextValue "next-value" [Form Export] ["right" "l" "space"] "The next value";
    PreviousValue "previous-value" [Form Export] ["left" "h"] "The value before";
    ChangeValue "change-value" [Form] ["e"] "Type a value";
    BackEnds "back-ends" [Form] ["b"] "Choose the generator or the scorer among those that are known";
    Start "start" [Form] ["enter"] "Start";
    ExportFolder "export-folder" [Export] ["e"] "Type the folder to write to";
    ExportQueue "export-queue" [Export] ["tab"] "Export what is kept, what is kept and not flagged, or all";
    ExportNext "export-next" [Export] ["]"] "The next row of the preview";
    ExportPrevious "export-previous" [Export] ["["] "The row before";
    ExportScrollDown "export-down" [Export] ["j" "down" "pagedown"] "Scroll the preview down";
    ExportScrollUp "export-up" [Export] ["k" "up" "pageup"] "Scroll the preview up";
    Save "save" [Editor] ["ctrl-s"] "Save the text";
    Cancel "cancel" [Editor] ["esc"] "Leave the text as it was; asks when it was changed";
    Outside "outside" [Editor] ["ctrl-o"] "Go on in $EDITOR";
}

impl Command {
    /// What the registry says of it.
    pub fn entry(self) -> &'static Entry {
        // The table is in the order of the enum, which a test holds.
        &REGISTRY[self as usize]
    }

    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// Other words by which people look for it, beside its name and its line of documentation.
    pub fn also(self) -> &'static str {
        match self {
            Command::Measure => "ppl score bpc official",
            Command::Measures => "ppl nll score gain anchoring leak copied 8-grams bits/char clipped baseline tokens",
            Command::Tint => "words tokens logprobs surprisal delta colours",
            Command::Leaks => "copied leaks underline",
            Command::Compare => "diff held",
            Command::Legend => "symbols colours",
            Command::Theme => "colours dark light",
            Command::Run => "continue resume",
            Command::Play => "resume stop",
            Command::RunWith => "config candidates steps threshold generator scorer form",
            Command::Anew => "again restart fork settings",
            Command::Decisions => "history verdicts",
            Command::Export => "jsonl dataset",
            Command::Find => "grep",
            Command::Messages => "log history errors notices",
            Command::Skipped => "strangers lines faults",
            Command::Remove => "delete",
            Command::Quit => "exit",
            _ => "",
        }
    }

    /// The command of this name.
    pub fn named(name: &str) -> Option<Command> {
        REGISTRY.iter().find(|entry| entry.name == name).map(|entry| entry.command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_table_is_in_order_and_names_are_distinct() {
        for (at, entry) in REGISTRY.iter().enumerate() {
            assert_eq!(entry.command as usize, at);
            assert_eq!(Command::named(entry.name), Some(entry.command));
            assert!(!entry.doc.is_empty() && !entry.doc.ends_with('.') && entry.doc.len() < 90, "{}", entry.doc);
            assert!(!entry.contexts.is_empty());
        }
        assert_eq!(REGISTRY.iter().map(|e| e.name).collect::<BTreeSet<_>>().len(), REGISTRY.len());
    }
}
