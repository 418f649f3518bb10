//! vLLM's answers read without a tree of them: an answer holds a row for each token of the prompt, and all but the target's
//! are passed over.
//!
//! Only what is as it should be is read here. Of anything else nothing is said: the reading of the tree finds the words for
//! it, so that each check and each message stands in one place.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::ask::{Ask, Piece, Usage};
use super::completions::end;
use super::rows::Row;
use super::skip::without_rows;

/// What a score is made of.
pub(super) struct Scored {
    /// One a token of the target.
    pub rows: Vec<Row>,
    pub prompt_tokens: Option<usize>,
    pub cached_tokens: Option<usize>,
}

/// Rows and counts of a score; `None` when anything in the answer needs a closer look.
pub(super) fn scored(ask: &Ask<'_>, body: &[u8]) -> Option<Scored> {
    match without_rows(body, ask.context.len()) {
        Some(rest) => whole(Rows { before: 0, target: ask.target }, &rest),
        None => whole(Rows { before: ask.context.len(), target: ask.target }, body),
    }
}

fn whole(rows: Rows<'_>, body: &[u8]) -> Option<Scored> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let answer = Whole(rows).deserialize(&mut json).ok()?;
    json.end().ok()?;
    answer
}

/// The rows that an answer must have: so many that nobody reads, and one a token of the target.
#[derive(Debug, Clone, Copy)]
struct Rows<'a> {
    before: usize,
    target: &'a [u32],
}

/// The pieces of one event of a streamed completion; `None` when anything in it needs a closer look.
pub(super) fn pieces(event: &str) -> Option<Vec<Piece>> {
    let Event { choices, usage, object, error, detail } = serde_json::from_str(event).ok()?;
    if object.as_deref() == Some("error") || error.is_some() || detail.is_some() {
        return None;
    }
    let piece = |choice: Choice<'_>| Piece {
        sample: choice.index,
        end: end(choice.finish_reason.as_deref()),
        text: choice.text,
        ..Piece::default()
    };
    let counts = usage.map(|usage| Piece {
        usage: Some(Usage {
            tokens_in: usage.prompt_tokens,
            tokens_out: usage.completion_tokens.unwrap_or(0),
            cached: usage.cached_tokens().unwrap_or(0),
        }),
        ..Piece::default()
    });
    Some(choices.into_iter().map(piece).chain(counts).collect())
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    choices: Vec<Choice<'a>>,
    usage: Option<Counts>,
    #[serde(borrow)]
    object: Option<Cow<'a, str>>,
    error: Option<IgnoredAny>,
    detail: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    index: usize,
    text: String,
    #[serde(borrow)]
    finish_reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Counts {
    prompt_tokens: usize,
    completion_tokens: Option<usize>,
    prompt_tokens_details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    cached_tokens: Option<usize>,
}

impl Counts {
    fn cached_tokens(&self) -> Option<usize> {
        self.prompt_tokens_details.as_ref().and_then(|details| details.cached_tokens)
    }
}

/// A whole answer. An error object and rows in any other place are `None`.
struct Whole<'a>(Rows<'a>);

impl<'de> DeserializeSeed<'de> for Whole<'_> {
    type Value = Option<Scored>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Whole<'_> {
    type Value = Option<Scored>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let (mut rows, mut counts, mut failed) = (None, None, false);
        while let Some(name) = fields.next_key::<String>()? {
            match &*name {
                "choices" if rows.is_none() => rows = fields.next_value_seed(Choices(self.0))?,
                "usage" if counts.is_none() => counts = fields.next_value::<Option<Counts>>()?,
                "object" => failed |= fields.next_value::<Option<String>>()?.as_deref() == Some("error"),
                "error" | "detail" => failed |= fields.next_value::<Option<IgnoredAny>>()?.is_some(),
                "choices" | "usage" => return Err(A::Error::custom("told twice")),
                _ => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        Ok(rows.filter(|_| !failed).map(|rows| Scored {
            rows,
            prompt_tokens: counts.as_ref().map(|counts| counts.prompt_tokens),
            cached_tokens: counts.as_ref().and_then(Counts::cached_tokens),
        }))
    }
}

/// The first of the choices; `None` when it has no rows.
struct Choices<'a>(Rows<'a>);

impl<'de> DeserializeSeed<'de> for Choices<'_> {
    type Value = Option<Vec<Row>>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Choices<'_> {
    type Value = Option<Vec<Row>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("choices")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut choices: A) -> Result<Self::Value, A::Error> {
        let first = choices.next_element_seed(First(self.0))?.flatten();
        while choices.next_element::<IgnoredAny>()?.is_some() {}
        Ok(first)
    }
}

struct First<'a>(Rows<'a>);

impl<'de> DeserializeSeed<'de> for First<'_> {
    type Value = Option<Vec<Row>>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for First<'_> {
    type Value = Option<Vec<Row>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a choice")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Self::Value, A::Error> {
        let mut rows = None;
        while let Some(name) = fields.next_key::<String>()? {
            match &*name {
                "prompt_logprobs" if rows.is_none() => rows = Some(fields.next_value_seed(Entries(self.0))?),
                "prompt_logprobs" => return Err(A::Error::custom("told twice")),
                _ => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        Ok(rows)
    }
}

/// A row a token of the prompt: those of the target.
struct Entries<'a>(Rows<'a>);

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = Vec<Row>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = Vec<Row>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row for each token")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let missing = || A::Error::custom("a row too few");
        for _ in 0..self.0.before {
            entries.next_element::<IgnoredAny>()?.ok_or_else(missing)?;
        }
        let mut rows = Vec::with_capacity(self.0.target.len());
        for id in self.0.target {
            let logprob = entries.next_element_seed(Entry(*id))?.ok_or_else(missing)?;
            rows.push(Row { id: Some(*id), text: None, logprob });
        }
        match entries.next_element::<IgnoredAny>()? {
            None => Ok(rows),
            Some(_) => Err(A::Error::custom("a row too many")),
        }
    }
}

