//! Real processes on loopback: what the operating system does to peers, and what peers do to it. Each test asserts on
//! CSV files and on the log lines that users grep.

mod bad_input;
mod claims;
#[cfg(unix)]
mod closed;
#[cfg(target_os = "linux")]
mod commands;
mod data;
mod descriptors;
mod disk;
#[cfg(feature = "simulation")]
mod drawn;
mod election;
mod fail_stop;
mod flush;
mod foreign;
#[expect(dead_code, reason = "what long random runs need is for the other targets")]
#[path = "../harness/mod.rs"]
mod harness;
mod ids;
mod log_lines;
#[cfg(unix)]
mod modes;
mod months;
mod names;
mod packing;
mod platter;
mod preload;
mod quorum;
mod reach;
mod readers;
mod record;
#[cfg(target_os = "linux")]
mod refusals;
mod resume;
mod retention;
#[cfg(target_os = "linux")]
mod service;
mod snapshot;
#[cfg(unix)]
mod sources;
mod stop;
mod strangers;
mod syncing;
#[cfg(target_os = "linux")]
mod thread_limit;
#[cfg(target_os = "linux")]
mod unreadable;
#[cfg(unix)]
mod unset_clock;
