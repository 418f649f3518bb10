//! Rewrites of one segment: four strategies that add, sharpen, reorder or question, on what its part of y turns on.

use std::collections::{HashSet, VecDeque};
use std::ops::Range;

use super::carried::{Carried, carried};
use super::compose::Composer;
use super::lexicon::{Class, class};
use super::source::Source;
use super::terms::{Breadth, Term, spoken};
use super::voice::{Mood, is_remark, sentences};
use crate::reer::Language;
use crate::text::is_cjk;

/// How a rewrite changes a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strategy {
    /// Keeps every sentence and puts further terms among them.
    Add,
    /// Widens the terms that are there and makes empty sentences say something.
    Sharpen,
    /// Says everything again in y's order.
    Reorder,
    /// Turns further terms into questions and answers.
    Question,
}

impl Strategy {
    /// The strategy of a slot; neighbouring slots never share one.
    pub fn of(slot: u32) -> Strategy {
        [Strategy::Add, Strategy::Sharpen, Strategy::Reorder, Strategy::Question][slot as usize % 4]
    }

    /// What a slot tries, in order, when a strategy changes nothing; no two slots go the same way.
    pub fn order(slot: u32) -> [Strategy; 4] {
        let rest = match Strategy::of(slot) {
            Strategy::Add => [2, 1, 3],
            Strategy::Sharpen => [0, 2, 3],
            Strategy::Reorder => [3, 0, 1],
            Strategy::Question => [1, 2, 0],
        };
        [Strategy::of(slot), Strategy::of(rest[0]), Strategy::of(rest[1]), Strategy::of(rest[2])]
    }
}

/// The segment to rewrite and what is known of its surroundings.
pub(super) struct Site<'a> {
    pub source: &'a Source<'a>,
    /// The segment as it is.
    pub text: &'a str,
    /// Units of y that it plans.
    pub part: Range<usize>,
    /// The whole of z.
    pub whole: String,
    /// Words and pairs that stand anywhere in it.
    pub spoken: HashSet<String>,
    /// The text of the segment after it.
    pub next: &'a str,
    /// It is the first, or the last, of the trajectory.
    pub first: bool,
    pub last: bool,
    pub language: Language,
}

/// A rewrite, and the terms it brings in.
pub(super) struct Rewrite {
    pub text: String,
    pub news: Vec<String>,
}

/// A sentence of the rewrite before it is said.
enum Line {
    Keep(String),
    Say(Mood, VecDeque<Term>),
}

/// Further terms asked for: few, so that later visits have something left.
const NEWS: usize = 4;
/// A rewrite is at most this many times as long as the segment, within the bounds below (characters).
const GROWTH: (usize, usize) = (8, 5);
const ROOM: (usize, usize) = (400, 900);

