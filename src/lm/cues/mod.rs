//! The rule-based baseline: plans made of the reference's own key phrases, in English and Chinese.
//!
//! It sees y, as every generator of this search does, and names what y names; it never repeats more than six words
//! (nine Chinese characters) of y in a row. Deterministic by seed. It does not read a user's instruction.

mod carried;
mod compose;
mod dice;
mod draft;
mod fence;
mod lexicon;
mod refine;
mod source;
mod terms;
mod tone;
mod voice;

use std::collections::HashSet;

use async_trait::async_trait;

use self::compose::Composer;
use self::dice::Dice;
use self::fence::Fence;
use self::refine::{Rewrite, Site, Strategy};
use self::source::Source;
use self::terms::Breadth;
use super::{Generator, LmError, Request, Sample, Sink, Task};
use crate::reer::search::Refusal;
use crate::reer::{Example, Identity, Language, SegmentId, Trajectory};

/// The rule-based generator.
#[derive(Debug, Clone)]
pub struct Cues {
    identity: Identity,
}

impl Default for Cues {
    fn default() -> Cues {
        Cues::new()
    }
}

impl Cues {
    /// The rules of this version.
    pub fn new() -> Cues {
        Cues { identity: Identity { kind: "cues".to_owned(), model: "cues/1".to_owned(), revision: None } }
    }

    /// A first trajectory: segments separated by blank lines.
    pub fn draft(&self, example: &Example, seed: u64) -> Result<String, Refusal> {
        let room = Room::new(example);
        let mut composer = room.composer(seed, "");
        let text = draft::draft(&room.source, &mut composer, example.language);
        if text.is_empty() { Err(Refusal::Empty) } else { Ok(text) }
    }

    /// A rewrite of `segment`, with what it does to it. Slots choose among four strategies.
    pub fn rewrite(
        &self,
        example: &Example,
        trajectory: &Trajectory,
        segment: SegmentId,
        slot: u32,
        seed: u64,
    ) -> Result<(String, String), Refusal> {
        let at = trajectory.position(segment).ok_or(Refusal::Missing)?;
        let segments: Vec<&str> = trajectory.segments.iter().map(|s| s.text.trim()).collect();
        let room = Room::new(example);
        let site = Site {
            source: &room.source,
            text: segments[at],
            part: room.source.parts(&segments)[at].clone(),
            spoken: refine::spoken_in(&segments),
            next: segments.get(at + 1).copied().unwrap_or_default(),
        };
        let before = at.checked_sub(1).map_or("", |before| segments[before]);
        let mut strategy = Strategy::of(slot);
        for _ in 0..4 {
            let rewrite = site.rewrite(strategy, &mut room.composer(seed, before));
            if !rewrite.text.is_empty() && rewrite.text != segments[at] {
                return Ok((rewrite.text.clone(), analysis(strategy, &rewrite, example.language)));
            }
            strategy = strategy.next();
        }
        Err(Refusal::Same)
    }
}

/// One sentence for the person who looks at the candidate.
fn analysis(strategy: Strategy, rewrite: &Rewrite, language: Language) -> String {
    let (doing, with) = match (language, strategy) {
        (Language::En, Strategy::Add) => ("Adds to what is there", ": "),
        (Language::En, Strategy::Sharpen) => ("Names things more exactly", "; new: "),
        (Language::En, Strategy::Reorder) => ("Puts everything in the order in which it comes up", "; new: "),
        (Language::En, Strategy::Question) => ("Questions the plan", "; new: "),
        (Language::Zh, Strategy::Add) => ("补充", "："),
        (Language::Zh, Strategy::Sharpen) => ("说得更具体", "；新增："),
        (Language::Zh, Strategy::Reorder) => ("按出现的先后重排", "；新增："),
        (Language::Zh, Strategy::Question) => ("加以追问", "；新增："),
    };
    let (comma, stop) = if language == Language::Zh { ("、", "。") } else { (", ", ".") };
    match rewrite.news.is_empty() {
        true => format!("{doing}{stop}"),
        false => format!("{doing}{with}{}{stop}", rewrite.news.join(comma)),
    }
}

/// What the rules need of one example.
struct Room<'a> {
    language: Language,
    source: Source<'a>,
    fence: Fence,
    query: Source<'a>,
}

/// Words of requests that say nothing of their subject.
const TASK_WORDS: &str = "write story short essay letter explain describe tell tells piece text paragraph words poem \
    article please scene about make give create compose draft using include style 写 一篇 一个 关于 短文 故事 文章 请写 \
    描写 介绍 解释 说明 作文 散文 小说 篇关 一封 封信";

impl<'a> Room<'a> {
    fn new(example: &'a Example) -> Room<'a> {
        let reference = example.scored_reference();
        Room {
            language: example.language,
            source: Source::new(reference, &example.query),
            fence: Fence::new(reference),
            query: Source::new(&example.query, ""),
        }
    }

    /// A composer whose words follow `before`.
    fn composer(&self, seed: u64, before: &str) -> Composer<'_> {
        let mut dice = Dice::new(seed);
        let avoid: HashSet<String> = TASK_WORDS.split_whitespace().map(str::to_owned).collect();
        let all = 0..self.query.units.len();
        let phrases = self.query.terms(all, 3, Breadth::Wide, &avoid, &mut dice);
        let phrases = phrases.into_iter().filter(|term| term.thing).map(|term| term.text).collect();
        Composer::new(self.language, &self.fence, dice, before).with_query(phrases)
    }
}

#[async_trait]
impl Generator for Cues {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    async fn generate(&self, request: &Request<'_>, sink: Sink<'_>) -> Result<Vec<Sample>, LmError> {
        let mut samples = Vec::with_capacity(request.seeds.len());
        for (at, (&seed, &slot)) in request.seeds.iter().zip(request.slots).enumerate() {
            let (text, analysis) = match &request.task {
                Task::Draft => (self.draft(request.example, seed), None),
                Task::Refine { trajectory, segment, .. } => {
                    match self.rewrite(request.example, trajectory, *segment, slot, seed) {
                        Ok((text, analysis)) => (Ok(text), Some(analysis)),
                        Err(refusal) => (Err(refusal), None),
                    }
                }
            };
            if let Ok(text) = &text {
                sink(at, text);
            }
            samples.push(Sample { text, analysis, raw: None, tokens_in: 0, tokens_out: 0 });
        }
        Ok(samples)
    }
}
