//! Roles and what is granted to them: CREATE, ALTER and DROP ROLE, GRANT, REVOKE, SHOW GRANTS.
//!
//! <https://docs.snowflake.com/en/sql-reference/sql/grant-privilege>,
//! <https://docs.snowflake.com/en/sql-reference/sql/grant-ownership>,
//! <https://docs.snowflake.com/en/sql-reference/sql/grant-role>,
//! <https://docs.snowflake.com/en/sql-reference/sql/show-grants>

use sqlparser::ast::{DataType, Ident, ObjectName};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::{Command, CommandOption, ended, expect, options, take, word};

/// A statement about roles.
#[derive(Clone, Debug)]
pub enum RoleCommand {
    /// CREATE ROLE.
    Create {
        /// Its name.
        name: Ident,
        /// OR REPLACE.
        or_replace: bool,
        /// IF NOT EXISTS.
        if_not_exists: bool,
        /// COMMENT.
        options: Vec<CommandOption>,
    },
    /// ALTER ROLE.
    Alter {
        /// Its name.
        name: Ident,
        /// IF EXISTS.
        if_exists: bool,
        /// What becomes of it.
        change: RoleChange,
    },
    /// DROP ROLE.
    Drop {
        /// Its name.
        name: Ident,
        /// IF EXISTS.
        if_exists: bool,
    },
    /// GRANT or REVOKE of privileges.
    Privileges(Privileges),
    /// GRANT or REVOKE of a role.
    Role {
        /// Whether it is taken away.
        revoke: bool,
        /// The role.
        role: Ident,
        /// Who has it afterwards, or has it no more.
        grantee: GranteeName,
    },
    /// GRANT OWNERSHIP.
    Ownership {
        /// On what.
        on: GrantOn,
        /// The role that owns it afterwards.
        to: Ident,
        /// What becomes of the privileges others have: kept with COPY CURRENT GRANTS, `false` with REVOKE.
        keep: Option<bool>,
    },
    /// SHOW GRANTS and SHOW FUTURE GRANTS.
    Show(ShowGrants),
}

/// What ALTER ROLE does.
#[derive(Clone, Debug)]
pub enum RoleChange {
    /// RENAME TO.
    Rename(Ident),
    /// SET options.
    Set(Vec<CommandOption>),
    /// UNSET COMMENT.
    UnsetComment,
}

/// GRANT or REVOKE of privileges.
#[derive(Clone, Debug)]
pub struct Privileges {
    /// Whether they are taken away.
    pub revoke: bool,
    /// Their names in upper case; all that there are without any.
    pub privileges: Vec<String>,
    /// On what.
    pub on: GrantOn,
    /// The role that has them afterwards, or has them no more.
    pub grantee: Ident,
    /// WITH GRANT OPTION, or GRANT OPTION FOR.
    pub option: bool,
    /// RESTRICT: others to whom they were passed on stand in the way.
    pub restrict: bool,
}

/// What something is granted on.
#[derive(Clone, Debug)]
pub enum GrantOn {
    /// ACCOUNT.
    Account,
    /// One object.
    Object {
        /// The words for its kind; a table or view without.
        kind: Option<&'static str>,
        /// Its name.
        name: ObjectName,
        /// The types of a function's arguments.
        arguments: Option<Vec<DataType>>,
    },
    /// ALL objects of a kind that there are, or FUTURE ones.
    Every {
        /// Whether those are meant that come.
        future: bool,
        /// The words for their kind, in the singular.
        kind: &'static str,
        /// Where they are.
        within: Container,
    },
}

/// Where objects are.
#[derive(Clone, Debug)]
pub enum Container {
    /// In a database.
    Database(ObjectName),
    /// In a schema.
    Schema(ObjectName),
}

/// Who has something.
#[derive(Clone, Debug)]
pub enum GranteeName {
    /// A role.
    Role(Ident),
    /// A user.
    User(Ident),
}

