//! SentencePiece vocabularies of the `llama` type: pieces with scores, spaces written as `▁`, unknown bytes as `<0xXX>`.

use std::collections::HashMap;

/// What stands for a space.
pub(super) const SPACE: char = '\u{2581}';

/// The byte that a piece like `<0x0A>` stands for.
pub(super) fn byte(piece: &str) -> Option<u8> {
    let hex = piece.strip_prefix("<0x")?.strip_suffix('>')?;
    (hex.len() == 2).then(|| u8::from_str_radix(hex, 16).ok()).flatten()
}

/// The merges that give what joining the best-scored neighbours gives: every way to cut a piece into two pieces,
/// the best-scored piece first.
///
/// `pieces` are those that text may become, with their scores.
pub(super) fn merges(pieces: &[(&str, f32)]) -> Vec<(String, String)> {
    let known: HashMap<&str, ()> = pieces.iter().map(|(piece, _)| (*piece, ())).collect();
    let mut order: Vec<&(&str, f32)> = pieces.iter().collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut merges = Vec::new();
    for (piece, _) in order {
        for (at, _) in piece.char_indices().skip(1) {
            let (left, right) = piece.split_at(at);
            if known.contains_key(left) && known.contains_key(right) {
                merges.push((left.to_owned(), right.to_owned()));
            }
        }
    }
    merges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_from_their_pieces() {
        assert_eq!(byte("<0x0A>"), Some(10));
        for not in ["<0x0>", "0x0A", "<0xGG>", "<s>"] {
            assert_eq!(byte(not), None);
        }
    }

    #[test]
    fn better_scored_pieces_merge_first() {
        let pieces = [("a", -10.0), ("b", -10.0), ("c", -10.0), ("bc", -1.0), ("ab", -2.0), ("abc", -3.0)];
        let merges = merges(&pieces);
        let as_text: Vec<String> = merges.iter().map(|(a, b)| format!("{a}+{b}")).collect();
        assert_eq!(as_text, ["b+c", "a+b", "a+bc", "ab+c"]);
    }
}
