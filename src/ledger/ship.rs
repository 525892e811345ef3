//! Which deployment shipped which change, and how long the change took.
//!
//! In order: the change ids the deployment names; the commits its commit reaches and no earlier success of the same
//! service did; else nothing. A failed deployment ships nothing: what it named ships with the next success. The first
//! observed deployment of a service has no predecessor, so what it reaches is counted but has no lead time. Within one
//! service a change ships once.

use std::collections::{BTreeMap, HashMap, HashSet};

use globset::{Glob, GlobSetBuilder};

use super::{
    DeployClass, Shipment,
    course::seconds,
    graph::{Graph, Node},
    partition::{Entry, Names, Partition, unit},
};
use crate::domain::{
    Time,
    record::{Change, ChangeState, DeployStatus, Deployment, Record},
    team::Roster,
};

/// What ships: a change, or a commit that belongs to none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Item {
    /// Index of the change.
    Change(usize),
    /// Index of the commit record.
    Commit(usize),
}

/// One item reaching production.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shipped {
    /// Index of the deployment.
    pub deployment: usize,
    pub item: Item,
    /// By the first observed deployment of the service, without being named.
    pub first: bool,
    /// Another service had shipped it before.
    pub again: bool,
}

/// Everything that shipped, in order of time, and the merged changes that did not (by index).
#[derive(Debug, Default)]
pub(super) struct Shipping {
    pub shipped: Vec<Shipped>,
    pub pending: Vec<usize>,
}

/// Per service: what its successes have reached so far.
struct Unit<'a> {
    reached: Vec<bool>,
    /// Own commits of a change reached so far.
    partly: HashMap<u32, u32>,
    done: HashSet<Item>,
    /// Change names of attempts that did not succeed.
    carried: Vec<(&'a str, &'a Record)>,
    succeeded: bool,
    /// Some success so far stands at a known place of the history.
    placed: bool,
    paths: Option<usize>,
}

/// Go through the production attempts in order of time.
pub(super) fn ship(partition: &Partition<'_>, graph: &Graph<'_>, names: &Names<'_>, classes: &[DeployClass], roster: &Roster) -> Shipping {
    let paths = ServicePaths::new(partition, graph, roster);
    let versions = versions(partition);
    let mut units: BTreeMap<&str, Unit<'_>> = BTreeMap::new();
    let mut out = Shipping::default();
    for (i, d) in partition.deployments.iter().enumerate().filter(|(i, d)| classes[*i].production && d.at.is_some()) {
        let name = unit(d.record);
        let unit = units.entry(name).or_insert_with(|| Unit::new(graph, paths.of_service(name)));
        match d.body.status {
            DeployStatus::Success => {}
            DeployStatus::Failure | DeployStatus::Cancelled => {
                unit.carried.extend(d.body.change_ids.iter().map(|id| (id.as_str(), d.record)));
                continue;
            }
            _ => continue,
        }
        let ships = |item, first| Shipped { deployment: i, item, first, again: false };
        let (explicit, own_names) = unit.named(d, &classes[i], partition, names);
        let (reached, first) = unit.reach(d, partition, graph, &versions);
        let mut items: Vec<(Item, bool)> = explicit.into_iter().map(|item| (item, false)).collect();
        if !own_names {
            items.extend(reached.into_iter().filter(|item| paths.touch(*item, unit.paths)).map(|item| (item, first)));
        }
        for (item, first) in items {
            if unit.done.insert(item) {
                out.shipped.push(ships(item, first));
            }
        }
    }
    mark_repeats(&mut out.shipped);
    out.pending = pending(partition, graph, &units, &paths, &out.shipped);
    out
}

impl<'a> Unit<'a> {
    fn new(graph: &Graph<'_>, paths: Option<usize>) -> Self {
        Self {
            reached: vec![false; graph.len()],
            partly: HashMap::new(),
            done: HashSet::new(),
            carried: Vec::new(),
            succeeded: false,
            placed: false,
            paths,
        }
    }

    /// Changes the deployment names, with those that attempts since the last success named, and whether any of its own
    /// names is known. Going back to an old version takes nothing of earlier attempts along.
    fn named(
        &mut self,
        d: &'a Entry<'a, Deployment>,
        class: &DeployClass,
        partition: &Partition<'_>,
        names: &Names<'_>,
    ) -> (Vec<Item>, bool) {
        let find = |id: &str, from: &Record| names.find(&partition.changes, id, from).map(Item::Change);
        let mut items: Vec<Item> = d.body.change_ids.iter().filter_map(|id| find(id, d.record)).collect();
        let own = !items.is_empty();
        if !class.rollback && !class.redeploy {
            items.extend(self.carried.drain(..).filter_map(|(id, from)| find(id, from)));
        }
        items.sort_unstable();
        items.dedup();
        (items, own)
    }

