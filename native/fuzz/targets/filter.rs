//! libFuzzer's way into [`teleferric_fuzz::filter`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| teleferric_fuzz::filter::run(data));
