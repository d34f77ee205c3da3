//! The tokens of a JSON text, by RFC 8259, strictly: no comments, no trailing commas, no control characters in strings.
//!
//! Nothing here recurses; a value to be skipped may be nested as deeply as the text is long.

use super::number::{self, Integer, Reason};
use super::text::plain_len;
use crate::error::WireError;

/// A position in a text.
pub(super) struct Lexer<'a> {
    text: &'a str,
    at: usize,
    /// Holds strings that had escapes.
    unescaped: String,
}

impl<'a> Lexer<'a> {
    /// Starts at the first byte.
    pub fn new(json: &'a [u8]) -> Result<Self, WireError> {
        match std::str::from_utf8(json) {
            Ok(text) => Ok(Self { text, at: 0, unescaped: String::new() }),
            Err(error) => Err(WireError::json(error.valid_up_to(), "text is not utf-8")),
        }
    }

    /// Where the next token starts, once [`Lexer::peek`] has been called.
    pub fn offset(&self) -> usize {
        self.at
    }

    /// The first byte of the next token; `None` at the end of the text.
    #[inline]
    pub fn peek(&mut self) -> Option<u8> {
        let rest = self.rest();
        // Compact JSON is the common case.
        if let Some(&byte) = rest.first()
            && byte > b' '
        {
            return Some(byte);
        }
        let space = rest.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).unwrap_or(rest.len());
        self.at += space;
        self.rest().first().copied()
    }

    /// Steps over one byte of punctuation.
    #[inline]
    pub fn expect(&mut self, byte: u8, reason: Reason) -> Result<(), WireError> {
        if self.peek() != Some(byte) {
            return Err(self.error(reason));
        }
        self.at += 1;
        Ok(())
    }

    /// The next key of an object, with its colon; `None` at the end of the object. `fresh` tells that the object was
    /// just opened.
    #[inline]
    pub fn key(&mut self, fresh: &mut bool) -> Result<Option<&str>, WireError> {
        if !self.another(b'}', fresh, "expected a comma or the end of the object")? {
            return Ok(None);
        }
        if self.peek() != Some(b'"') {
            return Err(self.error("expected a key"));
        }
        let Some(key) = self.plain_string() else {
            self.escaped_string()?;
            self.expect(b':', "expected a colon")?;
            return Ok(Some(&self.unescaped));
        };
        self.expect(b':', "expected a colon")?;
        Ok(Some(key))
    }

    /// Whether another element of a list follows, stepping over the comma or the end. `fresh` as in [`Lexer::key`].
    #[inline]
    pub fn element(&mut self, fresh: &mut bool) -> Result<bool, WireError> {
        self.another(b']', fresh, "expected a comma or the end of the array")
    }

    /// Steps over `null` if it is next.
    #[inline]
    pub fn null(&mut self) -> Result<bool, WireError> {
        if self.peek() != Some(b'n') {
            return Ok(false);
        }
        self.literal("null")?;
        Ok(true)
    }

    /// A string, without its escapes.
    #[inline]
    pub fn string(&mut self) -> Result<&str, WireError> {
        if self.peek() != Some(b'"') {
            return Err(self.error("expected a string"));
        }
        match self.plain_string() {
            Some(text) => Ok(text),
            None => self.escaped_string(),
        }
    }

    /// `true` or `false`.
    pub fn boolean(&mut self) -> Result<bool, WireError> {
        match self.peek() {
            Some(b't') => self.literal("true").map(|()| true),
            Some(b'f') => self.literal("false").map(|()| false),
            _ => Err(self.error("expected true or false")),
        }
    }

    /// An integer, as a number or in a string.
    #[inline]
    pub fn integer(&mut self) -> Result<Integer, WireError> {
        let quoted = self.peek() == Some(b'"');
        let start = self.at;
        let text = if quoted { self.string()? } else { self.number()? };
        Integer::parse(text).map_err(|reason| WireError::json(start, reason))
    }

    /// A double, as a number or in a string.
    pub fn double(&mut self) -> Result<f64, WireError> {
        let quoted = self.peek() == Some(b'"');
        let start = self.at;
        if quoted { number::double_in_string(self.string()?) } else { number::double(self.number()?) }
            .map_err(|reason| WireError::json(start, reason))
    }

    /// Steps over a value of any kind. The memory is one bit for each level.
    pub fn skip(&mut self) -> Result<(), WireError> {
        let mut open = Levels::default();
        let mut fresh = true;
        loop {
            let entered = match self.peek() {
                Some(b'{') => Some(true),
                Some(b'[') => Some(false),
                _ => None,
            };
            match entered {
                Some(object) => {
                    self.at += 1;
                    open.push(object);
                    fresh = true;
                }
                None => self.skip_scalar()?,
            }
            // Up to the next value: out of everything that ends here, then over the comma and the key.
            loop {
                let another = match open.last() {
                    None => return Ok(()),
                    Some(true) => self.key(&mut fresh)?.is_some(),
                    Some(false) => self.element(&mut fresh)?,
                };
                if another {
                    break;
                }
                open.pop();
                fresh = false;
            }
        }
    }

    /// Checks that nothing but space is left.
    pub fn end(&mut self) -> Result<(), WireError> {
        if self.peek().is_some() { Err(self.error("text after the end of the request")) } else { Ok(()) }
    }

    /// An error at the next token.
    pub fn error(&self, reason: Reason) -> WireError {
        let reason = if self.rest().is_empty() { "text ends too early" } else { reason };
        WireError::json(self.at, reason)
    }

    #[inline]
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    #[inline]
    fn another(&mut self, end: u8, fresh: &mut bool, reason: Reason) -> Result<bool, WireError> {
        let next = self.peek();
        if next == Some(end) {
            self.at += 1;
            return Ok(false);
        }
        if !std::mem::replace(fresh, false) {
            if next != Some(b',') {
                return Err(self.error(reason));
            }
            self.at += 1;
        }
        Ok(true)
    }

    fn skip_scalar(&mut self) -> Result<(), WireError> {
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'-' | b'0'..=b'9') => self.number().map(drop),
            Some(b'n') => self.literal("null"),
            Some(b't' | b'f') => self.boolean().map(drop),
            _ => Err(self.error("expected a value")),
        }
    }

    fn literal(&mut self, word: &'static str) -> Result<(), WireError> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(self.error("expected a value"));
        }
        self.at += word.len();
        Ok(())
    }

    /// A number in the grammar of JSON.
    fn number(&mut self) -> Result<&'a str, WireError> {
        if !matches!(self.peek(), Some(b'-' | b'0'..=b'9')) {
            return Err(self.error("expected a number"));
        }
        let rest = self.rest();
        let digits = |from: usize| {
            let digits = rest.get(from..).unwrap_or_default();
            digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len())
        };
        let bad = |lexer: &Self| Err(WireError::json(lexer.at, "invalid number"));
        let integer = usize::from(rest.first() == Some(&b'-'));
        let mut end = integer + digits(integer);
        // No digits at all, or more of them after a leading zero.
        if end == integer || (rest.get(integer) == Some(&b'0') && end > integer + 1) {
            return bad(self);
        }
        if rest.get(end) == Some(&b'.') {
            let fraction = digits(end + 1);
            if fraction == 0 {
                return bad(self);
            }
            end += 1 + fraction;
        }
        if matches!(rest.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(rest.get(end + 1), Some(b'+' | b'-')));
            let exponent = digits(end + 1 + sign);
            if exponent == 0 {
                return bad(self);
            }
            end += 1 + sign + exponent;
        }
        let start = self.at;
        self.at += end;
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    /// A string without escapes, or `None`, not moving, if it is anything else. The next byte is a quote.
    #[inline]
    fn plain_string(&mut self) -> Option<&'a str> {
        let start = self.at + 1;
        let rest = self.text.as_bytes().get(start..)?;
        let length = plain_len(rest);
        if rest.get(length) != Some(&b'"') {
            return None;
        }
        self.at = start + length + 1;
        self.text.get(start..start + length)
    }

    /// A string with escapes, into the buffer. The next byte is a quote.
    #[cold]
    fn escaped_string(&mut self) -> Result<&str, WireError> {
        self.unescaped.clear();
        let mut at = self.at + 1;
        loop {
            let rest = self.text.get(at..).unwrap_or_default();
            let length = plain_len(rest.as_bytes());
            self.unescaped.push_str(rest.get(..length).unwrap_or_default());
            at += length;
            match rest.as_bytes().get(length) {
                Some(b'"') => break,
                Some(b'\\') => at += self.escape(at)?,
                Some(_) => return Err(WireError::json(at, "control character in a string")),
                None => return Err(WireError::json(at, "text ends too early")),
            }
        }
        self.at = at + 1;
        Ok(&self.unescaped)
    }

    /// Decodes the escape at an offset; gives its length.
    fn escape(&mut self, at: usize) -> Result<usize, WireError> {
        let bytes = self.text.as_bytes();
        let plain = match bytes.get(at + 1) {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode_escape(at),
            Some(_) => return Err(WireError::json(at, "invalid escape")),
            None => return Err(WireError::json(bytes.len(), "text ends too early")),
        };
        self.unescaped.push(plain);
        Ok(2)
    }

    /// Decodes `\uXXXX`, or two of them that form a surrogate pair. Half a pair, which JavaScript writes when it cuts
    /// text, becomes U+FFFD.
    fn unicode_escape(&mut self, at: usize) -> Result<usize, WireError> {
        let bytes = self.text.as_bytes();
        let unit = |at: usize| -> Option<u32> {
            let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
            digits.iter().try_fold(0, |value, digit| Some(value * 16 + char::from(*digit).to_digit(16)?))
        };
        let Some(first) = unit(at) else { return Err(WireError::json(at, "invalid escape")) };
        if (0xd800..0xdc00).contains(&first)
            && let Some(second @ 0xdc00..0xe000) = unit(at + 6)
        {
            let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            self.unescaped.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            return Ok(12);
        }
        self.unescaped.push(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
        Ok(6)
    }
}

/// A stack of bits: which of the open levels are objects.
#[derive(Default)]
struct Levels {
    words: Vec<u64>,
    depth: usize,
}

impl Levels {
    fn push(&mut self, object: bool) {
        let (word, bit) = (self.depth / 64, self.depth % 64);
        if word == self.words.len() {
            self.words.push(0);
        }
        if let Some(word) = self.words.get_mut(word) {
            *word = (*word & !(1 << bit)) | (u64::from(object) << bit);
        }
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.depth = self.depth.saturating_sub(1);
    }

    fn last(&self) -> Option<bool> {
        let top = self.depth.checked_sub(1)?;
        Some(self.words.get(top / 64)? >> (top % 64) & 1 == 1)
    }
}
