//! Which deployment an incident belongs to, and which deployments failed.
//!
//! Incident to deployment, in order: a cause named by either side, without bound in time; the deployment that a rollback,
//! revert or hotfix undid while the incident was open; the latest production success of one of the incident's services
//! within the link window. Never across services, never unbounded. The rest stays unlinked, and visible.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    DeployClass, IncidentLink, Rules,
    attribute::services_of,
    classify::{Remedy, is_hotfix},
    course::{Course, seconds},
    partition::{Entry, Names, Partition, unit},
    ship::{Item, Shipped},
};
use crate::domain::{
    Time,
    record::{Change, Deployment, Incident, Record},
};

/// What linking needs to look at.
pub(super) struct Linker<'p, 'a> {
    pub partition: &'p Partition<'a>,
    pub deployments: &'p Names<'a>,
    pub changes: &'p Names<'a>,
    pub incidents: &'p Names<'a>,
    pub shipped: &'p [Shipped],
    pub rules: &'p Rules,
    pub now: Time,
}

/// An incident with its course, what says it mends it, and its links (deployment index and how).
struct Case<'p> {
    incident: &'p Entry<'p, Incident>,
    course: Course,
    mended_by: Vec<usize>,
    links: Vec<(usize, &'static str)>,
}

/// The change a revert undoes, when it is known here.
struct Original(Option<usize>);

/// What is known against one deployment.
#[derive(Default)]
struct Charges<'c> {
    cases: Vec<(&'c Case<'c>, &'static str)>,
    remedies: Vec<&'c Remedy>,
}

/// Links and what is left without one, both by key; `classes` learn who failed, who is rework and when all was well.
pub(super) fn link(linker: &Linker<'_, '_>, classes: &mut [DeployClass], mut remedies: Vec<Remedy>) -> (Vec<IncidentLink>, Vec<String>) {
    remedies.extend(linker.reverts(classes));
    linker.hotfixes(classes);
    remedies.extend(linker.named_remedies(classes));
    let mut cases = linker.cases();
    let timeline = linker.timeline(classes);
    for case in &mut cases {
        case.links = linker.links_of(case, &remedies, &timeline);
    }
    for (i, charges) in linker.charges(&cases, &remedies) {
        linker.judge(i, &mut classes[i], &charges);
    }
    let mut links = Vec::new();
    let mut unlinked = Vec::new();
    for case in &cases {
        if case.links.is_empty() {
            unlinked.push(case.incident.key.clone());
        }
        for (deployment, how) in &case.links {
            let d = &linker.partition.deployments[*deployment];
            links.push(IncidentLink {
                incident: case.incident.key.clone(),
                deployment: d.key.clone(),
                how,
                lag_s: d.at.map_or(0.0, |at| seconds(at, case.course.start)),
            });
        }
    }
    (links, unlinked)
}

