//! Text measured and cut in terminal cells, not in characters.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// A computed position or length as cells: rounded down, never outside.
#[must_use]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to the range first; NaN becomes 0")]
pub fn cells(v: f64) -> u16 {
    v.clamp(0.0, f64::from(u16::MAX)) as u16
}

/// A count as cells, cut at what a terminal could ever have.
#[must_use]
pub fn count(n: usize) -> u16 {
    u16::try_from(n).unwrap_or(u16::MAX)
}

/// Cells a text takes.
#[must_use]
pub fn width(text: &str) -> u16 {
    u16::try_from(text.width()).unwrap_or(u16::MAX)
}

/// The text cut to at most this many cells, `cut` marking that something is missing.
#[must_use]
pub fn fit<'a>(text: &'a str, cells: u16, cut: &str) -> Cow<'a, str> {
    if width(text) <= cells {
        return Cow::Borrowed(text);
    }
    let room = cells.saturating_sub(width(cut));
    let mut used = 0;
    let mut end = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        let wide = width(grapheme);
        if used + wide > room {
            break;
        }
        used += wide;
        end = at + grapheme.len();
    }
    if cells == 0 { Cow::Borrowed("") } else { Cow::Owned(format!("{}{cut}", text[..end].trim_end())) }
}

/// The text in lines of at most this many cells, broken at blanks where there are any.
#[must_use]
pub fn wrap(text: &str, cells: u16) -> Vec<String> {
    let cells = cells.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let gap = u16::from(!line.is_empty());
        if width(&line) + gap + width(word) <= cells {
            if gap == 1 {
                line.push(' ');
            }
            line.push_str(word);
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        for grapheme in word.graphemes(true) {
            if width(&line) + width(grapheme) > cells && !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            line.push_str(grapheme);
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// The longest of the wordings that fits, else the last one.
#[must_use]
pub fn choose<'a>(wordings: &[&'a str], cells: u16) -> &'a str {
    wordings.iter().find(|w| width(w) <= cells).or(wordings.last()).copied().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_by_cells_and_never_inside_a_letter() {
        assert_eq!(fit("payments", 8, "…"), "payments");
        assert_eq!(fit("payments", 5, "…"), "paym…");
        assert_eq!(fit("日本語", 4, "…"), "日…");
        assert_eq!(fit("日本語", 5, "…"), "日本…");
        assert_eq!(fit("e\u{301}e\u{301}e\u{301}", 2, "…"), "e\u{301}…");
        assert_eq!(fit("abc", 0, "…"), "");
        assert_eq!(fit("two words", 5, "…"), "two…");
    }

    #[test]
    fn lines_break_at_blanks_and_long_words_are_broken() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh", 3), ["abc", "def", "gh"]);
        assert_eq!(wrap("", 5), [""]);
        assert_eq!(wrap("日本", 1), ["日", "本"]);
    }

    #[test]
    fn the_longest_wording_that_fits_is_taken() {
        assert_eq!(choose(&["within usual variation", "usual"], 10), "usual");
        assert_eq!(choose(&["within usual variation", "usual"], 2), "usual");
    }
}
