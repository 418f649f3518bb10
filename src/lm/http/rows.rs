//! What every scoring answer must be before a number is made of it, whatever the protocol.

use super::ask::{Answer, Ask};
use crate::lm::LmError;

/// One token's entry in an answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// Where the protocol tells it.
    pub id: Option<u32>,
    /// The token's text, where the protocol tells no id.
    pub text: Option<String>,
    /// Nats; absent where the server gave none.
    pub logprob: Option<f64>,
}

/// Values that servers write where they have no log-probability: vLLM's stand-in for minus infinity, and the least numbers
/// of two types.
const STAND_INS: [f64; 3] = [-9999.0, f32::MIN as f64, f64::MIN];

/// Log-probabilities may be above zero by rounding, in nats.
const ROUNDING: f64 = 1e-3;

/// The rows of the target, checked: as many as there are tokens, each of the token that was sent, each a number that a
/// log-probability can be; and the prompt as long as what was sent.
///
/// # Errors
/// [`LmError::Invalid`] with the reason.
pub(super) fn checked(
    ask: &Ask<'_>,
    rows: &[Row],
    prompt_tokens: Option<usize>,
    cached_tokens: Option<usize>,
) -> Result<Answer, LmError> {
    let invalid = |why: String| Err(LmError::Invalid(format!("the server's answer cannot be used: {why}")));
    let (sent, target) = (ask.context.len() + ask.target.len(), ask.target.len());
    if let Some(counted) = prompt_tokens.filter(|counted| *counted != sent) {
        return invalid(format!("it counted {counted} tokens in a prompt of {sent}"));
    }
    if rows.len() != target {
        return invalid(format!("{} log-probabilities for {target} tokens", rows.len()));
    }
    let mut logprobs = Vec::with_capacity(target);
    for (at, (row, token)) in rows.iter().zip(ask.target).enumerate() {
        let place = at + 1;
        if let Some(id) = row.id.filter(|id| id != token) {
            return invalid(format!("token {place} of {target} is {id}, {token} was sent"));
        }
        logprobs.push(match row.logprob {
            None if at == 0 && ask.context.is_empty() => None,
            None => return invalid(format!("token {place} of {target} has no log-probability")),
            Some(value) if STAND_INS.contains(&value) => {
                return invalid(format!(
                    "token {place} of {target} has {value}, which stands for no probability at all"
                ));
            }
            Some(value) if !value.is_finite() || value > ROUNDING => {
                return invalid(format!("token {place} of {target} has {value}, which is no log-probability"));
            }
            Some(value) => Some(value.min(0.0) as f32),
        });
    }
    if rows.iter().all(|row| row.id.is_none()) {
        same_text(ask, rows)?;
    }
    Ok(Answer { logprobs, prompt_tokens, cached_tokens })
}

/// Where no ids come back, the tokens' texts must spell the target. A token that holds a part of a character is told as
/// a replacement character or as nothing: where there is one, characters beyond ASCII may be missing.
fn same_text(ask: &Ask<'_>, rows: &[Row]) -> Result<(), LmError> {
    let texts = || rows.iter().filter_map(|row| row.text.as_deref());
    let spelled: String = texts().collect();
    let in_parts = texts().any(|text| text.is_empty() || text.contains('\u{FFFD}'));
    let same = match in_parts {
        true => !ask.target_text.is_ascii() && spells_but_parts(&spelled, ask.target_text),
        false => spelled == ask.target_text,
    };
    if same {
        return Ok(());
    }
    Err(LmError::Invalid(
        "the server's answer cannot be used: its tokens do not spell the text that was sent".to_owned(),
    ))
}

/// Whether `spelled` is `text` but for missing characters beyond ASCII.
fn spells_but_parts(spelled: &str, text: &str) -> bool {
    let mut rest = text.chars();
    let mut spelled = spelled.chars().filter(|c| *c != '\u{FFFD}');
    let found = spelled.all(|c| rest.find(|own| *own == c || own.is_ascii()) == Some(c));
    found && rest.all(|own| !own.is_ascii())
}

#[cfg(test)]
mod tests {
    use super::super::golden::ASK;
    use super::*;

    fn rows(values: [f64; 3]) -> Vec<Row> {
        let row = |(id, value): (&u32, f64)| Row { id: Some(*id), text: None, logprob: Some(value) };
        ASK.target.iter().zip(values).map(row).collect()
    }

    fn refusal(rows: &[Row], counted: Option<usize>) -> String {
        checked(&ASK, rows, counted, None).unwrap_err().to_string()
    }

    #[test]
    fn a_sound_answer_is_taken_as_it_is() {
        let answer = checked(&ASK, &rows([-2.84, -0.41, 0.0004]), Some(6), Some(2)).unwrap();
        assert_eq!(answer.logprobs, [Some(-2.84), Some(-0.41), Some(0.0)]);
        assert_eq!((answer.prompt_tokens, answer.cached_tokens), (Some(6), Some(2)));
    }

    #[test]
    fn every_breach_is_refused_with_its_place() {
        let good = || rows([-2.84, -0.41, -1.07]);
        assert!(refusal(&good()[..2], None).contains("2 log-probabilities for 3 tokens"));
        assert!(refusal(&good(), Some(7)).contains("counted 7 tokens in a prompt of 6"), "a second BOS");
        let mut other = good();
        other[1].id = Some(9);
        assert!(refusal(&other, None).contains("token 2 of 3 is 9, 374 was sent"));
        let mut none = good();
        none[0].logprob = None;
        assert!(refusal(&none, None).contains("token 1 of 3 has no log-probability"));
        for bad in [1.0, f64::NAN, f64::NEG_INFINITY, -9999.0, f64::from(f32::MIN), f64::MIN] {
            assert!(refusal(&rows([-2.84, bad, -1.07]), None).contains("token 2 of 3 has"), "{bad}");
        }
    }

    #[test]
    fn a_first_token_with_nothing_before_it_may_lack_a_number() {
        let ask = Ask { context: &[], ..ASK };
        let mut rows = rows([-2.84, -0.41, -1.07]);
        rows[0].logprob = None;
        assert_eq!(checked(&ask, &rows, None, None).unwrap().logprobs[0], None);
    }

    #[test]
    fn texts_stand_in_for_ids() {
        let texts = |texts: [&str; 3]| {
            let row = |text: &str| Row { id: None, text: Some(text.to_owned()), logprob: Some(-1.0) };
            texts.map(row)
        };
        assert!(checked(&ASK, &texts([" answer", " is", " the"]), None, None).is_ok());
        assert!(checked(&ASK, &texts([" answer", " is", " a"]), None, None).is_err());
        assert!(checked(&ASK, &texts([" answer is", " the", ""]), None, None).is_err(), "cut elsewhere");
        let ask = Ask { target_text: " 灯 it", ..ASK };
        assert!(checked(&ask, &texts([" \u{FFFD}", "\u{FFFD}", " it"]), None, None).is_ok());
        assert!(checked(&ask, &texts([" \u{FFFD}", "\u{FFFD}", " at"]), None, None).is_err());
        assert!(checked(&ask, &texts([" ", "", " it"]), None, None).is_ok(), "parts of a character told as nothing");
        assert!(checked(&ask, &texts([" ", "", " i"]), None, None).is_err());
        assert!(checked(&ask, &texts([" it", "", " "]), None, None).is_err());
    }
}
