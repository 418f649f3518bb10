//! How fast the engine is, beside llama.cpp on the same file and two threads, in turn. Prints; asserts nothing, because
//! machines differ.
//!
//! `RETRACE_LLAMA=FOLDER cargo test --release --test suite speed -- --ignored --nocapture --test-threads 1`, where
//! FOLDER holds `llama-bench` and `llama-server`; without it our own numbers are printed alone. `RETRACE_SPEED_MODEL=0.6B`
//! measures those models only whose name begins so.

mod generating;
mod peer;
mod racing;
mod scoring;
mod starting;
mod steps;
mod weights;
mod whole;
