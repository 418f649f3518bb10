//! The examination of one scorer, told check by check.

use std::time::Instant;

use serde::Serialize;
use tokio::runtime::Handle;

use super::{Known, server};
use crate::cli::Output;
use crate::engine::BackEnds;
use crate::engine::known::KnownServer;
use crate::lm::doctor::{self, Check, Findings, Outcome};
use crate::lm::spec::Spec;

/// What an examination showed.
#[derive(Serialize)]
pub struct Examined {
    scorer: String,
    #[serde(flatten)]
    known: Option<Known>,
    sound: bool,
    #[serde(flatten)]
    findings: Option<Findings>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    /// Why it could not be examined.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// How to start a server of this kind.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    advice: &'static [&'static str],
}

/// Examines a scorer; `watch` hears a line for each check as it is made.
pub fn examined(back_ends: &BackEnds, spec: &Spec, mut watch: impl FnMut(&str)) -> Examined {
    let mut examined = Examined {
        scorer: spec.to_string(),
        known: None,
        sound: false,
        findings: None,
        seconds: None,
        error: None,
        advice: &[],
    };
    watch(&format!("scorer {spec}"));
    let server = match server(back_ends, spec) {
        None => None,
        Some((_, Err(error))) => return Examined { error: Some(error.to_string()), ..examined },
        Some((_, Ok(server))) => {
            let known = Known::of(&server);
            known.lines().iter().for_each(|line| watch(line));
            examined.advice = doctor::advice(server.found().kind);
            examined.known = Some(known);
            if let Some(why) = server.why_no_scorer() {
                return Examined { error: Some(why), ..examined };
            }
            Some(server)
        }
    };
    let scorer = match back_ends.verbatim(spec, back_ends.defaults().search.preset) {
        Ok(scorer) => scorer,
        Err(error) => return Examined { error: Some(error.to_string()), ..examined },
    };
    let began = Instant::now();
    // Checks are told from within the examination, which wants a function that may be called from anywhere.
    let (told, hears) = std::sync::mpsc::channel();
    let runtime = Handle::current();
    let findings = std::thread::scope(|scope| {
        let asking = scope.spawn(move || {
            let tell = move |check: &Check| drop(told.send(line(check)));
            runtime.block_on(doctor::examine(scorer.as_ref(), &tell))
        });
        hears.iter().for_each(|line: String| watch(&line));
        asking.join()
    });
    match findings {
        Ok(Ok(findings)) => {
            if let Some(server) = server
                && let Err(error) = back_ends.known().keep(KnownServer::met(&server).examined(&findings))
            {
                watch(&format!("  what was found cannot be kept: {error}"));
            }
            examined.sound = findings.is_sound();
            examined.seconds = Some(began.elapsed().as_secs_f64());
            examined.findings = Some(findings);
        }
        Ok(Err(error)) => examined.error = Some(error.to_string()),
        Err(_) => examined.error = Some("the examination ended by a fault of the program".to_owned()),
    }
    examined
}

fn line(check: &Check) -> String {
    let outcome = match check.outcome {
        Outcome::Passed => "passed",
        Outcome::Warned => "warned",
        Outcome::Failed => "FAILED",
        Outcome::Skipped => "skipped",
    };
    format!("  {outcome:7}  {:16}  {}", check.name, check.detail)
}

impl Examined {
    pub fn is_sound(&self) -> bool {
        self.sound
    }

    /// The verdict, and what helps.
    pub fn tell(&self, output: &mut Output) {
        match (&self.error, &self.findings) {
            (Some(error), _) => output.line(format_args!("  cannot score: {error}")),
            (None, Some(findings)) if self.sound => output
                .line(format_args!("  sound: its scores can be trusted to {:.5} nats per token", findings.noise_floor)),
            _ => output.line("  unfit: a search refuses this scorer"),
        }
        if !self.advice.is_empty() {
            output.line("  start a server of this kind for scoring so:");
            self.advice.iter().for_each(|line| output.line(format_args!("    {line}")));
        }
    }
}
