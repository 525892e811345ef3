//! How a deployment counts: production, redeployment, rollback, hotfix. From the deployment and those before it alone;
//! what needs shipped changes or incidents (rework, failed) is added by `link`.

use std::collections::HashMap;

use super::{
    DeployClass, Rules,
    graph::Graph,
    partition::{Entry, Names, Partition, histories},
};
use crate::domain::record::{DeployKind, DeployStatus, Deployment};

/// A deployment that undid another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Remedy {
    /// Index of the failed deployment.
    pub failed: usize,
    /// Index of the one that mended it.
    pub by: usize,
    /// `rollback`, `revert`, `hotfix`.
    pub how: &'static str,
}

/// Classes in the order of the partition's deployments, and the rollbacks' remedies.
pub(super) fn classify(partition: &Partition<'_>, graph: &Graph<'_>, names: &Names<'_>, rules: &Rules) -> (Vec<DeployClass>, Vec<Remedy>) {
    let mut classes: Vec<DeployClass> = partition.deployments.iter().map(|d| class(d, rules)).collect();
    let mut remedies = Vec::new();
    for history in histories(&partition.deployments).into_values() {
        let successes: Vec<usize> =
            history.into_iter().filter(|i| partition.deployments[*i].body.status == DeployStatus::Success).collect();
        replay(partition, graph, names, &successes, &mut classes, &mut remedies);
    }
    for class in &mut classes {
        class.counted &= class.production && !class.redeploy;
    }
    (classes, remedies)
}

/// What the deployment says of itself.
fn class(d: &Entry<'_, Deployment>, rules: &Rules) -> DeployClass {
    let kind = d.body.deploy_kind.unwrap_or(DeployKind::Normal);
    let tier = d.record.env_tier.as_deref().unwrap_or_default();
    let of_a_counted_kind = matches!(kind, DeployKind::Normal | DeployKind::Hotfix | DeployKind::Rollback | DeployKind::Config);
    let said = [d.body.reference.as_deref(), d.body.version.as_deref()];
    let labels = d.record.labels.iter().flat_map(|(k, v)| [k.as_str(), v.as_str()]);
    DeployClass {
        production: rules.production.iter().any(|p| p.eq_ignore_ascii_case(tier)),
        counted: of_a_counted_kind && d.body.status == DeployStatus::Success && d.at.is_some(),
        redeploy: kind == DeployKind::Redeploy,
        rollback: kind == DeployKind::Rollback || d.body.rolls_back.is_some(),
        hotfix: kind == DeployKind::Hotfix || said.into_iter().flatten().chain(labels).any(|text| is_hotfix(text, rules)),
        ..DeployClass::default()
    }
}

/// Does a title, branch, version or label read as a hotfix? Patterns are compared without ASCII case.
pub(super) fn is_hotfix(text: &str, rules: &Rules) -> bool {
    let holds = |pattern: &[u8]| text.as_bytes().windows(pattern.len()).any(|part| part.eq_ignore_ascii_case(pattern));
    rules.hotfix_patterns.iter().any(|p| !p.is_empty() && holds(p.as_bytes()))
}

/// Go through the successes of one service and tier in order of time.
fn replay(
    partition: &Partition<'_>,
    graph: &Graph<'_>,
    names: &Names<'_>,
    successes: &[usize],
    classes: &mut [DeployClass],
    remedies: &mut Vec<Remedy>,
) {
    let mut last_of: HashMap<&str, usize> = HashMap::new(); // commit → position in `successes`
    let mut previous: Option<&str> = None;
    for (position, &i) in successes.iter().enumerate() {
        let d = &partition.deployments[i];
        let sha = d.body.sha.as_deref().filter(|s| !s.is_empty());
        let seen = sha.and_then(|sha| last_of.get(sha).copied());
        let same = sha.is_some() && position > 0 && sha == previous;
        classes[i].redeploy |= same;
        if !same && seen.is_some() && !moves_forward(graph, sha, previous) {
            classes[i].rollback = true;
        }
        if classes[i].rollback && !same {
            let failed = d.body.rolls_back.as_deref().and_then(|name| names.find(&partition.deployments, name, d.record));
            let failed = failed.filter(|f| *f != i).or_else(|| first_after(successes, seen, position, classes));
            remedies.extend(failed.map(|failed| Remedy { failed, by: i, how: "rollback" }));
        }
        if let Some(sha) = sha {
            last_of.insert(sha, position);
        }
        previous = sha;
    }
}

/// An old commit that contains the one before it is no step back.
fn moves_forward(graph: &Graph<'_>, sha: Option<&str>, previous: Option<&str>) -> bool {
    let nodes = sha.and_then(|s| graph.node(s)).zip(previous.and_then(|s| graph.node(s)));
    nodes.is_some_and(|(node, before)| graph.descends(node, before) == Some(true))
}

/// The first version after the rollback's target; without a known target, the one just before the rollback.
fn first_after(successes: &[usize], target: Option<usize>, rollback: usize, classes: &[DeployClass]) -> Option<usize> {
    let version = |i: &&usize| !classes[**i].rollback && !classes[**i].redeploy;
    match target {
        Some(target) => successes[target + 1..rollback].iter().find(version),
        None => successes[..rollback].iter().rev().find(version),
    }
    .copied()
}
