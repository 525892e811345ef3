//! From TOML text to typed settings with **every** fault and its place, not only the first.
//!
//! serde stops at the first fault. So what it complains of is noted, cut out of the table, and reading starts again,
//! until it succeeds or nothing is left to cut. No value of a key that may hold a secret is ever repeated.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue},
};

use super::Fault;
use crate::domain::text::clean_to;

/// More faults than this are not listed.
const MAX_FAULTS: usize = 200;

/// What is said where a secret is written out.
pub const SECRET_EXPECTED: &str =
    "a secret must be a reference such as { env = \"NAME\" }, { file = \"…\" } or { command = [\"…\"] }, never the secret itself";

/// A file's text and its name, to turn byte positions into line and column.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Name in messages.
    pub file: &'a str,
    /// The whole text.
    pub text: &'a str,
}

impl Place<'_> {
    /// A fault at a byte position.
    #[must_use]
    pub fn fault(&self, at: usize, message: impl Into<String>) -> Fault {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let before = &self.text[..at];
        let start = before.rfind('\n').map_or(0, |n| n + 1);
        Fault {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[start..].chars().count() + 1,
            message: message.into(),
        }
    }
}

/// Read a table into a settings struct, noting every fault. `None` when what is left does not make one.
pub fn read<T: DeserializeOwned>(place: Place<'_>, mut table: Spanned<DeTable<'_>>, faults: &mut Vec<Fault>) -> Option<T> {
    // Keys already cut, by the table they stood in: their absence is not a second fault.
    let mut cut: Vec<(Range<usize>, String)> = Vec::new();
    loop {
        let error = match T::deserialize(toml::Deserializer::from(table.clone())) {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        let own = table.span();
        let span = error.span().unwrap_or_else(|| own.clone());
        let removed = remove(table.get_mut(), own, &span, &mut Vec::new());
        let follows = missing_key(error.message()).is_some_and(|key| cut.iter().any(|(at, name)| *at == span && name == key));
        if !follows {
            faults.push(place.fault(span.start, explain(error.message(), removed.as_ref())));
        }
        match removed {
            Some(removed) if faults.len() < MAX_FAULTS => cut.push((removed.parent, removed.path.last().cloned().unwrap_or_default())),
            _ => return None,
        }
    }
}

/// What was cut out.
struct Removed {
    /// Span of the table or array it stood in.
    parent: Range<usize>,
    /// Keys that lead to it.
    path: Vec<String>,
    /// It was a piece of text.
    is_text: bool,
}

/// Cut out the innermost entry whose key or value has this span.
fn remove(table: &mut DeTable<'_>, own: Range<usize>, span: &Range<usize>, path: &mut Vec<String>) -> Option<Removed> {
    let keys: Vec<_> = table.keys().cloned().collect();
    for key in keys {
        path.push(key.get_ref().to_string());
        let value = table.get_mut(&key)?;
        let value_span = value.span();
        if let Some(removed) = remove_below(value, span, path) {
            return Some(removed);
        }
        if key.span() == *span || value_span == *span {
            let is_text = value.get_ref().is_str();
            table.remove(&key);
            return Some(Removed { parent: own, path: path.clone(), is_text });
        }
        path.pop();
    }
    None
}

fn remove_below(value: &mut Spanned<DeValue<'_>>, span: &Range<usize>, path: &mut Vec<String>) -> Option<Removed> {
    let own = value.span();
    match value.get_mut() {
        DeValue::Table(table) => remove(table, own, span, path),
        DeValue::Array(items) => {
            for i in 0..items.len() {
                let item = items.get_mut(i)?;
                if let Some(removed) = remove_below(item, span, path) {
                    return Some(removed);
                }
                if item.span() == *span {
                    let is_text = item.get_ref().is_str();
                    *items = std::mem::replace(items, DeArray::new())
                        .into_iter()
                        .enumerate()
                        .filter(|(n, _)| *n != i)
                        .map(|(_, item)| item)
                        .collect();
                    return Some(Removed { parent: own, path: path.clone(), is_text });
                }
            }
            None
        }
        _ => None,
    }
}

/// serde's words in ours: what is wrong, then what was expected.
fn explain(message: &str, removed: Option<&Removed>) -> String {
    if let Some(rest) = message.strip_prefix("unknown field `")
        && let Some((name, expected)) = rest.split_once("`, ")
    {
        let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        return unknown("key", name, &known);
    }
    if let Some(key) = missing_key(message) {
        return format!("the key `{key}` is missing");
    }
    if removed.is_some_and(|r| r.is_text && r.path.iter().any(|key| is_secret(key))) && !message.starts_with("a secret") {
        return SECRET_EXPECTED.to_owned();
    }
    let message = clean_to(message, 400);
    if let Some(rest) = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "))
        && let Some((found, expected)) = rest.split_once(", expected ")
    {
        let expected = match expected {
            "a sequence" => "a list",
            "a map" => "a table",
            other if other.starts_with("struct ") => "a table",
            other => other,
        };
        return format!(
            "expected {expected}, found {}",
            match found {
                "sequence" => "list",
                "map" => "table",
                other => other,
            }
        );
    }
    message
}

/// Keys whose text may be a secret.
fn is_secret(key: &str) -> bool {
    const WORDS: [&str; 11] =
        ["auth", "authorization", "token", "secret", "password", "passphrase", "bearer", "basic", "credential", "credentials", "key"];
    let key = key.to_ascii_lowercase().replace('-', "_");
    WORDS.contains(&key.as_str()) || ["_token", "_secret", "_password", "_key"].iter().any(|end| key.ends_with(end))
}

fn missing_key(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'))
}

/// `unknown <what> `name`; did you mean `near`? expected one of …`
#[must_use]
pub fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let near = nearest(name, known.iter().copied()).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    let list = match known {
        [] => String::new(),
        _ if !near.is_empty() => String::new(),
        [one] => format!("; expected `{one}`"),
        _ if known.len() <= 24 => format!("; expected one of {}", known.iter().map(|k| format!("`{k}`")).collect::<Vec<_>>().join(", ")),
        _ => format!("; `quarterdeck library` lists the {} there are", known.len()),
    };
    format!("unknown {what} `{}`{near}{list}", clean_to(name, 80))
}

/// The known word nearest to a misspelt one, when one is near.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let allowed = (word.chars().count() / 3).clamp(1, 4);
    let by_distance = known.map(|k| (distance(&word, &k.to_lowercase()), k)).min_by_key(|(d, _)| *d);
    by_distance.filter(|(d, _)| *d <= allowed).map(|(_, k)| k)
}

/// Edits (insert, delete, replace, swap of neighbours) from one word to another.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().take(64).collect(), b.chars().take(64).collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_near_word_is_suggested_and_a_far_one_is_not() {
        let known = ["change_failure_rate", "lead_time", "uptime"];
        assert_eq!(nearest("change_failure_rat", known.into_iter()), Some("change_failure_rate"));
        assert_eq!(nearest("uptmie", known.into_iter()), Some("uptime"));
        assert_eq!(nearest("velocity", known.into_iter()), None);
    }

    #[test]
    fn line_and_column_count_characters_not_bytes() {
        let place = Place { file: "f", text: "a = 1\né = \"ü\" x" };
        let fault = place.fault(place.text.find('x').unwrap(), "here");
        assert_eq!((fault.line, fault.column), (2, 9));
    }
}
