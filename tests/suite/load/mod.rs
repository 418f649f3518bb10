//! Load: what the client adds to the time that servers take, and how many calls a second it makes. Whole processes against a
//! server that computes nothing; both print.
//!
//! `cargo test --release --test suite load -- --ignored --nocapture --test-threads 1`

mod lean;

use std::io::Read;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use futures::future::join_all;
use retrace::lm::http::client::Patience;
use retrace::lm::http::{Call, Client};
use serde_json::{Value, json};

use self::lean::{Lean, Running};
use crate::cli::House;

/// Short references of two paragraphs: the official score leaves the first out.
fn pairs(house: &House, count: usize) {
    let row = |i: usize| {
        let (query, reference) = (
            format!("Write note {i} about a lamp by the river."),
            format!(
                "Note {i}: the lamp by the river was lit again last night, and nobody who lives along the water can say by \
                 whom, though every one of them has an opinion and most have two.\n\nThe river says nothing of it. It went \
                 past the landing in the dark as it always does, took the light along for as far as the bridge, and gave it \
                 back in pieces to whoever stood there and looked."
            ),
        );
        format!("{}\n", json!({ "id": format!("p{i}"), "query": query, "reference": reference }))
    };
    house.write("pairs.jsonl", &(0..count).map(row).collect::<String>());
}

/// `retrace search` with the paper's preset at `server`, for both roles.
fn search(house: &House, server: &Running, into: &str, more: &[&str]) -> Child {
    let mut command = house.command();
    command.args(["search", "pairs.jsonl", "--into", into, "--preset", "paper", "--json", "--allow-unproven-scorer"]);
    command.args(["--generator", &server.url(), "--scorer", &server.url()]).args(more);
    command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// What it prints, read all along: a report longer than a pipe holds would keep the process from its end.
fn report_of(run: &mut Child) -> JoinHandle<String> {
    let mut out = run.stdout.take().unwrap();
    std::thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).unwrap();
        text
    })
}

const LATENCY: Duration = Duration::from_millis(50);
const SEATS: usize = 64;

/// The least time that the calls can take: all seats full from the first to the last, or one example's calls one after
/// another, whichever is longer.
fn ideal(calls: u64, chain: u64) -> Duration {
    let full = LATENCY.mul_f64(calls as f64 / SEATS as f64);
    full.max(LATENCY * u32::try_from(chain).unwrap())
}

#[test]
#[ignore = "prints ratios; in release, half a minute"]
fn overhead_against_a_server_that_takes_50_ms() {
    let plan = Lean { latency: LATENCY, seats: SEATS, paragraphs: 10, words: 200 };
    for (count, at_once) in [(200, None), (200, Some("200")), (16, None)] {
        let house = House::new();
        pairs(&house, count);
        let server = plan.start();
        let (began, before) = (Instant::now(), worked());
        let more: Vec<&str> = at_once.map(|n| vec!["--concurrency", n]).unwrap_or_default();
        let mut run = search(&house, &server, "out", &more);
        let report = report_of(&mut run);
        // Seats in use, half a second at a time.
        let (mut seats, mut samples) = (Vec::new(), Vec::new());
        while run.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(10));
            samples.push(server.desk.in_flight.load(Ordering::Relaxed).min(SEATS));
            if samples.len() == 50 {
                seats.push(samples.drain(..).sum::<usize>() / 50);
            }
        }
        let took = began.elapsed();
        println!("  seats in use, half a second at a time: {seats:?} of {SEATS}");
        let report: Value = serde_json::from_str(&report.join().unwrap()).unwrap();
        assert_eq!((report["done"].as_u64(), report["failed"].as_u64()), (Some(count as u64), Some(0)), "{report}");
        let steps = report["sessions"].as_array().unwrap().iter().map(|s| s["steps"].as_u64().unwrap()).max().unwrap();
        // A draft and its score, then the texts of a step and their scores.
        let (calls, chain) = (server.desk.calls(), 2 + 2 * steps);
        let (ideal, most) = (ideal(calls, chain), server.desk.most_in_flight.load(Ordering::Relaxed));
        let ratio = took.as_secs_f64() / ideal.as_secs_f64();
        println!(
            "{count} pairs, {} at once: {calls} calls, at most {most} in flight, chain of {chain}; {:.2} s from start to \
             exit, {:.2} s from the first call to the last answer, ideal {:.2} s: {ratio:.3}x; {:.2} s of a processor",
            at_once.unwrap_or("as many as the default says"),
            took.as_secs_f64(),
            server.desk.busy().as_secs_f64(),
            ideal.as_secs_f64(),
            worked().saturating_sub(before).as_secs_f64(),
        );
        let official = official_order(plan, count, at_once.map_or(64, |n| n.parse().unwrap()), steps);
        println!(
            "  the official order, candidates scored one after another: {:.2} s, {:.2}x of ours",
            official.as_secs_f64(),
            official.as_secs_f64() / server.desk.busy().as_secs_f64()
        );
        if !cfg!(debug_assertions) && count == 200 {
            assert!(ratio <= 1.15, "{ratio}");
        }
    }
}

