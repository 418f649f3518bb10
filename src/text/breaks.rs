//! Where a line may break between two graphemes, neither of which is a space: CJK between characters but for the
//! marks that must not begin or end a line (kinsoku shori), words after a hyphen or a dash. Not all of UAX #14.

/// True when a line may end with `left`, which is at `at` in `text`, and the next begin with `right`. `wide`: one of
/// them takes two cells.
pub(super) fn may_break(text: &str, at: usize, left: &str, right: &str, wide: bool) -> bool {
    let (Some(l), Some(r)) = (left.chars().next(), right.chars().next()) else { return false };
    if wide {
        return !must_not_begin(r) && !must_not_end(l);
    }
    matches!(l, '-' | '–' | '—') && r.is_alphabetic() && text[..at].ends_with(char::is_alphabetic)
}

/// Closing brackets and quotes, stops, small kana, lengthening and repeat marks.
#[rustfmt::skip]
fn must_not_begin(c: char) -> bool {
    matches!(c,
        '!' | '%' | ')' | ',' | '.' | ':' | ';' | '?' | ']' | '}' | '"' | '\'' | '’' | '”' | '›' | '»' | '‥' | '…'
        | '、' | '。' | '，' | '．' | '・' | '：' | '；' | '？' | '！' | '％' | '〉' | '》' | '」' | '』' | '】' | '〕'
        | '〗' | '〙' | '〛' | '〞' | '〟' | '）' | '］' | '｝' | '｠' | '～' | '｡' | '｣' | '､' | '･' | 'ー' | '々' | '〻'
        | 'ヽ' | 'ヾ' | 'ゝ' | 'ゞ' | 'ぁ' | 'ぃ' | 'ぅ' | 'ぇ' | 'ぉ' | 'っ' | 'ゃ' | 'ゅ' | 'ょ' | 'ゎ' | 'ゕ' | 'ゖ'
        | 'ァ' | 'ィ' | 'ゥ' | 'ェ' | 'ォ' | 'ッ' | 'ャ' | 'ュ' | 'ョ' | 'ヮ' | 'ヵ' | 'ヶ')
}

/// Opening brackets and quotes, and signs that belong to the number after them.
#[rustfmt::skip]
fn must_not_end(c: char) -> bool {
    matches!(c,
        '(' | '[' | '{' | '"' | '\'' | '‘' | '“' | '‹' | '«' | '〈' | '《' | '「' | '『' | '【' | '〔' | '〖' | '〘'
        | '〚' | '〝' | '（' | '［' | '｛' | '｟' | '｢' | '￥' | '￡' | '＄' | '＃')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::width;

    #[test]
    fn breaks_by_pair() {
        for (text, allowed) in [
            ("思|考", true),
            ("思|。", false),
            ("「|思", false),
            ("。|思", true),
            ("。|」", false),
            ("」|「", true),
            ("思|“", true),
            ("“|思", false),
            ("ア|ー", false),
            ("ち|ょ", false),
            ("a|思", true),
            ("，|a", true),
            ("a|b", false),
            ("t|’", false),
            ("👍|👍", true),
            ("well-|known", true),
            ("word—|word", true),
            ("3-|4", false),
            ("中-|文", true),
            ("--|flag", false),
            ("…|…", false),
            ("思—|—", false),
            ("思——|考", true),
        ] {
            let (head, right) = text.split_once('|').unwrap();
            let (at, left) = head.char_indices().next_back().map(|(at, _)| (at, &head[at..])).unwrap();
            let wide = width(left) == 2 || width(right) == 2;
            assert_eq!(may_break(head, at, left, right, wide), allowed, "{text}");
        }
    }
}
