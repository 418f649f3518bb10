//! Which words are common: function words of both languages, and ranks counted from the training text.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// What a word can do in a phrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Carries meaning of its own.
    Content,
    /// Opens a noun phrase: articles, possessives, small numbers.
    Determiner,
    /// Comes before a noun phrase.
    Preposition,
    /// Comes before a verb: pronouns, auxiliaries, `to`.
    BeforeVerb,
    /// Any other function word.
    Function,
}

const DETERMINERS: &str = "a an the this that these those my your his her its our their no every each some any one two \
    three four five six seven eight nine ten twelve twenty another both";
const PREPOSITIONS: &str = "of in on at with without from for by under over above below behind beside between through \
    across into onto upon toward towards against among around near past inside outside beyond along within about \
    after before during until since like as than off out up down";
const BEFORE_VERB: &str = "i you he she it we they who to will would shall should can could may might must do does did \
    not never don't didn't won't can't couldn't wouldn't isn't wasn't doesn't dont didnt wont cant couldnt wouldnt \
    isnt wasnt doesnt ill id hes shes theyd";
const FUNCTION: &str = "and or but nor so yet if when while where why how what which whom whose because though although \
    unless whether that there here then now thus hence therefore however also too very quite rather just only even \
    still already almost ever always often sometimes again once more most much many few little less least own same \
    such other others else all none nothing something anything everything nobody somebody someone anyone everyone is \
    am are was were be been being have has had having get got gets getting let lets me him us them myself yourself \
    himself herself itself ourselves themselves yes oh well perhaps maybe im ive id its thats theres s t ll d re ve m \
    say said says go went goes come came make made take took put thing things way ways kind sort lot bit bits seem \
    seems seemed become becomes became upon per etc via";

/// Characters that hold Chinese sentences together and begin or end no term.
const HAN_FUNCTION: &str = "的了是不在有他我你这那就也都和与而之其着到上下来去说把被让很又还要会能可以为于自己们她它地得个么吗呢吧啊\
    从向对但因所如若或及并则却只更最再已将使给比等第些每各某什怎哪谁几多少没无非别太真正便才过里后前中时候呀哦嘛者即乃且矣焉此";

static CLASSES: LazyLock<HashMap<&'static str, Class>> = LazyLock::new(|| {
    let groups = [
        (FUNCTION, Class::Function),
        (BEFORE_VERB, Class::BeforeVerb),
        (PREPOSITIONS, Class::Preposition),
        (DETERMINERS, Class::Determiner),
    ];
    groups.into_iter().flat_map(|(words, class)| words.split_whitespace().map(move |word| (word, class))).collect()
});

static HAN: LazyLock<HashSet<char>> = LazyLock::new(|| HAN_FUNCTION.chars().filter(|c| !c.is_whitespace()).collect());

static ENGLISH: LazyLock<HashMap<&'static str, usize>> =
    LazyLock::new(|| ranks(include_str!("../../../assets/words/en.txt")));
static CHINESE: LazyLock<HashMap<&'static str, usize>> =
    LazyLock::new(|| ranks(include_str!("../../../assets/words/zh.txt")));

fn ranks(list: &'static str) -> HashMap<&'static str, usize> {
    list.lines().enumerate().map(|(at, word)| (word, at + 1)).collect()
}

/// Surprise of a word that no list has, in nats; about that of the rank 10,000.
const UNLISTED: f64 = 9.2;

/// The class of a folded word.
pub(super) fn class(folded: &str, cjk: bool) -> Class {
    if cjk {
        let function = folded.chars().all(|c| HAN.contains(&c));
        return if function { Class::Function } else { Class::Content };
    }
    CLASSES.get(folded).copied().unwrap_or(Class::Content)
}

/// About how surprising a folded word is, in nats: the log of its rank (Zipf).
pub(super) fn surprise(folded: &str) -> f64 {
    ENGLISH.get(folded).map_or(UNLISTED, |rank| (*rank as f64).ln())
}

/// Whether a word is listed among those that stand in lower case.
pub(super) fn is_common(folded: &str) -> bool {
    ENGLISH.contains_key(folded)
}

/// How surprising two adjacent Chinese characters are, in nats, and whether they are known to be one word.
pub(super) fn pair_surprise(pair: &str) -> (f64, bool) {
    CHINESE.get(pair).map_or((UNLISTED - 1.0, false), |rank| ((*rank as f64).ln().max(4.0), true))
}
