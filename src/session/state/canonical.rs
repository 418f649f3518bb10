//! The canonical form of a state: JSON with sorted keys, the same for equal states, and its digest.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::super::hash16;
use super::{Annotations, OtherScore, Setting, State};
use crate::reer::search::{NodeId, Search, Version};

impl State {
    /// The canonical form: one line of JSON, keys sorted, every number as it was stored.
    pub fn canonical(&self) -> String {
        sorted(self.to_json()).to_string()
    }

    /// The first 16 hex digits of the BLAKE3 of the canonical form.
    pub fn digest(&self) -> String {
        hash16(self.canonical().as_bytes())
    }

    fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "schema": self.schema,
            "tool": self.tool,
            "created": self.created,
            "example": value(&self.example),
            "models": value(&self.models),
            "scorer": value(&self.scorer),
            "config": value(&self.config),
            "tokens": list(self.tokens.values().map(value)),
            "search": self.search.as_ref().map(search),
            "early": self.early.len(),
            "logprobs": list(self.logprobs.iter().map(|(of, logprobs)| json!([value(of), logprobs]))),
            "others": list(self.others.iter().map(|(scorer, scores)| {
                json!([value(scorer), list(scores.iter().map(|(of, score)| json!([value(of), other(score)])))])
            })),
            "annotations": annotations(&self.annotations),
            "metrics": value(&self.metrics),
            "ledger": value(&self.ledger),
            "errors": value(&self.errors),
            "stop": value(&self.stop),
            "exports": value(&self.exports),
            "recovered": value(&self.recovered),
            "done": list(self.actions.done().map(Value::from)),
            "undone": list(self.actions.undone().map(Value::from)),
            "status": value(self.status()),
            "last_seq": self.last_seq,
        })
    }
}

fn search(search: &Search) -> Value {
    json!({
        "head": value(search.head()),
        "best": value(search.best_ever()),
        "outcome": value(search.outcome()),
        "baseline": value(search.baseline()),
        "stopped": value(search.stopped()),
        "decisions": value(search.decisions()),
        "versions": list(search.tree().iter().map(|(id, version)| self::version(search, id, version))),
    })
}

fn version(search: &Search, id: NodeId, version: &Version) -> Value {
    let segments = version.trajectory.iter().flat_map(|z| &z.segments);
    let importance =
        segments.filter_map(|segment| Some(json!([value(segment.id), search.importance(id, segment.id)?])));
    json!({
        "node": value(&version.node),
        "trajectory": value(&version.trajectory),
        "measures": value(version.measures),
        "leak": value(version.leak),
        "too_long": version.too_long,
        "error": version.error,
        "importance": list(importance),
    })
}

fn other(score: &OtherScore) -> Value {
    json!({
        "measures": value(score.measures),
        "leak": value(score.leak),
        "logprobs": score.logprobs,
        "error": score.error,
    })
}

fn annotations(said: &Annotations) -> Value {
    let mut said_of_it = json!({
        "verdict": said.verdict_setting().map(setting),
        "rating": said.rating(),
        "tags": value(said.tags()),
        "notes": list(said.notes().iter().map(|(node, text)| json!([value(node), text]))),
        "stars": value(said.stars()),
        "marks": list(said.marks().iter().map(|(node, name)| json!([value(node), name]))),
        "flags": list(said.flags().values().map(|flag| setting(flag))),
        "forks": value(said.forks()),
        "overrides": list(said.overrides().map(setting)),
        "branch": said.branch(),
        "undone": value(said.undone()),
    });
    // Absent where there is none: what was recorded before sessions had names keeps its digest.
    if let Some(name) = said.name() {
        said_of_it["name"] = name.into();
    }
    said_of_it
}

fn setting<T: Serialize>(setting: &Setting<T>) -> Value {
    json!({ "seq": setting.seq, "by": value(&setting.by), "t": setting.t, "value": value(&setting.value) })
}

fn list(values: impl Iterator<Item = Value>) -> Value {
    Value::Array(values.collect())
}

/// As JSON; what cannot be is null, which no part of a state that came from JSON is.
fn value(of: impl Serialize) -> Value {
    serde_json::to_value(of).unwrap_or(Value::Null)
}

/// The same value with the keys of every object in order.
fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Object(map) => {
            let mut pairs: Vec<(String, Value)> = map.into_iter().map(|(key, item)| (key, sorted(item))).collect();
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(Map::from_iter(pairs))
        }
        other => other,
    }
}
