//! One row of the input as an example: which keys hold what, and why a row cannot be used.

use serde_json::{Map, Value};

use super::Fields;
use crate::reer::Language;
use crate::session::{ExampleRecord, Source};

const QUERY: [&str; 5] = ["query", "question", "prompt", "instruction", "messages"];
const REFERENCE: [&str; 5] = ["reference", "solution", "response", "answer", "output"];
const END_OF_THINKING: &str = "</think>";

/// Makes an example of a row; `line` is its place in `file`.
///
/// # Errors
/// The reason for a person.
pub(super) fn pair(row: Value, fields: &Fields, file: &str, line: u64) -> Result<ExampleRecord, String> {
    let Value::Object(mut meta) = row else {
        return Err(format!("the row is {}, not an object", kind(&row)));
    };
    let query = take(&mut meta, fields.query.as_deref(), &QUERY, "query")?;
    let reference = answer(&take(&mut meta, fields.reference.as_deref(), &REFERENCE, "reference")?)?;
    let hash = ExampleRecord::pair_hash(&query, &reference);
    Ok(ExampleRecord {
        id: id(&mut meta).unwrap_or_else(|| format!("row{line}-{}", &hash[..8])),
        language: language(&mut meta).unwrap_or_else(|| Language::of(&query)),
        category: take_string(&mut meta, "category"),
        source: Some(Source { file: file.to_owned(), row: line, licence: licence(&meta) }),
        query,
        reference,
        hash,
        meta,
    })
}

/// Takes the text of the key that was named, else of the first usual one that is there.
fn take(row: &mut Map<String, Value>, named: Option<&str>, usual: &[&str], what: &str) -> Result<String, String> {
    let key = match named {
        Some(key) if is_there(row, key) => key,
        Some(key) => return Err(format!("no `{key}`, which --{what}-field names")),
        None => match usual.iter().find(|key| is_there(row, key)) {
            Some(key) => key,
            None => {
                return Err(format!("no {what}: none of {} is there (name it with --{what}-field)", usual.join(", ")));
            }
        },
    };
    let text = match row.get(key) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(messages)) => {
            first_user_message(messages).ok_or_else(|| format!("`{key}` is a list without a user message"))?
        }
        other => return Err(format!("`{key}` is {}, not text", kind(other.unwrap_or(&Value::Null)))),
    };
    if text.trim().is_empty() {
        return Err(format!("`{key}` is empty"));
    }
    // A conversation says more than its first message; it stays with the row's other keys.
    if row.get(key).and_then(Value::as_array).is_none_or(|messages| messages.len() == 1) {
        row.shift_remove(key);
    }
    Ok(text)
}

fn is_there(row: &Map<String, Value>, key: &str) -> bool {
    row.get(key).is_some_and(|value| !value.is_null())
}

fn first_user_message(messages: &[Value]) -> Option<String> {
    let role = |message: &Value| message.get("role").or(message.get("from"))?.as_str().map(str::to_owned);
    let user = messages.iter().find(|m| role(m).is_some_and(|role| role == "user" || role == "human"))?;
    match user.get("content").or(user.get("value"))? {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let texts: Vec<&str> = parts.iter().filter_map(|part| part.get("text")?.as_str()).collect();
            (!texts.is_empty()).then(|| texts.join("\n"))
        }
        _ => None,
    }
}

/// The reference without thinking that stands before it.
fn answer(text: &str) -> Result<String, String> {
    match text.rsplit_once(END_OF_THINKING) {
        None => Ok(text.to_owned()),
        Some((_, answer)) if answer.trim().is_empty() => {
            Err(format!("nothing follows {END_OF_THINKING} in the reference"))
        }
        Some((_, answer)) => Ok(answer.trim_start_matches(['\n', '\r']).to_owned()),
    }
}

/// `id`, else `index`: text or a number.
fn id(row: &mut Map<String, Value>) -> Option<String> {
    let named = |value: &Value| match value {
        Value::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let (key, id) = ["id", "index"].into_iter().find_map(|key| Some((key, named(row.get(key)?)?)))?;
    row.shift_remove(key);
    Some(id)
}

/// A language this program has prompts for; any other stays with the row's other keys.
fn language(row: &mut Map<String, Value>) -> Option<Language> {
    let name = row.get("language")?.as_str()?.to_lowercase();
    let language = match name.split(['-', '_']).next()? {
        "en" | "eng" | "english" => Language::En,
        "zh" | "zho" | "chinese" | "中文" => Language::Zh,
        _ => return None,
    };
    row.shift_remove("language");
    Some(language)
}

fn licence(row: &Map<String, Value>) -> Option<String> {
    ["licence", "license"].into_iter().find_map(|key| row.get(key)?.as_str()).map(str::to_owned)
}

fn take_string(row: &mut Map<String, Value>, key: &str) -> Option<String> {
    let text = row.get(key)?.as_str()?.to_owned();
    row.shift_remove(key);
    Some(text)
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
