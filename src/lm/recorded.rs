//! Generator answers from a file, for hand-written sessions and tests.
//!
//! One JSON object a line: `{"purpose":"draft"|"refine","step":N,"segment":P,"texts":[...]}`. `step` is the search
//! step, from 1; `segment` the position of the segment in the current trajectory, from 0. A line without one of
//! them answers for every one; the line that says most wins, then the earlier. `texts` holds one answer a slot (for
//! drafts, one a restart): the text itself, or a whole answer in tags, which is parsed as a model's would be. A slot
//! beyond the last text is a missing answer; a place without a line is an error.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use serde::Deserialize;

use super::{Generator, LmError, Request, Sample, Sink, Task, rewrite};
use crate::reer::search::Refusal;
use crate::reer::{Identity, Trajectory};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Purpose {
    Draft,
    Refine,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    purpose: Purpose,
    step: Option<u32>,
    segment: Option<usize>,
    texts: Vec<String>,
}

/// Why a file of answers cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordedError {
    #[error("{}: {}", path.display(), crate::text::unreadable(source))]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{path}, line {line}: {cause}", path = path.display())]
    Line { path: PathBuf, line: usize, cause: String },
    #[error("{path}: there are no answers in it", path = path.display())]
    Empty { path: PathBuf },
}

type Key = (Purpose, Option<u32>, Option<usize>);

/// A generator that looks its answers up.
#[derive(Debug, Clone)]
pub struct Recorded {
    identity: Identity,
    answers: HashMap<Key, Vec<String>>,
}

impl Recorded {
    /// Reads a file of answers.
    ///
    /// # Errors
    /// A file that cannot be read or holds nothing; a line that is no answer, by its number.
    pub fn open(path: &Path) -> Result<Recorded, RecordedError> {
        let owned = || path.to_owned();
        let text =
            std::fs::read_to_string(path).map_err(|source| RecordedError::Unreadable { path: owned(), source })?;
        let mut answers = HashMap::new();
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let fault = |cause: String| RecordedError::Line { path: owned(), line: at + 1, cause };
            let line: Line = serde_json::from_str(line).map_err(|e| fault(e.to_string()))?;
            if line.texts.is_empty() {
                return Err(fault("texts is empty; give at least one answer".to_owned()));
            }
            answers.entry((line.purpose, line.step, line.segment)).or_insert(line.texts);
        }
        if answers.is_empty() {
            return Err(RecordedError::Empty { path: owned() });
        }
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let revision = blake3::hash(text.as_bytes()).to_hex()[..16].to_owned();
        let identity = Identity { kind: "recorded".to_owned(), model: name, revision: Some(revision) };
        Ok(Recorded { identity, answers })
    }

    fn find(&self, purpose: Purpose, step: u32, segment: Option<usize>) -> Option<&[String]> {
        [(Some(step), segment), (Some(step), None), (None, segment), (None, None)]
            .into_iter()
            .find_map(|(step, segment)| self.answers.get(&(purpose, step, segment)))
            .map(Vec::as_slice)
    }
}

fn sample(text: &str, current: Option<&str>) -> Sample {
    let tagged = text.contains(if current.is_some() { "<refine>" } else { "<think>" });
    let (parsed, analysis, dropped) = match (tagged, current) {
        (true, None) => {
            let parsed = rewrite::draft(text, true);
            (parsed.text, parsed.analysis, parsed.dropped)
        }
        (true, Some(current)) => {
            let parsed = rewrite::rewrite(text, true, current);
            (parsed.text, parsed.analysis, parsed.dropped)
        }
        (false, current) => (plain(text.trim(), current), None, false),
    };
    Sample::free(parsed, analysis, dropped.then(|| text.to_owned()))
}

fn plain(text: &str, current: Option<&str>) -> Result<String, Refusal> {
    match text {
        "" => Err(Refusal::Empty),
        _ if Trajectory::admit(text).is_err() => Err(Refusal::Tag),
        _ if current.is_some_and(|current| current.trim() == text) => Err(Refusal::Same),
        _ => Ok(text.to_owned()),
    }
}

#[async_trait]
impl Generator for Recorded {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    async fn generate(&self, request: &Request<'_>, sink: Sink<'_>) -> Result<Vec<Sample>, LmError> {
        let (purpose, segment, place) = match &request.task {
            Task::Draft => (Purpose::Draft, None, "the draft".to_owned()),
            Task::Refine { trajectory, segment, .. } => {
                let at = trajectory.position(*segment);
                let shown = at.map_or_else(|| "none".to_owned(), |at| at.to_string());
                (Purpose::Refine, at, format!("refine, step {}, segment {shown}", request.step))
            }
        };
        let Some(texts) = self.find(purpose, request.step, segment) else {
            let file = &self.identity.model;
            return Err(LmError::Unsupported(format!("{file} has no answer for {place}; add a line for it")));
        };
        let current = request.target_segment().map(|s| s.text.as_str());
        let samples = request.slots.iter().enumerate().map(|(at, slot)| match texts.get(*slot as usize) {
            Some(text) => {
                sink(at, text);
                sample(text, current)
            }
            None => Sample::free(Err(Refusal::Missing), None, None),
        });
        Ok(samples.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reer::search::{Config, Preset};
    use crate::reer::{Example, Language, Segment, SegmentId};

    fn open(text: &str) -> Result<Recorded, RecordedError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.jsonl");
        std::fs::write(&path, text).unwrap();
        Recorded::open(&path)
    }

