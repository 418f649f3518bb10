//! From a text to its highlights: markdown where it looks like markdown, the code in its fences by its language,
//! nothing otherwise. Runs as long as it takes; the caller sees to it that nobody waits.

use std::ops::Range;

use syntect::parsing::{ParseState, ScopeStack, SyntaxSet};

use super::super::text::Spans;
use super::roles::Roles;
use crate::tui::theme::Role;

/// Longer lines stay plain: their cost grows faster than they do.
const LONGEST_LINE: usize = 2000;

pub(super) struct Parser {
    syntaxes: SyntaxSet,
    roles: Roles,
}

impl Parser {
    /// Loads the syntaxes, which takes some tens of milliseconds.
    pub(super) fn new() -> Parser {
        Parser { syntaxes: SyntaxSet::load_defaults_newlines(), roles: Roles::new() }
    }

    /// The highlights of `text`; none when `stopped` said so before the end.
    pub(super) fn spans(&self, text: &str, stopped: impl Fn() -> bool) -> Option<Spans> {
        let mut spans = Spans::new();
        if !looks_marked(text) {
            return Some(spans);
        }
        let mut prose = self.reading("md");
        let mut fence: Option<(Fence, Option<Reading>)> = None;
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            if stopped() {
                return None;
            }
            let here = at..at + line.len();
            at = here.end;
            let mark = Fence::of(line);
            match (&mut fence, mark) {
                (Some((open, _)), Some(mark)) if mark.closes(open) => {
                    push(&mut spans, inked(&here, line), Role::Comment);
                    fence = None;
                }
                (None, Some(mark)) => {
                    push(&mut spans, inked(&here, line), Role::Comment);
                    let code = self.reading(mark.language);
                    fence = Some((mark, code));
                }
                (Some((_, code)), _) => self.read(code, line, here.start, &mut spans),
                (None, None) => self.read(&mut prose, line, here.start, &mut spans),
            }
        }
        Some(spans)
    }

    fn reading(&self, language: &str) -> Option<Reading> {
        let syntax = self.syntaxes.find_syntax_by_token(language)?;
        Some(Reading { state: ParseState::new(syntax), stack: ScopeStack::new() })
    }

    /// Reads one line; a syntax that fails on it reads no further.
    fn read(&self, reading: &mut Option<Reading>, line: &str, start: usize, spans: &mut Spans) {
        let Some(Reading { state, stack }) = reading.as_mut().filter(|_| line.len() <= LONGEST_LINE) else { return };
        let Ok(changes) = state.parse_line(line, &self.syntaxes) else {
            *reading = None;
            return;
        };
        let mut from = 0;
        for (at, change) in changes {
            if let Some(role) = self.roles.of(stack).filter(|_| at > from) {
                push(spans, start + from..start + at, role);
            }
            from = at.max(from);
            if stack.apply(&change).is_err() {
                *reading = None;
                return;
            }
        }
        if let Some(role) = self.roles.of(stack).filter(|_| line.len() > from) {
            push(spans, start + from..start + line.len(), role);
        }
    }
}

/// One language being read, line by line.
struct Reading {
    state: ParseState,
    stack: ScopeStack,
}

/// The line that opens or closes a block of code.
struct Fence<'a> {
    sign: char,
    count: usize,
    language: &'a str,
}

impl Fence<'_> {
    fn of(line: &str) -> Option<Fence<'_>> {
        let text = line.trim_start_matches(' ');
        let sign = text.chars().next().filter(|sign| matches!(sign, '`' | '~'))?;
        let rest = text.trim_start_matches(sign);
        let (count, info) = (text.len() - rest.len(), rest.trim());
        // Backticks in a line that goes on with more of them are code within the line.
        let opens = count >= 3 && line.len() - text.len() <= 3 && !(sign == '`' && info.contains('`'));
        let language = info.split([' ', ',', '{']).next().unwrap_or_default();
        opens.then_some(Fence { sign, count, language })
    }

    fn closes(&self, open: &Fence<'_>) -> bool {
        self.sign == open.sign && self.count >= open.count && self.language.is_empty()
    }
}

