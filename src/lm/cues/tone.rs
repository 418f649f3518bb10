//! What can truly be said about how y is written: lengths, person, questions, speech, numbers.

use super::lexicon;
use super::source::Source;
use crate::reer::Language;

/// Traits of y that hold; each is worded in the patterns of both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trait {
    ShortSentences,
    LongSentences,
    MixedSentences,
    FirstPerson,
    Addressed,
    Speech,
    Questions,
    Numbers,
    ShortParagraphs,
    OneParagraph,
    Names,
    Lists,
}

impl Trait {
    pub const ALL: [Trait; 12] = [
        Trait::ShortSentences,
        Trait::LongSentences,
        Trait::MixedSentences,
        Trait::FirstPerson,
        Trait::Addressed,
        Trait::Speech,
        Trait::Questions,
        Trait::Numbers,
        Trait::ShortParagraphs,
        Trait::OneParagraph,
        Trait::Names,
        Trait::Lists,
    ];
}

/// The traits of y, most telling first.
pub(super) fn traits(source: &Source<'_>) -> Vec<Trait> {
    let text = source.text;
    let lengths = sentence_lengths(source);
    let mean = lengths.iter().sum::<f64>() / lengths.len().max(1) as f64;
    let spread = (lengths.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / lengths.len().max(1) as f64).sqrt();
    let share = |of: &[&str]| {
        let hits = source.units.iter().filter(|u| of.contains(&u.word.folded.as_str())).count();
        hits as f64 / source.units.len().max(1) as f64
    };
    let paragraphs = text.split("\n\n").filter(|p| !p.trim().is_empty()).count();
    let words = source.length(0..source.units.len());
    let speech = text.matches(['\u{201C}', '\u{300C}']).count() + text.matches('"').count() / 2;
    let names = source.units.iter().filter(|u| u.name && !u.first).count();
    let listed = text.lines().filter(|line| line.trim_start().starts_with(['-', '*', '•'])).count();
    let spoken = speech >= 3;
    let judged = [
        (lengths.len() > 2 && mean < 11.0, Trait::ShortSentences),
        (lengths.len() > 2 && mean > 24.0, Trait::LongSentences),
        (lengths.len() > 3 && (11.0..=24.0).contains(&mean) && spread > 8.0, Trait::MixedSentences),
        (share(&["i", "my", "me", "我"]) > 0.02, Trait::FirstPerson),
        (!spoken && share(&["you", "your", "你", "您"]) > 0.012, Trait::Addressed),
        (spoken, Trait::Speech),
        (text.matches(['?', '？']).count() >= 2, Trait::Questions),
        (source.units.iter().filter(|u| lexicon::is_number(&u.word.folded)).count() >= 3, Trait::Numbers),
        (listed >= 3, Trait::Lists),
        (paragraphs > 3 && words / (paragraphs as f64) < 45.0, Trait::ShortParagraphs),
        (paragraphs == 1 && words > 60.0, Trait::OneParagraph),
        (names >= 3, Trait::Names),
    ];
    judged.into_iter().filter(|(holds, _)| *holds).map(|(_, found)| found).collect()
}

/// Lengths of y's sentences in words.
fn sentence_lengths(source: &Source<'_>) -> Vec<f64> {
    let starts: Vec<usize> = (0..source.units.len()).filter(|at| source.units[*at].first).collect();
    let ends = starts.iter().skip(1).copied().chain([source.units.len()]);
    starts.iter().zip(ends).map(|(start, end)| source.length(*start..end)).collect()
}

/// How a trait is said, by language.
pub(super) fn wording(found: Trait, language: Language) -> &'static [&'static str] {
    match language {
        Language::En => english(found),
        Language::Zh => chinese(found),
    }
}

