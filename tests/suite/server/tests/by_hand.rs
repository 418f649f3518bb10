//! A server to try by hand from a terminal; not a test.
//!
//! `RETRACE_PORT=8000 RETRACE_FACE=sglang RETRACE_PSEUDO=1 cargo test --test suite server::tests::by_hand -- --ignored --nocapture`

use super::*;

#[test]
#[ignore = "serves until it is killed"]
fn by_hand() {
    let variable = |name: &str| std::env::var(format!("RETRACE_{name}")).ok();
    let plan = match variable("FACE").as_deref() {
        Some("sglang") => Server::sglang(),
        Some("chat") => Server::chat(),
        _ => Server::vllm(),
    };
    let plan = if variable("PSEUDO").is_some() { plan.pseudo(Pseudo::default()) } else { plan };
    let port = variable("PORT").and_then(|port| port.parse().ok()).unwrap_or(8000);
    let latency = variable("LATENCY_MS").and_then(|ms| ms.parse().ok()).unwrap_or(0);
    let server = plan.port(port).pace(Duration::from_millis(latency), 64).forgetful().start();
    println!("{}", server.url());
    loop {
        std::thread::park();
    }
}
