//! Places at which a text can be cut so that the tokens of its parts are the tokens of the whole.
//!
//! Vocabularies of the family of cl100k cut a text into words by one rule before they look for tokens. By that rule a line
//! break ends a word, and what follows begins another unless it is white space; a space between two letters begins one too.
//! NFC joins no ASCII character and no ideograph to what stands before it.

use serde_json::Value;

/// How the rule begins: contractions.
const CONTRACTIONS: [&str; 2] =
    ["(?i:'s|'t|'re|'ve|'m|'ll|'d)", "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"];
/// Then words, numbers and signs with the line breaks behind them, in three ages of it.
const WORDS: [&str; 3] = [
    r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*",
    r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*",
    r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*",
];
/// How it ends: white space.
const SPACES: &str = r"|\s*[\r\n]+|\s+(?!\S)|\s+";

/// Whether texts of this `tokenizer.json` can be cut by [`parts`] and [`words`]. What is not known for certain cannot.
pub(super) fn can_be_cut(json: &Value) -> bool {
    let normal = json["normalizer"].is_null() || json["normalizer"]["type"] == "NFC";
    let plain = json["model"]["type"] == "BPE" && json["model"]["dropout"].is_null();
    let added = json["added_tokens"].as_array().into_iter().flatten();
    let mut apart = added.map(|token| {
        let content = token["content"].as_str().unwrap_or(" ");
        let takes_spaces = token["rstrip"] == true && content.ends_with(|c: char| c.is_ascii_alphabetic());
        let inside = !content.contains(['\n', ' ']) && !takes_spaces;
        inside && token["lstrip"] != true && token["single_word"] != true
    });
    normal && plain && apart.all(|apart| apart) && has_the_rule(&json["pre_tokenizer"])
}

fn has_the_rule(words: &Value) -> bool {
    let Some([split, bytes]) = words["pretokenizers"].as_array().map(Vec::as_slice) else { return false };
    let whole = split["type"] == "Split" && split["behavior"] == "Isolated" && split["invert"] == false;
    let spelled = bytes["type"] == "ByteLevel" && bytes["add_prefix_space"] == false && bytes["use_regex"] == false;
    let rule = split["pattern"]["Regex"].as_str().unwrap_or_default();
    let known = CONTRACTIONS.iter().filter_map(|begin| rule.strip_prefix(begin)?.strip_suffix(SPACES));
    words["type"] == "Sequence" && whole && spelled && known.into_iter().any(|words| WORDS.contains(&words))
}

/// The parts of a text, each but the last with the line break at its end.
pub(super) fn parts(text: &str) -> impl Iterator<Item = &str> {
    cut(text, |rest| {
        let mut breaks = rest.match_indices('\n').map(|(at, _)| at + 1);
        breaks.find(|end| rest[*end..].chars().next().is_some_and(begins_a_word))
    })
}

/// The words of a part, each but the first with the space before it; more than a word where it is certain of none.
pub(super) fn words(part: &str) -> impl Iterator<Item = &str> {
    cut(part, |rest| {
        let letter = |at: usize| rest.as_bytes().get(at).is_some_and(u8::is_ascii_alphabetic);
        rest.match_indices(' ').map(|(at, _)| at).find(|at| *at > 0 && letter(*at - 1) && letter(*at + 1))
    })
}

/// The pieces of a text up to where each ends, as `end` finds it.
fn cut(text: &str, end: impl Fn(&str) -> Option<usize>) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (piece, behind) = rest.split_at(end(rest).unwrap_or(rest.len()));
        rest = behind;
        (!piece.is_empty()).then_some(piece)
    })
}

fn begins_a_word(c: char) -> bool {
    c.is_ascii_graphic() || ('\u{4E00}'..='\u{9FFF}').contains(&c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_behind_line_breaks_and_nowhere_else() {
        let cut = |text: &'static str| parts(text).collect::<Vec<_>>();
        assert_eq!(cut("a b\n\nc\n d\r\n灯\n\u{301}e\n"), ["a b\n\n", "c\n d\r\n", "灯\n\u{301}e\n"]);
        assert_eq!(cut("\n\na"), ["\n\n", "a"]);
        assert_eq!(cut(""), [""; 0]);
    }

    #[test]
    fn a_part_is_cut_before_a_space_between_letters_and_nowhere_else() {
        let cut = |text: &'static str| words(text).collect::<Vec<_>>();
        assert_eq!(cut(" It's a lamp.  No 2 of é them\n"), [" It's", " a", " lamp.  No 2 of é them\n"]);
        assert_eq!(cut("a b c"), ["a", " b", " c"]);
        assert_eq!(cut(""), [""; 0]);
    }

    #[test]
    fn a_vocabulary_of_another_kind_is_not_cut() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tokenizers/bytes/tokenizer.json");
        let json: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
        assert!(can_be_cut(&json));
        let other = |pointer: &str, value: Value| {
            let mut json = json.clone();
            *json.pointer_mut(pointer).unwrap() = value;
            can_be_cut(&json)
        };
        assert!(!other("/normalizer/type", "NFKC".into()));
        assert!(!other("/model/type", "Unigram".into()));
        assert!(!other("/pre_tokenizer/pretokenizers/0/pattern/Regex", r"\S+|\s+".into()));
        assert!(!other("/pre_tokenizer/pretokenizers/1/add_prefix_space", true.into()));
        assert!(!other("/added_tokens/0/lstrip", true.into()));
        assert!(!other("/added_tokens/0/content", "a\nb".into()));
        assert!(!other("/added_tokens/0/content", "a b".into()));
        let mut eats = json.clone();
        (eats["added_tokens"][0]["content"], eats["added_tokens"][0]["rstrip"]) = ("a".into(), true.into());
        assert!(!can_be_cut(&eats));
    }
}