    /// What this success reaches and none before did; and whether it is the first that can be placed.
    fn reach(
        &mut self,
        d: &Entry<'_, Deployment>,
        partition: &Partition<'_>,
        graph: &Graph<'_>,
        versions: &HashMap<(&str, &str), &str>,
    ) -> (Vec<Item>, bool) {
        let before = d.body.prev_sha.as_deref().and_then(|sha| graph.node(sha)).filter(|n| graph.placed(*n));
        if let Some(before) = before.filter(|_| !self.succeeded) {
            // the source knows what ran before the first deployment we see
            graph.reach(before, &mut self.reached);
            self.placed = true;
        }
        let succeeded = std::mem::replace(&mut self.succeeded, true) || self.placed;
        let Some(node) = node_of(d, graph, versions) else { return (Vec::new(), false) };
        let placed = self.placed;
        self.placed |= graph.placed(node);
        // Without a place of what ran before, a commit with history would swallow all of it.
        let first = !succeeded || (!placed && graph.record[node as usize].is_some());
        let nodes = graph.reach(node, &mut self.reached);
        (self.items(nodes, partition, graph), first)
    }

    /// Changes completed by these commits, and commits that belong to no change. Bare merges bring nothing of their own.
    fn items(&mut self, nodes: Vec<Node>, partition: &Partition<'_>, graph: &Graph<'_>) -> Vec<Item> {
        let mut items = Vec::new();
        for node in nodes {
            let changes = &graph.changes[node as usize];
            for (change, whole) in changes {
                let own = graph.own[*change as usize];
                let complete = *whole || own <= 1 || {
                    let part = self.partly.entry(*change).or_default();
                    *part += 1;
                    *part >= own
                };
                if complete {
                    items.push(Item::Change(*change as usize));
                }
            }
            if let (true, Some(commit), false) = (changes.is_empty(), graph.record[node as usize], graph.is_merge(node))
                && partition.commits[commit as usize].at.is_some()
            {
                items.push(Item::Commit(commit as usize));
            }
        }
        items.sort_unstable();
        items.dedup();
        items
    }
}

/// Commit of a version that some deployment of the repository names with its commit.
fn versions<'a>(partition: &Partition<'a>) -> HashMap<(&'a str, &'a str), &'a str> {
    let mut out = HashMap::new();
    for d in &partition.deployments {
        if let (Some(version), Some(sha)) = (d.body.version.as_deref(), d.body.sha.as_deref()) {
            out.insert((d.record.repo.as_deref().unwrap_or_default(), version), sha);
        }
    }
    out
}

/// The deployed commit: as said, else that of the version, else a version or ref that is itself a commit.
fn node_of(d: &Entry<'_, Deployment>, graph: &Graph<'_>, versions: &HashMap<(&str, &str), &str>) -> Option<Node> {
    if let Some(sha) = d.body.sha.as_deref().filter(|s| !s.is_empty()) {
        return graph.node(sha);
    }
    let repo = d.record.repo.as_deref().unwrap_or_default();
    let said = [d.body.version.as_deref(), d.body.reference.as_deref()];
    said.into_iter().flatten().find_map(|name| versions.get(&(repo, name)).and_then(|sha| graph.node(sha)).or_else(|| graph.node(name)))
}

/// Of several services that ship the same item the first counts for the whole; what has a lead time comes before what
/// has none.
fn mark_repeats(shipped: &mut [Shipped]) {
    let mut counted: HashSet<Item> = HashSet::new();
    for s in shipped.iter_mut().filter(|s| !s.first) {
        s.again = !counted.insert(s.item);
    }
    for s in shipped.iter_mut().filter(|s| s.first) {
        s.again = !counted.insert(s.item);
    }
}

