//! A `tokenizer.json` made fit for us before it is loaded: which of its tokens are control tokens, and how it puts a
//! space in front of a text.

use serde_json::{Map, Value};

use super::control::{Spelled, TAGS};

/// A `tokenizer.json` whose control tokens are all special, so that they can be told not to be recognised in text.
pub(super) struct Vocabulary {
    pub(super) json: Value,
    pub(super) control: Vec<Spelled>,
    /// Tokens that are recognised in any text, with the ids that the file gives them.
    pub(super) added: Vec<(String, u32)>,
    pub(super) unknown: Option<u32>,
}

impl Vocabulary {
    /// `None` for what is no `tokenizer.json`.
    pub(super) fn new(mut json: Value) -> Option<Vocabulary> {
        if !json.get("model")?.is_object() {
            return None;
        }
        // Answers are cut and padded by nobody but us.
        json["truncation"] = Value::Null;
        json["padding"] = Value::Null;
        let unknown = unknown(&json["model"]);
        let (mut control, mut added) = (Vec::new(), Vec::new());
        for token in json.get_mut("added_tokens").and_then(Value::as_array_mut).into_iter().flatten() {
            let spelling = token["content"].as_str()?.to_owned();
            let id = u32::try_from(token["id"].as_u64()?).ok()?;
            if token["special"] == true || TAGS.contains(&spelling.as_str()) {
                token["special"] = Value::Bool(true);
                let takes = |side: &str| token[side] == true;
                control.push(Spelled { id, takes_before: takes("lstrip"), takes_after: takes("rstrip"), spelling });
            } else {
                added.push((spelling, id));
            }
        }
        hide_in_pieces(&mut json, &control);
        Some(Vocabulary { json, control, added, unknown })
    }

    /// The same without a space in front of a text, and whether the space also follows a control token; `None` where
    /// there is none.
    pub(super) fn without_prefix(&self) -> Option<(Value, bool)> {
        let mut json = self.json.clone();
        let mut found = Prefix { found: false, only_first: false };
        for part in ["normalizer", "pre_tokenizer"] {
            if let Some(step) = json.get_mut(part) {
                found.take_off(step);
            }
        }
        found.found.then_some((json, !found.only_first))
    }
}

fn unknown(model: &Value) -> Option<u32> {
    let id = match &model["unk_token"] {
        Value::String(spelling) => model["vocab"].get(spelling.as_str())?.as_u64()?,
        _ => model["unk_id"].as_u64()?,
    };
    u32::try_from(id).ok()
}

/// Pieces with scores match wherever they are spelled, control tokens among them: those get a spelling that no text has,
/// and are no added tokens any more, which would give them other ids.
fn hide_in_pieces(json: &mut Value, control: &[Spelled]) {
    let Some(pieces) = json["model"]["vocab"].as_array_mut() else { return };
    let mut hidden = Vec::new();
    for token in control {
        let piece = pieces.get_mut(token.id as usize).filter(|piece| piece[0] == token.spelling.as_str());
        if let Some(piece) = piece {
            // A noncharacter keeps it apart; the space makes it a word that the splitter always cuts.
            piece[0] = Value::String(format!("\u{FFFF} {}", token.id));
            hidden.push(token.id);
        }
    }
    if let Some(added) = json.get_mut("added_tokens").and_then(Value::as_array_mut) {
        added.retain(|token| !token["id"].as_u64().is_some_and(|id| hidden.iter().any(|hide| u64::from(*hide) == id)));
    }
}

struct Prefix {
    found: bool,
    only_first: bool,
}

