//! SOQL of the shape `SELECT Id, Email FROM Lead WHERE Email IN ('a@x.org', 'b@x.org') LIMIT 10`: one object, at most
//! one condition, and that on a list of texts (`= 'text'` is a list of one).

/// Longest statement, characters.
const LONGEST_STATEMENT: usize = 100_000;
/// Longest text within quotes, characters.
const LONGEST_LITERAL: usize = 4_000;

/// A statement, its names as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Fields that are selected.
    pub fields: Vec<String>,
    /// The object whose rows are read.
    pub object: String,
    /// Which rows are read; `None` for all.
    pub condition: Option<Condition>,
    /// How many at most.
    pub limit: Option<usize>,
}

/// A field equals one of some texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The field.
    pub field: String,
    /// The texts, escapes resolved.
    pub values: Vec<String>,
}

/// The statement is not SOQL of this shape.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(String);

/// Reads a statement.
///
/// # Errors
/// Where it breaks the grammar.
pub fn parse(statement: &str) -> Result<Query, Malformed> {
    if statement.chars().count() > LONGEST_STATEMENT {
        return Err(Malformed("SOQL statements cannot be longer than 100000 characters.".to_owned()));
    }
    let mut tokens = Tokens { tokens: tokenize(statement)?, position: 0 };
    tokens.keyword("SELECT")?;
    let fields = tokens.list(Tokens::name)?;
    tokens.keyword("FROM")?;
    let object = tokens.name()?;
    let condition = if tokens.keyword("WHERE").is_ok() { Some(tokens.condition()?) } else { None };
    let limit = if tokens.keyword("LIMIT").is_ok() { Some(tokens.number()?) } else { None };
    match tokens.next() {
        None => Ok(Query { fields, object, condition, limit }),
        Some(token) => Err(unexpected(Some(&token))),
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Comma,
    Open,
    Close,
    Equals,
}

fn tokenize(statement: &str) -> Result<Vec<Token>, Malformed> {
    let mut tokens = Vec::new();
    let mut characters = statement.chars().peekable();
    while let Some(character) = characters.next() {
        tokens.push(match character {
            ' ' | '\t' | '\r' | '\n' => continue,
            ',' => Token::Comma,
            '(' => Token::Open,
            ')' => Token::Close,
            '=' => Token::Equals,
            '\'' => Token::Text(literal(&mut characters)?),
            first if first.is_ascii_alphanumeric() => {
                let mut word = String::from(first);
                while let Some(next) = characters.next_if(|next| next.is_ascii_alphanumeric() || *next == '_')
                {
                    word.push(next);
                }
                Token::Word(word)
            }
            other => return Err(Malformed(format!("unexpected token: '{other}'"))),
        });
    }
    Ok(tokens)
}

/// The rest of a text whose opening quote has been read.
fn literal(characters: &mut impl Iterator<Item = char>) -> Result<String, Malformed> {
    let malformed = |message: &str| Malformed(message.to_owned());
    let mut text = String::new();
    let mut written = 0;
    loop {
        let character = characters.next().ok_or_else(|| malformed("unterminated string literal"))?;
        if character != '\'' {
            written += 1;
        }
        match character {
            '\'' => break,
            '\n' | '\r' => return Err(malformed("line breaks not allowed in string literals")),
            '\\' => text.push(match characters.next() {
                Some('n' | 'N') => '\n',
                Some('r' | 'R') => '\r',
                Some('t' | 'T') => '\t',
                Some('b' | 'B') => '\u{8}',
                Some('f' | 'F') => '\u{c}',
                Some(same @ ('\'' | '"' | '\\')) => same,
                _ => {
                    return Err(malformed(
                        "Invalid string literal: illegal character sequence after a backslash",
                    ));
                }
            }),
            plain => text.push(plain),
        }
    }
    if written > LONGEST_LITERAL {
        return Err(malformed("maximum length of a string literal is 4000 characters"));
    }
    Ok(text)
}

struct Tokens {
    tokens: Vec<Token>,
    position: usize,
}

impl Tokens {
    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.position).cloned();
        self.position += 1;
        token
    }

    fn expect(&mut self, wanted: &Token) -> Result<(), Malformed> {
        match self.tokens.get(self.position) {
            Some(token) if token == wanted => {
                self.position += 1;
                Ok(())
            }
            other => Err(unexpected(other)),
        }
    }

    /// Takes the keyword, or leaves what is there.
    fn keyword(&mut self, keyword: &str) -> Result<(), Malformed> {
        match self.tokens.get(self.position) {
            Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword) => {
                self.position += 1;
                Ok(())
            }
            other => Err(unexpected(other)),
        }
    }

    fn name(&mut self) -> Result<String, Malformed> {
        match self.next() {
            Some(Token::Word(word)) if word.starts_with(|first: char| first.is_ascii_alphabetic()) => {
                Ok(word)
            }
            other => Err(unexpected(other.as_ref())),
        }
    }

    fn number(&mut self) -> Result<usize, Malformed> {
        match self.next() {
            Some(Token::Word(word)) => word.parse().map_err(|_| unexpected(Some(&Token::Word(word)))),
            other => Err(unexpected(other.as_ref())),
        }
    }

    fn text(&mut self) -> Result<String, Malformed> {
        match self.next() {
            Some(Token::Text(text)) => Ok(text),
            other => Err(unexpected(other.as_ref())),
        }
    }

    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Result<T, Malformed>) -> Result<Vec<T>, Malformed> {
        let mut items = vec![item(self)?];
        while self.expect(&Token::Comma).is_ok() {
            items.push(item(self)?);
        }
        Ok(items)
    }

    fn condition(&mut self) -> Result<Condition, Malformed> {
        let field = self.name()?;
        if self.expect(&Token::Equals).is_ok() {
            return Ok(Condition { field, values: vec![self.text()?] });
        }
        self.keyword("IN")?;
        self.expect(&Token::Open)?;
        let values = self.list(Self::text)?;
        self.expect(&Token::Close)?;
        Ok(Condition { field, values })
    }
}

