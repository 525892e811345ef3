//! The settings every network kind shares: `auth = { … }` and `tls = { … }`, and what they resolve to.

use std::path::{Path, PathBuf};

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use serde::Deserialize;

use crate::config::secret::Secret;

/// How to say who we are. Exactly one of: nothing; `user` and `password`; `bearer`; `header` and `value`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// Basic: name.
    pub user: Option<String>,
    /// Basic: password.
    pub password: Option<Secret>,
    /// `Authorization: Bearer …`.
    pub bearer: Option<Secret>,
    /// A header of another name (`X-Api-Key`, `PRIVATE-TOKEN`).
    pub header: Option<String>,
    /// Its value.
    pub value: Option<Secret>,
    /// Put before the value (`Token token=`).
    pub prefix: Option<String>,
}

/// What to trust besides the system's certificates, and who we are to a server that asks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    /// PEM file of certificates to trust.
    pub ca_file: Option<PathBuf>,
    /// PEM file of our own certificate (and its chain).
    pub cert_file: Option<PathBuf>,
    /// PEM file of its key.
    pub key_file: Option<PathBuf>,
}

/// A header that says who we are. Debug shows neither value nor secret.
pub struct Credential {
    /// Header name.
    pub name: HeaderName,
    /// Header value, marked sensitive.
    pub value: HeaderValue,
    secrets: Vec<secrecy::SecretString>,
}

impl Credential {
    /// Texts that must not appear in a message.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(ExposeSecret::expose_secret)
    }
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Auth {
    /// Is it one of the ways there are?
    pub(in crate::sources) fn check(&self) -> Result<(), String> {
        let basic = self.user.is_some() || self.password.is_some();
        let header = self.header.is_some() || self.value.is_some() || self.prefix.is_some();
        if usize::from(basic) + usize::from(self.bearer.is_some()) + usize::from(header) > 1 {
            return Err("`auth`: expected one of `user` and `password`, `bearer`, `header` and `value`".into());
        }
        if basic && (self.user.is_none() || self.password.is_none()) {
            return Err("`auth`: `user` and `password` go together".into());
        }
        if header && (self.header.is_none() || self.value.is_none()) {
            return Err("`auth`: `header` and `value` go together".into());
        }
        Ok(())
    }

    pub(in crate::sources) fn relative_to(&self, dir: &Path) -> Self {
        let at = |s: &Option<Secret>| s.clone().map(|s| s.relative_to(dir));
        Self { password: at(&self.password), bearer: at(&self.bearer), value: at(&self.value), ..self.clone() }
    }

    /// Which credential, by reference.
    pub(super) fn place(&self) -> String {
        let secret = self.password.as_ref().or(self.bearer.as_ref()).or(self.value.as_ref());
        let place = secret.map(Secret::place).unwrap_or_default();
        self.user.as_ref().map_or(place.clone(), |user| format!("{user} {place}"))
    }

    /// Look the secret up, off the async threads.
    pub(in crate::sources) async fn look_up(&self) -> Result<Option<Credential>, String> {
        if *self == Self::default() {
            return Ok(None);
        }
        let auth = self.clone();
        tokio::task::spawn_blocking(move || auth.resolve()).await.map_err(|_| "secret: looking it up failed".to_owned())?
    }

    /// Look the secret up. Blocks.
    fn resolve(&self) -> Result<Option<Credential>, String> {
        if let (Some(user), Some(password)) = (&self.user, &self.password) {
            let password = password.resolve()?;
            let encoded = base64(format!("{user}:{}", password.expose_secret()).as_bytes());
            return credential(AUTHORIZATION, "Basic ", vec![encoded.into(), password]).map(Some);
        }
        if let Some(token) = &self.bearer {
            return credential(AUTHORIZATION, "Bearer ", vec![token.resolve()?]).map(Some);
        }
        if let (Some(name), Some(value)) = (&self.header, &self.value) {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "`auth`: `header` cannot be a header name".to_owned())?;
            return credential(name, self.prefix.as_deref().unwrap_or_default(), vec![value.resolve()?]).map(Some);
        }
        Ok(None)
    }
}

/// `secrets[0]` is what is sent; all of them are masked in messages.
fn credential(name: HeaderName, prefix: &str, secrets: Vec<secrecy::SecretString>) -> Result<Credential, String> {
    let sent = secrets.first().map(ExposeSecret::expose_secret).unwrap_or_default();
    let mut value = HeaderValue::from_str(&format!("{prefix}{sent}"))
        .map_err(|_| "secret: it has characters a header cannot carry; is it the right file or variable?".to_owned())?;
    value.set_sensitive(true);
    Ok(Credential { name, value, secrets })
}

