//! libFuzzer's way into [`teleferric_fuzz::json`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| teleferric_fuzz::json::run(data));
