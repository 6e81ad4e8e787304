//! libFuzzer's program for the target `log_lines`.
#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| peer_fuzz::run("log_lines", input));
