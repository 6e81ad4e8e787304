//! The parts of the way of a reading, each alone: what `benches/parts.rs` times, and `scripts/instructions.sh` counts
//! instructions of.

mod core;
mod parts;

pub use parts::{Part, PARTS};
