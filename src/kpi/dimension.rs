//! Dimensions by name: which there are in a set of facts, and what value of one a fact has.
//!
//! `service` and `weekday` (in the zone of the calendar) are read off the fact itself, everything else off its dimensions,
//! labels or tags. `team` is no dimension here: a fact can be several teams', with shares; see `kpi::scope`.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc};

use chrono::Datelike;

use super::{
    fact::{Bucket, Cost, EventRef, Facts},
    scope::project,
};
use crate::domain::{Time, record::Record, window::Tz};

/// An event's value of a dimension; `None` when it has none.
#[must_use]
pub fn of_event<'a>(event: EventRef<'a>, name: &str, zone: Tz) -> Option<Cow<'a, str>> {
    match name {
        "service" => filled(event.service()),
        "weekday" => Some(weekday(event.at(), zone).into()),
        _ => event.dims().iter().find(|(n, _)| &**n == name).map(|(_, value)| Cow::from(&**value)),
    }
}

/// A live bucket's value of a dimension: the weekday it begins on, else a label.
#[must_use]
pub fn of_bucket<'a>(bucket: &'a Bucket, name: &str, zone: Tz) -> Option<Cow<'a, str>> {
    match name {
        "service" => filled(&bucket.service),
        "weekday" => Some(weekday(bucket.span.from, zone).into()),
        _ => bucket.labels.get(name).map(Cow::from),
    }
}

/// A cost's value of a dimension: what the bill says, else a tag (the region is one).
#[must_use]
pub fn of_cost<'a>(cost: &'a Cost, name: &str, zone: Tz) -> Option<Cow<'a, str>> {
    match name {
        "service" => filled(&cost.service),
        "provider" => filled(&cost.provider),
        "category" => filled(&cost.category),
        "weekday" => Some(weekday(cost.span.from, zone).into()),
        _ => cost.tags.get(name).map(Cow::from),
    }
}

/// A small record's value of a dimension: its project or repository, else a label.
#[must_use]
pub fn of_record<'a>(record: &'a Record, name: &str, zone: Tz) -> Option<Cow<'a, str>> {
    match name {
        "service" => record.service.as_deref().map(Cow::from),
        "project" => project(record).map(Cow::from),
        "repo" => record.repo.as_deref().map(Cow::from),
        "weekday" => record.event_time().map(|at| weekday(at, zone).into()),
        _ => record.labels.get(name).map(Cow::from),
    }
}

/// Names of the dimensions that occur, in order. Where there is anything, there is a weekday.
#[must_use]
pub fn names(facts: &Facts) -> BTreeSet<Arc<str>> {
    let mut found: BTreeSet<&str> = BTreeSet::new();
    let mut any = !(facts.buckets.is_empty() && facts.costs.is_empty() && facts.records.is_empty());
    for (_, track) in facts.events.all() {
        any = true;
        found.extend(["service"].iter().filter(|_| !track.service.is_empty()));
        found.extend(track.sets().iter().flat_map(|set| set.iter()).map(|(name, _)| &**name));
    }
    for bucket in &facts.buckets {
        found.extend(["service"].iter().filter(|_| !bucket.service.is_empty()));
        found.extend(bucket.labels.keys().map(String::as_str));
    }
    for cost in &facts.costs {
        let own = [("service", &cost.service), ("provider", &cost.provider), ("category", &cost.category)];
        found.extend(own.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, _)| name));
        found.extend(cost.tags.keys().map(String::as_str));
    }
    for record in &facts.records {
        let own = [("service", record.service.is_some()), ("project", project(record).is_some()), ("repo", record.repo.is_some())];
        found.extend(own.into_iter().filter(|(_, has)| *has).map(|(name, _)| name));
        found.extend(record.labels.keys().map(String::as_str));
    }
    found.remove("team");
    if any {
        found.insert("weekday");
    }
    found.into_iter().map(Arc::from).collect()
}

/// `Mon` to `Sun` in a zone.
#[must_use]
pub fn weekday(at: Time, zone: Tz) -> &'static str {
    ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][at.with_timezone(&zone).weekday().num_days_from_monday() as usize]
}

fn filled(text: &str) -> Option<Cow<'_, str>> {
    (!text.is_empty()).then_some(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::window::from_millis,
        kpi::fact::{Event, Measure, Values},
    };

    fn event(at_ms: i64, service: &str, dims: &[(&str, &str)]) -> Event {
        Event {
            at: from_millis(at_ms),
            service: service.into(),
            teams: Arc::default(),
            flags: 0,
            group: 0,
            key: "".into(),
            values: Values::default(),
            dims: dims.iter().map(|(n, v)| (Arc::from(*n), Arc::from(*v))).collect(),
        }
    }

    fn facts(events: impl IntoIterator<Item = Event>) -> Facts {
        let mut facts = Facts::default();
        facts.events.extend(Measure::Deployment, events);
        facts
    }

    fn value(event: Event, name: &str, zone: Tz) -> Option<String> {
        let facts = facts([event]);
        facts.of(Measure::Deployment).next().and_then(|e| of_event(e, name, zone)).map(Cow::into_owned)
    }

    #[test]
    fn the_weekday_is_the_one_of_the_zone() {
        // Sunday 1970-01-04, 23:30 UTC, is Monday in Berlin.
        let event = event(3 * 86_400_000 + 23 * 3_600_000 + 1_800_000, "", &[]);
        assert_eq!(value(event.clone(), "weekday", Tz::UTC).as_deref(), Some("Sun"));
        assert_eq!(value(event, "weekday", Tz::Europe__Berlin).as_deref(), Some("Mon"));
    }

    #[test]
    fn a_dimension_is_read_off_the_fact_or_its_list() {
        let of = |name| value(event(0, "pay", &[("region", "eu"), ("size", "XS")]), name, Tz::UTC);
        assert_eq!([of("service"), of("region"), of("size"), of("team")], [Some("pay".into()), Some("eu".into()), Some("XS".into()), None]);
    }

    #[test]
    fn the_names_are_those_that_occur() {
        assert!(names(&Facts::default()).is_empty());
        let facts = facts([event(0, "", &[("size", "S")]), event(1, "pay", &[("region", "eu")])]);
        assert_eq!(names(&facts).iter().map(|n| &**n).collect::<Vec<_>>(), ["region", "service", "size", "weekday"]);
    }
}
