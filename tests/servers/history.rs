//! Three days of a small shop's metrics, written out: traffic by the hour, errors in bursts, an outage, a restart.

use std::fmt::Write as _;

use quarterdeck::domain::Time;

/// Bounds of the latency buckets.
const BOUNDS: [&str; 6] = ["0.05", "0.1", "0.25", "0.5", "1", "+Inf"];

/// What was scraped, and how often.
pub struct History {
    pub until: i64,
    pub every_s: i64,
    pub hours: i64,
}

/// One scrape of one series.
pub struct Point {
    pub name: &'static str,
    pub labels: String,
    pub at: i64,
    pub value: f64,
}

impl History {
    /// Ends two minutes before `now`. Scrapes fall 7 s beside the full minutes, as real ones do: a window's increase is
    /// extrapolated to its borders.
    pub fn until(now: Time) -> Self {
        Self { until: (now.timestamp() - 120) / 60 * 60 + 7, every_s: 30, hours: 80 }
    }

    pub fn none() -> Self {
        Self { until: 0, every_s: 30, hours: 0 }
    }

    pub fn is_empty(&self) -> bool {
        self.hours == 0
    }

    /// Every point, series by series, times ascending.
    pub fn points(&self) -> Vec<Point> {
        let times: Vec<i64> = (0..self.hours * 3600 / self.every_s).rev().map(|i| self.until - i * self.every_s).collect();
        let mut points = Vec::new();
        let mut add = |name: &'static str, labels: &str, value: &dyn Fn(i64) -> f64| {
            // A counter: sums of what happened in each scrape's step, from 0 again after the restart.
            let mut total = 0.0;
            for at in &times {
                total = if *at == self.restart() { 0.0 } else { total + value(*at) };
                points.push(Point { name, labels: format!("job=\"shop\",instance=\"10.0.0.1:80\"{labels}"), at: *at, value: total });
            }
        };
        add("http_requests_total", ",code=\"200\"", &|at| self.traffic(at) - self.errors(at));
        add("http_requests_total", ",code=\"500\"", &|at| self.errors(at));
        for (i, bound) in BOUNDS.iter().enumerate() {
            add("http_request_duration_seconds_bucket", &format!(",le=\"{bound}\""), &|at| self.traffic(at) * Self::share(i, at));
        }
        for at in &times {
            let value = f64::from(u8::from(!self.is_down(*at)));
            points.push(Point { name: "up", labels: "job=\"shop\",instance=\"10.0.0.1:80\"".into(), at: *at, value });
        }
        points
    }

    /// Requests in a scrape's step: a daily wave.
    fn traffic(&self, at: i64) -> f64 {
        let wave = ((at % 86_400) as f64 / 86_400.0 * std::f64::consts::TAU).sin();
        (100.0 + 60.0 * wave).round() * self.every_s as f64
    }

    /// Every seventh hour is a bad one.
    fn errors(&self, at: i64) -> f64 {
        let share = if (at / 3600) % 7 == 0 { 0.05 } else { 0.002 };
        (self.traffic(at) * share).round()
    }

    /// Share of requests at or below a bound; slower in the evening.
    fn share(bound: usize, at: i64) -> f64 {
        let evening = at % 86_400 > 18 * 3600;
        let shares = if evening { [0.30, 0.55, 0.80, 0.93, 0.99, 1.0] } else { [0.50, 0.75, 0.92, 0.98, 0.995, 1.0] };
        shares[bound]
    }

    /// 40 minutes, three days ago; 10 minutes, two hours ago.
    fn is_down(&self, at: i64) -> bool {
        let ago = self.until - at;
        (60 * 3600..60 * 3600 + 2400).contains(&ago) || (7200..7800).contains(&ago)
    }

    fn restart(&self) -> i64 {
        self.until - 30 * 3600
    }

    /// For `promtool tsdb create-blocks-from openmetrics`.
    pub fn open_metrics(&self) -> String {
        let mut text = String::new();
        for p in self.points() {
            let _ = writeln!(text, "{}{{{}}} {} {}", p.name, p.labels, p.value, p.at);
        }
        text + "# EOF\n"
    }

    /// For `/api/v1/import/prometheus`: milliseconds.
    pub fn exposition(&self) -> String {
        let mut text = String::new();
        for p in self.points() {
            let _ = writeln!(text, "{}{{{}}} {} {}", p.name, p.labels, p.value, p.at * 1000);
        }
        text
    }
}
