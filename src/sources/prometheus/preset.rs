//! Conventional metric names, as rows: which expression feeds which KPI where a stack names its metrics as usual.
//!
//! `$service` is the label that names the service, `$match` the source's own selector, `$step` the window. A row with
//! `bad` counts errors among the total in `expr`. Several names for one thing are joined with `or`, which takes the
//! right side only for services the left side does not have.

/// One row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub preset: &'static str,
    pub name: &'static str,
    pub kpi: &'static str,
    /// Label that names the service unless the source says another.
    pub service: &'static str,
    /// Label of which the majority decides (instances of a job).
    pub location: &'static str,
    pub unit: &'static str,
    pub expr: &'static str,
    pub bad: &'static str,
}

/// Used when a source names neither presets nor queries.
pub(super) const DEFAULT: &[&str] = &["up", "http-server", "otel"];

const fn latency(preset: &'static str, service: &'static str, unit: &'static str, expr: &'static str) -> Row {
    Row { preset, name: "latency", kpi: "latency", service, location: "", unit, expr, bad: "" }
}

const fn requests(preset: &'static str, service: &'static str, expr: &'static str, bad: &'static str) -> Row {
    Row { preset, name: "requests", kpi: "error_rate", service, location: "", unit: "", expr, bad }
}

const fn up(preset: &'static str, location: &'static str, expr: &'static str) -> Row {
    Row { preset, name: "up", kpi: "uptime", service: "job", location, unit: "", expr, bad: "" }
}

const fn value(preset: &'static str, name: &'static str, unit: &'static str, expr: &'static str) -> Row {
    Row { preset, name, kpi: name, service: "job", location: "", unit, expr, bad: "" }
}

