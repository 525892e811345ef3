//! An objective in words: what it is and how its numbers came about. For its page and for `explain`.

use super::{AlertState, Burn, Method, Sli, State};
use crate::{
    analysis::burn::{self, Alert},
    domain::{Time, window::Tz},
};

/// Name and text of everything there is to know, in reading order.
#[must_use]
pub fn lines(state: &State, zone: Tz) -> Vec<(String, String)> {
    let slo = &state.slo;
    let mut out: Vec<(String, String)> = Vec::new();
    let mut say = |name: &str, text: String| out.push((name.to_owned(), text));
    say("objective", format!("{} of {} good over {}", percent(slo.target), slo.unit(), slo.period.words()));
    say("of", slo.services.join(", "));
    if let Some(team) = &slo.team {
        say("team", team.clone());
    }
    say("indicator", indicator(slo.sli).to_owned());
    if let Sli::Latency { threshold_s } = slo.sli {
        say("threshold", format!("{} ms", number(threshold_s * 1000.0)));
    }
    say("budget counted by", method(slo.method));
    say("from", moment(state.window.from, zone));
    say("to", moment(state.window.to, zone));
    if slo.period.is_calendar() {
        say("period ends", moment(state.period.to, zone));
    }
    say("valid", format!("{} {}", number(state.valid), slo.unit()));
    say("bad", format!("{} {}", number(state.bad), slo.unit()));
    if let Ok(budget) = burn::budget(slo.target) {
        say("budget", format!("{} {} ({} of the valid)", number(budget * state.valid), slo.unit(), percent(budget)));
    }
    say("value", state.value.map_or_else(|| "none".into(), percent));
    if let Some(left) = state.remaining {
        let name = if slo.period.is_calendar() { "left so far" } else { "left" };
        say(name, format!("{} of the budget: 1 - bad / budget", percent(left)));
    }
    if let Some(left) = state.of_period {
        say("left of period", format!("{} of the budget the whole period will have at this traffic", percent(left)));
    }
    say(
        "state",
        state.reason.as_ref().map_or_else(|| state.standing.words().to_owned(), |why| format!("{}: {why}", state.standing.words())),
    );
    say("exhausted", exhaustion(state));
    say("last counted", state.last.map_or_else(|| "never in the window".into(), |at| moment(at, zone)));
    if state.silent > 0 {
        say("silent", format!("{} intervals of {}", state.silent, length(state.interval_s)));
    }
    if let Some(most) = slo.silent_after {
        let state = if state.silence_fires() { "firing" } else { "ok" };
        say("alert on silence", format!("{state}: fires after {most} intervals without anything counted"));
    }
    for alert in &state.alerts {
        say(&alert.rule.name, alert_line(alert, slo.target));
    }
    if slo.unit() == "requests" {
        let least = format!("at least {} valid and {} bad in the long window", number(slo.least.events), number(slo.least.bad));
        say("alerts need", least);
    }
    for note in &state.notes {
        say("note", note.clone());
    }
    say("written in", slo.from.clone());
    out
}

/// When nothing will be left.
#[must_use]
pub fn exhaustion(state: &State) -> String {
    match (state.left(), state.exhausted_in_s) {
        (None, _) => "nothing is known".into(),
        (Some(left), _) if left <= 0.0 => "nothing is left".into(),
        (_, None) => "does not burn".into(),
        (_, Some(s)) if state.slo.period.is_calendar() => {
            let rest = state.period.seconds() - state.window.seconds();
            if s >= rest { "lasts beyond the period".into() } else { format!("in {} at this burn", length(s)) }
        }
        (_, Some(s)) => format!("not before {} at this burn", length(s)),
    }
}

fn alert_line(alert: &AlertState, target: f64) -> String {
    let state = match alert.state {
        Ok(state) => state.word().replace('_', " "),
        Err(refused) => refused.reason().to_owned(),
    };
    let ratio = alert.factor * burn::budget(target).unwrap_or(0.0);
    format!(
        "{state}: {} {} and {} {} against {}x (error ratio {}; {} of the budget is spent when it fires)",
        length(alert.rule.long_s),
        rate(&alert.long),
        length(alert.rule.short_s),
        rate(&alert.short),
        number(alert.factor),
        percent(ratio),
        percent(alert.rule.share)
    )
}

