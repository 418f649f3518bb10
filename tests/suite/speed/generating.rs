//! Generation: tokens a second of one sample, one token after the other, behind the prompt and the first token: llama-bench
//! counts so too.

use std::time::Instant;

use retrace::lm::gguf::Backend;
use retrace::reer::search::Sampling;

use super::peer::LlamaBench;
use super::scoring::{median, open};
use super::weights;

const TOKENS: usize = 64;
/// Rounds of a model: so many at least, and more of a quick one, whose rounds are over before the machine does what it does on
/// average.
const ROUNDS: std::ops::RangeInclusive<usize> = 3..=15;
const SECONDS: f64 = 3.0;

/// The tokens of a sample of so many at most, and the seconds that it took.
async fn written(backend: &Backend, seed: u64, max_tokens: usize) -> (usize, f64) {
    let max_tokens = max_tokens as u32;
    let sampling = Sampling { temperature: 1.0, top_p: 1.0, top_k: None, min_p: None, max_tokens };
    let begun = Instant::now();
    let answers = backend.continue_ids(vec![1, 2], &[], &[seed], &sampling, &|_, _| {}).await.unwrap();
    (answers[0].tokens_out, begun.elapsed().as_secs_f64())
}

#[tokio::test]
#[ignore = "a bench"]
async fn generates_token_by_token() {
    let peer = LlamaBench::find();
    println!("{:16} {:>10} {:>10} {:>7}", "generation t/s", "ours", "llama.cpp", "ratio");
    for (name, path) in weights::files() {
        let backend = open(&path);
        let (mut ours, mut theirs, mut ratios, mut spent) = (Vec::new(), Vec::new(), Vec::new(), 0.0);
        for round in 0..=*ROUNDS.end() {
            if round > *ROUNDS.start() && spent > SECONDS {
                break;
            }
            // A seed of its own each round: a sample may end early.
            let (_, first) = written(&backend, round as u64, 1).await;
            let (tokens, seconds) = written(&backend, round as u64, TOKENS).await;
            let rate = (tokens - 1) as f64 / (seconds - first);
            let peer = peer.as_ref().map(|peer| peer.generation(&path, TOKENS));
            if round > 0 {
                spent += seconds;
                ours.push(rate);
                ratios.extend(peer.map(|peer| rate / peer));
                theirs.extend(peer);
            }
        }
        println!("{name:16} {:10.1} {:10.1} {:7.2}", median(ours), median(theirs), median(ratios));
    }
}
