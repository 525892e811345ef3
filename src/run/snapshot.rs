//! `snapshot`, and the picture of a frame as text, as a terminal takes it, or as SVG.

use std::{fmt::Write as _, io::Write, path::PathBuf};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use ratatui::{
    Terminal,
    backend::{Backend, CrosstermBackend, TestBackend},
    buffer::{Buffer, Cell},
    style::{Color, Modifier},
};

use super::{
    Ended, Stop,
    args::{Global, Live, Picture, Snapshot},
    paths, present, when,
};
use crate::{
    app::{App, Depth, Msg},
    domain::Time,
    engine,
    kpi::board::Look,
    view,
};

const TABS: [&str; 5] = ["bridge", "reliability", "delivery", "cost", "quality"];

/// Print one frame.
///
/// # Errors
/// [`Stop::Could`] without a store.
pub fn run(global: &Global, args: &Snapshot, out: &mut dyn Write) -> Ended {
    let tab = tab(&args.tab)?;
    let (opened, reader) = paths::open_reader(global)?;
    let config = &opened.config;
    let at = args.at.as_deref().map(|t| when::time("--at", t, config.zone)).transpose()?;
    let now = when::now();
    let depth = if args.format == Picture::Text { Depth::Mono } else { Depth::True };
    let live = Live { range: args.range, theme: args.theme.clone(), ascii: args.ascii, no_mouse: true };
    let mut setup = present::setup(config, &live, depth, args.size, now).map_err(Stop::Could)?;
    setup.look = Look { scope: args.scope.clone(), at, ..setup.look };
    let board = engine::look::load(&reader, config, &setup.look, at.unwrap_or(now))?;
    let mut app = App::new(setup).map_err(|why| Stop::Use(format!("[ui.keys]: {why}")))?;
    app.update(Msg::Board(std::sync::Arc::new(board)));
    app.update(Msg::Input(Event::Key(KeyEvent::new(KeyCode::Char(tab), KeyModifiers::NONE))));
    out.write_all(encode(&picture(&app, args.size), args.format).as_bytes())?;
    Ok(0)
}

fn tab(word: &str) -> Result<char, Stop> {
    let by_name = TABS.iter().position(|t| *t == word.to_ascii_lowercase());
    let by_number = word.parse::<usize>().ok().filter(|n| (1..=TABS.len()).contains(n)).map(|n| n - 1);
    let wrong = || Stop::Use(format!("--tab {word}: expected {} or 1 to {}", TABS.join(", "), TABS.len()));
    by_name.or(by_number).and_then(|i| char::from_digit(u32::try_from(i + 1).ok()?, 10)).ok_or_else(wrong)
}

/// Draw one frame of this size.
#[must_use]
pub fn picture(app: &App, (columns, rows): (u16, u16)) -> Buffer {
    let Ok(mut terminal) = Terminal::new(TestBackend::new(columns, rows));
    let Ok(_) = terminal.draw(|frame| view::draw(app, frame));
    terminal.backend().buffer().clone()
}

/// Write the present frame to a file in the directory we stand in; gives the line for the footer.
///
/// # Errors
/// The same, when it could not be.
pub fn to_file(app: &App, format: &str, now: Time) -> Result<String, String> {
    let (format, ending) = match format {
        "svg" => (Picture::Svg, "svg"),
        "ansi" => (Picture::Ansi, "ansi"),
        _ => (Picture::Text, "txt"),
    };
    let path = PathBuf::from(format!("quarterdeck-{}.{ending}", now.format("%Y%m%dT%H%M%SZ")));
    let size = crossterm::terminal::size().unwrap_or((120, 40));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    file.write_all(encode(&picture(app, size), format).as_bytes()).map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(format!("written: {}", path.display()))
}

fn encode(buffer: &Buffer, format: Picture) -> String {
    match format {
        Picture::Text => text(buffer),
        Picture::Ansi => ansi(buffer),
        Picture::Svg => svg(buffer),
    }
}

