//! Whose figures of people are withheld for the sake of others: a group of fewer than five is no secret while its total and
//! all its siblings are shown. Where one group alone is hidden, the next smallest is hidden with it.
//!
//! ```text
//! total 40 = a 20 + b 10 + c 7 + d 3      d is withheld for itself, c for d
//! ```
//! Teams are parts of their parent, whose own people (those of none of its teams) are never shown apart; top teams and
//! services are parts of the organisation. A withheld parent must not be the sum of what is shown either.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::LEAST_PEOPLE;
use crate::{
    domain::{
        Time,
        record::{Body, Record},
        team::{Roster, UNATTRIBUTED},
    },
    kpi::{
        Query,
        scope::{self, By},
    },
};

/// Who is withheld for others, over time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Suppressed {
    teams: Course,
    services: Course,
}

/// From each instant on, until the next.
type Course = Vec<(Option<Time>, BTreeSet<String>)>;

/// Groups of one kind and which is part of which; what is part of no other is the organisation's.
struct Tree<'a> {
    parts: BTreeMap<Option<&'a str>, Vec<&'a str>>,
    /// Each group and all below it.
    families: BTreeMap<&'a str, Vec<&'a str>>,
}

impl Suppressed {
    /// From all head counts of the organisation.
    #[must_use]
    pub fn of(records: &[Arc<Record>], roster: &Roster) -> Self {
        Self {
            teams: course(records, roster, |r| Some(scope::owner(r, roster).unwrap_or(UNATTRIBUTED))),
            services: course(records, &Roster::default(), |r| r.service.as_deref()),
        }
    }

    /// Is a query's scope withheld at any time from an instant to the end of what the query knows?
    #[must_use]
    pub fn concerns(query: &Query<'_>, since: Time) -> bool {
        let by = By::of(query.scope);
        if !matches!(by, By::Team(_) | By::Service(_)) {
            return false;
        }
        let known = query.facts.suppressed.clone();
        let suppressed = known.unwrap_or_else(|| Arc::new(Self::of(&query.facts.records, query.roster)));
        let (course, name) = match by {
            By::Team(team) => (&suppressed.teams, team),
            By::Service(service) => (&suppressed.services, service),
            By::Org | By::Group(..) => return false,
        };
        let until = query.window.to.min(query.settings.as_of);
        let first = course.partition_point(|(at, _)| at.is_none_or(|t| t <= since)).saturating_sub(1);
        course[first..].iter().take_while(|(at, _)| at.is_none_or(|t| t <= until)).any(|(_, withheld)| withheld.contains(name))
    }
}

fn course<'a>(records: &'a [Arc<Record>], roster: &'a Roster, group: impl Fn(&'a Record) -> Option<&'a str>) -> Course {
    let mut counts: Vec<_> = records
        .iter()
        .filter_map(|r| match &r.body {
            Body::People(p) if !r.deleted => {
                let n = p.headcount.filter(|n| n.is_finite() && *n >= 0.0)?;
                Some((r.event_time(), super::people::counted_together(p, r), group(r), n))
            }
            _ => None,
        })
        .collect();
    if counts.is_empty() {
        return Course::new();
    }
    counts.sort_by_key(|(at, ..)| *at);
    let tree = Tree::of(roster, counts.iter().filter_map(|(_, _, group, _)| *group));
    let mut last = BTreeMap::new();
    let mut own: BTreeMap<Option<&str>, f64> = BTreeMap::new();
    let mut out = Course::new();
    for (i, (at, together, group, n)) in counts.iter().enumerate() {
        if let Some((was, count)) = last.insert(*together, (*group, *n)) {
            *own.entry(was).or_default() -= count;
        }
        *own.entry(*group).or_default() += n;
        if counts.get(i + 1).is_some_and(|(next, ..)| next == at) {
            continue;
        }
        let withheld = tree.withheld(&own);
        if out.last().is_none_or(|(_, before)| *before != withheld) {
            out.push((*at, withheld));
        }
    }
    out
}

impl<'a> Tree<'a> {
    fn of(roster: &'a Roster, counted: impl Iterator<Item = &'a str>) -> Self {
        let names: BTreeSet<&str> = roster.teams.iter().map(|t| t.name.as_str()).chain(counted).collect();
        let parent = |name: &str| roster.teams.iter().find(|t| t.name == name).and_then(|t| t.parent.as_deref());
        let mut parts: BTreeMap<Option<&str>, Vec<&str>> = BTreeMap::new();
        for name in &names {
            parts.entry(parent(name).filter(|p| names.contains(p))).or_default().push(name);
        }
        Self { parts, families: names.into_iter().map(|name| (name, roster.family(name))).collect() }
    }

    /// `own`: people of each group that are of none of its parts.
    fn withheld(&self, own: &BTreeMap<Option<&str>, f64>) -> BTreeSet<String> {
        let own_of = |name: Option<&str>| own.get(&name).copied().unwrap_or(0.0);
        let size = |name: &str| self.families.get(name).map_or(0.0, |family| family.iter().map(|f| own_of(Some(f))).sum::<f64>());
        let is_small = |n: f64| n > 0.0 && n < LEAST_PEOPLE;
        let mut out = BTreeSet::new();
        let mut todo = vec![None];
        while let Some(whole) = todo.pop() {
            let Some(parts) = self.parts.get(&whole) else { continue };
            let rest = own_of(whole);
            let sizes: Vec<(f64, &str)> = parts.iter().map(|name| (size(name), *name)).collect();
            let hidden = sizes.iter().filter(|(n, _)| is_small(*n)).count() + usize::from(rest > 0.0);
            let concerns_few = is_small(rest) || sizes.iter().any(|(n, _)| is_small(*n));
            let is_shown = whole.is_none_or(|name| !out.contains(name));
            if if is_shown { concerns_few && hidden == 1 } else { hidden == 0 } {
                let next = sizes.iter().filter(|(n, _)| *n >= LEAST_PEOPLE).min_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(b.1)));
                out.extend(next.map(|(_, name)| (*name).to_owned()));
            }
            todo.extend(parts.iter().copied().map(Some));
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::team::Team;

