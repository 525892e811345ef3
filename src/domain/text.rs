//! The one place where text from outside becomes safe text.
//!
//! Titles, labels, errors and commit subjects are data: no control character, escape sequence, bidirectional
//! override or line break of theirs may reach the terminal, a log or a report.

/// Longest text kept from one outside field, in characters.
pub const MAX_TEXT: usize = 500;

/// `text` without anything a terminal could interpret, white space folded to single blanks, bounded in length.
#[must_use]
pub fn clean(text: &str) -> String {
    clean_to(text, MAX_TEXT)
}

/// [`clean`] with another bound.
#[must_use]
pub fn clean_to(text: &str, max_chars: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max_chars * 4));
    let mut chars = 0;
    let mut blank = true; // drops leading blanks
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if chars >= max_chars {
            out.push('…');
            break;
        }
        if c == '\u{1b}' {
            skip_escape(&mut rest);
        } else if c == '\u{9b}' {
            skip_csi(&mut rest);
        } else if c.is_whitespace() {
            if !blank {
                out.push(' ');
                chars += 1;
            }
            blank = true;
        } else if !is_unsafe(c) {
            out.push(c);
            chars += 1;
            blank = false;
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// Clean in place, only copying when there is something to remove.
pub fn clean_in_place(text: &mut String) {
    if text.len() > MAX_TEXT || text.chars().any(|c| is_unsafe(c) || (c.is_whitespace() && c != ' ')) {
        *text = clean(text);
    }
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
        || ('\u{e0000}'..='\u{e007f}').contains(&c)
}

fn skip_escape(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match rest.peek() {
        Some('[') => {
            rest.next();
            skip_csi(rest);
        }
        // OSC, DCS, SOS, PM, APC: until BEL or ST, never past the end.
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while let Some(c) = rest.next() {
                if c == '\u{7}' || c == '\u{9c}' {
                    break;
                }
                if c == '\u{1b}' && rest.peek() == Some(&'\\') {
                    rest.next();
                    break;
                }
            }
        }
        Some(_) => {
            rest.next();
        }
        None => {}
    }
}

fn skip_csi(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    while let Some(&c) = rest.peek() {
        rest.next();
        if ('\u{40}'..='\u{7e}').contains(&c) {
            return;
        }
    }
}

/// `*` matches any run of characters, `?` one, as in file names.
#[must_use]
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, n));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == name[n]) {
            p += 1;
            n += 1;
        } else if let Some((at, from)) = star {
            p = at + 1;
            n = from + 1;
            star = Some((at, from + 1));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_vanish_whole() {
        assert_eq!(clean("a\u{1b}[31mred\u{1b}[0m b"), "ared b");
        assert_eq!(clean("\u{1b}]0;title\u{7}x"), "x");
        assert_eq!(clean("\u{1b}]8;;http://h\u{1b}\\link"), "link");
        assert_eq!(clean("cut\u{1b}["), "cut");
        assert_eq!(clean("c1 \u{9b}2J x"), "c1 x");
    }

    #[test]
    fn line_breaks_become_one_blank_and_direction_marks_go() {
        assert_eq!(clean("  one\r\n\ttwo \u{202e}three\0  "), "one two three");
    }

    #[test]
    fn long_text_is_cut_with_a_mark() {
        assert_eq!(clean_to("abcdef", 3), "abc…");
    }

    #[test]
    fn clean_in_place_leaves_clean_text_alone() {
        let mut s = String::from("日本 ok");
        clean_in_place(&mut s);
        assert_eq!(s, "日本 ok");
        let mut s = String::from("a\nb");
        clean_in_place(&mut s);
        assert_eq!(s, "a b");
    }

    #[test]
    fn names_match_as_in_file_names() {
        assert!(matches("pay-*", "pay-api") && matches("*", "x") && matches("a?c", "abc") && matches("a*b*c", "aXbbYc"));
        assert!(!matches("pay-*", "risk-pay-api") && !matches("a?c", "ac") && !matches("", "x"));
    }
}
