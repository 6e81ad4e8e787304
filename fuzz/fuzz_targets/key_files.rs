//! libFuzzer's program for the target `key_files`.
#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| peer_fuzz::run("key_files", input));
