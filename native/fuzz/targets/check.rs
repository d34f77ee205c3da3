//! libFuzzer's way into [`teleferric_fuzz::check`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| teleferric_fuzz::check::run(data));