impl Prefix {
    fn take_off(&mut self, step: &mut Value) {
        match step["type"].as_str().unwrap_or_default() {
            "Prepend" => {
                self.found = true;
                *step = Value::Null;
            }
            "Metaspace" if step["prepend_scheme"] != "never" && step["add_prefix_space"] != false => {
                self.found = true;
                self.only_first |= step["prepend_scheme"] == "first";
                step["prepend_scheme"] = Value::from("never");
                step["add_prefix_space"] = Value::Bool(false);
            }
            "ByteLevel" if step["add_prefix_space"] == true => {
                self.found = true;
                step["add_prefix_space"] = Value::Bool(false);
            }
            "Sequence" => {
                for list in ["normalizers", "pretokenizers"] {
                    let Some(steps) = step.get_mut(list).and_then(Value::as_array_mut) else { continue };
                    steps.iter_mut().for_each(|step| self.take_off(step));
                    steps.retain(|step| !step.is_null());
                }
            }
            _ => {}
        }
    }
}

/// A `tokenizer_config.json`, as far as it concerns us.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Config {
    pub(super) bos: Option<String>,
    pub(super) eos: Option<String>,
    pub(super) unknown: Option<String>,
    pub(super) padding: Option<String>,
    /// Told apart from the rules of `tokenizer.json`, which some models leave to this.
    pub(super) adds_bos: bool,
    pub(super) chat_template: Option<String>,
}

impl Config {
    pub(super) fn new(json: &Map<String, Value>) -> Config {
        let token = |name: &str| {
            let value = json.get(name)?;
            value.as_str().or_else(|| value.get("content")?.as_str()).map(str::to_owned)
        };
        Config {
            bos: token("bos_token"),
            eos: token("eos_token"),
            unknown: token("unk_token"),
            padding: token("pad_token"),
            adds_bos: json.get("add_bos_token").and_then(Value::as_bool).unwrap_or(false),
            chat_template: json.get("chat_template").and_then(chat_template),
        }
    }
}

/// One template, or of several named ones the default.
fn chat_template(value: &Value) -> Option<String> {
    let named = || {
        let list = value.as_array()?;
        list.iter().find(|entry| entry["name"] == "default").or_else(|| list.first())?["template"].as_str()
    };
    value.as_str().or_else(named).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn templates_are_one_or_several() {
        let template = |value: Value| {
            let config = json!({ "chat_template": value });
            Config::new(config.as_object().unwrap()).chat_template
        };
        assert_eq!(template(json!("{{ x }}")).as_deref(), Some("{{ x }}"));
        let named = json!([{ "name": "tool_use", "template": "t" }, { "name": "default", "template": "d" }]);
        assert_eq!(template(named).as_deref(), Some("d"));
        assert_eq!(template(json!(null)), None);
    }

    #[test]
    fn special_tokens_are_texts_or_objects() {
        let config = json!({ "bos_token": { "content": "<s>" }, "eos_token": "</s>", "pad_token": null });
        let config = Config::new(config.as_object().unwrap());
        assert_eq!((config.bos.as_deref(), config.eos.as_deref(), config.padding), (Some("<s>"), Some("</s>"), None));
    }

    #[test]
    fn the_space_in_front_is_taken_off_wherever_it_is_written() {
        for (part, step, after_control) in [
            ("normalizer", json!({ "type": "Sequence", "normalizers": [{ "type": "Prepend", "prepend": "▁" }] }), true),
            ("normalizer", json!({ "type": "Prepend", "prepend": "▁" }), true),
            ("pre_tokenizer", json!({ "type": "Metaspace", "replacement": "▁", "prepend_scheme": "first" }), false),
            ("pre_tokenizer", json!({ "type": "Metaspace", "replacement": "▁", "add_prefix_space": true }), true),
            (
                "pre_tokenizer",
                json!({ "type": "Sequence", "pretokenizers": [{ "type": "ByteLevel", "add_prefix_space": true }] }),
                true,
            ),
        ] {
            let vocabulary = Vocabulary::new(json!({ "model": {}, part: step })).unwrap();
            let (bare, after) = vocabulary.without_prefix().unwrap();
            assert_eq!(after, after_control, "{part}");
            assert!(Vocabulary::new(bare).unwrap().without_prefix().is_none());
        }
        let none = json!({ "model": {}, "pre_tokenizer": { "type": "ByteLevel", "add_prefix_space": false } });
        assert!(Vocabulary::new(none).unwrap().without_prefix().is_none());
    }
}
