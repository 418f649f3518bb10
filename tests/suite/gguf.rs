//! The in-process engine against two peers on the same files, and against itself: cache, batches, sampling, faults.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use retrace::lm::FramePiece;
use retrace::lm::gguf::{Backend, GgufError, Model};
use retrace::lm::{Complete, CompletionRequest, Context, LmError, Message, Scorer, TokenLogprobs, score_raw};
use retrace::reer::search::Sampling;
use retrace::reer::{Example, Language};
use serde::Deserialize;

use crate::nearness::{Distance, proof_of_the_bundled_model};

/// Random-weight files made by `make.py` beside them.
const FILES: [&str; 6] = ["llama-f16", "llama-spm", "qwen2-f16", "qwen3-f16", "qwen3-q8_0", "llama-q4_k_m"];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/gguf").join(name)
}

fn open(name: &str) -> Backend {
    backend(Model::open(&fixture(&format!("{name}.gguf"))).unwrap())
}

fn backend(model: Model) -> Backend {
    let context = |example: &Example, z: &str| {
        let text = |text: &str| FramePiece::Text(text.to_owned());
        let markup = |text: &str| FramePiece::Markup(text.to_owned());
        Ok(vec![text(&example.query), markup("<think>\n"), text(z), markup("\n</think>\n\n")])
    };
    let conversation =
        |messages: &[Message]| Ok(messages.iter().map(|m| FramePiece::Text(m.content.clone())).collect());
    Backend::new(model, Arc::new(context), Arc::new(conversation))
}