/// Merged, and no production success contains it. In a shared repository a change waits for the services it touches.
fn pending(
    partition: &Partition<'_>,
    graph: &Graph<'_>,
    units: &BTreeMap<&str, Unit<'_>>,
    paths: &ServicePaths,
    shipped: &[Shipped],
) -> Vec<usize> {
    let done: HashSet<Item> = shipped.iter().map(|s| s.item).collect();
    let mut out = Vec::new();
    for (i, change) in partition.changes.iter().enumerate() {
        let merged = change.at.is_some() && !matches!(change.body.state, Some(ChangeState::Open | ChangeState::Closed));
        if !merged || done.contains(&Item::Change(i)) {
            continue;
        }
        let node = change.body.merge_sha.as_deref().and_then(|sha| graph.node(sha));
        let touched = paths.services_of(Item::Change(i));
        let contained = node.is_some_and(|node| {
            units.values().any(|u| u.reached[node as usize] && (touched.is_empty() || u.paths.is_none_or(|p| touched.contains(&p))))
        });
        if !contained {
            out.push(i);
        }
    }
    out
}

/// Which services' paths each item touches; looked up once, because every service's deployments ask again.
struct ServicePaths {
    names: Vec<String>,
    /// By change and by commit: services (positions in `names`), or `None` where nobody knows the paths.
    changes: Vec<Option<Vec<usize>>>,
    commits: Vec<Option<Vec<usize>>>,
}

impl ServicePaths {
    fn new(partition: &Partition<'_>, graph: &Graph<'_>, roster: &Roster) -> Self {
        let (mut names, mut service_of, mut globs) = (Vec::new(), Vec::new(), GlobSetBuilder::new());
        let deployed: HashSet<&str> = partition.deployments.iter().filter_map(|d| d.record.service.as_deref()).collect();
        for (name, service) in roster.services.iter().filter(|(name, s)| !s.paths.is_empty() && deployed.contains(name.as_str())) {
            for path in &service.paths {
                let path = path.trim_matches('/');
                for glob in [path.to_owned(), format!("{path}/**")] {
                    if let Ok(glob) = Glob::new(&glob) {
                        globs.add(glob);
                        service_of.push(names.len());
                    }
                }
            }
            names.push(name.clone());
        }
        if names.is_empty() {
            return Self { names, changes: Vec::new(), commits: Vec::new() };
        }
        let globs = globs.build().unwrap_or_default();
        let mut known: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut touched = |item: Item| {
            let paths = paths_of(item, partition, graph);
            let mut services: Vec<usize> = Vec::new();
            for path in &paths {
                services
                    .extend(known.entry(path).or_insert_with(|| globs.matches(path).into_iter().map(|g| service_of[g]).collect()).iter());
            }
            services.sort_unstable();
            services.dedup();
            (!paths.is_empty()).then_some(services)
        };
        let changes = (0..partition.changes.len()).map(|i| touched(Item::Change(i))).collect();
        let commits = (0..partition.commits.len()).map(|i| touched(Item::Commit(i))).collect();
        Self { names, changes, commits }
    }

    fn of_service(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|n| n == name)
    }

    fn known(&self, item: Item) -> Option<&[usize]> {
        match item {
            Item::Change(i) => self.changes.get(i)?.as_deref(),
            Item::Commit(i) => self.commits.get(i)?.as_deref(),
        }
    }

    /// Does the item touch the service's paths? Yes when the service has none, or nobody knows the item's paths.
    fn touch(&self, item: Item, service: Option<usize>) -> bool {
        let Some(service) = service else { return true };
        self.known(item).is_none_or(|services| services.binary_search(&service).is_ok())
    }

    fn services_of(&self, item: Item) -> &[usize] {
        self.known(item).unwrap_or_default()
    }
}

/// The paths of a change, else of its commits.
fn paths_of<'p>(item: Item, partition: &'p Partition<'_>, graph: &Graph<'_>) -> Vec<&'p str> {
    let of_commit = |i: usize| partition.commits[i].body.paths.iter().map(String::as_str);
    match item {
        Item::Commit(i) => of_commit(i).collect(),
        Item::Change(i) => {
            let change = partition.changes[i].body;
            if !change.paths.is_empty() {
                return change.paths.iter().map(String::as_str).collect();
            }
            let shas = change.merge_sha.iter().chain(change.commits.iter().map(|c| &c.sha));
            shas.filter_map(|sha| graph.record[graph.node(sha)? as usize]).flat_map(|i| of_commit(i as usize)).collect()
        }
    }
}

/// The shipments as the ledger reports them.
pub(super) fn shipments(partition: &Partition<'_>, graph: &Graph<'_>, shipping: &Shipping) -> Vec<Shipment> {
    shipping.shipped.iter().filter_map(|s| shipment(s, partition, graph)).collect()
}

