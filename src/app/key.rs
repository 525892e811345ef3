//! A key chord: what a terminal sends, what a config names, what help shows. One form for all three.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// One key with its modifiers, normalised: a character carries its own case and never `SHIFT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Chord {
    /// Which key.
    pub code: KeyCode,
    /// Held with it.
    pub mods: KeyModifiers,
}

/// Keys with a name of their own, as typed in the config and shown in help.
const NAMED: &[(&str, KeyCode)] = &[
    ("space", KeyCode::Char(' ')),
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("backspace", KeyCode::Backspace),
    ("tab", KeyCode::Tab),
    ("shift-tab", KeyCode::BackTab),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pgup", KeyCode::PageUp),
    ("pgdn", KeyCode::PageDown),
    ("delete", KeyCode::Delete),
    ("insert", KeyCode::Insert),
];

impl Chord {
    /// The chord of a terminal's key event.
    #[must_use]
    pub fn of(event: KeyEvent) -> Self {
        Self::new(event.code, event.modifiers)
    }

    fn new(code: KeyCode, mods: KeyModifiers) -> Self {
        let mods = mods & (KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT);
        match code {
            KeyCode::Char(c) if mods.contains(KeyModifiers::CONTROL) => {
                Self { code: KeyCode::Char(c.to_ascii_lowercase()), mods: mods - KeyModifiers::SHIFT }
            }
            KeyCode::Char(_) | KeyCode::BackTab => Self { code, mods: mods - KeyModifiers::SHIFT },
            KeyCode::Tab if mods.contains(KeyModifiers::SHIFT) => Self { code: KeyCode::BackTab, mods: mods - KeyModifiers::SHIFT },
            _ => Self { code, mods },
        }
    }

    /// Read `ctrl-p`, `shift-left`, `f1`, `space`, `?`.
    ///
    /// # Errors
    /// When it names no key, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let unknown = || format!("`{text}` names no key (expected one like `x`, `ctrl-p`, `f1`, `space`, `shift-left`)");
        let mut mods = KeyModifiers::NONE;
        let mut rest = text;
        if let Some(code) = named(rest) {
            return Ok(Self::new(code, mods));
        }
        for (word, held) in [("ctrl-", KeyModifiers::CONTROL), ("alt-", KeyModifiers::ALT), ("shift-", KeyModifiers::SHIFT)] {
            if let Some(after) = rest.strip_prefix(word).filter(|a| !a.is_empty()) {
                mods |= held;
                rest = after;
            }
        }
        if let Some(code) = named(rest) {
            return Ok(Self::new(code, mods));
        }
        if let Some(number) = rest.strip_prefix('f').and_then(|n| n.parse::<u8>().ok()) {
            return if (1..=24).contains(&number) { Ok(Self::new(KeyCode::F(number), mods)) } else { Err(unknown()) };
        }
        let mut chars = rest.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) if !c.is_control() && !c.is_whitespace() => Ok(Self::new(KeyCode::Char(c), mods)),
            _ => Err(unknown()),
        }
    }

    /// As shown to people; `parse` reads it back.
    #[must_use]
    pub fn text(self) -> String {
        let mut out = String::new();
        for (word, held) in [("ctrl-", KeyModifiers::CONTROL), ("alt-", KeyModifiers::ALT), ("shift-", KeyModifiers::SHIFT)] {
            if self.mods.contains(held) {
                out.push_str(word);
            }
        }
        match self.code {
            KeyCode::F(n) => out.extend(['f'.to_string(), n.to_string()]),
            code => match NAMED.iter().find(|(_, named)| *named == code) {
                Some((name, _)) => out.push_str(name),
                None => {
                    if let KeyCode::Char(c) = code {
                        out.push(c);
                    }
                }
            },
        }
        out
    }
}

fn named(text: &str) -> Option<KeyCode> {
    NAMED.iter().find(|(name, _)| *name == text).map(|(_, code)| *code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chord_reads_back_as_it_is_shown() {
        for text in ["x", "X", "?", "-", "ctrl-p", "shift-left", "f1", "f12", "space", "shift-tab", "alt-x", "ctrl-pgdn", "esc", "`", "日"]
        {
            assert_eq!(Chord::parse(text).unwrap().text(), text);
        }
    }

    #[test]
    fn shift_is_in_the_character_and_control_has_no_case() {
        let shifted = Chord::of(KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT));
        assert_eq!(shifted, Chord::parse("G").unwrap());
        let ctrl = Chord::of(KeyEvent::new(KeyCode::Char('P'), KeyModifiers::CONTROL | KeyModifiers::SHIFT));
        assert_eq!(ctrl, Chord::parse("ctrl-p").unwrap());
        let back = Chord::of(KeyEvent::new(KeyCode::Tab, KeyModifiers::SHIFT));
        assert_eq!(back, Chord::parse("shift-tab").unwrap());
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        for text in ["", "ab", "f99", "hyper-x", "ctrl-"] {
            assert!(Chord::parse(text).unwrap_err().contains(&format!("`{text}`")), "{text}");
        }
    }
}
