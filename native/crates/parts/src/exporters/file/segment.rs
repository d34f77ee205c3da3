//! A value from data as a part of a path: it names one file and cannot lead anywhere else.

use sha2::{Digest, Sha256};

/// Longest part, bytes; file systems take 255, and what stands around it in the name needs room too.
const SEGMENT_BYTES_MAX: usize = 120;

/// Bytes kept of a longer one, before its digest.
const KEPT_BYTES: usize = 80;

/// The value with everything but letters, digits, `-`, `_` and `.` of ASCII written as `%` and two digits, and with
/// dots written so too if there is nothing else. Different values give different parts; long ones end in a digest.
pub(super) fn segment(value: &str) -> String {
    let only_dots = value.bytes().all(|byte| byte == b'.');
    let mut part = String::with_capacity(value.len());
    for byte in value.bytes() {
        let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') || (byte == b'.' && !only_dots);
        if plain {
            part.push(char::from(byte));
        } else {
            part.push_str(&format!("%{byte:02X}"));
        }
    }
    if part.len() > SEGMENT_BYTES_MAX {
        part.truncate(KEPT_BYTES);
        // No escape begins like this, so no value that is short can be taken for a long one.
        part.push_str("%-");
        Sha256::digest(value).iter().take(16).for_each(|byte| part.push_str(&format!("{byte:02x}")));
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_value_leads_out_of_the_folder() {
        for (value, expected) in [
            ("shop", "shop"),
            ("shop.eu-1_a", "shop.eu-1_a"),
            ("..", "%2E%2E"),
            (".", "%2E"),
            ("../../etc/passwd", "..%2F..%2Fetc%2Fpasswd"),
            ("/abs", "%2Fabs"),
            ("a\\b\0c:d", "a%5Cb%00c%3Ad"),
            ("100%", "100%25"),
            ("é *", "%C3%A9%20%2A"),
        ] {
            assert_eq!(segment(value), expected);
        }
    }

    #[test]
    fn long_values_are_cut_and_still_differ() {
        let (one, other) = (segment(&format!("{}1", "x".repeat(5000))), segment(&format!("{}2", "x".repeat(5000))));
        assert_ne!(one, other);
        assert!(one.len() <= SEGMENT_BYTES_MAX && one.starts_with("xxx"));
        assert!(segment(&"é".repeat(3000)).is_ascii());
    }
}
