//! Unquoted identifiers to upper case, on the tokens.
//!
//! Snowflake stores an unquoted identifier in upper case and compares exactly
//! (<https://docs.snowflake.com/en/sql-reference/identifiers-syntax>). On the tokens every identifier
//! is a word, whatever part of the grammar it ends up in, and none is missed. Two kinds of word are
//! data and keep their case: the elements of a path into semi-structured data (`v:customer.Name`) and
//! the file path of a stage (`@stage/Folder/file.csv`).

use sqlparser::tokenizer::{Token, TokenWithSpan};

/// What the words that follow are.
#[derive(Clone, Copy, PartialEq)]
enum Words {
    /// Identifiers and keywords.
    Names,
    /// The next word is an element of a path.
    Element,
    /// A path may go on with a dot or a bracket.
    AfterElement,
    /// The name of a stage: identifiers until the first slash.
    Stage,
    /// The path behind the stage's name, until a blank.
    StagePath,
}

/// Folds the words of `tokens` in place.
pub(crate) fn fold(tokens: &mut [TokenWithSpan]) {
    let mut words = Words::Names;
    let mut brackets: Vec<usize> = Vec::new();
    let mut depth = 0_usize;
    let mut path_root = false;
    for token in tokens {
        words = match (&token.token, words) {
            (Token::Whitespace(_), Words::Stage | Words::StagePath) => Words::Names,
            (Token::Whitespace(_), words) => words,
            (Token::AtSign, _) => Words::Stage,
            (Token::Div, Words::Stage) => Words::StagePath,
            (_, Words::Stage) if ends_stage(&token.token) => Words::Names,
            (_, Words::StagePath) if ends_stage(&token.token) => Words::Names,
            (_, Words::Stage | Words::StagePath) => words,
            (Token::Colon, _) if path_root => Words::Element,
            (Token::Period, Words::AfterElement) => Words::Element,
            (Token::LBracket, Words::AfterElement | Words::Element) => {
                brackets.push(depth);
                Words::Names
            }
            (Token::RBracket, _) if brackets.last() == Some(&depth) => {
                brackets.pop();
                Words::AfterElement
            }
            (Token::Word(_), Words::Element) => Words::Element,
            _ => Words::Names,
        };
        match &token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            _ => {}
        }
        if !matches!(token.token, Token::Whitespace(_)) {
            path_root = matches!(
                token.token,
                Token::Word(_) | Token::RParen | Token::RBracket | Token::RBrace
            );
        }
        if let Token::Word(word) = &mut token.token {
            let keeps = matches!(words, Words::Element | Words::StagePath);
            if word.quote_style.is_none() && !keeps {
                word.value = word.value.to_uppercase();
            }
            if words == Words::Element {
                words = Words::AfterElement;
            }
        }
    }
}

fn ends_stage(token: &Token) -> bool {
    matches!(
        token,
        Token::RParen | Token::LParen | Token::SemiColon | Token::Comma
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use diagnostic::Source;

    fn folded(text: &str) -> String {
        let script = Source::new("t", text);
        crate::parse_script(&script).unwrap()[0].ast.to_string()
    }

    #[test]
    fn keeps_quoted_names_and_data() {
        assert_eq!(
            folded("select a.\"b\", 'c' from Db.sch.tab as A"),
            "SELECT A.\"b\", 'c' FROM DB.SCH.TAB AS A"
        );
        assert_eq!(
            folded("select v:Customer.Name[idx].first::string, t.v:x from t"),
            "SELECT V:Customer.Name[IDX].first::STRING, T.V:x FROM T"
        );
        assert_eq!(
            folded("select case when a then b end"),
            "SELECT CASE WHEN A THEN B END"
        );
    }
}
