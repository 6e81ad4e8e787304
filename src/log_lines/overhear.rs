//! Passes on what the log says at its default level inside of the program, whatever level is written: for people and
//! programs that look at a peer over the network.

use std::sync::OnceLock;

use log::kv::Key;
use log::{Level, LevelFilter, Log, Metadata, Record};

/// Gets the level in small letters, the event's stable name and the text.
type Ear = Box<dyn Fn(&str, &str, &str) + Send + Sync>;

static EAR: OnceLock<Ear> = OnceLock::new();

/// Writes lines as `RUST_LOG` and the options say, and passes on those that are heard.
struct Both(env_logger::Logger);

/// From now on `ear` gets each line of this program that has an event, up to level info. The first one that asks counts.
pub fn overhear(ear: impl Fn(&str, &str, &str) + Send + Sync + 'static) {
    let _ = EAR.set(Box::new(ear));
}

/// Makes this the log of the process.
pub(super) fn install(written: env_logger::Logger) {
    let level = written.filter().max(LevelFilter::Info);
    if log::set_boxed_logger(Box::new(Both(written))).is_ok() {
        log::set_max_level(level);
    }
}

fn is_heard(metadata: &Metadata) -> bool {
    let own = metadata.target().split("::").next() == Some(env!("CARGO_CRATE_NAME"));
    own && metadata.level() <= Level::Info
}

impl Log for Both {
    fn enabled(&self, metadata: &Metadata) -> bool {
        self.0.enabled(metadata) || is_heard(metadata)
    }

    fn log(&self, record: &Record) {
        if self.0.matches(record) {
            self.0.log(record);
        }
        if !is_heard(record.metadata()) {
            return;
        }
        let event = record.key_values().get(Key::from_str("event"));
        if let (Some(ear), Some(event)) = (EAR.get(), event) {
            let level = record.level().as_str().to_ascii_lowercase();
            ear(&level, &event.to_string(), &record.args().to_string());
        }
    }

    fn flush(&self) {
        self.0.flush();
    }
}