/// Every preset.
pub(super) const ROWS: &[Row] = &[
    // every scrape target; a job is down when most of its instances are
    up("up", "instance", "min by ($service, instance) (up{$match})"),
    // node exporter: machines as targets
    up("node", "instance", "min by ($service, instance) (up{job=~\".*node.*\",$match})"),
    // blackbox exporter: each probed address is a check of its own
    up("blackbox", "", "min by ($service, instance) (probe_success{$match})"),
    value("blackbox", "probe.latency", "s", "max by ($service, instance) (probe_duration_seconds{$match})"),
    value("blackbox", "tls.days_left", "d", "(min by ($service, instance) (probe_ssl_earliest_cert_expiry{$match}) - time()) / 86400"),
    // client libraries: http_requests_total, http_request_duration_seconds, with `code` or `status`
    requests(
        "http-server",
        "job",
        "sum by ($service) (increase(http_requests_total{$match}[$step])) \
         or sum by ($service) (increase(http_request_duration_seconds_count{$match}[$step]))",
        "sum by ($service) (increase(http_requests_total{code=~\"5..\",$match}[$step])) \
         or sum by ($service) (increase(http_requests_total{status=~\"5..\",$match}[$step])) \
         or sum by ($service) (increase(http_requests_total{status_code=~\"5..\",$match}[$step])) \
         or sum by ($service) (increase(http_request_duration_seconds_count{code=~\"5..\",$match}[$step])) \
         or sum by ($service) (increase(http_request_duration_seconds_count{status=~\"5..\",$match}[$step])) \
         or sum by ($service) (increase(http_request_duration_seconds_count{status_code=~\"5..\",$match}[$step]))",
    ),
    latency("http-server", "job", "s", "sum by (le, $service) (increase(http_request_duration_seconds_bucket{$match}[$step]))"),
    // Micrometer (Spring Boot)
    requests(
        "micrometer",
        "job",
        "sum by ($service) (increase(http_server_requests_seconds_count{$match}[$step]))",
        "sum by ($service) (increase(http_server_requests_seconds_count{status=~\"5..\",$match}[$step]))",
    ),
    latency("micrometer", "job", "s", "sum by (le, $service) (increase(http_server_requests_seconds_bucket{$match}[$step]))"),
    // OpenTelemetry semantic conventions 1.23 and later, names translated
    requests(
        "otel",
        "job",
        "sum by ($service) (increase(http_server_request_duration_seconds_count{$match}[$step]))",
        "sum by ($service) (increase(http_server_request_duration_seconds_count{http_response_status_code=~\"5..\",$match}[$step]))",
    ),
    latency("otel", "job", "s", "sum by (le, $service) (increase(http_server_request_duration_seconds_bucket{$match}[$step]))"),
    // the same with names kept as they are (UTF-8 names, Prometheus 3)
    requests(
        "otel-utf8",
        "job",
        "sum by ($service) (increase({\"http.server.request.duration_count\",$match}[$step])) \
         or sum by ($service) (increase({\"http.server.request.duration_seconds_count\",$match}[$step]))",
        "sum by ($service) (increase({\"http.server.request.duration_count\",\"http.response.status_code\"=~\"5..\",$match}[$step])) \
         or sum by ($service) (increase({\"http.server.request.duration_seconds_count\",\"http.response.status_code\"=~\"5..\",$match}[$step]))",
    ),
    latency(
        "otel-utf8",
        "job",
        "s",
        "sum by (le, $service) (increase({__name__=~\"http\\\\.server\\\\.request\\\\.duration(_seconds)?_bucket\",$match}[$step]))",
    ),
    // OpenTelemetry before 1.23: milliseconds
    requests(
        "otel-old",
        "job",
        "sum by ($service) (increase(http_server_duration_milliseconds_count{$match}[$step]))",
        "sum by ($service) (increase(http_server_duration_milliseconds_count{http_status_code=~\"5..\",$match}[$step]))",
    ),
    latency("otel-old", "job", "ms", "sum by (le, $service) (increase(http_server_duration_milliseconds_bucket{$match}[$step]))"),
    // gRPC servers (go-grpc-prometheus names); codes that are the server's fault
    requests(
        "grpc",
        "grpc_service",
        "sum by ($service) (increase(grpc_server_handled_total{$match}[$step]))",
        "sum by ($service) (increase(grpc_server_handled_total{grpc_code=~\"Unknown|DeadlineExceeded|Unimplemented|Internal|Unavailable|DataLoss\",$match}[$step]))",
    ),
    latency("grpc", "grpc_service", "s", "sum by (le, $service) (increase(grpc_server_handling_seconds_bucket{$match}[$step]))"),
    // Istio, as the destination reports it
    requests(
        "istio",
        "destination_service_name",
        "sum by ($service) (increase(istio_requests_total{reporter=\"destination\",$match}[$step]))",
        "sum by ($service) (increase(istio_requests_total{reporter=\"destination\",response_code=~\"5..\",$match}[$step]))",
    ),
    latency(
        "istio",
        "destination_service_name",
        "ms",
        "sum by (le, $service) (increase(istio_request_duration_milliseconds_bucket{reporter=\"destination\",$match}[$step]))",
    ),
    // Linkerd, inbound
    requests(
        "linkerd",
        "deployment",
        "sum by ($service) (increase(response_total{direction=\"inbound\",$match}[$step]))",
        "sum by ($service) (increase(response_total{direction=\"inbound\",classification=\"failure\",$match}[$step]))",
    ),
    latency(
        "linkerd",
        "deployment",
        "ms",
        "sum by (le, $service) (increase(response_latency_ms_bucket{direction=\"inbound\",$match}[$step]))",
    ),
    // Envoy clusters
    requests(
        "envoy",
        "envoy_cluster_name",
        "sum by ($service) (increase(envoy_cluster_upstream_rq_total{$match}[$step]))",
        "sum by ($service) (increase(envoy_cluster_upstream_rq_xx{envoy_response_code_class=\"5\",$match}[$step]))",
    ),
    latency("envoy", "envoy_cluster_name", "ms", "sum by (le, $service) (increase(envoy_cluster_upstream_rq_time_bucket{$match}[$step]))"),
    // Traefik services
    requests(
        "traefik",
        "service",
        "sum by ($service) (increase(traefik_service_requests_total{$match}[$step]))",
        "sum by ($service) (increase(traefik_service_requests_total{code=~\"5..\",$match}[$step]))",
    ),
    latency("traefik", "service", "s", "sum by (le, $service) (increase(traefik_service_request_duration_seconds_bucket{$match}[$step]))"),
    // ingress-nginx
    requests(
        "nginx-ingress",
        "ingress",
        "sum by ($service) (increase(nginx_ingress_controller_requests{$match}[$step]))",
        "sum by ($service) (increase(nginx_ingress_controller_requests{status=~\"5..\",$match}[$step]))",
    ),
    latency(
        "nginx-ingress",
        "ingress",
        "s",
        "sum by (le, $service) (increase(nginx_ingress_controller_request_duration_seconds_bucket{$match}[$step]))",
    ),
];

/// Names of the presets, in order.
pub(super) fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> = ROWS.iter().map(|row| row.preset).collect();
    names.dedup();
    names
}
