//! What kind `prometheus` asks and says beyond the contract.

use quarterdeck::{
    config::{Config, Fault},
    domain::record::Body,
    sources::{self, Batch, Cursor, Source, SourceError},
};
use serde_json::{Value, json};

use super::{
    network::{now, reply},
    server::{Answer, Play, Server},
};

fn build(url: &str, keys: &str) -> Result<Box<dyn Source>, Vec<Fault>> {
    let text = format!("[[source]]\nname = \"p\"\nkind = \"prometheus\"\nurl = \"{url}\"\n{keys}");
    let config = Config::parse(&text, "c.toml", std::path::Path::new(".")).unwrap();
    sources::build(&config.sources[0]).map(|(source, _)| source)
}

async fn poll(server: &Server, keys: &str) -> Result<Batch, SourceError> {
    build(&server.url, keys).unwrap().poll(&Cursor::default(), now()).await
}

fn always(body: &Value) -> Play {
    Play::Always(reply(200, &[], body.to_string()))
}

fn matrix(series: &Value) -> Value {
    json!({"status": "success", "data": {"resultType": "matrix", "result": series}})
}

const ONE: &str = "backfill = \"1h\"\nstep = \"1m\"\n[[source.query]]\nkpi = \"x\"\n";

#[tokio::test]
async fn a_long_expression_is_posted_and_a_short_one_is_not() {
    let server = Server::start(always(&matrix(&json!([])))).await;
    let long = format!("x{{job=~\"{}\"}}", "a|".repeat(600));
    poll(&server, &format!("{ONE}expr = '{long}'")).await.unwrap();
    poll(&server, &format!("{ONE}expr = 'x'")).await.unwrap();
    let seen = server.seen();
    assert_eq!((seen[0].method.as_str(), seen[0].query["query"].as_str()), ("POST", long.as_str()));
    assert_eq!(seen[0].headers["content-type"], "application/x-www-form-urlencoded");
    assert_eq!(seen[1].method, "GET");
}

#[tokio::test]
async fn tenant_and_parameters_go_with_every_query() {
    let server = Server::start(always(&matrix(&json!([])))).await;
    let keys = "tenant = \"shop\"\npartial_response = false\nparams = { max_source_resolution = \"5m\" }\n";
    poll(&server, &format!("{keys}{ONE}expr = 'x'")).await.unwrap();
    let seen = &server.seen()[0];
    assert_eq!(seen.headers["x-scope-orgid"], "shop");
    assert_eq!((seen.query["partial_response"].as_str(), seen.query["max_source_resolution"].as_str()), ("false", "5m"));
}

#[tokio::test]
async fn warnings_say_that_the_answer_is_partial() {
    let mut body = matrix(&json!([]));
    body["warnings"] = json!(["store \u{1b}[31mdown"]);
    let batch = poll(&Server::start(always(&body)).await, &format!("{ONE}expr = 'x'")).await.unwrap();
    assert!(batch.message.starts_with("partial: store down; "), "{}", batch.message);
    assert!(batch.message.contains("nothing matched"), "{}", batch.message);
}

#[tokio::test]
async fn an_error_under_status_200_is_an_error() {
    let server = Server::start(always(&json!({"status": "error", "errorType": "execution", "error": "too much"}))).await;
    let error = poll(&server, &format!("{ONE}expr = 'x'")).await.unwrap_err();
    assert!(matches!(&error, SourceError::Malformed(m) if m.contains("query `x`") && m.contains("too much")), "{error:?}");
}

#[tokio::test]
async fn without_a_configured_step_the_shortest_that_gives_anything_is_kept() {
    let at = now().timestamp();
    let answer = |path: &str, window: &str, found: bool| {
        let result = if found { json!([{"metric": {"job": "a"}, "value": [at, "3"]}]) } else { json!([]) };
        let body = json!({"status": "success", "data": {"resultType": "vector", "result": result}});
        let query = [("query".to_owned(), format!("sum(increase(x[{window}]))"))].into();
        Answer { path: path.into(), query, status: 200, headers: [].into(), body }
    };
    let instant = "/api/v1/query";
    let mut answers = vec![answer(instant, "300s", true), answer(instant, "60s", false), answer(instant, "120s", true)];
    answers.push(Answer { query: [].into(), body: matrix(&json!([])), ..answer("/api/v1/query_range", "120s", true) });
    let server = Server::start(Play::Answers(answers)).await;
    let keys = "backfill = \"1h\"\n[[source.query]]\nkpi = \"requests\"\nexpr = 'sum(increase(x[$step]))'";
    let batch = poll(&server, keys).await.unwrap();
    assert_eq!(server.seen().last().unwrap().query["step"], "120");
    let asked = server.seen().len();
    build(&server.url, keys).unwrap().poll(&batch.cursor, now()).await.unwrap();
    let again = server.seen().split_off(asked);
    assert!(again.iter().all(|s| s.path == "/api/v1/query_range" && s.query["step"] == "120"), "{again:?}");
}

#[tokio::test]
async fn ready_made_quantiles_are_kept_apart_from_what_can_be_merged() {
    let at = now().timestamp() - 120;
    let server = Server::start(always(&matrix(&json!([{"metric": {"service": "a"}, "values": [[at, "250"]]}])))).await;
    let keys = "backfill = \"1h\"\nstep = \"1m\"\n[[source.query]]\nkpi = \"latency_p95\"\nunit = \"ms\"\nexpr = 'p95'";
    let batch = poll(&server, keys).await.unwrap();
    assert!(batch.message.contains("cannot be merged"), "{}", batch.message);
    let Body::Sample(sample) = &batch.records[0].body else { panic!("{:?}", batch.records[0]) };
    assert_eq!((sample.metric.as_str(), sample.value, sample.unit.as_deref()), ("latency_p95", Some(0.25), Some("s")));
}

#[test]
fn faults_say_where_they_stand_and_what_was_expected() {
    for (keys, line, expected) in [
        ("preset = \"htp\"", 5, "http-server"),
        ("step = \"7m\"", 5, "divide an hour"),
        ("auth = { user = \"u\" }", 4, "go together"),
        ("[[source.query]]\nexpr = \"x\"", 5, "`kpi` is missing"),
        ("[[source.query]]\nkpi = \"x\"\nexpr = \"a\"\n[[source.query]]\nkpi = \"x\"\nexpr = \"b\"", 5, "`name` of its own"),
    ] {
        let fault = build("http://127.0.0.1:1", keys).err().unwrap().remove(0);
        assert!(fault.message.contains(expected), "{keys}: {fault}");
        assert_eq!(fault.line, line, "{keys}: {fault}");
    }
    let fault = build("http://me:pw@127.0.0.1:1", "").err().unwrap().remove(0);
    assert!(fault.message.contains("must not hold credentials") && !fault.message.contains("pw@"), "{fault}");
}