impl Site<'_> {
    /// Rewrites the segment by `strategy`. The text may be empty, or the same, when y's part has nothing left.
    pub fn rewrite(&self, strategy: Strategy, composer: &mut Composer<'_>) -> Rewrite {
        let news = self.news(strategy, composer);
        let lines = match strategy {
            Strategy::Add => self.add(&news, composer),
            Strategy::Sharpen => self.sharpen(&news),
            Strategy::Reorder => self.reorder(&news, composer),
            Strategy::Question => self.question(&news, composer),
        };
        composer.avoid(&self.whole);
        self.say(lines, composer);
        composer.lengthen(&mut VecDeque::new());
        let text = composer.finish(self.next);
        let said = text.to_lowercase();
        let news = news.into_iter().map(|term| term.text).filter(|t| said.contains(&t.to_lowercase())).collect();
        Rewrite { text, news }
    }

    /// Most characters of the rewrite.
    fn room(&self) -> usize {
        let old = self.text.chars().count();
        (old * GROWTH.0 / GROWTH.1).min(ROOM.1).max(ROOM.0).max(old)
    }

    fn say(&self, lines: Vec<Line>, composer: &mut Composer<'_>) {
        for line in lines {
            match line {
                Line::Keep(sentence) => {
                    composer.keep(&sentence);
                }
                Line::Say(mood, mut terms) => {
                    let mut mood = mood;
                    while !terms.is_empty() && composer.length() < self.room() {
                        composer.say(mood, &mut terms);
                        // One beginning, one end, one row; what is left follows plainly.
                        if matches!(mood, Mood::Open | Mood::Link | Mood::Order | Mood::Close) {
                            mood = Mood::Step;
                        }
                    }
                }
            }
        }
    }

    /// Terms of this part, or around it when it is used up, that z does not name yet.
    fn news(&self, strategy: Strategy, composer: &mut Composer<'_>) -> Vec<Term> {
        let breadth = match strategy {
            Strategy::Sharpen => Breadth::Wide,
            Strategy::Add | Strategy::Question if composer.dice.chance(0.4) => Breadth::Wide,
            _ => Breadth::Narrow,
        };
        let count = NEWS - usize::from(matches!(strategy, Strategy::Sharpen | Strategy::Question));
        let found = self.source.terms(self.part.clone(), count, breadth, &self.spoken, &mut composer.dice);
        if found.len() * 2 > count {
            return found;
        }
        // Used up: whole turns of phrase, and what stands a little before and after.
        let reach = self.part.len() / 2;
        let wider = self.part.start.saturating_sub(reach)..(self.part.end + reach).min(self.source.units.len());
        self.source.terms(wider, count, Breadth::Wide, &self.spoken, &mut composer.dice)
    }

    /// The sentences with what each carries.
    fn lines(&self) -> Vec<(String, Vec<Carried>)> {
        let all = sentences(self.text, self.language).into_iter().enumerate();
        all.map(|(at, sentence)| {
            // The trajectory begins with the request, and that is not a part of y.
            let request = self.first && at == 0;
            let empty = request || is_remark(&sentence, self.language);
            let holds = if empty { Vec::new() } else { carried(self.source, &sentence, &self.part) };
            (sentence, holds)
        })
        .collect()
    }

    fn add(&self, news: &[Term], composer: &mut Composer<'_>) -> Vec<Line> {
        let mut groups: VecDeque<Vec<Term>> = VecDeque::new();
        for term in news {
            match groups.back_mut() {
                Some(group) if group.len() == 1 => group.push(term.clone()),
                _ => groups.push_back(vec![term.clone()]),
            }
        }
        self.among(groups, composer, |composer| if composer.dice.chance(0.7) { Mood::Step } else { Mood::Sharpen })
    }

    fn question(&self, news: &[Term], composer: &mut Composer<'_>) -> Vec<Line> {
        let cut = news.len().div_ceil(2);
        let groups = [news[..cut].to_vec(), news[cut..].to_vec()].into_iter().filter(|g| !g.is_empty()).collect();
        self.among(groups, composer, |_| Mood::Ask)
    }

    /// All sentences in their order, with new ones where their terms come up in y. Empty sentences make room.
    fn among(
        &self,
        mut groups: VecDeque<Vec<Term>>,
        composer: &mut Composer<'_>,
        mood: impl Fn(&mut Composer<'_>) -> Mood,
    ) -> Vec<Line> {
        let lines = self.lines();
        let tight = self.text.chars().count() + 60 * groups.len() > self.room();
        let mut out = Vec::new();
        for (at, (sentence, holds)) in lines.into_iter().enumerate() {
            let place = holds.iter().map(|c| c.units.start).min();
            while let (Some(place), Some(group)) = (place, groups.front()) {
                if at == 0 || group[0].units.start > place {
                    break;
                }
                out.extend(groups.pop_front().map(|group| Line::Say(mood(composer), group.into())));
            }
            if at == 0 || !holds.is_empty() || !tight {
                out.push(Line::Keep(sentence));
            }
        }
        out.extend(groups.into_iter().map(|group| Line::Say(mood(composer), group.into())));
        out
    }

    fn sharpen(&self, news: &[Term]) -> Vec<Line> {
        let mut news: VecDeque<Term> = news.to_vec().into();
        let mut said = self.spoken.clone();
        said.extend(news.iter().flat_map(|term| spoken(&term.text)));
        let mut out = Vec::new();
        for (at, (sentence, holds)) in self.lines().into_iter().enumerate() {
            if holds.is_empty() && at > 0 {
                out.extend(news.pop_front().map(|term| Line::Say(Mood::Sharpen, [term].into())));
            } else {
                out.push(Line::Keep(self.widened(&sentence, &holds, &mut said)));
            }
        }
        if !news.is_empty() {
            out.push(Line::Say(Mood::Sharpen, news));
        }
        out
    }

    /// The sentence with each term it carries replaced by a wider phrase of y around it that says something new.
    fn widened(&self, sentence: &str, holds: &[Carried], said: &mut HashSet<String>) -> String {
        let mut out = String::new();
        let mut done = 0;
        for held in holds {
            let bounds = held.units.start.saturating_sub(3)..(held.units.end + 3).min(self.source.units.len());
            let wide = self.source.phrase(held.head, bounds, Breadth::Wide);
            let before = &sentence[done..held.span.start];
            let words = spoken(&wide.text);
            let telling = |word: &&String| class(word, word.chars().any(is_cjk)) == Class::Content;
            let same = words.difference(said).filter(telling).count() == 0;
            if !same {
                said.extend(words);
            }
            out.push_str(before);
            out.push_str(if same { &sentence[held.span.clone()] } else { self.after(before, &wide) });
            done = held.span.end;
        }
        out + &sentence[done..]
    }

    /// The term's text, without its article when the words before it end with one.
    fn after<'t>(&self, before: &str, term: &'t Term) -> &'t str {
        let opens = |word: &str| class(&word.to_lowercase(), false) == Class::Determiner;
        let last = before.split_whitespace().next_back().unwrap_or_default();
        match term.text.split_once(' ') {
            Some((article, rest)) if opens(last) && opens(article) => rest,
            _ => &term.text,
        }
    }

    fn reorder(&self, news: &[Term], composer: &mut Composer<'_>) -> Vec<Line> {
        let lines = self.lines();
        let lead = lines.first().filter(|(_, holds)| holds.is_empty()).map(|(s, _)| Line::Keep(s.clone()));
        let mut terms: Vec<Term> = lines.iter().flat_map(|(_, holds)| holds).map(|c| c.term(self.source)).collect();
        terms.extend(news.iter().take(NEWS / 2 + 1).cloned());
        terms.sort_by_key(|term| term.units.start);
        terms.dedup_by(|b, a| b.units.start < a.units.end);
        let mut terms: VecDeque<Term> = terms.into();
        let mut out: Vec<Line> = lead.into_iter().collect();
        let end = if self.last { terms.pop_back() } else { None };
        let mut moods = [Mood::Order, Mood::Step, Mood::Ask];
        composer.dice.shuffle(&mut moods);
        let opening = if self.first { Mood::Open } else { Mood::Link };
        for mood in std::iter::once(opening).chain(moods.into_iter().cycle()) {
            if terms.is_empty() {
                break;
            }
            let size = if mood == Mood::Order { 3 } else { 2 };
            out.push(Line::Say(mood, terms.drain(..size.min(terms.len())).collect()));
        }
        out.extend(end.map(|term| Line::Say(Mood::Close, [term].into())));
        out
    }
}