fn example(query: &str, reference: &str) -> Example {
    Example {
        id: "1".to_owned(),
        query: query.to_owned(),
        reference: reference.to_owned(),
        language: Language::En,
        category: None,
        meta: serde_json::Map::new(),
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

#[derive(Deserialize)]
struct Proof {
    cases: Vec<Case>,
}

/// One text behind another, and what each peer says of it, in nats a token.
#[derive(Deserialize)]
struct Case {
    name: String,
    context: String,
    text: String,
    context_ids: Vec<u32>,
    text_ids: Vec<u32>,
    #[serde(alias = "logprobs")]
    torch: Vec<Option<f64>>,
    llama_cpp: Vec<Option<f64>>,
}

/// How far the engine may be from a peer, in nats: at the worst token, over all tokens of a file's texts on average,
/// and the mean of a passage.
struct Limits {
    worst: f64,
    average: f64,
    mean: f64,
}

const F16: Limits = Limits { worst: 0.02, average: 0.02, mean: 0.02 };
/// For a peer that quantises activations: two correct engines differ by as much on weights this random.
const QUANTISED: Limits = Limits { worst: 0.35, average: 0.08, mean: 0.03 };

/// Checks a file against the log-probabilities beside it, PyTorch's and llama.cpp's.
fn agrees_with_peers(model: &Model, proof: &Path, torch: &Limits, llama_cpp: &Limits) {
    let proof: Proof = serde_json::from_str(&std::fs::read_to_string(proof).unwrap()).unwrap();
    assert!(!proof.cases.is_empty());
    let backend = backend(model.clone());
    let (mut sums, mut tokens) = ([0.0; 2], 0);
    for case in proof.cases {
        let at = format!("{}, {}", model.identity().model, case.name);
        let raw = block_on(score_raw(&backend, &case.context, &case.text)).unwrap();
        assert_eq!(raw.ids, case.text_ids, "{at}: tokens");
        assert_eq!(raw.context_ids, case.context_ids, "{at}: tokens of the context");
        tokens += raw.ids.len();
        let peers = [("PyTorch", case.torch, torch), ("llama.cpp", case.llama_cpp, llama_cpp)];
        for ((peer, want, limits), sum) in peers.into_iter().zip(&mut sums) {
            assert_eq!(raw.logprobs.len(), want.len());
            let pairs = raw.logprobs.iter().zip(&want);
            assert!(pairs.clone().all(|(got, want)| got.is_some() == want.is_some()), "{at}");
            let far: Vec<f64> = pairs.filter_map(|(got, want)| Some(f64::from((*got)?) - (*want)?)).collect();
            let count = far.len() as f64;
            let worst = far.iter().fold(0f64, |worst, d| worst.max(d.abs()));
            let total = far.iter().map(|d| d.abs()).sum::<f64>();
            *sum += total;
            let average = total / count;
            let mean = (far.iter().sum::<f64>() / count).abs();
            let line = format!("{at}, {peer}: worst {worst:.4}, average {average:.4}, mean {mean:.4}");
            println!("{line}");
            assert!(worst <= limits.worst && mean <= limits.mean, "{line}");
        }
    }
    for (sum, limits) in sums.into_iter().zip([torch, llama_cpp]) {
        let average = sum / tokens as f64;
        assert!(average <= limits.average, "{}: {average:.4} on average", model.identity().model);
    }
}

#[test]
fn log_probabilities_are_the_peers() {
    for name in FILES {
        let model = Model::open(&fixture(&format!("{name}.gguf"))).unwrap();
        let llama_cpp = if name.ends_with("f16") || name.ends_with("spm") { F16 } else { QUANTISED };
        agrees_with_peers(&model, &fixture(&format!("{name}.json")), &F16, &llama_cpp);
    }
}

#[test]
fn the_bundled_model_has_its_peers_log_probabilities() {
    let proof = proof_of_the_bundled_model();
    let cases = serde_json::from_str::<Proof>(&std::fs::read_to_string(&proof).unwrap()).unwrap().cases;
    let fewest = cases.iter().map(|case| case.text_ids.len()).min().unwrap();
    let Distance { worst, average, mean, .. } = Distance::of_rounding().allowed(fewest);
    println!("rounding activations to 8 bits leads as far as {}", Distance::of_rounding());
    agrees_with_peers(&retrace::lm::bundled::model().unwrap(), &proof, &F16, &Limits { worst, average, mean });
}

fn contexts(thoughts: &[String]) -> Vec<Context> {
    thoughts.iter().map(|z| Context::Thinking { z: z.clone() }).collect()
}

/// Log-probabilities of y behind each z, all in one call.
fn together(backend: &Backend, example: &Example, thoughts: &[String]) -> Vec<(Vec<f32>, usize)> {
    block_on(async {
        let target = backend.tokenize(example).await.unwrap();
        let scored = backend.score(example, &target, &contexts(thoughts), &|_, _| {}).await;
        scored.into_iter().map(|s| s.map(|s| (s.logprobs, s.cached_tokens)).unwrap()).collect()
    })
}

const QUERY: &str = "Tell the story of a ferry that left late, and why nobody on the quay minded.";
const REFERENCE: &str = "\n\nThe ferry left late because the pilot had forgotten his lamp.\n\n渡船晚开了。\n";

#[test]
fn candidates_cost_only_what_they_do_not_share() {
    let backend = open("llama-f16");
    let example = example(QUERY, REFERENCE);
    let start = "First I need to say where we are. Then, why does the lamp matter? ";
    let thoughts: Vec<String> = ["Let me think.", "The dog slept.", "灯"].map(|end| format!("{start}{end}")).into();
    let first = together(&backend, &example, &thoughts);
    let shared = backend.model().tokenizer().encode(&format!("{QUERY}<think>\n{start}")).unwrap().ids.len();
    let cached: Vec<usize> = first.iter().map(|(_, cached)| *cached).collect();
    assert_eq!(cached.iter().filter(|c| **c == 0).count(), 1, "one pays for the shared part: {cached:?}");
    assert!(cached.iter().filter(|c| **c + 12 > shared).count() == 2, "the others do not: {cached:?} of {shared}");
    let again = together(&backend, &example, &thoughts);
    assert!(again.iter().all(|(_, cached)| *cached + 12 > shared));
    for ((a, _), (b, _)) in first.iter().zip(&again) {
        assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-4));
    }
}

#[test]
fn y_is_scored_without_its_outer_white_space() {
    let backend = open("qwen2-f16");
    let example = example(QUERY, REFERENCE);
    let target = block_on(backend.tokenize(&example)).unwrap();
    assert_eq!(target.spans.first().unwrap().start, 0);
    assert_eq!(target.spans.last().unwrap().end, example.scored_reference().len());
    assert_eq!(together(&backend, &example, &[String::new()])[0].0.len(), target.tokens.len());
}

