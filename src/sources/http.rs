//! The only road to the network, for every kind that speaks HTTP.
//!
//! A [`Client`] belongs to one configured source; [`Client::open`] looks the secrets up and gives a [`Session`] for one
//! poll; [`Session::send`] makes one bounded exchange: connect and total timeout, body cap counted after inflation,
//! redirects that never carry credentials to another origin, statuses turned into [`SourceError`]. What leaves here as a
//! message holds no secret, no URL credential, no query string and no control character.
//!
//! Must not: retry, wait or pace (the engine does), know any upstream, read the clock (elapsed time is fine).

mod answer;
mod settings;
mod trouble;

use std::time::Duration;

pub use answer::Answer;
pub use reqwest::{Method, Url};
use reqwest::{
    StatusCode,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, LOCATION},
};
pub use settings::{Auth, Credential, Tls};
pub use trouble::Trouble;

use super::{Settings, SourceError};
use crate::domain::{Time, text::clean_to};

/// Largest answer read, in bytes after inflation, unless a kind says otherwise.
pub const MAX_BODY: usize = 16 << 20;
/// Longest part of an outside text quoted in a message.
const MAX_QUOTE: usize = 200;
const MAX_REDIRECTS: u32 = 5;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const USER_AGENT: &str = concat!("quarterdeck/", env!("CARGO_PKG_VERSION"));

/// Install the TLS implementation of the process. Called by `run` at start; safe to call again.
pub fn install_tls() {
    // Fails only when one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The connections of one configured source.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    auth: Auth,
    headers: HeaderMap,
    timeout: Duration,
    max_body: usize,
}

impl Client {
    /// A client for everything under `url`, with the source's timeout.
    ///
    /// # Errors
    /// In words for a configuration fault: the URL is none, has credentials in it, a certificate file cannot be used, …
    pub fn new(settings: &Settings, url: &str, auth: &Auth, tls: &Tls) -> Result<Self, String> {
        let base = parse_url(url)?;
        auth.check()?;
        let http = build(tls, &settings.own.dir, &base, false)?;
        let auth = auth.relative_to(&settings.own.dir);
        Ok(Self { http, base, auth, headers: HeaderMap::new(), timeout: settings.timeout, max_body: MAX_BODY })
    }

    /// The same with a header on every request to the base URL's own origin.
    ///
    /// # Errors
    /// When name or value cannot be a header.
    pub fn with_header(mut self, name: &str, value: &str) -> Result<Self, String> {
        let (name, value) = header(name, value)?;
        self.headers.insert(name, value);
        Ok(self)
    }

    /// Sources with equal keys share the upstream's rate budget: origin and credential, without the secret.
    #[must_use]
    pub fn budget_key(&self) -> String {
        format!("{} {}", self.base.origin().ascii_serialization(), self.auth.place())
    }

    /// Look the secrets up and be ready to send.
    ///
    /// # Errors
    /// [`SourceError::Denied`] when a secret cannot be had.
    pub async fn open(&self) -> Result<Session<'_>, SourceError> {
        let credential = self.auth.look_up().await.map_err(SourceError::Denied)?;
        Ok(Session { client: self, credential })
    }
}

/// One request. Start with [`get`](Request::get) or [`post_form`](Request::post_form).
#[derive(Debug, Clone)]
pub struct Request {
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    body: Option<(&'static str, Vec<u8>)>,
    etag: Option<String>,
}

impl Request {
    /// GET of a path below the base URL, or of an absolute URL (credentials go only to the base URL's origin).
    #[must_use]
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), query: Vec::new(), body: None, etag: None }
    }

    /// POST of a form, for queries too long for a URL.
    #[must_use]
    pub fn post_form(path: impl Into<String>, form: &[(String, String)]) -> Self {
        let body = Url::parse_with_params("http://form/", form).map(|u| u.query().unwrap_or_default().as_bytes().to_vec());
        let body = Some(("application/x-www-form-urlencoded", body.unwrap_or_default()));
        Self { method: Method::POST, body, ..Self::get(path) }
    }

    /// POST of plain text.
    #[must_use]
    pub fn post_text(path: impl Into<String>, text: impl Into<Vec<u8>>) -> Self {
        Self { method: Method::POST, body: Some(("text/plain", text.into())), ..Self::get(path) }
    }

    /// With one query parameter more.
    #[must_use]
    pub fn query(mut self, name: &str, value: impl Into<String>) -> Self {
        self.query.push((name.to_owned(), value.into()));
        self
    }

    /// Conditional: an unchanged answer comes back as [`Answer::not_modified`].
    #[must_use]
    pub fn if_changed_since(mut self, etag: Option<&str>) -> Self {
        self.etag = etag.map(str::to_owned);
        self
    }
}

