//! One request as a protocol makes it and one answer as a server gives it, before and after the wire.

use std::time::Duration;

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
}

/// A request: what follows a server's address, and the body.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub method: Method,
    /// Begins with a slash; routes of the OpenAI family with `/v1/`.
    pub path: String,
    /// Beside those that every call has; never a key.
    pub headers: Vec<(&'static str, String)>,
    /// JSON as it goes out; absent for a GET.
    pub body: Option<String>,
}

impl Call {
    pub fn get(path: &str) -> Call {
        Call { method: Method::Get, path: path.to_owned(), headers: Vec::new(), body: None }
    }

    /// A call with a body of names and plain values, which nothing keeps from becoming JSON.
    pub fn post(path: &str, body: impl Serialize) -> Call {
        let body = serde_json::to_string(&body).unwrap_or_default();
        Call { method: Method::Post, path: path.to_owned(), headers: Vec::new(), body: Some(body) }
    }

    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Call {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// Token ids that stand in two places, as one list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ids<'a>(pub &'a [u32], pub &'a [u32]);

impl Serialize for Ids<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().chain(self.1))
    }
}

/// An answer that came whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    pub status: u16,
    /// What the server asked to wait, where it did.
    pub retry_after: Option<Duration>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}
