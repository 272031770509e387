//! Ways to write a statement that the parser does not know, put into words that it knows.
//!
//! <https://docs.snowflake.com/en/sql-reference/sql/create-table>,
//! <https://docs.snowflake.com/en/sql-reference/sql/create-view>,
//! <https://docs.snowflake.com/en/sql-reference/constructs/join>,
//! <https://docs.snowflake.com/en/sql-reference/sql/merge>

use sqlparser::ast::{ConstraintCharacteristics, DeferrableInitial};
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

/// Stands in front of the CREATE TABLE of a CREATE OR ALTER TABLE; nobody can write it.
pub(crate) const CREATE_OR_ALTER: &str = "$CREATE_OR_ALTER";

/// The tokens, with statements that are written so in the parser's words.
pub(crate) fn plain(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let known = |token: &TokenWithSpan| {
        let names = [
            "DIRECTED",
            "LINEAR",
            "FOREIGN",
            "COPY",
            "TABLE",
            "NAME",
            "RECURSIVE",
            "VIEW",
        ];
        names.iter().any(|name| is(token, name)) || counts(token)
    };
    if !tokens.iter().any(known) {
        return tokens;
    }
    let mut plain: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    for statement in tokens.split_inclusive(|token| token.token == Token::SemiColon) {
        let solid: Vec<TokenWithSpan> = statement
            .iter()
            .filter(|token| !matches!(token.token, Token::Whitespace(_)))
            .cloned()
            .collect();
        let words = reworded(solid.clone());
        match words == solid {
            true => plain.extend_from_slice(statement),
            false => plain.extend(words),
        }
    }
    plain
}

fn reworded(tokens: Vec<TokenWithSpan>) -> Vec<TokenWithSpan> {
    let mut tokens = without_noise(&tokens);
    let end = tokens.pop_if(|last| matches!(last.token, Token::SemiColon | Token::EOF));
    create_or_alter(&mut tokens);
    key_properties(&mut tokens);
    number_columns(&mut tokens);
    grants_first(&mut tokens);
    name_result(&mut tokens);
    all_by_name(&mut tokens);
    recursive_view(&mut tokens);
    tokens.extend(end);
    tokens
}

/// `CREATE OR ALTER VIEW` takes the new query, as OR REPLACE does; `CREATE OR ALTER TABLE` is a CREATE TABLE behind
/// [`CREATE_OR_ALTER`].
fn create_or_alter(tokens: &mut Vec<TokenWithSpan>) {
    let mut begins = ["CREATE", "OR", "ALTER"].iter().enumerate();
    if !begins.all(|(at, name)| is_at(tokens, at, name)) {
        return;
    }
    let mut kinds = tokens.iter().skip(3).take(3);
    let table = kinds.any(|token| is(token, "TABLE"));
    let Some(alter) = tokens.get(2).cloned() else {
        return;
    };
    let words = match table {
        true => [
            word(CREATE_OR_ALTER, Keyword::NoKeyword, &alter),
            word("CREATE", Keyword::CREATE, &alter),
        ]
        .to_vec(),
        false => vec![
            word("CREATE", Keyword::CREATE, &alter),
            word("OR", Keyword::OR, &alter),
            word("REPLACE", Keyword::REPLACE, &alter),
        ],
    };
    tokens.splice(..3, words);
}

/// Properties of keys that the parser does not know. What they say of rows that are there means nothing for keys, which
/// are not enforced. RELY is written as what no key can be otherwise; [`relies`] tells it.
/// <https://docs.snowflake.com/en/sql-reference/sql/create-table-constraint>
fn key_properties(tokens: &mut Vec<TokenWithSpan>) {
    let declares = is_at(tokens, 0, "CREATE") || is_at(tokens, 0, "ALTER");
    let noise = ["NORELY", "ENABLE", "VALIDATE", "NOVALIDATE"];
    let property =
        |token: &TokenWithSpan| is(token, "RELY") || noise.iter().any(|name| is(token, name));
    let alters = tokens
        .windows(2)
        .any(|two| (is(&two[0], "ALTER") || is(&two[0], "MODIFY")) && is(&two[1], "CONSTRAINT"));
    if !declares || alters || !tokens.iter().any(property) {
        return;
    }
    let opens = [
        "KEY",
        "UNIQUE",
        "ENFORCED",
        "DEFERRABLE",
        "DEFERRED",
        "IMMEDIATE",
    ];
    let mut kept: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    let mut among_properties = false;
    for token in tokens.drain(..) {
        let before = kept.last();
        let stands = among_properties
            || before.is_some_and(|before| {
                before.token == Token::RParen || opens.iter().any(|name| is(before, name))
            });
        among_properties = stands && property(&token);
        match among_properties {
            false => kept.push(token),
            true if is(&token, "RELY") => kept.extend([
                word("NOT", Keyword::NOT, &token),
                word("DEFERRABLE", Keyword::DEFERRABLE, &token),
                word("INITIALLY", Keyword::INITIALLY, &token),
                word("DEFERRED", Keyword::DEFERRED, &token),
            ]),
            true => {}
        }
    }
    *tokens = kept;
}

