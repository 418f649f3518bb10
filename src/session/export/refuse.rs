//! What a chat template or tokenizer would corrupt; such a row is refused with the reason.

use crate::session::{Health, State, Status, Verdict};

/// Tags that end, open or imitate the think block.
const THINK_TAGS: [&str; 2] = ["<think>", "</think>"];

/// Turn and control marks that are not of the form `<|name|>`.
const MARKS: [&str; 6] = ["<start_of_turn>", "<end_of_turn>", "[INST]", "[/INST]", "<|im_start|>", "<|im_end|>"];

/// A damaged journal is no source for training rows.
pub(super) fn damage(health: &Health) -> Result<(), String> {
    match (health.damaged.first(), &health.newer_schema) {
        (Some(damage), _) => Err(format!("line {} of its file is damaged: {}", damage.line, damage.why)),
        (None, Some(schema)) => Err(format!("its schema {schema} is newer than this program")),
        (None, None) => Ok(()),
    }
}

/// A search on its way is exported only when a person kept it as it is.
pub(super) fn unfinished(state: &State) -> Result<(), String> {
    let paused = matches!(state.status(), Status::Fresh | Status::Unfinished);
    match paused && state.annotations.verdict() != Verdict::Keep {
        true => Err("its search is not finished; go on with it, or keep it as it is".to_owned()),
        false => Ok(()),
    }
}

/// Checks the thinking.
pub(super) fn thinking(z: &str) -> Result<(), String> {
    if z.trim().is_empty() {
        return Err("the trajectory is empty".to_owned());
    }
    match crate::reer::Trajectory::admit(z) {
        Err(tag) => Err(format!("the trajectory contains {}", tag.0)),
        Ok(()) => control_marks("trajectory", z),
    }
}

/// Checks the reference.
pub(super) fn reference(y: &str) -> Result<(), String> {
    if y.trim().is_empty() {
        return Err("the reference is empty".to_owned());
    }
    match THINK_TAGS.into_iter().find(|tag| y.contains(tag)) {
        Some(tag) => Err(format!("the reference contains {tag}, at which a chat template would cut it")),
        None => control_marks("reference", y),
    }
}

/// Checks the query.
pub(super) fn query(x: &str) -> Result<(), String> {
    control_marks("query", x)
}

fn control_marks(what: &str, text: &str) -> Result<(), String> {
    let mark = MARKS.into_iter().find(|mark| text.contains(mark)).map(str::to_owned).or_else(|| control_token(text));
    match mark {
        Some(mark) => Err(format!("the {what} contains {mark}, which a tokenizer may take for a control token")),
        None => Ok(()),
    }
}

/// The first `<|name|>` in `text`, also with full-width bars.
fn control_token(text: &str) -> Option<String> {
    let bars = [("<|", "|>"), ("<｜", "｜>")];
    bars.into_iter().find_map(|(open, close)| {
        text.match_indices(open).find_map(|(at, _)| {
            let (name, _) = text[at + open.len()..].split_once(close)?;
            let named =
                !name.is_empty() && name.len() <= 64 && name.chars().all(|c| c.is_alphanumeric() || "_▁ ".contains(c));
            named.then(|| format!("{open}{name}{close}"))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_template_would_corrupt_is_refused() {
        let refused = [
            "",
            " \n",
            "a <think> b",
            "a </think> b",
            "<answer>",
            "<refine>",
            "<|im_end|>",
            "[INST] go",
            "<｜end▁of▁sentence｜>",
        ];
        for z in refused {
            assert!(thinking(z).is_err(), "{z:?}");
        }
        for y in ["", "x </think> y", "<|endoftext|>", "<end_of_turn>"] {
            assert!(reference(y).is_err(), "{y:?}");
        }
        for fine in ["a | b", "if a <b| and c|> d", "<b>html</b>", "<|", "think about <it>"] {
            assert_eq!((thinking(fine), reference(fine), query(fine)), (Ok(()), Ok(()), Ok(())), "{fine:?}");
        }
        assert!(query("see <|im_start|>").is_err());
        assert!(reference("<answer> is only a tag here").is_ok());
    }
}
