//! The frame around x and z in which y is scored, and around messages for generation.
//!
//! Says which bytes are markup and which are the example's; turning them into tokens is the back end's.

use std::sync::Arc;

use super::prompts::{Kind, Prompts};
use super::template::{ChatTemplate, SpecialTokens};
use super::{FramePiece, LmError, Message};
use crate::reer::{Example, Language};

/// What stands around x and between z and y.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Framing {
    /// x alone; y follows the think block.
    #[default]
    Plain,
    /// The official code's: x inside a guide on how to think; y follows `<answer>`.
    Guide,
}

/// Renders prompts for one model.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Absent: the plain frame of the prompts.
    template: Option<Arc<ChatTemplate>>,
    framing: Framing,
    prompts: Arc<Prompts>,
}

impl Frame {
    /// The frame of models without a chat template, with the bundled texts.
    pub fn plain() -> Frame {
        Frame { template: None, framing: Framing::Plain, prompts: Arc::new(Prompts::default()) }
    }

    /// The frame of a model with a chat template.
    ///
    /// # Errors
    /// [`LmError::Unsupported`] with the place and cause when the template does not compile.
    pub fn template(source: &str, tokens: SpecialTokens) -> Result<Frame, LmError> {
        Ok(Frame::chat(ChatTemplate::new(source, tokens)?))
    }

    /// The frame of a chat template that is at hand.
    pub fn chat(template: ChatTemplate) -> Frame {
        Frame { template: Some(Arc::new(template)), ..Frame::plain() }
    }

    /// This frame with a framing.
    #[must_use]
    pub fn framed(self, framing: Framing) -> Frame {
        Frame { framing, ..self }
    }

    /// This frame with the user's prompts.
    #[must_use]
    pub fn with_prompts(self, prompts: Arc<Prompts>) -> Frame {
        Frame { prompts, ..self }
    }

    /// `template`, `plain` or `guide`, as records name it.
    pub fn name(&self) -> &'static str {
        match (self.framing, &self.template) {
            (Framing::Guide, _) => "guide",
            (Framing::Plain, Some(_)) => "template",
            (Framing::Plain, None) => "plain",
        }
    }

    /// Everything before y: prompt(x), then the think block with `z`, which may be empty.
    ///
    /// # Errors
    /// [`LmError::Unsupported`] when the chat template refuses a single user turn.
    pub fn context(&self, example: &Example, z: &str) -> Result<Vec<FramePiece>, LmError> {
        let content = match self.framing {
            Framing::Plain => example.query.clone(),
            Framing::Guide => self.prompts.fill(example.language, Kind::Guide, &[("query", Some(&example.query))]),
        };
        let mut pieces = self.turn(&[Message { role: "user", content }], example.language)?;
        pieces.push(FramePiece::Markup("<think>".to_owned()));
        pieces.push(FramePiece::Text(format!("\n{z}\n")));
        pieces.push(FramePiece::Markup("</think>".to_owned()));
        match self.framing {
            Framing::Plain => pieces.push(FramePiece::Text("\n\n".to_owned())),
            Framing::Guide => pieces.extend([
                FramePiece::Text("\n".to_owned()),
                FramePiece::Markup("<answer>".to_owned()),
                FramePiece::Text("\n".to_owned()),
            ]),
        }
        Ok(pieces)
    }

    /// A conversation up to the assistant's turn, for generation; a think block that the template opens is taken off.
    ///
    /// # Errors
    /// As [`Frame::context`].
    pub fn render(&self, messages: &[Message]) -> Result<Vec<FramePiece>, LmError> {
        let language = messages.last().map_or(Language::En, |last| Language::of(&last.content));
        self.turn(messages, language)
    }

    fn turn(&self, messages: &[Message], language: Language) -> Result<Vec<FramePiece>, LmError> {
        if let Some(template) = &self.template {
            return template.render(messages);
        }
        let contents: Vec<&str> = messages.iter().map(|message| message.content.as_str()).collect();
        let head = self.prompts.fill(language, Kind::Frame, &[("query", Some(&contents.join("\n\n")))]);
        // One piece of text: cut at x, the words around it would become other tokens than those trained on.
        Ok(vec![FramePiece::Text(head + "\n")])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example(query: &str, language: Language) -> Example {
        Example {
            id: "a".to_owned(),
            query: query.to_owned(),
            reference: "y".to_owned(),
            language,
            category: None,
            meta: serde_json::Map::new(),
        }
    }

    fn text(text: &str) -> FramePiece {
        FramePiece::Text(text.to_owned())
    }

    fn markup(text: &str) -> FramePiece {
        FramePiece::Markup(text.to_owned())
    }

    #[test]
    fn the_plain_frame_is_the_one_trained_on() {
        let english = Frame::plain().context(&example("Say <think> {query}.", Language::En), "a\n\nb").unwrap();
        assert_eq!(
            english,
            [
                text("Query:\nSay <think> {query}.\n\nResponse:\n"),
                markup("<think>"),
                text("\na\n\nb\n"),
                markup("</think>"),
                text("\n\n"),
            ]
        );
        let chinese = Frame::plain().context(&example("写灯。", Language::Zh), "").unwrap();
        assert_eq!(chinese[0], text("要求：\n写灯。\n\n正文：\n"));
        assert_eq!(chinese[2], text("\n\n"), "an empty think block");
    }

    #[test]
    fn the_guide_holds_x_and_y_follows_the_answer_tag() {
        let frame = Frame::plain().framed(Framing::Guide);
        let pieces = frame.context(&example("Write about a lamp.", Language::En), "z").unwrap();
        let FramePiece::Text(head) = &pieces[0] else { panic!("{pieces:?}") };
        assert!(
            head.starts_with("Query:\nYou write for a living")
                && head.contains("\n\nWrite about a lamp.\n\nResponse:\n")
        );
        assert_eq!(pieces[2..], [text("\nz\n"), markup("</think>"), text("\n"), markup("<answer>"), text("\n")]);
        assert_eq!(frame.name(), "guide");
    }

    #[test]
    fn a_template_surrounds_x() {
        let source = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]<think>\n";
        let frame = Frame::template(source, SpecialTokens::default()).unwrap();
        let pieces = frame.context(&example("[user]", Language::En), "z").unwrap();
        assert_eq!(pieces[..4], [markup("[user]"), text("[user]"), markup("[assistant]"), markup("<think>")]);
        assert_eq!(frame.name(), "template");
    }

    #[test]
    fn a_conversation_without_a_template_is_framed_whole() {
        let message = |role, content: &str| Message { role, content: content.to_owned() };
        let pieces = Frame::plain().render(&[message("system", "Be brief."), message("user", "写灯。")]).unwrap();
        assert_eq!(pieces, [text("要求：\nBe brief.\n\n写灯。\n\n正文：\n")]);
    }
}