/// The log-probability of one token among those of a row; `None` where the row is null.
struct Entry(u32);

impl<'de> DeserializeSeed<'de> for Entry {
    type Value = Option<f64>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Entry {
    type Value = Option<f64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, json: D) -> Result<Self::Value, D::Error> {
        json.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut tokens: A) -> Result<Self::Value, A::Error> {
        let mut own: Option<Own> = None;
        while let Some(is_own) = tokens.next_key_seed(Is(self.0))? {
            match (is_own, &own) {
                (true, None) => own = Some(tokens.next_value()?),
                (true, Some(_)) => return Err(A::Error::custom("told twice")),
                (false, _) => drop(tokens.next_value::<IgnoredAny>()?),
            }
        }
        own.map(|own| Some(own.logprob)).ok_or_else(|| A::Error::custom("another token"))
    }
}

#[derive(Deserialize)]
struct Own {
    logprob: f64,
}

/// Whether a name is this id, as servers write it.
struct Is(u32);

impl<'de> DeserializeSeed<'de> for Is {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<bool, D::Error> {
        json.deserialize_str(self)
    }
}

impl Visitor<'_> for Is {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a token id")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<bool, E> {
        // "07" and "+7" are other names.
        let plain = name.bytes().all(|byte| byte.is_ascii_digit()) && (name.len() == 1 || !name.starts_with('0'));
        Ok(plain && name.parse() == Ok(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::super::ask::End;
    use super::super::golden::{ASK, LOGPROBS};
    use super::*;

    const ROWS: &str = r#"null,{"1917":{"logprob":-3.2}},{"271":{"logprob":-1.9,"rank":4}},{"220":{"logprob":-0.9},"4320":{"rank":6,"logprob":-2.84,"decoded_token":" \"}"}},{"374":{"logprob":-0.41}},{"279":{"logprob":-1.07}}"#;
    const USAGE: &str = r#"{"prompt_tokens":6,"total_tokens":7,"prompt_tokens_details":{"cached_tokens":2}}"#;

    fn answer(rows: &str, more: &str) -> String {
        format!(r#"{{"id":"c","choices":[{{"text":"x","prompt_logprobs":[{rows}]}}],"usage":{USAGE}{more}}}"#)
    }

    #[test]
    fn a_sound_score_is_read() {
        let read = scored(&ASK, answer(ROWS, r#","error":null"#).as_bytes()).unwrap();
        let logprobs: Vec<Option<f32>> = read.rows.iter().map(|row| row.logprob.map(|v| v as f32)).collect();
        assert_eq!(logprobs, LOGPROBS);
        assert_eq!((read.prompt_tokens, read.cached_tokens), (Some(6), Some(2)));
    }

    #[test]
    fn of_anything_else_nothing_is_said() {
        let change = |from: &str, to: &str| {
            assert!(ROWS.contains(from));
            answer(&ROWS.replace(from, to), "")
        };
        for body in [
            String::new(),
            answer(ROWS, "")[..200].to_owned(),
            answer(ROWS, "") + "x",
            answer(ROWS, r#","error":{"message":"worker died","code":500}"#),
            answer(ROWS, r#","object":"error""#),
            answer(ROWS, r#","detail":"no""#),
            answer(ROWS, r#","usage":null"#) + "}",
            answer(ROWS, r#","choices":[]"#),
            change("\"279\"", "\"280\""),
            change("\"279\"", "\"0279\""),
            change("null,", ""),
            change("null,", "null,null,"),
            change("-1.07", "\"-1.07\""),
            change("-1.07", "null"),
            change(r#"{"279":"#, r#"{"279":{"logprob":-1.0},"279":"#),
            format!(r#"{{"choices":[{{}}],"prompt_logprobs":[{ROWS}]}}"#),
            r#"{"choices":[]}"#.to_owned(),
        ] {
            assert!(scored(&ASK, body.as_bytes()).is_none(), "{body}");
        }
        let mut null = scored(&ASK, change(r#"{"374":{"logprob":-0.41}}"#, "null").as_bytes()).unwrap().rows;
        assert_eq!(null.swap_remove(1).logprob, None, "refused where rows are checked");
    }

    #[test]
    fn an_event_is_read_as_from_a_tree() {
        let tree = |event: &str| {
            let text = |choice: &serde_json::Value| choice["text"].as_str().unwrap_or_default().to_owned();
            super::super::completions::pieces(event, |choice| Piece { text: text(choice), ..Piece::default() }).unwrap()
        };
        for event in [
            r#"{"choices":[{"index":1,"text":" a\n","finish_reason":null}]}"#.to_owned(),
            r#"{"object":"text_completion","choices":[{"index":0,"text":"","finish_reason":"length"}],"usage":null}"#
                .to_owned(),
            format!(r#"{{"choices":[],"usage":{USAGE}}}"#),
        ] {
            assert_eq!(pieces(&event).unwrap(), tree(&event));
        }
        assert_eq!(
            pieces(r#"{"choices":[{"index":0,"text":"a","finish_reason":"stop"}]}"#).unwrap()[0].end,
            Some(End::Stop)
        );
        for event in ["[DONE]", "{", r#"{"error":"x","choices":[]}"#, r#"{"choices":[{"index":0}]}"#, "{}"] {
            assert!(pieces(event).is_none(), "{event}");
        }
    }
}
