//! An adversary with sockets against real peers on loopback: it speaks the protocol, lies, floods, and falls silent.
//! Each case was once a breach. Whatever the adversary does, the honest peers stay one group and lose nothing.

mod adversary;
mod closed;
mod counters;
mod ears;
mod floods;
mod going;
#[expect(dead_code, unused_imports, reason = "what tests without an adversary need is for the other targets")]
#[path = "../harness/mod.rs"]
mod harness;
mod hoards;
mod idlers;
mod lies;
mod link;
mod lives;
mod noise;
mod requests;
mod siege;
mod strays;
mod weight;
mod words;
