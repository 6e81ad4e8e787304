//! libFuzzer's program for the target `sealed_datagrams`.
#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| peer_fuzz::run("sealed_datagrams", input));
