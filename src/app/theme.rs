//! Names of the themes; their colours are the view's.

/// A theme by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ThemeName {
    /// The terminal's own foreground, background and palette.
    #[default]
    Auto,
    /// Light on dark.
    Dark,
    /// Dark on light.
    Light,
    /// As far apart as it goes.
    HighContrast,
    /// Blue and orange instead of green and red.
    ColourBlind,
    /// Bold and reverse only.
    Mono,
}

impl ThemeName {
    /// All, in the order of the theme key.
    pub const ALL: [Self; 6] = [Self::Auto, Self::Dark, Self::Light, Self::HighContrast, Self::ColourBlind, Self::Mono];

    /// As written in the config.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Dark => "dark",
            Self::Light => "light",
            Self::HighContrast => "high-contrast",
            Self::ColourBlind => "colour-blind",
            Self::Mono => "mono",
        }
    }

    /// By word; an unknown one is `Auto`.
    #[must_use]
    pub fn find(word: &str) -> Self {
        Self::ALL.into_iter().find(|t| t.word() == word).unwrap_or_default()
    }

    /// The one after it, around.
    #[must_use]
    pub fn next(self) -> Self {
        let here = Self::ALL.iter().position(|t| *t == self).unwrap_or(0);
        Self::ALL[(here + 1) % Self::ALL.len()]
    }
}