fn english(found: Trait) -> &'static [&'static str] {
    match found {
        Trait::ShortSentences => &[
            "Short sentences, I think: say it, stop, say the next thing.",
            "I keep the sentences short here, so that nothing gets explained away.",
            "No long breath in this; a few words and a full stop.",
        ],
        Trait::LongSentences => &[
            "The sentences can run long here, clause upon clause, as long as they keep their balance.",
            "I want long sentences for this, the kind that take their time to arrive.",
            "Let it unroll slowly; a long sentence suits this better than three quick ones.",
        ],
        Trait::MixedSentences => &[
            "A long sentence, then a short one; I want that unevenness.",
            "The rhythm should vary: something that rolls on, and then a plain stop.",
            "I let one sentence wander and cut the one after it short.",
        ],
        Trait::FirstPerson => &[
            "It has to come from an \"I\", somebody who is in it and not above it.",
            "I stay in the first person; this is a voice, not a report.",
            "The one who tells it says \"I\" and does not pretend to know more than that.",
        ],
        Trait::Addressed => &[
            "I speak straight to \"you\" here; it should feel like being taken aside.",
            "Better to address the reader as \"you\" than to talk about people in general.",
            "There's a \"you\" in this, and I keep turning toward it.",
        ],
        Trait::Speech => &[
            "People should talk here, in few words, and I needn't say how they say it.",
            "Some of this is better spoken than told; let me give it to them as dialogue.",
            "I let the talk carry it: a line, an answer, and then a silence.",
        ],
        Trait::Questions => &[
            "I can leave a question standing on the page and not hurry to answer it.",
            "A question or two would keep it moving better than another statement.",
            "Should it ask rather than tell? Here and there, yes.",
        ],
        Trait::Numbers => &[
            "Exact figures help; a number is harder to doubt than an adjective.",
            "I give the numbers as they are, counted out, no rounding.",
            "Let me count things here. Being exact is part of the tone.",
        ],
        Trait::ShortParagraphs => &[
            "Short paragraphs, with air between them.",
            "I break the paragraphs early; each one carries a single thing.",
        ],
        Trait::OneParagraph => &[
            "No breaks; it should go through in one piece.",
            "I keep all of it in a single paragraph, one movement from start to end.",
        ],
        Trait::Names => &[
            "I use names, real-sounding ones, early; nobody stays a type for long.",
            "Names do a lot of work here, so I bring them in without explaining who they are.",
        ],
        Trait::Lists => &[
            "Some of this wants to be a list, item under item, so that it can be used.",
            "I set the points out one below the other; that is what a reader will look for.",
        ],
    }
}

fn chinese(found: Trait) -> &'static [&'static str] {
    match found {
        Trait::ShortSentences => &[
            "句子要短，说一句停一句，不往里头塞解释。",
            "我想用短句，几个字就收住。",
            "这里不宜拖长，一口气一句就好。",
        ],
        Trait::LongSentences => &[
            "这里的句子可以放长，一层套一层，慢慢走到底。",
            "我要几个长句，让意思自己铺开。",
            "不急着断句，长一点反而稳。",
        ],
        Trait::MixedSentences => {
            &["长短要错开，长句走一段，短句收一下。", "节奏不能太匀，该停的地方就停。", "一句放开写，下一句就收短。"]
        }
        Trait::FirstPerson => &[
            "这要用“我”来说，是身在其中的人，不是旁观者。",
            "我守住第一人称，知道多少就说多少。",
            "声音是“我”的，不替别人下判断。",
        ],
        Trait::Addressed => &[
            "我要直接对“你”说话，像把人拉到一边讲。",
            "这里面有个“你”，语气得一直朝着那边。",
            "与其泛泛地谈，不如对着“你”讲。",
        ],
        Trait::Speech => &[
            "这里让人物自己开口，话少一点，不必写怎么说的。",
            "有些事说出来比叙述好，就用对话。",
            "一句问，一句答，然后留一点沉默。",
        ],
        Trait::Questions => &["可以把问题放在那里，不急着回答。", "要不要用问句？有几处要，能带着人往下走。"],
        Trait::Numbers => &["数目要写准，确切的数字比形容词可信。", "我把数一个一个报出来，不说大概。"],
        Trait::ShortParagraphs => &["段落要短，中间留出空来。", "我早一点分段，一段只管一件事。"],
        Trait::OneParagraph => &["不分段，一气写到底。", "整篇连成一段，不让它断开。"],
        Trait::Names => &["名字早点给出来，不必解释是谁。", "有名有姓，人才立得住。"],
        Trait::Lists => &["有些地方该列成条目，一条一条，用起来方便。", "我把要点排下来，读的人好找。"],
    }
}
