//! The desk: one open session at the workbench. A task that owns the session's writer and the search that may run on
//! it, and that carries out a person's orders between and during the search's calls.
//!
//! Looking writes nothing: a file is opened for writing, and a sample copied, by the first action. Knows no screen:
//! what happens is told through a callback as [`News`].

mod aside;
mod book;
mod clerk;
mod errands;
mod hand;
mod news;
mod order;
mod pursuit;

use std::path::PathBuf;
use std::sync::Arc;

pub use news::{Activity, Deed, News, Stream, Work};
pub use order::Order;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use self::clerk::Clerk;
use super::BackEnds;
pub use super::fleet::Waiting;
use super::fleet::Waits;
use crate::session::{Author, Clock, ExampleRecord, SystemClock};

/// Where a desk's session comes from.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// A session file.
    File(PathBuf),
    /// A sample that is compiled in. The first action copies it to `library/NAME.jsonl`; when its pair has a session
    /// there already, that is opened instead.
    Sample { name: String, bytes: &'static [u8], library: PathBuf },
    /// A pair without a session. The first action writes one in `library`; when there is one already, that is opened
    /// instead.
    New { example: Box<ExampleRecord>, library: PathBuf },
}

/// One open session, at the other end of a task.
#[derive(Debug)]
pub struct Desk {
    orders: UnboundedSender<Order>,
    task: JoinHandle<()>,
}

impl Desk {
    /// Opens a session in a task of its own; must be called within a tokio runtime. `news` is called from that task
    /// and from the threads of back ends, first with [`News::Opened`] and last with [`News::Closed`]; it must return at
    /// once.
    pub fn open(
        origin: Origin,
        back_ends: Arc<BackEnds>,
        author: Author,
        news: Arc<dyn Fn(News) + Send + Sync>,
    ) -> Desk {
        Desk::open_at(origin, back_ends, author, news, Arc::new(SystemClock::default()))
    }

    /// As [`Desk::open`], with clocks of the caller's for what is recorded.
    pub fn open_at(
        origin: Origin,
        back_ends: Arc<BackEnds>,
        author: Author,
        news: Arc<dyn Fn(News) + Send + Sync>,
        clock: Arc<dyn Clock>,
    ) -> Desk {
        let (orders, taken) = unbounded_channel();
        let waits = Arc::<Waits>::default();
        let heard = waits.clone();
        let serve = async move { Clerk::new(origin, back_ends, author, news, clock).serve(taken, &heard).await };
        let task = tokio::spawn(waits.heard(serve));
        Desk { orders, task }
    }

    /// Gives an order; they are carried out in turn. One given after the desk's end is dropped.
    pub fn order(&self, order: Order) {
        drop(self.orders.send(order));
    }

    /// Carries out the orders given so far, stops a running search so that it can go on, and closes the session.
    pub async fn close(self) {
        let Desk { orders, task } = self;
        drop(orders);
        // A task that panicked has nothing left to close.
        drop(task.await);
    }
}
