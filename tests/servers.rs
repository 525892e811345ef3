//! Against real servers: Prometheus and VictoriaMetrics, started here on loopback with a history of our own making.
//!
//! What our pipeline says (records → live buckets → KPI) must be what the server itself says over the same window.
//! Runs with `QUARTERDECK_SERVERS=1` where the programs are on PATH (`apt-get install prometheus victoria-metrics`);
//! otherwise each test says what it skips, and why. Real servers run on the real clock and need a moment to start, so
//! this is the one place of the tests that waits.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail loudly, and says what it skips")]

#[path = "it/sources/authority.rs"]
#[allow(dead_code, reason = "shared with the other test binary, which uses all of it")]
mod authority;
mod servers {
    pub mod history;
    pub mod pipeline;
    pub mod program;
}

use quarterdeck::{
    domain::{Time, record::Body},
    sources::SourceError,
};

use self::servers::{
    history::History,
    pipeline::{Answers, poll_all, source},
    program::{Running, prometheus, skip, victoria},
};

fn now() -> Time {
    #[allow(clippy::disallowed_methods, reason = "a real server runs on the real clock")]
    chrono::Utc::now()
}

/// What our KPIs say of the last `hours` against what the server answers to the same question in PromQL.
async fn agrees(server: &Running, keys: &str, hours: i64, tolerance: f64) {
    let now = now();
    let records = poll_all(&*source(server, keys), now).await.unwrap();
    let ours = Answers::of(&records, now, hours);
    let window = ours.window;
    let ask = async |expr: &str| server.ask(&expr.replace("$w", &format!("{}s", hours * 3600)), window.to).await;
    let mut differences = Vec::new();
    for (metric, expr) in [
        ("latency_p95", "histogram_quantile(0.95, sum by (le) (increase(http_request_duration_seconds_bucket[$w])))"),
        ("latency_p50", "histogram_quantile(0.5, sum by (le) (increase(http_request_duration_seconds_bucket[$w])))"),
        ("error_rate", "sum(increase(http_requests_total{code=~\"5..\"}[$w])) / sum(increase(http_requests_total[$w]))"),
        ("requests", "sum(increase(http_requests_total[$w]))"),
        ("uptime", "avg_over_time(up{job=\"shop\"}[$w])"),
    ] {
        let (ours, theirs) = (ours.kpi(metric), ask(expr).await);
        println!("{}: {metric} over {hours} h: ours {ours:.6}, theirs {theirs:.6}", server.name);
        if (ours / theirs - 1.0).abs() >= tolerance {
            differences.push(format!("{metric} over {hours} h: ours {ours}, theirs {theirs}"));
        }
    }
    assert!(differences.is_empty(), "{}: {differences:#?}", server.name);
}

#[tokio::test]
async fn prometheus_and_our_kpis_say_the_same() {
    let Some(server) = prometheus(&History::until(now()), "").await else { return skip("prometheus") };
    let keys = "presets = [\"up\", \"http-server\"]\nbackfill = \"100h\"\n";
    // Fine windows alone, then coarse and fine ones together.
    agrees(&server, keys, 6, 0.01).await;
    agrees(&server, keys, 72, 0.01).await;
}

#[tokio::test]
async fn victoria_metrics_and_our_kpis_say_the_same() {
    let Some(server) = victoria(&History::until(now())).await else { return skip("victoria-metrics") };
    let keys = "presets = [\"up\", \"http-server\"]\nbackfill = \"100h\"\n";
    agrees(&server, keys, 6, 0.01).await;
    agrees(&server, keys, 72, 0.01).await;
}

#[tokio::test]
async fn every_preset_is_an_expression_both_servers_accept() {
    // Quoted metric names need Prometheus 3; everything else must work here.
    let presets = "presets = [\"up\", \"node\", \"blackbox\", \"http-server\", \"micrometer\", \"otel\", \"otel-old\", \"grpc\", \
                   \"istio\", \"linkerd\", \"envoy\", \"traefik\", \"nginx-ingress\"]\nbackfill = \"1h\"\nstep = \"1m\"\n";
    let history = History::none();
    for server in [prometheus(&history, "").await, victoria(&history).await] {
        let Some(server) = server else { return skip("prometheus and victoria-metrics") };
        for selector in ["", "match = 'job=\"shop\"'\n", "match = 'job=\"shop\",instance!=\"x\"'\n"] {
            poll_all(&*source(&server, &format!("{presets}{selector}")), now()).await.unwrap_or_else(|e| panic!("{}: {e}", server.name));
        }
    }
}

