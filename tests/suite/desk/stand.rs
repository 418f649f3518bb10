//! A desk under test: its news folded as a screen folds them, back ends that wait until they are let on.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use retrace::engine::desk::{Desk, News, Order, Origin};
use retrace::engine::{BackEnds, Setup};
use retrace::lm::prompts::Prompts;
use retrace::lm::{Answered, Context, Generator, LmError, Request, Sample, Scorer, Sink, TokenLogprobs};
use retrace::reer::search::{Config, Preset};
use retrace::reer::{Example, Identity, Language, Target};
use retrace::session::{Author, Clock, ExampleRecord, Session, State, SystemClock, read};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::engine::World;

/// Longer than any call takes; a test in which nothing happens for so long has failed.
const TOO_LONG: Duration = Duration::from_secs(120);

/// Back ends that answer one call a permit.
pub struct Gated {
    world: World,
    pub permits: Semaphore,
}

impl Gated {
    pub fn open() -> Arc<Gated> {
        Gated::with(Semaphore::MAX_PERMITS)
    }

    pub fn with(permits: usize) -> Arc<Gated> {
        Arc::new(Gated { world: World::new("scripted"), permits: Semaphore::new(permits) })
    }

    async fn pass(&self) {
        self.permits.acquire().await.unwrap().forget();
    }
}

#[async_trait]
impl Scorer for Gated {
    fn identity(&self) -> &Identity {
        Scorer::identity(&self.world)
    }

    async fn tokenize(&self, example: &Example) -> Result<Target, LmError> {
        self.world.tokenize(example).await
    }

    async fn score(
        &self,
        example: &Example,
        target: &Target,
        of: &[Context],
        answered: Answered<'_>,
    ) -> Vec<Result<TokenLogprobs, LmError>> {
        self.pass().await;
        self.world.score(example, target, of, answered).await
    }
}

#[async_trait]
impl Generator for Gated {
    fn identity(&self) -> &Identity {
        Generator::identity(&self.world)
    }

    async fn generate(&self, request: &Request<'_>, sink: Sink<'_>) -> Result<Vec<Sample>, LmError> {
        sink(0, "a piece");
        self.pass().await;
        self.world.generate(request, sink).await
    }
}

pub fn setup() -> Setup {
    let search = Config { steps: 6, ..Config::preset(Preset::Retrace) };
    Setup { generator: "scripted".to_owned(), scorer: "scripted".to_owned(), search }
}

/// Back ends in which `generator` writes and `scorer` scores.
pub fn back_ends(generator: &Arc<Gated>, scorer: &Arc<Gated>) -> Arc<BackEnds> {
    let back_ends = BackEnds::new(Prompts::default(), setup());
    Arc::new(back_ends.with_generator("scripted", generator.clone()).with_scorer("scripted", scorer.clone()))
}

pub fn ada() -> Author {
    Author::User("ada".to_owned())
}

pub fn example() -> ExampleRecord {
    let (query, reference) = ("Write piece 0.".to_owned(), "The piece 0 is written.".to_owned());
    ExampleRecord {
        id: "p0".to_owned(),
        hash: ExampleRecord::pair_hash(&query, &reference),
        query,
        reference,
        language: Language::En,
        category: None,
        source: None,
        meta: Default::default(),
    }
}

/// A fresh session in a folder of its own, with nobody at it.
pub fn fresh() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p0.jsonl");
    Session::create(&path, "p0", example()).unwrap().close().unwrap();
    (folder, path)
}

/// A desk, and the screen before it.
pub struct Stand {
    pub desk: Desk,
    news: UnboundedReceiver<News>,
    pub state: State,
    pub seen: Vec<News>,
}

impl Stand {
    pub fn open(origin: Origin, back_ends: Arc<BackEnds>) -> Stand {
        Stand::open_as(ada(), Arc::new(SystemClock::default()), origin, back_ends)
    }

    pub fn open_as(author: Author, clock: Arc<dyn Clock>, origin: Origin, back_ends: Arc<BackEnds>) -> Stand {
        let (tell, news) = unbounded_channel();
        let desk = Desk::open_at(origin, back_ends, author, Arc::new(move |piece| drop(tell.send(piece))), clock);
        Stand { desk, news, state: State::default(), seen: Vec::new() }
    }

    pub fn at(path: &Path, generator: &Arc<Gated>, scorer: &Arc<Gated>) -> Stand {
        Stand::open(Origin::File(path.to_owned()), back_ends(generator, scorer))
    }

    /// Folds news until one after which `done` holds.
    pub async fn until(&mut self, mut done: impl FnMut(&News, &State) -> bool) {
        loop {
            let Ok(Some(news)) = tokio::time::timeout(TOO_LONG, self.news.recv()).await else {
                panic!("it never came; the last news: {:?}", self.seen.iter().rev().take(5).collect::<Vec<_>>());
            };
            self.fold(&news);
            self.seen.push(news);
            if self.seen.last().is_some_and(|news| done(news, &self.state)) {
                return;
            }
        }
    }

    fn fold(&mut self, news: &News) {
        match news {
            News::Opened { events, .. } | News::Events(events) => events.iter().for_each(|e| self.state.apply(e)),
            News::Replaced { events, .. } => {
                self.state = State::default();
                events.iter().for_each(|e| self.state.apply(e));
            }
            _ => {}
        }
    }

    pub async fn opened(&mut self) {
        self.until(|news, _| matches!(news, News::Opened { .. })).await;
    }

    pub async fn refused(&mut self) -> String {
        let mut said = String::new();
        self.until(|news, _| {
            if let News::Refused { why, .. } = news {
                said.clone_from(why);
            }
            matches!(news, News::Refused { .. })
        })
        .await;
        said
    }

    /// Waits until nothing runs.
    pub async fn idle(&mut self) {
        self.until(|news, _| matches!(news, News::Activity(activity) if *activity == Default::default())).await;
    }

    pub fn search(&self) {
        self.desk.order(Order::Search(setup()));
    }

    /// Closes the desk and checks that the screen knows what the file says.
    pub async fn close(mut self, path: &Path) -> State {
        self.desk.close().await;
        while let Some(news) = self.news.recv().await {
            match &news {
                News::Opened { events, .. } | News::Events(events) => events.iter().for_each(|e| self.state.apply(e)),
                _ => {}
            }
        }
        let read = read(path).unwrap();
        assert!(read.health.is_sound());
        assert_eq!(read.state.digest(), self.state.digest());
        assert_eq!(read.state, self.state);
        self.state
    }
}
