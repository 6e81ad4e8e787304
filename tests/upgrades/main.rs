//! What earlier releases wrote and said, and peers of other versions: `tests/recorded/<version>/` holds recordings, made
//! by `tests/recorded/record.py` and never changed.

mod directories;
#[expect(dead_code, unused_imports, reason = "it is for other targets, too")]
#[path = "../harness/mod.rs"]
mod harness;
mod mixed;
mod newer;
mod recorded;
mod words;