#[tokio::test]
async fn a_wrong_expression_is_said_with_the_servers_own_words() {
    let history = History::none();
    for server in [prometheus(&history, "").await, victoria(&history).await] {
        let Some(server) = server else { return skip("prometheus and victoria-metrics") };
        let error = poll_all(&*source(&server, "[[source.query]]\nkpi = \"x\"\nexpr = \"sum(\"\n"), now()).await.unwrap_err();
        assert!(
            matches!(&error, SourceError::Malformed(m) if m.contains("query `x`") && m.contains("sum(")
            || matches!(&error, SourceError::Malformed(m) if m.contains("parse error"))),
            "{}: {error:?}",
            server.name
        );
    }
}

#[tokio::test]
async fn the_window_is_found_by_what_the_server_scrapes() {
    // Scraped once a minute: a window of one minute never holds two scrapes.
    let history = History { every_s: 60, hours: 6, until: now().timestamp() / 60 * 60 };
    let Some(server) = prometheus(&history, "").await else { return skip("prometheus") };
    let records = poll_all(&*source(&server, "presets = [\"http-server\"]\nbackfill = \"2h\"\n"), now()).await.unwrap();
    let windows: Vec<f64> = records.iter().filter_map(|r| if let Body::Sample(s) = &r.body { Some(s.window_s) } else { None }).collect();
    assert!(!windows.is_empty() && windows.iter().all(|w| *w == 120.0), "{windows:?}");
}

#[tokio::test]
async fn a_live_scrape_arrives_within_a_few_windows() {
    let Some(server) =
        prometheus(&History::none(), "scrape_configs: [{job_name: self, scrape_interval: 1s, static_configs: [{targets: ['SELF']}]}]\n")
            .await
    else {
        return skip("prometheus");
    };
    let keys = "preset = \"up\"\nstep = \"2s\"\nbackfill = \"1h\"\n[[source.query]]\nkpi = \"requests\"\n\
                expr = 'sum by (job) (increase(prometheus_http_requests_total[$step]))'\nlabels = { service = \"job\" }\n";
    let source = source(&server, keys);
    for _ in 0..100 {
        let records = poll_all(&*source, now()).await.unwrap();
        let has = |wanted: fn(&Body) -> bool| records.iter().any(|r| r.service.as_deref() == Some("self") && wanted(&r.body));
        let up = has(|b| matches!(b, Body::Probe(p) if p.ok));
        let counted = has(|b| matches!(b, Body::Sample(s) if s.metric == "requests" && s.value > Some(0.0)));
        if up && counted {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    panic!("no live point within 20 s");
}

#[tokio::test]
async fn basic_authentication_and_client_certificates_are_accepted_by_a_real_server() {
    let Some(server) = servers::program::guarded(&authority::Authority::new()).await else { return skip("prometheus") };
    let keys = "preset = \"up\"\nbackfill = \"1h\"\nstep = \"1m\"\n";
    let tls = "tls = { ca_file = \"ca.pem\", cert_file = \"cert.pem\", key_file = \"key.pem\" }\n";
    let good = format!("{keys}{tls}auth = {{ user = \"admin\", password = {{ file = \"password\" }} }}\n");
    poll_all(&*source(&server, &good), now()).await.unwrap();
    let wrong = format!("{keys}{tls}auth = {{ user = \"admin\", password = {{ file = \"ca.pem\" }} }}\n");
    let error = poll_all(&*source(&server, &wrong), now()).await.unwrap_err();
    assert!(matches!(error, SourceError::Denied(_)), "{error:?}");
    let without = poll_all(&*source(&server, &format!("{keys}tls = {{ ca_file = \"ca.pem\" }}\n")), now()).await.unwrap_err();
    assert!(matches!(without, SourceError::Unreachable(_)), "{without:?}");
}
