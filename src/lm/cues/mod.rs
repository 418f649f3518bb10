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
        let whole = trajectory.text();
        let site = Site {
            source: &room.source,
            text: segments[at],
            part: room.source.parts(&segments)[at].clone(),
            spoken: terms::spoken(&whole),
            whole,
            next: segments.get(at + 1).copied().unwrap_or_default(),
            first: at == 0,
            last: at + 1 == segments.len(),
            language: example.language,
        };
        let before = at.checked_sub(1).map_or("", |before| segments[before]);
        for strategy in Strategy::order(slot) {
            let rewrite = site.rewrite(strategy, &mut room.composer(seed, before));
            if !rewrite.text.is_empty() && rewrite.text != segments[at] {
                return Ok((rewrite.text.clone(), analysis(strategy, &rewrite, example.language)));
            }
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
    谈谈 说说 聊聊 讲讲 讲述 叙述 描写 介绍 解释 说明 作文 散文 小说 篇关 一封 封信";

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
        let mut phrases: Vec<String> = phrases.into_iter().filter(|term| term.thing).map(|term| term.text).collect();
        if let [first, second, ..] = &phrases[..] {
            let and = if self.language == Language::Zh { "和" } else { " and " };
            phrases.push(format!("{first}{and}{second}"));
        }
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
            samples.push(Sample::free(text, analysis, None));
        }
        Ok(samples)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::reer::{Segment, split};
    use crate::text::words;

    const HARBOUR: &str = "My grandmother kept the harbour light for thirty years, and she never once said that she liked it.\n\n\
        Every evening at six she climbed the iron stairs with a can of oil in each hand. There were ninety-one steps. She \
        counted them aloud, because her own mother had slipped on the forty-third, and counting was how you kept your \
        feet. \"Say the number,\" she told me, \"and then you are allowed to think.\"\n\n\
        I was seven when Captain Lund brought the telegram. The ministry in Oslo had bought an electric lamp, which \
        needed nobody. My grandmother read the paper twice, folded it, and asked him whether he would like some coffee. \
        He stayed until dark. Neither of them lit the lamp, and for an hour the whole coast was as black as it must have \
        been before anyone lived there.\n\n\
        Then she stood up, took the two cans, and climbed. I heard her voice going round and round above us: eleven, \
        twelve, thirteen. Captain Lund looked at the ceiling. \"She knows it's over,\" he said. I did not think that she \
        knew. I think that she was counting so as not to know.";

    const BRIDGE: &str = "村口的石桥塌了半边，只剩下靠柳树的那一截。爷爷每天早上还是要走到断口那里，站一会儿，再慢慢走回来。\n\n\
        他年轻的时候是石匠，桥上第三块栏板就是他凿的，上面有一条鲤鱼，尾巴缺了一角。那是师傅催工，锤子偏了一下。“缺一角也是鱼，”\
        师傅说，“水里的鱼，哪有不受伤的。”爷爷把这句话记了六十年。\n\n\
        去年夏天发大水，桥塌的那个晚上，爷爷坐在门槛上听了一夜。天亮以后，父亲和邻居们下河去捞木料，捞上来的却是那块栏板。鲤鱼朝\
        上，尾巴还是缺着一角，只是青苔洗得干干净净。\n\n\
        县里要修一座水泥桥，图纸送来给大家看。爷爷戴上老花镜，看了很久，最后用铅笔在栏杆上画了一个小小的记号。工程师问他这是什么，\
        他说：“给鱼留个位置。”";

    fn example(query: &str, reference: &str) -> Example {
        Example {
            id: "a".to_owned(),
            query: query.to_owned(),
            reference: reference.to_owned(),
            language: Language::of(query),
            category: None,
            meta: serde_json::Map::new(),
        }
    }

    fn harbour() -> Example {
        example("Write a short story about a lighthouse keeper who is no longer needed.", HARBOUR)
    }

    fn bridge() -> Example {
        example("写一个短篇故事，讲一座塌掉的桥和一个老石匠。", BRIDGE)
    }

    fn trajectory(draft: &str) -> Trajectory {
        let pieces = split(draft);
        let segment = |(at, text): (usize, &str)| Segment { id: SegmentId(at as u32), text: text.to_owned() };
        Trajectory { segments: pieces.iter().map(|p| p.segment()).enumerate().map(segment).collect() }
    }

    /// Weight of the longest run that y and z share, counted the plain way: 3 a word, 2 a Chinese character.
    fn longest_run(y: &str, z: &str) -> u32 {
        let (y, z) = (words(y), words(z));
        let weight = |w: &crate::text::Word| if w.cjk { 2 } else { 3 };
        let mut best = 0;
        for start in 0..y.len() {
            for other in 0..z.len() {
                let same = y[start..].iter().zip(&z[other..]).take_while(|(a, b)| a.folded == b.folded);
                best = best.max(same.map(|(a, _)| weight(a)).sum());
            }
        }
        best
    }

    /// Rewrites every segment a few times over, as a search that accepts everything would.
    fn searched(example: &Example, seed: u64, rounds: u32) -> Vec<Trajectory> {
        let cues = Cues::new();
        let Ok(draft) = cues.draft(example, seed) else { return Vec::new() };
        let mut z = trajectory(&draft);
        let mut seen = vec![z.clone()];
        for round in 0..rounds {
            for at in 0..z.segments.len() as u32 {
                let slot = round + at;
                if let Ok((text, _)) = cues.rewrite(example, &z, SegmentId(at), slot, seed ^ u64::from(slot * 977)) {
                    z = z.with(SegmentId(at), &text).unwrap();
                    seen.push(z.clone());
                }
            }
        }
        seen
    }

    #[test]
    fn drafts_of_real_texts_stand_in_segments_of_their_own() {
        for (example, least, most) in [(harbour(), 4, 9), (bridge(), 3, 9)] {
            for seed in 0..20 {
                let draft = Cues::new().draft(&example, seed).unwrap();
                let paragraphs: Vec<&str> = draft.split("\n\n").collect();
                assert!((least..=most).contains(&paragraphs.len()), "{}", paragraphs.len());
                assert!(paragraphs.iter().all(|p| p.chars().count() >= 100), "{draft}");
                assert_eq!(split(&draft).len(), paragraphs.len());
            }
        }
    }

    #[test]
    fn a_draft_ends_with_an_ending() {
        for example in [harbour(), bridge()] {
            let longest = |pattern: &&'static str| {
                let words = |bit| if let voice::Bit::Words(words) = bit { Some(words) } else { None };
                voice::bits(pattern).into_iter().filter_map(words).max_by_key(|words| words.len())
            };
            let closes: Vec<&str> =
                voice::patterns(example.language, voice::Mood::Close).iter().filter_map(longest).collect();
            for seed in 0..20 {
                let draft = Cues::new().draft(&example, seed).unwrap();
                let last = draft.split("\n\n").last().unwrap();
                assert!(closes.iter().any(|words| last.contains(words)), "{last}");
            }
        }
    }

    #[test]
    fn no_search_ever_copies_or_leaks() {
        for example in [harbour(), bridge()] {
            for seed in 0..4 {
                for z in searched(&example, seed, 4) {
                    let text = z.text();
                    assert!(longest_run(&example.reference, &text) <= fence::LIMIT, "{text}");
                    let leak = crate::reer::LeakProbe::new(&example.query, &example.reference).leak(&text);
                    assert_eq!(leak.ngram, 0.0);
                    assert!(Trajectory::admit(&text).is_ok());
                }
            }
        }
    }

    #[test]
    fn rewrites_name_more_and_more_of_y() {
        for example in [harbour(), bridge()] {
            let named = |z: &Trajectory| {
                let y = terms::spoken(&example.reference);
                terms::spoken(&z.text()).intersection(&y).count()
            };
            let seen = searched(&example, 3, 3);
            let (first, last) = (named(&seen[0]), named(seen.last().unwrap()));
            assert!(last * 4 > first * 5, "{first} words of y in the draft, {last} after the search");
        }
    }

    #[test]
    fn four_slots_give_four_rewrites_each_within_its_length() {
        for example in [harbour(), bridge()] {
            let z = trajectory(&Cues::new().draft(&example, 5).unwrap());
            for segment in &z.segments {
                let all: Vec<String> = (0..4)
                    .map(|slot| Cues::new().rewrite(&example, &z, segment.id, slot, 40 + u64::from(slot)).unwrap().0)
                    .collect();
                let distinct: HashSet<&String> = all.iter().chain([&segment.text]).collect();
                assert_eq!(distinct.len(), 5, "{all:?}");
                let limit = (segment.text.chars().count() * 3).max(400);
                assert!(all.iter().all(|text| (100..=limit).contains(&text.chars().count())), "{all:?}");
                assert!(all.iter().all(|text| split(text).len() == 1 && !text.contains('\n')));
            }
        }
    }

    #[test]
    fn terms_come_in_the_order_of_y() {
        let example = harbour();
        let source = Source::new(example.scored_reference(), &example.query);
        for seed in 0..20 {
            let terms = source.terms(0..source.units.len(), 12, Breadth::Wide, &HashSet::new(), &mut Dice::new(seed));
            assert!(terms.windows(2).all(|pair| pair[0].units.end <= pair[1].units.start));
            assert!(terms.iter().all(|term| words(&term.text).len() <= 5), "{terms:?}");
            assert!(terms.len() > 8);
        }
    }

    #[test]
    fn the_same_seed_says_the_same_and_another_something_else() {
        let (cues, example) = (Cues::new(), harbour());
        assert_eq!(cues.draft(&example, 1), cues.draft(&example, 1));
        assert_ne!(cues.draft(&example, 1), cues.draft(&example, 2));
        let z = trajectory(&cues.draft(&example, 1).unwrap());
        let rewrite = |seed| cues.rewrite(&example, &z, SegmentId(1), 0, seed).unwrap();
        assert_eq!(rewrite(9), rewrite(9));
        assert_ne!(rewrite(9), rewrite(10));
    }

    #[test]
    fn a_segment_of_another_hand_is_rewritten_too() {
        let example = harbour();
        let text = "The middle should be about the news. I wonder how they take it, and who tells them; some official.";
        let z = Trajectory {
            segments: [HARBOUR, text, "And so it ends."]
                .map(str::to_owned)
                .into_iter()
                .enumerate()
                .map(|(at, text)| Segment { id: SegmentId(at as u32), text })
                .collect(),
        };
        for slot in 0..4 {
            let (text, analysis) = Cues::new().rewrite(&example, &z, SegmentId(1), slot, 11).unwrap();
            assert!(longest_run(HARBOUR, &text) <= fence::LIMIT);
            assert!(!analysis.is_empty());
        }
    }

    #[test]
    fn texts_without_words_are_no_trap() {
        for reference in ["", "...", "🌊🌊", "a", "的", "1 2 3", "<think></think>"] {
            for query in ["", "Write.", "写。"] {
                for z in searched(&example(query, reference), 1, 2) {
                    assert!(Trajectory::admit(&z.text()).is_ok());
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn nothing_of_y_is_ever_copied(
            pieces in prop::collection::vec(prop_oneof![
                4 => "[a-f]{1,4}( [a-f]{1,4}){0,8}[.,?]? ",
                2 => "[天地人水火山石田]{1,14}[，。]?",
                2 => "I want the (lamp|sea)( and the (lamp|sea)){0,9} close together here\\. ",
                2 => "(Then|Now|The) [A-Z][a-z]{2,6} (sees|takes) the (old )?[a-z]{3,7}\\.\n\n",
                1 => "\\PC{0,12}",
            ], 1..24),
            chinese in any::<bool>(),
            seed in any::<u64>(),
        ) {
            let reference = pieces.concat();
            let example = example(if chinese { "写一段关于山水的文字。" } else { "Write about the sea." }, &reference);
            for z in searched(&example, seed, 2) {
                let text = z.text();
                prop_assert!(longest_run(&reference, &text) <= fence::LIMIT, "{}", text);
                prop_assert!(Trajectory::admit(&text).is_ok());
            }
        }
    }
}
