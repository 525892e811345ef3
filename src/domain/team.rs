//! Who owns what, since when: the roster that attribution reads.
//!
//! A roster is assembled from the config's teams and from `Catalog` and `Ownership` records; it decides nothing
//! itself (the rules and their order are in `ledger::attribute`).

use std::collections::BTreeMap;

use super::{Time, record::CatalogService};

/// The team of what nobody owns. Counted and shown, never dropped.
pub const UNATTRIBUTED: &str = "unattributed";

/// What an ownership statement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A service by name.
    Service,
    /// A repository by name.
    Repo,
    /// An author (hashed as the sources hash).
    Author,
    /// A label or tag, as `key=value`, compared without case.
    Label,
}

/// One statement of ownership, valid in `[from, to)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Owned {
    /// What about.
    pub subject: Subject,
    /// Its name; `*` and `?` match as in file names.
    pub name: String,
    /// Owner.
    pub team: String,
    /// Share when owned jointly; `None` means equal shares.
    pub share: Option<f64>,
    /// From; `None` means always.
    pub from: Option<Time>,
    /// Until, exclusive; `None` means still.
    pub to: Option<Time>,
}

/// Everything attribution may ask.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Roster {
    /// Teams by name, with what the config says of them, in the config's order.
    pub teams: Vec<Team>,
    /// Statements of ownership; the first that is valid at the event time and matches wins within a rule.
    pub owned: Vec<Owned>,
    /// Services by name (paths, repo, dependencies, owner).
    pub services: BTreeMap<String, CatalogService>,
    /// CODEOWNERS lines per repository (`""`: any repository).
    pub codeowners: BTreeMap<String, Vec<String>>,
    /// CODEOWNERS owner (`@acme/pay`, `@ann`) → team; absent: the part after the last `/` without `@`.
    pub owner_alias: BTreeMap<String, String>,
}

/// A team.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Team {
    /// Its name.
    pub name: String,
    /// The team it is part of.
    pub parent: Option<String>,
}

impl Roster {
    /// `team` and every team below it.
    #[must_use]
    pub fn family<'a>(&'a self, team: &'a str) -> Vec<&'a str> {
        let mut family = vec![team];
        let mut next = 0;
        while next < family.len() {
            let parent = family[next];
            for child in self.teams.iter().filter(|t| t.parent.as_deref() == Some(parent)) {
                if !family.contains(&child.name.as_str()) {
                    family.push(&child.name);
                }
            }
            next += 1;
        }
        family
    }
}
