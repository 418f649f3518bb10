//! What is wrong with a file, in words and by its place: a list without its end is noticed by a reader many lines below.

use std::fmt::Display;

/// What is said of a file that cannot be read, behind its name.
pub fn unreadable(why: &impl Display) -> String {
    format!("cannot be read: {why}; check the path and its permissions")
}

/// The line of a byte, from 1.
pub fn line_at(text: &str, byte: usize) -> usize {
    1 + text.as_bytes()[..byte.min(text.len())].iter().filter(|byte| **byte == b'\n').count()
}

/// The line at which what a reader gave up on at line `noticed` begins, from 1: the lines above it are whole by
/// themselves, and with each line from it on to `noticed` they are not.
pub fn begins(text: &str, noticed: usize, is_whole: impl Fn(&str) -> bool) -> usize {
    let ends: Vec<usize> = text.split_inclusive('\n').take(noticed).map(str::len).collect();
    let mut end: usize = ends.iter().take(noticed.saturating_sub(1)).sum();
    let mut line = noticed.min(ends.len().max(1));
    while line > 1 && !is_whole(&text[..end]) {
        line -= 1;
        end -= ends[line - 1];
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_is_told_where_it_begins() {
        // Whole here is what closes as many brackets as it opens.
        let is_whole = |text: &str| text.matches('[').count() == text.matches(']').count();
        assert_eq!(begins("a\n[b\nc\nd\n", 4, is_whole), 2);
        assert_eq!(begins("[a\nb]\nc\n[d\n]\n", 4, is_whole), 4);
        assert_eq!(begins("[a\nb\n", 2, is_whole), 1);
        assert_eq!(begins("[a", 9, is_whole), 1);
        assert_eq!(begins("", 1, is_whole), 1);
        assert_eq!(line_at("a\nb\n", 2), 2);
        assert_eq!(line_at("a\nb\n", 99), 3);
    }
}
