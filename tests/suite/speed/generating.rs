//! Generation: tokens a second of one sample, one token after the other.

use std::time::Instant;

use retrace::reer::search::Sampling;

use super::peer::LlamaBench;
use super::scoring::{median, open};
use super::weights;

const TOKENS: usize = 64;
/// Rounds of a model: so many at least, and more of a quick one, whose rounds are over before the machine does what it does on
/// average.
const ROUNDS: std::ops::RangeInclusive<usize> = 3..=15;
const SECONDS: f64 = 3.0;

#[tokio::test]
#[ignore = "a bench"]
async fn generates_token_by_token() {
    let peer = LlamaBench::find();
    println!("{:16} {:>10} {:>10} {:>7}", "generation t/s", "ours", "llama.cpp", "ratio");
    for (name, path) in weights::files() {
        let backend = open(&path);
        let sampling = Sampling { temperature: 1.0, top_p: 1.0, top_k: None, min_p: None, max_tokens: TOKENS as u32 };
        let (mut ours, mut theirs, mut ratios, mut spent) = (Vec::new(), Vec::new(), Vec::new(), 0.0);
        for round in 0..=*ROUNDS.end() {
            if round > *ROUNDS.start() && spent > SECONDS {
                break;
            }
            let begun = Instant::now();
            // A seed of its own each round: a sample may end early.
            let answers = backend.continue_ids(vec![1, 2], &[], &[round as u64], &sampling, &|_, _| {}).await.unwrap();
            let seconds = begun.elapsed().as_secs_f64();
            let rate = answers[0].tokens_out as f64 / seconds;
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
