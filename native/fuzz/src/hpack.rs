//! Header blocks of HTTP/2: several on one connection, so that the table of one is what the next refers to.

use teleferric_net::http2::hpack::{Decoder, Fields};

const LIMIT: usize = 512;

/// Each block is a length byte and as many bytes.
pub fn run(data: &[u8]) {
    let mut decoder = Decoder::new();
    let mut fields = Fields::new(LIMIT);
    let mut rest = data;
    while let Some((length, after)) = rest.split_first() {
        let (block, after) = after.split_at(after.len().min(usize::from(*length)));
        rest = after;
        let version = decoder.version();
        fields.restart(LIMIT);
        let decoded = decoder.decode(block, &mut fields);
        let size: usize = fields.iter().map(|(name, value)| name.len() + value.len() + 32).sum();
        assert!(size <= LIMIT, "more fields than there is room for");
        if decoded.is_err() {
            // The connection ends here.
            return;
        }
        if decoder.version() == version {
            again(&mut decoder, block, &fields);
        }
    }
}

/// A block that changed no table means the same again: that is what the server relies on.
fn again(decoder: &mut Decoder, block: &[u8], before: &Fields) {
    let mut fields = Fields::new(LIMIT);
    decoder.decode(block, &mut fields).expect("it was good before");
    assert!(fields.iter().eq(before.iter()) && fields.aside() == before.aside());
    assert_eq!(fields.overflowed(), before.overflowed());
}