/// SHOW GRANTS.
#[derive(Clone, Debug)]
pub enum ShowGrants {
    /// ON an object.
    On(GrantOn),
    /// TO a role or user; to the current user without.
    To(Option<GranteeName>),
    /// OF ROLE.
    Of(Ident),
    /// FUTURE GRANTS IN.
    FutureIn(Container),
    /// FUTURE GRANTS TO ROLE.
    FutureTo(Ident),
}

/// Kinds on which something is granted; the longer of two that begin alike comes first.
const KINDS: [&str; 13] = [
    "DATABASE",
    "SCHEMA",
    "TABLE",
    "EXTERNAL TABLE",
    "VIEW",
    "SEQUENCE",
    "STAGE",
    "FILE FORMAT",
    "FUNCTION",
    "PROCEDURE",
    "WAREHOUSE",
    "ROLE",
    "USER",
];

pub(super) fn parse(parser: &mut Parser<'_>) -> Option<Result<Command, ParserError>> {
    let parsed = match (word(parser, 0).as_str(), word(parser, 1).as_str()) {
        ("CREATE", "ROLE") => create(parser),
        ("CREATE", "OR") if word(parser, 3) == "ROLE" => create(parser),
        ("ALTER", "ROLE") => alter(parser),
        ("DROP", "ROLE") => drop(parser),
        ("GRANT" | "REVOKE", "ROLE") => role(parser),
        ("GRANT", "OWNERSHIP") => ownership(parser),
        ("GRANT" | "REVOKE", _) => privileges(parser),
        ("SHOW", "GRANTS") => show(parser),
        ("SHOW", "FUTURE") => show_future(parser),
        _ => return None,
    };
    Some(parsed.map(|command| Command::Roles(Box::new(command))))
}

fn create(parser: &mut Parser<'_>) -> Result<RoleCommand, ParserError> {
    expect(parser, &["CREATE"])?;
    let or_replace = take(parser, &["OR", "REPLACE"]);
    expect(parser, &["ROLE"])?;
    let if_not_exists = take(parser, &["IF", "NOT", "EXISTS"]);
    Ok(RoleCommand::Create {
        name: parser.parse_identifier()?,
        or_replace,
        if_not_exists,
        options: options::list(parser)?,
    })
}

fn alter(parser: &mut Parser<'_>) -> Result<RoleCommand, ParserError> {
    expect(parser, &["ALTER", "ROLE"])?;
    let if_exists = take(parser, &["IF", "EXISTS"]);
    let name = parser.parse_identifier()?;
    let change = if take(parser, &["RENAME", "TO"]) {
        RoleChange::Rename(parser.parse_identifier()?)
    } else if take(parser, &["UNSET", "COMMENT"]) {
        RoleChange::UnsetComment
    } else {
        expect(parser, &["SET"])?;
        let given = options::list(parser)?;
        if given.is_empty() {
            return parser.expected_ref("COMMENT = …", parser.peek_token_ref());
        }
        RoleChange::Set(given)
    };
    Ok(RoleCommand::Alter {
        name,
        if_exists,
        change,
    })
}

fn drop(parser: &mut Parser<'_>) -> Result<RoleCommand, ParserError> {
    expect(parser, &["DROP", "ROLE"])?;
    let if_exists = take(parser, &["IF", "EXISTS"]);
    let name = parser.parse_identifier()?;
    Ok(RoleCommand::Drop { name, if_exists })
}

fn role(parser: &mut Parser<'_>) -> Result<RoleCommand, ParserError> {
    let revoke = verb(parser)?;
    expect(parser, &["ROLE"])?;
    let role = parser.parse_identifier()?;
    expect(parser, &[if revoke { "FROM" } else { "TO" }])?;
    let grantee = grantee(parser)?;
    Ok(RoleCommand::Role {
        revoke,
        role,
        grantee,
    })
}

/// Takes GRANT or REVOKE, and says whether it is the second.
fn verb(parser: &mut Parser<'_>) -> Result<bool, ParserError> {
    if take(parser, &["REVOKE"]) {
        return Ok(true);
    }
    expect(parser, &["GRANT"]).map(|()| false)
}