    /// What the file answers at a step for the segment at a position; position 9 is a draft.
    fn ask(recorded: &Recorded, step: u32, at: u32, slots: &[u32]) -> Result<Vec<Sample>, LmError> {
        let example = Example {
            id: "a".to_owned(),
            query: "q".to_owned(),
            reference: "r".to_owned(),
            language: Language::En,
            category: None,
            meta: serde_json::Map::new(),
        };
        let segment = |id: u32| Segment { id: SegmentId(id + 10), text: format!("old {id}") };
        let trajectory = Trajectory { segments: (0..3).map(segment).collect() };
        let config = Config::preset(Preset::Retrace);
        let task = match at {
            9 => Task::Draft,
            at => Task::Refine { trajectory: &trajectory, segment: SegmentId(at + 10), instruction: None },
        };
        let seeds = vec![0; slots.len()];
        let request = Request { example: &example, task, step, seeds: &seeds, slots, sampling: &config.sampling };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(recorded.generate(&request, &|_, _| {}))
    }

    fn texts(samples: &[Sample]) -> Vec<Result<&str, Refusal>> {
        samples.iter().map(|s| s.text.as_deref().map_err(|refusal| *refusal)).collect()
    }

    const FILE: &str = concat!(
        "{\"purpose\":\"draft\",\"texts\":[\"one\",\"<think>two</think> and more\"]}\n\n",
        "{\"purpose\":\"refine\",\"texts\":[\"any\"]}\n",
        "{\"purpose\":\"refine\",\"segment\":1,\"texts\":[\"second\"]}\n",
        "{\"purpose\":\"refine\",\"step\":4,\"texts\":[\"at four\", \" old 0 \", \"<refine>old 0</refine>\", \"a </think>\"]}\n",
        "{\"purpose\":\"refine\",\"step\":4,\"segment\":1,\"texts\":[\"<analyze>why</analyze><refine>new</refine>\"]}\n",
        "{\"purpose\":\"refine\",\"step\":4,\"segment\":1,\"texts\":[\"too late\"]}\n",
    );

    #[test]
    fn the_line_that_says_most_answers() {
        let recorded = open(FILE).unwrap();
        for (step, at, expected) in [(1, 0, "any"), (1, 1, "second"), (4, 2, "at four"), (4, 1, "new")] {
            assert_eq!(texts(&ask(&recorded, step, at, &[0]).unwrap()), [Ok(expected)], "step {step}, segment {at}");
        }
        assert_eq!(ask(&recorded, 4, 1, &[0]).unwrap()[0].analysis.as_deref(), Some("why"));
        assert_eq!(recorded.identity().model, "answers.jsonl");
    }

    #[test]
    fn a_slot_gets_its_own_text_also_when_asked_alone() {
        let recorded = open(FILE).unwrap();
        assert_eq!(texts(&ask(&recorded, 0, 9, &[1]).unwrap()), [Ok("two")]);
        let all = ask(&recorded, 4, 0, &[0, 1, 2, 3, 4]).unwrap();
        let same = Err(Refusal::Same);
        assert_eq!(texts(&all), [Ok("at four"), same, same, Err(Refusal::Tag), Err(Refusal::Missing)]);
    }

    #[test]
    fn faults_name_file_line_and_place() {
        let message = |text: &str| open(text).unwrap_err().to_string();
        assert!(
            message("{\"purpose\":\"draft\",\"texts\":[\"a\"]}\n{\"purpose\":\"sing\"}")
                .contains("answers.jsonl, line 2: ")
        );
        assert!(message("{\"purpose\":\"draft\",\"texts\":[]}").contains("line 1: texts is empty"));
        assert!(message("{\"purpose\":\"draft\",\"texts\":[\"a\"],\"stpe\":1}").contains("stpe"));
        assert!(message("\n").contains("no answers"));
        let recorded = open("{\"purpose\":\"refine\",\"step\":1,\"texts\":[\"a\"]}").unwrap();
        let error = ask(&recorded, 2, 1, &[0]).unwrap_err().to_string();
        assert!(error.contains("answers.jsonl has no answer for refine, step 2, segment 1"), "{error}");
        assert!(ask(&recorded, 0, 9, &[0]).unwrap_err().to_string().contains("the draft"));
    }
}
