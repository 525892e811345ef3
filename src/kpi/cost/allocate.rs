//! Whose cost is it: direct owners, shared pools, and what is left.
//!
//! Allocation conserves: the costs that come out sum to those that went in, to the last digit, per day and in all.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::super::{
    Settings,
    fact::{Cost, Shared},
    scope,
};
use super::{convert::in_reporting_currency, line::month};
use crate::{
    analysis::apportion::apportion,
    domain::{
        Decimal,
        team::{Roster, Subject, UNATTRIBUTED},
    },
};

/// Digits after the point that a split line keeps.
const FINEST: u32 = 10;

/// Name that some use for [`UNATTRIBUTED`] cost.
pub const UNALLOCATED: &str = "unallocated";

/// Give every cost a team. An owner that is named stays; else the catalog's owner of the service, else the first team
/// tag, else ownership by label. A cost of a shared pool becomes one cost per team: over each calendar month the pool is
/// split to the cent, in proportion to the teams' direct cost of that month or equally. The rest is [`UNATTRIBUTED`].
/// Doing it again changes nothing. The result is in order of time, so that a window of it is a slice.
pub fn allocate(costs: &mut Vec<Cost>, settings: &Settings, roster: &Roster) {
    if is_allocated(costs) {
        costs.sort_by_key(|c| c.span.from);
        return;
    }
    name_owners(costs, settings, roster);
    let direct = direct(costs, settings);
    let mut pools: BTreeMap<Pool, Vec<Cost>> = BTreeMap::new();
    let mut out = Vec::with_capacity(costs.len());
    for mut cost in costs.drain(..) {
        if let Some(pool) = pool(&cost, settings) {
            pools.entry(pool).or_default().push(cost);
        } else {
            cost.team.get_or_insert_with(|| Arc::from(UNATTRIBUTED));
            out.push(cost);
        }
    }
    for (pool, lines) in pools {
        let rule = &settings.allocation.shared[pool.rule];
        share_out(lines, &weights(rule, direct.get(&pool.month), roster), &mut out);
    }
    out.sort_by_key(|c| c.span.from);
    *costs = out;
}

/// Every cost has a team.
#[must_use]
pub fn is_allocated(costs: &[Cost]) -> bool {
    costs.iter().all(|c| c.team.is_some())
}

/// Lines that are split together.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Pool {
    rule: usize,
    month: String,
    currency: Arc<str>,
}

fn pool(cost: &Cost, settings: &Settings) -> Option<Pool> {
    if cost.team.is_some() {
        return None;
    }
    let rule =
        settings.allocation.shared.iter().position(|s| !s.tags.is_empty() && s.tags.iter().all(|(k, v)| tag(cost, k) == Some(fold(v))))?;
    Some(Pool { rule, month: month(cost.span.from, settings.zone), currency: Arc::clone(&cost.currency) })
}

fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

/// The folded value of a tag, found without regard to case.
fn tag(cost: &Cost, key: &str) -> Option<String> {
    let exact = cost.tags.get(key);
    exact.or_else(|| cost.tags.iter().find(|(k, _)| fold(k) == fold(key)).map(|(_, v)| v)).map(|v| fold(v)).filter(|v| !v.is_empty())
}

fn name_owners(costs: &mut [Cost], settings: &Settings, roster: &Roster) {
    let spelling = spellings(costs, settings, roster);
    let mut known: BTreeMap<Named, Option<Arc<str>>> = BTreeMap::new();
    for cost in costs.iter_mut().filter(|c| c.team.is_none()) {
        let named = (Arc::clone(&cost.service), Arc::clone(&cost.tags));
        cost.team = match known.get(&named) {
            // Ownership over time is rare for cost; where it exists the memo must not blur it.
            Some(team) if roster.owned.is_empty() => team.clone(),
            _ => {
                let team = owner(cost, settings, roster, &spelling);
                known.insert(named, team.clone());
                team
            }
        };
    }
}

/// What the owner of a cost depends on.
type Named = (Arc<str>, Arc<BTreeMap<String, String>>);

