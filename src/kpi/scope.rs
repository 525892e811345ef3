//! How much of a fact belongs to a scope: 1, 0, or a share where several teams own it together.

use super::{
    Query, dimension,
    fact::{Bucket, EventRef, Owners, Track, flag},
};
use crate::domain::{
    Time,
    record::{Body, Record},
    team::{Owned, Roster, Subject, UNATTRIBUTED},
    text::matches,
    value::Scope,
    window::Tz,
};

/// A scope with the teams below it looked up once.
#[derive(Debug, Clone)]
pub struct Whose<'a> {
    pub(super) by: By<'a>,
    family: Vec<&'a str>,
    roster: &'a Roster,
    zone: Tz,
}

/// A scope as facts are asked for it: groups named `team` and `service` are those scopes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By<'a> {
    Org,
    Team(&'a str),
    Service(&'a str),
    /// Dimension and value.
    Group(&'a str, &'a str),
}

impl<'a> By<'a> {
    pub(super) fn of(scope: &'a Scope) -> Self {
        match scope {
            Scope::Org => Self::Org,
            Scope::Team(team) => Self::Team(team),
            Scope::Service(service) => Self::Service(service),
            Scope::Group(by, team) if by == "team" => Self::Team(team),
            Scope::Group(by, service) if by == "service" => Self::Service(service),
            Scope::Group(by, value) => Self::Group(by, value),
        }
    }
}

impl<'a> Whose<'a> {
    /// The scope of a query.
    #[must_use]
    pub fn of(query: &Query<'a>) -> Self {
        let by = By::of(query.scope);
        let family = if let By::Team(team) = by { query.roster.family(team) } else { Vec::new() };
        Self { by, family, roster: query.roster, zone: query.settings.zone }
    }

    /// Is this team the scope's, or below it?
    #[must_use]
    pub fn is_mine(&self, team: &str) -> bool {
        self.family.contains(&team)
    }

    /// What of these owners' shares is the scope's; what nobody owns is [`UNATTRIBUTED`]'s.
    fn share(&self, owners: &Owners) -> f64 {
        if owners.is_empty() {
            return f64::from(u8::from(self.is_mine(UNATTRIBUTED)));
        }
        owners.iter().filter(|(team, _)| self.is_mine(team)).map(|(_, share)| share).sum()
    }

    /// The share of a live bucket, 0 to 1. A group is a dimension and its value.
    #[must_use]
    pub fn bucket(&self, bucket: &Bucket) -> f64 {
        match self.by {
            By::Org => 1.0,
            By::Team(_) => self.share(&bucket.teams),
            By::Service(service) => f64::from(u8::from(&*bucket.service == service)),
            By::Group(by, value) => f64::from(u8::from(dimension::of_bucket(bucket, by, self.zone).as_deref() == Some(value))),
        }
    }

    /// The share of a track of event facts, 0 to 1. Of a group by a dimension it is what its facts may have: each of them
    /// decides ([`Whose::takes`]).
    #[must_use]
    pub fn track(&self, track: &Track) -> f64 {
        match self.by {
            By::Service(service) => f64::from(u8::from(&*track.service == service)),
            By::Team(_) => self.share(&track.teams),
            By::Org | By::Group(..) => 1.0,
        }
    }

    /// Whether a fact of a track that the scope has a share of counts. What another service's fact stands for already
    /// counts for its own service only.
    #[must_use]
    #[inline]
    pub fn takes(&self, event: EventRef<'_>) -> bool {
        match self.by {
            By::Service(_) => true,
            _ if event.flags() & flag::AGAIN != 0 => false,
            By::Group(by, value) => dimension::of_event(event, by, self.zone).as_deref() == Some(value),
            By::Org | By::Team(_) => true,
        }
    }

    /// The flags whose bearers do not count; `None` when flags alone do not decide ([`Whose::takes`]).
    #[must_use]
    pub fn foreign(&self) -> Option<u16> {
        match self.by {
            By::Service(_) => Some(0),
            By::Org | By::Team(_) => Some(flag::AGAIN),
            By::Group(..) => None,
        }
    }

    /// Whether a record is the scope's: by its explicit team, else by who owns its service or repository.
    #[must_use]
    pub fn record(&self, record: &Record) -> bool {
        match self.by {
            By::Org => true,
            By::Team(_) => self.is_mine(owner(record, self.roster).unwrap_or(UNATTRIBUTED)),
            By::Service(service) => record.service.as_deref() == Some(service) || project(record) == Some(service),
            By::Group(by, value) => dimension::of_record(record, by, self.zone).as_deref() == Some(value),
        }
    }
}

/// Owner of a record of a kind with few rows: explicit, catalog, then ownership of service or repository at the time.
#[must_use]
pub fn owner<'a>(record: &'a Record, roster: &'a Roster) -> Option<&'a str> {
    let service = record.service.as_deref().or_else(|| project(record));
    let catalog = || service.and_then(|s| roster.services.get(s)).and_then(|s| s.owner.as_deref());
    let at = record.event_time();
    let explicit = record.team.as_deref().or_else(catalog);
    explicit.or_else(|| owned(roster, Subject::Service, service, at)).or_else(|| owned(roster, Subject::Repo, record.repo.as_deref(), at))
}

/// The team of the first statement of ownership about `name` that is valid at `at` (always, when no time is known).
#[must_use]
pub fn owned<'a>(roster: &'a Roster, subject: Subject, name: Option<&str>, at: Option<Time>) -> Option<&'a str> {
    let name = name?;
    let valid = |o: &&Owned| {
        let same = if subject == Subject::Label { matches(&o.name.to_lowercase(), &name.to_lowercase()) } else { matches(&o.name, name) };
        o.subject == subject && same && at.is_none_or(|t| o.from.is_none_or(|f| f <= t) && o.to.is_none_or(|e| t < e))
    };
    roster.owned.iter().find(valid).map(|o| o.team.as_str())
}

