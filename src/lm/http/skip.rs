//! An answer without the rows of its context. Nobody reads them, and they are most of it: they are passed over byte by
//! byte, which is several times faster than parsing them.

/// `body` without the first `count` elements of its list `prompt_logprobs`. `None` where they do not stand there as servers
/// write them, each `null` or an object, none the last.
pub(super) fn without_rows(body: &[u8], count: usize) -> Option<Vec<u8>> {
    const LIST: &[u8] = b"\"prompt_logprobs\":[";
    let first = body.windows(LIST.len()).position(|bytes| bytes == LIST)? + LIST.len();
    let mut at = first;
    for _ in 0..count {
        at = end_of_row(body, at)?;
        if *body.get(at)? != b',' {
            return None;
        }
        at += 1;
    }
    Some([&body[..first], &body[at..]].concat())
}

/// Behind the row that begins at `at`.
fn end_of_row(body: &[u8], at: usize) -> Option<usize> {
    const NULL: &[u8] = b"null";
    if body.get(at..)?.starts_with(NULL) {
        return Some(at + NULL.len());
    }
    if *body.get(at)? != b'{' {
        return None;
    }
    let (mut depth, mut at) = (0usize, at);
    loop {
        match *body.get(at)? {
            b'"' => at = end_of_string(body, at + 1)?,
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 1 => return Some(at + 1),
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
}

/// Where the string ends that has `at` inside it.
fn end_of_string(body: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *body.get(at)? {
            b'\\' => at += 2,
            b'"' => return Some(at),
            _ => at += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn what_stands_otherwise_is_left_to_the_parser() {
        for body in [
            r#"{"prompt_logprobs":null}"#,
            r#"{"prompt_logprobs":[null]}"#,
            r#"{"prompt_logprobs":[1,2,3]}"#,
            r#"{"prompt_logprobs":[ null,null]}"#,
            r#"{"prompt_logprobs":[{"a":"}"#,
            r#"{"prompt_logprobs":[{"a":"\"#,
            r#"{"text":"\"prompt_logprobs\":["}"#,
            "",
        ] {
            assert_eq!(without_rows(body.as_bytes(), 1), None, "{body}");
        }
    }

    fn row() -> impl Strategy<Value = Value> {
        let entry = ("\\PC{0,6}", -20.0f64..0.0, prop::collection::vec(any::<u8>(), 0..3))
            .prop_map(|(text, logprob, more)| json!({ "logprob": logprob, "decoded_token": text, "more": more }));
        prop_oneof![
            1 => Just(Value::Null),
            4 => prop::collection::btree_map("[0-9]{1,5}|[\"\\\\{}\\[\\],]{1,4}", entry, 1..3).prop_map(|row| json!(row)),
        ]
    }

    proptest! {
        /// What is left is the same answer with so many rows fewer.
        #[test]
        fn rows_are_taken_away_and_nothing_else(rows in prop::collection::vec(row(), 1..9), count in 0usize..9, text in "\\PC{0,9}") {
            let answer = |rows: &[Value]| json!({ "choices": [{ "text": text, "prompt_logprobs": rows, "x": [1, {}] }], "usage": {} });
            let left = without_rows(answer(&rows).to_string().as_bytes(), count);
            if count >= rows.len() {
                prop_assert_eq!(left, None);
            } else {
                let left: Value = serde_json::from_slice(&left.unwrap()).unwrap();
                prop_assert_eq!(left, answer(&rows[count..]));
            }
        }
    }
}
