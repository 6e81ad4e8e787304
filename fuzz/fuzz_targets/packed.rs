//! libFuzzer's program for the target `packed`.
#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| peer_fuzz::run("packed", input));
