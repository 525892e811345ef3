//! Starting real servers on free ports with data of their own, and asking them directly.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use quarterdeck::{
    config::{OwnKeys, secret::Secret},
    domain::Time,
    sources::{
        Settings,
        http::{Auth, Client, Request, Tls},
    },
};

use super::history::History;
use crate::authority::Authority;

/// The password of `admin` in [`guarded`]; the hash is the one of Prometheus' own documentation.
const PASSWORD: (&str, &str) = ("test", "$2b$12$hNf2lSsxfm0.i4a.1kVpSOVyBCfIB51VRjgBUyv6kdnyTlgWj81Ay");

/// A running server; killed and removed when dropped.
pub struct Running {
    pub name: &'static str,
    pub url: String,
    pub dir: tempfile::TempDir,
    child: Child,
    tls: Tls,
    auth: Auth,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn skip(what: &str) {
    if std::env::var_os("QUARTERDECK_SERVERS").is_none() {
        println!("skipped: starts real servers; set QUARTERDECK_SERVERS=1 to run it");
    } else {
        println!("skipped: {what} not found on PATH (apt-get install prometheus victoria-metrics)");
    }
}

fn found(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::var_os("QUARTERDECK_SERVERS").is_some() && std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

#[allow(clippy::disallowed_methods, reason = "the test starts the server it talks to")]
fn command(program: &str, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(dir).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Prometheus with a history, and with more configuration (`SELF` is its own address).
pub async fn prometheus(history: &History, more: &str) -> Option<Running> {
    if !(found("prometheus") && found("promtool")) {
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    if !history.is_empty() {
        fs::write(dir.path().join("history"), history.open_metrics()).unwrap();
        let made = command("promtool", dir.path()).args(["tsdb", "create-blocks-from", "openmetrics", "history", "data"]).status();
        assert!(made.unwrap().success(), "promtool made no blocks");
    }
    Some(start_prometheus(dir, more, "http", Tls::default(), Auth::default()).await)
}

/// Prometheus that asks for a client certificate and a password.
pub async fn guarded(authority: &Authority) -> Option<Running> {
    if !found("prometheus") {
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let tls = authority.files(dir.path());
    let (certificate, key) = authority.sign(2090);
    fs::write(dir.path().join("server.pem"), certificate.pem()).unwrap();
    fs::write(dir.path().join("server.key"), key.serialize_pem()).unwrap();
    fs::write(dir.path().join("password"), PASSWORD.0).unwrap();
    let web = format!(
        "tls_server_config: {{cert_file: server.pem, key_file: server.key, client_auth_type: RequireAndVerifyClientCert, \
         client_ca_file: ca.pem}}\nbasic_auth_users: {{admin: '{}'}}\n",
        PASSWORD.1
    );
    fs::write(dir.path().join("web.yml"), web).unwrap();
    let auth = Auth { user: Some("admin".into()), password: Some(Secret::File("password".into())), ..Auth::default() };
    Some(start_prometheus(dir, "", "https", tls, auth).await)
}

async fn start_prometheus(dir: tempfile::TempDir, more: &str, scheme: &str, tls: Tls, auth: Auth) -> Running {
    let address = format!("127.0.0.1:{}", free_port());
    fs::write(dir.path().join("prometheus.yml"), more.replace("SELF", &address)).unwrap();
    let mut command = command("prometheus", dir.path());
    command.args(["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=warn"]);
    command.arg(format!("--web.listen-address={address}"));
    if dir.path().join("web.yml").exists() {
        command.arg("--web.config.file=web.yml");
    }
    let child = command.stderr(fs::File::create(dir.path().join("log")).unwrap()).spawn().unwrap();
    let running = Running { name: "prometheus", url: format!("{scheme}://{address}"), dir, child, tls, auth };
    running.ready().await
}

/// VictoriaMetrics with a history.
pub async fn victoria(history: &History) -> Option<Running> {
    if !found("victoria-metrics") {
        return None;
    }
    let dir = tempfile::tempdir().unwrap();
    let address = format!("127.0.0.1:{}", free_port());
    let child = command("victoria-metrics", dir.path())
        .args(["-storageDataPath=data", "-retentionPeriod=1", "-loggerLevel=ERROR"])
        .arg(format!("-httpListenAddr={address}"))
        .stderr(fs::File::create(dir.path().join("log")).unwrap())
        .spawn()
        .unwrap();
    let (url, tls, auth) = (format!("http://{address}"), Tls::default(), Auth::default());
    let running = Running { name: "victoria-metrics", url, dir, child, tls, auth }.ready().await;
    // Large imports go in parts.
    let lines: Vec<String> = history.exposition().lines().map(str::to_owned).collect();
    for part in lines.chunks(50_000) {
        running.send(Request::post_text("api/v1/import/prometheus", part.join("\n") + "\n")).await.unwrap();
    }
    running.send(Request::get("internal/force_flush")).await.unwrap();
    running.send(Request::get("internal/resetRollupResultCache")).await.unwrap();
    Some(running)
}

impl Running {
    async fn ready(self) -> Self {
        for _ in 0..300 {
            if self.send(Request::get("api/v1/query").query("query", "1")).await.is_ok() {
                return self;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{} does not answer: {}", self.name, fs::read_to_string(self.dir.path().join("log")).unwrap_or_default());
    }

    async fn send(&self, request: Request) -> Result<Vec<u8>, String> {
        let own = OwnKeys { dir: self.dir.path().to_owned(), ..OwnKeys::default() };
        let (timeout, every) = (Duration::from_secs(30), Duration::from_secs(30));
        let settings = Settings { name: "oracle".into(), backfill: None, timeout, every, own };
        let client = Client::new(&settings, &self.url, &self.auth, &self.tls)?;
        let session = client.open().await.map_err(|e| e.to_string())?;
        let answer = session.send(request, Time::UNIX_EPOCH).await.map_err(|e| e.to_string())?;
        Ok(answer.bytes().to_vec())
    }

    /// One number by PromQL.
    pub async fn ask(&self, expr: &str, at: Time) -> f64 {
        let request = Request::get("api/v1/query").query("query", expr).query("time", at.timestamp().to_string());
        let body = self.send(request).await.unwrap();
        let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let value = &json["data"]["result"][0]["value"][1];
        value.as_str().unwrap_or_else(|| panic!("{expr}: {json}")).parse().unwrap()
    }
}
