//! Strings that are hard on text code, for the property tests of this room.

use proptest::prelude::*;

/// Short pieces of several scripts, joined at random: controls, escape sequences, directions, tags, joiners, marks,
/// emoji, CJK with its punctuation, tabs and every kind of line end among ordinary words.
pub fn rich_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => "[a-zA-Z]{1,9}",
        6 => "[ ]{1,3}",
        3 => "[-.,!?'\"()0-9—…“”]{1,3}",
        3 => "[思考灯塔的信日本カナーっ한국어]{1,6}",
        2 => "[，。！？「」『』（）：；、《》]{1,2}",
        2 => proptest::sample::select(PIECES).prop_map(str::to_owned),
        1 => "\\PC{0,4}",
        1 => "[\\x00-\\xa0]{0,4}",
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

const PIECES: &[&str] = &[
    "\n",
    "\r\n",
    "\r",
    "\n\n",
    "\t",
    "\u{2028}",
    "\u{1b}[31m",
    "\u{1b}]0;title\u{7}",
    "\u{9b}2J",
    "\u{202e}",
    "\u{2066}",
    "\u{200b}",
    "\u{feff}",
    "\u{ad}",
    "\u{fe0f}",
    "\u{e0041}",
    "\u{e0100}",
    "\u{301}",
    "e\u{301}",
    "\u{3099}",
    "♥\u{fe0f}",
    "👍🏽",
    "👨\u{200d}👩\u{200d}👧",
    "🇯🇵",
    "🇯",
    "ᄒ",
    "ᅡ",
    "ᆫ",
    "क्ष",
    "لا",
    "\u{600}",
];
