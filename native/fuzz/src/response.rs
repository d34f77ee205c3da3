//! What servers answer, in both encodings: read leniently, and read the same when written again.

use teleferric_wire::response::{self, Encoding, PartialSuccess, Status};

/// One byte says signal and encoding, the rest is the body.
pub fn run(data: &[u8]) {
    let Some((first, body)) = data.split_first() else { return };
    let signal = crate::signal(*first);
    let encoding = if first & 4 == 0 { Encoding::Proto } else { Encoding::Json };
    if let Ok(status) = Status::decode(encoding, body) {
        for encoding in [Encoding::Proto, Encoding::Json] {
            let again = Status::decode(encoding, &status.encode(encoding)).expect("what was written can be read");
            assert_eq!(again, status, "{encoding:?}");
        }
        assert_eq!(response::retry_delay(encoding, body), status.retry_delay);
        assert_eq!(response::status_message(encoding, body), Some(status.message));
    }
    let partial = PartialSuccess::decode(signal, encoding, body);
    assert_eq!(response::partial_success(signal, encoding, body), partial.clone().ok().flatten());
    if let Ok(Some(partial)) = partial {
        for encoding in [Encoding::Proto, Encoding::Json] {
            let written = response::write_partial_success(signal, encoding, partial.rejected, &partial.message);
            let again = PartialSuccess::decode(signal, encoding, &written);
            assert_eq!(again, Ok(Some(partial.clone())), "{encoding:?}");
        }
    }
}
