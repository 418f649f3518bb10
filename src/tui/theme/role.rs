//! What a style means, and never how it looks.

/// Defines the roles and their names in theme files.
macro_rules! roles {
    ($($(#[$doc:meta])* $role:ident = $name:literal;)*) => {
        /// A meaning that has a style in every theme.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Role { $($(#[$doc])* $role),* }

        impl Role {
            pub const ALL: &[Role] = &[$(Role::$role),*];

            /// Its name in a theme file.
            pub fn name(self) -> &'static str {
                match self { $(Role::$role => $name),* }
            }
        }
    };
}

roles! {
    /// Texts, and whatever is not said to be something else.
    Text = "text";
    /// What is secondary.
    Dim = "dim";
    /// Focus and cursor; one colour.
    Accent = "accent";
    Border = "border";
    BorderFocused = "border-focused";
    Title = "title";
    TitleFocused = "title-focused";
    /// The selected row of a list, the selected segment.
    Selection = "selection";
    /// A lower perplexity, always with a minus or a shape.
    Better = "better";
    /// A higher perplexity, always with a plus or a shape.
    Worse = "worse";
    Warning = "warning";
    Error = "error";
    /// A key in a hint.
    Key = "key";
    /// The name of something in a field or table.
    Label = "label";
    /// The status line.
    Status = "status";
    /// An overlay's ground.
    Overlay = "overlay";
    /// Something is running.
    Running = "running";
    Keep = "keep";
    Drop = "drop";
    Later = "later";
    /// Tint of tokens that became cheaper; 3 is the strongest.
    Cheaper1 = "cheaper-1";
    Cheaper2 = "cheaper-2";
    Cheaper3 = "cheaper-3";
    /// Tint of tokens that became dearer.
    Dearer1 = "dearer-1";
    Dearer2 = "dearer-2";
    Dearer3 = "dearer-3";
    /// Tint of surprising tokens.
    Surprise1 = "surprise-1";
    Surprise2 = "surprise-2";
    Surprise3 = "surprise-3";
    /// A run that the trajectory copied from the reference.
    Leak = "leak";
    Find = "find";
    FindCurrent = "find-current";
    Added = "added";
    Removed = "removed";
    /// The line of the versions that led to the cursor.
    Line = "line";
    /// Versions off that line.
    Branch = "branch";
    BestLine = "best-line";
    Baseline = "baseline";
    Threshold = "threshold";
    Candidate = "candidate";
    Refused = "refused";
    Edited = "edited";
    Marked = "marked";
    /// The cursor's column in the chart.
    Cursor = "cursor";
    Comment = "comment";
    Keyword = "keyword";
    Literal = "literal";
    Number = "number";
    Function = "function";
    Heading = "heading";
    Emphasis = "emphasis";
    Strong = "strong";
    Link = "link";
    /// The selected segment's text: told from the others, and quiet enough for many lines.
    Current = "current";
}
