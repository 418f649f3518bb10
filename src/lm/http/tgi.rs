//! Text-generation-inference: scores by `decoder_input_details`. Takes text only, which it tokenises with its BOS.
//!
//! Whether it gives any rows is decided where it is started (`REQUEST_LOGPROBS`), and what its prefix cache holds has none.

use serde_json::{Value, json};

use super::ask::{Answer, Ask, Scoring};
use super::echo::text;
use super::rows::{Row, checked};
use super::{Call, Kind, Reply, fault};
use crate::lm::LmError;

/// Text-generation-inference.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tgi;

impl Scoring for Tgi {
    fn kind(&self) -> Kind {
        Kind::Tgi
    }

    fn build(&self, ask: &Ask<'_>) -> Call {
        let body = json!({
            "inputs": text(ask),
            "parameters": { "max_new_tokens": 1, "decoder_input_details": true, "details": true, "do_sample": false },
        });
        Call::post("/generate", body)
    }

    fn parse(&self, ask: &Ask<'_>, reply: &Reply) -> Result<Answer, LmError> {
        let sent = ask.context.len() + ask.target.len();
        let answer = fault::success(reply, sent)?;
        let entries = match answer["details"]["prefill"].as_array() {
            Some(entries) if !entries.is_empty() => entries,
            _ => {
                return Err(LmError::Unsupported(
                    "the server gave no log-probabilities of the prompt: start it with REQUEST_LOGPROBS=1 and without \
                     prefix caching (PREFIX_CACHING=0)"
                        .to_owned(),
                ));
            }
        };
        let rows: Vec<Row> = entries[entries.len().saturating_sub(ask.target.len())..].iter().map(row).collect();
        checked(ask, &rows, Some(entries.len()), None)
    }
}

fn row(entry: &Value) -> Row {
    let id = entry["id"].as_u64().and_then(|id| u32::try_from(id).ok());
    Row { id, text: Some(entry["text"].as_str().unwrap_or_default().to_owned()), logprob: entry["logprob"].as_f64() }
}

#[cfg(test)]
mod tests {
    use super::super::golden::{ASK, LOGPROBS, reply, shown};
    use super::*;

    const CONTEXT: &str = r#"{"id":9906,"text":"Hello","logprob":null},{"id":1917,"text":" world","logprob":-3.2},{"id":271,"text":"\n\n","logprob":-1.9}"#;
    const TARGET: &str = r#"{"id":4320,"text":" answer","logprob":-2.84},{"id":374,"text":" is","logprob":-0.41},{"id":279,"text":" the","logprob":-1.07}"#;

    fn parse(prefill: &str) -> Result<Answer, LmError> {
        let tokens = r#"[{"id":220,"text":" ","logprob":-0.2,"special":false}]"#;
        Tgi.parse(&ASK, &reply(200, &format!(r#"{{"generated_text":" x","details":{{"finish_reason":"length","generated_tokens":1,"seed":null,"prefill":[{prefill}],"tokens":{tokens}}}}}"#)))
    }

    #[test]
    fn a_score_asks_for_details_of_the_input() {
        insta::assert_snapshot!(shown(&Scoring::build(&Tgi, &ASK)), @r#"
        Post /generate
        {"inputs":"Hello world\n\n answer is the","parameters":{"max_new_tokens":1,"decoder_input_details":true,"details":true,"do_sample":false}}
        "#);
    }

    #[test]
    fn p25_the_last_rows_are_the_target_s() {
        let answer = parse(&format!("{CONTEXT},{TARGET}")).unwrap();
        assert_eq!((answer.logprobs, answer.prompt_tokens), (LOGPROBS.to_vec(), Some(6)));
    }

    #[test]
    fn p26_no_rows_at_all_have_a_remedy() {
        assert!(matches!(parse(""), Err(LmError::Unsupported(why)) if why.contains("REQUEST_LOGPROBS=1")));
    }

    #[test]
    fn p27_rows_from_a_prefix_cache_have_no_number() {
        let refusal = parse(&format!("{CONTEXT},{}", TARGET.replace("-0.41", "null"))).unwrap_err();
        assert!(refusal.to_string().contains("token 2 of 3 has no log-probability"));
    }

    #[test]
    fn p52_a_prompt_with_another_bos_is_longer_than_what_was_sent() {
        let refusal = parse(&format!(r#"{{"id":1,"text":"<s>","logprob":null}},{CONTEXT},{TARGET}"#)).unwrap_err();
        assert!(refusal.to_string().contains("counted 7 tokens in a prompt of 6"));
    }
}
