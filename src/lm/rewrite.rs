//! Strict parsing of what generators answer: a thinking, or an analysis and a rewrite; else a refusal with its kind.
//!
//! Tolerant only of what carries no meaning: a reasoning model's own thinking before the answer, a code fence
//! around it, an opening tag that the request had prefilled, text after the closing tag.

use crate::reer::Trajectory;
use crate::reer::search::Refusal;

/// An answer, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The thinking or the rewrite, stripped; or why there is none.
    pub text: Result<String, Refusal>,
    /// The generator's own reason, where it gave one.
    pub analysis: Option<String>,
    /// Something of the answer is in neither of the two.
    pub dropped: bool,
}

/// Tags of the answer's form that have no place inside its parts, besides those that z must not contain.
const FORM: [&str; 6] = ["</answer>", "</refine>", "<analyze>", "</analyze>", "<segment>", "</segment>"];

/// Parses a draft: the text of the last think block. `answer` begins with what was prefilled; `finished` is false
/// when the token limit cut it off. The closing tag may be missing from a finished answer, which ends before it.
pub fn draft(answer: &str, finished: bool) -> Parsed {
    let body = unfenced(answer);
    // The template may have opened the block itself.
    let opened = body.find("<think>").is_some_and(|open| body.find("</think>").is_none_or(|close| open < close));
    let inner = match (opened, body.rfind("</think>")) {
        (_, Some(close)) => {
            let head = &body[..close];
            Ok(head.rfind("</think>").map_or(head, |earlier| &head[earlier + "</think>".len()..]))
        }
        (true, None) if finished => Ok(body),
        (true, None) => Err(Refusal::Truncated),
        (false, None) => Err(if finished { Refusal::Missing } else { Refusal::Truncated }),
    };
    // A prefilled tag that the model repeats opens the same block once more.
    let inner = inner.map(|inner| {
        let mut inner = inner.trim();
        while let Some(rest) = inner.strip_prefix("<think>") {
            inner = rest.trim_start();
        }
        inner
    });
    finish(answer, inner, None, &["<think>", "</think>"], None)
}

/// Parses a rewrite: the text of the last `<refine>` block after the model's own thinking, and the analysis before
/// it. `current` is what it would replace; for the rest see [`draft`].
pub fn rewrite(answer: &str, finished: bool, current: &str) -> Parsed {
    let body = unfenced(answer);
    let said = without_thinking(body);
    let missing = if finished { Refusal::Missing } else { Refusal::Truncated };
    let Some(said) = said else { return finish(answer, Err(missing), None, &[], None) };
    let (analysis, rest) = analysis(said);
    let inner = match last_block(rest) {
        Some((inner, true)) => Ok(inner),
        Some((inner, false)) if finished => Ok(inner),
        Some(_) => Err(Refusal::Truncated),
        None => Err(missing),
    };
    finish(answer, inner, analysis, &["<analyze>", "</analyze>", "<refine>", "</refine>"], Some(current))
}

/// What of a growing answer a person wants to see: the rewrite once it has begun, before that what leads to it.
pub fn so_far(answer: &str) -> &str {
    without_thinking(answer).and_then(last_block).map_or(answer, |(rewrite, _)| rewrite)
}

/// What follows the model's own thinking; `None` when that never ends.
fn without_thinking(body: &str) -> Option<&str> {
    let close = body.find("</think>");
    let after = close.map(|close| &body[close + "</think>".len()..]);
    if body.trim_start().starts_with("<think>") {
        return after;
    }
    // Opened by the template: the closing tag comes before the answer. One inside the rewrite is its fault.
    match after {
        Some(after) if after.contains("<refine>") => Some(after),
        _ => Some(body),
    }
}

/// The analysis, and what follows it. An analysis that is not closed ends where the rewrite begins.
fn analysis(said: &str) -> (Option<String>, &str) {
    let Some(open) = said.find("<analyze>") else { return (None, said) };
    let inner = &said[open + "<analyze>".len()..];
    let (text, rest) = match inner.split_once("</analyze>") {
        Some(parts) => parts,
        None => inner.split_at(inner.find("<refine>").unwrap_or(inner.len())),
    };
    (Some(text.trim().to_owned()).filter(|text| !text.is_empty()), rest)
}

