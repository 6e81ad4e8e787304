//! For tests: what a thread logs while it does something.

use std::cell::RefCell;
use std::sync::Once;

use log::kv::Key;
use log::{LevelFilter, Log, Metadata, Record};

thread_local! {
    static LINES: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// Each thread that asks for its lines gets them, at every level; nobody else's are kept.
struct Captor;

impl Log for Captor {
    fn enabled(&self, _: &Metadata) -> bool {
        LINES.with_borrow(Option::is_some)
    }

    fn log(&self, record: &Record) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let event = record.key_values().get(Key::from_str("event"));
        let event = event.map_or_else(String::new, |event| format!(" {event}"));
        let line = format!("{}{event}: {}", record.level(), record.args());
        LINES.with_borrow_mut(|lines| lines.iter_mut().for_each(|lines| lines.push(line.clone())));
    }

    fn flush(&self) {}
}

/// What this does, and the lines that this thread logs meanwhile: `LEVEL event: text`, or `LEVEL: text`.
pub(crate) fn captured<T>(run: impl FnOnce() -> T) -> (T, Vec<String>) {
    static START: Once = Once::new();
    START.call_once(|| {
        log::set_boxed_logger(Box::new(Captor)).expect("no test of the library sets another one");
        log::set_max_level(LevelFilter::Trace);
    });
    LINES.set(Some(Vec::new()));
    let result = run();
    (result, LINES.take().unwrap_or_default())
}
