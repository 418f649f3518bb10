//! The integration tests: one binary, one module a subject.

mod architecture;
mod bench;
mod cli;
mod cluster;
mod desk;
mod doctor;
mod engine;
mod frames;
mod generator;
mod gguf;
mod killed;
mod load;
mod model;
mod nearness;
mod proposers;
mod pty;
mod pupil;
mod real_servers;
mod recorded;
mod samples;
mod served;
mod server;
mod session;
mod speed;
