//! Whom TLS trusts, who we are to a server that asks, and how long a certificate is still good.

use std::path::Path;

use quarterdeck::{
    config::Config,
    domain::{Time, record::Body},
    sources::{
        self, Batch, Cursor, SourceError,
        http::{Auth, Client, Request, Tls},
    },
};

use super::{
    authority::Authority,
    network::{get, json, settings},
    server::{Play, Server},
};

fn client(dir: &Path, url: &str, tls: &Tls) -> Client {
    Client::new(&settings(dir), url, &Auth::default(), tls).unwrap()
}

#[tokio::test]
async fn an_unknown_authority_is_refused_until_its_file_is_named() {
    let (dir, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let server = Server::start_tls(json(), authority.server(2090, false)).await;
    let error = get(&client(dir.path(), &server.url, &Tls::default()), Request::get("/")).await.unwrap_err();
    assert!(matches!(&error, SourceError::Unreachable(m) if m.contains("certificate") && m.contains("ca_file")), "{error:?}");
    let tls = Tls { ca_file: authority.files(dir.path()).ca_file, ..Tls::default() };
    get(&client(dir.path(), &server.url, &tls), Request::get("/")).await.unwrap();
}

#[tokio::test]
async fn a_server_that_asks_for_a_certificate_gets_ours() {
    let (dir, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let server = Server::start_tls(json(), authority.server(2090, true)).await;
    let tls = authority.files(dir.path());
    let without = Tls { ca_file: tls.ca_file.clone(), ..Tls::default() };
    let error = get(&client(dir.path(), &server.url, &without), Request::get("/")).await.unwrap_err();
    assert!(matches!(error, SourceError::Unreachable(_)), "{error:?}");
    get(&client(dir.path(), &server.url, &tls), Request::get("/")).await.unwrap();
}

#[tokio::test]
async fn a_redirect_from_https_to_http_is_not_followed() {
    let (dir, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let plain = Server::start(json()).await;
    let to_plain = super::network::reply(302, &[("Location", &plain.url)], "");
    let server = Server::start_tls(Play::Always(to_plain), authority.server(2090, false)).await;
    let error = get(&client(dir.path(), &server.url, &authority.files(dir.path())), Request::get("/")).await.unwrap_err();
    assert!(matches!(&error, SourceError::Malformed(m) if m.contains("from https to http")), "{error:?}");
    assert!(plain.seen().is_empty());
}

/// One poll of a probe of `url` that trusts the authority.
async fn probe(authority: &Authority, url: &str, now: Time) -> Batch {
    let dir = tempfile::tempdir().unwrap();
    authority.files(dir.path());
    let text = format!("[[source]]\nname = \"p\"\nkind = \"http\"\nurl = \"{url}\"\ntls = {{ ca_file = \"ca.pem\" }}\n");
    let config = Config::parse(&text, "c.toml", dir.path()).unwrap();
    let (source, _) = sources::build(&config.sources[0]).unwrap();
    source.poll(&Cursor::default(), now).await.unwrap()
}

fn days_left(batch: &Batch) -> Option<f64> {
    batch.records.iter().find_map(|r| match &r.body {
        Body::Sample(s) if s.metric == "tls.days_left" => s.value,
        _ => None,
    })
}

fn error_kind(batch: &Batch) -> Option<&str> {
    super::case::first_probe(&batch.records).error_kind.as_deref()
}

#[tokio::test]
async fn a_probe_says_how_many_days_a_certificate_has_left_and_warns_in_time() {
    let authority = Authority::new();
    let server = Server::start_tls(json(), authority.server(2090, false)).await;
    let batch = probe(&authority, &server.url, "2090-11-30T00:00:00Z".parse().unwrap()).await;
    assert_eq!((error_kind(&batch), days_left(&batch)), (None, Some(31.0)));
    assert!(!batch.message.contains("certificate"), "{}", batch.message);
    let batch = probe(&authority, &server.url, "2090-12-28T00:00:00Z".parse().unwrap()).await;
    assert_eq!((error_kind(&batch), days_left(&batch)), (None, Some(3.0)));
    assert!(batch.message.contains("ends in 3 days"), "{}", batch.message);
}

#[tokio::test]
async fn a_probe_of_an_expired_or_foreign_certificate_fails_for_its_certificate() {
    let (authority, other) = (Authority::new(), Authority::new());
    for config in [authority.server(2021, false), other.server(2090, false)] {
        let server = Server::start_tls(json(), config).await;
        let batch = probe(&authority, &server.url, "2026-03-01T12:00:00Z".parse().unwrap()).await;
        assert_eq!(error_kind(&batch), Some("certificate"));
    }
}

#[tokio::test]
async fn a_probe_with_tls_of_a_server_without_fails_for_tls() {
    let server = Server::start(json()).await;
    let batch = probe(&Authority::new(), &server.url.replace("http:", "https:"), "2026-03-01T12:00:00Z".parse().unwrap()).await;
    assert_eq!(error_kind(&batch), Some("tls"));
}
