//! Each pair once: a row that repeats an earlier one is told like a row of no use, wherever pairs are listed or searched.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;

use super::{Fields, InputError, Pairs, Skipped};
use crate::session::ExampleRecord;

/// The pairs of a file without those that are there already. It keeps no texts.
pub struct Distinct {
    rows: Pairs,
    /// The line at which each pair was met first.
    first: HashMap<u64, u64>,
}

/// Opens a file of pairs, as [`super::read`].
///
/// # Errors
/// As [`super::read`].
pub fn distinct(path: &Path, fields: &Fields) -> Result<Distinct, InputError> {
    Ok(Distinct { rows: super::read(path, fields)?, first: HashMap::new() })
}

impl Iterator for Distinct {
    type Item = Result<ExampleRecord, Skipped>;

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.rows.next()?;
        Some(row.and_then(|example| {
            let line = example.line();
            match self.first.entry(example.pair()) {
                Entry::Occupied(first) => {
                    Err(Skipped { line, reason: format!("the same query and reference as line {}", first.get()) })
                }
                Entry::Vacant(place) => {
                    place.insert(line);
                    Ok(example)
                }
            }
        }))
    }
}
