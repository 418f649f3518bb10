//! What syntect's scopes mean here.

use syntect::parsing::{Scope, ScopeStack};

use crate::tui::theme::Role;

/// Beginnings of scopes; the first that fits counts.
const MEANINGS: [(&str, Role); 21] = [
    ("comment", Role::Comment),
    ("markup.heading", Role::Heading),
    ("entity.name.section", Role::Heading),
    ("markup.bold", Role::Strong),
    ("markup.italic", Role::Emphasis),
    ("markup.underline.link", Role::Link),
    ("string.other.link", Role::Link),
    ("markup.raw", Role::Literal),
    ("markup.quote", Role::Comment),
    ("punctuation.definition.list_item", Role::Keyword),
    ("constant.numeric", Role::Number),
    ("constant", Role::Literal),
    ("string", Role::Literal),
    ("keyword.operator", Role::Text),
    ("keyword", Role::Keyword),
    ("storage", Role::Keyword),
    ("entity.name.tag", Role::Keyword),
    ("entity.name", Role::Function),
    ("support.function", Role::Function),
    ("support.type", Role::Function),
    ("variable.function", Role::Function),
];

/// The meanings, ready to be looked up.
pub(super) struct Roles {
    meanings: Vec<(Scope, Role)>,
}

impl Roles {
    pub(super) fn new() -> Roles {
        // A name that is no scope would mean nothing; a test holds that all are.
        let scope = |(name, role): &(&str, Role)| Some((Scope::new(name).ok()?, *role));
        Roles { meanings: MEANINGS.iter().filter_map(scope).collect() }
    }

    /// What the innermost scope that means anything means.
    pub(super) fn of(&self, stack: &ScopeStack) -> Option<Role> {
        let of_one = |scope: &Scope| self.meanings.iter().find(|(of, _)| of.is_prefix_of(*scope));
        stack.as_slice().iter().rev().find_map(of_one).map(|(_, role)| *role).filter(|role| *role != Role::Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_meaning_is_a_scope() {
        assert_eq!(Roles::new().meanings.len(), MEANINGS.len());
    }

    #[test]
    fn the_innermost_counts() {
        let of = |scopes: &[&str]| {
            let mut stack = ScopeStack::new();
            scopes.iter().for_each(|scope| stack.push(Scope::new(scope).unwrap()));
            Roles::new().of(&stack)
        };
        assert_eq!(of(&["source.rust", "string.quoted", "constant.character.escape"]), Some(Role::Literal));
        assert_eq!(of(&["source.rust", "comment.line", "punctuation.definition.comment"]), Some(Role::Comment));
        assert_eq!(of(&["source.python", "constant.numeric.integer"]), Some(Role::Number));
        assert_eq!(of(&["source.rust", "keyword.operator"]), None);
        assert_eq!(of(&["text.plain"]), None);
    }
}