fn owner(cost: &Cost, settings: &Settings, roster: &Roster, spelling: &BTreeMap<String, String>) -> Option<Arc<str>> {
    let at = Some(cost.span.from);
    let service = Some(&*cost.service).filter(|s| !s.is_empty());
    let catalog = service.and_then(|s| roster.services.get(s)).and_then(|s| s.owner.as_deref());
    let by_tag = || {
        let value = settings.allocation.team_tag_keys.iter().find_map(|key| tag(cost, key))?;
        spelling.get(&value).map(String::as_str)
    };
    let by_label = || cost.tags.iter().find_map(|(k, v)| scope::owned(roster, Subject::Label, Some(&format!("{k}={v}")), at));
    catalog.or_else(|| scope::owned(roster, Subject::Service, service, at)).or_else(by_tag).or_else(by_label).map(Arc::from)
}

/// How a team that tags name in several spellings is written: as configured, else the spelling that sorts last, which
/// is the one with fewest capitals.
fn spellings(costs: &[Cost], settings: &Settings, roster: &Roster) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    let keys: BTreeSet<String> = settings.allocation.team_tag_keys.iter().map(|k| fold(k)).collect();
    for (_, value) in costs.iter().flat_map(|c| c.tags.iter()).filter(|(k, _)| keys.contains(&fold(k))) {
        let written = out.entry(fold(value)).or_insert_with(|| value.trim().to_owned());
        if value.trim() > written.as_str() {
            value.trim().clone_into(written);
        }
    }
    out.extend(roster.teams.iter().map(|t| (fold(&t.name), t.name.clone())));
    out
}

type ByTeam = BTreeMap<Arc<str>, Decimal>;

/// Direct cost by month and team, in the reporting currency (what has no rate weighs nothing).
fn direct(costs: &[Cost], settings: &Settings) -> BTreeMap<String, ByTeam> {
    let mut out: BTreeMap<String, ByTeam> = BTreeMap::new();
    for cost in costs.iter().filter(|c| !super::is_excluded(c, settings)) {
        if let Some(team) = cost.team.as_ref().filter(|t| !matches!(&***t, UNATTRIBUTED | UNALLOCATED)) {
            let month = month(cost.span.from, settings.zone);
            let amount = in_reporting_currency(cost.effective, &cost.currency, &month, settings).unwrap_or_default();
            *out.entry(month).or_default().entry(Arc::clone(team)).or_default() += amount;
        }
    }
    out
}

/// Who takes part in a pool and with what weight. Equal pools, and those where nothing weighs, also reach configured
/// teams without direct cost.
fn weights(rule: &Shared, direct: Option<&ByTeam>, roster: &Roster) -> ByTeam {
    let mut weights: ByTeam = direct.cloned().unwrap_or_default();
    if rule.proportional && weights.values().any(|w| *w > Decimal::ZERO) {
        weights.retain(|_, w| *w > Decimal::ZERO);
        return weights;
    }
    let is_parent = |name: &str| roster.teams.iter().any(|t| t.parent.as_deref() == Some(name));
    for team in roster.teams.iter().filter(|t| !is_parent(&t.name)) {
        weights.entry(Arc::from(team.name.as_str())).or_default();
    }
    weights.into_keys().map(|team| (team, Decimal::ONE)).collect()
}

