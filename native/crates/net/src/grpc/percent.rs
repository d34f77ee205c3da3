//! The encoding of `grpc-message`: everything but printable ASCII, and the percent sign, as `%XX`.

/// Encodes `text`, of at most `max` encoded bytes; a longer one is cut between characters.
pub fn encode(text: &str, max: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max));
    for character in text.chars() {
        let plain = matches!(character, ' '..='~') && character != '%';
        let width = if plain { 1 } else { 3 * character.len_utf8() };
        if out.len() + width > max {
            break;
        }
        if plain {
            out.push(character);
        } else {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                out.push('%');
                out.push(hex(byte >> 4));
                out.push(hex(byte & 15));
            }
        }
    }
    out
}

fn hex(nibble: u8) -> char {
    char::from_digit(nibble.into(), 16).unwrap_or('0').to_ascii_uppercase()
}
