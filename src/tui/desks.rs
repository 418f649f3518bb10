//! The desks that are open. One that is opened while an earlier desk of the same session still closes waits for it,
//! because a session has one writer.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::app::effect::DeskId;
use crate::engine::BackEnds;
use crate::engine::desk::{Desk, News, Order, Origin};
use crate::session::Author;

/// Every desk gets so long to close when the program ends.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where news go.
type Told = Arc<dyn Fn(DeskId, News) + Send + Sync>;

/// What a session is known by, and whether a desk of it is still open.
type Open = HashMap<String, watch::Receiver<()>>;

/// Opens, orders and closes desks.
pub struct Desks {
    back_ends: Arc<BackEnds>,
    author: Author,
    told: Told,
    orders: HashMap<DeskId, UnboundedSender<Order>>,
    open: Arc<Mutex<Open>>,
    tasks: JoinSet<()>,
}

impl Desks {
    pub fn new(back_ends: Arc<BackEnds>, author: Author, told: impl Fn(DeskId, News) + Send + Sync + 'static) -> Desks {
        let told = Arc::new(told);
        Desks { back_ends, author, told, orders: HashMap::new(), open: Arc::default(), tasks: JoinSet::new() }
    }

    pub fn open(&mut self, id: DeskId, origin: Origin) {
        while self.tasks.try_join_next().is_some() {}
        let (orders, mut taken) = unbounded_channel();
        self.orders.insert(id, orders);
        let (closed, still_open) = watch::channel(());
        let name = name(&origin);
        let before = lock(&self.open).insert(name, still_open.clone());
        let (back_ends, author, told, open) =
            (self.back_ends.clone(), self.author.clone(), self.told.clone(), self.open.clone());
        self.tasks.spawn(async move {
            if let Some(mut before) = before {
                // It changes only by being dropped.
                while before.changed().await.is_ok() {}
            }
            let news = move |news: News| {
                if let News::Copied(path) | News::Replaced { path, .. } = &news {
                    lock(&open).insert(of_file(path), still_open.clone());
                }
                told(id, news);
            };
            let desk = Desk::open(origin, back_ends, author, Arc::new(news));
            while let Some(order) = taken.recv().await {
                desk.order(order);
            }
            desk.close().await;
            drop(closed);
        });
    }

    pub fn order(&self, id: DeskId, order: Order) {
        if let Some(orders) = self.orders.get(&id) {
            // A desk that died has said so.
            drop(orders.send(order));
        }
    }

    /// Closes a desk once it has carried out its orders.
    pub fn close(&mut self, id: DeskId) {
        self.orders.remove(&id);
    }

    /// Closes all of them. A desk that hangs has everything that was said to be saved on disk.
    pub async fn finish(mut self) {
        self.orders.clear();
        let all = async { while self.tasks.join_next().await.is_some() {} };
        drop(tokio::time::timeout(PATIENCE, all).await);
    }
}

fn name(origin: &Origin) -> String {
    match origin {
        Origin::File(path) => of_file(path),
        Origin::Sample { name, library, .. } => of_file(&library.join(format!("{name}.jsonl"))),
        Origin::New { example, .. } => format!("pair:{}", example.hash),
    }
}

fn of_file(path: &Path) -> String {
    path.display().to_string()
}

fn lock(open: &Mutex<Open>) -> MutexGuard<'_, Open> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}
