//! The signs of the picture, in Unicode and in ASCII. One sign means one thing everywhere.

/// One set of signs; every one is a single cell wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named after what they stand for")]
pub struct Glyphs {
    pub good: &'static str,
    pub fair: &'static str,
    pub bad: &'static str,
    pub none: &'static str,
    pub few: &'static str,
    pub error: &'static str,
    pub plain: &'static str,
    pub up: &'static str,
    pub down: &'static str,
    pub live: &'static str,
    pub paused: &'static str,
    pub past: &'static str,
    pub crumb: &'static str,
    pub cut: &'static str,
    pub rule: &'static str,
    pub heavy: &'static str,
    pub here: &'static str,
    pub deployment: &'static str,
    pub failed: &'static str,
    pub incident: &'static str,
    pub annotation: &'static str,
    pub thread: &'static str,
    pub cross: &'static str,
    pub target: &'static str,
    pub axis: &'static str,
    pub corner: &'static str,
    pub side: &'static str,
    pub partial: &'static str,
    pub arrow: &'static str,
    pub full: &'static str,
    pub empty: &'static str,
    /// Eight heights, lowest first.
    pub bars: [&'static str; 8],
    /// Lines are drawn in braille dots, two by four to a cell; otherwise one mark a cell.
    pub braille: bool,
}

/// For terminals with Unicode fonts.
pub const UNICODE: Glyphs = Glyphs {
    good: "✓",
    fair: "◐",
    bad: "✗",
    none: "·",
    few: "?",
    error: "!",
    plain: "•",
    up: "▲",
    down: "▼",
    live: "●",
    paused: "‖",
    past: "◂",
    crumb: "›",
    cut: "…",
    rule: "─",
    heavy: "━",
    here: "▸",
    deployment: "▴",
    failed: "✗",
    incident: "◆",
    annotation: "○",
    thread: "┊",
    cross: "│",
    target: "┄",
    axis: "─",
    corner: "└",
    side: "┤",
    partial: "╌",
    arrow: "→",
    full: "━",
    empty: "─",
    bars: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
    braille: true,
};

/// For terminals without.
pub const ASCII: Glyphs = Glyphs {
    good: "+",
    fair: "~",
    bad: "x",
    none: ".",
    few: "?",
    error: "!",
    plain: "*",
    up: "^",
    down: "v",
    live: "*",
    paused: "#",
    past: "<",
    crumb: ">",
    cut: "~",
    rule: "-",
    heavy: "=",
    here: ">",
    deployment: "^",
    failed: "x",
    incident: "!",
    annotation: "o",
    thread: ":",
    cross: "|",
    target: "-",
    axis: "-",
    corner: "+",
    side: "|",
    partial: ".",
    arrow: ">",
    full: "#",
    empty: ".",
    bars: ["_", ".", ":", "-", "=", "+", "*", "#"],
    braille: false,
};

/// Text with every sign outside ASCII replaced by one that says the same, or `?`.
#[must_use]
pub fn to_ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            ' '..='~' => out.push(c),
            '·' | '–' | '—' | '−' | '─' => out.push('-'),
            '…' | '≈' => out.push('~'),
            '≥' => out.push_str(">="),
            '≤' => out.push_str("<="),
            '×' => out.push('x'),
            'µ' => out.push('u'),
            '→' => out.push_str("->"),
            '›' => out.push('>'),
            '€' => out.push_str("EUR "),
            '£' => out.push_str("GBP "),
            '¥' => out.push_str("JPY "),
            '“' | '”' => out.push('"'),
            '‘' | '’' => out.push('\''),
            _ if unicode_width::UnicodeWidthChar::width(c).unwrap_or(0) > 0 => out.push('?'),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use unicode_width::UnicodeWidthStr;

    #[test]
    fn every_bar_and_mark_is_one_cell_wide() {
        let Glyphs { good, fair, bad, up, down, live, paused, past, here, deployment, incident, thread, target, full, .. } = UNICODE;
        for sign in [good, fair, bad, up, down, live, paused, past, here, deployment, incident, thread, target, full] {
            assert_eq!(sign.width(), 1, "{sign}");
        }
        assert!(UNICODE.bars.iter().all(|b| b.width() == 1) && ASCII.bars.iter().all(|b| b.is_ascii()));
    }

    #[test]
    fn ascii_text_has_no_other_sign_left() {
        assert_eq!(to_ascii("≥ 99.9 % · 日本 e\u{301}"), ">= 99.9 % - ?? e");
    }
}
