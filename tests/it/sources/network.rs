//! What only a real exchange shows: where credentials go, whom TLS trusts, what inflation costs, what a probe measures.

use std::{path::Path, time::Duration};

use quarterdeck::{
    config::{OwnKeys, secret::Secret},
    domain::Time,
    sources::{
        Settings, SourceError,
        http::{Answer, Auth, Client, Request, Tls},
    },
};

use super::{
    SECRET,
    server::{Play, Reply, Seen, Server},
};

pub fn now() -> Time {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

pub fn settings(dir: &Path) -> Settings {
    let second = Duration::from_secs(1);
    let own = OwnKeys { dir: dir.to_owned(), ..OwnKeys::default() };
    Settings { name: "s".into(), backfill: None, timeout: 5 * second, every: 30 * second, own }
}

pub fn reply(status: u16, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Reply {
    let headers = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    Reply::Whole { status, headers, body: body.into() }
}

pub fn json() -> Play {
    Play::Always(reply(200, &[], "{}"))
}

pub async fn get(client: &Client, request: Request) -> Result<Answer, SourceError> {
    client.open().await?.send(request, now()).await
}

fn with_token(url: &str, dir: &Path, tls: &Tls) -> Client {
    std::fs::write(dir.join("token"), SECRET).unwrap();
    let auth = Auth { bearer: Some(Secret::File("token".into())), ..Auth::default() };
    Client::new(&settings(dir), url, &auth, tls).unwrap().with_header("X-Scope-OrgID", "tenant").unwrap()
}

fn sent(seen: &Seen, header: &str) -> String {
    seen.headers.get(header).cloned().unwrap_or_default()
}

#[tokio::test]
async fn credentials_and_own_headers_stay_with_their_origin() {
    let dir = tempfile::tempdir().unwrap();
    let stranger = Server::start(json()).await;
    let home = Server::start(Play::Always(reply(307, &[("Location", &format!("{}/elsewhere", stranger.url))], ""))).await;
    let client = with_token(&home.url, dir.path(), &Tls::default());
    get(&client, Request::post_form("/a", &[("query".into(), "up".into())])).await.unwrap();
    let (first, second) = (&home.seen()[0], &stranger.seen()[0]);
    assert_eq!(sent(first, "authorization"), format!("Bearer {SECRET}"));
    assert_eq!(sent(first, "x-scope-orgid"), "tenant");
    assert!(sent(first, "user-agent").starts_with("quarterdeck/"));
    assert_eq!((second.method.as_str(), second.query["query"].as_str()), ("POST", "up"), "307 keeps method and body");
    assert_eq!(sent(second, "authorization"), "");
    assert_eq!(sent(second, "x-scope-orgid"), "");
}

#[tokio::test]
async fn an_absolute_next_page_elsewhere_gets_no_credentials() {
    let dir = tempfile::tempdir().unwrap();
    let (home, stranger) = (Server::start(json()).await, Server::start(json()).await);
    let client = with_token(&home.url, dir.path(), &Tls::default());
    get(&client, Request::get(format!("{}/page/2", stranger.url))).await.unwrap();
    get(&client, Request::get(format!("{}/page/2", home.url))).await.unwrap();
    assert_eq!(sent(&stranger.seen()[0], "authorization"), "");
    assert_eq!(sent(&home.seen()[0], "authorization"), format!("Bearer {SECRET}"));
}

#[tokio::test]
async fn a_missing_secret_is_denied_before_anything_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(json()).await;
    let client = with_token(&server.url, dir.path(), &Tls::default());
    std::fs::remove_file(dir.path().join("token")).unwrap();
    let error = get(&client, Request::get("/")).await.unwrap_err();
    assert!(matches!(&error, SourceError::Denied(m) if m.contains("token")), "{error:?}");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_conditional_request_comes_back_unchanged() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(Play::Always(reply(304, &[("ETag", "\"v1\"")], ""))).await;
    let client = with_token(&server.url, dir.path(), &Tls::default());
    let answer = get(&client, Request::get("/").if_changed_since(Some("\"v1\""))).await.unwrap();
    assert!(answer.not_modified());
    assert_eq!(answer.etag(), Some("\"v1\""));
    assert_eq!(sent(&server.seen()[0], "if-none-match"), "\"v1\"");
}

#[tokio::test]
async fn a_small_body_that_inflates_to_a_huge_one_is_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let bomb = gzip_of_zeros(64 << 20);
    assert!(bomb.len() < 1 << 20);
    let server = Server::start(Play::Always(reply(200, &[("Content-Encoding", "gzip")], bomb))).await;
    let error = get(&with_token(&server.url, dir.path(), &Tls::default()), Request::get("/")).await.unwrap_err();
    assert!(matches!(&error, SourceError::Malformed(m) if m.contains("larger than 16 MiB")), "{error:?}");
}

/// Gzip whose deflate stream says "a zero, and 258 more of it" over and over; its checksum is never reached.
fn gzip_of_zeros(size: usize) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let (mut bits, mut held) = (0_u64, 0);
    let mut push = |value: u64, count: u32, out: &mut Vec<u8>| {
        bits |= value << held;
        held += count;
        while held >= 8 {
            out.push(u8::try_from(bits & 0xff).unwrap());
            bits >>= 8;
            held -= 8;
        }
    };
    push(0b011, 3, &mut out); // last block, fixed codes
    push(0b0000_1100, 8, &mut out); // literal 0 (code 00110000, bit-reversed)
    for _ in 0..size / 258 {
        push(0b1010_0011, 8, &mut out); // length 258 (code 11000101, bit-reversed)
        push(0, 5, &mut out); // distance 1
    }
    push(0, 16, &mut out);
    out
}
