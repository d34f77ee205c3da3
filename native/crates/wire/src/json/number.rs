//! Numbers as JSON writes them: exact integers, also in exponent form and inside strings, and doubles.

/// An integer of up to 64 bits and a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Integer {
    negative: bool,
    magnitude: u64,
}

/// Why a text is not the number asked for.
pub(super) type Reason = &'static str;

const OUT_OF_RANGE: Reason = "number is out of range";
const NOT_AN_INTEGER: Reason = "expected an integer";
const NOT_A_NUMBER: Reason = "expected a number";

impl Integer {
    /// Reads decimal digits with an optional sign, fraction and exponent. The value must be whole: `1.5e1` is 15.
    pub fn parse(text: &str) -> Result<Integer, Reason> {
        let (negative, digits) = sign(text.as_bytes());
        let mut magnitude = 0_u64;
        for &byte in digits {
            if !byte.is_ascii_digit() {
                return Ok(Integer { negative, magnitude: whole(digits)? });
            }
            let grown = magnitude.checked_mul(10).and_then(|tens| tens.checked_add(u64::from(byte - b'0')));
            let Some(grown) = grown else { return Ok(Integer { negative, magnitude: whole(digits)? }) };
            magnitude = grown;
        }
        if digits.is_empty() { Err(NOT_AN_INTEGER) } else { Ok(Integer { negative, magnitude }) }
    }

    /// The value as an unsigned number.
    pub fn unsigned(self) -> Result<u64, Reason> {
        if self.negative && self.magnitude != 0 { Err(OUT_OF_RANGE) } else { Ok(self.magnitude) }
    }

    /// The value as a signed number.
    pub fn signed(self) -> Result<i64, Reason> {
        if self.negative { 0_i64.checked_sub_unsigned(self.magnitude) } else { i64::try_from(self.magnitude).ok() }
            .ok_or(OUT_OF_RANGE)
    }

    /// The value as an unsigned number of 32 bits.
    pub fn unsigned_32(self) -> Result<u32, Reason> {
        u32::try_from(self.unsigned()?).map_err(|_| OUT_OF_RANGE)
    }

    /// The value as a signed number of 32 bits.
    pub fn signed_32(self) -> Result<i32, Reason> {
        i32::try_from(self.signed()?).map_err(|_| OUT_OF_RANGE)
    }
}

/// Reads a double from a JSON number.
pub(super) fn double(text: &str) -> Result<f64, Reason> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => Err(OUT_OF_RANGE),
        Err(_) => Err(NOT_A_NUMBER),
    }
}

/// Reads a double from the text of a JSON string: a number or one of three names.
pub(super) fn double_in_string(text: &str) -> Result<f64, Reason> {
    match text {
        "NaN" => Ok(f64::NAN),
        "Infinity" => Ok(f64::INFINITY),
        "-Infinity" => Ok(f64::NEG_INFINITY),
        // The standard parser knows names of its own, which JSON does not.
        _ if text.bytes().any(|byte| byte.is_ascii_alphabetic() && !matches!(byte, b'e' | b'E')) => Err(NOT_A_NUMBER),
        _ => double(text),
    }
}

fn sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    }
}

