//! Retrace: a workbench for REverse-Engineered Reasoning (REER, arXiv 2509.06160).
//!
//! The rooms, from the ground up; a room uses only rooms below it:
//! [`text`] → [`reer`] → [`settings`] → [`session`] → [`lm`] → [`engine`] → [`app`] → [`tui`] → [`cli`].
//!
//! What the in-process engine of [`lm`] computes is a package of its own beside them, `transformer`.

#![deny(unsafe_code)]

pub mod app;
pub mod cli;
pub mod engine;
pub mod lm;
pub mod reer;
pub mod session;
pub mod settings;
pub mod text;
pub mod tui;
