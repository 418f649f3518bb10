//! What lies over a screen: lists to choose from, a line to type, a text to write, forms.

mod export;
mod form;
mod picker;
mod prompt;

pub use export::{ExportView, Taken};
pub use form::{BackEndNames, Cost, Form, Knob};
pub use picker::{Act, Findable, Item, Picker, Picking, rank};
pub use prompt::{Prompt, Wanting};

use super::bench::{Bench, Writing};
use super::command::Context;
use super::effect::DeskId;

/// One overlay. The last of the stack has the keys.
#[derive(Debug, Clone)]
pub enum Overlay {
    List(Picker),
    Field(Prompt),
    /// A text is written, for this desk or for a new session.
    Writing(Text),
    Form(Box<Form>),
    Export(Box<ExportView>),
}

/// What is being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Text {
    /// Something of a session that is open.
    Of(DeskId, Writing),
    /// The query of a new session, and its reference as far as it was pasted or written already.
    Query { reference: String },
    /// The reference of a new session with this query.
    Reference { query: String },
}

impl Overlay {
    /// Where its keys are looked up.
    pub fn context(&self) -> Context {
        match self {
            Overlay::List(_) => Context::List,
            Overlay::Field(_) => Context::Field,
            Overlay::Writing(_) => Context::Editor,
            Overlay::Form(_) => Context::Form,
            Overlay::Export(_) => Context::Export,
        }
    }
}

impl Text {
    /// What the editor's title says; `bench` is the session on the screen.
    pub fn title(&self, bench: Option<&Bench>) -> String {
        let number = |node, segment| Some(bench?.search()?.tree().trajectory(node)?.position(segment)? + 1);
        let numbered =
            |node, segment| number(node, segment).map_or("the segment".to_owned(), |n| format!("segment {n}"));
        match self {
            Text::Of(_, Writing::Segment { node, segment }) => format!("Edit {}", numbered(*node, *segment)),
            Text::Of(_, Writing::Candidate { node, segment, .. }) => {
                format!("Edit the candidate for {}", numbered(*node, *segment))
            }
            Text::Of(_, Writing::Split { node, segment }) => {
                format!("Split {} at blank lines", numbered(*node, *segment))
            }
            Text::Of(_, Writing::Insert { node, after }) => format!("A new segment after {}", numbered(*node, *after)),
            Text::Of(_, Writing::Draft) => "Your own draft: paragraphs become segments".to_owned(),
            Text::Of(_, Writing::Note) => "A note on the example".to_owned(),
            Text::Query { .. } => "New session, 1 of 2: the query".to_owned(),
            Text::Reference { .. } => "New session, 2 of 2: the reference, the good text itself".to_owned(),
        }
    }
}
