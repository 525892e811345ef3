//! What happened just before: an ordering of suspects, with what speaks against believing it.
//!
//! Shares are a heuristic ordering, not probabilities of cause; "none of these" is always among them, and so is how often
//! something would have been there by chance.

/// Settings of the ordering.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// After this long a score has halved.
    pub half_life_s: f64,
    /// Weight of "none of these".
    pub none_weight: f64,
    /// Nothing that ended longer before the onset is looked at.
    pub within_s: f64,
}

impl Default for Rules {
    fn default() -> Self {
        Self { half_life_s: 3_600.0, none_weight: 0.25, within_s: 86_400.0 }
    }
}

/// How near a candidate is to what broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Locality {
    /// The same service.
    Service,
    /// A service it calls.
    Dependency,
    /// The same system or team.
    Neighbour,
    /// Anything else.
    Elsewhere,
}

impl Locality {
    /// Its factor in the score.
    #[must_use]
    pub fn weight(self) -> f64 {
        match self {
            Self::Service => 1.0,
            Self::Dependency => 0.5,
            Self::Neighbour => 0.25,
            Self::Elsewhere => 0.05,
        }
    }

    /// In words.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Service => "same service",
            Self::Dependency => "a service it calls",
            Self::Neighbour => "same system or team",
            Self::Elsewhere => "elsewhere",
        }
    }
}

/// A deployment, config change or flag change; times in seconds on any common clock.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Its id.
    pub id: String,
    /// How near.
    pub locality: Locality,
    /// Began.
    pub started_s: f64,
    /// Ended; `None` while running.
    pub finished_s: Option<f64>,
}

/// A ranked candidate.
#[derive(Debug, Clone, PartialEq)]
pub struct Suspect {
    /// Its id.
    pub id: String,
    /// `2^(-lag / half-life) * locality`.
    pub score: f64,
    /// Of all scores and "none of these".
    pub share: f64,
    /// From its end to the onset; 0 when it was running.
    pub lag_s: f64,
    /// How near.
    pub locality: Locality,
}

/// An ordering.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    /// Largest score first, ties by id.
    pub suspects: Vec<Suspect>,
    /// Share of "none of these".
    pub none_share: f64,
    /// Candidates that began after the onset or ended too long before it.
    pub excluded: Vec<String>,
}

/// Order candidates by how soon before the onset and how near they were.
#[must_use]
pub fn rank(candidates: &[Candidate], onset_s: f64, rules: &Rules) -> Ranking {
    let (mut suspects, mut excluded) = (Vec::new(), Vec::new());
    for c in candidates {
        let running = c.finished_s.is_none_or(|end| end > onset_s);
        let lag_s = if running { 0.0 } else { onset_s - c.finished_s.unwrap_or(onset_s) };
        if c.started_s > onset_s || lag_s > rules.within_s {
            excluded.push(c.id.clone());
            continue;
        }
        let score = (-lag_s / rules.half_life_s).exp2() * c.locality.weight();
        suspects.push(Suspect { id: c.id.clone(), score, share: 0.0, lag_s, locality: c.locality });
    }
    suspects.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
    excluded.sort();
    let all = suspects.iter().map(|s| s.score).sum::<f64>() + rules.none_weight;
    for suspect in &mut suspects {
        suspect.share = suspect.score / all;
    }
    Ranking { suspects, none_share: if all > 0.0 { rules.none_weight / all } else { 1.0 }, excluded }
}

/// Chance that at least one of events at this rate falls into a span: `1 - e^(-rate * span)`.
#[must_use]
pub fn coincidence(rate: f64, span: f64) -> f64 {
    -(-rate * span).exp_m1()
}

/// A shift against a control.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// After less before.
    pub raw: f64,
    /// The same less that of the control.
    pub against_control: f64,
    /// Standard error of `against_control`, taking requests as independent: optimistic.
    pub standard_error: f64,
}

/// Difference in differences of bad shares, each as `(bad, total)`. `None` when one of the four is empty.
#[must_use]
pub fn shift(before: (f64, f64), after: (f64, f64), control_before: (f64, f64), control_after: (f64, f64)) -> Option<Shift> {
    let cells = [before, after, control_before, control_after];
    if cells.iter().any(|c| c.1.is_nan() || c.1 <= 0.0) {
        return None;
    }
    let [p0, p1, c0, c1] = cells.map(|(bad, total)| bad / total);
    let variance: f64 = cells.iter().map(|(bad, total)| (bad / total) * (1.0 - bad / total) / total).sum();
    Some(Shift { raw: p1 - p0, against_control: (p1 - p0) - (c1 - c0), standard_error: variance.max(0.0).sqrt() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(id: &str, locality: Locality, started_s: f64, finished_s: Option<f64>) -> Candidate {
        Candidate { id: id.into(), locality, started_s, finished_s }
    }

    #[test]
    fn a_rollout_in_progress_has_no_lag() {
        let ranking = rank(
            &[candidate("d", Locality::Service, 90.0, Some(110.0)), candidate("e", Locality::Service, 50.0, None)],
            100.0,
            &Rules::default(),
        );
        assert_eq!(ranking.suspects.iter().map(|s| (s.lag_s, s.score)).collect::<Vec<_>>(), [(0.0, 1.0), (0.0, 1.0)]);
        assert!((ranking.none_share - 0.25 / 2.25).abs() < 1e-12);
    }

    #[test]
    fn what_began_after_or_ended_long_before_is_no_suspect() {
        let ranking = rank(
            &[candidate("late", Locality::Service, 101.0, Some(102.0)), candidate("old", Locality::Service, -90_000.0, Some(-89_000.0))],
            100.0,
            &Rules::default(),
        );
        assert!(ranking.suspects.is_empty());
        assert_eq!((ranking.excluded, ranking.none_share), (vec!["late".to_owned(), "old".to_owned()], 1.0));
    }

    #[test]
    fn shares_and_none_sum_to_one() {
        let ranking = rank(
            &[candidate("a", Locality::Dependency, 0.0, Some(10.0)), candidate("b", Locality::Elsewhere, 0.0, Some(90.0))],
            100.0,
            &Rules::default(),
        );
        assert!((ranking.suspects.iter().map(|s| s.share).sum::<f64>() + ranking.none_share - 1.0).abs() < 1e-12);
    }
}
