//! libFuzzer's way into [`teleferric_fuzz::decompress`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| teleferric_fuzz::decompress::run(data));
