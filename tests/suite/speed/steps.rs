//! A search step: four candidates for the sixth of twelve segments, scored together behind what the step before left in
//! the cache, beside each scored alone from nothing, and beside llama-server with its own reuse of the prompt before.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use retrace::lm::gguf::{Backend, Model};
use retrace::lm::{Context, FramePiece, Passage, Scorer, Verbatim};
use retrace::reer::{Example, Language};

use super::peer::{LlamaBench, LlamaServer};
use super::scoring::median;
use super::weights;

const CANDIDATES: usize = 4;
const SEGMENTS: usize = 12;
const EDITED: usize = 6;
/// Tokens of a segment, of the query and of y, about.
const TOKENS: [usize; 3] = [25, 40, 300];
/// Steps of a model: so many, or fewer of a slow one.
const STEPS: std::ops::RangeInclusive<usize> = 2..=5;
const SECONDS: u64 = 60;

#[tokio::test]
#[ignore = "a bench"]
async fn a_step_costs_its_distinct_tokens() {
    let peer = LlamaBench::find();
    println!("a step of {CANDIDATES} candidates, in milliseconds");
    println!(
        "{:16} {:>8} {:>8} {:>7} {:>7} {:>9} {:>12} {:>9}",
        "", "plain", "step", "gain", "bound", "of bound", "llama-server", "apart"
    );
    for (name, path) in weights::files() {
        let server = match &peer {
            Some(peer) => Some(LlamaServer::start(peer, &path).await),
            None => None,
        };
        let Times { plain, step, served, bound, apart } = measure(&path, server.as_ref()).await;
        let gain = plain / step;
        let of_bound = gain / bound;
        println!(
            "{name:16} {:8.0} {:8.0} {gain:7.2} {bound:7.2} {of_bound:9.2} {:12.0} {apart:9.1e}",
            plain * 1e3,
            step * 1e3,
            served * 1e3
        );
    }
}

/// Medians in seconds, plain tokens over distinct ones, and how far the two scores of a candidate were apart at most, in nats a
/// token.
struct Times {
    plain: f64,
    step: f64,
    served: f64,
    bound: f64,
    apart: f64,
}

async fn measure(path: &Path, server: Option<&LlamaServer>) -> Times {
    let context = |example: &Example, z: &str| Ok(vec![FramePiece::Text(format!("{}\n{z}", example.query))]);
    let backend = Backend::new(Model::open(path).unwrap(), Arc::new(context), Arc::new(|_| unreachable!()));
    // Of the random models most tokens are single letters.
    let sample = backend.encode(&words(1, 100), true).await.unwrap().tokens.len();
    let [segment, query, reference] = TOKENS.map(|tokens| tokens * 100 / sample);
    let example = Example {
        id: "1".to_owned(),
        query: words(1, query),
        reference: words(2, reference),
        language: Language::En,
        category: None,
        meta: serde_json::Map::new(),
    };
    let target = backend.tokenize(&example).await.unwrap();
    let mut segments: Vec<String> = (0..SEGMENTS).map(|at| words(10 + at as u64, segment)).collect();
    let (mut plain, mut step, mut served, mut bound) = (Vec::new(), Vec::new(), Vec::new(), f64::NAN);
    let mut apart = 0f64;
    let current = vec![Context::Thinking { z: segments.concat() }];
    backend.score(&example, &target, &current, &|_, _| {}).await;
    let all = Instant::now();
    for round in 0..*STEPS.end() {
        if round >= *STEPS.start() && all.elapsed().as_secs() > SECONDS {
            break;
        }
        let thoughts: Vec<String> = (0..CANDIDATES)
            .map(|candidate| {
                segments[EDITED] = words((100 + round * CANDIDATES + candidate) as u64, segment);
                segments.concat()
            })
            .collect();
        let contexts: Vec<Context> = thoughts.iter().map(|z| Context::Thinking { z: z.clone() }).collect();
        let begun = Instant::now();
        let together = backend.score(&example, &target, &contexts, &|_, _| {}).await;
        step.push(begun.elapsed().as_secs_f64());
        let together: Vec<_> = together.into_iter().map(Result::unwrap).collect();
        let tokens: usize = together.iter().map(|answer| answer.prompt_tokens).sum();
        bound = tokens as f64 / (tokens - together.iter().map(|answer| answer.cached_tokens).sum::<usize>()) as f64;
        let (mut alone, mut theirs) = (0.0, 0.0);
        for (z, together) in thoughts.iter().zip(&together) {
            let text = backend.encode(&format!("{}\n{z}", example.query), true).await.unwrap();
            let ids: Vec<u32> = backend.bos().into_iter().chain(text.tokens).collect();
            let passage = |ids| Passage { ids, text: "" };
            let begun = Instant::now();
            let answer = backend.logprobs(passage(&ids), passage(&target.tokens), true).await.unwrap();
            alone += begun.elapsed().as_secs_f64();
            let by_token: Vec<f32> = answer.logprobs.iter().zip(&together.logprobs).map(|(a, b)| a - b).collect();
            let most = by_token.iter().fold(0f32, |most, apart| most.max(apart.abs()));
            let mean = f64::from(by_token.iter().sum::<f32>().abs()) / by_token.len() as f64;
            assert!(most < 1e-4 || mean < backend.noise_floor(), "apart by {mean} a token, {most} at most");
            apart = apart.max(mean);
            if let Some(server) = server {
                let begun = Instant::now();
                server.evaluate(&[ids, target.tokens.clone()].concat()).await;
                theirs += begun.elapsed().as_secs_f64();
            }
        }
        plain.push(alone);
        if server.is_some() {
            served.push(theirs);
        }
        // The last candidate is the version that the next step begins with.
        let current = vec![Context::Thinking { z: segments.concat() }];
        backend.score(&example, &target, &current, &|_, _| {}).await;
    }
    Times { plain: median(plain), step: median(step), served: median(served), bound, apart }
}

/// Words in an order that `seed` decides.
fn words(seed: u64, count: usize) -> String {
    const WORDS: &str = "the ferry left late and nobody on quay minded because pilot had forgotten his lamp again";
    let words: Vec<&str> = WORDS.split(' ').collect();
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        words[(state % words.len() as u64) as usize]
    };
    (0..count).flat_map(|_| [next(), " "]).collect()
}
