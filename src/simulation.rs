//! Whole groups of peers on a virtual network, clock and disk: the code that runs in a greenhouse, run in slow motion.
//!
//! A [`world::World`] holds everything: processes (the real core and the real storage on a disk in memory), connections,
//! cuts, clocks, and what happens next. A [`plan::Plan`] says which peers there are, how good their network and their
//! disks are, and which faults come when; a seed draws one, and the same seed gives the same run. The promises of
//! `docs/protocol.md` are checked as it goes ([`invariants`]); deliberate faults ([`sabotage`]) show that the checks
//! notice. [`exhaustive`] draws nothing: of a small group it tries all orders and faults within bounds.

mod archive;
mod asking;
pub mod clock;
mod closed;
pub mod command;
pub mod counts;
mod cuts;
pub mod diagram;
pub mod event;
pub mod exhaustive;
mod failing;
pub mod fault;
mod hearing;
mod hosts;
mod insider;
pub mod invariants;
pub mod liar;
mod lies;
pub mod logs;
mod lying;
pub mod network;
pub mod numbers;
pub mod outsider;
mod page;
pub mod plan;
pub mod process;
pub mod record;
mod rows;
pub mod run;
pub mod sabotage;
pub mod scenario;
pub mod seeds;
pub mod shelf;
pub mod shiviz;
pub mod shrinking;
pub mod stepping;
mod storing;
pub mod telling;
mod traffic;
pub mod world;