/// What each deployment brought: keys of changes, sorted. A deployment ships a change once.
pub(super) fn by_deployment(shipments: &[Shipment]) -> BTreeMap<String, Vec<String>> {
    let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for s in shipments {
        out.entry(s.deployment.clone()).or_default().push(s.change.clone());
    }
    for changes in out.values_mut() {
        changes.sort();
    }
    out
}

fn shipment(s: &Shipped, partition: &Partition<'_>, graph: &Graph<'_>) -> Option<Shipment> {
    let d = &partition.deployments[s.deployment];
    let at = d.at?;
    let (key, bot, times) = match s.item {
        Item::Change(i) => {
            let c = &partition.changes[i];
            (&c.key, c.body.author_is_bot, of_change(c.body, partition, graph))
        }
        Item::Commit(i) => {
            let c = &partition.commits[i];
            (&c.key, c.body.author_is_bot, Times::of_commit(c.body.authored_at.or(c.body.committed_at)))
        }
    };
    let total = times.start.map(|start| seconds(start, at));
    let left_out = match total {
        _ if s.first => Some("first_deployment"),
        None => Some("no_start"),
        Some(total) if total < 0.0 => Some("negative"),
        Some(_) => None,
    };
    let lead_time_s = total.filter(|_| left_out.is_none());
    let mut commits_s: Vec<f64> = times.commits.iter().map(|t| seconds(*t, at)).filter(|s| *s >= 0.0).collect();
    if commits_s.is_empty() {
        commits_s.extend(lead_time_s);
    }
    Some(Shipment {
        deployment: d.key.clone(),
        change: key.clone(),
        at,
        service: d.record.service.clone(),
        lead_time_s,
        stages_s: if lead_time_s.is_some() { times.stages(at) } else { [0.0; 5] },
        commits_s: if lead_time_s.is_some() { commits_s } else { Vec::new() },
        unreviewed: times.opened.is_some() && times.first_review.is_none() && times.approved.is_none(),
        bot,
        left_out,
        anomaly: lead_time_s.and_then(|_| times.anomaly(at)),
        again: s.again,
    })
}

/// The instants a change's lead time is cut at.
#[derive(Debug, Default)]
struct Times {
    start: Option<Time>,
    opened: Option<Time>,
    first_review: Option<Time>,
    approved: Option<Time>,
    merged: Option<Time>,
    commits: Vec<Time>,
}

/// Start = first authored commit or opening, whichever was first.
fn of_change(change: &Change, partition: &Partition<'_>, graph: &Graph<'_>) -> Times {
    let recorded = |sha: &str| {
        let commit = graph.record[graph.node(sha)? as usize].map(|i| partition.commits[i as usize].body)?;
        commit.authored_at.or(commit.committed_at)
    };
    let mut commits: Vec<Time> = change
        .commits
        .iter()
        .filter(|c| !c.is_merge)
        .filter_map(|c| c.authored_at.or_else(|| recorded(&c.sha)).or(c.committed_at))
        .collect();
    if commits.is_empty() {
        // nothing is known of its own commits: the merge commit is the nearest there is
        commits.extend(change.merge_sha.as_deref().filter(|_| change.opened_at.is_none()).and_then(recorded));
    }
    Times {
        start: commits.iter().copied().chain(change.opened_at).min(),
        opened: change.opened_at,
        first_review: change.first_review_at,
        approved: change.approved_at,
        merged: change.merged_at,
        commits,
    }
}

impl Times {
    fn of_commit(start: Option<Time>) -> Self {
        Self { start, commits: start.into_iter().collect(), ..Self::default() }
    }

    /// Contiguous stages: a missing boundary makes a stage of no length, and none begins before the one before it ends.
    fn stages(&self, at: Time) -> [f64; 5] {
        let start = self.start.unwrap_or(at);
        let mut edge = start;
        let mut stages = [0.0; 5];
        for (stage, boundary) in stages.iter_mut().zip([self.opened, self.first_review, self.approved, self.merged, Some(at)]) {
            let next = boundary.unwrap_or(edge).clamp(edge, at.max(edge));
            *stage = seconds(edge, next);
            edge = next;
        }
        stages
    }

    /// Boundaries in an order that cannot be: the lead time stands, the stages were bent.
    fn anomaly(&self, at: Time) -> Option<&'static str> {
        if self.merged.is_some_and(|merged| merged > at) {
            return Some("deployed_before_merge");
        }
        let known: Vec<Time> = [self.opened, self.first_review, self.approved, self.merged].into_iter().flatten().collect();
        (!known.is_sorted()).then_some("negative_stage")
    }
}