/// A client with its secrets at hand, for the length of one poll.
#[derive(Debug)]
pub struct Session<'a> {
    client: &'a Client,
    credential: Option<Credential>,
}

impl Session<'_> {
    /// One exchange. `now` is only used to read dates in `Retry-After`.
    ///
    /// # Errors
    /// By status and by what went wrong on the way; 2xx and 304 are answers.
    pub async fn send(&self, request: Request, now: Time) -> Result<Answer, SourceError> {
        let url = self.url(&request)?;
        let at = shown(&url);
        let work = self.exchange(request, url, &at, now);
        match tokio::time::timeout(self.client.timeout, work).await {
            Ok(result) => result.map_err(|e| self.masked(e)),
            Err(_) => Err(SourceError::Slow(self.client.timeout)),
        }
    }

    /// The answer's body as JSON of the fields asked for; others are ignored.
    ///
    /// # Errors
    /// [`SourceError::Malformed`], which says so when it was an HTML page.
    pub fn json<T: serde::de::DeserializeOwned>(&self, answer: &Answer) -> Result<T, SourceError> {
        answer.json().map_err(|e| self.masked(e))
    }

    /// Any outside text for a message: no secret, nothing a terminal could interpret, bounded.
    #[must_use]
    pub fn quote(&self, text: &str) -> String {
        clean_to(&self.mask(text), MAX_QUOTE)
    }

    async fn exchange(&self, request: Request, url: Url, at: &str, now: Time) -> Result<Answer, SourceError> {
        let mut journey = Journey {
            http: &self.client.http,
            method: request.method,
            url,
            headers: HeaderMap::new(),
            private: self.private_headers(),
            home: &self.client.base,
            body: request.body,
            max_redirects: MAX_REDIRECTS,
        };
        if let Some(etag) = request.etag.and_then(|e| HeaderValue::from_str(&e).ok()) {
            journey.headers.insert(IF_NONE_MATCH, etag);
        }
        let (response, _) = journey.go().await.map_err(|t| t.into_error(at))?;
        let status = response.status();
        let good = status.is_success() || status == StatusCode::NOT_MODIFIED;
        // Of an error only the beginning is shown, so only the beginning is read.
        let cap = if good { self.client.max_body } else { 16 * 1024 };
        let headers = response.headers().clone();
        match read_body(response, cap).await {
            Ok((body, true)) => {
                let answer = Answer::new(status, headers, body, at.to_owned());
                if good { Ok(answer) } else { Err(answer.refusal(now)) }
            }
            Ok((_, false)) if good => {
                Err(SourceError::Malformed(format!("{at}: answer is larger than {} MiB; stopped reading it", cap >> 20)))
            }
            Ok((body, false)) => Err(Answer::new(status, headers, body, at.to_owned()).refusal(now)),
            Err(_) if !good => Err(Answer::new(status, headers, Vec::new(), at.to_owned()).refusal(now)),
            Err(trouble) => Err(trouble.into_error(at)),
        }
    }

    fn private_headers(&self) -> HeaderMap {
        let mut headers = self.client.headers.clone();
        if let Some(credential) = &self.credential {
            headers.insert(credential.name.clone(), credential.value.clone());
        }
        headers
    }

    fn url(&self, request: &Request) -> Result<Url, SourceError> {
        let mut url = if request.path.starts_with("http://") || request.path.starts_with("https://") {
            parse_url(&request.path).map_err(SourceError::Malformed)?
        } else {
            let mut url = self.client.base.clone();
            let path = format!("{}/{}", url.path().trim_end_matches('/'), request.path.trim_start_matches('/'));
            url.set_path(&path);
            url
        };
        if !request.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&request.query);
        }
        Ok(url)
    }

    fn mask(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.credential.iter().flat_map(Credential::secrets) {
            text = text.replace(secret, "•••");
        }
        text
    }

    fn masked(&self, error: SourceError) -> SourceError {
        let say = |text: String| clean_to(&self.mask(&text), 2 * MAX_QUOTE);
        match error {
            SourceError::Denied(m) => SourceError::Denied(say(m)),
            SourceError::Throttled { message, retry_after } => SourceError::Throttled { message: say(message), retry_after },
            SourceError::Unreachable(m) => SourceError::Unreachable(say(m)),
            SourceError::Malformed(m) => SourceError::Malformed(say(m)),
            slow @ SourceError::Slow(_) => slow,
        }
    }
}

