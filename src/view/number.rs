//! Numbers as people read them: durations, shares, money, counts, ages. The one place where a value becomes text.

use chrono::{DateTime, Duration};
use chrono_tz::Tz;

use super::text;
use crate::domain::{
    Time,
    metric::Unit,
    value::{Datum, Reading},
};

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3_600.0;
const DAY: f64 = 86_400.0;

/// A value in its unit, with the unit: `99.94 %`, `3 h 12 m`, `4.2 /day`, `€12,345`, `17 incidents`.
#[must_use]
pub fn value(unit: Unit, v: f64, currency: &str) -> String {
    match unit {
        Unit::Count(what) => format!("{} {}", count(v), plural(what, v)),
        Unit::Plain(what) => format!("{} {what}", decimal(v, 3)),
        _ => short(unit, v, currency),
    }
}

/// The same without the words that the name already says, for tables and cards: `17`, `€12,345`.
#[must_use]
pub fn short(unit: Unit, v: f64, currency: &str) -> String {
    if !v.is_finite() {
        return if v.is_nan() { "not a number".into() } else { "beyond all bounds".into() };
    }
    match unit {
        Unit::Ratio => ratio(v),
        Unit::Seconds => duration(v),
        Unit::Millis => duration(v / 1000.0),
        Unit::PerDay => format!("{} /day", decimal(v, 3)),
        Unit::PerWeek => format!("{} /week", decimal(v, 3)),
        Unit::Count(_) => count(v),
        Unit::Money => money(v, currency),
        Unit::MoneyPer(what) => format!("{} /{what}", money(v, currency)),
        Unit::Plain(_) => decimal(v, 3),
    }
}

/// At most seven cells, for a matrix: `99.94%`, `3.2h`, `€12k`.
#[must_use]
pub fn compact(unit: Unit, v: f64, currency: &str) -> String {
    if !v.is_finite() {
        return "!".into();
    }
    match unit {
        Unit::Ratio => ratio(v).replace(' ', ""),
        Unit::Seconds => duration_compact(v),
        Unit::Millis => duration_compact(v / 1000.0),
        Unit::PerDay => format!("{}/d", magnitude(v, 2)),
        Unit::PerWeek => format!("{}/w", magnitude(v, 2)),
        Unit::Count(_) | Unit::Plain(_) => magnitude(v, 3),
        Unit::Money | Unit::MoneyPer(_) => format!("{}{}", symbol(currency), magnitude(v, 3)),
    }
}

/// A reading's number as short text: `≥ 3 h` when it can only be larger; `None` when it has no single number.
#[must_use]
pub fn reading(unit: Unit, r: &Reading, currency: &str) -> Option<String> {
    let text = match (r.value.as_ref()?, unit) {
        (Datum::Money(amount), Unit::Money) => exact_money(*amount, currency),
        (datum, _) => short(unit, datum.as_f64()?, currency),
    };
    Some(if r.is_lower_bound { format!("≥ {text}") } else { text })
}

/// Any datum in a unit, structured ones as `coding 3 h, review 5 h`.
#[must_use]
pub fn datum(unit: Unit, d: &Datum, currency: &str) -> String {
    match d {
        Datum::Bool(b) => if *b { "yes" } else { "no" }.into(),
        Datum::Num(n) => value(unit, *n, currency),
        Datum::Money(amount) => exact_money(*amount, currency),
        Datum::Text(text) => text.clone(),
        Datum::List(list) => list.iter().map(|d| datum(unit, d, currency)).collect::<Vec<_>>().join(", "),
        Datum::Map(map) => {
            let short = |d: &Datum| d.as_f64().map_or_else(|| datum(unit, d, currency), |n| short(unit, n, currency));
            map.iter().map(|(name, d)| format!("{name} {}", short(d))).collect::<Vec<_>>().join(", ")
        }
    }
}