fn unexpected(token: Option<&Token>) -> Malformed {
    Malformed(match token {
        None => "unexpected token: '<EOF>'".to_owned(),
        Some(Token::Word(word)) => format!("unexpected token: '{word}'"),
        Some(Token::Text(text)) => format!("unexpected token: '{text}'"),
        Some(other) => format!("unexpected token: {other:?}"),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn values(statement: &str) -> Vec<String> {
        parse(statement).unwrap().condition.unwrap().values
    }

    #[test]
    fn reads_the_shape() {
        let query =
            parse("select Id , Email from Lead where Email in ('a@x.org',\n'b@x.org') limit 5").unwrap();
        assert_eq!(
            (query.fields, query.object.as_str()),
            (vec!["Id".to_owned(), "Email".to_owned()], "Lead")
        );
        assert_eq!(query.condition.unwrap().values, ["a@x.org", "b@x.org"]);
        assert_eq!(query.limit, Some(5));
        assert_eq!(parse("SELECT Id FROM Contact").unwrap().condition, None);
        assert_eq!(values("SELECT Id FROM Lead WHERE Email = 'a@x.org'"), ["a@x.org"]);
    }

    #[test]
    fn resolves_escapes() {
        assert_eq!(
            values(r#"SELECT Id FROM Lead WHERE Email = 'o\'brien\\\"\n\r\t\b\f'"#),
            ["o'brien\\\"\n\r\t\u{8}\u{c}"]
        );
    }

    #[test]
    fn refuses_what_breaks_the_grammar() {
        for (statement, message) in [
            ("", "unexpected token: '<EOF>'"),
            ("SELECT FROM Lead", "unexpected token: 'Lead'"),
            ("SELECT Id FROM Lead WHERE Email IN ()", "unexpected token: Close"),
            ("SELECT Id FROM Lead WHERE Email IN ('a') OR Name = 'b'", "unexpected token: 'OR'"),
            ("SELECT Id FROM Lead WHERE Email = 'o'brien'", "unterminated string literal"),
            ("SELECT Id FROM Lead WHERE Email = 'a\nb'", "line breaks not allowed in string literals"),
            (
                r"SELECT Id FROM Lead WHERE Email = 'a\_b'",
                "Invalid string literal: illegal character sequence after a backslash",
            ),
            ("SELECT Id; FROM Lead", "unexpected token: ';'"),
        ] {
            assert_eq!(parse(statement).unwrap_err().to_string(), message, "{statement}");
        }
        let literal = |length| format!("SELECT Id FROM Lead WHERE Email = '{}'", "x".repeat(length));
        assert!(parse(&literal(4_000)).is_ok() && parse(&literal(4_001)).is_err());
        assert!(parse(&format!("SELECT Id FROM Lead{}", " ".repeat(100_000))).is_err());
    }

    proptest! {
        #[test]
        fn never_panics(statement in "(SELECT|Id|FROM|Lead|WHERE|IN|LIMIT|[ ,()='\\\\]|\\PC){0,30}") {
            let _ignored = parse(&statement);
        }
    }
}
