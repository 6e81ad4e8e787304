//! Effects as text, messages as on the wire.

use peer::protocol::{Admission, Effect, Question, Serve, State, Store};
use peer::wire::{encode, Message};

/// A message after a word, and the lines of its block below it.
pub(crate) fn message(head: &str, message: &Message) -> String {
    let mut bytes = Vec::new();
    encode(message, &mut bytes);
    let text = String::from_utf8(bytes).expect("the wire is text");
    let mut lines = text.lines();
    let first = lines.next().expect("there is a line");
    format!("  {head} {first}\n") + &prefixed("    | ", lines)
}

/// A hint, and the question.
pub(crate) fn question(who: &str, whom: &str, question: &Question) -> String {
    let Question { nonce, hint, dialled } = question;
    let hint = hint.as_ref().map_or_else(String::new, |hint| message(&format!("? {who} tells {whom}:"), hint));
    hint + &message(&format!("? {who} asks {whom}:"), &Message::Who { nonce: *nonce, dialled: *dialled })
}

/// Each line after the same words.
pub(crate) fn prefixed<'a>(words: &str, lines: impl IntoIterator<Item = &'a str>) -> String {
    lines.into_iter().fold(String::new(), |text, line| text + words + line + "\n")
}

pub(crate) fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Send { to, message } => self::message(&format!("to {to}:"), message),
        Effect::Broadcast(message) => self::message("broadcast:", message),
        // A question is shown with its answer, see `asking`.
        Effect::Call(_) | Effect::Answer { .. } => String::new(),
        Effect::Ask(question) => self::question("it", "every --join address", question),
        Effect::Serve { to, serve: Serve { restart, up_to, .. } } => match restart {
            Some(after) => format!("  serve {to} what follows {after}, up to {up_to}\n"),
            None => format!("  serve {to} up to {up_to}\n"),
        },
        Effect::Redial { peer } => format!("  redial {peer}\n"),
        Effect::Close { peer } => format!("  close the link to {peer}\n"),
        Effect::Admit { admission: Admission::Accept, .. } => "  accept\n".to_owned(),
        Effect::Admit { admission: Admission::Refuse { why }, .. } => format!("  refuse: ERROR:{why}\n"),
        Effect::Drop { connection } => format!("  drop connection {}\n", connection.0),
        Effect::Store(store) => self::store(store),
        Effect::Tell(event) => prefixed("  log: ", event.to_string().lines()),
        Effect::Exit(exit) => format!("  exit: {exit:?}\n"),
    }
}

fn store(store: &Store) -> String {
    match store {
        Store::State(state) => format!("  store {}\n", self::state(state)),
        Store::Append(frame) => format!("  store {}..{} of {}\n", frame.first(), frame.last(), frame.term()),
        Store::Keep(request) => format!("  keep {} readings of {}\n", request.lines.count(), request.origin),
        Store::Cut { to, state } => format!("  cut to {to}, store {}\n", self::state(state)),
        Store::Deliver { up_to } => format!("  deliver up to {up_to}\n"),
        Store::Recall(range) => format!("  recall {} to {} of {}\n", range.first, range.last(), range.origin),
        Store::Survey => "  look for what is kept no longer\n".to_owned(),
        Store::Remove { to } => format!("  remove up to {to}\n"),
        Store::Begin(base) => format!("  begin after {}\n", base.last),
        Store::SayBase { to, .. } => format!("  once stored, to {to}: BASE\n"),
        Store::Say { to, message } => self::message(&format!("once stored, to {to}:"), message),
    }
}

fn state(State { promised, synced, needs }: &State) -> String {
    let term = |term: &Option<peer::ids::Term>| term.as_ref().map_or("-".to_owned(), ToString::to_string);
    format!("promised {} synced {} needs {needs}", term(promised), term(synced))
}
