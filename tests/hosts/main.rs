//! Real processes, each on its own host (a network namespace), joined by a bridge that is taken apart and put together
//! again under load. They find each other by real broadcast, with default addresses and ports.
//!
//! It needs Linux, the right to make network namespaces (root), and `ip` of iproute2. If one of them is missing, the
//! tests say so and pass. `PEER_HOSTS_SECONDS` says how long each random run takes (20), `PEER_SEED` is its seed.

#[expect(dead_code, unused_imports, reason = "what tests on loopback need is for the other targets")]
#[path = "../harness/mod.rs"]
mod harness;
mod network;
mod reach;
mod splits;
mod weather;
