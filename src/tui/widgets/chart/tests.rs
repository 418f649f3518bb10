//! Charts as they look.

use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::*;
use crate::tui::widgets::picture::text_of;

const PPL: Unit = Unit { name: "ppl", decimals: 1 };

fn column(label: &str, score: f64, kind: Kind, parent: Option<usize>) -> Column {
    let label = label.to_owned();
    Column {
        score: Some(score),
        kind,
        label,
        candidates: vec![],
        on_line: true,
        parent,
        marked: false,
        best: Some(score),
    }
}

fn candidate(score: f64, shape: Shape) -> Candidate {
    Candidate { score: Some(score), shape }
}

fn chart(columns: &[Column]) -> Chart<'_> {
    let cursor = columns.len().saturating_sub(1);
    let baseline = Some(44.7);
    Chart {
        columns,
        cursor,
        follow_tail: false,
        baseline,
        threshold: None,
        unit: PPL,
        log: false,
        expected: 0,
        second: None,
    }
}

fn drawn(width: u16, height: u16, chart: &Chart<'_>) -> String {
    let mut buf = Buffer::empty(Rect::new(0, 0, width, height));
    draw(&mut buf, Rect::new(0, 0, width, height), &Theme::mono(), chart, None);
    text_of(&buf)
}

/// The search of the sketch: a draft, two steps refused, three taken, an edit, one running.
fn search() -> Vec<Column> {
    let mut columns = vec![
        column("z0", 38.0, Kind::Draft, None),
        column("1", 38.0, Kind::NoChange, Some(0)),
        column("2", 35.2, Kind::Accepted, Some(1)),
        column("3", 35.2, Kind::NoChange, Some(2)),
        column("4", 33.3, Kind::Accepted, Some(3)),
        column("5", 34.0, Kind::Override, Some(4)),
        column("6", 32.6, Kind::Edit, Some(5)),
        column("7", 31.9, Kind::Accepted, Some(6)),
        column("8", 31.9, Kind::Running, Some(7)),
    ];
    columns[1].candidates = vec![candidate(39.5, Shape::Refused), candidate(300.0, Shape::Open)];
    columns[2].candidates = vec![candidate(36.4, Shape::Open), candidate(35.2, Shape::Chosen)];
    columns[5].best = Some(33.3);
    columns[4].marked = true;
    columns[8].score = None;
    columns[8].best = Some(31.9);
    columns[8].candidates = vec![Candidate { score: None, shape: Shape::Pending }, candidate(32.0, Shape::Open)];
    columns
}

