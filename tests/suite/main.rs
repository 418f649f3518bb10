//! The integration tests: one binary, one module a subject.

mod architecture;
mod bench;
mod cli;
mod desk;
mod engine;
mod frames;
mod generator;
mod gguf;
mod killed;
mod model;
mod proposers;
mod pty;
mod recorded;
mod samples;
mod servers;
mod session;
