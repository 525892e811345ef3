//! How much of a fact belongs to a scope: 1, 0, or a share where several teams own it together.

use super::{
    Query,
    fact::{Bucket, Event, Owners, flag},
};
use crate::domain::{
    Time,
    record::{Body, Record},
    team::{Owned, Roster, Subject, UNATTRIBUTED},
    value::Scope,
};

/// A scope with the teams below it looked up once.
#[derive(Debug, Clone)]
pub struct Whose<'a> {
    scope: &'a Scope,
    family: Vec<&'a str>,
    roster: &'a Roster,
}

impl<'a> Whose<'a> {
    /// The scope of a query.
    #[must_use]
    pub fn of(query: &Query<'a>) -> Self {
        Self::new(query.scope, query.roster)
    }

    /// A scope and the roster that says which teams are below a team.
    #[must_use]
    pub fn new(scope: &'a Scope, roster: &'a Roster) -> Self {
        let family = if let Scope::Team(team) = scope { roster.family(team) } else { Vec::new() };
        Self { scope, family, roster }
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

    /// The share of a live bucket, 0 to 1. A group is a label of that name.
    #[must_use]
    pub fn bucket(&self, bucket: &Bucket) -> f64 {
        match self.scope {
            Scope::Org => 1.0,
            Scope::Team(_) => self.share(&bucket.teams),
            Scope::Service(service) => f64::from(u8::from(&*bucket.service == service)),
            Scope::Group(label, value) => f64::from(u8::from(bucket.labels.get(label) == Some(value))),
        }
    }

    /// The share of an event fact, 0 to 1. What another service's fact stands for already counts for its own service only.
    #[must_use]
    pub fn event(&self, event: &Event) -> f64 {
        let again = event.flags & flag::AGAIN != 0;
        match self.scope {
            Scope::Service(service) => f64::from(u8::from(&*event.service == service)),
            _ if again => 0.0,
            Scope::Org => 1.0,
            Scope::Team(_) => self.share(&event.teams),
            Scope::Group(..) => 0.0,
        }
    }

    /// Whether a record is the scope's: by its explicit team, else by who owns its service or repository.
    #[must_use]
    pub fn record(&self, record: &Record) -> bool {
        match self.scope {
            Scope::Org => true,
            Scope::Team(_) => self.is_mine(owner(record, self.roster).unwrap_or(UNATTRIBUTED)),
            Scope::Service(service) => record.service.as_deref() == Some(service) || project(record) == Some(service),
            Scope::Group(label, value) if label == "project" => project(record) == Some(value),
            Scope::Group(label, value) => record.labels.get(label) == Some(value),
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
fn project(record: &Record) -> Option<&str> {
    match &record.body {
        Body::Quality(q) => Some(&q.project),
        Body::TestRun(t) => Some(&t.suite),
        Body::UserActivity(u) => u.product.as_deref(),
        _ => None,
    }
}

/// `*` matches any run of characters, `?` one.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, n));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == name[n]) {
            p += 1;
            n += 1;
        } else if let Some((at, from)) = star {
            p = at + 1;
            n = from + 1;
            star = Some((at, from + 1));
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_as_in_file_names() {
        assert!(matches("pay-*", "pay-api") && matches("*", "x") && matches("a?c", "abc") && matches("a*b*c", "aXbbYc"));
        assert!(!matches("pay-*", "risk-pay-api") && !matches("a?c", "ac") && !matches("", "x"));
    }
}
