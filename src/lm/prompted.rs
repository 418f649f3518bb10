//! A generator made of a text model: asks in the words of the prompts, parses strictly what comes back.

use std::sync::Arc;

use async_trait::async_trait;

use super::prompts::{Kind, Prompts};
use super::{Complete, CompletionRequest, Generator, LmError, Message, Request, Sample, Sink, Task, rewrite};
use crate::reer::{Identity, SegmentId, Trajectory};

/// A [`Generator`] over any [`Complete`].
#[derive(Debug, Clone)]
pub struct Prompted<C> {
    model: C,
    prompts: Arc<Prompts>,
}

impl<C: Complete> Prompted<C> {
    /// Asks `model` in the words of `prompts`.
    pub fn new(model: C, prompts: Arc<Prompts>) -> Prompted<C> {
        Prompted { model, prompts }
    }

    fn question(&self, request: &Request<'_>) -> String {
        let example = request.example;
        let (query, reference) =
            (("query", Some(example.query.trim())), ("reference", Some(example.scored_reference())));
        match &request.task {
            Task::Draft => self.prompts.fill(example.language, Kind::Draft, &[query, reference]),
            Task::Refine { trajectory, segment, instruction } => {
                let marked = marked(trajectory, *segment);
                let values = [query, reference, ("trajectory", Some(&*marked)), ("instruction", *instruction)];
                self.prompts.fill(example.language, Kind::Refine, &values)
            }
        }
    }
}

/// The text of z with one segment between `<segment>` tags.
fn marked(trajectory: &Trajectory, segment: SegmentId) -> String {
    let parts: Vec<String> = trajectory
        .segments
        .iter()
        .map(|s| match s.id == segment {
            true => format!("<segment>\n{}\n</segment>", s.text.trim()),
            false => s.text.trim().to_owned(),
        })
        .collect();
    parts.join("\n\n")
}

#[async_trait]
impl<C: Complete> Generator for Prompted<C> {
    fn identity(&self) -> &Identity {
        self.model.identity()
    }

