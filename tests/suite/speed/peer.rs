//! llama.cpp's own programs, where `RETRACE_LLAMA` says they are.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Threads that llama.cpp is given; the engine takes all there are.
const THREADS: &str = "2";

/// llama-bench.
pub struct LlamaBench(PathBuf);

impl LlamaBench {
    /// The program, or a word that it is not there.
    pub fn find() -> Option<LlamaBench> {
        let program = std::env::var_os("RETRACE_LLAMA").map(|folder| PathBuf::from(folder).join("llama-bench"));
        if !program.as_ref().is_some_and(|program| program.exists()) {
            println!("RETRACE_LLAMA names no folder with llama-bench: our numbers stand alone");
            return None;
        }
        program.map(LlamaBench)
    }

    /// Tokens a second of evaluating a prompt of `tokens` tokens.
    pub fn prefill(&self, model: &Path, tokens: usize) -> f64 {
        self.rate(model, &["-p", &tokens.to_string(), "-n", "0"])
    }

    /// Tokens a second of generating `tokens` tokens one by one.
    pub fn generation(&self, model: &Path, tokens: usize) -> f64 {
        self.rate(model, &["-p", "0", "-n", &tokens.to_string()])
    }

    /// The command that evaluates a prompt of `tokens` tokens once.
    pub fn command(&self, model: &Path, tokens: usize) -> Command {
        let mut command = Command::new(&self.0);
        command
            .args(["-t", THREADS, "-r", "1", "--no-warmup", "-n", "0", "-p"])
            .arg(tokens.to_string())
            .arg("-m")
            .arg(model);
        command
    }

    fn rate(&self, model: &Path, what: &[&str]) -> f64 {
        let output = Command::new(&self.0)
            .args(["-t", THREADS, "-r", "1", "-o", "json", "-m"])
            .arg(model)
            .args(what)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let told: serde_json::Value = serde_json::from_str(&text)
            .unwrap_or_else(|e| panic!("llama-bench: {e}\n{text}\n{}", String::from_utf8_lossy(&output.stderr)));
        told[0]["avg_ts"].as_f64().unwrap()
    }
}

/// A llama-server of one slot, ended when it is dropped.
pub struct LlamaServer {
    child: Child,
    address: String,
    client: reqwest::Client,
}

impl LlamaServer {
    /// Starts the server beside llama-bench and waits until it has loaded the model.
    pub async fn start(beside: &LlamaBench, model: &Path) -> LlamaServer {
        // Fails only when a provider is there already; the client wants one even for plain HTTP.
        drop(rustls::crypto::ring::default_provider().install_default());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let child = Command::new(beside.0.with_file_name("llama-server"))
            .args(["-t", THREADS, "-c", "4096", "-np", "1", "--port", &port, "-m"])
            .arg(model)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = LlamaServer { child, address: format!("http://127.0.0.1:{port}"), client: reqwest::Client::new() };
        let health = format!("{}/health", server.address);
        while !server.client.get(&health).send().await.is_ok_and(|answer| answer.status().is_success()) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        server
    }

    /// Evaluates a prompt, of which it keeps what it can from the one before.
    pub async fn evaluate(&self, prompt: &[u32]) {
        let body = serde_json::json!({ "prompt": prompt, "n_predict": 1, "cache_prompt": true });
        let answer = self.client.post(format!("{}/completion", self.address)).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }
}

impl Drop for LlamaServer {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
