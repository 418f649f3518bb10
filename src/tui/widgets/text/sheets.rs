//! The sheets of the texts that were drawn lately.

use super::Sheet;

/// Sheets kept at most.
const MOST: usize = 48;
/// Bytes of text in them at most, but for the one asked for last.
const MOST_BYTES: usize = 16 << 20;

/// Sheets by text and width, so that a pane may ask for its text in every frame. A text is known by its bytes: 1 MB
/// costs a comparison of some 50 µs a frame, and nothing is ever mistaken.
#[derive(Debug, Default)]
pub struct Sheets {
    /// The one asked for last stands last.
    kept: Vec<Sheet>,
}

impl Sheets {
    /// The sheet of `raw` at `width` cells.
    pub fn get(&mut self, raw: &str, width: u16) -> &mut Sheet {
        let here = self.kept.iter().position(|kept| kept.width() == width && kept.raw() == raw);
        let sheet = here.map_or_else(|| Sheet::new(raw, width), |at| self.kept.remove(at));
        self.make_room(raw.len());
        self.kept.push(sheet);
        let last = self.kept.len() - 1;
        &mut self.kept[last]
    }

    /// Wraps one more slice of each long text; true while there is more to do, for which another frame should be
    /// asked.
    pub fn advance(&mut self) -> bool {
        // One text a frame: a slice of it is what a frame may cost.
        self.kept.iter_mut().rev().find(|kept| !kept.complete()).is_some_and(|kept| {
            kept.advance();
            true
        })
    }

    fn make_room(&mut self, coming: usize) {
        let held = |kept: &[Sheet]| kept.iter().map(|kept| kept.raw().len()).sum::<usize>();
        while self.kept.len() >= MOST || (!self.kept.is_empty() && held(&self.kept) + coming > MOST_BYTES) {
            self.kept.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_by_its_bytes_and_width() {
        let mut sheets = Sheets::default();
        sheets.get("one two", 3);
        sheets.get("one two", 7);
        sheets.get("one two", 3);
        assert_eq!(sheets.kept.len(), 2);
        assert_eq!(sheets.get("one two", 7).rows(), 1);
        assert_eq!(sheets.get("one six", 3).safe().as_str(), "one six");
    }

    #[test]
    fn what_was_not_asked_for_lately_goes_first() {
        let mut sheets = Sheets::default();
        for at in 0..2 * MOST {
            sheets.get("stays", 9);
            sheets.get(&at.to_string(), 9);
        }
        assert_eq!(sheets.kept.len(), MOST);
        assert!(sheets.kept.iter().any(|kept| kept.raw() == "stays"));
        sheets.get(&"x".repeat(MOST_BYTES), 9);
        assert_eq!(sheets.kept.len(), 1);
    }

    #[test]
    fn long_texts_are_finished_frame_by_frame() {
        let mut sheets = Sheets::default();
        let raw = "lamp ".repeat(60_000);
        assert!(!sheets.get(&raw, 40).complete());
        let frames = (0..100).take_while(|_| sheets.advance()).count();
        assert!(frames > 1 && sheets.get(&raw, 40).complete());
    }
}