impl<'p> Linker<'p, '_> {
    fn deployment(&self, i: usize) -> &Entry<'_, Deployment> {
        &self.partition.deployments[i]
    }

    /// Revert-carrying deployments, and what they undid: the deployment of the same service that had carried the original.
    /// An original and its revert in one deployment undo nothing; undoing a revert fails nobody.
    fn reverts(&self, classes: &mut [DeployClass]) -> Vec<Remedy> {
        let titles = self.titles();
        let mut reverts = Vec::new();
        for s in self.shipped.iter().filter(|s| !s.first) {
            if let Item::Change(change) = s.item
                && let Some(Original(original)) = self.reverted(change, &titles)
            {
                reverts.push((s, change, original));
            }
        }
        let originals: HashSet<Item> = reverts.iter().filter_map(|r| r.2).map(Item::Change).collect();
        let mut carriers: HashMap<Item, Vec<&Shipped>> = HashMap::new();
        for s in self.shipped.iter().filter(|s| originals.contains(&s.item)) {
            carriers.entry(s.item).or_default().push(s);
        }
        let mut remedies = Vec::new();
        for (s, change, original) in reverts {
            let by = s.deployment;
            let service = unit(self.deployment(by).record);
            let carrier = original
                .and_then(|o| carriers.get(&Item::Change(o)))
                .and_then(|all| all.iter().find(|c| unit(self.deployment(c.deployment).record) == service));
            if carrier.is_some_and(|c| c.deployment == by) {
                continue;
            }
            let change = &self.partition.changes[change];
            mark_rework(&mut classes[by], &format!("carries the revert {}", change.key));
            if let Some(carrier) = carrier.filter(|c| !c.first && !original.is_some_and(|o| is_revert(self.partition.changes[o].body))) {
                remedies.push(Remedy { failed: carrier.deployment, by, how: "revert" });
            }
        }
        remedies
    }

    /// Changes by title, to find what `Revert "title"` undid when nothing names it.
    fn titles(&self) -> HashMap<&str, Vec<usize>> {
        let mut titles: HashMap<&str, Vec<usize>> = HashMap::new();
        if self.partition.changes.iter().any(|c| quoted(&c.body.title).is_some()) {
            for (i, c) in self.partition.changes.iter().enumerate().filter(|(_, c)| !c.body.title.is_empty()) {
                titles.entry(&c.body.title).or_default().push(i);
            }
        }
        titles
    }

    /// What a change undoes; `None` when it is no revert.
    fn reverted(&self, change: usize, titles: &HashMap<&str, Vec<usize>>) -> Option<Original> {
        let c = &self.partition.changes[change];
        if let Some(name) = c.body.reverts.as_deref() {
            return Some(Original(self.changes.find(&self.partition.changes, name, c.record).filter(|o| *o != change)));
        }
        let title = quoted(&c.body.title)?;
        let same = |o: &&usize| **o < change && self.partition.changes[**o].record.repo == c.record.repo;
        Some(Original(titles.get(title).and_then(|list| list.iter().rev().find(same).copied())))
    }

    /// A deployment whose changes all read as hotfixes is one.
    fn hotfixes(&self, classes: &mut [DeployClass]) {
        let mut all: BTreeMap<usize, bool> = BTreeMap::new();
        for s in self.shipped {
            let reads = match s.item {
                Item::Change(i) => {
                    let change = &self.partition.changes[i];
                    let labels = change.record.labels.iter().flat_map(|(k, v)| [k.as_str(), v.as_str()]);
                    std::iter::once(change.body.title.as_str()).chain(labels).any(|text| is_hotfix(text, self.rules))
                }
                Item::Commit(_) => false,
            };
            *all.entry(s.deployment).or_insert(true) &= reads && !s.first;
        }
        for (deployment, _) in all.into_iter().filter(|(_, hotfix)| *hotfix) {
            classes[deployment].hotfix = true;
        }
    }

    /// Rework by kind or plan, and the deployments that others name as mended.
    fn named_remedies(&self, classes: &mut [DeployClass]) -> Vec<Remedy> {
        let mut remedies = Vec::new();
        for (i, d) in self.partition.deployments.iter().enumerate().filter(|(_, d)| d.at.is_some()) {
            if classes[i].rollback {
                mark_rework(&mut classes[i], "goes back to an earlier version");
            }
            if classes[i].hotfix {
                mark_rework(&mut classes[i], "is a hotfix");
            }
            if d.body.planned == Some(false) {
                mark_rework(&mut classes[i], "was not planned");
            }
            if !d.body.remediates.is_empty() {
                mark_rework(&mut classes[i], &format!("remediates {}", d.body.remediates.join(", ")));
            }
            let named = d.body.remediates.iter().filter(|name| self.incidents.find(&self.partition.incidents, name, d.record).is_none());
            let named = named.filter_map(|name| self.deployments.find(&self.partition.deployments, name, d.record));
            remedies.extend(named.filter(|f| *f != i).map(|failed| Remedy { failed, by: i, how: "hotfix" }));
        }
        remedies
    }

    /// Incidents that count: begun, not a duplicate, not of another tier than production.
    fn cases(&self) -> Vec<Case<'p>> {
        let mut mended_by: HashMap<usize, Vec<usize>> = HashMap::new();
        for (i, d) in self.partition.deployments.iter().enumerate() {
            for incident in d.body.remediates.iter().filter_map(|name| self.incidents.find(&self.partition.incidents, name, d.record)) {
                mended_by.entry(incident).or_default().push(i);
            }
        }
        let elsewhere =
            |r: &Record| r.env_tier.as_deref().is_some_and(|t| !self.rules.production.iter().any(|p| p.eq_ignore_ascii_case(t)));
        self.partition
            .incidents
            .iter()
            .enumerate()
            .filter(|(_, i)| i.body.duplicate_of.is_none() && !elsewhere(i.record))
            .filter_map(|(i, incident)| {
                let mended_by = mended_by.remove(&i).unwrap_or_default();
                Some(Case { incident, course: Course::of(incident.record, incident.body)?, mended_by, links: Vec::new() })
            })
            .filter(|case| case.course.start <= self.now)
            .collect()
    }

    /// Counted production successes by service, in order of time: what may be linked by time.
    fn timeline(&self, classes: &[DeployClass]) -> HashMap<&str, Vec<usize>> {
        let mut out: HashMap<&str, Vec<usize>> = HashMap::new();
        for (i, d) in self.partition.deployments.iter().enumerate().filter(|(i, _)| classes[*i].counted) {
            out.entry(unit(d.record)).or_default().push(i);
        }
        out
    }

    fn links_of(&self, case: &Case<'_>, remedies: &[Remedy], timeline: &HashMap<&str, Vec<usize>>) -> Vec<(usize, &'static str)> {
        let named = self.named_causes(case, remedies);
        if !named.is_empty() || !case.incident.body.caused_by.is_empty() {
            // a cause that is named but not known here is still not somebody else's
            return named.into_iter().map(|d| (d, "explicit")).collect();
        }
        if let Some(link) = self.undone_while_open(case, remedies) {
            return vec![link];
        }
        let elsewhere = matches!(case.incident.body.cause_category.as_deref(), Some("capacity" | "dependency" | "external" | "security"));
        if elsewhere { Vec::new() } else { self.latest_before(case, timeline).map(|d| (d, "time_window")).into_iter().collect() }
    }

    /// Deployments named as the cause: directly, through a change they shipped, or by a remedy that names both.
    fn named_causes(&self, case: &Case<'_>, remedies: &[Remedy]) -> Vec<usize> {
        let record = case.incident.record;
        let services = places(record);
        let mut found = Vec::new();
        for name in &case.incident.body.caused_by {
            if let Some(d) = self.deployments.find(&self.partition.deployments, name, record) {
                found.push(d);
            } else if let Some(change) = self.changes.find(&self.partition.changes, name, record) {
                let carriers: Vec<&Shipped> = self.shipped.iter().filter(|s| s.item == Item::Change(change)).collect();
                let own = carriers.iter().find(|s| services.contains(unit(self.deployment(s.deployment).record)));
                found.extend(own.or(carriers.first()).map(|s| s.deployment));
            }
        }
        for remedy in remedies.iter().filter(|r| r.how == "hotfix" && case.mended_by.contains(&r.by)) {
            found.push(remedy.failed);
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The latest deployment of the incident's services that was undone while the incident lasted.
    fn undone_while_open(&self, case: &Case<'_>, remedies: &[Remedy]) -> Option<(usize, &'static str)> {
        let services = places(case.incident.record);
        let fits = |r: &&Remedy| {
            let (failed, by) = (self.deployment(r.failed), self.deployment(r.by));
            let (Some(failed_at), Some(mended_at)) = (failed.at, by.at) else { return false };
            services.contains(unit(failed.record))
                && (case.mended_by.contains(&r.by)
                    || (failed_at <= case.course.start
                        && case.course.start <= mended_at
                        && case.course.end().is_none_or(|end| end >= by.body.started_at.unwrap_or(mended_at).min(mended_at))))
        };
        remedies.iter().filter(fits).max_by_key(|r| (self.deployment(r.failed).at, r.failed)).map(|r| (r.failed, r.how))
    }

    fn latest_before(&self, case: &Case<'_>, timeline: &HashMap<&str, Vec<usize>>) -> Option<usize> {
        places(case.incident.record)
            .into_iter()
            .filter_map(|service| {
                let list = timeline.get(service)?;
                let after = list.partition_point(|d| self.deployment(*d).at.is_some_and(|at| at <= case.course.start));
                let latest = *list[..after].last()?;
                let lag = seconds(self.deployment(latest).at?, case.course.start);
                (lag <= self.rules.link_window_s).then_some(latest)
            })
            .max()
    }

    /// Everything against every deployment that has something against it.
    fn charges<'c>(&self, cases: &'c [Case<'c>], remedies: &'c [Remedy]) -> BTreeMap<usize, Charges<'c>> {
        let mut out: BTreeMap<usize, Charges<'_>> = BTreeMap::new();
        for case in cases {
            for (deployment, how) in &case.links {
                out.entry(*deployment).or_default().cases.push((case, how));
            }
        }
        for remedy in remedies {
            out.entry(remedy.failed).or_default().remedies.push(remedy);
        }
        for (i, _) in self.partition.deployments.iter().enumerate().filter(|(_, d)| d.body.prod_impact == Some(true)) {
            out.entry(i).or_default();
        }
        out
    }

    /// A deployment with charges failed when it reached production: why, and when was all well again?
    fn judge(&self, i: usize, class: &mut DeployClass, charges: &Charges<'_>) {
        let d = self.deployment(i);
        if !class.production || d.at.is_none() {
            return;
        }
        class.failed = true;
        for (case, how) in &charges.cases {
            class.reasons.push(format!("failed: incident {} ({how})", case.incident.key));
        }
        for remedy in &charges.remedies {
            class.reasons.push(format!("failed: undone by {} ({})", self.deployment(remedy.by).key, remedy.how));
        }
        if d.body.prod_impact == Some(true) {
            class.reasons.push("failed: the source says production was harmed".into());
        }
        let impact = charges.cases.iter().map(|(case, _)| case.course.start).min();
        class.recovery_from = if self.rules.recovery_from_impact { impact.or(d.at) } else { d.at };
        let mended = charges.remedies.iter().filter_map(|r| self.deployment(r.by).at).max();
        class.recovered_at = if charges.cases.is_empty() {
            mended
        } else {
            let ends: Option<Vec<Time>> = charges.cases.iter().map(|(case, _)| self.end_of(case, mended)).collect();
            ends.and_then(|ends| ends.into_iter().max())
        };
    }

    /// Mitigated, else resolved, else the finish of the remediating deployment.
    fn end_of(&self, case: &Case<'_>, mended: Option<Time>) -> Option<Time> {
        let named = || case.mended_by.iter().filter_map(|i| self.deployment(*i).at).max();
        case.course.end().filter(|end| *end <= self.now).or_else(named).or(mended)
    }
}

/// Where an incident happened: its services; without any, its repository.
fn places(record: &Record) -> HashSet<&str> {
    let mut places: HashSet<&str> = services_of(record).into_iter().collect();
    if places.is_empty() {
        places.extend(record.repo.as_deref().filter(|r| !r.is_empty()));
    }
    places
}

fn mark_rework(class: &mut DeployClass, why: &str) {
    class.rework = true;
    class.reasons.push(format!("rework: {why}"));
}

fn is_revert(change: &Change) -> bool {
    change.reverts.is_some() || quoted(&change.title).is_some()
}

/// The title inside `Revert "title"`.
fn quoted(title: &str) -> Option<&str> {
    title.strip_prefix("Revert \"").and_then(|rest| rest.strip_suffix('"'))
}
