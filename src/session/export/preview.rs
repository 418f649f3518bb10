//! One row to read before any is written: its fields, texts as texts.

use serde_json::Value;

use super::{Format, row};
use crate::session::State;

/// The row of a session in one shape, field by field.
///
/// # Errors
/// Why the session has no row.
pub fn preview(state: &State, format: Format) -> Result<String, String> {
    let shaped = row::make(state)?.shaped(format).map_err(|error| error.to_string())?;
    let value: Value = serde_json::from_str(&shaped).map_err(|error| error.to_string())?;
    let mut out = String::new();
    for (key, value) in value.as_object().into_iter().flatten() {
        write(&mut out, key, value);
    }
    Ok(out.trim_end().to_owned())
}

fn write(out: &mut String, key: &str, value: &Value) {
    match value {
        Value::Array(turns) => {
            for turn in turns {
                let of = |keys: [&str; 2]| keys.iter().find_map(|key| turn.get(*key)?.as_str()).unwrap_or_default();
                let learned = if matches!(of(["role", "from"]), "assistant" | "gpt") { " (learned)" } else { "" };
                out.push_str(&format!("── {key}: {}{learned}\n{}\n\n", of(["role", "from"]), of(["content", "value"])));
            }
        }
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(inner @ Value::Object(_)) => {
                let pretty = serde_json::to_string_pretty(&inner).unwrap_or_default();
                out.push_str(&format!("── {key}, JSON as text\n{pretty}\n\n"));
            }
            _ => out.push_str(&format!("── {key}\n{text}\n\n")),
        },
        other => out.push_str(&format!("── {key}\n{other}\n\n")),
    }
}