/// A line without its end.
fn inked(here: &Range<usize>, line: &str) -> Range<usize> {
    here.start..here.start + line.trim_end().len()
}

fn push(spans: &mut Spans, span: Range<usize>, role: Role) {
    match spans.last_mut() {
        Some((last, of)) if *of == role && last.end == span.start => last.end = span.end,
        _ => spans.push((span, role)),
    }
}

/// Prose with a dash or a star in it is no markdown yet: a heading, a fence, a link, or words in doubled stars are.
fn looks_marked(text: &str) -> bool {
    let heading = |line: &str| {
        let rest = line.trim_start_matches('#');
        (1..=6).contains(&(line.len() - rest.len())) && rest.starts_with(' ')
    };
    text.lines().any(|line| Fence::of(line).is_some() || heading(line) || line.contains("](") || strong(line))
}

fn strong(line: &str) -> bool {
    let mut parts = line.split("**").skip(1);
    parts.next().is_some_and(|inside| !inside.is_empty() && !inside.starts_with(' ')) && parts.next().is_some()
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::sync::LazyLock;
    use std::time::Instant;

    use super::*;
    use proptest::prelude::*;

    static PARSER: LazyLock<Parser> = LazyLock::new(Parser::new);

    fn told(text: &str) -> String {
        let mut out = String::new();
        for (span, role) in PARSER.spans(text, || false).unwrap() {
            let _infallible = writeln!(out, "{role:?} {:?}", &text[span]);
        }
        out
    }

    #[test]
    fn markdown_and_the_code_in_it() {
        let text = "# The lamp\n\nIt is *kind* and **warm**, see [home](http://x.org) and `code`.\n\n\
                    ```rust\n// a note\nfn clean(lamp: u8) -> bool { lamp > 3 }\n```\nAfter \"it\".\n\
                    ~~~nonsense\nlet x = 1;\n~~~\n";
        insta::assert_snapshot!(told(text), @r##"
        Heading "# The lamp\n"
        Emphasis "*kind*"
        Strong "**warm**"
        Link "http://x.org"
        Literal "`code`"
        Comment "```rust"
        Comment "// a note\n"
        Keyword "fn"
        Function "clean"
        Keyword "u8"
        Keyword "bool"
        Number "3"
        Comment "```"
        Comment "~~~nonsense"
        Comment "~~~"
        "##);
    }

    #[test]
    fn prose_stays_plain() {
        assert_eq!(told("A dash - and a star * in prose.\n* one\nIt costs 2 ** 3."), "");
        assert_eq!(told("Maybe I should open on the lamp (not on him)."), "");
    }

    #[test]
    fn long_lines_are_skipped_and_a_stop_is_heard() {
        let text = format!("# Title\n\n{}\n# Next\n", "**word** ".repeat(1000));
        insta::assert_snapshot!(told(&text), @r##"
        Heading "# Title\n"
        Heading "# Next\n"
        "##);
        assert_eq!(PARSER.spans(&text, || true), None);
    }

    #[test]
    #[ignore = "prints timings"]
    fn what_a_long_text_costs() {
        for (name, piece) in [
            ("prose", "# A\n\nThe lamp has been *kind* to me this winter, and I clean it every night.\n\n"),
            ("code", "```rust\nfn clean(lamp: &Lamp) -> Result<(), Error> { lamp.wipe(3, \"glass\") }\n```\n"),
        ] {
            let text = piece.repeat(200_000 / piece.len());
            LazyLock::force(&PARSER);
            let start = Instant::now();
            let spans = PARSER.spans(&text, || false).unwrap();
            println!("{name}: {:?}, {} spans", start.elapsed(), spans.len());
        }
    }

    proptest! {
        #[test]
        fn spans_are_in_order_and_on_edges(text in "(# |```|rust|\n|[a-z ]{1,5}|\\*\\*|\\[|\\]\\(|思|`|~~~){0,40}") {
            let spans = PARSER.spans(&text, || false).unwrap();
            prop_assert!(spans.iter().all(|(span, _)| text.get(span.clone()).is_some_and(|part| !part.is_empty())));
            prop_assert!(spans.windows(2).all(|pair| pair[0].0.end <= pair[1].0.start));
        }
    }
}