/// A burn rate: `15.2x`, or that nothing was counted.
#[must_use]
pub fn rate(burn: &Burn) -> String {
    burn.rate.map_or_else(|| "no data".into(), |r| format!("{}x", if r >= 100.0 { format!("{r:.0}") } else { format!("{r:.1}") }))
}

/// What an alert's state is called on the screen.
#[must_use]
pub fn alert_word(alert: &AlertState) -> &'static str {
    match alert.state {
        Ok(Alert::Firing) => "firing",
        Ok(Alert::Quiet) => "ok",
        Ok(Alert::LowTraffic) => "low traffic",
        Ok(Alert::NoData) => "no data",
        Err(_) => "cannot fire",
    }
}

/// What is left of a budget: `38 % left`, `50 % overspent`.
#[must_use]
pub fn left(left: f64) -> String {
    let shown = (left.abs() * 100.0).min(99_999.0);
    // a little left is not nothing left, a little overspent is overspent
    let text = if shown > 0.0 && shown < 1.0 { format!("{shown:.2}") } else { format!("{:.0}", shown.floor()) };
    if left < 0.0 { format!("{text} % overspent") } else { format!("{text} % left") }
}

fn indicator(sli: Sli) -> &'static str {
    match sli {
        Sli::Requests => "requests without error, of all requests",
        Sli::Latency { .. } => "requests not slower than the threshold, of all measured",
        Sli::Probe => "time up by probes, of the time known; maintenance is neither",
        Sli::Incidents => "time without outage (union of incidents with availability impact), of the time watched",
    }
}

fn method(method: Method) -> String {
    match method {
        Method::Occurrences => "occurrences".into(),
        Method::Timeslices { slice_s, target } => format!("time slices of {}, good at {} or more", length(slice_s), percent(target)),
        Method::RatioTimeslices { slice_s } => format!("ratio time slices of {}", length(slice_s)),
    }
}

fn moment(at: Time, zone: Tz) -> String {
    at.with_timezone(&zone).format("%Y-%m-%d %H:%M %Z").to_string()
}

/// A length of time in its two largest units.
#[must_use]
pub fn length(seconds: f64) -> String {
    #[allow(clippy::cast_possible_truncation, reason = "clamped far inside i64")]
    let s = seconds.clamp(0.0, 1e12).round() as i64;
    let pair = |big: i64, unit: &str, small: i64, other: &str| {
        if small == 0 { format!("{big} {unit}") } else { format!("{big} {unit} {small} {other}") }
    };
    match s {
        s if s >= 86_400 => pair(s / 86_400, "d", s / 3_600 % 24, "h"),
        s if s >= 3_600 => pair(s / 3_600, "h", s / 60 % 60, "min"),
        s if s >= 60 => pair(s / 60, "min", s % 60, "s"),
        s => format!("{s} s"),
    }
}

/// Per cent with as many digits as an objective needs.
#[must_use]
pub fn percent(share: f64) -> String {
    format!("{} %", number((share * 1e8).round() / 1e6))
}

fn number(n: f64) -> String {
    let places = if n.abs() >= 1000.0 { 0 } else { 4 };
    let text = format!("{n:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_left_or_overspent_and_never_rounded_to_nothing() {
        assert_eq!(left(0.387), "38 % left");
        assert_eq!(left(0.0004), "0.04 % left");
        assert_eq!(left(0.0), "0 % left");
        assert_eq!(left(-0.5), "50 % overspent");
        assert_eq!(left(-0.0004), "0.04 % overspent");
    }

    #[test]
    fn shares_and_lengths_read_as_people_write_them() {
        assert_eq!((percent(0.999), percent(0.9995), percent(-0.5)), ("99.9 %".into(), "99.95 %".into(), "-50 %".into()));
        assert_eq!((length(300.0), length(5400.0), length(172_800.0)), ("5 min".into(), "1 h 30 min".into(), "2 d".into()));
    }
}
