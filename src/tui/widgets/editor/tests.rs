//! The editor as a person meets it, and that the text stays raw.

use std::time::Instant;

use proptest::prelude::*;

use super::*;
use crate::text::graphemes;
use crate::tui::widgets::picture::text_of;
use TextEdit::*;

fn drawn(editor: &mut Editor, w: u16, h: u16) -> (String, Option<(u16, u16)>) {
    let mut buf = Buffer::empty(Rect::new(0, 0, w, h));
    let cursor = editor.draw(&mut buf, Rect::new(0, 0, w, h), &Theme::mono());
    (text_of(&buf), cursor.map(|at| (at.x, at.y)))
}

fn apply(editor: &mut Editor, edits: &[TextEdit]) {
    for edit in edits {
        editor.apply(edit);
    }
}

fn typed(editor: &mut Editor, text: &str) {
    for (_, grapheme) in graphemes(text) {
        editor.apply(&if grapheme == "\n" { NewLine } else { Insert(grapheme.to_owned()) });
    }
}

/// The text with `|` at the cursor.
fn told(editor: &Editor) -> String {
    let mut text = editor.text();
    text.insert(editor.offset(), '|');
    text
}

#[test]
fn graphemes_are_moved_over_and_deleted_whole() {
    let mut editor = Editor::new("👨\u{200d}👩\u{200d}👧e\u{301}x思");
    apply(&mut editor, &[TextEnd, DeleteLeft, DeleteLeft, DeleteLeft]);
    assert_eq!(editor.text(), "👨\u{200d}👩\u{200d}👧");
    apply(&mut editor, &[DeleteLeft, DeleteLeft]);
    assert_eq!(editor.text(), "");
    let mut editor = Editor::new("e\u{301}👍🏽\nb");
    apply(&mut editor, &[Right, Right, Right]);
    assert_eq!(told(&editor), "e\u{301}👍🏽\n|b");
    apply(&mut editor, &[Left, Left, DeleteRight, DeleteRight]);
    assert_eq!(told(&editor), "e\u{301}|b");
}

#[test]
fn one_undo_takes_back_a_word_a_run_or_a_paste() {
    let mut editor = Editor::new("");
    typed(&mut editor, "Maybe the lamp");
    editor.apply(&Paste(" and\nthe sea".into()));
    apply(&mut editor, &[DeleteLeft, DeleteLeft, DeleteLeft]);
    let mut told = vec![editor.text()];
    while editor.apply(&Undo) {
        told.push(editor.text());
    }
    assert_eq!(
        told,
        ["Maybe the lamp and\nthe ", "Maybe the lamp and\nthe sea", "Maybe the lamp", "Maybe the", "Maybe", ""]
    );
    while editor.apply(&Redo) {}
    assert_eq!(editor.text(), told[0]);
    assert!(editor.is_changed());
}

#[test]
fn without_spaces_a_step_ends_at_a_stop() {
    let mut editor = Editor::new("");
    typed(&mut editor, "今年冬天，灯待我很好。想");
    let mut told = vec![];
    while editor.apply(&Undo) {
        told.push(editor.text());
    }
    assert_eq!(told, ["今年冬天，灯待我很好。", "今年冬天，", ""]);
}

#[test]
fn more_is_remembered_than_fifty_characters() {
    let mut editor = Editor::new("start");
    typed(&mut editor, &"word ".repeat(500));
    while editor.apply(&Undo) {}
    assert_eq!(editor.text(), "start");
    assert!(!editor.is_changed());
}