/// RFC 4648 with padding; only the `Basic` header needs it.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let n = chunk.iter().fold(0u32, |n, b| n << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let sextet = (n >> (18 - 6 * i)) & 63;
            out.push(if i <= chunk.len() { char::from(ALPHABET[sextet as usize]) } else { '=' });
        }
    }
    out
}

/// What the TLS files hold.
pub(super) struct TlsParts {
    pub roots: Vec<reqwest::Certificate>,
    pub identity: Option<reqwest::Identity>,
}

impl Tls {
    /// Read the files.
    pub(super) fn load(&self, dir: &Path) -> Result<TlsParts, String> {
        let at = |file: &Path| crate::config::relative_to(dir, &file.to_string_lossy());
        let roots = match &self.ca_file {
            None => Vec::new(),
            Some(file) => reqwest::Certificate::from_pem_bundle(&read_small(&at(file))?)
                .ok()
                .filter(|certificates| !certificates.is_empty())
                .ok_or_else(|| format!("`tls.ca_file`: no PEM certificate in {}", file.display()))?,
        };
        let identity = match (&self.cert_file, &self.key_file) {
            (None, None) => None,
            (Some(cert), Some(key)) => {
                let mut pem = read_small(&at(cert))?;
                pem.push(b'\n');
                pem.extend(read_small(&at(key))?);
                let failed = |_| format!("`tls`: no PEM certificate with its key in {} and {}", cert.display(), key.display());
                Some(reqwest::Identity::from_pem(&pem).map_err(failed)?)
            }
            _ => return Err("`tls`: `cert_file` and `key_file` go together".into()),
        };
        Ok(TlsParts { roots, identity })
    }
}

fn read_small(path: &Path) -> Result<Vec<u8>, String> {
    use std::io::Read;
    let failed = |e: std::io::Error| format!("`tls`: cannot read {}: {e}", path.display());
    if !std::fs::metadata(path).map_err(failed)?.is_file() {
        return Err(format!("`tls`: {} is not a regular file", path.display()));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path).map_err(failed)?.take(4 << 20).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file_secret(dir: &Path, text: &str) -> Secret {
        std::fs::write(dir.join("s"), text).unwrap();
        Secret::File(dir.join("s"))
    }

    #[test]
    fn base64_is_that_of_the_rfc() {
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn every_way_to_say_who_we_are_becomes_one_header() {
        let dir = tempfile::tempdir().unwrap();
        let secret = Some(file_secret(dir.path(), "open sesame"));
        let sent = |auth: Auth| {
            auth.check().unwrap();
            let c = auth.resolve().unwrap().unwrap();
            format!("{}: {}", c.name, c.value.to_str().unwrap())
        };
        let basic = Auth { user: Some("Aladdin".into()), password: secret.clone(), ..Auth::default() };
        assert_eq!(sent(basic), "authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(sent(Auth { bearer: secret.clone(), ..Auth::default() }), "authorization: Bearer open sesame");
        let own = Auth { header: Some("X-Api-Key".into()), value: secret, prefix: Some("k=".into()), ..Auth::default() };
        assert_eq!(sent(own), "x-api-key: k=open sesame");
        assert!(Auth::default().resolve().unwrap().is_none());
    }

    #[test]
    fn half_or_double_credentials_are_faults() {
        let secret = Some(Secret::Env("X".into()));
        assert!(Auth { user: Some("u".into()), ..Auth::default() }.check().unwrap_err().contains("go together"));
        assert!(Auth { header: Some("u".into()), ..Auth::default() }.check().unwrap_err().contains("go together"));
        let both = Auth { bearer: secret.clone(), user: Some("u".into()), password: secret, ..Auth::default() };
        assert!(both.check().unwrap_err().contains("expected one of"));
    }

    #[test]
    fn debug_shows_no_secret_plain_or_encoded() {
        let dir = tempfile::tempdir().unwrap();
        let auth = Auth { user: Some("u".into()), password: Some(file_secret(dir.path(), "hunter2")), ..Auth::default() };
        let shown = format!("{auth:?} {:?}", auth.resolve().unwrap());
        assert!(!shown.contains("hunter2") && !shown.contains(&base64(b"u:hunter2")), "{shown}");
    }

    #[test]
    fn a_file_that_is_no_certificate_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("ca.pem"), "not a certificate").unwrap();
        let tls = Tls { ca_file: Some("ca.pem".into()), ..Tls::default() };
        assert!(tls.load(dir.path()).err().unwrap().contains("ca.pem"));
        let half = Tls { cert_file: Some("ca.pem".into()), ..Tls::default() };
        assert!(half.load(dir.path()).err().unwrap().contains("go together"));
    }
}
