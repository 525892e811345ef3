//! Colours by role. No state is told by hue alone: every coloured thing also has a sign or a word.

use ratatui::style::{Color, Modifier, Style};

use crate::app::{Depth, theme::ThemeName};

/// One style per role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after what they colour")]
pub struct Theme {
    pub base: Style,
    pub dim: Style,
    pub strong: Style,
    pub accent: Style,
    pub selected: Style,
    pub good: Style,
    pub fair: Style,
    pub bad: Style,
    pub line: Style,
    pub badge: Style,
}

/// The colours of a theme that brings its own background.
struct Palette {
    ground: (u8, u8, u8),
    text: (u8, u8, u8),
    dim: (u8, u8, u8),
    accent: (u8, u8, u8),
    selected: (u8, u8, u8),
    good: (u8, u8, u8),
    fair: (u8, u8, u8),
    bad: (u8, u8, u8),
    line: (u8, u8, u8),
}

const DARK: Palette = Palette {
    ground: (15, 19, 25),
    text: (212, 218, 226),
    dim: (154, 164, 176),
    accent: (125, 190, 250),
    selected: (38, 52, 70),
    good: (94, 201, 137),
    fair: (229, 184, 80),
    bad: (255, 120, 117),
    line: (125, 190, 250),
};

const LIGHT: Palette = Palette {
    ground: (250, 250, 247),
    text: (34, 39, 46),
    dim: (90, 98, 108),
    accent: (9, 84, 160),
    selected: (216, 229, 244),
    good: (14, 104, 52),
    fair: (122, 78, 0),
    bad: (172, 24, 24),
    line: (9, 84, 160),
};

const HIGH_CONTRAST: Palette = Palette {
    ground: (0, 0, 0),
    text: (255, 255, 255),
    dim: (205, 205, 205),
    accent: (0, 255, 255),
    selected: (0, 60, 90),
    good: (60, 255, 140),
    fair: (255, 240, 60),
    bad: (255, 140, 140),
    line: (0, 255, 255),
};

/// Blue is good, orange is bad: told apart by everyone.
const COLOUR_BLIND: Palette = Palette {
    ground: (15, 19, 25),
    text: (218, 222, 228),
    dim: (156, 164, 175),
    accent: (214, 200, 240),
    selected: (44, 50, 66),
    good: (100, 178, 255),
    fair: (240, 228, 130),
    bad: (255, 160, 64),
    line: (200, 206, 214),
};

impl Theme {
    /// The styles of a theme on a terminal of this depth.
    #[must_use]
    pub fn of(name: ThemeName, depth: Depth) -> Self {
        match (depth, name) {
            (Depth::Mono, _) | (_, ThemeName::Mono) => Self::mono(),
            (Depth::Sixteen, ThemeName::ColourBlind) => Self::sixteen(Color::LightBlue, Color::Reset, Color::Yellow),
            (Depth::Sixteen, _) | (_, ThemeName::Auto) => Self::sixteen(Color::Green, Color::Magenta, Color::Red),
            (Depth::True, ThemeName::Dark) => Self::rgb(&DARK),
            (Depth::True, ThemeName::Light) => Self::rgb(&LIGHT),
            (Depth::True, ThemeName::HighContrast) => Self::rgb(&HIGH_CONTRAST),
            (Depth::True, ThemeName::ColourBlind) => Self::rgb(&COLOUR_BLIND),
        }
    }

    /// Bold, dim and reverse on the terminal's own colours.
    fn mono() -> Self {
        let plain = Style::new();
        let bold = plain.add_modifier(Modifier::BOLD);
        Self {
            base: plain,
            dim: plain,
            strong: bold,
            accent: bold,
            selected: plain.add_modifier(Modifier::REVERSED),
            good: plain,
            fair: bold,
            bad: bold,
            line: plain,
            badge: plain.add_modifier(Modifier::REVERSED | Modifier::BOLD),
        }
    }

    /// The terminal's own foreground and background, and three of its colours that read on light and on dark.
    fn sixteen(good: Color, fair: Color, bad: Color) -> Self {
        Self {
            dim: Style::new().add_modifier(Modifier::DIM),
            good: Style::new().fg(good),
            fair: Style::new().fg(fair),
            bad: Style::new().fg(bad).add_modifier(Modifier::BOLD),
            ..Self::mono()
        }
    }

    fn rgb(p: &Palette) -> Self {
        let on = |(r, g, b): (u8, u8, u8)| Style::new().fg(Color::Rgb(r, g, b)).bg(colour(p.ground));
        Self {
            base: on(p.text),
            dim: on(p.dim),
            strong: on(p.text).add_modifier(Modifier::BOLD),
            accent: on(p.accent).add_modifier(Modifier::BOLD),
            selected: Style::new().bg(colour(p.selected)).add_modifier(Modifier::BOLD),
            good: on(p.good),
            fair: on(p.fair),
            bad: on(p.bad).add_modifier(Modifier::BOLD),
            line: on(p.line),
            badge: Style::new().fg(colour(p.ground)).bg(colour(p.fair)).add_modifier(Modifier::BOLD),
        }
    }
}

fn colour((r, g, b): (u8, u8, u8)) -> Color {
    Color::Rgb(r, g, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance((r, g, b): (u8, u8, u8)) -> f64 {
        let channel = |c: u8| {
            let c = f64::from(c) / 255.0;
            if c <= 0.039_28 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b)
    }

    fn contrast(a: (u8, u8, u8), b: (u8, u8, u8)) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_role_reads_on_its_ground_and_on_the_selection() {
        for (name, p) in [("dark", DARK), ("light", LIGHT), ("high contrast", HIGH_CONTRAST), ("colour blind", COLOUR_BLIND)] {
            for (role, c) in [
                ("text", p.text),
                ("dim", p.dim),
                ("accent", p.accent),
                ("good", p.good),
                ("fair", p.fair),
                ("bad", p.bad),
                ("line", p.line),
            ] {
                assert!(contrast(c, p.ground) >= 4.5, "{name}: {role} on the ground is {:.1}", contrast(c, p.ground));
            }
            for (role, c) in [("text", p.text), ("good", p.good), ("fair", p.fair), ("bad", p.bad), ("dim", p.dim)] {
                assert!(contrast(c, p.selected) >= 4.5, "{name}: {role} on the selection is {:.1}", contrast(c, p.selected));
            }
        }
    }

    #[test]
    fn a_terminal_without_colours_gets_none() {
        for name in ThemeName::ALL {
            let t = Theme::of(name, Depth::Mono);
            for style in [t.base, t.dim, t.strong, t.accent, t.selected, t.good, t.fair, t.bad, t.line, t.badge] {
                assert_eq!((style.fg, style.bg), (None, None), "{}", name.word());
            }
        }
    }

    #[test]
    fn sixteen_colours_means_no_rgb() {
        for name in ThemeName::ALL {
            let t = Theme::of(name, Depth::Sixteen);
            for style in [t.base, t.dim, t.good, t.fair, t.bad, t.line, t.badge] {
                assert!(!matches!(style.fg, Some(Color::Rgb(..))) && !matches!(style.bg, Some(Color::Rgb(..))));
            }
        }
    }
}