/// Split a pool's lines over teams: each line to the last digit, and their sum per team to the cent. The last line
/// takes what rounding left.
fn share_out(mut lines: Vec<Cost>, weights: &ByTeam, out: &mut Vec<Cost>) {
    if weights.is_empty() {
        out.extend(lines.into_iter().map(|c| Cost { team: Some(Arc::from(UNATTRIBUTED)), ..c }));
        return;
    }
    lines.sort_by_key(|c| c.span.from);
    let weigh: Vec<Decimal> = weights.values().copied().collect();
    let sum: Decimal = weigh.iter().sum();
    let amounts = |of: fn(&Cost) -> Decimal| -> Vec<Vec<Decimal>> {
        let mut rest = apportion(lines.iter().map(of).sum(), &weigh);
        let mut parts = Vec::with_capacity(lines.len());
        for line in &lines[..lines.len().saturating_sub(1)] {
            let amount = of(line);
            let scale = FINEST.max(amount.scale());
            let mut mine: Vec<Decimal> = weigh.iter().map(|w| (amount * (*w / sum)).round_dp(scale)).collect();
            // The line stays whole: its last team takes what rounding left.
            let off = amount - mine.iter().sum::<Decimal>();
            if let Some(end) = mine.last_mut() {
                *end += off;
            }
            for (left, part) in rest.iter_mut().zip(&mine) {
                *left -= *part;
            }
            parts.push(mine);
        }
        parts.push(rest);
        parts
    };
    let (effective, billed) = (amounts(|c| c.effective), amounts(|c| c.billed));
    for (line, (effective, billed)) in lines.iter().zip(effective.iter().zip(&billed)) {
        for (team, (effective, billed)) in weights.keys().zip(effective.iter().zip(billed)) {
            // What was used is not shared out with the money.
            let quantity = Decimal::ZERO;
            out.push(Cost { team: Some(Arc::clone(team)), effective: *effective, billed: *billed, quantity, ..line.clone() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        record::{Body, CostLine, Record},
        window::Tz,
    };

    /// An amount and its tags.
    type Line = (&'static str, &'static [(&'static str, &'static str)]);

    fn costs(lines: &[Line]) -> Vec<Cost> {
        let record = |(i, (cost, tags)): (usize, &Line)| {
            let line = CostLine {
                effective_cost: Some(cost.parse().unwrap()),
                charge_period_start: Some("2026-03-01T00:00:00Z".parse().unwrap()),
                charge_period_end: Some("2026-03-08T00:00:00Z".parse().unwrap()),
                tags: tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
                ..CostLine::default()
            };
            Record::new("bill", i.to_string(), Body::CostLine(line))
        };
        lines.iter().enumerate().flat_map(|l| super::super::cost_facts(&record(l), Tz::UTC)).collect()
    }

    fn settings(proportional: bool) -> Settings {
        let mut settings = Settings::default();
        settings.allocation.shared = vec![Shared { tags: [("pool".to_owned(), "shared".to_owned())].into(), proportional }];
        settings
    }

    fn by_team(costs: &[Cost]) -> Vec<(String, String)> {
        let mut sums: BTreeMap<&str, Decimal> = BTreeMap::new();
        for c in costs {
            *sums.entry(c.team.as_deref().unwrap()).or_default() += c.effective;
        }
        sums.into_iter().map(|(t, s)| (t.to_owned(), s.normalize().to_string())).collect()
    }

    const LINES: &[Line] = &[
        ("400", &[("team", "pay")]),
        ("200", &[("Team", "PAY")]),
        ("300", &[("owner", "search")]),
        ("100", &[("Pool", "Shared")]),
        ("7.77", &[]),
    ];

    #[test]
    fn a_pool_is_split_to_the_cent_and_nothing_is_lost() {
        let mut costs = costs(LINES);
        let total: Decimal = costs.iter().map(|c| c.effective).sum();
        allocate(&mut costs, &settings(true), &Roster::default());
        let pair = |t: &str, s: &str| (t.to_owned(), s.to_owned());
        assert_eq!(by_team(&costs), [pair("pay", "666.67"), pair("search", "333.33"), pair(UNATTRIBUTED, "7.77")]);
        assert_eq!(costs.iter().map(|c| c.effective).sum::<Decimal>(), total);
    }

    #[test]
    fn doing_it_again_changes_nothing() {
        let mut costs = costs(LINES);
        allocate(&mut costs, &settings(true), &Roster::default());
        let once = costs.clone();
        allocate(&mut costs, &settings(true), &Roster::default());
        assert_eq!(costs, once);
    }

    #[test]
    fn every_day_of_a_pool_stays_whole() {
        let mut costs = costs(LINES);
        let day = |costs: &[Cost]| {
            let first = costs[0].span;
            costs.iter().filter(|c| c.span == first).map(|c| c.effective).sum::<Decimal>()
        };
        let before = day(&costs);
        allocate(&mut costs, &settings(true), &Roster::default());
        assert_eq!(day(&costs), before);
    }

    #[test]
    fn equal_pools_reach_teams_without_direct_cost() {
        let mut costs = costs(LINES);
        let mut roster = Roster::default();
        roster.teams.push(crate::domain::team::Team { name: "risk".into(), parent: None });
        allocate(&mut costs, &settings(false), &roster);
        assert_eq!(by_team(&costs).iter().map(|(_, s)| s.as_str()).collect::<Vec<_>>(), ["633.34", "33.33", "333.33", "7.77"]);
    }

    #[test]
    fn a_pool_that_nobody_takes_part_in_stays_visible() {
        let mut costs = costs(&LINES[3..]);
        allocate(&mut costs, &settings(true), &Roster::default());
        assert_eq!(by_team(&costs), [(UNATTRIBUTED.to_owned(), "107.77".to_owned())]);
    }
}
