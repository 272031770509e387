//! `NAME = value`: options of stages, file formats and COPY.

use diagnostic::{Error, Result, codes};
use sqlparser::dialect::SnowflakeDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

/// One option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandOption {
    /// Its name, in upper case.
    pub name: String,
    /// Its value.
    pub value: OptionValue,
}

/// What an option is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OptionValue {
    /// Text in quotes.
    Text(String),
    /// A word, in upper case, or a name.
    Word(String),
    /// A number, as written.
    Number(String),
    /// Values in brackets.
    List(Vec<OptionValue>),
    /// Options in brackets.
    Options(Vec<CommandOption>),
}

impl OptionValue {
    /// The value's text, if it is a single one.
    #[must_use]
    pub fn single(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Word(text) | Self::Number(text) => Some(text),
            Self::List(_) | Self::Options(_) => None,
        }
    }
}

impl OptionValue {
    /// The value that [`OptionValue`]'s own text stands for.
    ///
    /// # Errors
    /// `E1002` if it is no such text.
    pub fn parse(text: &str) -> Result<Self> {
        let parsed = Parser::new(&SnowflakeDialect)
            .try_with_sql(text)
            .and_then(|mut parser| value(&mut parser));
        parsed.map_err(|cause| {
            Error::new(codes::E1002, format!("`{text}` is no value of an option")).because(cause)
        })
    }
}

impl std::fmt::Display for OptionValue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => {
                write!(f, "'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
            }
            Self::Word(text) | Self::Number(text) => f.write_str(text),
            Self::List(values) => {
                let values: Vec<String> = values.iter().map(ToString::to_string).collect();
                write!(f, "({})", values.join(", "))
            }
            Self::Options(options) => {
                let options: Vec<String> = options
                    .iter()
                    .map(|option| format!("{} = {}", option.name, option.value))
                    .collect();
                write!(f, "({})", options.join(" "))
            }
        }
    }
}

/// Options until something else comes; commas between them may be left out.
pub(super) fn list(
    parser: &mut Parser<'_>,
) -> std::result::Result<Vec<CommandOption>, ParserError> {
    let mut options = Vec::new();
    while let Token::Word(word) = parser.peek_token_ref().token.clone() {
        if parser.peek_nth_token_ref(1).token != Token::Eq {
            break;
        }
        parser.advance_token();
        parser.advance_token();
        options.push(CommandOption {
            name: word.value.to_uppercase(),
            value: value(parser)?,
        });
        let _ = parser.consume_token(&Token::Comma);
    }
    Ok(options)
}

/// The value behind an equals sign.
pub(super) fn value(parser: &mut Parser<'_>) -> std::result::Result<OptionValue, ParserError> {
    let token = parser.next_token();
    match token.token {
        Token::SingleQuotedString(text) => Ok(OptionValue::Text(text)),
        Token::DollarQuotedString(text) => Ok(OptionValue::Text(text.value)),
        Token::Number(number, _) => Ok(OptionValue::Number(number)),
        Token::Minus => match parser.next_token() {
            number if matches!(number.token, Token::Number(..)) => {
                Ok(OptionValue::Number(format!("-{}", number.token)))
            }
            other => parser.expected("a number", other),
        },
        Token::Word(word) => {
            let mut text = word.value;
            // SKIP_FILE_5%
            if parser.consume_token(&Token::Mod) {
                text.push('%');
            }
            while parser.consume_token(&Token::Period) {
                text.push('.');
                text.push_str(&parser.parse_identifier()?.value);
            }
            Ok(OptionValue::Word(text))
        }
        Token::LParen => {
            let named = matches!(parser.peek_token_ref().token, Token::Word(_))
                && parser.peek_nth_token_ref(1).token == Token::Eq;
            let inner = if named {
                OptionValue::Options(list(parser)?)
            } else if parser.peek_token_ref().token == Token::RParen {
                OptionValue::List(Vec::new())
            } else {
                OptionValue::List(parser.parse_comma_separated(value)?)
            };
            parser.expect_token(&Token::RParen)?;
            Ok(inner)
        }
        _ => parser.expected("the value of an option", token),
    }
}
