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
use crate::domain::{near::unknown, text::clean_to};

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

/// Read a table into a settings struct, noting every fault. `None` when what is left does not make one. `also`: keys that
/// may stand there too and were taken out already.
pub fn read<T: DeserializeOwned>(place: Place<'_>, mut table: Spanned<DeTable<'_>>, also: &[&str], faults: &mut Vec<Fault>) -> Option<T> {
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
            faults.push(place.fault(span.start, explain(error.message(), removed.as_ref(), also)));
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
fn explain(message: &str, removed: Option<&Removed>, also: &[&str]) -> String {
    if let Some(rest) = message.strip_prefix("unknown field `")
        && let Some((name, expected)) = rest.split_once("`, ")
    {
        let known: Vec<&str> = expected.split('`').skip(1).step_by(2).chain(also.iter().copied()).collect();
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_and_column_count_characters_not_bytes() {
        let place = Place { file: "f", text: "a = 1\né = \"ü\" x" };
        let fault = place.fault(place.text.find('x').unwrap(), "here");
        assert_eq!((fault.line, fault.column), (2, 9));
    }
}
