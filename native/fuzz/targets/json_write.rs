//! libFuzzer's way into [`teleferric_fuzz::json_write`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| teleferric_fuzz::json_write::run(data));