/// Whether a key was declared with RELY.
#[must_use]
pub fn relies(characteristics: &Option<ConstraintCharacteristics>) -> bool {
    characteristics.as_ref().is_some_and(|key| {
        key.deferrable == Some(false) && key.initially == Some(DeferrableInitial::Deferred)
    })
}

fn is(token: &TokenWithSpan, name: &str) -> bool {
    matches!(&token.token, Token::Word(word) if word.quote_style.is_none() && word.value == name)
}

fn is_at(tokens: &[TokenWithSpan], at: usize, name: &str) -> bool {
    tokens.get(at).is_some_and(|token| is(token, name))
}

fn counts(token: &TokenWithSpan) -> bool {
    is(token, "AUTOINCREMENT") || is(token, "IDENTITY")
}

fn word(value: &str, keyword: Keyword, like: &TokenWithSpan) -> TokenWithSpan {
    let word = Word {
        value: value.to_owned(),
        quote_style: None,
        keyword,
    };
    TokenWithSpan::new(Token::Word(word), like.span)
}

/// Leaves out words that mean nothing here: DIRECTED of joins (their order is free), LINEAR of clustering keys,
/// and FOREIGN KEY in front of the REFERENCES of a column.
fn without_noise(tokens: &[TokenWithSpan]) -> Vec<TokenWithSpan> {
    let mut kept = Vec::with_capacity(tokens.len());
    let mut skipped = 0;
    for at in 0..tokens.len() {
        if skipped > 0 {
            skipped -= 1;
            continue;
        }
        let next = tokens.get(at + 1);
        let is_noise = (is_at(tokens, at, "DIRECTED") && is_at(tokens, at + 1, "JOIN"))
            || (is_at(tokens, at, "LINEAR")
                && next.is_some_and(|next| next.token == Token::LParen)
                && kept.last().is_some_and(|last| is(last, "BY")));
        if is_noise {
            continue;
        }
        if is_at(tokens, at, "FOREIGN")
            && is_at(tokens, at + 1, "KEY")
            && is_at(tokens, at + 2, "REFERENCES")
        {
            skipped = 1;
            continue;
        }
        kept.extend(tokens.get(at).cloned());
    }
    kept
}

/// `CREATE RECURSIVE VIEW v (c) AS query`: a view of what `WITH RECURSIVE v (c) AS (query)` gives.
fn recursive_view(tokens: &mut Vec<TokenWithSpan>) {
    let recursive = (0..tokens.len())
        .find(|at| is_at(tokens, *at, "RECURSIVE") && is_at(tokens, at + 1, "VIEW"));
    let Some(view) = recursive.filter(|_| is_at(tokens, 0, "CREATE")) else {
        return;
    };
    tokens.remove(view);
    // After VIEW, or IF NOT EXISTS.
    let mut name = view + if is_at(tokens, view + 1, "IF") { 4 } else { 1 };
    while matches!(tokens.get(name + 1), Some(next) if next.token == Token::Period) {
        name += 2;
    }
    let mut depth = 0;
    let mut columns = Vec::new();
    let mut query = None;
    for (at, token) in tokens.iter().enumerate().skip(name + 1) {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            _ if depth == 0 && is(token, "AS") => {
                query = Some(at);
                break;
            }
            _ => {}
        }
        if depth == 1 && matches!(token.token, Token::LParen | Token::Comma) {
            columns.extend(
                [token.clone()]
                    .into_iter()
                    .chain(tokens.get(at + 1).cloned()),
            );
        }
    }
    let Some((query, like)) = query.map(|at| (at, tokens[at].clone())) else {
        return;
    };
    let mark = |token| TokenWithSpan::new(token, like.span);
    columns.extend((!columns.is_empty()).then(|| mark(Token::RParen)));
    let name = tokens[name].clone();
    let mut with = vec![
        like.clone(),
        word("WITH", Keyword::WITH, &like),
        word("RECURSIVE", Keyword::RECURSIVE, &like),
        name.clone(),
    ];
    with.extend(columns);
    with.extend([like.clone(), mark(Token::LParen)]);
    tokens.splice(query..=query, with);
    tokens.extend([
        mark(Token::RParen),
        word("SELECT", Keyword::SELECT, &like),
        mark(Token::Mul),
        word("FROM", Keyword::FROM, &like),
        name,
    ]);
}

