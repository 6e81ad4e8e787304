//! Three peers that are fed for as long as wanted, with a fault every ten seconds: what they take stays the same, and no
//! reading is lost that a fault could not take. By hand, `scripts/soak.sh`; `PEER_SOAK_SECONDS` says how long.

mod faults;
mod given;
#[expect(dead_code, unused_imports, reason = "it is for other targets, too")]
#[path = "../harness/mod.rs"]
mod harness;
mod samples;
mod settled;
