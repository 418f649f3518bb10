//! Faults: at the share ordered, the same for the same seed, and each as a client has to take it.

use std::time::Instant;

use retrace::lm::Setback;
use retrace::lm::http::vllm::Vllm;
use retrace::lm::http::{Ask, Keys, Scoring};

use super::*;
use crate::server::{Fate, Faults, Wrong};

fn ask(target: &[u32]) -> Ask<'_> {
    Ask {
        model: "retrace-scorer",
        context: &[5, 6, 7],
        target,
        context_text: "",
        target_text: "",
        affinity: None,
        fresh: false,
    }
}

/// What a client makes of one score.
fn score(server: &Server, client: &Client, target: &[u32]) -> Result<Vec<Option<f32>>, LmError> {
    let ask = ask(target);
    assert_eq!(client.address().to_string(), server.url());
    let reply = block_on(client.send(&Vllm.build(&ask)))?;
    Ok(Vllm.parse(&ask, &reply)?.logprobs)
}

/// A server whose every call meets `fate`.
fn doomed(fate: Fate) -> Server {
    pseudo().faults(Faults::seeded(1).with(fate, 1.0)).start()
}

fn setback(server: &Server) -> Setback {
    match score(server, &patient(server, Duration::from_millis(300)), &[8, 9]) {
        Err(LmError::Passing { setback, .. }) => setback,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_fate_is_what_a_client_meets() {
    for (fate, expected) in [
        (Fate::Error, Setback::Broken),
        (Fate::Busy(Some("7")), Setback::Busy { after: Some(Duration::from_secs(7)) }),
        (Fate::Busy(None), Setback::Busy { after: None }),
        (Fate::BadGateway, Setback::Broken),
        (Fate::EngineDead, Setback::Down),
        (Fate::Hang, Setback::Slow),
        (Fate::Cut, Setback::Broken),
        (Fate::Short, Setback::Broken),
        (Fate::Refuse, Setback::Broken),
    ] {
        let server = doomed(fate);
        assert_eq!(setback(&server), expected, "{fate:?}");
        assert_eq!(server.calls()[0].fate, Some(fate));
        assert_eq!(get(&server, "/v1/models").status, 200, "only what the engine works on meets a fate");
    }
    let denied = doomed(Fate::Denied);
    assert!(matches!(score(&denied, &client(&denied), &[8]), Err(LmError::Denied(_))));
}

#[test]
fn wrong_scores_are_no_scores() {
    for wrong in [
        Wrong::RowMissing,
        Wrong::RowExtra,
        Wrong::Floor,
        Wrong::Sentinel,
        Wrong::DoubleBos,
        Wrong::Ids,
        Wrong::Dropped,
    ] {
        let server = doomed(Fate::Scores(wrong));
        let refused = score(&server, &client(&server), &[8, 9, 10]);
        assert!(matches!(refused, Err(LmError::Invalid(_) | LmError::Unsupported(_))), "{wrong:?}: {refused:?}");
    }
}

#[test]
fn what_looks_right_and_is_not_is_what_it_says() {
    let server = pseudo().start();
    let right = score(&server, &client(&server), &[8, 9, 10]).unwrap();
    let shifted = doomed(Fate::Scores(Wrong::Shifted));
    let shifted = score(&shifted, &client(&shifted), &[8, 9, 10]).unwrap();
    assert_eq!(shifted, [right[1], right[2], right[2]]);
    let zeros = doomed(Fate::Scores(Wrong::Zeros));
    let reply =
        post(&zeros, "/v1/completions", serde_json::from_str(&Vllm.build(&ask(&[8, 9])).body.unwrap()).unwrap())
            .unwrap();
    assert_eq!(read(&reply)["choices"][0]["prompt_logprobs"][4]["9"]["logprob"], 0.0);
}

#[test]
fn noise_has_the_size_ordered_and_comes_anew_with_every_call() {
    let target: Vec<u32> = (8..400).collect();
    let clear = pseudo().start();
    let clear = score(&clear, &client(&clear), &target).unwrap();
    let far = |server: &Server| -> Vec<f64> {
        let noisy = score(server, &client(server), &target).unwrap();
        noisy.iter().zip(&clear).map(|(a, b)| f64::from(a.unwrap() - b.unwrap())).collect()
    };
    let server = || pseudo().faults(Faults::seeded(3).noisy(0.02)).start();
    let (one, other) = (server(), server());
    let (first, second) = (far(&one), far(&one));
    let spread = (first.iter().map(|d| d * d).sum::<f64>() / first.len() as f64).sqrt();
    assert!((0.017..0.023).contains(&spread), "{spread}");
    assert_ne!(first, second);
    assert_eq!([first, second], [far(&other), far(&other)], "a seed gives one row of answers");
}

/// Statuses of so many different scores, one call after another.
fn statuses(server: &Server, calls: u32) -> Vec<u16> {
    let client = client(server);
    block_on(async {
        let mut statuses = Vec::new();
        for call in 0..calls {
            statuses.push(client.send(&Vllm.build(&ask(&[call + 10, 9]))).await.map_or(0, |reply| reply.status));
        }
        statuses
    })
}

#[test]
fn faults_come_at_the_share_ordered_whatever_the_order_of_calls() {
    let server = |seed| {
        pseudo()
            .faults(
                Faults::seeded(seed).with(Fate::Error, 0.05).with(Fate::Busy(Some("1")), 0.02).with(Fate::Cut, 0.03),
            )
            .start()
    };
    let (one, same, other) = (server(1), server(1), server(2));
    let first = statuses(&one, 600);
    let share = |status: u16| first.iter().filter(|own| **own == status).count();
    // Three standard deviations around 30, 12 and 18 of 600.
    assert!(
        (14..=46).contains(&share(500)) && (2..=22).contains(&share(429)) && (6..=30).contains(&share(0)),
        "{first:?}"
    );
    assert_eq!(statuses(&same, 300), first[..300]);
    assert_ne!(statuses(&other, 600), first);
    let again = statuses(&one, 600);
    assert_ne!(again, first, "a call that comes again has another fate");
    assert_eq!(one.calls()[600].before, 1);
    let failed = first.iter().zip(&again).filter(|(a, b)| **a != 200 && **b != 200).count();
    assert!(failed < 20, "{failed} calls failed twice");
}

#[test]
fn streams_break_and_fail_in_the_middle() {
    let mut body = completion(&json!("The ferry\n<think>\n"), 100);
    body["stream"] = json!(true);
    let whole = events(&pseudo().start(), "/v1/completions", body.clone()).0;
    let (cut, fault) = events(&doomed(Fate::Cut), "/v1/completions", body.clone());
    assert!(matches!(fault, Some(LmError::Passing { setback: Setback::Broken, .. })), "{fault:?}");
    assert!(!cut.is_empty() && cut.len() < whole.len());
    let (told, fault) = events(&doomed(Fate::Refuse), "/v1/completions", body.clone());
    assert_eq!(fault, None);
    assert!(told.last().unwrap().contains("something broke") && told.len() == whole.len() / 2 + 1);
    let busy = events(&doomed(Fate::Busy(None)), "/v1/completions", body).1;
    assert!(matches!(busy, Some(LmError::Passing { setback: Setback::Busy { .. }, .. })));
}

#[test]
fn a_dead_engine_lives_again_after_so_many_calls() {
    for (server, path) in
        [(pseudo().start(), "/v1/completions"), (Server::sglang().pseudo(Pseudo::default()).start(), "/generate")]
    {
        server.engine_dies(3);
        assert_eq!(get(&server, "/health").status, 503);
        let body =
            json!({ "prompt": [5], "input_ids": [5], "max_tokens": 1, "sampling_params": { "max_new_tokens": 1 } });
        let statuses = [(); 3].map(|()| post(&server, path, body.clone()).unwrap().status);
        assert_eq!(statuses, [500, 500, 200]);
        assert_eq!(get(&server, "/health").status, 200);
    }
}

#[test]
fn a_server_that_is_stopped_cuts_its_calls_and_comes_back_where_it_was() {
    let (mut server, other) = (doomed(Fate::Hang), pseudo().start());
    let (url, waiting) = (server.url(), client(&server));
    let call = std::thread::spawn(move || block_on(waiting.send(&Vllm.build(&ask(&[8])))));
    while server.in_flight() == 0 {
        std::thread::yield_now();
    }
    server.stop();
    let broken = call.join().unwrap();
    assert!(matches!(broken, Err(LmError::Passing { setback: Setback::Broken, .. })), "{broken:?}");
    assert_eq!((setback(&server), server.in_flight()), (Setback::Down, 0));
    assert!(score(&other, &client(&other), &[8]).is_ok(), "the other goes on");
    server.set_faults(Faults::default());
    server.restart();
    assert_eq!((server.url(), server.count("/v1/completions")), (url, 1));
    assert!(score(&server, &client(&server), &[8]).is_ok());
    server.clear();
    assert_eq!((server.calls().len(), server.most_in_flight()), (0, 0));
}

#[test]
fn calls_beyond_the_seats_wait() {
    let latency = Duration::from_millis(20);
    let server = pseudo().pace(latency, 4).forgetful().start();
    let (client, begun) = (client(&server), Instant::now());
    let calls = (0..20u32).map(|call| {
        let call = Vllm.build(&ask(&[call]));
        let client = client.clone();
        async move { client.send(&call).await.unwrap().status }
    });
    let statuses = block_on(futures::future::join_all(calls));
    assert!(statuses.iter().all(|status| *status == 200));
    assert!(begun.elapsed() >= latency * 5);
    assert!((5..=20).contains(&server.most_in_flight()), "{}", server.most_in_flight());
    assert_eq!((server.calls().len(), server.count("/v1/completions")), (0, 20));
}

#[test]
fn a_key_opens_the_door() {
    let server = pseudo().key("sk-ours").start();
    assert!(matches!(score(&server, &client(&server), &[8]), Err(LmError::Denied(_))));
    assert_eq!(get(&server, "/v1/models").status, 401);
    let key = Keys::new(|_| None, [("127.0.0.1".to_owned(), "sk-ours".to_owned())].into()).of("127.0.0.1");
    let known = Client::new(server.url().parse().unwrap(), key, Patience::default()).unwrap();
    assert!(score(&server, &known, &[8]).is_ok());
    assert_eq!(server.calls()[2].authorization.as_deref(), Some("Bearer sk-ours"));
}