fn grantee(parser: &mut Parser<'_>) -> Result<GranteeName, ParserError> {
    if take(parser, &["USER"]) {
        return parser.parse_identifier().map(GranteeName::User);
    }
    expect(parser, &["ROLE"])?;
    parser.parse_identifier().map(GranteeName::Role)
}

fn ownership(parser: &mut Parser<'_>) -> Result<RoleCommand, ParserError> {
    expect(parser, &["GRANT", "OWNERSHIP", "ON"])?;
    let on = on(parser)?;
    expect(parser, &["TO", "ROLE"])?;
    let to = parser.parse_identifier()?;
    let keep = if take(parser, &["COPY", "CURRENT", "GRANTS"]) {
        Some(true)
    } else if take(parser, &["REVOKE", "CURRENT", "GRANTS"]) {
        Some(false)
    } else {
        None
    };
    Ok(RoleCommand::Ownership { on, to, keep })
}

fn privileges(parser: &mut Parser<'_>) -> Result<RoleCommand, ParserError> {
    let revoke = verb(parser)?;
    let for_option = revoke && take(parser, &["GRANT", "OPTION", "FOR"]);
    let mut privileges = Vec::new();
    if take(parser, &["ALL"]) {
        let _ = take(parser, &["PRIVILEGES"]);
    } else {
        privileges = parser.parse_comma_separated(privilege)?;
    }
    expect(parser, &["ON"])?;
    let on = on(parser)?;
    expect(parser, &[if revoke { "FROM" } else { "TO" }])?;
    let _ = take(parser, &["ROLE"]);
    let grantee = parser.parse_identifier()?;
    let option = for_option || (!revoke && take(parser, &["WITH", "GRANT", "OPTION"]));
    let restrict = revoke && take(parser, &["RESTRICT"]);
    let _ = revoke && !restrict && take(parser, &["CASCADE"]);
    Ok(RoleCommand::Privileges(Privileges {
        revoke,
        privileges,
        on,
        grantee,
        option,
        restrict,
    }))
}

/// The words of a privilege: up to ON or a comma.
fn privilege(parser: &mut Parser<'_>) -> Result<String, ParserError> {
    let mut words = Vec::new();
    loop {
        match word(parser, 0).as_str() {
            "" | "ON" | "TO" | "FROM" => break,
            found => words.push(found.to_owned()),
        }
        parser.advance_token();
    }
    match words.is_empty() {
        true => parser.expected_ref("a privilege", parser.peek_token_ref()),
        false => Ok(words.join(" ")),
    }
}

fn on(parser: &mut Parser<'_>) -> Result<GrantOn, ParserError> {
    if take(parser, &["ACCOUNT"]) {
        return Ok(GrantOn::Account);
    }
    for (every, future) in [("ALL", false), ("FUTURE", true)] {
        if take(parser, &[every]) {
            let kind = plural(parser)?;
            expect(parser, &["IN"])?;
            let within = container(parser)?;
            return Ok(GrantOn::Every {
                future,
                kind,
                within,
            });
        }
    }
    let kind = kind(parser);
    let name = parser.parse_object_name(false)?;
    let mut arguments = None;
    if parser.consume_token(&Token::LParen) {
        arguments = Some(match parser.peek_token_ref().token {
            Token::RParen => Vec::new(),
            _ => parser.parse_comma_separated(Parser::parse_data_type)?,
        });
        parser.expect_token(&Token::RParen)?;
    }
    Ok(GrantOn::Object {
        kind,
        name,
        arguments,
    })
}

