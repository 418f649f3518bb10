//! Where a role gets its style from when a theme gives it none. Documented for theme writers in `themes/terminal.toml`.

use super::Role;

/// The role that stands in; none for texts, which every theme must style.
pub(super) fn parent(role: Role) -> Option<Role> {
    Some(match role {
        Role::Text => return None,
        Role::Dim
        | Role::Accent
        | Role::Title
        | Role::Better
        | Role::Worse
        | Role::Overlay
        | Role::Candidate
        | Role::Literal
        | Role::Emphasis
        | Role::Strong => Role::Text,
        Role::Border | Role::Label | Role::Status | Role::Later | Role::Branch => Role::Dim,
        Role::Baseline | Role::Refused | Role::Comment => Role::Dim,
        Role::BorderFocused | Role::Selection | Role::Key | Role::Running | Role::Line => Role::Accent,
        Role::Edited | Role::Cursor | Role::Keyword | Role::Link => Role::Accent,
        Role::TitleFocused => Role::BorderFocused,
        Role::Keep | Role::Cheaper1 | Role::Added | Role::BestLine => Role::Better,
        Role::Drop | Role::Error | Role::Warning | Role::Dearer1 | Role::Removed => Role::Worse,
        Role::Cheaper2 => Role::Cheaper1,
        Role::Cheaper3 => Role::Cheaper2,
        Role::Dearer2 => Role::Dearer1,
        Role::Dearer3 => Role::Dearer2,
        Role::Surprise1 => Role::Dearer1,
        Role::Surprise2 => Role::Dearer2,
        Role::Surprise3 => Role::Dearer3,
        Role::Leak | Role::Threshold | Role::Marked => Role::Warning,
        Role::Find => Role::Selection,
        Role::FindCurrent => Role::Find,
        Role::Number => Role::Literal,
        Role::Function => Role::Keyword,
        Role::Heading | Role::Current => Role::Strong,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_comes_from_texts_in_the_end() {
        for role in Role::ALL {
            let line: Vec<Role> = std::iter::successors(Some(*role), |role| parent(*role)).take(10).collect();
            assert_eq!(line.last(), Some(&Role::Text), "{line:?}");
        }
    }

    #[test]
    fn theme_writers_are_told() {
        let told = include_str!("../../../themes/terminal.toml");
        for role in Role::ALL {
            let line = match parent(*role) {
                Some(parent) => format!("#   {:<15} {}", role.name(), parent.name()),
                None => format!("#   {:<15} -", role.name()),
            };
            assert!(told.lines().any(|told| told == line), "themes/terminal.toml lacks the line {line:?}");
        }
    }
}
