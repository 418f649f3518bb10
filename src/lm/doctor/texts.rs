//! The texts that scorers are examined on, written for this.

/// A passage with words, numbers and punctuation, about a hundred tokens long.
pub(super) const PASSAGE: &str = "The ferry left at ten past six with nine cars, two vans and a trailer of sheep. \
Nobody on deck spoke of the storm, though the older deckhand tied every knot twice and looked west between them. \
Marta counted the life rings: four to port, four to starboard, one that had been painted so often that its name could \
not be read. By seven the island was a line, by eight it was a guess. She bought tea from the hatch, paid with the last \
coin of the old currency, and got a button back as change.";

/// Another, for contexts that must not be the same.
pub(super) const OTHER: &str = "To bleed a radiator, first switch the heating off and wait until the metal is cool. \
Hold a cloth under the valve, turn the key a quarter to the left, and listen: air hisses, water does not.";

/// Numbered sentences that no two are alike, at least `characters` long: a long prompt.
pub(super) fn long(characters: usize) -> String {
    let mut text = String::with_capacity(characters + 120);
    let mut number = 1u32;
    while text.len() < characters {
        let (page, shelf) = (number * 37 % 911, number * 53 % 407);
        text.push_str(&format!("Entry {number}: see page {page}, shelf {shelf}, and the note that was left there. "));
        number += 1;
    }
    text
}
