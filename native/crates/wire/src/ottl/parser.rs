//! From words to an expression whose paths, patterns and functions are known to exist.

use regex::bytes::Regex;

use super::lexer::{Spanned, Token, words};
use super::path::{Context, Key, Path, word};

/// A condition that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} (column {column})")]
pub struct ParseError {
    /// Where, counted in characters from 1.
    pub column: usize,
    /// Why.
    pub reason: String,
}

impl ParseError {
    pub(super) fn new(column: usize, reason: impl Into<String>) -> ParseError {
        ParseError { column, reason: reason.into() }
    }
}

/// Something that holds or does not.
#[derive(Debug)]
pub(super) enum Expr {
    Always(bool),
    Not(Box<Expr>),
    All(Vec<Expr>),
    Any(Vec<Expr>),
    Compare(Comparison, Term, Term),
    Test(Test),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Something that has a value.
#[derive(Debug)]
pub(super) enum Term {
    Nil,
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
    Path(Path),
    Len(Box<Term>),
    Test(Box<Test>),
}

/// A function that says yes or no.
#[derive(Debug)]
pub(super) enum Test {
    IsMatch(Term, Regex),
    IsString(Term),
    IsInt(Term),
    IsDouble(Term),
    IsBool(Term),
    IsMap(Term),
    IsList(Term),
    HasPrefix(Term, String),
    HasSuffix(Term, String),
    IsRootSpan,
    /// Whether a point of the metric has the attribute, and with the value if there is one.
    PointAttribute(String, Option<String>),
}

pub(super) fn parse(text: &str, context: Context) -> Result<Expr, ParseError> {
    let words = words(text)?;
    let end = text.chars().count() + 1;
    let mut parser = Parser { words: words.into_iter().peekable(), end, context, depth: 0 };
    let expr = parser.any()?;
    match parser.words.next() {
        None => Ok(expr),
        Some(Spanned { token, column }) => Err(ParseError::new(column, format!("unexpected {}", described(&token)))),
    }
}

struct Parser {
    words: std::iter::Peekable<std::vec::IntoIter<Spanned>>,
    /// The column behind the text.
    end: usize,
    context: Context,
    depth: usize,
}

impl Parser {
    fn column(&mut self) -> usize {
        let end = self.end;
        self.words.peek().map_or(end, |word| word.column)
    }

    fn takes_sign(&mut self, sign: &str) -> bool {
        self.words.next_if(|word| matches!(&word.token, Token::Sign(each) if *each == sign)).is_some()
    }

    fn takes_word(&mut self, name: &str) -> bool {
        self.words.next_if(|word| matches!(&word.token, Token::Word(each) if each == name)).is_some()
    }

    fn expect(&mut self, sign: &str) -> Result<(), ParseError> {
        if self.takes_sign(sign) {
            return Ok(());
        }
        let column = self.column();
        let found = self.words.peek().map_or_else(|| "the end".to_owned(), |word| described(&word.token));
        Err(ParseError::new(column, format!("expected \"{sign}\", found {found}")))
    }

    fn any(&mut self) -> Result<Expr, ParseError> {
        let mut parts = vec![self.all()?];
        while self.takes_word("or") {
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expr::Any(parts) })
    }

    fn all(&mut self) -> Result<Expr, ParseError> {
        let mut parts = vec![self.one()?];
        while self.takes_word("and") {
            parts.push(self.one()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expr::All(parts) })
    }