/// A share as per cent. Never rounded to 100 % or 0 %: near the ends it keeps two significant digits of what is missing.
#[must_use]
pub fn ratio(r: f64) -> String {
    let distance = (1.0 - r).abs().min(r.abs());
    if distance == 0.0 || distance >= 0.01 {
        return format!("{} %", grouped(r * 100.0, usize::from(distance > 0.0)));
    }
    // 99.94, 99.995, 0.21; at most six decimals
    let digits = text::cells((-(distance * 100.0).log10()).ceil() + 1.0).clamp(1, 6);
    let text = grouped(r * 100.0, usize::from(digits));
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// The difference of two shares, in percentage points.
#[must_use]
pub fn points(difference: f64) -> String {
    format!("{} pp", decimal(difference.abs() * 100.0, 2))
}

/// Seconds as `230 ms`, `45 s`, `12 m`, `3 h 12 m`, `2.4 d`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    let (sign, s) = (if seconds < 0.0 { "-" } else { "" }, seconds.abs());
    let text = match s {
        _ if s == 0.0 => "0 s".to_owned(),
        _ if s < 0.001 => format!("{} µs", decimal(s * 1e6, 3)),
        _ if s < 0.9995 => format!("{} ms", decimal(s * 1000.0, 3)),
        _ if s < 59.5 => format!("{} s", decimal(s, 2)),
        _ if s < 10.0 * MINUTE => pair(s, MINUTE, "m", 1.0, "s"),
        _ if s < HOUR - 30.0 => format!("{} m", whole(s / MINUTE)),
        _ if s < 2.0 * DAY => pair(s, HOUR, "h", MINUTE, "m"),
        _ if s < 1000.0 * DAY => format!("{} d", decimal(s / DAY, if s < 100.0 * DAY { 2 } else { 3 })),
        _ => format!("{} y", magnitude(s / (365.25 * DAY), 3)),
    };
    format!("{sign}{text}")
}

fn pair(s: f64, big: f64, big_name: &str, small: f64, small_name: &str) -> String {
    let total = (s / small).round();
    let per = big / small;
    let (upper, lower) = ((total / per).floor(), total % per);
    if lower == 0.0 { format!("{} {big_name}", whole(upper)) } else { format!("{} {big_name} {} {small_name}", whole(upper), whole(lower)) }
}

fn duration_compact(seconds: f64) -> String {
    let (sign, s) = (if seconds < 0.0 { "-" } else { "" }, seconds.abs());
    let text = match s {
        _ if s == 0.0 => "0s".to_owned(),
        _ if s < 1e-8 => "<1µs".to_owned(),
        _ if s < 0.001 => format!("{}µs", decimal(s * 1e6, 3)),
        _ if s < 0.9995 => format!("{}ms", decimal(s * 1000.0, 3)),
        _ if s < 59.95 => format!("{}s", decimal(s, 2)),
        _ if s < 59.95 * MINUTE => format!("{}m", decimal(s / MINUTE, 2)),
        _ if s < 48.0 * HOUR => format!("{}h", decimal(s / HOUR, 2)),
        _ if s < 1000.0 * DAY => format!("{}d", decimal(s / DAY, 2)),
        _ => format!("{}y", magnitude(s / (365.25 * DAY), 3)),
    };
    format!("{sign}{text}")
}

/// A count: `17`, `1,234`, `40.3k`, `1.2M`.
#[must_use]
pub fn count(v: f64) -> String {
    if v.abs() < 10_000.0 { if v.fract() == 0.0 { grouped(v, 0) } else { decimal(v, 3) } } else { magnitude(v, 3) }
}

/// Money as `€1,234`, `€12.30`, `CHF 1,234`; `•••`-hiding is the caller's.
#[must_use]
pub fn money(v: f64, currency: &str) -> String {
    let sign = if v < 0.0 { "-" } else { "" };
    let digits = if v.abs() < 1000.0 { 2 } else { 0 };
    let text = if v.abs() >= 1e9 { magnitude(v.abs(), 4) } else { grouped(v.abs(), digits) };
    format!("{sign}{}{text}", symbol(currency))
}

