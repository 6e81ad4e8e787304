//! Real processes on loopback that are killed, stopped, woken, told to leave and started again at random, under load.
//!
//! `PEER_CHAOS_SECONDS` says how long each run of chaos takes (20), `PEER_CUTS` how often all peers are killed together
//! (10), and `PEER_SEED` is the seed of the runs. A run that fails prints the command that repeats it.

mod cuts;
mod faults;
#[expect(dead_code, unused_imports, reason = "what tests with a script need is for the other targets")]
#[path = "../harness/mod.rs"]
mod harness;
mod tampered;
