//! Who generates and who scores, chosen among those that are known: what runs in this process, what the settings name, and
//! the servers that were met.

use crate::app::overlay::{Act, Form, Item, Knob, Overlay, Picker, Picking};
use crate::app::{App, Effect};
use crate::engine::known::{KnownServer, Scoring};

impl App {
    /// Asks which servers are known, for the setting that is selected.
    pub(super) fn ask_back_ends(&mut self) -> Vec<Effect> {
        match self.form().map(Form::selected) {
            Some(Knob::Generator | Knob::Scorer) => vec![Effect::Servers],
            _ => self.tell("select the generator or the scorer, to choose another"),
        }
    }

    /// The list of those that can be chosen for the selected setting, and of those that cannot, with the reason.
    pub(super) fn list_back_ends(&mut self, servers: &[KnownServer]) -> Vec<Effect> {
        let Some(form) = self.form() else { return Vec::new() };
        let (knob, now) = (form.selected(), form.value(form.selected()));
        let (own, what, set) = match knob {
            Knob::Generator => ("cues", "rules in this process: a baseline", &self.defaults.generator),
            Knob::Scorer => ("bundled", "the small model that comes with the program", &self.defaults.scorer),
            _ => return Vec::new(),
        };
        let mut items = vec![item(own, what, "", Act::BackEnd(own.to_owned()))];
        for (spec, why) in [(set, "what the settings name"), (&now, "what is chosen")] {
            let known = |item: &Item| item.label == *spec;
            if !items.iter().any(known) && !servers.iter().any(|server| server.spec == *spec) {
                items.push(item(spec, why, "", Act::BackEnd(spec.clone())));
            }
        }
        items.extend(servers.iter().map(|server| of_server(server, knob)));
        items.push(item("another", "type it: gguf:PATH, http://HOST:PORT and the like", "", Act::Type));
        self.overlays.push(Overlay::List(Picker::new(Picking::BackEnd, items).at(|item| item.label == now)));
        Vec::new()
    }

    /// Takes what was chosen into the form.
    pub(super) fn set_value(&mut self, text: &str) -> Vec<Effect> {
        let Some(Overlay::Form(form)) = self.overlays.last_mut() else { return Vec::new() };
        match form.set(form.selected(), text) {
            Ok(()) => Vec::new(),
            Err(why) => self.tell(why),
        }
    }

    fn form(&self) -> Option<&Form> {
        match self.overlays.last() {
            Some(Overlay::Form(form)) => Some(form),
            _ => None,
        }
    }
}

fn item(label: &str, detail: &str, aside: &str, act: Act) -> Item {
    Item { label: label.to_owned(), detail: detail.to_owned(), aside: aside.to_owned(), act }
}

/// A server with what it can do; choosing one that cannot do what is wanted does nothing.
fn of_server(server: &KnownServer, knob: Knob) -> Item {
    let context = server.subject.limit.map(|limit| format!(" · {limit} tokens")).unwrap_or_default();
    let scores = match &server.scoring {
        Scoring::No { .. } => "scores nothing".to_owned(),
        Scoring::Unproven => "scores, not examined yet".to_owned(),
        Scoring::Sound { noise_floor } => format!("scores, sound to {noise_floor:.4} nats"),
        Scoring::Unfit { why, .. } => format!("unfit to score: {why}"),
    };
    let writes = if server.generates { "writes" } else { "writes nothing" };
    let (kind, model) = (&server.subject.kind, &server.subject.model);
    let abilities = if knob == Knob::Generator { format!("{writes}; {scores}") } else { format!("{scores}; {writes}") };
    let detail = format!("{kind} · {model} · {abilities}{context}");
    let when = match server.days() {
        0 => "today".to_owned(),
        1 => "yesterday".to_owned(),
        days => format!("{days} days ago"),
    };
    let can = match knob {
        Knob::Generator => server.generates,
        _ => !matches!(server.scoring, Scoring::No { .. } | Scoring::Unfit { .. }),
    };
    item(&server.spec, &detail, &when, if can { Act::BackEnd(server.spec.clone()) } else { Act::Nothing })
}