#[test]
fn control_tokens_are_markup_only_where_the_frame_says_so() {
    let backend = open("qwen3-f16");
    let tokenizer = backend.model().tokenizer();
    let think = tokenizer.encode_markup("<think>", true).unwrap().ids;
    assert_eq!(think.len(), 1);
    let plain = tokenizer.encode("a <think> b").unwrap();
    assert!(!plain.ids.contains(&think[0]));
    assert_eq!(tokenizer.decode(&plain.ids), "a <think> b");
    let markup = tokenizer.encode_markup("a <think> b", true).unwrap();
    assert_eq!((markup.ids[1..].contains(&think[0]), markup.spans.len()), (true, markup.ids.len()));
}

#[test]
fn what_does_not_fit_the_context_is_refused_and_the_rest_is_scored() {
    let backend = open("qwen2-f16");
    let example = example(QUERY, REFERENCE);
    block_on(async {
        let target = backend.tokenize(&example).await.unwrap();
        let thoughts = ["short".to_owned(), "ferry ".repeat(600)];
        let scored = backend.score(&example, &target, &contexts(&thoughts), &|_, _| {}).await;
        assert!(scored[0].is_ok());
        assert!(matches!(scored[1], Err(LmError::TooLong { have, limit: Some(512) }) if have > 512), "{:?}", scored[1]);
        let text = "lamp ".repeat(600);
        assert!(matches!(score_raw(&backend, "", &text).await, Err(LmError::TooLong { .. })));
        let refused = backend.complete(&request(&user(&text), &[1], &[], &sampling(5)), &|_, _| ()).await;
        assert!(matches!(refused, Err(LmError::TooLong { .. })));
    });
}

#[test]
fn each_answer_is_told_once_as_it_is_returned() {
    let backend = open("qwen2-f16");
    let example = example(QUERY, REFERENCE);
    let mut thoughts: Vec<String> = (2..8).map(|n| format!("{n} {}", "ferry ".repeat(40 * n))).collect();
    thoughts.insert(2, "ferry ".repeat(600));
    let told = Mutex::new(Vec::new());
    let returned = block_on(async {
        let target = backend.tokenize(&example).await.unwrap();
        let tell = |place: usize, answer: &Result<TokenLogprobs, LmError>| {
            told.lock().unwrap().push((place, format!("{answer:?}")));
        };
        backend.score(&example, &target, &contexts(&thoughts), &tell).await
    });
    let mut told = told.into_inner().unwrap();
    assert_eq!(told[0].0, 2, "what does not fit is known before anything is evaluated");
    told.sort();
    let returned: Vec<_> = returned.iter().map(|answer| format!("{answer:?}")).enumerate().collect();
    assert_eq!(told, returned);
}

#[test]
fn nothing_predicts_a_first_token_without_bos() {
    let raw = block_on(score_raw(&open("qwen2-f16"), "", "The lamp")).unwrap();
    assert!(raw.logprobs[0].is_none() && raw.logprobs[1..].iter().all(Option::is_some));
    let raw = block_on(score_raw(&open("llama-f16"), "", "The lamp")).unwrap();
    assert!(raw.logprobs.iter().all(Option::is_some));
    let raw = block_on(score_raw(&open("llama-f16"), "The lamp", "")).unwrap();
    assert!(raw.logprobs.is_empty());
}

#[test]
fn a_dropped_call_leaves_the_scorer_usable() {
    let backend = open("llama-f16");
    let example = example(QUERY, REFERENCE);
    let alone = together(&backend, &example, &["a plan".to_owned()]);
    block_on(async {
        let target = backend.tokenize(&example).await.unwrap();
        let given_up = contexts(&["another plan ".repeat(20)]);
        let call = backend.score(&example, &target, &given_up, &|_, _| {});
        // Polled once: the evaluation has begun, then its future goes away.
        assert!(futures::poll!(Box::pin(call)).is_pending());
    });
    assert_eq!(together(&backend, &example, &["a plan".to_owned()])[0].0, alone[0].0);
}

fn user(text: &str) -> Vec<Message> {
    vec![Message { role: "user", content: text.to_owned() }]
}

fn sampling(max_tokens: u32) -> Sampling {
    Sampling { temperature: 0.9, top_p: 0.95, top_k: None, min_p: None, max_tokens }
}

fn request<'a>(
    messages: &'a [Message],
    seeds: &'a [u64],
    stop: &'a [&'a str],
    sampling: &'a Sampling,
) -> CompletionRequest<'a> {
    CompletionRequest { messages, prefill: "", stop, seeds, sampling, affinity: None }
}

