//! Which rows of a long list are seen: the selected one always, and no others moved than must be.

use std::ops::Range;

/// The rows of a list of `rows` that a window of `height` shows: `first` from the last frame on, moved only as far as
/// `selected` needs.
pub fn window(first: usize, selected: Option<usize>, rows: usize, height: u16) -> Range<usize> {
    let height = usize::from(height);
    let mut first = first;
    if let Some(selected) = selected.map(|selected| selected.min(rows.saturating_sub(1))) {
        first = first.clamp((selected + 1).saturating_sub(height), selected);
    }
    let first = first.min(rows.saturating_sub(height));
    first..(first + height).min(rows)
}

/// The same for rows of different heights, such as segments folded and unfolded: the items to draw, and how many
/// rows of the first one are above the window. `heights`: rows of each item; the top row of the last frame is
/// `first_row`; the selected item is seen whole, or from its top when it is higher than the window.
pub fn window_of(first_row: usize, selected: Option<usize>, heights: &[usize], height: u16) -> (Range<usize>, usize) {
    let height = usize::from(height);
    let total: usize = heights.iter().sum();
    let mut first_row = first_row;
    if let Some(selected) = selected.filter(|selected| *selected < heights.len()) {
        let top: usize = heights[..selected].iter().sum();
        let bottom = top + heights[selected].min(height);
        first_row = first_row.clamp(bottom.saturating_sub(height), top);
    }
    let first_row = first_row.min(total.saturating_sub(height));
    let (mut at, mut row) = (0, 0);
    while at < heights.len() && row + heights[at] <= first_row {
        row += heights[at];
        at += 1;
    }
    let (mut end, mut seen) = (at, row);
    while end < heights.len() && seen < first_row + height {
        seen += heights[end];
        end += 1;
    }
    (at..end, first_row - row.min(first_row))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_selected_row_is_kept_in_sight() {
        assert_eq!(window(0, Some(0), 20, 5), 0..5);
        assert_eq!(window(0, Some(5), 20, 5), 1..6);
        assert_eq!(window(9, Some(5), 20, 5), 5..10);
        assert_eq!(window(9, None, 10, 5), 5..10);
        assert_eq!(window(3, Some(9), 0, 5), 0..0);
    }

    #[test]
    fn rows_of_different_heights() {
        assert_eq!(window_of(0, Some(1), &[2, 9, 2, 2], 5), (1..2, 0));
        assert_eq!(window_of(0, Some(2), &[2, 2, 2, 2], 5), (0..3, 1));
        assert_eq!(window_of(3, None, &[2, 2, 2, 2], 5), (1..4, 1));
        assert_eq!(window_of(0, Some(7), &[], 5), (0..0, 0));
    }

    proptest! {
        #[test]
        fn the_window_is_full_and_holds_the_selected(first in 0usize..50, selected in 0usize..50, rows in 1usize..50, height in 1u16..20) {
            let seen = window(first, Some(selected), rows, height);
            prop_assert!(seen.contains(&selected.min(rows - 1)));
            prop_assert_eq!(seen.len(), rows.min(usize::from(height)));
            let same = window_of(first, Some(selected.min(rows - 1)), &vec![1; rows], height);
            prop_assert_eq!(same, (seen, 0));
        }

        #[test]
        fn an_item_is_seen_from_its_top(first in 0usize..99, selected in 0usize..20, heights in proptest::collection::vec(1usize..9, 1..20), height in 1u16..20) {
            let selected = selected.min(heights.len() - 1);
            let (items, above) = window_of(first, Some(selected), &heights, height);
            prop_assert!(items.contains(&selected));
            prop_assert!(items.start < selected || above == 0);
        }
    }
}