/// The project a measurement names.
pub(super) fn project(record: &Record) -> Option<&str> {
    match &record.body {
        Body::Quality(q) => Some(&q.project),
        Body::TestRun(t) => Some(&t.suite),
        Body::UserActivity(u) => u.product.as_deref(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        domain::window::{Window, from_millis},
        kpi::{
            Settings,
            fact::{Event, Facts, Measure},
        },
    };

    #[test]
    fn a_group_is_a_dimension_and_team_and_service_are_among_them() {
        let (settings, roster) = (Settings::default(), Roster::default());
        let whole = Event {
            at: from_millis(0),
            service: "pay".into(),
            teams: Arc::new([("red".into(), 0.25), ("blue".into(), 0.75)]),
            flags: 0,
            group: 0,
            key: "".into(),
            values: [].into(),
            dims: Arc::new([("region".into(), "eu".into())]),
        };
        let share = |by: &str, value: &str, event: &Event| {
            let scope = Scope::Group(by.into(), value.into());
            let mut facts = Facts::default();
            facts.events.extend(Measure::Deployment, [event.clone()]);
            let window = Window::new(event.at, event.at);
            let whose = Whose::of(&Query { facts: &facts, scope: &scope, window, settings: &settings, roster: &roster });
            let track = &facts.events.of(Measure::Deployment)[0];
            if whose.takes(track.event(0)) { whose.track(track) } else { 0.0 }
        };
        let asked = [("region", "eu"), ("region", "us"), ("size", "S"), ("team", "red"), ("service", "pay"), ("weekday", "Thu")];
        assert_eq!(asked.map(|(by, value)| share(by, value, &whole)), [1.0, 0.0, 0.0, 0.25, 1.0, 1.0]);
        let again = Event { flags: flag::AGAIN, ..whole };
        assert_eq!(asked.map(|(by, value)| share(by, value, &again)), [0.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    }
}
