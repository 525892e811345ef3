//! Stand-in until the ledger's attribution lands: explicit team, else the catalog's owner.

use crate::{
    domain::{
        record::Record,
        team::{Roster, UNATTRIBUTED},
    },
    ledger::{Attribution, Share},
};

pub(super) struct Attributor<'a>(&'a Roster);

impl<'a> Attributor<'a> {
    pub(super) fn new(roster: &'a Roster) -> Self {
        Self(roster)
    }

    pub(super) fn of(&mut self, record: &Record) -> Attribution {
        let owner = || self.0.services.get(record.service.as_deref()?)?.owner.clone();
        let team = record.team.clone().or_else(owner).unwrap_or_else(|| UNATTRIBUTED.to_owned());
        Attribution { shares: vec![Share { team, share: 1.0 }], rule: "catalog" }
    }
}
