//! libFuzzer's way into [`teleferric_fuzz::hpack`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| teleferric_fuzz::hpack::run(data));
