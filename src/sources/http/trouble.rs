//! What can go wrong between us and an answer, in one word for probes and in a sentence for people.

use std::{error::Error, io::ErrorKind};

use super::SourceError;
use crate::domain::text::clean_to;

/// Why there was no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// Nothing came in time.
    #[error("no answer in time")]
    Timeout,
    /// Nobody listens there.
    #[error("connection refused; is it running, and is the port right?")]
    Refused,
    /// The name leads nowhere.
    #[error("host name not found")]
    Dns,
    /// The server's certificate is not to be trusted.
    #[error("certificate not accepted: {0}")]
    Certificate(String),
    /// No common TLS, or no TLS at all.
    #[error("TLS failed: {0}")]
    Tls(String),
    /// Sent in circles, or somewhere not to go.
    #[error("{0}")]
    Redirect(String),
    /// The connection broke on the way.
    #[error("connection broke: {0}")]
    Broken(String),
}

impl Trouble {
    /// From reqwest's error, by walking to its causes.
    pub(super) fn of(error: &reqwest::Error) -> Self {
        let mut cause: Option<&(dyn Error + 'static)> = Some(error);
        let mut innermost = String::new();
        while let Some(e) = cause {
            if let Some(tls) = e.downcast_ref::<rustls::Error>() {
                return Self::of_tls(tls);
            }
            if let Some(io) = e.downcast_ref::<std::io::Error>() {
                // What an io::Error wraps is not its `source`.
                if let Some(tls) = wrapped_tls(io) {
                    return Self::of_tls(tls);
                }
                match io.kind() {
                    ErrorKind::ConnectionRefused => return Self::Refused,
                    ErrorKind::TimedOut => return Self::Timeout,
                    _ => {}
                }
            }
            let text = e.to_string();
            if text.contains("dns error") {
                return Self::Dns;
            }
            innermost = text;
            cause = e.source();
        }
        if error.is_timeout() { Self::Timeout } else { Self::Broken(clean_to(&innermost, 200)) }
    }

    fn of_tls(error: &rustls::Error) -> Self {
        let text = clean_to(&error.to_string(), 200);
        match error {
            rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented => Self::Certificate(text),
            _ => Self::Tls(text),
        }
    }

    /// `timeout`, `refused`, `dns`, `certificate`, `tls`, `redirect`, `connection`: `error_kind` of a probe.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::Dns => "dns",
            Self::Certificate(_) => "certificate",
            Self::Tls(_) => "tls",
            Self::Redirect(_) => "redirect",
            Self::Broken(_) => "connection",
        }
    }

    /// As a poll's failure at `at`.
    pub(super) fn into_error(self, at: &str) -> SourceError {
        let message = match &self {
            Self::Certificate(_) => format!("{at}: {self}; trust its issuer with `tls = {{ ca_file = \"…\" }}`"),
            Self::Redirect(_) => format!("{at}: {self} (login page or proxy?)"),
            _ => format!("{at}: {self}"),
        };
        match self {
            Self::Redirect(_) => SourceError::Malformed(message),
            _ => SourceError::Unreachable(message),
        }
    }
}

fn wrapped_tls(error: &std::io::Error) -> Option<&rustls::Error> {
    let inner = error.get_ref()?;
    inner.downcast_ref().or_else(|| wrapped_tls(inner.downcast_ref()?))
}