/// `AUTOINCREMENT START 10`, `AUTOINCREMENT INCREMENT 2`: both numbers, START first, as the parser wants them.
fn number_columns(tokens: &mut Vec<TokenWithSpan>) {
    let mut from = 0;
    while let Some(found) = tokens
        .iter()
        .skip(from)
        .position(counts)
        .map(|place| from + place)
    {
        from = found + 1;
        let (mut start, mut step) = (None, None);
        let mut at = from;
        loop {
            let (number, noise) = match tokens.get(at) {
                Some(token) if is(token, "START") => (&mut start, "WITH"),
                Some(token) if is(token, "INCREMENT") => (&mut step, "BY"),
                _ => break,
            };
            at += 1 + usize::from(is_at(tokens, at + 1, noise));
            at += usize::from(tokens.get(at).is_some_and(|t| t.token == Token::Eq));
            let minus = tokens.get(at).filter(|t| t.token == Token::Minus).cloned();
            at += usize::from(minus.is_some());
            let Some(digits) = tokens
                .get(at)
                .filter(|token| matches!(token.token, Token::Number(..)))
            else {
                return;
            };
            *number = Some((minus, digits.clone()));
            at += 1;
        }
        if start.is_none() && step.is_none() {
            continue;
        }
        let like = tokens[found].clone();
        let one = || {
            let digit = Token::Number("1".to_owned(), false);
            (None, TokenWithSpan::new(digit, like.span))
        };
        let mut written = Vec::with_capacity(6);
        for (name, keyword, number) in [
            ("START", Keyword::START, start),
            ("INCREMENT", Keyword::INCREMENT, step),
        ] {
            let (minus, digits) = number.unwrap_or_else(one);
            written.push(word(name, keyword, &like));
            written.extend(minus);
            written.push(digits);
        }
        tokens.splice(from..at, written);
    }
}

/// Whether the statement creates a `kind`, and where its name stands.
fn creates(tokens: &[TokenWithSpan], kind: &str) -> Option<usize> {
    if !is_at(tokens, 0, "CREATE") {
        return None;
    }
    let at = tokens.iter().take(8).position(|token| is(token, kind))?;
    let exists = is_at(tokens, at + 1, "IF");
    Some(at + 1 + if exists { 3 } else { 0 })
}

/// What stands between brackets behind the name that stands at `name`: the places of the brackets.
fn columns_behind(tokens: &[TokenWithSpan], name: usize) -> Option<(usize, usize)> {
    let mut open = name + 1;
    while tokens.get(open)?.token == Token::Period {
        open += 2;
    }
    if tokens.get(open)?.token != Token::LParen {
        return None;
    }
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen if depth == 1 => return Some((open, at)),
            Token::RParen => depth -= 1,
            _ => {}
        }
    }
    None
}

/// `CREATE VIEW v (a, b) COPY GRANTS AS …`: the parser wants COPY GRANTS in front of the columns.
fn grants_first(tokens: &mut Vec<TokenWithSpan>) {
    let Some((open, close)) = creates(tokens, "VIEW").and_then(|name| columns_behind(tokens, name))
    else {
        return;
    };
    if is_at(tokens, close + 1, "COPY") && is_at(tokens, close + 2, "GRANTS") {
        let words: Vec<_> = tokens.drain(close + 1..=close + 2).collect();
        tokens.splice(open..open, words);
    }
}

