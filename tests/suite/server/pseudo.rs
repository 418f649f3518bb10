//! A model without weights: log-probabilities by hashing what stands before a token, and answers in the form that the
//! prompts ask for. Both are pure functions, so that runs with and without faults can be compared to the last bit.

use std::collections::HashSet;

use retrace::reer::Language;

use super::model::Writing;
use super::random::{Random, mix};

/// How long the answers are.
#[derive(Debug, Clone, Copy)]
pub struct Pseudo {
    /// Of a draft; a rewrite has one.
    pub paragraphs: usize,
    /// Of a paragraph.
    pub words: usize,
    /// Share of answers that lack the form asked for, 0 to 1.
    pub sloppy: f64,
}

impl Default for Pseudo {
    fn default() -> Pseudo {
        Pseudo { paragraphs: 5, words: 30, sloppy: 0.0 }
    }
}

/// Nats of `ids` from `from` on. Everything before a token decides; a token seen before is likelier, and one that
/// followed the same token before is nearly certain, so that true order scores better than any other.
pub fn logprobs(ids: &[u32], from: usize) -> Vec<f32> {
    let mut seen: HashSet<u64> = HashSet::with_capacity(2 * ids.len());
    let (mut before, mut out) = (0x5EED, Vec::with_capacity(ids.len().saturating_sub(from)));
    for (at, id) in ids.iter().enumerate() {
        let pair = at.checked_sub(1).map(|last| (u64::from(ids[last]) + 1) << 32 | u64::from(*id));
        if at >= from {
            let unit = Random::new(mix(before, u64::from(*id))).unit();
            let nats = match (pair.is_some_and(|pair| seen.contains(&pair)), seen.contains(&u64::from(*id))) {
                (true, _) => 0.02 + 0.4 * unit,
                (false, true) => 1.0 + 4.0 * unit,
                (false, false) => 3.0 + 8.0 * unit,
            };
            out.push(-nats as f32);
        }
        seen.insert(u64::from(*id));
        seen.extend(pair);
        before = mix(before, u64::from(*id));
    }
    out
}

impl Pseudo {
    /// What follows `prompt`, as far as a model would go on if nothing stopped it.
    pub fn continuation(&self, writing: &Writing<'_>, prompt: &str) -> String {
        let begun = writing.prompt.iter().fold(7, |hash, id| mix(hash, u64::from(*id)));
        // Greedy answers are the same whatever the seed.
        let seed = if writing.sampling.temperature > 0.0 { writing.seed } else { 0 };
        let mut random = Random::new(mix(begun, seed));
        let words = words_of(Language::of(prompt));
        if random.unit() < self.sloppy {
            return paragraph(words, self.words, &mut random);
        }
        let draft = |random: &mut Random| {
            let parts: Vec<String> = (0..self.paragraphs).map(|_| paragraph(words, self.words, random)).collect();
            format!("{}\n</think>", parts.join("\n\n"))
        };
        let rewrite = |random: &mut Random| {
            let (why, what) = (paragraph(words, 8, random), paragraph(words, self.words, random));
            format!("{why}\n</analyze>\n<refine>\n{what}\n</refine>")
        };
        if prompt.ends_with("<think>\n") {
            draft(&mut random)
        } else if prompt.ends_with("<analyze>\n") {
            rewrite(&mut random)
        } else if prompt.contains("<segment>") {
            format!("<analyze>\n{}", rewrite(&mut random))
        } else if prompt.contains("<think>") {
            format!("<think>\n{}", draft(&mut random))
        } else {
            paragraph(words, self.words, &mut random)
        }
    }
}

/// Words that thinking may use, and what stands between them and at the end of a sentence.
struct Words {
    list: &'static [&'static str],
    between: &'static str,
    end: &'static str,
}

fn words_of(language: Language) -> &'static Words {
    match language {
        Language::Zh => &Words {
            list: &[
                "我想",
                "先写",
                "那么",
                "也许",
                "灯光",
                "河边",
                "老人",
                "为什么",
                "不对",
                "再想想",
                "声音",
                "清晨",
                "母亲",
                "远处",
                "一封信",
                "慢慢",
                "应该",
                "开头",
                "结尾",
                "这里",
                "孩子",
                "沉默",
                "转折",
                "窗外",
            ],
            between: "",
            end: "。",
        },
        _ => &Words {
            list: &[
                "I", "want", "the", "lamp", "first", "but", "why", "would", "she", "wait", "maybe", "a", "river",
                "quietly", "letter", "should", "come", "before", "after", "that", "turn", "harbour", "and", "then",
                "ending", "slow", "father", "voice", "small", "night", "open", "hmm", "stone", "bread", "to", "leave",
                "unsaid", "keep", "morning", "of", "with", "cold", "window", "think", "about", "it", "again", "plain",
            ],
            between: " ",
            end: ". ",
        },
    }
}

fn paragraph(words: &Words, count: usize, random: &mut Random) -> String {
    let mut out = String::new();
    for at in 0..count {
        let ends = at % 9 == 8 || at + 1 == count;
        out.push_str(words.list[random.below(words.list.len())]);
        out.push_str(if ends { words.end } else { words.between });
    }
    out.trim_end().to_owned()
}
