//! Targets as people write them: `< 10%`, `>= 99.9%`, `< 24h`, `<= 2.5s`, `> 1/d`, `< 0.30`.

use crate::domain::{
    metric::{Direction, Metric, Unit},
    target::Target,
};

use super::period;

/// Read a target for a metric; the bound comes out in the metric's unit (10 % is 0.1, 24 h is 86400 s).
///
/// # Errors
/// What was expected, with an example that fits the metric.
pub fn parse(text: &str, metric: &Metric, currency: &str) -> Result<Target, String> {
    let shown = crate::domain::text::clean(text);
    let wrong = |why: &str| format!("`{shown}` {why}; expected a comparison such as \"{}\"", example(metric));
    let trimmed = text.trim();
    let (op, rest) = [("<=", "<="), (">=", ">="), ("≤", "<="), ("≥", ">="), ("<", "<"), (">", ">")]
        .iter()
        .find_map(|(sign, op)| trimmed.strip_prefix(sign).map(|rest| (*op, rest.trim())))
        .ok_or_else(|| wrong("does not begin with <, <=, > or >="))?;
    let bound = bound(rest, metric.unit, currency).ok_or_else(|| wrong(&format!("is not in the unit of {}", metric.id)))?;
    match (metric.direction, op) {
        (Direction::Up, "<" | "<=") => return Err(wrong(&format!("asks {} to be low, but higher is better", metric.id))),
        (Direction::Down, ">" | ">=") => return Err(wrong(&format!("asks {} to be high, but lower is better", metric.id))),
        _ => {}
    }
    Ok(Target { text: shown.clone(), op, bound })
}

/// A bare value in a unit, in base units.
pub(super) fn bound(text: &str, unit: Unit, currency: &str) -> Option<f64> {
    let value = match unit {
        Unit::Ratio => match text.strip_suffix('%') {
            Some(percent) => percentage(percent.trim())?,
            None => number(text).filter(|n| (0.0..=1.0).contains(n))?,
        },
        Unit::Seconds => period::seconds(text)?,
        Unit::Millis => period::seconds(text)? * 1000.0,
        Unit::PerDay => per_day(text)?,
        Unit::PerWeek => per_day(text)? * 7.0,
        Unit::Money | Unit::MoneyPer(_) => number(text.strip_suffix(currency).unwrap_or(text))?,
        Unit::Count(_) | Unit::Plain(_) => number(text)?,
    };
    (value.is_finite() && value >= 0.0).then_some(value)
}

fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-' | b'+' | b'e' | b'E'));
    if plain { text.replace('_', "").parse().ok() } else { None }
}

/// 99.9 as 0.999 and not 0.9990000000000001: the text is scaled, not the number.
fn percentage(text: &str) -> Option<f64> {
    let number = number(text)?;
    format!("{text}e-2").parse().ok().or(Some(number / 100.0))
}

fn per_day(text: &str) -> Option<f64> {
    let (count, unit) = text.split_once('/')?;
    let days = match unit.trim() {
        "d" | "day" => 1.0,
        "w" | "wk" | "week" => 7.0,
        "h" | "hour" => 1.0 / 24.0,
        "mo" | "month" => 30.0,
        _ => return None,
    };
    Some(number(count)? / days)
}

fn example(metric: &Metric) -> &'static str {
    let low = metric.direction == Direction::Down;
    match metric.unit {
        Unit::Ratio if low => "< 10%",
        Unit::Ratio => ">= 99.9%",
        Unit::Seconds if low => "< 24h",
        Unit::Seconds => "> 30d",
        Unit::Millis => "<= 2500ms",
        Unit::PerDay => "> 1/d",
        Unit::PerWeek => ">= 3/wk",
        Unit::Money | Unit::MoneyPer(_) if low => "< 0.30",
        Unit::Count(_) | Unit::Plain(_) if low => "<= 5",
        _ => "> 5",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::metric::find;

    fn read(metric: &str, text: &str) -> Result<(&'static str, f64), String> {
        parse(text, find(metric).unwrap(), "EUR").map(|t| (t.op, t.bound))
    }

    #[test]
    fn each_unit_has_its_own_way_of_writing_a_bound() {
        assert_eq!(read("change_failure_rate", "< 10%"), Ok(("<", 0.1)));
        assert_eq!(read("change_failure_rate", "<= 0.1"), Ok(("<=", 0.1)));
        assert_eq!(read("uptime", "≥ 99.9%").map(|t| t.0), Ok(">="));
        assert_eq!(read("lead_time", "< 24h"), Ok(("<", 86_400.0)));
        assert_eq!(read("latency_p95", "<= 2.5s"), Ok(("<=", 2.5)));
        assert_eq!(read("page_load.p75", "<= 2.5s"), Ok(("<=", 2500.0)));
        assert_eq!(read("deployment_frequency", "> 7/wk"), Ok((">", 1.0)));
        assert_eq!(read("infra_cost_per_user", "< 0.30"), Ok(("<", 0.3)));
        assert_eq!(read("infra_cost_per_user", "< 0.30 EUR"), Ok(("<", 0.3)));
        assert_eq!(read("incidents.count", "<= 5"), Ok(("<=", 5.0)));
    }

    #[test]
    fn a_bound_in_the_wrong_unit_or_direction_is_refused_with_an_example() {
        assert!(read("lead_time", "< 10%").unwrap_err().contains("\"< 24h\""));
        assert!(read("lead_time", "< 24").unwrap_err().contains("unit of lead_time.median"));
        assert!(read("change_failure_rate", "< 10").unwrap_err().contains("\"< 10%\""));
        assert!(read("uptime", "< 99.9%").unwrap_err().contains("higher is better"));
        assert!(read("change_failure_rate", "10%").unwrap_err().contains("begin with"));
        assert!(read("infra_cost_per_user", "< 3 USD").is_err());
        assert!(read("change_failure_rate", "< -5%").is_err());
        assert!(read("change_failure_rate", "< NaN%").is_err());
    }
}