#[test]
fn a_search() {
    let columns = search();
    insta::assert_snapshot!(drawn(60, 10, &Chart { cursor: 7, ..chart(&columns) }), @"
    44.7 ┄┄┄┄┄┄^┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄▾┄┄┄┄┄┄┄┄┄┄┄┄┄┄ no thinking ┄┄┄
                                                   │
                                                   │
               ×                                   │
    38.3 ●━━━━━○━━╮                                │
                  ┃  ○                             │
                  ╰━━●━━━━━○━━╮                    │
                              ╰━━●━━━━━◆━━╮        │     ◌
    31.9                                  ╰━━◆━━━━━●     ○
     ppl z0    1     2     3     4     5     6     7     8
    ");
    insta::assert_snapshot!(drawn(30, 5, &Chart { cursor: 2, follow_tail: true, ..chart(&columns) }), @"
    44.7 ┄┄┄^┄┄┄┄┄┄┄┄▾┄┄┄┄┄┄┄┄┄┄┄┄
    39.5 ●━━○━╮│
              ╰●━━○━╮  ╭◆━╮      ◌
    31.9       │    ╰●━╯  ╰◆━━●  ○
     ppl z0 1  2  3  4  5   8 live
    ");
    insta::assert_snapshot!(drawn(60, 3, &Chart { threshold: Some(30.0), ..chart(&columns) }), @"
    44.7 ●━━━━━○━━╮┄┄┄┄┄┄┄┄┄┄┄┄┄┄▾┄┄┄┄┄┄┄┄┄┄ no thinking ◌┄┄┄┄┄┄
    30.0 ╌╌╌╌╌╌╌╌╌╰━━●━━━━━○━━━━━●━━━━━◆━━━━━◆━━━━━●╌╌╌╌╌○╌╌╌╌╌╌
     ppl z0    1     2     3     4     5     6     7     8
    ");
}

#[test]
fn a_threshold_that_is_far_off_does_not_flatten_the_line() {
    let columns = search();
    let far = drawn(100, 5, &Chart { threshold: Some(3.0), ..chart(&columns) });
    let none = drawn(100, 5, &chart(&columns));
    let (said, rest): (Vec<&str>, Vec<&str>) =
        far.lines().partition(|line| line.contains("the threshold is far below"));
    assert_eq!(said.len(), 1, "{far}");
    assert!(rest.iter().all(|line| none.lines().any(|other| other == *line)), "{far}\n{none}");
}

#[test]
fn a_branch_is_dim_and_leaves_from_its_parent() {
    let mut columns = search();
    columns.truncate(5);
    columns.push(Column { on_line: false, ..column("5", 36.5, Kind::Fork, Some(2)) });
    columns.push(Column { on_line: false, ..column("6", 34.4, Kind::Accepted, Some(5)) });
    insta::assert_snapshot!(drawn(50, 9, &Chart { cursor: 4, ..chart(&columns) }), @"
    44.7 ┄┄┄┄┄┄┄^┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄▾ no thinking ┄┄┄
                                     │
                                     │
    39.8        ×                    │
         ●━━━━━━○━━━╮                │
                    ┃  ○          ╭─────────◇───╮
                    ╰━━●━━━━━━○━━━╮  │          ╰──●
    33.3                          ╰━━●──────
     ppl z0     1      2      3      4      5      6
    ");
}

/// What is taken may raise another measure than the search's own; the line that comes back is alone in its row.
#[test]
fn the_best_line_is_not_drawn_into_a_line_that_comes_to_its_row() {
    let mut columns = search();
    columns.truncate(5);
    columns.push(Column { best: Some(33.3), ..column("5", 35.2, Kind::Accepted, Some(4)) });
    columns[5].candidates = vec![candidate(33.3, Shape::Open)];
    columns.push(column("6", 33.3, Kind::Accepted, Some(5)));
    insta::assert_snapshot!(drawn(50, 9, &Chart { cursor: 6, ..chart(&columns) }), @"
    44.7 ┄┄┄┄┄┄┄^┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄▾ no thinking ┄┄┄
                                                   │
                                                   │
    39.8        ×                                  │
         ●━━━━━━○━━━╮                              │
                    ┃  ○                           │
                    ╰━━●━━━━━━○━━━╮      ╭━━●━━━╮  │
    33.3                          ╰━━●━━━╯  ○   ╰━━●
     ppl z0     1      2      3      4      5      6
    ");
}

#[test]
fn the_beginning_alone_and_a_flat_line() {
    let one = [column("z0", 38.0, Kind::Draft, None)];
    insta::assert_snapshot!(drawn(40, 6, &chart(&one)), @"
    44.7 ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄ no thinking ┄┄┄
         │
         │
         │
    38.0 ●
     ppl z0
    ");
    insta::assert_snapshot!(drawn(40, 5, &Chart { baseline: None, ..chart(&one) }), @"
    38.1 │
         │
         ●
    37.9 │
     ppl z0
    ");
    let flat: Vec<Column> =
        (0..6).map(|at: usize| column(&at.to_string(), 3.4, Kind::NoChange, at.checked_sub(1))).collect();
    let unit = Unit { name: "nats", decimals: 3 };
    insta::assert_snapshot!(drawn(40, 5, &Chart { baseline: None, unit, ..chart(&flat) }), @"
    3.401                               │
                                        │
          ○━━━━━○━━━━━○━━━━━○━━━━━○━━━━━○
    3.398                               │
     nats 0     1     2     3     4     5
    ");
    assert_eq!(drawn(40, 4, &Chart { baseline: None, ..chart(&[]) }).trim(), "ppl");
}

#[test]
fn an_outlier_stands_at_the_edge_and_the_log_scale_shows_it() {
    let mut columns = search();
    columns[0].score = Some(4000.0);
    columns[0].best = Some(4000.0);
    insta::assert_snapshot!(drawn(40, 6, &chart(&columns)), @"
    44.7 ^━╮┄^┄┄┄┄┄┄┄┄┄┄┄▾┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄
    39.5   ┃ ×                           │
           ╰━○━╮ ○                       │
               ╰━●━━━○━━━●━━━◆━╮         ◌
    31.9                       ╰━◆━━━●   ○
     ppl z0  1   2   3   4   5   6   7   8
    ");
    insta::assert_snapshot!(drawn(40, 6, &Chart { log: true, ..chart(&columns) }), @"
    4000 ●━╮             ▾               │
           ┃                             │
           ┃ ○                           │
           ┃                             ◌
    44.7 ┄┄╰━○━━━●━━━○━━━●━━━◆━━━◆━━━●┄┄┄○┄┄
     ppl z0  1   2   3   4   5   6   7   8
    ");
}

#[test]
fn a_baseline_far_above_leaves_the_line_its_rows() {
    let columns = search();
    insta::assert_snapshot!(drawn(80, 4, &Chart { baseline: Some(97.0), cursor: 7, ..chart(&columns) }), @"
    97.0 ┄┄┄┄┄┄┄┄┄^┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄▾┄┄┄┄┄┄┄┄ no thinking, not to scale ┄┄┄
    39.5 ●━━━━━━━━○━━━━╮   ○                                            │        ◌
    31.9               ╰━━━●━━━━━━━━○━━━━━━━━●━━━━━━━━◆━━━━━━━━◆━━━━━━━━●        ○
     ppl z0       1        2        3        4        5        6        7        8
    ");
    insta::assert_snapshot!(drawn(80, 7, &Chart { baseline: Some(97.0), cursor: 7, ..chart(&columns) }), @"
    97.0 ┄┄┄┄┄┄┄┄┄^┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄▾┄┄┄┄┄┄┄┄ no thinking, not to scale ┄┄┄
    39.5          ×                                                     │
         ●━━━━━━━━○━━━━╮                                                │
                       ╰━━━●━━━━━━━━○━━━━╮                              │
                                         ╰━━━●━━━━━━━━◆━━━━╮            │        ◌
    31.9                                                   ╰━━━◆━━━━━━━━●        ○
     ppl z0       1        2        3        4        5        6        7        8
    ");
    insta::assert_snapshot!(drawn(80, 4, &Chart { baseline: Some(97.0), cursor: 7, log: true, ..chart(&columns) }), @"
    300.0          ○                          ▾                          │
     97.0 ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄ no thinking ┄◌┄
     31.9 ●━━━━━━━━○━━━━━━━━●━━━━━━━━○━━━━━━━━●━━━━━━━━◆━━━━━━━━◆━━━━━━━━●        ○
      ppl z0       1        2        3        4        5        6        7        8
    ");
}

#[test]
fn columns_stay_where_they_are_while_others_come() {
    let columns = search();
    let cells = |count: usize| {
        let mut buf = Buffer::empty(Rect::new(0, 0, 80, 8));
        let shown = Chart { expected: 25, ..chart(&columns[..count]) };
        let placed = draw(&mut buf, Rect::new(0, 0, 80, 8), &Theme::mono(), &shown, None);
        (0..count).filter_map(|column| placed.cell_of(column)).collect::<Vec<_>>()
    };
    assert_eq!(cells(3), cells(9)[..3]);
}

#[test]
fn more_columns_than_cells_scroll_with_the_cursor() {
    let many: Vec<Column> = (0..200)
        .map(|at: usize| column(&at.to_string(), 44.0 - at as f64 / 20.0, Kind::Accepted, at.checked_sub(1)))
        .collect();
    insta::assert_snapshot!(drawn(40, 6, &Chart { cursor: 100, ..chart(&many) }), @"
    44.7 ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄ no thinking ┄┄┄
                                         │
         ●━●━●━●━●━●━●━●━●━●━●━●━●━●━●━●━●━●
                                         │
    34.0                                 │
     ppl ‹ 85  87  89  91  93  95  97   100›
    ");
}

#[test]
fn beside_a_branch_the_best_so_far_leaves_no_end_of_a_line() {
    let branch = |column: Column, best: f64| Column { on_line: false, best: Some(best), ..column };
    let columns = vec![
        column("z0", 38.0, Kind::Draft, None),
        branch(column("1", 36.0, Kind::Accepted, Some(0)), 36.0),
        branch(column("2", 34.0, Kind::Accepted, Some(1)), 34.0),
        branch(column("3", 32.0, Kind::Accepted, Some(2)), 32.0),
        Column { best: Some(32.0), ..column("", 38.0, Kind::Fork, Some(0)) },
        Column { best: Some(32.0), ..column("4", 37.0, Kind::Accepted, Some(4)) },
    ];
    insta::assert_snapshot!(drawn(60, 8, &chart(&columns)), @"
    44.7 ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄ no thinking, not to scale ┄┄┄
    38.0 ●━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━◇━━━━╮    │
              │                                       ╰━━━━●
    35.6      ╰────●────╮                                  │
                        ╰────●────╮                        │
                                  │                        │
    32.0                          ╰────●────────────────────
     ppl z0        1         2         3                   4
    ");
}

#[test]
fn a_second_measure_has_its_own_axis() {
    let columns = search();
    let nll: Vec<Option<f64>> = (0..9).map(|at| (at != 3).then_some(3.6 - 0.02 * f64::from(at))).collect();
    let second = Some((Unit { name: "nats", decimals: 3 }, &nll[..]));
    insta::assert_snapshot!(drawn(56, 6, &Chart { second, ..chart(&columns) }), @"
    44.7 ·┄┄┄┄^┄┄┄┄┄┄┄┄┄┄┄┄┄┄▾┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄ 3.600
    39.5      ×    ·                             │
         ●━━━━○━━╮ ○         ·                   │
                 ╰━●━━━━○━━━━●━━━━◆━━╮ ·         ◌
    31.9                             ╰━◆━━━━●    ○     3.440
     ppl z0   1    2    3    4    5    6    7    8      nats
    ");
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![8 => 20.0f64..60.0, 1 => Just(f64::NAN), 1 => Just(f64::INFINITY), 1 => Just(0.0), 1 => -5.0f64..1e12]
}

fn columns() -> impl Strategy<Value = Vec<Column>> {
    use Kind::*;
    let kind = proptest::sample::select(vec![Draft, Accepted, NoChange, Override, Edit, Fork, Running]);
    let shape = proptest::sample::select(vec![Shape::Open, Shape::Refused, Shape::Chosen, Shape::Pending]);
    let candidate = (proptest::option::of(score()), shape).prop_map(|(score, shape)| Candidate { score, shape });
    let candidates = proptest::collection::vec(candidate, 0..4);
    let column =
        (proptest::option::of(score()), kind, candidates, any::<bool>(), any::<bool>(), 0usize..30, "[a-z0-9思]{0,4}");
    let column = column.prop_map(|(score, kind, candidates, on_line, marked, parent, label)| Column {
        score,
        kind,
        label,
        candidates,
        on_line,
        parent: Some(parent).filter(|parent| *parent < 25),
        marked,
        best: score,
    });
    proptest::collection::vec(column, 0..30)
}

proptest! {
    #[test]
    fn any_chart_at_any_size(
        columns in columns(),
        (width, height) in (0u16..=30, 0u16..=12),
        cursor in 0usize..40,
        baseline in proptest::option::of(score()),
        threshold in proptest::option::of(score()),
        log: bool,
        follow_tail: bool,
    ) {
        let nll: Vec<Option<f64>> = columns.iter().map(|column| column.score).collect();
        let second = log.then_some((PPL, &nll[..]));
        let chart = Chart { columns: &columns, cursor, follow_tail, baseline, threshold, unit: PPL, log, expected: 0, second };
        let text = drawn(width, height, &chart);
        prop_assert!(!text.contains("NaN") && !text.contains("inf"), "{}", text);
        drawn(width * 10, height * 2, &chart);
    }
}
