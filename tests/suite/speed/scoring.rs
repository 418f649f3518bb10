//! Plain scoring: 1,000 tokens of y behind 1,000 of context.

use std::path::Path;
use std::time::Instant;

use retrace::lm::gguf::{Backend, Model};
use retrace::lm::{Passage, Verbatim};

use super::peer::LlamaBench;
use super::weights;
use crate::nearness::backend;

const CONTEXT: usize = 1000;
const TARGET: usize = 1000;
const ROUNDS: usize = 3;

#[tokio::test]
#[ignore = "a bench"]
async fn scores_a_thousand_tokens_behind_a_thousand() {
    let peer = LlamaBench::find();
    println!("{:16} {:>10} {:>10} {:>7}", "tokens/s", "ours", "llama.cpp", "ratio");
    for (name, path) in weights::files() {
        let backend = open(&path);
        let vocabulary = backend.model().tokenizer().len() as u32;
        let ids: Vec<u32> = (0..CONTEXT + TARGET).map(|at| (at as u32 * 7919) % vocabulary.min(9000)).collect();
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let begun = Instant::now();
            let (context, target) = ids.split_at(CONTEXT);
            let passage = |ids| Passage { ids, text: "" };
            let scored = backend.logprobs(passage(context), passage(target), true).await.unwrap();
            let rate = ids.len() as f64 / begun.elapsed().as_secs_f64();
            assert_eq!(scored.logprobs.len(), TARGET);
            let peer = peer.as_ref().map(|peer| peer.prefill(&path, ids.len()));
            // The first round warms both.
            if round > 0 {
                ours.push(rate);
                theirs.extend(peer);
            }
        }
        let (ours, theirs) = (median(ours), median(theirs));
        println!("{name:16} {ours:10.0} {theirs:10.0} {:7.2}", ours / theirs);
    }
}

pub fn open(path: &Path) -> Backend {
    backend(Model::open(path).unwrap())
}

/// NaN for none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
