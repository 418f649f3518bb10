//! One session as a row: the canonical think form, and a `meta` that names scorer, objective and token count
//! beside every number.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use super::refuse;
use crate::reer::search::{NodeId, Search, Why};
use crate::reer::{Identity, Measures, Objective};
use crate::session::{ExampleRecord, State, Status, hash16};

/// What every shape is made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// `r1-` and the pair's hash: equal for equal questions.
    pub id: String,
    /// `v1-` and the hash of query, trajectory and reference.
    pub version: String,
    pub query: String,
    /// Thinking and reference as an assistant writes them.
    pub answer: String,
    /// JSON as text, so that no loader infers a schema from it.
    pub meta: String,
}

#[derive(Serialize)]
struct Turn<'a> {
    role: &'a str,
    content: &'a str,
}

#[derive(Serialize)]
struct Said<'a> {
    from: &'a str,
    value: &'a str,
}

#[derive(Serialize)]
struct MessagesRow<'a> {
    id: &'a str,
    messages: [Turn<'a>; 2],
    meta: &'a str,
}

#[derive(Serialize)]
struct PromptCompletionRow<'a> {
    id: &'a str,
    prompt: [Turn<'a>; 1],
    completion: [Turn<'a>; 1],
    meta: &'a str,
}

#[derive(Serialize)]
struct SharegptRow<'a> {
    id: &'a str,
    conversations: [Said<'a>; 2],
    meta: &'a str,
}

impl Row {
    /// The row in one shape, as JSON without a line end.
    pub fn shaped(&self, format: super::Format) -> Result<String, serde_json::Error> {
        let Row { id, query, answer, meta, .. } = self;
        let (user, assistant) = (Turn { role: "user", content: query }, Turn { role: "assistant", content: answer });
        match format {
            super::Format::Messages => serde_json::to_string(&MessagesRow { id, messages: [user, assistant], meta }),
            super::Format::PromptCompletion => {
                serde_json::to_string(&PromptCompletionRow { id, prompt: [user], completion: [assistant], meta })
            }
            super::Format::Sharegpt => {
                let conversations = [Said { from: "human", value: query }, Said { from: "gpt", value: answer }];
                serde_json::to_string(&SharegptRow { id, conversations, meta })
            }
        }
    }
}

/// `<think>\nz\n</think>\n\ny`: the one form that chat templates and trainers agree on.
fn think(z: &str, y: &str) -> String {
    format!("<think>\n{z}\n</think>\n\n{y}")
}

/// The row of a session.
///
/// # Errors
/// The reason why it cannot be one.
pub(super) fn make(state: &State) -> Result<Row, String> {
    let example = state.example.as_ref().ok_or("its file holds no example")?;
    let search = state.search.as_ref().ok_or("no search was made")?;
    if state.status() == Status::Failed {
        let detail = state.stop.as_ref().and_then(|stop| stop.detail.clone());
        return Err(format!("the search failed: {}", detail.unwrap_or_else(|| "no reason recorded".to_owned())));
    }
    let outcome = search.outcome().ok_or("the search has no scored trajectory yet")?;
    if search.score(outcome).is_none() {
        return Err("its current version has no score yet; open it in the workbench and wait for it".to_owned());
    }
    let z = search.tree().trajectory(outcome).map(|z| z.text()).unwrap_or_default();
    let z = z.trim_matches(['\n', '\r']);
    let y = example.reference.trim_start_matches(['\n', '\r']);
    refuse::query(&example.query)?;
    refuse::thinking(z)?;
    refuse::reference(y)?;
    let version = format!("v1-{}", hash16(format!("{}\0{z}\0{y}", example.query).as_bytes()));
    let meta = meta(state, example, search, &version);
    Ok(Row {
        id: format!("r1-{}", example.hash),
        query: example.query.clone(),
        answer: think(z, y),
        meta: meta.to_string(),
        version,
    })
}

fn meta(state: &State, example: &ExampleRecord, search: &Search, version: &str) -> Value {
    let summary = state.summary();
    let models = state.models.as_ref();
    let mut meta = json!({
        "vid": version,
        "session": state.id,
        "name": state.annotations.name(),
        "source_id": example.id,
        "language": example.language,
        "category": example.category,
        "source": example.source,
        "status": summary.status,
        "stop": summary.stop,
        "verdict": summary.verdict,
        // Nobody's rating is none, and not the lowest.
        "rating": Some(summary.rating).filter(|stars| *stars > 0),
        "tags": summary.tags,
        "flags": summary.flags,
        "note": state.annotations.notes().get(&None),
        "by_hand": by_hand(state, search),
        "generator": models.map(|m| &m.generator),
        "frame": models.map(|m| &m.frame),
        "steps": summary.steps,
        "accepted": summary.accepted,
        "seed": search.config().seed,
        "input": example.meta,
    });
    if state.generators.len() > 1 {
        meta["generators"] = json!(state.generators);
    }
    if let (Some(scorer), Some(last)) = (&summary.scorer, &summary.best) {
        let baseline = summary.baseline.as_ref();
        let initial = summary.initial.as_ref();
        meta["score"] = nll(scorer, baseline, initial, last);
        meta["leak"] = json!(summary.leak);
        if search.config().objective == Objective::ReerClipped {
            meta["score_reer_clipped"] = clipped(scorer, baseline, initial, last);
        }
    }
    meta
}

/// How many versions on the way to the outcome are a person's: written, or taken where the search chose otherwise.
fn by_hand(state: &State, search: &Search) -> usize {
    let tree = search.tree();
    let line = search.outcome().map(|outcome| tree.lineage(outcome)).unwrap_or_default();
    let taken: BTreeSet<NodeId> = state.annotations.overrides().map(|choice| choice.value.node).collect();
    let chosen: BTreeSet<NodeId> = search.decisions().iter().filter_map(|decision| decision.chosen).collect();
    let is_a_persons = |node: &NodeId| match tree.get(*node).map(|version| version.node.why) {
        None | Some(Why::Draft | Why::Import) => false,
        // Whoever goes back to what the search chose takes nothing from it.
        Some(Why::Candidate) => taken.contains(node) && !chosen.contains(node),
        Some(_) => true,
    };
    line.iter().filter(|node| is_a_persons(node)).count()
}

fn nll(scorer: &Identity, baseline: Option<&Measures>, initial: Option<&Measures>, last: &Measures) -> Value {
    let part = |m: &Measures| json!({ "nll": m.nll, "ppl": m.ppl });
    json!({
        "scorer": scorer,
        "objective": Objective::Nll,
        "tokens": last.tokens,
        "baseline": baseline.map(part),
        "initial": initial.map(part),
        "final": part(last),
        "gain_nats": baseline.map(|baseline| last.gain(baseline).gain_nats),
    })
}

/// The official clipped score, which is no perplexity and never stands beside one.
fn clipped(scorer: &Identity, baseline: Option<&Measures>, initial: Option<&Measures>, last: &Measures) -> Value {
    let part = |m: &Measures| m.clipped.map(|c| c.nll);
    json!({
        "scorer": scorer,
        "objective": Objective::ReerClipped,
        "tokens": last.clipped.map(|c| c.tokens),
        "baseline": baseline.and_then(part),
        "initial": initial.and_then(part),
        "final": part(last),
    })
}