    async fn generate(&self, request: &Request<'_>, sink: Sink<'_>) -> Result<Vec<Sample>, LmError> {
        let (prefill, stop) = match request.task {
            Task::Draft => ("<think>\n", "</think>"),
            Task::Refine { .. } => ("<analyze>\n", "</refine>"),
        };
        let current = request.target_segment().map(|s| s.text.as_str());
        if matches!(request.task, Task::Refine { .. }) && current.is_none() {
            return Err(LmError::Unsupported("the segment to rewrite is not in the trajectory".to_owned()));
        }
        let messages = [Message { role: "user", content: self.question(request) }];
        let asked = CompletionRequest {
            messages: &messages,
            prefill,
            stop: &[stop],
            seeds: request.seeds,
            sampling: request.sampling,
            affinity: Some(&request.example.id),
        };
        let answers = self.model.complete(&asked, sink).await?;
        let samples = answers.into_iter().map(|answer| {
            let whole = format!("{prefill}{}", answer.text);
            let parsed = match current {
                None => rewrite::draft(&whole, answer.finished),
                Some(current) => rewrite::rewrite(&whole, answer.finished, current),
            };
            Sample {
                text: parsed.text,
                analysis: parsed.analysis,
                raw: parsed.dropped.then_some(answer.text),
                tokens_in: answer.tokens_in,
                tokens_out: answer.tokens_out,
                tokens_cached: answer.tokens_cached,
            }
        });
        Ok(samples.collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::lm::Completion;
    use crate::reer::search::{Config, Preset, Refusal};
    use crate::reer::{Example, Language, Segment};

    /// Answers what it is given and remembers what it was asked.
    struct Fixed {
        identity: Identity,
        answers: Vec<(&'static str, bool)>,
        asked: Mutex<Vec<(String, String, Vec<String>)>>,
    }

    impl Fixed {
        fn new(answers: &[(&'static str, bool)]) -> Fixed {
            let identity = Identity { kind: "gguf".to_owned(), model: "fixed".to_owned(), revision: None };
            Fixed { identity, answers: answers.to_vec(), asked: Mutex::default() }
        }
    }

    #[async_trait]
    impl Complete for Fixed {
        fn identity(&self) -> &Identity {
            &self.identity
        }

        async fn complete(&self, request: &CompletionRequest<'_>, sink: Sink<'_>) -> Result<Vec<Completion>, LmError> {
            let stop = request.stop.iter().map(|s| (*s).to_owned()).collect();
            let question = request.messages.iter().map(|m| m.content.clone()).collect();
            self.asked.lock().unwrap().push((question, request.prefill.to_owned(), stop));
            let answer = |(at, (text, finished)): (usize, &(&str, bool))| {
                sink(at, text);
                let (text, finished) = ((*text).to_owned(), *finished);
                Completion { text, finished, tokens_in: 9, tokens_out: 3, tokens_cached: 4 }
            };
            Ok(self.answers.iter().take(request.seeds.len()).enumerate().map(answer).collect())
        }
    }

    fn example(language: Language) -> Example {
        Example {
            id: "a".to_owned(),
            query: "Write about {reference}.".to_owned(),
            reference: "\nThe lamp burned.\n".to_owned(),
            language,
            category: None,
            meta: serde_json::Map::new(),
        }
    }

    fn block<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn a_draft_is_asked_for_in_the_examples_language() {
        let model = Prompted::new(Fixed::new(&[("I want the lamp.\n", true)]), Arc::default());
        let (example, config) = (example(Language::Zh), Config::preset(Preset::Retrace));
        let request = Request {
            example: &example,
            task: Task::Draft,
            step: 0,
            seeds: &[1],
            slots: &[0],
            sampling: &config.sampling,
        };
        let streamed = Mutex::new(String::new());
        let samples = block(model.generate(&request, &|_, piece| streamed.lock().unwrap().push_str(piece))).unwrap();
        assert_eq!(samples[0].text, Ok("I want the lamp.".to_owned()));
        assert_eq!((samples[0].raw.as_ref(), samples[0].tokens_in, samples[0].tokens_out), (None, 9, 3));
        assert_eq!(*streamed.lock().unwrap(), "I want the lamp.\n");
        let asked = model.model.asked.lock().unwrap();
        let (question, prefill, stop) = &asked[0];
        assert!(
            question.contains("Write about {reference}.") && question.contains("<文章>\nThe lamp burned.\n</文章>")
        );
        assert_eq!((prefill.as_str(), stop.as_slice()), ("<think>\n", &["</think>".to_owned()][..]));
    }

    #[test]
    fn each_sample_of_a_rewrite_is_judged_by_itself() {
        let answers = [
            ("Vague.\n</analyze>\n<refine>\nHer father's lamp.\n", true),
            ("Vague.\n</analyze>\n<refine>\nHer fa", false),
            ("I would keep it.", true),
            ("</analyze><refine>The lamp.", true),
        ];
        let model = Prompted::new(Fixed::new(&answers), Arc::default());
        let (example, config) = (example(Language::En), Config::preset(Preset::Retrace));
        let segment = |id: u32, text: &str| Segment { id: SegmentId(id), text: text.to_owned() };
        let trajectory = Trajectory { segments: vec![segment(4, "First."), segment(2, "The lamp.")] };
        let task = |instruction| Task::Refine { trajectory: &trajectory, segment: SegmentId(2), instruction };
        let request = |task| Request {
            example: &example,
            task,
            step: 3,
            seeds: &[1, 2, 3, 4],
            slots: &[0, 1, 2, 3],
            sampling: &config.sampling,
        };
        let samples = block(model.generate(&request(task(Some("be brief"))), &|_, _| {})).unwrap();
        let texts: Vec<_> = samples.iter().map(|s| s.text.clone()).collect();
        let refused = |r| Err::<String, _>(r);
        assert_eq!(
            texts,
            [
                Ok("Her father's lamp.".to_owned()),
                refused(Refusal::Truncated),
                refused(Refusal::Missing),
                refused(Refusal::Same)
            ]
        );
        assert_eq!(samples[0].analysis.as_deref(), Some("Vague."));
        assert_eq!(samples[2].raw.as_deref(), Some("I would keep it."));
        let question = model.model.asked.lock().unwrap()[0].0.clone();
        assert!(question.contains("First.\n\n<segment>\nThe lamp.\n</segment>\n</thinking>"));
        assert!(question.contains("asks of this rewrite: be brief"));
        block(model.generate(&request(task(None)), &|_, _| {})).unwrap();
        assert!(!model.model.asked.lock().unwrap()[1].0.contains("asks of this rewrite"));
    }
}
