//! Dimensions of an event fact: what a KPI can be cut by besides time, service and team. Says what a record's dimensions
//! are, and nothing about how facts are cut by them (`kpi::dimension`).
//!
//! Bounds, because labels are free text from outside: at most [`MOST`] dimensions per fact, ours first and then labels by
//! name; values are cut to [`LONGEST`] characters; a label with a longer name is none. The store also leaves out a label
//! that has too many values within a chunk (see `store::chunk`): a build number is no dimension.

use std::{collections::HashMap, sync::Arc};

use crate::{
    domain::record::{Body, ChangeType, DeployKind, Record},
    ledger::{DeployClass, Derived},
};

/// Names and values, sorted by name, each name once. Interned: facts of one origin with equal dimensions share one list.
pub type Dims = Arc<[(Arc<str>, Arc<str>)]>;

/// Most dimensions of one fact.
const MOST: usize = 16;

/// Most characters of a value.
const LONGEST: usize = 64;

/// Size classes by lines added and removed together: the largest number of lines that still is of the class.
pub const SIZES: [(&str, i64); 5] = [("XS", 10), ("S", 50), ("M", 250), ("L", 1_000), ("XL", i64::MAX)];

/// Dimensions that do not come from labels; a label of the same name does not count.
pub const OWN: [&str; 10] = ["cause", "change_type", "environment", "kind", "repo", "service", "severity", "size", "team", "weekday"];

/// The size class of a number of lines; see [`SIZES`].
#[must_use]
pub fn size_class(lines: i64) -> &'static str {
    SIZES.iter().find(|(_, most)| lines <= *most).map_or("XL", |(class, _)| class)
}

/// Lines that each deployment (key) shipped, of those whose changes all say how many lines they have.
pub(super) fn shipped_lines<'a>(records: &HashMap<String, &Record>, derived: &'a Derived) -> HashMap<&'a str, i64> {
    let mut out: HashMap<&str, Option<i64>> = HashMap::new();
    for s in &derived.shipments {
        let sum = out.entry(&s.deployment).or_insert(Some(0));
        *sum = sum.zip(records.get(&s.change).and_then(|r| lines_of(r))).map(|(sum, lines)| sum.saturating_add(lines));
    }
    out.into_iter().filter_map(|(key, sum)| Some((key, sum?))).collect()
}

fn lines_of(record: &Record) -> Option<i64> {
    match &record.body {
        Body::Change(c) if c.additions.is_some() || c.deletions.is_some() => {
            Some(c.additions.unwrap_or(0).max(0).saturating_add(c.deletions.unwrap_or(0).max(0)))
        }
        _ => None,
    }
}

/// Dimensions of a record, sorted by name. `class` is what the ledger made of a deployment, `shipped` the lines it shipped.
pub(super) fn of<'a>(record: &'a Record, class: Option<&DeployClass>, shipped: Option<i64>) -> Vec<(&'a str, &'a str)> {
    let environment = record.env_name.as_deref().or(record.env_tier.as_deref());
    let (mut change_type, mut severity, mut cause, mut kind) = (None, None, None, None);
    let mut lines = None;
    match &record.body {
        Body::Deployment(d) => {
            change_type = d.change_type;
            kind = Some(kind_of(class, d.deploy_kind.map(DeployKind::word)));
            lines = shipped;
        }
        Body::Change(c) => {
            change_type = c.change_type;
            lines = lines_of(record);
        }
        Body::Incident(i) => (severity, cause) = (i.severity.as_deref(), i.cause_category.as_deref()),
        _ => {}
    }
    let own = [
        ("cause", cause),
        ("change_type", change_type.map(ChangeType::word)),
        ("environment", environment),
        ("kind", kind),
        ("repo", record.repo.as_deref()),
        ("severity", severity),
        ("size", lines.map(size_class)),
    ];
    let own = own.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let is_label = |name: &str| !name.is_empty() && name.chars().count() <= LONGEST && !OWN.contains(&name);
    let labels = record.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).filter(|(name, _)| is_label(name));
    let mut out: Vec<(&str, &str)> =
        own.chain(labels).filter(|(_, value)| !value.is_empty()).take(MOST).map(|(name, value)| (name, cut(value))).collect();
    out.sort_unstable();
    out
}

fn cut(value: &str) -> &str {
    value.char_indices().nth(LONGEST).map_or(value, |(end, _)| &value[..end])
}

/// What the ledger found a deployment to be comes before what its source says it is.
fn kind_of(class: Option<&DeployClass>, declared: Option<&'static str>) -> &'static str {
    let found =
        class.and_then(|c| [(c.rollback, "rollback"), (c.redeploy, "redeploy"), (c.hotfix, "hotfix")].into_iter().find(|(is, _)| *is));
    found.map(|(_, word)| word).or(declared).unwrap_or("normal")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::record::{Change, Deployment, Incident};

    fn change(lines: Option<(i64, i64)>) -> Record {
        let (additions, deletions) = (lines.map(|l| l.0), lines.map(|l| l.1));
        Record::new("code", "1", Body::Change(Change { additions, deletions, change_type: Some(ChangeType::Fix), ..Change::default() }))
    }

    fn value<'a>(dims: &[(&'a str, &'a str)], name: &str) -> Option<&'a str> {
        dims.iter().find(|(n, _)| *n == name).map(|(_, v)| *v)
    }

    #[test]
    fn a_size_class_holds_up_to_its_last_line() {
        let classes = [0, 10, 11, 50, 51, 250, 251, 1_000, 1_001, i64::MAX].map(size_class);
        assert_eq!(classes, ["XS", "XS", "S", "S", "M", "M", "L", "L", "XL", "XL"]);
    }

    #[test]
    fn a_change_of_unknown_size_has_no_size() {
        assert_eq!(value(&of(&change(Some((30, 30))), None, None), "size"), Some("M"));
        assert_eq!(value(&of(&change(None), None, None), "size"), None);
        assert_eq!(value(&of(&change(None), None, None), "change_type"), Some("fix"));
    }

    #[test]
    fn the_ledgers_kind_comes_before_the_sources() {
        let deployment = Record::new("ci", "1", Body::Deployment(Deployment::default()));
        let rollback = DeployClass { rollback: true, ..DeployClass::default() };
        assert_eq!(value(&of(&deployment, Some(&rollback), None), "kind"), Some("rollback"));
        assert_eq!(value(&of(&deployment, None, Some(5)), "kind"), Some("normal"));
        assert_eq!(value(&of(&deployment, None, Some(5)), "size"), Some("XS"));
    }

    #[test]
    fn labels_come_along_unless_they_take_one_of_our_names() {
        let mut record = Record::new("pager", "1", Body::Incident(Incident { severity: Some("sev1".into()), ..Incident::default() }));
        record.labels = [("provider", "aws"), ("severity", "whatever"), ("empty", "")].map(|(k, v)| (k.into(), v.into())).into();
        let dims = of(&record, None, None);
        assert_eq!(dims, [("provider", "aws"), ("severity", "sev1")]);
    }

    #[test]
    fn no_record_has_more_dimensions_or_longer_ones_than_the_bounds() {
        let mut record = change(None);
        record.labels = (0..40).map(|i| (format!("label-{i}"), "ü".repeat(100))).collect();
        let dims = of(&record, None, None);
        assert_eq!(dims.len(), MOST);
        assert_eq!(value(&dims, "change_type"), Some("fix"));
        assert!(dims.iter().all(|(_, v)| v.chars().count() <= LONGEST) && dims.is_sorted());
    }
}
