//! Real processes, each on a host of its own (a network namespace), joined by a bridge that is taken apart and put together
//! again under load. They find each other by real broadcast, with default addresses and ports.
//!
//! Needs Linux, the right to make network namespaces (root), and `ip` of iproute2; where one of them is not there, the
//! tests say so and pass. `PEER_HOSTS_SECONDS` says how long each random run takes (20), `PEER_SEED` what it is drawn from.

#[expect(dead_code, unused_imports, reason = "what tests on loopback need is for the other targets")]
#[path = "../harness/mod.rs"]
mod harness;
mod network;
mod reach;
mod splits;
mod weather;
