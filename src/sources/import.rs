//! A file given by hand: what it is by how it begins, and its records.

use std::path::Path;

use super::{clean::clean_record, files, focus};
use crate::domain::{Time, record::Record};

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Canonical JSON lines, read line by line ([`super::records::parse_line`]).
    Lines,
    /// A FOCUS bill; what is packed can be nothing else.
    Bill,
    /// A coverage, test or findings report.
    Report,
}

/// What a file is, by its first bytes (some kilobytes).
#[must_use]
pub fn form(head: &[u8]) -> Form {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    let text = String::from_utf8_lossy(&head[..head.len().min(16 << 10)]).into_owned();
    let first = text.lines().next().unwrap_or_default();
    let has_column = |name: &str| first.split([',', ';', '\t']).any(|c| c.trim_matches(['"', ' ']).eq_ignore_ascii_case(name));
    match head.first() {
        _ if focus::packed::is_packed(head) => Form::Bill,
        Some(b'<') => Form::Report,
        Some(b'{') if is_report(&text) => Form::Report,
        Some(b'{') | None => Form::Lines,
        _ if ["mode:", "TN:", "SF:"].iter().any(|start| first.starts_with(start)) => Form::Report,
        _ if has_column("BillingCurrency") => Form::Bill,
        _ => Form::Lines,
    }
}

/// A JSON report is told from a record by the first key of its first object; a record may begin with `version` too.
fn is_report(text: &str) -> bool {
    let key = text[1..].trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next()).unwrap_or_default();
    match key {
        "$schema" | "runs" | "data" | "inlineExternalProperties" => true,
        "version" | "type" => text.contains("\"runs\"") || text.contains("\"data\""),
        _ => false,
    }
}

/// Read a report or bill as a whole: its records, cleaned, and what is wrong with single rows.
///
/// # Errors
/// Why the file cannot be read, with its name and line.
pub fn read(path: &Path, source: &str, now: Time) -> Result<(Vec<Record>, Vec<String>), String> {
    let mut head = Vec::new();
    let open = std::fs::File::open(path).map_err(|e| format!("{}: {e}", path.display()))?;
    std::io::Read::read_to_end(&mut std::io::Read::take(open, 16 << 10), &mut head).map_err(|e| format!("{}: {e}", path.display()))?;
    let (mut records, mut faults) = match form(&head) {
        Form::Bill => focus::import(path, source)?,
        Form::Report => (files::import(path, source, now)?, Vec::new()),
        Form::Lines => return Err(format!("{}: neither a report nor a bill", path.display())),
    };
    records.retain_mut(|record| match clean_record(record) {
        Ok(()) => true,
        Err(why) => {
            faults.push(format!("{}: {why}", path.display()));
            false
        }
    });
    Ok((records, faults))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_by_how_it_begins() {
        for (head, is) in [
            ("{\"kind\":\"change\",\"id\":\"1\"}\n", Form::Lines),
            ("{\"version\":\"1.2\",\"kind\":\"deployment\",\"id\":\"1\"}\n", Form::Lines),
            ("{\"data\":[{\"totals\":", Form::Report),
            ("{\n  \"version\": \"2.1.0\",\n  \"runs\": [", Form::Report),
            ("\u{feff}<?xml version=\"1.0\"?>", Form::Report),
            ("TN:\nSF:a.c\n", Form::Report),
            ("mode: set\n", Form::Report),
            ("\"BilledCost\",\"BillingCurrency\"\n", Form::Bill),
            ("billingcurrency;BilledCost\n", Form::Bill),
            ("hello\n", Form::Lines),
            ("", Form::Lines),
            ("{", Form::Lines),
        ] {
            assert_eq!(form(head.as_bytes()), is, "{head}");
        }
    }

    #[test]
    fn a_bill_and_a_report_are_read_whole() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            std::fs::write(dir.path().join(name), text).unwrap();
            dir.path().join(name)
        };
        let now: Time = "2099-01-01T00:00:00Z".parse().unwrap();
        let bill = write("a.csv", "BilledCost,BillingCurrency,ChargePeriodStart\n1,EUR,2026-01-01\nx,EUR,2026-01-01\n");
        let (records, faults) = read(&bill, "import", now).unwrap();
        assert_eq!((records.len(), faults.len()), (1, 1));
        let packed = dir.path().join("a.csv.gz");
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut encoder, &std::fs::read(&bill).unwrap()).unwrap();
        std::fs::write(&packed, encoder.finish().unwrap()).unwrap();
        let (records, faults) = read(&packed, "import", now).unwrap();
        assert_eq!((records.len(), faults.len()), (1, 1));
        let report = write("a.info", "SF:a.c\nDA:1,1\nend_of_record\n");
        assert_eq!(read(&report, "import", now).unwrap().0.len(), 1);
        assert!(read(&write("a.txt", "hello"), "import", now).unwrap_err().contains("neither"));
    }
}
