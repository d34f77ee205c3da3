//! Writing any bytes as JSON: an error or a text that reads back as a request with as many items.

use teleferric_wire::{Limits, check, json};

/// One byte says the signal, one where the bytes are cut into two chunks; the rest are the bytes.
pub fn run(data: &[u8]) {
    let Some(([first, second], bytes)) = data.split_first_chunk() else { return };
    let signal = crate::signal(*first);
    let (head, tail) = bytes.split_at(usize::from(*second).min(bytes.len()));
    let limits = Limits::default();
    let mut text = b"kept".to_vec();
    match json::from_proto(signal, &[head, tail], &mut text) {
        Ok(()) => {
            let text = text.split_off(4);
            assert!(std::str::from_utf8(&text).is_ok(), "JSON is text");
            if let Err(error) = json::to_proto(signal, &text, &limits, &mut Vec::new()) {
                assert!(error.is_limit(), "written and not readable: {error}");
            }
        }
        Err(_) => assert_eq!(text, b"kept", "an error leaves nothing behind"),
    }
    let Ok(request) = check(signal, bytes, &limits) else { return };
    let (_, read_back) = crate::json::there_and_back(signal, bytes);
    let counts = check(signal, &read_back, &limits).expect("what was read is a request").counts();
    assert_eq!(counts.resources, request.counts().resources);
    // Of two members of a oneof the last is written.
    assert!(counts.items <= request.counts().items);
}