/// Takes the words for a kind of object if they stand before a name.
fn kind(parser: &mut Parser<'_>) -> Option<&'static str> {
    let found = KINDS.iter().find(|kind| {
        let words: Vec<&str> = kind.split(' ').collect();
        let behind = &parser.peek_nth_token_ref(words.len()).token;
        let named = matches!(behind, Token::Word(_)) && {
            let next = word(parser, words.len());
            next != "TO" && next != "FROM"
        };
        named && (words.iter().enumerate()).all(|(at, wanted)| word(parser, at) == *wanted)
    })?;
    for _ in found.split(' ') {
        parser.advance_token();
    }
    Some(found)
}

fn plural(parser: &mut Parser<'_>) -> Result<&'static str, ParserError> {
    for kind in KINDS {
        let plural = format!("{kind}S");
        let words: Vec<&str> = plural.split(' ').collect();
        if take(parser, &words) {
            return Ok(kind);
        }
    }
    parser.expected_ref("a kind of objects such as TABLES", parser.peek_token_ref())
}

fn container(parser: &mut Parser<'_>) -> Result<Container, ParserError> {
    if take(parser, &["DATABASE"]) {
        return parser.parse_object_name(false).map(Container::Database);
    }
    expect(parser, &["SCHEMA"])?;
    parser.parse_object_name(false).map(Container::Schema)
}

fn show(parser: &mut Parser<'_>) -> Result<RoleCommand, ParserError> {
    expect(parser, &["SHOW", "GRANTS"])?;
    let shown = if ended(parser) {
        ShowGrants::To(None)
    } else if take(parser, &["ON"]) {
        ShowGrants::On(on(parser)?)
    } else if take(parser, &["OF"]) {
        expect(parser, &["ROLE"])?;
        ShowGrants::Of(parser.parse_identifier()?)
    } else {
        expect(parser, &["TO"])?;
        ShowGrants::To(Some(grantee(parser)?))
    };
    Ok(RoleCommand::Show(shown))
}

fn show_future(parser: &mut Parser<'_>) -> Result<RoleCommand, ParserError> {
    expect(parser, &["SHOW", "FUTURE", "GRANTS"])?;
    let shown = if take(parser, &["IN"]) {
        ShowGrants::FutureIn(container(parser)?)
    } else {
        expect(parser, &["TO", "ROLE"])?;
        ShowGrants::FutureTo(parser.parse_identifier()?)
    };
    Ok(RoleCommand::Show(shown))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use diagnostic::Source;

    use super::{Command, GrantOn, RoleCommand};
    use crate::parse_script;

    fn parsed(text: &str) -> RoleCommand {
        let statement = parse_script(&Source::new("t", text)).unwrap().remove(0);
        match *statement.command.unwrap() {
            Command::Roles(command) => *command,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn privileges_of_several_words_and_kinds_are_read() {
        let RoleCommand::Privileges(asked) = parsed(
            "revoke grant option for usage, create file format on schema a.b from role r cascade",
        ) else {
            panic!("no privileges");
        };
        assert_eq!(asked.privileges, ["USAGE", "CREATE FILE FORMAT"]);
        assert!(asked.revoke && asked.option && !asked.restrict);
        assert!(matches!(
            asked.on,
            GrantOn::Object {
                kind: Some("SCHEMA"),
                ..
            }
        ));
        for (text, kind) in [
            ("grant select on db.s.t to reporter", None),
            (
                "grant all privileges on external table t to role r",
                Some("EXTERNAL TABLE"),
            ),
            (
                "grant usage on function f(int, varchar) to role r",
                Some("FUNCTION"),
            ),
            ("grant select on view to r", None),
        ] {
            let RoleCommand::Privileges(asked) = parsed(text) else {
                panic!("{text}");
            };
            let GrantOn::Object { kind: found, .. } = asked.on else {
                panic!("{text}");
            };
            assert_eq!(found, kind, "{text}");
        }
    }

    #[test]
    fn what_others_have_is_refused_by_name() {
        for (text, part) in [
            ("grant select on t to share s", "A share"),
            ("grant database role d.r to role x", "A database role"),
            ("grant select on t to role r to role x", "Expected"),
        ] {
            let error = parse_script(&Source::new("t", text)).unwrap_err();
            assert!(error.to_string().contains(part), "{text}: {error}");
        }
    }
}