#[test]
fn rows_wrap_and_the_cursor_moves_by_rows() {
    let mut editor = Editor::new("the lamp has been kind\n\n思考的灯塔");
    let seen = |editor: &mut Editor| drawn(editor, 10, 6);
    insta::assert_snapshot!(seen(&mut editor).0, @"
    the lamp
    has been
    kind

    思考的灯
    塔
    ");
    apply(&mut editor, &[Right, Right, Down]);
    assert_eq!(told(&editor), "the lamp ha|s been kind\n\n思考的灯塔");
    assert_eq!(seen(&mut editor).1, Some((2, 1)));
    apply(&mut editor, &[Down, Down, Down]);
    assert_eq!(told(&editor), "the lamp has been kind\n\n思|考的灯塔");
    assert_eq!(seen(&mut editor).1, Some((2, 4)));
    apply(&mut editor, &[Up, Up, LineEnd]);
    assert_eq!(told(&editor), "the lamp has been kind|\n\n思考的灯塔");
    apply(&mut editor, &[Up, LineStart]);
    assert_eq!(told(&editor), "the lamp |has been kind\n\n思考的灯塔");
    apply(&mut editor, &[LineStart]);
    assert_eq!(told(&editor), "|the lamp has been kind\n\n思考的灯塔");
    editor.point(Position::new(4, 4));
    assert_eq!(told(&editor), "the lamp has been kind\n\n思考|的灯塔");
}

#[test]
fn controls_stay_in_the_text_and_never_reach_the_screen() {
    let hostile = "a\u{1b}[31m\u{7}b\r\nc\rd\te\u{202e}f\u{fdd0}\u{fdd1}";
    let mut editor = Editor::new(hostile);
    assert_eq!(editor.text(), hostile);
    insta::assert_snapshot!(drawn(&mut editor, 40, 3).0, @"
    a␛[31m␇b␍
    c␍d e<U+202E>f﷐﷑
    ");
    apply(&mut editor, &[TextEnd, Paste("\u{9b}2J\r".into()), Paste("\u{fdd2}\u{fdd3}\r\n".into())]);
    assert_eq!(editor.text(), format!("{hostile}\u{9b}2J\r\u{fdd2}\u{fdd3}\r\n"));
    apply(&mut editor, &[DeleteLeft, DeleteLeft, DeleteLeft]);
    assert_eq!(editor.text(), format!("{hostile}\u{9b}2J\r\u{fdd2}"));
}

#[test]
fn a_line_longer_than_a_piece_is_one_line() {
    let long = "lamp ".repeat(3000);
    let mut editor = Editor::new(&format!("a\n{long}\nb"));
    drawn(&mut editor, 40, 10);
    apply(&mut editor, &[TextEnd, Left, Left]);
    assert_eq!(editor.offset(), 2 + long.len());
    apply(&mut editor, &[DeleteToLineStart]);
    assert_eq!(editor.text(), "a\n\nb");
    apply(&mut editor, &[Undo]);
    assert_eq!(editor.text(), format!("a\n{long}\nb"));
    // Over every seam and back, character by character.
    apply(&mut editor, &[TextStart, Down]);
    for _ in 0..long.len() {
        editor.apply(&DeleteRight);
    }
    assert_eq!(editor.text(), "a\n\nb");
    apply(&mut editor, &[Undo]);
    assert_eq!(editor.text(), format!("a\n{long}\nb"));
}

#[test]
fn typing_into_a_long_line_keeps_its_pieces_short() {
    let mut editor = Editor::new("");
    for _ in 0..30 {
        editor.apply(&Paste("x".repeat(4000)));
    }
    assert_eq!(editor.text(), "x".repeat(120_000));
    assert!((0..editor.area.pieces()).all(|at| editor.area.piece(at).len() <= 4 * 4096));
    assert_eq!(editor.offset(), 120_000);
    while editor.apply(&Undo) {}
    assert_eq!(editor.text(), "");
}

#[test]
fn the_cursor_reaches_every_one_of_very_many_lines() {
    let many = "ab\n".repeat(70_000);
    let mut editor = Editor::new(&many);
    drawn(&mut editor, 20, 5);
    apply(&mut editor, &[TextEnd, Left, Left, Insert("x".into())]);
    assert_eq!(editor.text(), format!("{}axb\n", &many[..many.len() - 3]));
    assert_eq!(editor.offset(), many.len() - 1);
    assert_eq!(drawn(&mut editor, 20, 5), ("ab\nab\nab\nab\naxb".to_owned(), Some((2, 4))));
}

fn rich() -> impl Strategy<Value = String> {
    "([a-z ]{1,6}|[思考]{1,3}|[\n\t\r]{1,2}|e\u{301}|👨\u{200d}👩|\u{1b}|\u{202e}|\u{fdd0}){0,12}"
}

fn edit() -> impl Strategy<Value = TextEdit> {
    prop_oneof![
        3 => rich().prop_map(Insert),
        2 => rich().prop_map(Paste),
        10 => proptest::sample::select(vec![
            NewLine, Left, Right, WordLeft, WordRight, Up, Down, PageUp, PageDown, LineStart, LineEnd, TextStart,
            TextEnd, DeleteLeft, DeleteRight, DeleteWordLeft, DeleteWordRight, DeleteToLineStart, DeleteToLineEnd,
            Undo, Redo,
        ]),
    ]
}

proptest! {
    #[test]
    fn what_goes_in_comes_out(text in rich(), at in any::<proptest::sample::Index>(), paste in rich()) {
        let mut editor = Editor::new(&text);
        prop_assert_eq!(editor.text(), text.clone());
        for _ in 0..at.index(30) {
            editor.apply(&Right);
        }
        let offset = editor.offset();
        editor.apply(&Paste(paste.clone()));
        let mut expected = text.clone();
        expected.insert_str(offset, &paste);
        prop_assert_eq!(editor.text(), expected);
    }

    #[test]
    fn any_edits_at_any_size(text in rich(), edits in proptest::collection::vec(edit(), 0..30), (w, h) in (0u16..=30, 0u16..=12)) {
        let mut editor = Editor::new(&text);
        for edit in &edits {
            let before = editor.text();
            let changed = editor.apply(edit);
            prop_assert!(changed || editor.text() == before, "{edit:?}");
            let (picture, cursor) = drawn(&mut editor, w, h);
            prop_assert_eq!(cursor.is_some(), w > 0 && h > 0, "{:?}", edit);
            prop_assert!(!picture.chars().any(|c| c.is_control() && c != '\n'));
            let offset = editor.offset();
            prop_assert!(editor.text().is_char_boundary(offset));
        }
    }

    #[test]
    fn undo_leads_back_to_the_beginning(text in "[a-z\n思 ]{0,30}", edits in proptest::collection::vec(edit(), 0..20)) {
        let mut editor = Editor::new(&text);
        apply(&mut editor, &edits);
        let clash = edits.iter().any(|edit| matches!(edit, Insert(text) | Paste(text) if text.contains('\u{fdd0}')));
        while editor.apply(&Undo) {}
        prop_assert!(clash || editor.text() == text);
    }
}

/// What a megabyte costs, printed: `cargo test --lib editor::tests::a_megabyte -- --ignored --nocapture`.
#[test]
#[ignore = "prints timings"]
fn a_megabyte() {
    let texts = [
        ("one line", "The lamp has been kind to me this winter. ".repeat(25_000)),
        ("lines", "The lamp has been kind to me this winter.\n".repeat(25_000)),
        ("line ends", "\n".repeat(1 << 20)),
        ("chinese", "今年冬天，灯塔的灯待我很好。".repeat(25_000)),
    ];
    for (name, text) in texts {
        let mut editor = Editor::new("before after");
        apply(&mut editor, &[WordRight]);
        let mut took = Vec::new();
        let mut time = |what: &'static str, work: &mut dyn FnMut()| {
            let start = Instant::now();
            work();
            took.push(format!("{what} {:.1?}", start.elapsed()));
        };
        time("paste", &mut || {
            editor.apply(&Paste(text.clone()));
        });
        time("draw", &mut || {
            drawn(&mut editor, 100, 30);
        });
        time("type", &mut || {
            editor.apply(&Insert("x".into()));
        });
        time("up", &mut || {
            editor.apply(&Up);
        });
        time("delete", &mut || {
            editor.apply(&DeleteLeft);
        });
        time("draw", &mut || {
            drawn(&mut editor, 100, 30);
        });
        time("undo", &mut || {
            editor.apply(&Undo);
        });
        time("start", &mut || {
            editor.apply(&TextStart);
        });
        time("type", &mut || {
            editor.apply(&Insert("x".into()));
        });
        println!("{name}: {}", took.join(", "));
    }
}
