//! libFuzzer's way into [`teleferric_fuzz::grpc_message`].

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| teleferric_fuzz::grpc_message::run(data));