/// Texts, streamed texts and whether each answer was finished.
fn complete(backend: &Backend, seeds: &[u64], stop: &[&str], sampling: &Sampling) -> Vec<(String, String, bool)> {
    let streamed = Mutex::new(vec![String::new(); seeds.len()]);
    let sink = |sample: usize, piece: &str| streamed.lock().unwrap()[sample].push_str(piece);
    let messages = user("The harbour master told a story about");
    let answers = block_on(backend.complete(&request(&messages, seeds, stop, sampling), &sink)).unwrap();
    let streamed = streamed.lock().unwrap().clone();
    answers.into_iter().zip(streamed).map(|(a, s)| (a.text, s, a.finished)).collect()
}

#[test]
fn samples_depend_on_their_seed_alone_and_stream_what_they_say() {
    for name in ["llama-f16", "qwen3-q8_0", "qwen2-f16"] {
        let backend = open(name);
        let three = complete(&backend, &[1, 2, 3], &[], &sampling(40));
        for (seed, sample) in [1, 2, 3].into_iter().zip(&three) {
            assert_eq!(complete(&backend, &[seed], &[], &sampling(40))[0], *sample, "{name}, seed {seed}");
            assert_eq!(sample.0, sample.1, "{name}: what is streamed is what is returned");
        }
        // The random weights of one of the files leave little to chance: two of three seeds may agree.
        assert!(three.iter().any(|sample| sample.0 != three[0].0), "{name}: {three:?}");
    }
}

#[test]
fn an_answer_ends_before_a_stop_string_or_at_its_limit() {
    let backend = open("llama-f16");
    let (text, _, finished) = complete(&backend, &[5], &[], &sampling(60)).remove(0);
    assert!(!finished, "the token limit is no end");
    // A stop that begins in the middle of the answer and spans several tokens of it.
    let middle = text.char_indices().nth(text.chars().count() / 2).unwrap().0;
    let stop: String = text[middle..].chars().take(7).collect();
    let first = text.find(&stop).unwrap();
    let (cut, streamed, finished) = complete(&backend, &[5], &[&stop], &sampling(60)).remove(0);
    assert_eq!((cut.as_str(), streamed.as_str(), finished), (&text[..first], &text[..first], true));
}

#[test]
fn the_end_of_the_context_cuts_an_answer_off() {
    let backend = open("llama-f16");
    let messages = user(&"The ferry left late. ".repeat(38));
    let sampling = sampling(5000);
    let answer = block_on(backend.complete(&request(&messages, &[1], &[], &sampling), &|_, _| ())).unwrap().remove(0);
    assert!(answer.finished || answer.tokens_in + answer.tokens_out == 512, "{answer:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn the_cache_changes_no_score(
        file in prop::sample::select(vec!["llama-f16", "qwen2-f16", "qwen3-q8_0", "llama-q4_k_m"]),
        words in prop::collection::vec("[a-z]{1,6}[ .\n]|灯|🏮", 1..80),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), "[a-z ]{0,30}"), 1..7),
    ) {
        let example = example(QUERY, REFERENCE);
        let cached = open(file);
        let variants = |cuts: &[(prop::sample::Index, String)]| -> Vec<String> {
            cuts.iter().map(|(at, other)| words[..at.index(words.len() + 1)].concat() + other).collect()
        };
        // Two calls, so that the second finds what the first left behind.
        for half in cuts.chunks(cuts.len().div_ceil(2)) {
            let thoughts = variants(half);
            for ((got, _), z) in together(&cached, &example, &thoughts).into_iter().zip(thoughts) {
                let plain = together(&open(file), &example, &[z]).remove(0);
                prop_assert_eq!(plain.1, 0);
                for (got, want) in got.iter().zip(&plain.0) {
                    prop_assert!((got - want).abs() <= 1e-4, "{}: {} is not {}", file, got, want);
                }
            }
        }
    }

    #[test]
    fn tokens_give_the_text_back_and_cover_it(
        file in prop::sample::select(FILES.to_vec()),
        text in "(\\PC|[ \n\t\u{e9}\u{301}山🙂]|<think>|<s>){0,60}",
    ) {
        let model = Model::open(&fixture(&format!("{file}.gguf"))).unwrap();
        let encoded = model.tokenizer().encode(&text).unwrap();
        prop_assert_eq!(model.tokenizer().decode(&encoded.ids), text.clone());
        prop_assert_eq!(encoded.ids.len(), encoded.spans.len());
        let mut end = 0;
        for span in &encoded.spans {
            prop_assert!(text.is_char_boundary(span.start) && text.is_char_boundary(span.end));
            prop_assert!(span.start <= end && span.end >= end, "no gap before {span:?}");
            end = span.end;
        }
        prop_assert_eq!(end, text.len());
    }
}

