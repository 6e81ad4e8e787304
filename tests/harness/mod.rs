//! Real peer processes for tests: starting, feeding, ending and waking them, and reading what they wrote. The tests are
//! in `tests/cluster`, `tests/chaos`, `tests/hosts`, `tests/hostile`,
//! `tests/tail`, `tests/upgrades` and `tests/soak`.

#[path = "../history/checker/mod.rs"]
mod checker;
pub(crate) mod fault;
pub(crate) mod feeder;
mod group;
pub(crate) mod process;
pub(crate) mod python;
pub(crate) mod recorder;
mod rows;
pub(crate) mod run;
pub(crate) mod settle;
mod skip;
pub(crate) mod station;
pub(crate) mod tap;
mod watch;
pub(crate) mod witness;

pub(crate) use group::{Group, TIMING_SHORT};
pub(crate) use process::{Peer, PATIENCE};
pub(crate) use rows::{assert_fed, assert_same_rows, flip_a_bit, Rows};
pub(crate) use skip::skipped;