/// The exact value of unsigned digits with a fraction or an exponent, in time linear in the text however large the
/// exponent is.
fn whole(text: &[u8]) -> Result<u64, Reason> {
    let (mantissa, exponent) = match text.iter().position(|byte| matches!(byte, b'e' | b'E')) {
        Some(at) => (text.get(..at).unwrap_or_default(), exponent(text.get(at + 1..).unwrap_or_default())?),
        None => (text, 0),
    };
    let (integer, fraction) = match mantissa.iter().position(|byte| *byte == b'.') {
        Some(at) => (mantissa.get(..at).unwrap_or_default(), mantissa.get(at + 1..).unwrap_or_default()),
        None => (mantissa, &[][..]),
    };
    let digits = || integer.iter().chain(fraction);
    if integer.is_empty() || !digits().all(u8::is_ascii_digit) {
        return Err(NOT_AN_INTEGER);
    }
    // Trailing zeros move into the power of ten.
    let Some(zeros) = digits().rev().position(|digit| *digit != b'0') else { return Ok(0) };
    let power = exponent.saturating_add(zeros as i64).saturating_sub(fraction.len() as i64);
    if power < 0 {
        return Err(NOT_AN_INTEGER);
    }
    let significant = digits()
        .take(integer.len() + fraction.len() - zeros)
        .try_fold(0_u64, |value, digit| value.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
    let scale = u32::try_from(power).ok().and_then(|power| 10_u64.checked_pow(power));
    significant.zip(scale).and_then(|(value, scale)| value.checked_mul(scale)).ok_or(OUT_OF_RANGE)
}

/// An exponent; one beyond any use saturates.
fn exponent(text: &[u8]) -> Result<i64, Reason> {
    let (negative, digits) = sign(text);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(NOT_AN_INTEGER);
    }
    let value =
        digits.iter().fold(0_i64, |value, digit| value.saturating_mul(10).saturating_add(i64::from(digit - b'0')));
    Ok(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_exact_in_every_form() {
        for (text, value) in [
            ("0", 0),
            ("-0", 0),
            ("007", 7),
            ("+7", 7),
            ("-42", -42),
            ("9007199254740993", 9_007_199_254_740_993),
            ("9223372036854775807", i64::MAX),
            ("-9223372036854775808", i64::MIN),
            ("1e3", 1000),
            ("1E+3", 1000),
            ("1.5e1", 15),
            ("15.000", 15),
            ("1500e-2", 15),
            ("0e999999999999999999999", 0),
            ("0.0e-999999999999999999999", 0),
            ("-9223372036854775808.0", i64::MIN),
            ("0.9223372036854775807e19", i64::MAX),
            ("000000000000000000000000000000000000001", 1),
        ] {
            assert_eq!(Integer::parse(text).and_then(Integer::signed), Ok(value), "{text}");
        }
        assert_eq!(Integer::parse("18446744073709551615").and_then(Integer::unsigned), Ok(u64::MAX));
        assert_eq!(Integer::parse("1844674407370955161.5e1").and_then(Integer::unsigned), Ok(u64::MAX));
    }

    #[test]
    fn what_is_no_integer_is_refused() {
        for text in [
            "", "-", "+", "1.5", "1e-1", "0x10", "1_000", " 1", "1 ", ".5e1", "e5", "1e", "1e+", "1e1.5", "NaN",
            "1.2.3", "--1",
        ] {
            assert_eq!(Integer::parse(text), Err(NOT_AN_INTEGER), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for text in ["18446744073709551616", "1e20", "1e999999999999999999999", "99999999999999999999999999"] {
            assert_eq!(Integer::parse(text), Err(OUT_OF_RANGE), "{text}");
        }
        let parse = |text| Integer::parse(text).unwrap();
        assert_eq!(parse("9223372036854775808").signed(), Err(OUT_OF_RANGE));
        assert_eq!(parse("-9223372036854775809").signed(), Err(OUT_OF_RANGE));
        assert_eq!(parse("-1").unsigned(), Err(OUT_OF_RANGE));
        assert_eq!(parse("4294967296").unsigned_32(), Err(OUT_OF_RANGE));
        assert_eq!(parse("2147483648").signed_32(), Err(OUT_OF_RANGE));
        assert_eq!(parse("-2147483648").signed_32(), Ok(i32::MIN));
    }

    #[test]
    fn doubles_know_the_three_names_and_no_others() {
        assert!(double_in_string("NaN").unwrap().is_nan());
        assert_eq!(double_in_string("-Infinity"), Ok(f64::NEG_INFINITY));
        assert_eq!(double_in_string("-1.5e-3"), Ok(-0.0015));
        assert_eq!(double("1e309"), Err(OUT_OF_RANGE));
        for text in ["", "nan", "inf", "+Infinity", "infinity", "-inf", "1,5", "0x1p3"] {
            assert!(double_in_string(text).is_err(), "{text}");
        }
    }
}
