//! What calls wait for while their server is away or at fault: told beside the back ends' traits, which know no repeats.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// What holds a call up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// As a fleet names it.
    pub server: String,
    /// The fault in few words.
    pub reason: String,
    /// How often the call was made again since, or the server's health asked for.
    pub again: u32,
}

/// The calls that are carried out within [`Waits::heard`], and what they wait for.
#[derive(Debug, Default)]
pub struct Waits {
    calls: Mutex<Calls>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Calls {
    begun: u64,
    /// Those that have not ended, with what they wait for.
    open: BTreeMap<u64, Option<Waiting>>,
}

tokio::task_local! {
    static WAITS: Arc<Waits>;
}

impl Waits {
    /// Carries `work` out and hears of all the calls of [`Fleet`](super::Fleet)s in it.
    pub async fn heard<T>(self: Arc<Waits>, work: impl Future<Output = T>) -> T {
        WAITS.scope(self, work).await
    }

    /// What all calls wait for: the trouble of the one that was begun first. `None` while any goes on.
    pub fn waiting(&self) -> Option<Waiting> {
        let calls = self.calls();
        let all = calls.open.values().all(Option::is_some);
        calls.open.values().next().filter(|_| all).cloned().flatten()
    }

    /// Waits until something changes. For one who listens.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    fn change(&self, change: impl FnOnce(&mut Calls)) {
        change(&mut self.calls());
        self.changed.notify_one();
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        // Every change leaves the calls whole.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call, from its beginning until it is dropped.
pub(super) struct Open {
    /// Absent where nobody hears: a call of the doctor's, say.
    heard: Option<(Arc<Waits>, u64)>,
}

impl Open {
    pub fn begin() -> Open {
        let heard = WAITS.try_with(Arc::clone).ok().map(|waits| {
            let mut number = 0;
            waits.change(|calls| {
                number = calls.begun;
                calls.begun += 1;
                calls.open.insert(number, None);
            });
            (waits, number)
        });
        Open { heard }
    }

    /// The call waits for this server, which met it with a fault.
    pub fn waits(&self, server: &str, fault: &str, again: u32) {
        self.set(Some(Waiting { server: server.to_owned(), reason: in_few_words(server, fault), again }));
    }

    /// The call goes on: it is being answered, or another server has it.
    pub fn goes_on(&self) {
        self.set(None);
    }

    fn set(&self, waiting: Option<Waiting>) {
        let Some((waits, number)) = &self.heard else { return };
        if waits.calls().open.get(number).is_some_and(|known| *known == waiting) {
            return;
        }
        waits.change(|calls| drop(calls.open.insert(*number, waiting)));
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some((waits, number)) = &self.heard {
            waits.change(|calls| drop(calls.open.remove(number)));
        }
    }
}

/// A fault without what stands beside it anyway: the server's name, and that it does not answer.
fn in_few_words(server: &str, fault: &str) -> String {
    let rest = fault.strip_prefix(server).map_or(fault, str::trim_start);
    let rest =
        ["does not answer: ", "the server answered with "].iter().find_map(|s| rest.strip_prefix(s)).unwrap_or(rest);
    match rest.split_once(" (os error ") {
        Some((words, number)) => format!("{words}{}", number.split_once(')').map_or("", |(_, after)| after)),
        None => rest.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_told_in_few_words() {
        let table = [
            ("http://h:1 does not answer: Connection refused (os error 111)", "Connection refused"),
            (
                "http://h:1 broke off: connection closed before message completed",
                "broke off: connection closed before message completed",
            ),
            ("http://h:1 sent nothing for 30 seconds", "sent nothing for 30 seconds"),
            ("the server answered with status 503: Loading model", "status 503: Loading model"),
            ("no", "no"),
        ];
        for (fault, words) in table {
            assert_eq!(in_few_words("http://h:1", fault), words);
        }
    }

    #[tokio::test]
    async fn what_holds_all_open_calls_up_is_told_and_goes_with_it() {
        let waits = Arc::<Waits>::default();
        let heard = waits.clone();
        let work = async {
            assert_eq!(heard.waiting(), None, "no calls");
            let (first, second) = (Open::begin(), Open::begin());
            second.waits("b", "b does not answer: gone", 2);
            assert_eq!(heard.waiting(), None, "the first goes on");
            first.waits("a", "no", 0);
            assert_eq!(heard.waiting().map(|waiting| waiting.server), Some("a".to_owned()));
            first.goes_on();
            assert_eq!(heard.waiting(), None);
            drop(first);
            let gone = Waiting { server: "b".to_owned(), reason: "gone".to_owned(), again: 2 };
            assert_eq!(heard.waiting(), Some(gone));
            drop(second);
            assert_eq!(heard.waiting(), None);
        };
        waits.heard(work).await;
        Open::begin().waits("a", "nobody hears", 0);
    }
}
