//! Columns and small pictures made of text.

use unicode_width::UnicodeWidthStr;

/// Lines of a table, the head first; a column of numbers stands right, others left.
pub fn table(head: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let columns: Vec<Column> = head.iter().enumerate().map(|(at, name)| Column::of(name, at, rows)).collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> = columns.iter().zip(cells).map(|(column, cell)| column.pad(cell)).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(&mut head.iter().copied())];
    lines.extend(rows.iter().map(|row| line(&mut row.iter().map(String::as_str))));
    lines
}

struct Column {
    width: usize,
    right: bool,
}

impl Column {
    fn of(name: &str, at: usize, rows: &[Vec<String>]) -> Column {
        let cells = || rows.iter().filter_map(|row| row.get(at)).filter(|cell| !cell.is_empty());
        let number = |cell: &String| cell.starts_with(|c: char| c.is_ascii_digit() || "+-−".contains(c));
        Column {
            width: cells().map(|cell| cell.width()).chain([name.width()]).max().unwrap_or_default(),
            right: cells().next().is_some() && cells().all(number),
        }
    }

    fn pad(&self, cell: &str) -> String {
        let space = " ".repeat(self.width.saturating_sub(cell.width()));
        if self.right { format!("{space}{cell}") } else { format!("{cell}{space}") }
    }
}

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Counts as a row of bars, the highest full; a point where there is nothing.
pub fn bars(counts: &[usize]) -> String {
    let most = counts.iter().copied().max().unwrap_or_default().max(1);
    let level = |count: usize| (count * LEVELS.len()).div_ceil(most).saturating_sub(1);
    counts.iter().map(|&count| if count == 0 { '·' } else { LEVELS[level(count)] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_right_and_words_left_by_display_width() {
        let rows = vec![vec!["思考".to_owned(), "8.5".to_owned()], vec!["a".to_owned(), "-12.25".to_owned()]];
        assert_eq!(table(&["id", "nll"], &rows), ["id       nll", "思考     8.5", "a     -12.25"]);
    }

    #[test]
    fn an_empty_table_is_its_head() {
        assert_eq!(table(&["id", "nll"], &[]), ["id  nll"]);
    }

    #[test]
    fn the_highest_bar_is_full_and_one_is_never_invisible() {
        assert_eq!(bars(&[0, 1, 50, 100]), "·▁▄█");
        assert_eq!(bars(&[0, 0]), "··");
    }
}