/// The official script's calls against such a server: both texts of a step at once, then their scores one after another.
fn official_order(plan: Lean, pairs: usize, at_once: usize, steps: u64) -> Duration {
    let server = plan.start();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let patience = Patience::default();
    let client = Client::new(server.url().parse().unwrap(), None, patience).unwrap();
    let seats = Arc::new(tokio::sync::Semaphore::new(at_once));
    let prompt: Vec<u32> = (10..300).collect();
    let score = Call::post("/v1/completions", json!({ "prompt": prompt, "prompt_logprobs": 0 }));
    let text = Call::post("/v1/completions", json!({ "prompt": prompt, "stop": ["</refine>"], "stream": true }));
    runtime.block_on(join_all((0..pairs).map(async |_| {
        let _place = seats.acquire().await.unwrap();
        let ask = async |call: &Call| assert!(client.send(call).await.unwrap().is_success());
        ask(&text).await;
        ask(&score).await;
        for _ in 0..steps {
            tokio::join!(ask(&text), ask(&text));
            ask(&score).await;
            ask(&score).await;
        }
    })));
    server.desk.busy()
}

/// What the processes that have ended worked, which tells of the client alone on a machine that does other things too; to a
/// hundredth of a second. Zero where it is not known.
fn worked() -> Duration {
    let status = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // Behind the name, which may hold spaces: the state is the third field, the children's times the 16th and 17th.
    let fields = status.rsplit(')').next().unwrap_or_default().split_whitespace().skip(13).take(2);
    Duration::from_millis(fields.filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>() * 10)
}

/// Kilobytes that a process has in memory.
#[cfg(target_os = "linux")]
fn resident(process: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().trim_end_matches(" kB").parse().ok()
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "prints calls a second and memory; in release, minutes"]
fn twenty_thousand_pairs_with_instant_answers() {
    let count: usize = std::env::var("PAIRS").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000);
    let house = House::new();
    pairs(&house, count);
    let server = Lean { latency: Duration::ZERO, seats: usize::MAX, paragraphs: 1, words: 32 }.start();
    let began = Instant::now();
    let mut run = search(&house, &server, "out", &[]);
    let report = report_of(&mut run);
    let (process, before, mut memory) = (run.id(), worked(), Vec::new());
    while run.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(200));
        memory.extend(resident(process).map(|now| (server.desk.calls(), now)));
    }
    let took = began.elapsed();
    let report: Value = serde_json::from_str(&report.join().unwrap()).unwrap();
    assert_eq!((report["done"].as_u64(), report["failed"].as_u64()), (Some(count as u64), Some(0)));
    let calls = server.desk.calls();
    let rate = calls as f64 / server.desk.busy().as_secs_f64();
    println!(
        "{count} pairs: {calls} calls ({} texts of 32 tokens, {} scores) in {:.1} s, {:.1} s from start to exit: {rate:.0} \
         calls a second; {:.1} s of a processor",
        server.desk.texts.load(Ordering::Relaxed),
        server.desk.scores.load(Ordering::Relaxed),
        server.desk.busy().as_secs_f64(),
        took.as_secs_f64(),
        worked().saturating_sub(before).as_secs_f64()
    );
    let at = |share: f64| memory.iter().rev().find(|(done, _)| *done as f64 <= share * calls as f64).map_or(0, |m| m.1);
    let most = memory.iter().map(|(_, now)| *now).max().unwrap_or(0);
    let [tenth, quarter, half, last] = [0.1, 0.25, 0.5, 0.99].map(at);
    println!(
        "memory: {} MB after a tenth of the calls, {} MB after a quarter, {} MB after half, {} MB at the end, {} MB at most",
        tenth / 1024,
        quarter / 1024,
        half / 1024,
        last / 1024,
        most / 1024
    );
    if !cfg!(debug_assertions) {
        assert!(last < quarter + quarter / 5, "memory grows: {memory:?}");
        assert!(rate > 2000.0, "{rate}");
    }
}
