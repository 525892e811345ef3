//! Tables and values as text, for the commands.

use std::io::{self, Write};

use unicode_width::UnicodeWidthStr;

use crate::domain::{text::clean, value::Datum};

/// The widest a column gets; a longer cell is printed whole and pushes only its own row.
const WIDEST: usize = 44;

/// Rows of text in aligned columns; no cell is cut, the last column is not padded.
#[derive(Debug)]
pub struct Table<const N: usize> {
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    /// A table with a header.
    #[must_use]
    pub fn new(header: &[&str; N]) -> Self {
        Self { rows: vec![header.map(str::to_owned)] }
    }

    /// One row more; text is made safe for a terminal.
    pub fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|c| clean(&c)));
    }

    /// Print all.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let widths: [usize; N] = std::array::from_fn(|i| self.rows.iter().map(|r| r[i].width()).max().unwrap_or(0).min(WIDEST));
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.width()) + 2));
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A value with its unit, for a person.
#[must_use]
pub fn datum(value: &Datum, unit: &str) -> String {
    match (value, unit) {
        (Datum::Num(n), "s") => seconds(*n),
        (Datum::Num(n), "ratio") => format!("{} %", number(n * 100.0)),
        (Datum::Num(n), "") => number(*n),
        (Datum::Num(n), unit) => format!("{} {unit}", number(*n)),
        (Datum::Money(m), unit) => format!("{m} {unit}"),
        (Datum::Bool(b), _) => if *b { "yes" } else { "no" }.into(),
        (Datum::Text(t), _) => t.clone(),
        (Datum::List(list), _) => list.iter().map(|d| datum(d, "")).collect::<Vec<_>>().join(", "),
        (Datum::Map(map), unit) => map.iter().map(|(k, v)| format!("{k} {}", datum(v, unit))).collect::<Vec<_>>().join(", "),
    }
}

/// Up to four significant digits, never in exponents.
fn number(n: f64) -> String {
    let digits = if n == 0.0 { 0.0 } else { n.abs().log10().floor() };
    let places = (3.0 - digits).clamp(0.0, 6.0);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=6")]
    let text = format!("{n:.*}", places as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A duration in its two largest units.
fn seconds(s: f64) -> String {
    if !s.is_finite() || s.abs() < 60.0 {
        return format!("{} s", number(s));
    }
    let sign = if s < 0.0 { "-" } else { "" };
    #[allow(clippy::cast_possible_truncation, reason = "clamped far inside i64")]
    let whole = s.abs().min(1e12).round() as i64;
    let (days, hours, minutes) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60);
    match (days, hours) {
        (0, 0) => format!("{sign}{minutes} min {} s", whole % 60),
        (0, h) => format!("{sign}{h} h {minutes} min"),
        (d, h) => format!("{sign}{d} d {h} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_people_write_them() {
        assert_eq!(datum(&Datum::Num(0.2), "ratio"), "20 %");
        assert_eq!(datum(&Datum::Num(3.0 / 7.0), "1/d"), "0.4286 1/d");
        assert_eq!(datum(&Datum::Num(93_600.0), "s"), "1 d 2 h");
        assert_eq!(datum(&Datum::Num(0.15), "s"), "0.15 s");
        assert_eq!(datum(&Datum::Num(120_000.0), "requests"), "120000 requests");
        assert_eq!(datum(&Datum::Num(0.0), "deployments"), "0 deployments");
        assert_eq!(datum(&Datum::Money("320.00".parse().unwrap()), "EUR"), "320.00 EUR");
    }

    #[test]
    fn columns_align_by_shown_width_and_control_characters_do_not_pass() {
        let mut table = Table::new(&["a", "b"]);
        table.row(["日本".into(), "x\u{1b}[31m".into()]);
        table.row(["z".into(), "y".into()]);
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "a     b\n日本  x\nz     y\n");
    }
}
