//! libFuzzer's program for the target `base`.
#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| peer_fuzz::run("base", input));
