//! What a probe reports beyond the contract: fresh connections, redirects, refusals, the canary.

use quarterdeck::{
    config::Config,
    domain::record::{Body, Probe},
    sources::{self, Batch, Cursor, Source},
};

use super::{
    network::{json, now, reply},
    server::{Play, Server},
};

fn source(keys: &str) -> Box<dyn Source> {
    let text = format!("[[source]]\nname = \"p\"\nkind = \"http\"\nevery = \"10s\"\n{keys}");
    let config = Config::parse(&text, "c.toml", std::path::Path::new(".")).unwrap();
    sources::build(&config.sources[0]).unwrap().0
}

async fn poll(keys: &str) -> Batch {
    source(keys).poll(&Cursor::default(), now()).await.unwrap()
}

fn results(batch: &Batch) -> Vec<&Probe> {
    let results = batch.records.iter().filter_map(|r| match &r.body {
        Body::Probe(p) => Some(p),
        _ => None,
    });
    results.collect()
}

/// An address nobody listens at.
async fn closed() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn every_probe_connects_anew() {
    let server = Server::start(json()).await;
    let source = source(&format!("url = \"{}\"", server.url));
    for _ in 0..3 {
        let batch = source.poll(&Cursor::default(), now()).await.unwrap();
        assert!(results(&batch)[0].ok);
    }
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn a_closed_port_is_refused_and_the_next_check_still_runs() {
    let (server, closed) = (Server::start(json()).await, closed().await);
    let batch = poll(&format!("urls = [\"{closed}\", \"{}\"]", server.url)).await;
    let found: Vec<_> = results(&batch).iter().map(|p| (p.ok, p.error_kind.as_deref(), p.interval_s)).collect();
    assert_eq!(found, [(false, Some("refused"), Some(10.0)), (true, None, Some(10.0))]);
    assert!(batch.message.starts_with("1 of 2 checks up; "), "{}", batch.message);
}

#[tokio::test]
async fn redirects_are_followed_counted_or_taken_as_the_answer() {
    let end = Server::start(json()).await;
    let start = Server::start(Play::Always(reply(302, &[("Location", &end.url)], ""))).await;
    for (keys, expected) in [
        ("", None),
        ("redirects = 1", None),
        ("redirects = 0", Some("redirect")),
        ("follow = false", Some("status")),
        ("follow = false\nexpect = [302]", None),
    ] {
        let batch = poll(&format!("[[source.check]]\nurl = \"{}\"\n{keys}", start.url)).await;
        assert_eq!(results(&batch)[0].error_kind.as_deref(), expected, "{keys}");
    }
}

#[tokio::test]
async fn when_the_canary_is_down_too_a_failure_is_unknown() {
    let (closed, other) = (closed().await, Server::start(json()).await);
    let batch = poll(&format!("urls = [\"{closed}\", \"{}\"]\ncanary = \"{closed}/canary\"", other.url)).await;
    let found: Vec<_> = results(&batch).iter().map(|p| p.ok).collect();
    assert_eq!(found, [true], "what answered is known, what did not is not");
    assert!(batch.message.contains("canary is down too"), "{}", batch.message);
    let batch = poll(&format!("url = \"{closed}\"\ncanary = \"{}\"", other.url)).await;
    assert_eq!(results(&batch).len(), 1, "with the canary up the failure is the target's");
}

#[tokio::test]
async fn credentials_go_to_the_target_only() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("t"), super::SECRET).unwrap();
    let end = Server::start(json()).await;
    let start = Server::start(Play::Always(reply(302, &[("Location", &end.url)], ""))).await;
    let token = dir.path().join("t");
    let auth = format!("auth = {{ bearer = {{ file = \"{}\" }} }}\nheaders = {{ X-Extra = \"1\" }}", token.display());
    poll(&format!("[[source.check]]\nurl = \"{}\"\n{auth}", start.url)).await;
    assert!(start.seen()[0].headers["authorization"].ends_with(super::SECRET));
    assert_eq!(start.seen()[0].headers["x-extra"], "1");
    assert!(!end.seen()[0].headers.contains_key("authorization"));
    assert!(!end.seen()[0].headers.contains_key("x-extra"));
}