fn exact_money(amount: crate::domain::Decimal, currency: &str) -> String {
    let v = Datum::Money(amount).as_f64().unwrap_or(f64::NAN);
    if v.is_nan() { format!("{}{amount}", symbol(currency)) } else { money(v, currency) }
}

fn symbol(currency: &str) -> String {
    match currency {
        "EUR" => "€".into(),
        "USD" => "$".into(),
        "GBP" => "£".into(),
        "" => String::new(),
        other => format!("{other} "),
    }
}

const STEPS: [(f64, &str); 6] = [(1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, "")];

/// With k, M, G…: three or so significant digits.
#[must_use]
pub fn magnitude(v: f64, significant: usize) -> String {
    if !v.is_finite() {
        return "!".into();
    }
    let a = v.abs();
    if a >= 1e18 {
        return format!("{v:.1e}");
    }
    // 999,960 reads 1.00M, not 1000k
    let (step, name) = STEPS.into_iter().find(|(step, _)| a >= step * 0.9995).unwrap_or((1.0, ""));
    format!("{}{name}", decimal(v / step, significant))
}

/// A decimal number with about this many significant digits, no trailing zeros, thousands grouped.
#[must_use]
pub fn decimal(v: f64, significant: usize) -> String {
    if !v.is_finite() {
        return "!".into();
    }
    if v == 0.0 {
        return "0".into();
    }
    if v.abs() >= 1e15 || v.abs() < 1e-6 {
        return format!("{v:.1e}");
    }
    // 123.4 has three digits before the point, 0.012 lacks one
    let before = v.abs().log10().floor() + 1.0;
    let digits = usize::from(text::cells(significant as f64 - before)).min(9);
    let text = grouped(v, digits);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn whole(v: f64) -> String {
    grouped(v, 0)
}

/// Fixed decimals with `,` between thousands.
fn grouped(v: f64, digits: usize) -> String {
    if v.abs() >= 1e15 {
        return format!("{v:.1e}");
    }
    let text = format!("{v:.digits$}");
    let (sign, rest) = text.strip_prefix('-').map_or(("", text.as_str()), |r| ("-", r));
    let (int, frac) = rest.split_once('.').map_or((rest, None), |(i, f)| (i, Some(f)));
    let mut out = String::with_capacity(text.len() + 4);
    for (i, c) in int.chars().enumerate() {
        if i > 0 && (int.len() - i) % 3 == 0 {
            out.push(',');
        }
        out.push(c);
    }
    if let Some(frac) = frac {
        out.push('.');
        out.push_str(frac);
    }
    let zero = out.chars().all(|c| matches!(c, '0' | '.'));
    format!("{}{out}", if zero { "" } else { sign })
}

fn plural(what: &str, v: f64) -> &str {
    if v == 1.0 { what.strip_suffix('s').unwrap_or(what) } else { what }
}

/// How long ago, in words: `now`, `4 min old`, `3 h old`, `12 d old`.
#[must_use]
pub fn age(d: Duration) -> String {
    let minutes = d.num_minutes();
    match minutes {
        i64::MIN..=0 => "now".into(),
        1..=119 => format!("{minutes} min old"),
        120..=2_879 => format!("{} h old", minutes / 60),
        _ => format!("{} d old", minutes / 1_440),
    }
}

/// A running clock: `0:07:12` while seconds are shown, then `1:42`, then `3 d 04:10`.
#[must_use]
pub fn running(d: Duration, seconds_until: Duration) -> String {
    let s = d.num_seconds().max(0);
    if d < seconds_until {
        format!("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
    } else if s < 2 * 86_400 {
        format!("{}:{:02}", s / 3600, s / 60 % 60)
    } else {
        format!("{} d {:02}:{:02}", s / 86_400, s / 3600 % 24, s / 60 % 60)
    }
}

/// A moment in a zone, as short as it stays clear against now: `14:05`, `Mon 14:05` never; `03-31 14:05`, `2025-03-31 14:05`.
#[must_use]
pub fn moment(at: Time, now: Time, zone: Tz) -> String {
    let (local, today) = (at.with_timezone(&zone), now.with_timezone(&zone));
    if same_year(&local, &today) { local.format("%m-%d %H:%M").to_string() } else { local.format("%Y-%m-%d %H:%M").to_string() }
}

fn same_year(a: &DateTime<Tz>, b: &DateTime<Tz>) -> bool {
    use chrono::Datelike;
    a.year() == b.year()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_never_rounded_to_all_or_nothing() {
        for (v, text) in [
            (1.0, "100 %"),
            (0.0, "0 %"),
            (0.9994, "99.94 %"),
            (0.99995, "99.995 %"),
            (0.999_999_9, "99.99999 %"),
            (0.153, "15.3 %"),
            (0.0042, "0.42 %"),
            (0.000_12, "0.012 %"),
            (0.5, "50.0 %"),
            (1.2, "120.0 %"),
        ] {
            assert_eq!(ratio(v), text);
        }
    }

    #[test]
    fn durations_read_as_people_say_them() {
        for (s, text) in [
            (0.0, "0 s"),
            (0.000_4, "400 µs"),
            (0.23, "230 ms"),
            (1.26, "1.3 s"),
            (45.0, "45 s"),
            (59.9, "1 m"),
            (192.0, "3 m 12 s"),
            (2_520.0, "42 m"),
            (3_590.0, "1 h"),
            (11_520.0, "3 h 12 m"),
            (86_400.0, "24 h"),
            (207_360.0, "2.4 d"),
            (40.0 * DAY, "40 d"),
            (3.0 * 365.25 * DAY, "3 y"),
            (-90.0, "-1 m 30 s"),
        ] {
            assert_eq!(duration(s), text, "{s}");
        }
    }

    #[test]
    fn money_has_its_currency_and_groups() {
        assert_eq!(money(12_345.6, "EUR"), "€12,346");
        assert_eq!(money(0.0231, "USD"), "$0.02");
        assert_eq!(money(-12.3, "CHF"), "-CHF 12.30");
        assert_eq!(compact(Unit::Money, 1_234_567.0, "EUR"), "€1.23M");
        assert_eq!(value(Unit::MoneyPer("user"), 1.5, "EUR"), "€1.50 /user");
    }

    #[test]
    fn counts_stay_short_and_singular_is_singular() {
        assert_eq!(count(9_999.0), "9,999");
        assert_eq!(count(40_321.0), "40.3k");
        assert_eq!(count(999_960.0), "1M");
        assert_eq!(value(Unit::Count("incidents"), 1.0, ""), "1 incident");
        assert_eq!(value(Unit::Count("incidents"), 0.0, ""), "0 incidents");
    }

    #[test]
    fn a_matrix_cell_never_needs_more_than_eight_cells() {
        let values =
            [0.0, 1e-9, 0.000_123, 0.5, 0.999_94, 1.0, 59.97, 3599.0, 12_345.0, 8.64e6, 1e9, 1e15, 1e300, -42.0, f64::NAN, f64::INFINITY];
        for unit in [Unit::Ratio, Unit::Seconds, Unit::Millis, Unit::PerDay, Unit::Count("x"), Unit::Plain("x")] {
            for v in values.into_iter().filter(|v| unit != Unit::Ratio || v.abs() <= 1.0 || !v.is_finite()) {
                let text = compact(unit, v, "EUR");
                assert!(text::width(&text) <= 9, "{unit:?} {v}: {text}");
            }
        }
    }

    #[test]
    fn ages_and_clocks_count_from_zero() {
        assert_eq!(age(Duration::seconds(-5)), "now");
        assert_eq!(age(Duration::minutes(4)), "4 min old");
        assert_eq!(age(Duration::hours(50)), "2 d old");
        assert_eq!(running(Duration::seconds(432), Duration::minutes(10)), "0:07:12");
        assert_eq!(running(Duration::minutes(102), Duration::minutes(10)), "1:42");
        assert_eq!(running(Duration::minutes(4_570), Duration::minutes(10)), "3 d 04:10");
    }
}
