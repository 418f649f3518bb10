//! Generation: tokens a second of one sample, one token after the other.

use std::time::Instant;

use retrace::reer::search::Sampling;

use super::peer::LlamaBench;
use super::scoring::{median, open};
use super::weights;

const TOKENS: usize = 64;
const ROUNDS: usize = 3;

#[tokio::test]
#[ignore = "a bench"]
async fn generates_token_by_token() {
    let peer = LlamaBench::find();
    println!("{:16} {:>10} {:>10} {:>7}", "generation t/s", "ours", "llama.cpp", "ratio");
    for (name, path) in weights::files() {
        let backend = open(&path);
        let sampling = Sampling { temperature: 1.0, top_p: 1.0, top_k: None, min_p: None, max_tokens: TOKENS as u32 };
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let begun = Instant::now();
            // A seed of its own each round: a sample may end early.
            let answers = backend.continue_ids(vec![1, 2], &[], &[round as u64], &sampling, &|_, _| {}).await.unwrap();
            let rate = answers[0].tokens_out as f64 / begun.elapsed().as_secs_f64();
            let peer = peer.as_ref().map(|peer| peer.generation(&path, TOKENS));
            if round > 0 {
                ours.push(rate);
                theirs.extend(peer);
            }
        }
        let (ours, theirs) = (median(ours), median(theirs));
        println!("{name:16} {ours:10.1} {theirs:10.1} {:7.2}", ours / theirs);
    }
}
