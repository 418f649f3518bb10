//! HTTP: takes connections until the server is stopped, reads calls, and writes answers whole, streamed or broken off.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use futures::stream::{self, StreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::desk::Desk;
use super::faults::Fate;

/// An answer before it is on the wire.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub retry_after: Option<&'static str>,
    pub body: Body,
}

#[derive(Debug, Clone)]
pub enum Body {
    Json(String),
    Html(&'static str),
    /// The texts of server-sent events.
    Events(Vec<String>),
}

impl Answer {
    pub fn json(status: u16, value: &serde_json::Value) -> Answer {
        Answer::written(status, value.to_string())
    }

    pub fn written(status: u16, json: String) -> Answer {
        Answer { status, retry_after: None, body: Body::Json(json) }
    }

    pub fn events(events: Vec<String>) -> Answer {
        Answer { status: 200, retry_after: None, body: Body::Events(events) }
    }
}

type Out = UnsyncBoxBody<Bytes, io::Error>;

/// Serves until told to stop, then cuts every connection.
pub async fn serve(listener: TcpListener, desk: Arc<Desk>, mut stop: oneshot::Receiver<()>) {
    // Dropped at the end, which ends the tasks in it and closes their sockets.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stop => return,
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                // Delayed packets would be measured as the client's overhead.
                stream.set_nodelay(true).unwrap_or_default();
                let desk = desk.clone();
                connections.spawn(async move {
                    let service = service_fn(move |request| handle(desk.clone(), request));
                    // A connection that breaks is the client's affair, or the fault asked for.
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.unwrap_or_default();
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn handle(desk: Arc<Desk>, request: Request<Incoming>) -> Result<Response<Out>, Infallible> {
    let (head, body) = request.into_parts();
    // A client that goes away in the middle of its body gets no answer either.
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let (answer, fate) = desk.answer(&head, body).await;
    Ok(response(answer, fate, desk.is_ragged()))
}

fn response(answer: Answer, fate: Option<Fate>, ragged: bool) -> Response<Out> {
    let mut response = Response::builder().status(answer.status);
    if let Some(after) = answer.retry_after {
        response = response.header("retry-after", after);
    }
    let (kind, text) = match answer.body {
        Body::Json(text) => ("application/json", text),
        Body::Html(text) => ("text/html", text.to_owned()),
        Body::Events(events) => {
            let ping = if ragged { ": ping\n\n" } else { "" };
            let text: String = events.iter().map(|event| format!("{ping}data: {event}\n\n")).collect();
            ("text/event-stream", text)
        }
    };
    let streamed = kind == "text/event-stream";
    let (bytes, length) = (Bytes::from(text), |bytes: &Bytes| bytes.len().to_string());
    response = response.header("content-type", kind);
    let body = match fate {
        Some(Fate::Cut) => {
            if !streamed {
                response = response.header("content-length", length(&bytes));
            }
            broken(bytes.slice(..bytes.len() / 2))
        }
        Some(Fate::Short) => whole(bytes.slice(..bytes.len() / 2)),
        _ if streamed => pieces(&bytes, if ragged { 7 } else { 4096 }),
        _ => whole(bytes),
    };
    response.body(body).expect("a status and headers of our own")
}

fn whole(bytes: Bytes) -> Out {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// A body in pieces of so many bytes, which end where they end: in the middle of events and of characters.
fn pieces(bytes: &Bytes, size: usize) -> Out {
    let starts: Vec<usize> = (0..bytes.len()).step_by(size).collect();
    let bytes = bytes.clone();
    let frames = starts.into_iter().map(move |at| Ok(Frame::data(bytes.slice(at..(at + size).min(bytes.len())))));
    StreamBody::new(stream::iter(frames)).boxed_unsync()
}

/// A body that breaks off, once what stands before is on its way.
fn broken(bytes: Bytes) -> Out {
    let first = stream::iter([Ok(Frame::data(bytes))]);
    let breach = stream::once(async {
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    });
    StreamBody::new(first.chain(breach)).boxed_unsync()
}
