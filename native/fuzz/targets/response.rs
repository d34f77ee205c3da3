//! libFuzzer's way into [`teleferric_fuzz::response`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| teleferric_fuzz::response::run(data));
