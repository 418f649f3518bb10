//! A small library to play in: two sessions that were searched, two that were not.

use std::path::Path;
use std::sync::Arc;

use retrace::engine::desk::{Activity, Desk, News, Order, Origin};
use retrace::session::{Author, ExampleRecord, Session};
use tokio::sync::OnceCell;
use tokio::sync::mpsc::unbounded_channel;

use super::back_ends::{Scripted, setup};

const LETTER: &str = "Dear Ana,\n\nThe harbour has been kind to me this winter. I mend the nets every night, and every \
night I think of the kitchen window at home, and of you with your sleeves rolled, saying the glass is never clean \
enough.\n\nI have three things to tell you, and I will put the hard one last, as you would. The first is that the boat \
is sold. The second is that I am not sorry.";

const KETTLE: &str = "Fill the kettle, but only as far as the second rivet. Light the small burner, not the large one, \
and wait until the lid begins to talk. Then take it off at once: boiled water is finished, and tea made with it is \
finished too.";

const LOWLAND: &str = "回南天的早晨，墙在出汗。外婆把火柴放进米缸，说米会替它们喝水。我不信，可是火柴真的划着了。";

const ORCHARD: &str = "fn ripe(apples: &[Apple]) -> usize {\n    apples.iter().filter(|apple| apple.colour > 7).count()\n}\n\n\
Counting is the easy half; whoever planted the orchard decided what seven means.";

/// Id, category, query, reference.
const PIECES: [(&str, &str, &str, &str); 4] = [
    ("harbour", "letter", "Write a letter from a fisherman to the sister he has not seen for eleven years.", LETTER),
    ("kettle", "how-to", "Explain how to boil water for tea, as somebody who has done it every morning.", KETTLE),
    ("lowland", "memoir", "写一段关于回南天的回忆。", LOWLAND),
    ("orchard", "code", "Write a function that counts ripe apples, and one sentence about it.", ORCHARD),
];

/// Those that were searched.
const SEARCHED: [&str; 2] = ["harbour", "orchard"];

pub fn example(at: usize) -> ExampleRecord {
    let (id, category, query, reference) = PIECES[at];
    let written = ExampleRecord::written(query, reference);
    ExampleRecord { id: id.to_owned(), category: Some(category.to_owned()), ..written }
}

/// Puts the library's files into a folder.
pub async fn fill(folder: &Path) {
    static FILES: OnceCell<Vec<(String, Vec<u8>)>> = OnceCell::const_new();
    for (name, bytes) in FILES.get_or_init(make).await {
        std::fs::write(folder.join(name), bytes).unwrap();
    }
}

async fn make() -> Vec<(String, Vec<u8>)> {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for at in 0..PIECES.len() {
        let example = example(at);
        let (id, name) = (example.id.clone(), format!("{}.jsonl", example.id));
        let path = folder.path().join(&name);
        Session::create(&path, id.clone(), example).unwrap().close().unwrap();
        if SEARCHED.contains(&id.as_str()) {
            search(&path).await;
        }
        files.push((name, std::fs::read(&path).unwrap()));
    }
    files
}

/// Searches a session to its end.
pub async fn search(path: &Path) {
    let (tell, mut news) = unbounded_channel();
    let back_ends = Scripted::new(Semaphore::MAX, Semaphore::MAX).back_ends();
    let author = Author::User("ada".to_owned());
    let desk = Desk::open(
        Origin::File(path.to_owned()),
        back_ends,
        author,
        Arc::new(move |piece: News| drop(tell.send(piece))),
    );
    desk.order(Order::Search(setup()));
    let mut ended = false;
    while let Some(piece) = news.recv().await {
        ended |= matches!(piece, News::Activity(activity) if activity == Activity::default());
        assert!(!matches!(piece, News::Refused { .. }), "{piece:?}");
        if ended {
            break;
        }
    }
    desk.close().await;
}

/// More permits than any search asks for.
pub struct Semaphore;

impl Semaphore {
    pub const MAX: usize = 100_000;
}
