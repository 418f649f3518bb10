//! Control tokens of a vocabulary: which there are, what they mean, and how a text is cut at them.

use transformer::GgufFile;

use super::{CONTROL, USER_DEFINED};

/// Control tokens that end an answer, by their usual spellings: files often name only one of several.
const ENDS: [&str; 10] = [
    "</s>",
    "<|im_end|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end|>",
    "<|eos|>",
    "<end_of_turn>",
    "<｜end▁of▁sentence｜>",
];

/// Ids with a meaning of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Special {
    pub bos: Option<u32>,
    pub eos: Option<u32>,
    pub unknown: Option<u32>,
    pub padding: Option<u32>,
    /// Whether every sequence begins with BOS.
    pub adds_bos: bool,
    /// Tokens that end an answer, sorted.
    pub ends: Vec<u32>,
}

/// A run of plain text, or a token spelled out.
#[derive(Clone, Copy)]
pub(in crate::lm::gguf) enum Part<'t> {
    Plain(&'t str),
    Control(u32, &'t str),
}

/// Tokens that are recognised by how they are spelled.
pub(super) struct Spellings {
    /// Longest first.
    pub(super) list: Vec<(String, u32)>,
    /// Bytes that one of them begins with.
    begins: [bool; 256],
}

impl Spellings {
    pub(super) fn new(mut list: Vec<(String, u32)>) -> Spellings {
        list.sort_by(|a, b| b.0.len().cmp(&a.0.len()).then_with(|| a.0.cmp(&b.0)));
        let mut begins = [false; 256];
        for (spelling, _) in &list {
            begins[usize::from(spelling.as_bytes()[0])] = true;
        }
        Spellings { list, begins }
    }

    fn at<'t>(&self, rest: &'t str) -> Option<(u32, &'t str)> {
        let first = rest.as_bytes().first()?;
        let candidates = if self.begins[usize::from(*first)] { self.list.as_slice() } else { &[] };
        let (spelling, id) = candidates.iter().find(|(spelling, _)| rest.starts_with(spelling.as_str()))?;
        Some((*id, &rest[..spelling.len()]))
    }

    /// Cuts at the first spelling that matches, the longest where several do.
    pub(super) fn cut<'t>(&self, text: &'t str) -> Vec<Part<'t>> {
        let mut parts = Vec::new();
        let (mut from, mut at) = (0, 0);
        while let Some(c) = text[at..].chars().next() {
            let Some((id, spelling)) = self.at(&text[at..]) else {
                at += c.len_utf8();
                continue;
            };
            if from < at {
                parts.push(Part::Plain(&text[from..at]));
            }
            parts.push(Part::Control(id, spelling));
            at += spelling.len();
            from = at;
        }
        if from < text.len() {
            parts.push(Part::Plain(&text[from..]));
        }
        parts
    }
}

/// Control tokens, and those of the user-defined ones that are markup: the latter also hold runs of spaces and the like,
/// which are text.
pub(super) fn is_control(kind: u64, spelling: &str) -> bool {
    kind == CONTROL || kind == USER_DEFINED && spelling.starts_with('<') && spelling.ends_with('>')
}

/// `<word>` or `</word>`: markup that a model writes for its reader, as opposed to turns and ends.
pub(super) fn is_tag(spelling: &str) -> bool {
    let inner = spelling.strip_prefix('<').and_then(|s| s.strip_suffix('>'));
    inner.is_some_and(|s| {
        let word = s.strip_prefix('/').unwrap_or(s);
        !word.is_empty() && word != "s" && word.bytes().all(|b| b.is_ascii_alphabetic())
    })
}

impl Special {
    pub(super) fn read(file: &GgufFile, control: &[(String, u32)], adds_bos: bool, size: usize) -> Special {
        let id = |key: &str| {
            let id = file.number(&format!("tokenizer.ggml.{key}_token_id"))?;
            u32::try_from(id).ok().filter(|id| (*id as usize) < size)
        };
        let eos = id("eos");
        let named = control.iter().filter(|(spelling, _)| ENDS.contains(&spelling.as_str())).map(|(_, id)| *id);
        let mut ends: Vec<u32> = named.chain([eos, id("eot"), id("eom")].into_iter().flatten()).collect();
        ends.sort_unstable();
        ends.dedup();
        let bos = id("bos");
        let adds_bos = file.flag("tokenizer.ggml.add_bos_token").unwrap_or(adds_bos) && bos.is_some();
        Special { bos, eos, unknown: id("unknown"), padding: id("padding"), adds_bos, ends }
    }
}