/// Cells of a row that show something of their own: the cell after a wide character does not.
fn cells(buffer: &Buffer, y: u16) -> impl Iterator<Item = (u16, &Cell)> {
    let mut covered = 0;
    (buffer.area.left()..buffer.area.right()).filter_map(move |x| {
        let cell = &buffer[(x, y)];
        if covered > 0 {
            covered -= 1;
            return None;
        }
        covered = width(cell).saturating_sub(1);
        Some((x, cell))
    })
}

fn width(cell: &Cell) -> usize {
    unicode_width::UnicodeWidthStr::width(cell.symbol()).max(1)
}

/// Characters only, without blanks at line ends.
#[must_use]
pub fn text(buffer: &Buffer) -> String {
    let mut out = String::new();
    for y in buffer.area.top()..buffer.area.bottom() {
        let line: String = cells(buffer, y).map(|(_, c)| c.symbol()).collect();
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// Characters and colours, line by line, as a terminal takes them.
#[must_use]
pub fn ansi(buffer: &Buffer) -> String {
    let mut bytes = Vec::new();
    for y in buffer.area.top()..buffer.area.bottom() {
        let last = cells(buffer, y).filter(|(_, c)| c.symbol() != " " || c.bg != Color::Reset).map(|(x, _)| x).last();
        if let Some(last) = last {
            let mut line = Vec::new();
            // Numbered without gaps on row 0 of a backend of its own: it then moves the cursor only once, to begin with.
            let row = cells(buffer, y).take_while(|(x, _)| *x <= last).zip(0..).map(|((_, c), i)| (i, 0, c));
            let _ = CrosstermBackend::new(&mut line).draw(row);
            bytes.extend_from_slice(line.strip_prefix(b"\x1b[1;1H").unwrap_or(&line));
        }
        bytes.push(b'\n');
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

const CELL: (u32, u32) = (8, 17);

/// A vector picture: one text element per run of one style.
#[must_use]
pub fn svg(buffer: &Buffer) -> String {
    let (w, h) = (u32::from(buffer.area.width) * CELL.0, u32::from(buffer.area.height) * CELL.1);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"{BACK}\"/>\n\
         <g font-family=\"'DejaVu Sans Mono','Cascadia Mono',Menlo,Consolas,monospace\" font-size=\"14\" xml:space=\"preserve\">\n"
    );
    for y in buffer.area.top()..buffer.area.bottom() {
        let mut runs: Vec<(u16, usize, &Cell, String)> = Vec::new();
        for (x, cell) in cells(buffer, y) {
            match runs.last_mut() {
                Some((_, wide, first, text)) if look(first) == look(cell) => {
                    *wide += width(cell);
                    text.push_str(cell.symbol());
                }
                _ => runs.push((x, width(cell), cell, cell.symbol().to_owned())),
            }
        }
        for (x, wide, cell, text) in runs {
            run_to_svg(&mut out, (u32::from(x), u32::from(y)), wide, cell, &text);
        }
    }
    out.push_str("</g>\n</svg>\n");
    out
}

fn look(cell: &Cell) -> (Color, Color, Modifier) {
    (cell.fg, cell.bg, cell.modifier)
}

fn run_to_svg(out: &mut String, (x, y): (u32, u32), wide: usize, cell: &Cell, text: &str) {
    let (mut fg, mut bg) = (colour(cell.fg, FORE), colour(cell.bg, BACK));
    if cell.modifier.contains(Modifier::REVERSED) {
        std::mem::swap(&mut fg, &mut bg);
    }
    let (px, py, pw) = (x * CELL.0, y * CELL.1, wide * CELL.0 as usize);
    if bg != BACK {
        let _ = writeln!(out, "<rect x=\"{px}\" y=\"{py}\" width=\"{pw}\" height=\"{}\" fill=\"{bg}\"/>", CELL.1);
    }
    if text.trim().is_empty() {
        return;
    }
    let mut style = String::new();
    for (modifier, attribute) in [
        (Modifier::BOLD, " font-weight=\"bold\""),
        (Modifier::ITALIC, " font-style=\"italic\""),
        (Modifier::UNDERLINED, " text-decoration=\"underline\""),
        (Modifier::DIM, " opacity=\"0.6\""),
    ] {
        if cell.modifier.contains(modifier) {
            style.push_str(attribute);
        }
    }
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let base = py + CELL.1 - 4;
    let _ = writeln!(out, "<text x=\"{px}\" y=\"{base}\" textLength=\"{pw}\" fill=\"{fg}\"{style}>{text}</text>");
}

const FORE: &str = "#d8dee9";
const BACK: &str = "#15191f";
/// The sixteen colours as most terminals show them, in their order.
const SIXTEEN: [&str; 16] = [
    "#2e3440", "#d0605e", "#7fb069", "#e0b050", "#5e9fd0", "#b07fc0", "#56b4c0", "#c8cdd6", "#6b7280", "#f08a80", "#a3d48a", "#f5d080",
    "#8ac0f0", "#d0a0e0", "#80d8e0", "#f4f6fa",
];

fn colour(colour: Color, default: &str) -> String {
    let named = |i: usize| SIXTEEN[i].to_owned();
    match colour {
        Color::Reset => default.to_owned(),
        Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        Color::Black => named(0),
        Color::Red => named(1),
        Color::Green => named(2),
        Color::Yellow => named(3),
        Color::Blue => named(4),
        Color::Magenta => named(5),
        Color::Cyan => named(6),
        Color::Gray => named(7),
        Color::DarkGray => named(8),
        Color::LightRed => named(9),
        Color::LightGreen => named(10),
        Color::LightYellow => named(11),
        Color::LightBlue => named(12),
        Color::LightMagenta => named(13),
        Color::LightCyan => named(14),
        Color::White => named(15),
        Color::Indexed(i) => indexed(i),
    }
}

/// The xterm palette: sixteen, a cube of 6³, a ramp of greys.
fn indexed(i: u8) -> String {
    let step = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
    match i {
        0..=15 => SIXTEEN[usize::from(i)].to_owned(),
        16..=231 => {
            let n = i - 16;
            format!("#{:02x}{:02x}{:02x}", step(n / 36), step(n / 6 % 6), step(n % 6))
        }
        _ => {
            let grey = 8 + 10 * (i - 232);
            format!("#{grey:02x}{grey:02x}{grey:02x}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::{layout::Rect, style::Style};

    fn sample() -> Buffer {
        let mut b = Buffer::empty(Rect::new(0, 0, 12, 2));
        b.set_string(0, 0, "a <b> 日本", Style::default());
        b.set_string(0, 1, "red", Style::default().fg(Color::Red).add_modifier(Modifier::BOLD));
        b
    }

    #[test]
    fn text_keeps_wide_characters_once_and_drops_trailing_blanks() {
        assert_eq!(text(&sample()), "a <b> 日本\nred\n");
    }

    #[test]
    fn ansi_says_colours_and_never_moves_the_cursor() {
        let out = ansi(&sample());
        assert_eq!(out.lines().count(), 2);
        assert!(out.contains("38;5;1") && out.contains("mred"), "{out:?}");
        assert!(!out.contains('H'), "{out:?}");
    }

    #[test]
    fn svg_escapes_markup_and_places_runs() {
        let out = svg(&sample());
        assert!(out.contains("a &lt;b&gt; 日本") && out.contains("font-weight=\"bold\"") && out.starts_with("<svg"), "{out}");
    }

    #[test]
    fn tabs_go_by_name_or_number() {
        assert_eq!(tab("Delivery").unwrap(), '3');
        assert_eq!(tab("1").unwrap(), '1');
        assert!(tab("0").is_err() && tab("lunch").is_err());
    }
}
