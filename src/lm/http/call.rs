//! One request as a protocol makes it and one answer as a server gives it, before and after the wire.

use std::time::Duration;

use serde_json::Value;

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
    /// JSON; absent for a GET.
    pub body: Option<Value>,
}

impl Call {
    pub fn get(path: &str) -> Call {
        Call { method: Method::Get, path: path.to_owned(), headers: Vec::new(), body: None }
    }

    pub fn post(path: &str, body: Value) -> Call {
        Call { method: Method::Post, path: path.to_owned(), headers: Vec::new(), body: Some(body) }
    }

    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Call {
        self.headers.push((name, value.to_owned()));
        self
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
