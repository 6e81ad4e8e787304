//! `peer bridge` before real servers: what they hold in the end is each row, once where that is promised, whatever is killed
//! meanwhile. A server that is not installed is reported, and its tests are skipped.

mod access;
mod bridge;
mod certificates;
mod cluster;
mod faults;
#[expect(dead_code, unused_imports, reason = "it is for other targets, too")]
#[path = "../harness/mod.rs"]
mod harness;
mod influx;
mod influx2;
mod intake;
mod leader;
mod mqtt;
mod nats;
mod sensors;
mod server;
mod storm;
