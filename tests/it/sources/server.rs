//! A small web server on loopback that plays recorded answers, or behaves badly in every way there is.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::Deserialize;
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

/// One recorded answer. The first whose path is equal and whose query is part of the request's (URL and form) is given.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    pub path: String,
    #[serde(default)]
    pub query: BTreeMap<String, String>,
    #[serde(default = "ok")]
    pub status: u16,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// JSON; a string is sent as it is.
    pub body: Value,
}

fn ok() -> u16 {
    200
}

/// One reply.
#[derive(Debug, Clone)]
pub enum Reply {
    Whole {
        status: u16,
        headers: BTreeMap<String, String>,
        body: Vec<u8>,
    },
    /// Promises 1000 bytes, sends a few, closes.
    CutOff,
    /// So many bytes of JSON-like text.
    Flood(u64),
    /// Begins a body and never ends it.
    Endless,
    /// Says nothing.
    Never,
    /// Closes at once.
    Hangup,
    /// This status, and in the body what the client sent.
    Echo(u16),
}

/// What a server does.
#[derive(Debug, Clone)]
pub enum Play {
    Answers(Vec<Answer>),
    Always(Reply),
}

/// What it was asked.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub query: BTreeMap<String, String>,
    pub headers: BTreeMap<String, String>,
    raw: String,
}

/// A running server; ends when dropped.
pub struct Server {
    pub url: String,
    log: Arc<Log>,
    _tasks: JoinSet<()>,
}

#[derive(Default)]
struct Log {
    seen: Mutex<Vec<Seen>>,
    unmatched: Mutex<Vec<String>>,
    connections: AtomicU64,
    sent: AtomicU64,
}

impl Server {
    pub async fn start(play: Play) -> Self {
        Self::serve(play, None).await
    }

    pub async fn start_tls(play: Play, tls: Arc<ServerConfig>) -> Self {
        Self::serve(play, Some(TlsAcceptor::from(tls))).await
    }

    async fn serve(play: Play, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let log = Arc::new(Log::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, play, tls, log.clone()));
        Self { url, log, _tasks: tasks }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.log.seen.lock().unwrap().clone()
    }

    pub fn unmatched(&self) -> Vec<String> {
        self.log.unmatched.lock().unwrap().clone()
    }

    pub fn connections(&self) -> u64 {
        self.log.connections.load(Ordering::Relaxed)
    }

    /// Bytes of bodies handed to the network.
    pub fn sent(&self) -> u64 {
        self.log.sent.load(Ordering::Relaxed)
    }
}

async fn accept(listener: TcpListener, play: Play, tls: Option<TlsAcceptor>, log: Arc<Log>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        log.connections.fetch_add(1, Ordering::Relaxed);
        connections.spawn(connection(stream, play.clone(), tls.clone(), log.clone()));
    }
}

async fn connection(stream: TcpStream, play: Play, tls: Option<TlsAcceptor>, log: Arc<Log>) {
    // A client that goes away in the middle is part of the game.
    let _ = match tls {
        None => talk(stream, &play, &log).await,
        Some(acceptor) => match acceptor.accept(stream).await {
            Ok(stream) => talk(stream, &play, &log).await,
            Err(e) => Err(e),
        },
    };
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, play: &Play, log: &Log) -> std::io::Result<()> {
    loop {
        let Some(request) = read_request(&mut stream).await? else {
            return stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
        };
        log.seen.lock().unwrap().push(request.clone());
        let reply = match play {
            Play::Always(reply) => reply.clone(),
            Play::Answers(answers) => answer(answers, &request, log),
        };
        match reply {
            Reply::Whole { status, headers, body } => whole(&mut stream, status, &headers, &body, log).await?,
            Reply::Echo(status) => whole(&mut stream, status, &BTreeMap::new(), request.raw.as_bytes(), log).await?,
            Reply::CutOff => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"status\":").await?;
                return stream.shutdown().await;
            }
            Reply::Flood(size) => {
                // No Content-Length, so that only counting can stop it.
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n[").await?;
                let block = b"\"0123456789\",\n".repeat(4096);
                for _ in 0..size / block.len() as u64 {
                    stream.write_all(&block).await?;
                    log.sent.fetch_add(block.len() as u64, Ordering::Relaxed);
                }
                return stream.shutdown().await;
            }
            Reply::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n").await?;
                std::future::pending::<()>().await;
            }
            Reply::Never => std::future::pending::<()>().await,
            Reply::Hangup => return stream.shutdown().await,
        }
    }
}

fn answer(answers: &[Answer], request: &Seen, log: &Log) -> Reply {
    let fits = |a: &&Answer| a.path == request.path && a.query.iter().all(|(k, v)| request.query.get(k) == Some(v));
    let Some(answer) = answers.iter().find(fits) else {
        log.unmatched.lock().unwrap().push(format!("{} {} {:?}", request.method, request.path, request.query));
        return Reply::Whole { status: 404, headers: BTreeMap::new(), body: b"no recorded answer".to_vec() };
    };
    let body = match &answer.body {
        Value::String(text) => text.clone(),
        json => json.to_string(),
    };
    let mut headers = answer.headers.clone();
    headers.entry("Content-Type".into()).or_insert_with(|| "application/json".into());
    Reply::Whole { status: answer.status, headers, body: body.into_bytes() }
}

async fn whole<S: AsyncWrite + Unpin>(
    stream: &mut S,
    status: u16,
    headers: &BTreeMap<String, String>,
    body: &[u8],
    log: &Log,
) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {status} Whatever\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).await?;
    stream.write_all(body).await?;
    log.sent.fetch_add(body.len() as u64, Ordering::Relaxed);
    stream.flush().await
}

async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> std::io::Result<Option<Seen>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).await? == 0 {
            return Ok(None);
        }
        head.push(byte[0]);
        if !head[0].is_ascii_alphabetic() {
            // Somebody speaks TLS to a server without.
            return Ok(None);
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (first.next().unwrap_or_default().to_owned(), first.next().unwrap_or_default());
    let headers: BTreeMap<String, String> =
        lines.filter_map(|l| l.split_once(": ")).map(|(k, v)| (k.to_lowercase(), v.to_owned())).collect();
    let length = headers.get("content-length").and_then(|v| v.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    let form = String::from_utf8_lossy(&body).into_owned();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pairs = |text: &str| match quarterdeck::sources::http::Url::parse(&format!("http://h/?{text}")) {
        Ok(url) => url.query_pairs().map(|(k, v)| (k.into_owned(), v.into_owned())).collect::<Vec<_>>(),
        Err(_) => Vec::new(),
    };
    let query = pairs(query).into_iter().chain(pairs(&form)).collect();
    Ok(Some(Seen { method, path: path.to_owned(), query, headers, raw: head.clone() }))
}
