//! `peer tail` beside real peers: what it printed, with each rewind applied, is what the files of its peer hold.
//! `peer export` writes the same in the order of time.

mod asked;
mod export;
mod follow;
#[expect(dead_code, unused_imports, reason = "it is for other targets, too")]
#[path = "../harness/mod.rs"]
mod harness;
mod printed;
