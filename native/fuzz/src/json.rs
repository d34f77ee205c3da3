//! JSON requests: what is read is a valid request, and reading what was written changes nothing any more.

use teleferric_wire::{Limits, check, json};

/// The first byte says the signal, the rest is the text.
pub fn run(data: &[u8]) {
    let Some((first, text)) = data.split_first() else { return };
    let signal = crate::signal(*first);
    let limits = Limits::default();
    let mut proto = b"kept".to_vec();
    let Ok(counts) = json::to_proto(signal, text, &limits, &mut proto) else {
        assert_eq!(proto, b"kept", "an error leaves nothing behind");
        return;
    };
    let proto = proto.split_off(4);
    let request = check(signal, &proto, &limits).expect("what was read is a request");
    assert_eq!(request.counts(), counts);
    assert!(proto.len() <= text.len() * 4, "{} bytes from {}", proto.len(), text.len());
    let (once, read_back) = there_and_back(signal, &proto);
    assert_eq!(check(signal, &read_back, &limits).map(|request| request.counts()), Ok(counts));
    let (twice, _) = there_and_back(signal, &read_back);
    assert!(once == twice, "{}\n{}", String::from_utf8_lossy(&once), String::from_utf8_lossy(&twice));
}

/// A request as JSON, and that read again.
pub(crate) fn there_and_back(signal: teleferric_wire::Signal, proto: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (mut text, mut read_back) = (Vec::new(), Vec::new());
    json::from_proto(signal, &[proto], &mut text).expect("a valid request can be written");
    assert!(std::str::from_utf8(&text).is_ok(), "JSON is text");
    json::to_proto(signal, &text, &Limits::default(), &mut read_back).expect("what was written can be read");
    (text, read_back)
}
