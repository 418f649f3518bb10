//! How byte-level vocabularies cut text into words before merging, by the name in `tokenizer.ggml.pre`.
//!
//! The patterns are those that the models' own tokenizers were trained with.

/// GPT-2's: contractions, words, numbers and punctuation, each with one space in front.
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

macro_rules! contractions {
    () => {
        r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
    };
}
macro_rules! endings {
    () => {
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    };
}
macro_rules! cased {
    ($suffix:expr) => {
        concat!(
            r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+",
            $suffix,
            r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*",
            $suffix
        )
    };
}

/// Qwen2's: single digits.
const QWEN2: &str = concat!(contractions!(), r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}", endings!());
/// Llama 3's: up to three digits.
const LLAMA3: &str = concat!(contractions!(), r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}", endings!());
const TEKKEN: &str = concat!(cased!(""), r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+");
const GPT4O: &str = concat!(
    cased!(r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])?"),
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);
const DEEPSEEK_WORDS: &str = concat!(
    r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"##,
    r"| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);

/// Cuts, each applied to the pieces that the one before it left.
pub(super) struct Split {
    pub(super) patterns: &'static [&'static str],
    /// A word that is a token as it stands is taken without merging.
    pub(super) whole_words: bool,
    /// Whether the model begins with BOS where the file does not say.
    pub(super) adds_bos: bool,
}

const fn split(patterns: &'static [&'static str]) -> Split {
    Split { patterns, whole_words: false, adds_bos: false }
}

/// The cut of a vocabulary; `None` for a name not known.
pub(super) fn named(pre: &str) -> Option<Split> {
    let found = match pre {
        "gpt-2" | "gpt2" | "phi-2" | "mpt" | "olmo" | "jais" | "gigachat" | "exaone4" | "trillion" | "mellum"
        | "modern-bert" | "granite-docling" | "a.x-4.0" => split(&[GPT2]),
        "qwen2" | "deepseek-r1-qwen" | "stablelm2" | "megrez" | "hunyuan" | "solar-open" | "kormo" | "grok-2" => {
            split(&[QWEN2])
        }
        "llama3" | "llama-v3" | "llama-bpe" | "falcon3" | "falcon-h1" | "pixtral" | "midm-2.0" | "lfm2" => {
            Split { patterns: &[LLAMA3], whole_words: true, adds_bos: true }
        }
        "smaug-bpe" | "dbrx" | "chatglm-bpe" => split(&[LLAMA3]),
        "glm4" => Split { whole_words: true, ..split(&[LLAMA3]) },
        "smollm" | "starcoder" | "refact" | "command-r" | "codeshell" | "exaone" | "minerva-7b" | "mellum2" => {
            split(&[r"\p{N}", GPT2])
        }
        "falcon" => split(&[r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]"]),
        "tekken" => Split { whole_words: true, ..split(&[TEKKEN]) },
        "gpt-4o" | "llama4" | "kanana2" => split(&[GPT4O]),
        "deepseek-coder" => split(&[r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-퟿]+", r"\p{N}"]),
        "deepseek-v3" | "hunyuan-dense" => split(&[r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+", DEEPSEEK_WORDS]),
        "default" => split(&[r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]"]),
        _ => return None,
    };
    Some(found)
}
