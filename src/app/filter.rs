//! Narrowing lists by typed text, and the one line editor every text field uses.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use unicode_segmentation::UnicodeSegmentation;

/// Longest text a field takes, in characters.
const MAX_LINE: usize = 120;

/// What lists are narrowed to. Empty text lets all through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Words that must all occur, case ignored.
    pub text: String,
    /// Keep what does *not* match.
    pub invert: bool,
}

impl Filter {
    /// From a typed line: a leading `!` inverts.
    #[must_use]
    pub fn typed(line: &str) -> Self {
        match line.strip_prefix('!') {
            Some(rest) => Self { text: rest.trim().to_owned(), invert: true },
            None => Self { text: line.trim().to_owned(), invert: false },
        }
    }

    /// The line that would be typed for it.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{}{}", if self.invert { "!" } else { "" }, self.text)
    }

    /// Narrows nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Does an item with these texts stay?
    #[must_use]
    pub fn keeps(&self, texts: &[&str]) -> bool {
        if self.is_empty() {
            return true;
        }
        let hay: Vec<String> = texts.iter().map(|t| t.to_lowercase()).collect();
        let all = self.text.to_lowercase().split_whitespace().all(|word| hay.iter().any(|h| h.contains(word)));
        all != self.invert
    }
}

/// A line being typed; the cursor is at its end.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line(pub String);

impl Line {
    /// Take a key that edits text; `false` when it is not one.
    pub fn take(&mut self, key: KeyEvent) -> bool {
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('u') if ctrl => self.0.clear(),
            KeyCode::Char('w') if ctrl => {
                let cut = self.0.trim_end().rfind(char::is_whitespace).map_or(0, |i| i + 1);
                self.0.truncate(cut);
            }
            KeyCode::Char('h') if ctrl => self.pop(),
            KeyCode::Char(c) if !ctrl && !key.modifiers.contains(KeyModifiers::ALT) => self.push(&c.to_string()),
            KeyCode::Backspace => self.pop(),
            _ => return false,
        }
        true
    }

    /// Take pasted text, made safe.
    pub fn push(&mut self, text: &str) {
        let room = MAX_LINE.saturating_sub(self.0.chars().count());
        self.0.extend(text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(|c| !c.is_control()).take(room));
    }

    fn pop(&mut self) {
        if let Some((at, _)) = self.0.grapheme_indices(true).next_back() {
            self.0.truncate(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(code: KeyCode) -> KeyEvent {
        KeyEvent::new(code, KeyModifiers::NONE)
    }

    #[test]
    fn every_word_must_occur_somewhere_and_a_bang_inverts() {
        assert!(Filter::typed("lead pay").keeps(&["Lead time", "payments"]));
        assert!(!Filter::typed("lead risk").keeps(&["Lead time", "payments"]));
        assert!(Filter::typed("!lead risk").keeps(&["Lead time", "payments"]));
        assert!(!Filter::typed("!pay").keeps(&["payments"]));
        assert!(Filter::typed("").keeps(&[]));
        assert!(Filter::typed("!").keeps(&["anything"]));
        assert_eq!(Filter::typed("!x y").line(), "!x y");
    }

    #[test]
    fn a_backspace_takes_a_whole_letter_as_seen() {
        let mut line = Line("e\u{301}".into());
        assert!(line.take(key(KeyCode::Backspace)));
        assert_eq!(line.0, "");
        assert!(line.take(key(KeyCode::Backspace)));
    }

    #[test]
    fn a_paste_brings_no_control_characters_and_stays_bounded() {
        let mut line = Line::default();
        line.push("a\nb\u{1b}[31m");
        assert_eq!(line.0, "a b[31m");
        line.push(&"x".repeat(1000));
        assert_eq!(line.0.chars().count(), MAX_LINE);
    }

    #[test]
    fn control_keys_cut_words_and_lines() {
        let mut line = Line("one two".into());
        line.take(KeyEvent::new(KeyCode::Char('w'), KeyModifiers::CONTROL));
        assert_eq!(line.0, "one ");
        line.take(KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL));
        assert_eq!(line.0, "");
        assert!(!line.take(KeyEvent::new(KeyCode::Char('p'), KeyModifiers::CONTROL)));
    }
}
