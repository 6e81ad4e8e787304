//! What a real peer says of itself over HTTP and to `peer status`, even while others do their worst to its page.

#[expect(dead_code, unused_imports, reason = "what long random runs need is for the other targets")]
#[path = "../harness/mod.rs"]
mod harness;

mod answers;
mod client;
mod doctor;
mod guests;
mod metrics;
mod openapi;
mod rows;
mod status;