/// One request with the redirects it leads to.
pub(super) struct Journey<'a> {
    pub http: &'a reqwest::Client,
    pub method: Method,
    pub url: Url,
    /// Sent at every hop.
    pub headers: HeaderMap,
    /// Sent only to the origin of `home`.
    pub private: HeaderMap,
    pub home: &'a Url,
    pub body: Option<(&'static str, Vec<u8>)>,
    pub max_redirects: u32,
}

impl Journey<'_> {
    /// Follow redirects to an answer; gives it with the number of hops. With no hop left a redirect is the answer when
    /// none were allowed, else a trouble.
    pub async fn go(mut self) -> Result<(reqwest::Response, u32), Trouble> {
        let mut hops = 0;
        loop {
            let response = self.hop().await?;
            let Some(next) = self.redirect(&response)? else { return Ok((response, hops)) };
            if self.max_redirects == 0 {
                return Ok((response, hops));
            }
            if hops == self.max_redirects {
                return Err(Trouble::Redirect(format!("more than {} redirects", self.max_redirects)));
            }
            if self.url.scheme() == "https" && next.scheme() == "http" {
                return Err(Trouble::Redirect(format!("redirected from https to {}", shown(&next))));
            }
            let keeps_method = matches!(response.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT);
            if !keeps_method && self.method != Method::HEAD {
                self.method = Method::GET;
                self.body = None;
            }
            self.url = next;
            hops += 1;
        }
    }

    async fn hop(&self) -> Result<reqwest::Response, Trouble> {
        let mut request = self.http.request(self.method.clone(), self.url.clone()).headers(self.headers.clone());
        if self.url.origin() == self.home.origin() {
            request = request.headers(self.private.clone());
        }
        if let Some((content_type, body)) = &self.body {
            request = request.header(CONTENT_TYPE, *content_type).body(body.clone());
        }
        request.send().await.map_err(|e| Trouble::of(&e))
    }

    fn redirect(&self, response: &reqwest::Response) -> Result<Option<Url>, Trouble> {
        let to_elsewhere = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
        let Some(location) = response.headers().get(LOCATION).filter(|_| to_elsewhere) else { return Ok(None) };
        let next = location.to_str().ok().and_then(|l| self.url.join(l).ok());
        match next {
            Some(mut url) if matches!(url.scheme(), "http" | "https") => {
                // Credentials of somebody else's making are not ours to send.
                let _ = url.set_username("");
                let _ = url.set_password(None);
                Ok(Some(url))
            }
            _ => Err(Trouble::Redirect("redirected to something that is no web address".into())),
        }
    }
}

