//! From text to words.

use super::parser::ParseError;

/// A word and the column where it begins, from 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spanned {
    pub(super) token: Token,
    pub(super) column: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A name, a keyword or a word for a number.
    Word(String),
    Text(String),
    Int(i64),
    Double(f64),
    Bytes(Vec<u8>),
    /// A comparison or anything else of one or two characters.
    Sign(&'static str),
}

/// Longest first, so that `<=` is not read as `<`.
const SIGNS: [&str; 17] = ["==", "!=", "<=", ">=", "<", ">", "(", ")", "[", "]", ",", ".", "+", "-", "*", "/", "{"];

/// The words of `text`.
pub(super) fn words(text: &str) -> Result<Vec<Spanned>, ParseError> {
    let mut words = Vec::new();
    let (mut rest, mut column) = (text, 1);
    loop {
        let start = rest.trim_start();
        column += chars_between(rest, start);
        rest = start;
        let Some(first) = rest.chars().next() else { return Ok(words) };
        let (token, after) = match first {
            '"' => quoted(rest, column)?,
            '0'..='9' => number(rest, column)?,
            'a'..='z' | 'A'..='Z' | '_' => word(rest),
            _ => match SIGNS.iter().find_map(|sign| Some((*sign, rest.strip_prefix(sign)?))) {
                Some((sign, after)) => (Token::Sign(sign), after),
                None => return Err(ParseError::new(column, format!("unexpected character '{first}'"))),
            },
        };
        words.push(Spanned { token, column });
        column += chars_between(rest, after);
        rest = after;
    }
}

/// Characters of `text` in front of `rest`, which is its end.
fn chars_between(text: &str, rest: &str) -> usize {
    text.get(..text.len() - rest.len()).map_or(0, |taken| taken.chars().count())
}

fn word(text: &str) -> (Token, &str) {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (Token::Word(word.to_owned()), rest)
}

/// A text in double quotes, with the escapes of Go that matter in a text.
fn quoted(text: &str, column: usize) -> Result<(Token, &str), ParseError> {
    let mut out = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Ok((Token::Text(out), text.get(at + 1..).unwrap_or_default())),
            '\\' => match chars.next() {
                Some((_, 'n')) => out.push('\n'),
                Some((_, 't')) => out.push('\t'),
                Some((_, 'r')) => out.push('\r'),
                Some((_, escaped @ ('"' | '\\'))) => out.push(escaped),
                // Go refuses these; patterns are easier to read with single backslashes.
                Some((_, other)) => out.extend(['\\', other]),
                None => break,
            },
            _ => out.push(char),
        }
    }
    Err(ParseError::new(column, "text has no closing quote"))
}

fn number(text: &str, column: usize) -> Result<(Token, &str), ParseError> {
    if let Some(digits) = text.strip_prefix("0x") {
        let end = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
        let (digits, rest) = digits.split_at(end);
        let bytes = digits.as_bytes().chunks(2).map(|pair| match pair {
            [_, _] => u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok(),
            _ => None,
        });
        let bytes: Option<Vec<u8>> = bytes.collect();
        let bytes = bytes.filter(|bytes| !bytes.is_empty());
        return Ok((
            Token::Bytes(bytes.ok_or_else(|| ParseError::new(column, "bytes need an even number of digits"))?),
            rest,
        ));
    }
    let mut end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    if let Some(exponent) = text.get(end..).and_then(|rest| rest.strip_prefix(['e', 'E'])) {
        let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        end = text.len() - unsigned.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    }
    let (digits, rest) = text.split_at(end);
    let bad = || ParseError::new(column, format!("\"{digits}\" is no number"));
    let token = if digits.contains(['.', 'e', 'E']) {
        Token::Double(digits.parse().map_err(|_| bad())?)
    } else {
        Token::Int(digits.parse().map_err(|_| bad())?)
    };
    Ok((token, rest))
}