/// The last block's text, and whether it is closed.
fn last_block(rest: &str) -> Option<(&str, bool)> {
    let open = match rest.rfind("</refine>") {
        // Two openings before the close: the text of the outer one holds a tag.
        Some(close) => {
            let from = rest[..close].rfind("</refine>").map_or(0, |earlier| earlier + "</refine>".len());
            from + rest[from..close].find("<refine>")?
        }
        None => rest.find("<refine>")?,
    };
    let inner = &rest[open + "<refine>".len()..];
    match inner.split_once("</refine>") {
        Some((inner, _)) => Some((inner, true)),
        None => Some((inner, false)),
    }
}

fn finish(
    answer: &str,
    inner: Result<&str, Refusal>,
    analysis: Option<String>,
    form: &[&str],
    current: Option<&str>,
) -> Parsed {
    let text = inner.and_then(|inner| admit(inner, current));
    let used: usize = [text.as_deref().ok(), analysis.as_deref()].into_iter().flatten().map(solid).sum();
    let tags: usize = form.iter().map(|tag| answer.matches(tag).count() * tag.len()).sum();
    Parsed { dropped: text.is_err() || solid(answer) > used + tags, text, analysis }
}

/// Bytes that are not white space.
fn solid(text: &str) -> usize {
    text.split_whitespace().map(str::len).sum()
}

fn admit(inner: &str, current: Option<&str>) -> Result<String, Refusal> {
    let text = unwrapped(unfenced(inner));
    if text.is_empty() {
        return Err(Refusal::Empty);
    }
    if Trajectory::admit(text).is_err() || FORM.iter().any(|tag| text.contains(tag)) {
        return Err(Refusal::Tag);
    }
    let same = |current: &str| text.split_whitespace().eq(current.split_whitespace());
    if current.is_some_and(same) { Err(Refusal::Same) } else { Ok(text.to_owned()) }
}

/// Without the marks that the request had put around the segment.
fn unwrapped(text: &str) -> &str {
    let inner = text.strip_prefix("<segment>").and_then(|rest| rest.strip_suffix("</segment>"));
    inner.map_or(text, str::trim)
}

/// Without a code fence around the whole text.
fn unfenced(text: &str) -> &str {
    let text = text.trim();
    let inner = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    match inner.and_then(|inner| inner.split_once('\n')) {
        Some((language, inner)) if !language.contains(['<', ' ']) && !inner.contains("```") => inner.trim(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One recorded answer and what must become of it.
    #[derive(serde::Deserialize)]
    struct Case {
        name: String,
        purpose: String,
        answer: String,
        #[serde(default = "yes")]
        finished: bool,
        #[serde(default)]
        current: String,
        text: Option<String>,
        refused: Option<Refusal>,
        analysis: Option<String>,
        #[serde(default)]
        dropped: bool,
    }

    fn yes() -> bool {
        true
    }

    #[test]
    fn a_growing_answer_is_shown_from_where_the_rewrite_begins() {
        for (answer, shown) in [
            ("vague", "vague"),
            ("vague about the hen</analyze>\n<refine>\nA hen", "\nA hen"),
            ("vague</analyze><refine>A hen</refine>", "A hen"),
            ("<think>a <refine> block", "<think>a <refine> block"),
        ] {
            assert_eq!(so_far(answer), shown);
        }
    }

    #[test]
    fn recorded_answers_are_parsed_as_they_should() {
        let file = include_str!("../../tests/fixtures/answers/answers.jsonl");
        let cases: Vec<Case> = file.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
        assert!(cases.len() >= 20);
        for case in cases {
            let parsed = match case.purpose.as_str() {
                "draft" => draft(&case.answer, case.finished),
                _ => rewrite(&case.answer, case.finished, &case.current),
            };
            let expected = case.text.ok_or_else(|| case.refused.expect("a text or a refusal"));
            assert_eq!(parsed.text, expected, "{}", case.name);
            assert_eq!(parsed.analysis, case.analysis, "{}", case.name);
            assert_eq!(parsed.dropped, case.dropped || expected.is_err(), "{}", case.name);
        }
    }
}