    fn one(&mut self) -> Result<Expr, ParseError> {
        self.descend()?;
        let expr = if self.takes_word("not") {
            Expr::Not(Box::new(self.one()?))
        } else if self.takes_sign("(") {
            let inner = self.any()?;
            self.expect(")")?;
            inner
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(expr)
    }

    fn comparison(&mut self) -> Result<Expr, ParseError> {
        let column = self.column();
        let left = self.term()?;
        let sign = self.words.next_if(|word| comparison_of(&word.token).is_some());
        if let Some(comparison) = sign.and_then(|word| comparison_of(&word.token)) {
            return Ok(Expr::Compare(comparison, left, self.term()?));
        }
        match left {
            Term::Bool(value) => Ok(Expr::Always(value)),
            Term::Test(test) => Ok(Expr::Test(*test)),
            _ => Err(ParseError::new(column, "expected a comparison: this alone is neither true nor false")),
        }
    }

    /// Goes one level deeper, of which there are not so many that a stack would end.
    fn descend(&mut self) -> Result<(), ParseError> {
        let column = self.column();
        self.depth += 1;
        if self.depth > DEPTH_MAX { Err(ParseError::new(column, "condition is nested too deep")) } else { Ok(()) }
    }

    fn term(&mut self) -> Result<Term, ParseError> {
        self.descend()?;
        let end = self.end;
        let Some(Spanned { token, column }) = self.words.next() else {
            return Err(ParseError::new(end, "condition ends where a value should be"));
        };
        let term = match token {
            Token::Text(text) => Term::Text(text),
            Token::Int(int) => Term::Int(int),
            Token::Double(double) => Term::Double(double),
            Token::Bytes(bytes) => Term::Bytes(bytes),
            Token::Sign("-") => match self.term()? {
                Term::Int(int) => Term::Int(-int),
                Term::Double(double) => Term::Double(-double),
                _ => return Err(ParseError::new(column, "\"-\" stands before numbers only")),
            },
            Token::Sign(sign) => return Err(ParseError::new(column, format!("expected a value, found \"{sign}\""))),
            Token::Word(name) => self.named(name, column)?,
        };
        self.depth -= 1;
        Ok(term)
    }

    /// What begins with a word: a constant, a function or a path.
    fn named(&mut self, name: String, column: usize) -> Result<Term, ParseError> {
        match name.as_str() {
            "true" => return Ok(Term::Bool(true)),
            "false" => return Ok(Term::Bool(false)),
            "nil" => return Ok(Term::Nil),
            "and" | "or" | "not" => return Err(ParseError::new(column, format!("expected a value, found \"{name}\""))),
            _ => {}
        }
        if self.takes_sign("(") {
            return self.function(&name, column);
        }
        if let Some(number) = word(&name) {
            return Ok(Term::Int(number));
        }
        let mut segments = vec![name];
        let mut keys = Vec::new();
        loop {
            if keys.is_empty() && self.takes_sign(".") {
                match self.words.next() {
                    Some(Spanned { token: Token::Word(segment), .. }) => segments.push(segment),
                    _ => return Err(ParseError::new(column, "path ends with \".\"")),
                }
            } else if self.takes_sign("[") {
                keys.push(self.key()?);
                self.expect("]")?;
            } else {
                break;
            }
        }
        Path::new(self.context, &segments, keys).map(Term::Path).map_err(|reason| ParseError::new(column, reason))
    }

    fn key(&mut self) -> Result<Key, ParseError> {
        let column = self.column();
        match self.words.next().map(|word| word.token) {
            Some(Token::Text(name)) => Ok(Key::Name(name)),
            Some(Token::Int(index)) => {
                usize::try_from(index).map(Key::Index).map_err(|_| ParseError::new(column, "index is too large"))
            }
            _ => Err(ParseError::new(column, "expected a name in quotes or an index")),
        }
    }

    fn function(&mut self, name: &str, column: usize) -> Result<Term, ParseError> {
        let test = match name {
            "Len" => {
                let of = self.term()?;
                self.expect(")")?;
                return Ok(Term::Len(Box::new(of)));
            }
            "IsMatch" => {
                let target = self.term()?;
                self.expect(",")?;
                let at = self.column();
                let pattern = self.text()?;
                let pattern = Regex::new(&pattern).map_err(|error| {
                    // The last line of a regex error says what is wrong; those above draw it.
                    let reason = error.to_string().lines().last().unwrap_or_default().to_owned();
                    ParseError::new(at, format!("invalid pattern: {reason}"))
                })?;
                Test::IsMatch(target, pattern)
            }
            "IsString" => Test::IsString(self.term()?),
            "IsInt" => Test::IsInt(self.term()?),
            "IsDouble" => Test::IsDouble(self.term()?),
            "IsBool" => Test::IsBool(self.term()?),
            "IsMap" => Test::IsMap(self.term()?),
            "IsList" => Test::IsList(self.term()?),
            "HasPrefix" => self.with_text(Test::HasPrefix)?,
            "HasSuffix" => self.with_text(Test::HasSuffix)?,
            "IsRootSpan" if self.context.sees(Context::Span) => Test::IsRootSpan,
            "HasAttrKeyOnDatapoint" if self.context == Context::Metric => Test::PointAttribute(self.text()?, None),
            "HasAttrOnDatapoint" if self.context == Context::Metric => {
                let key = self.text()?;
                self.expect(",")?;
                Test::PointAttribute(key, Some(self.text()?))
            }
            "IsRootSpan" | "HasAttrKeyOnDatapoint" | "HasAttrOnDatapoint" => {
                let text = format!("{name} cannot be asked in context \"{}\"", self.context.name());
                return Err(ParseError::new(column, text));
            }
            _ => return Err(ParseError::new(column, format!("function {name} is not supported in conditions"))),
        };
        self.expect(")")?;
        Ok(Term::Test(Box::new(test)))
    }

    fn with_text(&mut self, test: fn(Term, String) -> Test) -> Result<Test, ParseError> {
        let target = self.term()?;
        self.expect(",")?;
        Ok(test(target, self.text()?))
    }

    fn text(&mut self) -> Result<String, ParseError> {
        let column = self.column();
        match self.words.next().map(|word| word.token) {
            Some(Token::Text(text)) => Ok(text),
            _ => Err(ParseError::new(column, "expected a text in quotes")),
        }
    }
}

fn comparison_of(token: &Token) -> Option<Comparison> {
    let Token::Sign(sign) = token else { return None };
    Some(match *sign {
        "==" => Comparison::Equal,
        "!=" => Comparison::NotEqual,
        "<" => Comparison::Less,
        "<=" => Comparison::LessOrEqual,
        ">" => Comparison::Greater,
        ">=" => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

fn described(token: &Token) -> String {
    match token {
        Token::Word(word) => format!("\"{word}\""),
        Token::Text(_) => "a text".to_owned(),
        Token::Int(_) | Token::Double(_) => "a number".to_owned(),
        Token::Bytes(_) => "bytes".to_owned(),
        Token::Sign(sign) => format!("\"{sign}\""),
    }
}

/// Parentheses, negations and functions inside one another.
const DEPTH_MAX: usize = 64;