/// `CREATE TABLE t (a, b) AS query`: names without types are those of the query's columns.
fn name_result(tokens: &mut Vec<TokenWithSpan>) {
    let Some((open, close)) =
        creates(tokens, "TABLE").and_then(|name| columns_behind(tokens, name))
    else {
        return;
    };
    let names = tokens.get(open + 1..close).unwrap_or_default();
    let are_names = names.len() % 2 == 1
        && names.iter().enumerate().all(|(at, token)| match at % 2 {
            0 => matches!(token.token, Token::Word(_)),
            _ => token.token == Token::Comma,
        });
    let mut depth = 0_i32;
    let query = tokens.iter().skip(close + 1).position(|token| {
        match token.token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            _ => {}
        }
        depth == 0 && is(token, "AS")
    });
    let (true, Some(query)) = (are_names, query.map(|at| close + 1 + at)) else {
        return;
    };
    let like = tokens[query].clone();
    let sign = |token: Token| TokenWithSpan::new(token, like.span);
    let mut named: Vec<TokenWithSpan> = tokens.drain(open..=close).collect();
    let query = query - named.len();
    let mut tail = vec![
        sign(Token::RParen),
        word("AS", Keyword::AS, &like),
        sign(Token::Word(Word {
            value: "RESULT".to_owned(),
            quote_style: Some('"'),
            keyword: Keyword::NoKeyword,
        })),
    ];
    tail.append(&mut named);
    tokens.extend(tail);
    let head = [
        word("SELECT", Keyword::SELECT, &like),
        sign(Token::Mul),
        word("FROM", Keyword::FROM, &like),
        sign(Token::LParen),
    ];
    tokens.splice(query + 1..query + 1, head);
}

/// What stands for all columns in the clauses of a MERGE: `update set "$all" = "$all"`.
pub const ALL_BY_NAME: &str = "$all";

/// `UPDATE ALL BY NAME` and `INSERT ALL BY NAME` of MERGE.
fn all_by_name(tokens: &mut Vec<TokenWithSpan>) {
    if !is_at(tokens, 0, "MERGE") {
        return;
    }
    let mut at = 0;
    while at < tokens.len() {
        let words = ["ALL", "BY", "NAME"];
        let found = (1..)
            .zip(words)
            .all(|(step, word)| is_at(tokens, at + step, word));
        let updates = is_at(tokens, at, "UPDATE");
        at += 1;
        if !found || !(updates || is_at(tokens, at - 1, "INSERT")) {
            continue;
        }
        let like = tokens[at].clone();
        let sign = |token: Token| TokenWithSpan::new(token, like.span);
        let all = || {
            sign(Token::Word(Word {
                value: ALL_BY_NAME.to_owned(),
                quote_style: Some('"'),
                keyword: Keyword::NoKeyword,
            }))
        };
        let written = match updates {
            true => vec![
                word("SET", Keyword::SET, &like),
                all(),
                sign(Token::Eq),
                all(),
            ],
            false => vec![
                sign(Token::LParen),
                all(),
                sign(Token::RParen),
                word("VALUES", Keyword::VALUES, &like),
                sign(Token::LParen),
                all(),
                sign(Token::RParen),
            ],
        };
        tokens.splice(at..at + words.len(), written);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use diagnostic::Source;

    use crate::parse_script;

    #[test]
    fn is_read_as_the_parser_would_write_it() {
        for (written, meant) in [
            (
                "select * from a inner directed join b using (x)",
                "SELECT * FROM A INNER JOIN B USING(X)",
            ),
            (
                "create table t (a int autoincrement start 10, b int identity increment by -2 start with 3 order)",
                "CREATE TABLE T (A INT AUTOINCREMENT START 10 INCREMENT 1, B INT IDENTITY START 3 INCREMENT -2 ORDER)",
            ),
            (
                "create table t (a int not null foreign key references u (b)) cluster by linear(a)",
                "CREATE TABLE T (A INT NOT NULL REFERENCES U (B)) CLUSTER BY (A)",
            ),
            (
                "create or replace view v (a, b) copy grants as select 1, 2",
                "CREATE OR REPLACE VIEW V COPY GRANTS (A, B) AS SELECT 1, 2",
            ),
            (
                "create or replace secure recursive view d.v (n comment 'x, y', m) copy grants as (select 1, 2 union all select n + 1, m from v)",
                "CREATE OR REPLACE SECURE VIEW D.V COPY GRANTS (N COMMENT 'x, y', M) AS WITH RECURSIVE V (N, M) AS ((SELECT 1, 2 UNION ALL SELECT N + 1, M FROM V)) SELECT * FROM V",
            ),
            (
                "create or replace table d.s.t (a, b) as select 1, 2; select 3",
                "CREATE OR REPLACE TABLE D.S.T AS SELECT * FROM (SELECT 1, 2) AS \"RESULT\" (A, B)",
            ),
            (
                "merge into t using s on t.a = s.a when matched then update all by name when not matched then insert all by name",
                "MERGE INTO T USING S ON T.A = S.A WHEN MATCHED THEN UPDATE SET \"$all\" = \"$all\" WHEN NOT MATCHED THEN INSERT (\"$all\") VALUES (\"$all\")",
            ),
        ] {
            let parsed = parse_script(&Source::new("t", written)).unwrap();
            assert_eq!(parsed[0].ast.to_string(), meant, "{written}");
        }
    }
}
