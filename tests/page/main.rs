//! The page, as a person sees it: a headless Chromium shows real peers. Tests that need one are skipped where there is
//! none.
#![cfg(unix)]

mod chromium;
mod files;
mod group;
#[expect(dead_code, unused_imports, reason = "what tests without a page need is for the other targets")]
#[path = "../harness/mod.rs"]
mod harness;
mod looks;
mod pictures;
#[cfg(feature = "simulation")]
mod run;
mod sensors;
mod served;