/// The body up to `cap` bytes, and whether that is all of it.
pub(super) async fn read_body(mut response: reqwest::Response, cap: usize) -> Result<(Vec<u8>, bool), Trouble> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| Trouble::of(&e))? {
        let room = cap - body.len();
        if chunk.len() > room {
            body.extend_from_slice(&chunk[..room]);
            return Ok((body, false));
        }
        body.extend_from_slice(&chunk);
    }
    Ok((body, true))
}

/// A web address without credentials in it.
///
/// # Errors
/// In words.
pub fn parse_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|e| format!("`url` is not a web address ({e}); expected e.g. http://host:9090"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("`url` must begin with http:// or https:// and name a host".into());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("`url` must not hold credentials; use `auth = { user = \"…\", password = { env = \"…\" } }`".into());
    }
    Ok(url)
}

/// A URL as messages show it: no credentials, no query (it may hold a token).
#[must_use]
pub fn shown(url: &Url) -> String {
    clean_to(&format!("{}{}", url.origin().ascii_serialization(), url.path()), MAX_QUOTE)
}

/// A header from text.
///
/// # Errors
/// When name or value cannot be a header.
pub fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{}` cannot be a header name", clean_to(name, 40)))?;
    let value = HeaderValue::from_str(value).map_err(|_| format!("the value of header `{name}` has characters a header cannot carry"))?;
    Ok((name, value))
}

/// A connection pool. `fresh` connects anew for every request, as a probe must.
pub(super) fn build(tls: &Tls, dir: &std::path::Path, base: &Url, fresh: bool) -> Result<reqwest::Client, String> {
    install_tls();
    let parts = tls.load(dir)?;
    let make = |only_own_roots: bool| {
        #[allow(clippy::disallowed_methods, reason = "this is the place where clients are built")]
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .tls_info(fresh);
        builder = match (only_own_roots, &parts.roots) {
            (true, roots) => builder.tls_certs_only(roots.clone()),
            (false, roots) => builder.tls_certs_merge(roots.clone()),
        };
        if let Some(identity) = &parts.identity {
            builder = builder.identity(identity.clone());
        }
        if fresh {
            builder = builder.pool_max_idle_per_host(0);
        }
        if is_loopback(base) {
            builder = builder.no_proxy();
        }
        builder.build()
    };
    // A machine without system certificates can still reach plain HTTP, and what `ca_file` vouches for.
    let merged = make(false);
    if merged.is_err() && (base.scheme() == "http" || !parts.roots.is_empty()) {
        return make(true).map_err(|e| Trouble::of(&e).to_string());
    }
    merged.map_err(|e| {
        format!(
            "cannot set up TLS: {}; install the system's certificates (ca-certificates), or set `tls = {{ ca_file = \"…\" }}`",
            Trouble::of(&e)
        )
    })
}

pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_credentials_or_without_host_is_refused() {
        assert!(parse_url("http://user:pw@host/").unwrap_err().contains("credentials"));
        assert!(parse_url("ftp://host/").unwrap_err().contains("http://"));
        assert!(parse_url("host:9090").is_err());
        assert!(parse_url("https://[::1]:9090/prefix").is_ok());
    }

    #[test]
    fn a_shown_address_has_neither_credentials_nor_query() {
        let url = Url::parse("https://a:b@host:8443/x/y?api_key=k#f").unwrap();
        assert_eq!(shown(&url), "https://host:8443/x/y");
    }

    #[test]
    fn a_form_is_encoded_like_a_query() {
        let request = Request::post_form("/q", &[("query".into(), "sum(a{b=\"c d\"})".into())]);
        assert_eq!(request.body.unwrap().1, b"query=sum%28a%7Bb%3D%22c+d%22%7D%29");
    }

    #[test]
    fn loopback_is_known_by_name_and_by_number() {
        let is = |u: &str| is_loopback(&Url::parse(u).unwrap());
        assert!(is("http://localhost:1/") && is("http://127.0.0.1/") && is("http://[::1]:9/"));
        assert!(!is("http://10.0.0.1/") && !is("http://localhost.example/"));
    }
}
