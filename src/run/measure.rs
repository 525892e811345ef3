//! Readings over any window, from the store: what `kpi` and `explain` print. The same formulas as the screen's.

use std::collections::BTreeMap;

use super::Stop;
use crate::{
    config::Config,
    domain::{
        Time,
        care::Care,
        metric::Metric,
        team::Roster,
        value::{Reading, Scope},
        window::Window,
    },
    engine::{look, settings},
    kpi::{
        Query, Settings,
        board::build,
        fact::Facts,
        why::{self, Why},
    },
    store::Reader,
};

/// Everything needed to compute any metric for any scope over one window.
#[derive(Debug)]
pub struct Desk {
    facts: Facts,
    settings: Settings,
    /// Teams and owners, with what records add.
    pub roster: Roster,
    care: BTreeMap<String, Care>,
    window: Window,
}

impl Desk {
    /// Load what the window and the like window before it need.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(reader: &Reader, config: &Config, window: Window, as_of: Time) -> Result<Self, Stop> {
        let settings = settings::formulas(config, as_of);
        let roster = reader.roster(&config.roster)?;
        let all = look::Wanted { service: None, stages: true, keys: true, dims: true };
        let facts = look::facts(reader, &settings, &roster, Window::new(window.before().from, window.to), all)?;
        Ok(Self { facts, settings, roster, care: config.kpis.clone(), window })
    }

    /// One metric of one scope; with `compare` also the like window before and the guard's verdict.
    #[must_use]
    pub fn reading(&self, metric: &'static Metric, scope: &Scope, compare: bool) -> Option<Reading> {
        let query = Query { facts: &self.facts, scope, window: self.window, settings: &self.settings, roster: &self.roster };
        let mut reading = build::judged(metric.id, &query, &build::earlier(&query), &self.care)?;
        if !compare {
            (reading.before, reading.before_n, reading.change_is_real, reading.judged) = (None, None, None, None);
        }
        Some(reading)
    }

    /// Why a metric of a scope moved against the like window before.
    #[must_use]
    pub fn why(&self, metric: &'static Metric, scope: &Scope) -> Option<Why> {
        let query = Query { facts: &self.facts, scope, window: self.window, settings: &self.settings, roster: &self.roster };
        let earlier = build::earlier(&query);
        let reading = build::judged(metric.id, &query, &earlier, &self.care)?;
        let before = Query { window: query.window.before(), settings: &earlier, ..query };
        Some(why::explain(&reading, &query, &before))
    }

    /// Teams that anything belongs to or the configuration names, `unattributed` last.
    #[must_use]
    pub fn teams(&self) -> Vec<String> {
        let mut names: Vec<String> = self.roster.teams.iter().map(|t| t.name.clone()).collect();
        let unattributed = crate::domain::team::UNATTRIBUTED;
        let seen = self.facts.teams();
        names.extend(seen.iter().map(ToString::to_string).filter(|t| t != unattributed));
        let mut once = std::collections::BTreeSet::new();
        names.retain(|n| once.insert(n.clone()));
        if seen.iter().any(|t| **t == *unattributed) {
            names.push(unattributed.to_owned());
        }
        names
    }
}
