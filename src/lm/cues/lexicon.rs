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

const DETERMINERS: &str = "a an the this these those my your his her its our their no every each some any two \
    three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen \
    eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million dozen another both";
const PREPOSITIONS: &str = "of in on at with without from for by under over above below behind beside between through \
    across into onto upon toward towards against among around near past inside outside beyond along within about \
    after before during until since like as than off out up down";
const BEFORE_VERB: &str = "i you he she it we they who to will would shall should can could may might must do does did \
    not never don't didn't won't can't couldn't wouldn't isn't wasn't doesn't dont didnt wont cant couldnt wouldnt \
    isnt wasnt doesnt ill id hes shes theyd";
const FUNCTION: &str = "and or but nor so yet if when while where why how what which whom whose because though although \
    unless whether that there here then now thus hence therefore however also too very quite rather just only even \
    still already almost ever always often sometimes again once more most much many few little less least own same \
    one such other others else all none nothing something anything everything nobody somebody someone anyone everyone is \
    am are was were be been being have has had having get got gets getting let lets me him us them myself yourself \
    himself herself itself ourselves themselves that yes oh well perhaps maybe im ive id its thats theres s t ll d re ve m \
    say said says go went goes come came make made take took put thing things way ways kind sort lot bit bits seem \
    seems seemed become becomes became upon per etc via";

/// Past forms that no ending gives away.
const PAST: &str = "ate bade beat became began bent bit bled blew bore bought bound bred broke brought built burnt burst came \
    cast caught chose clung crept cut dealt drank drew drove dug dwelt fed fell felt fled flew flung forbade forgot \
    fought found froze gave grew heard held hid hit hung hurt kept knelt knew laid lay leapt learnt led left lent lit \
    lost meant met paid quit ran rang read rode rose said sang sank sat saw sent shone shook shot shut slept slid slung \
    sold sought spat spent spoke sprang spread stole stood stuck stung struck swam swept swore swung taught thought \
    threw told took tore trod understood went wept woke won wore wove wrote";

/// Characters that hold Chinese sentences together and begin or end no term.
const HAN_FUNCTION: &str = "的了是不在有他我你这那就也都和与而之其着到上下来去说把被让很又还要会能可以为于自己们她它地得个么吗呢吧啊\
    从向对但因所如若或及并则却只更最再已将使给比等第些每各某什怎哪谁几多少没无非别太真正便才过里后前中时候呀哦嘛者即乃且矣焉此";

/// Characters that, alone, are mostly verbs, numbers or measures: alone they belong to no term.
const HAN_LONE: &str = "坐看走说笑送关停拿问听想打开放收用找叫吃喝写讲做买卖住站跑飞落起出进回过推拉抱提抬举抓扔丢挂贴摆搬带点\
    望见闻哭喊唱念读画洗擦扫烧煮等跟随靠朝往离归属像似变成化死生爱恨怕信懂肯愿敢应该当算数一二三四五六七八九十百千万两几个只张\
    把块条片根支件位名口头匹座间层本册封句段篇次回遍趟番阵场顿份双对群堆串滴杯碗年月日天早晚大小多少好坏长短高低新旧老轻重远近快慢\
    先再又还都全总只就才刚曾正仍偷急忙渐忽竟居偏似乎边里面旁左右样种类般式扇道颗粒枝朵棵株盏幅页头脚手拆取留剩补许加";

static CLASSES: LazyLock<HashMap<&'static str, Class>> = LazyLock::new(|| {
    let groups = [
        (FUNCTION, Class::Function),
        (BEFORE_VERB, Class::BeforeVerb),
        (PREPOSITIONS, Class::Preposition),
        (DETERMINERS, Class::Determiner),
    ];
    groups.into_iter().flat_map(|(words, class)| words.split_whitespace().map(move |word| (word, class))).collect()
});

static HAN_ALONE: LazyLock<HashSet<char>> = LazyLock::new(|| HAN_LONE.chars().filter(|c| !c.is_whitespace()).collect());
static PAST_FORMS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| PAST.split_whitespace().collect());

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

/// Whether a folded word is a number, in digits or spelled.
pub(super) fn is_number(folded: &str) -> bool {
    const SPELLED: &str = "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen \
        seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand million dozen";
    folded.chars().all(char::is_numeric) || SPELLED.split_whitespace().any(|word| word == folded)
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

/// Whether a Chinese character that belongs to no known pair may be part of a term.
pub(super) fn joins_terms(folded: &str) -> bool {
    !folded.chars().any(|c| HAN_ALONE.contains(&c))
}

/// Whether a folded word looks like a verb in the past, or an adverb: nothing a noun phrase ends in.
pub(super) fn is_verbal(folded: &str) -> bool {
    let long = folded.chars().count() > 4;
    PAST_FORMS.contains(folded) || (long && (folded.ends_with("ed") || folded.ends_with("ly")))
}
