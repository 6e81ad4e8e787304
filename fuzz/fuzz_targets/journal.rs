//! libFuzzer's program for the target `journal`.
#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| peer_fuzz::run("journal", input));
