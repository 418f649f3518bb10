//! Themes: a style for each meaning, in as many colours as the terminal has. The only place with colours.

mod role;

use ratatui::style::{Modifier, Style};

pub use role::Role;

/// A style for every role.
#[derive(Debug, Clone, PartialEq)]
pub struct Theme {
    styles: [Style; Role::ALL.len()],
}

impl Theme {
    /// Without any colour: weight, underline and reversal alone.
    pub fn mono() -> Theme {
        let mut styles = [Style::new(); Role::ALL.len()];
        styles[Role::Dim as usize] = Style::new().add_modifier(Modifier::DIM);
        styles[Role::Accent as usize] = Style::new().add_modifier(Modifier::BOLD);
        Theme { styles }
    }

    pub fn style(&self, role: Role) -> Style {
        self.styles[role as usize]
    }
}