    fn roster(teams: &[(&str, Option<&str>)]) -> Roster {
        let team = |(name, parent): &(&str, Option<&str>)| Team { name: (*name).into(), parent: parent.map(str::to_owned) };
        Roster { teams: teams.iter().map(team).collect(), ..Roster::default() }
    }

    fn withheld(roster: &Roster, own: &[(&str, f64)]) -> Vec<String> {
        let own: BTreeMap<Option<&str>, f64> = own.iter().map(|(name, n)| (Some(*name), *n)).collect();
        Tree::of(roster, own.keys().filter_map(|k| *k)).withheld(&own).into_iter().collect()
    }

    #[test]
    fn with_one_small_group_the_next_smallest_is_withheld_and_with_two_nobody_else() {
        let none = Roster::default();
        assert_eq!(withheld(&none, &[("a", 20.0), ("b", 10.0), ("c", 7.0), ("d", 3.0)]), ["c"]);
        assert_eq!(withheld(&none, &[("a", 20.0), ("b", 10.0), ("c", 2.0), ("d", 3.0)]), [""; 0]);
        assert_eq!(withheld(&none, &[("a", 20.0), ("b", 10.0)]), [""; 0]);
        assert_eq!(withheld(&none, &[("a", 20.0), ("b", 0.0)]), [""; 0], "nobody is nothing to hide");
        assert_eq!(withheld(&none, &[("a", 7.0), ("b", 7.0), ("c", 1.0)]), ["a"]);
    }

    #[test]
    fn the_few_of_a_parent_that_are_in_none_of_its_teams_are_protected_too() {
        let roster = roster(&[("top", None), ("a", Some("top")), ("b", Some("top"))]);
        assert_eq!(withheld(&roster, &[("top", 1.0), ("a", 10.0), ("b", 8.0)]), ["b"]);
        assert_eq!(withheld(&roster, &[("top", 9.0), ("a", 10.0), ("b", 3.0)]), [""; 0], "what is the parent's own is not shown");
        assert_eq!(withheld(&roster, &[("a", 10.0), ("b", 3.0)]), ["a"]);
    }

    #[test]
    fn a_withheld_parent_is_not_the_sum_of_what_is_shown() {
        let roster = roster(&[("x", None), ("y", None), ("z", None), ("y1", Some("y")), ("y2", Some("y"))]);
        assert_eq!(withheld(&roster, &[("x", 30.0), ("z", 2.0), ("y1", 6.0), ("y2", 9.0)]), ["y", "y1"]);
    }

    /// Every total that is shown and every part that is shown, as equations over the parts: no small one has only one answer.
    fn can_be_computed(roster: &Roster, own: &[(&str, f64)]) -> Option<String> {
        let of_others = withheld(roster, own);
        let own: BTreeMap<&str, f64> = own.iter().copied().collect();
        let names: BTreeSet<&str> = roster.teams.iter().map(|t| t.name.as_str()).chain(own.keys().copied()).collect();
        let size = |name: &str| roster.family(name).iter().map(|f| own.get(f).copied().unwrap_or(0.0)).sum::<f64>();
        let mut known: BTreeSet<String> = names
            .iter()
            .filter(|n| size(n) == 0.0 || (size(n) >= LEAST_PEOPLE && !of_others.contains(&(**n).to_owned())))
            .map(|n| (*n).to_owned())
            .collect();
        known.insert(String::new());
        // Each whole is its parts and its rest (`name/`): what is the only unknown of an equation becomes known.
        let equations: Vec<Vec<String>> = names
            .iter()
            .copied()
            .chain([""])
            .map(|whole| {
                let parent = |n: &str| roster.teams.iter().find(|t| t.name == n).and_then(|t| t.parent.clone()).unwrap_or_default();
                let mut of: Vec<String> = names.iter().filter(|n| parent(n) == whole).map(|n| (*n).to_owned()).collect();
                if own.get(whole).is_some_and(|n| *n > 0.0) {
                    of.push(format!("{whole}/"));
                }
                of.push(whole.to_owned());
                of
            })
            .filter(|of| of.len() > 1)
            .collect();
        loop {
            let next = equations.iter().find_map(|of| {
                let mut unknown = of.iter().filter(|n| !known.contains(*n));
                unknown.next().filter(|_| unknown.next().is_none()).cloned()
            });
            let found = next?;
            let n = found.strip_suffix('/').map_or_else(|| size(&found), |whole| own[whole]);
            if n > 0.0 && n < LEAST_PEOPLE {
                return Some(found);
            }
            known.insert(found);
        }
    }

    proptest! {
        #[test]
        fn nobody_few_can_be_computed_from_what_is_shown(sizes in proptest::collection::vec(0u8..14, 9)) {
            let roster = roster(&[
                ("a", None), ("b", None), ("c", None),
                ("a1", Some("a")), ("a2", Some("a")), ("a3", Some("a")), ("b1", Some("b")), ("b2", Some("b")), ("a1x", Some("a1")),
            ]);
            let names = ["a", "b", "c", "a1", "a2", "a3", "b1", "b2", "a1x"];
            let own: Vec<(&str, f64)> = names.into_iter().zip(sizes.into_iter().map(f64::from)).collect();
            let found = can_be_computed(&roster, &own);
            prop_assert!(found.is_none(), "{found:?} of {own:?}, withheld for others: {:?}", withheld(&roster, &own));
        }
    }
}
