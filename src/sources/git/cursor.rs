//! Where reading stopped: the cursor's JSON, kept small because it is stored with every batch.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A stretch of the default branch still to read: from `top` down, without `bottom` and what it reaches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Span {
    pub top: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bottom: Option<String>,
}

/// What is known of a version tag. In JSON a short list, because there may be thousands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Packed", into = "Packed")]
pub(super) struct Known {
    /// First 16 digits of the ref's object.
    pub object: String,
    /// How many commits of the default branch it reaches; `None` until counted.
    pub reach: Option<u64>,
    /// It stands on the default branch itself, for sure.
    pub on: bool,
    /// When it was released, in Unix seconds.
    pub at: i64,
    /// What was last reported of it: the place its changes begin at (see `tags::Brought`).
    pub reported: Reported,
}

/// What a release was last reported to begin with (see `tags::Brought`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reported {
    /// Not yet, or no longer right.
    No,
    /// As the first of its service.
    First,
    /// As beginning at this place of the default branch.
    From(u64),
}

impl From<Option<u64>> for Reported {
    fn from(place: Option<u64>) -> Self {
        place.map_or(Self::First, Self::From)
    }
}

/// Object, reach, whether on the branch, time, and -2 for not reported, -1 for a first release.
type Packed = (String, Option<u64>, bool, i64, i64);

impl From<Packed> for Known {
    fn from((object, reach, on, at, from): Packed) -> Self {
        let reported = if from < -1 { Reported::No } else { u64::try_from(from).ok().into() };
        Self { object, reach, on, at, reported }
    }
}

impl From<Known> for Packed {
    fn from(k: Known) -> Self {
        let from = match k.reported {
            Reported::No => -2,
            Reported::First => -1,
            Reported::From(place) => i64::try_from(place).unwrap_or(i64::MAX),
        };
        (k.object, k.reach, k.on, k.at, from)
    }
}

/// The whole state between two polls.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(clippy::struct_excessive_bools, reason = "independent facts about what was read, each stored by name")]
pub(super) struct State {
    /// Digest of everything that decides how history reads; another one means reading all again.
    pub rules: String,
    /// Digest of the refs we look at; the same one means there is nothing to do.
    pub refs: String,
    /// Newest commit of the default branch that is read or planned.
    pub head: String,
    /// Commits on the default branch, first parents only; 0 until counted.
    pub height: u64,
    /// Stretches still to read, newest first.
    pub todo: Vec<Span>,
    /// Commits of the default branch reported.
    pub done: u64,
    /// Commits of the default branch to report in all; 0 until counted.
    pub total: u64,
    /// Nothing older than this (Unix seconds) is reported.
    pub since: Option<i64>,
    /// Oldest time reported so far, in Unix seconds.
    pub oldest: Option<i64>,
    /// Something was taken back or read again, so that revisions from now on carry the time of reading.
    pub corrected: bool,
    /// Deployments were assumed from commits; when tags take over they are taken back.
    pub assumed: bool,
    /// Assumed deployments of an earlier reading are still to be taken back.
    pub sweep: bool,
    /// Digest of the tags last looked at.
    pub tags_seen: String,
    /// Version tags by name.
    pub tags: BTreeMap<String, Known>,
    /// Revision of the catalog record.
    pub catalog: String,
    /// Last commits of the default branch, newest first: to take back what a rewritten history no longer holds.
    pub recent: Vec<String>,
    /// Commits and tags dated in the future.
    pub future: u64,
    /// Part of a rewritten history could not be taken back, because it is gone.
    pub lost: bool,
    /// The last message, repeated while nothing changes.
    pub said: String,
}

/// How many commits `recent` keeps.
pub(super) const RECENT: usize = 256;

impl State {
    /// Read a cursor; one that does not parse starts again, as a correction of what was there.
    pub fn parse(text: &str) -> Self {
        if text.is_empty() {
            return Self::default();
        }
        serde_json::from_str(text).unwrap_or_else(|_| Self { corrected: true, ..Self::default() })
    }

    /// Nothing has been read yet.
    pub fn is_fresh(&self) -> bool {
        self.head.is_empty()
    }

    /// Releases are still to be reported.
    pub fn tags_pending(&self) -> bool {
        self.height == 0 || self.tags.values().any(|t| t.reported == Reported::No)
    }

    /// Something is left to read.
    pub fn is_busy(&self) -> bool {
        !self.todo.is_empty() || self.tags_pending()
    }

    /// The cursor's text.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// First 16 hexadecimal digits of the SHA-256 of the parts, which are kept apart.
pub(super) fn digest<P: AsRef<[u8]>>(parts: impl IntoIterator<Item = P>) -> String {
    let mut sha = Sha256::new();
    for part in parts {
        sha.update((part.as_ref().len() as u64).to_le_bytes());
        sha.update(part.as_ref());
    }
    let mut head = [0u8; 8];
    head.copy_from_slice(&sha.finalize()[..8]);
    format!("{:016x}", u64::from_be_bytes(head))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_keeps_its_parts_apart() {
        assert_ne!(digest(["ab", "c"]), digest(["a", "bc"]));
        assert_eq!(digest(["ab"]).len(), 16);
    }

    #[test]
    fn a_cursor_survives_its_text_and_a_broken_one_starts_again() {
        let mut state = State { head: "aa".into(), ..State::default() };
        for (name, reported) in [("v1", Reported::No), ("v2", Reported::First), ("v3", Reported::From(7))] {
            state.tags.insert(name.into(), Known { object: "bb".into(), reach: Some(3), on: true, at: 4, reported });
        }
        assert_eq!(State::parse(&state.text()), state);
        assert!(State::parse("{oh").is_fresh() && State::parse("{oh").corrected);
    }
}