/// The fault of a file with these bytes.
fn fault(bytes: &[u8]) -> GgufError {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    match Model::open(file.path()) {
        Err(error) => error,
        Ok(_) => panic!("the file opened"),
    }
}

fn one_line(error: &GgufError, says: &[&str]) {
    let line = error.to_string();
    assert!(!line.contains('\n') && says.iter().all(|part| line.contains(part)), "{line}");
}

#[test]
fn a_file_that_is_no_model_is_refused_in_one_line() {
    one_line(&fault(b""), &["not a GGUF file", "empty"]);
    one_line(&fault(b"PK\x03\x04 and more"), &["not a GGUF file", "PK\\x03\\x04"]);
    let missing = Model::open(Path::new("/nowhere/model.gguf")).err().unwrap();
    one_line(&missing, &["/nowhere/model.gguf", "cannot be read"]);
    one_line(&Model::open(Path::new(env!("CARGO_MANIFEST_DIR"))).err().unwrap(), &["not a regular file"]);
}

#[test]
fn a_truncated_file_is_refused_wherever_it_ends() {
    let whole = std::fs::read(fixture("qwen2-f16.gguf")).unwrap();
    for length in (5..whole.len()).step_by(whole.len() / 60).chain([whole.len() - 1]) {
        let error = fault(&whole[..length]);
        assert!(matches!(error, GgufError::Damaged { .. }), "{length}: {error}");
        one_line(&error, &["damaged or truncated"]);
    }
}

/// A fixture with the first `from` in its bytes replaced by `to`, of the same length.
fn patched(name: &str, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = std::fs::read(fixture(name)).unwrap();
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    bytes[at..at + to.len()].copy_from_slice(to);
    bytes
}

#[test]
fn what_the_engine_cannot_compute_is_named() {
    let unknown = fault(&patched("qwen2-f16.gguf", b"qwen2", b"gemma"));
    one_line(&unknown, &["`gemma` is not supported", "llama, qwen2 and qwen3"]);
    let key = fault(&patched("qwen2-f16.gguf", b"qwen2.block_count", b"qwen2.black_count"));
    one_line(&key, &["qwen2.block_count is missing"]);
    let tensor = fault(&patched("qwen2-f16.gguf", b"blk.1.ffn_up.weight", b"blk.1.ffn_xx.weight"));
    one_line(&tensor, &["blk.1.ffn_up.weight is missing"]);
    let cut = fault(&patched("llama-f16.gguf", b"llama-bpe", b"other-bpe"));
    one_line(&cut, &["the pre-tokenizer `other-bpe` is not supported"]);
    let mut bytes = std::fs::read(fixture("qwen2-f16.gguf")).unwrap();
    let name = b"blk.0.ffn_up.weight";
    let at = bytes.windows(name.len()).position(|window| window == name).unwrap() + name.len();
    // Behind the name: the number of dimensions (4 bytes), two sizes (8 each), then the type.
    bytes[at + 20..at + 24].copy_from_slice(&99u32.to_le_bytes());
    one_line(&fault(&bytes), &["quantisation", "not supported"]);
}

#[test]
fn a_model_says_who_it_is() {
    let model = Model::open(&fixture("qwen3-f16.gguf")).unwrap();
    let identity = model.identity();
    assert_eq!((identity.kind.as_str(), identity.model.as_str()), ("gguf", "qwen3-f16"));
    let bytes = std::fs::read(fixture("qwen3-f16.gguf")).unwrap();
    assert_eq!(identity.revision.as_deref(), Some(&blake3::hash(&bytes).to_hex()[..16]));
    assert!(model.chat_template().unwrap().contains("<|im_start|>"));
    let ends: Vec<_> = model.tokenizer().special().ends.iter().map(|id| model.tokenizer().spelling(*id)).collect();
    assert_eq!(ends, [Some("<|end|>"), Some("<|im_end|>")]);
}
