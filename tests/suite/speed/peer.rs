//! llama.cpp's own programs, where `RETRACE_LLAMA` says they are.

use std::path::{Path, PathBuf};
use std::process::Command;

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
