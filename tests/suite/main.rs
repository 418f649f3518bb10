//! The integration tests: one binary, one module a subject.

mod architecture;
mod cli;
mod engine;
mod model;
mod session;
