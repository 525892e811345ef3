//! The metric library: what each metric means, in words, as data (`assets/library.toml`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::defined::Catalogue;

/// Texts of one metric.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// One paragraph: what it is.
    pub definition: String,
    /// The formula in words and symbols.
    pub formula: String,
    /// Records it is computed from.
    pub inputs: Vec<String>,
    /// Where the inputs usually come from.
    #[serde(default)]
    pub platforms: Vec<String>,
    /// What moves it.
    #[serde(default)]
    pub drivers: Vec<String>,
    /// The question it answers.
    #[serde(default)]
    pub question: String,
    /// Where to look first when it worsens.
    #[serde(default)]
    pub first_look: String,
    /// How it gets misused.
    #[serde(default)]
    pub misuse: String,
    /// Edge cases and choices, one line each.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Config lines (three at most) that would feed it; shown by its empty state.
    pub feed: Vec<String>,
}

/// Texts by metric id; a facet without its own entry uses its headline's.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Library(pub BTreeMap<String, Entry>);

impl Library {
    /// The texts shipped with the program.
    ///
    /// # Errors
    /// When `assets/library.toml` is not as expected (a test holds it).
    pub fn builtin() -> Result<Self, String> {
        toml::from_str(include_str!("../../assets/library.toml")).map_err(|e| format!("assets/library.toml: {e}"))
    }

    /// The same with the texts of what the config defines.
    #[must_use]
    pub fn with(mut self, catalogue: &Catalogue) -> Self {
        for definition in catalogue.definitions() {
            let over = definition.over.word();
            let place = format!("path = \"{over}.jsonl\"");
            let (kind, place) = match over.strip_prefix("sample:") {
                Some(series) => ("kind = \"prometheus\"", format!("metric = \"{series}\"")),
                None => ("kind = \"records\"", place),
            };
            let entry = Entry {
                definition: if definition.definition.is_empty() { "Defined in the config.".into() } else { definition.definition.clone() },
                formula: definition.formula(),
                inputs: vec![over],
                feed: vec!["[[source]]".into(), kind.into(), place],
                ..Entry::default()
            };
            self.0.insert(definition.metric.id.to_owned(), entry);
        }
        self
    }

    /// The entry of a metric, or of the headline it is a facet of.
    #[must_use]
    pub fn of(&self, metric: &str) -> Option<&Entry> {
        self.0.get(metric).or_else(|| self.0.get(crate::domain::metric::find(metric)?.facet_of?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::metric::{CATALOGUE, find};

    #[test]
    fn every_headline_has_texts_and_every_text_a_metric() {
        let library = Library::builtin().unwrap();
        for metric in CATALOGUE {
            let entry = library.of(metric.id).unwrap_or_else(|| panic!("no texts for {}", metric.id));
            assert!(!entry.definition.is_empty() && !entry.formula.is_empty() && !entry.inputs.is_empty(), "{}", metric.id);
            assert!((1..=3).contains(&entry.feed.len()), "{}: one to three config lines", metric.id);
        }
        for id in library.0.keys() {
            assert_eq!(find(id).map(|m| m.id), Some(id.as_str()), "{id} is no metric");
        }
    }
}
