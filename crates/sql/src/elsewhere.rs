//! What only a Snowflake account has: said by name where the parser would call it a syntax error.
//!
//! <https://docs.snowflake.com/en/sql-reference/commands>

use diagnostic::{Error, codes};
use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::refuse::unsupported;
use crate::string_constant;

/// Kinds of objects behind CREATE, ALTER and their kin; the longer of two that begin alike comes first.
const OBJECTS: &[(&str, &str)] = &[
    ("WAREHOUSE", "A warehouse"),
    ("RESOURCE MONITOR", "A resource monitor"),
    ("STREAM", "A stream"),
    ("STREAMLIT", "A Streamlit application"),
    ("TASK", "A task"),
    ("ALERT", "An alert"),
    ("PIPE", "A pipe"),
    ("SHARE", "A share"),
    ("LISTING", "A listing"),
    ("TAG", "A tag"),
    ("CONTACT", "A contact"),
    ("SECRET", "A secret"),
    ("USER", "A user"),
    ("DATABASE ROLE", "A database role"),
    ("APPLICATION", "An application"),
    ("ROLE", "A role"),
    ("NETWORK RULE", "A network rule"),
    ("NETWORK POLICY", "A network policy"),
    ("SESSION POLICY", "A session policy"),
    ("PASSWORD POLICY", "A password policy"),
    ("AUTHENTICATION POLICY", "An authentication policy"),
    ("INTEGRATION", "An integration"),
    ("STORAGE INTEGRATION", "A storage integration"),
    ("API INTEGRATION", "An API integration"),
    ("NOTIFICATION INTEGRATION", "A notification integration"),
    ("SECURITY INTEGRATION", "A security integration"),
    ("CATALOG INTEGRATION", "A catalog integration"),
    (
        "EXTERNAL ACCESS INTEGRATION",
        "An external access integration",
    ),
    ("EXTERNAL VOLUME", "An external volume"),
    ("EXTERNAL FUNCTION", "An external function"),
    ("AGGREGATE FUNCTION", "An aggregate function of one's own"),
    ("HYBRID TABLE", "A hybrid table"),
    ("EVENT TABLE", "An event table"),
    ("DYNAMIC TABLE", "A dynamic table"),
    ("ICEBERG TABLE", "An Iceberg table in SQL"),
    ("MATERIALIZED VIEW", "A materialized view"),
    ("SEMANTIC VIEW", "A semantic view"),
    ("PROCEDURE", "This change of a procedure"),
    ("FUNCTION", "This form of a function"),
    ("CORTEX SEARCH SERVICE", "A search service"),
    ("SERVICE", "A service"),
    ("COMPUTE POOL", "A compute pool"),
    ("IMAGE REPOSITORY", "An image repository"),
    ("GIT REPOSITORY", "A Git repository"),
    ("NOTEBOOK", "A notebook"),
    ("MODEL", "A model"),
    ("ACCOUNT", "An account"),
    ("MANAGED ACCOUNT", "A managed account"),
    ("REPLICATION GROUP", "A replication group"),
    ("FAILOVER GROUP", "A failover group"),
    ("CONNECTION", "A connection"),
];

/// Parts of statements.
const PARTS: &[(&str, &str)] = &[
    ("TO SHARE", "A share"),
    ("TO DATABASE ROLE", "A database role"),
    ("GRANT DATABASE ROLE", "A database role"),
    ("TO APPLICATION", "An application"),
    (
        "TO USER",
        "A privilege of a user, who is granted roles only,",
    ),
    ("MASKING POLICY", "A masking policy"),
    ("ROW ACCESS POLICY", "A row access policy"),
    ("ROW ACCESS POLICIES", "A row access policy"),
    ("AGGREGATION POLICY", "An aggregation policy"),
    ("PROJECTION POLICY", "A projection policy"),
    ("JOIN POLICY", "A join policy"),
    ("STORAGE LIFECYCLE POLICY", "A storage lifecycle policy"),
    ("SEARCH OPTIMIZATION", "Search optimization"),
    ("SET TAG", "A tag"),
    ("UNSET TAG", "A tag"),
    ("WITH TAG", "A tag"),
    ("LANGUAGE PYTHON", "LANGUAGE PYTHON"),
    ("LANGUAGE JAVA", "LANGUAGE JAVA"),
    ("LANGUAGE SCALA", "LANGUAGE SCALA"),
    ("LANGUAGE JAVASCRIPT", "LANGUAGE JAVASCRIPT"),
    ("ARRAY (", "A structured type such as ARRAY(NUMBER)"),
    ("OBJECT (", "A structured type such as OBJECT(a NUMBER)"),
    ("MAP (", "A structured type such as MAP(VARCHAR, NUMBER)"),
];

/// Verbs in front of a kind of object.
const VERBS: [&str; 7] = [
    "CREATE", "ALTER", "DROP", "DESCRIBE", "DESC", "UNDROP", "COMMENT",
];

/// Words between the verb and the kind.
const BETWEEN: [&str; 13] = [
    "OR",
    "REPLACE",
    "ALTER",
    "SECURE",
    "TEMP",
    "TEMPORARY",
    "TRANSIENT",
    "VOLATILE",
    "LOCAL",
    "GLOBAL",
    "RECURSIVE",
    "READ",
    "ON",
];

/// The syntax error `error` of the statement that `text` begins with, or the refusal of what it asks for.
pub(crate) fn explained(error: Error, text: &str) -> Error {
    if error.code().id != codes::S0001.id {
        return error;
    }
    let Some(part) = string_constant::tokens(text)
        .ok()
        .and_then(|tokens| known(&tokens))
    else {
        return error;
    };
    let remedy = "leave it out: it is not part of the embedded warehouse";
    match error.place() {
        Some(place) => unsupported(part, remedy, place.clone()),
        None => error,
    }
}

fn known(tokens: &[TokenWithSpan]) -> Option<&'static str> {
    let words: Vec<String> = tokens
        .iter()
        .take_while(|token| token.token != Token::SemiColon)
        .filter(|token| !matches!(token.token, Token::Whitespace(_)))
        .map(|token| match &token.token {
            Token::Word(word) if word.quote_style.is_none() => word.value.to_uppercase(),
            Token::LParen => "(".to_owned(),
            _ => String::new(),
        })
        .collect();
    let begins = |at: usize, phrase: &str| {
        phrase
            .split(' ')
            .enumerate()
            .all(|(offset, word)| words.get(at + offset).is_some_and(|found| found == word))
    };
    let first = words.first()?;
    if VERBS.contains(&first.as_str()) {
        let kind = words
            .iter()
            .skip(1)
            .position(|word| !BETWEEN.contains(&word.as_str()))
            .map_or(words.len(), |place| place + 1);
        let object = OBJECTS.iter().find(|(phrase, _)| begins(kind, phrase));
        if let Some((_, part)) = object.filter(|(phrase, _)| !is_ours(first, phrase)) {
            return Some(part);
        }
    }
    let part = PARTS
        .iter()
        .find(|(phrase, _)| (0..words.len()).any(|at| begins(at, phrase)));
    part.map(|(_, part)| *part)
}

/// Whether the warehouse has statements of this verb about objects of this kind, so that the error is one of syntax.
fn is_ours(verb: &str, kind: &str) -> bool {
    match kind {
        "PROCEDURE" | "FUNCTION" => verb != "ALTER",
        "ROLE" => matches!(verb, "CREATE" | "ALTER" | "DROP"),
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use diagnostic::Source;

    use crate::parse_script;

    #[test]
    fn is_refused_by_name() {
        for (statement, code, part) in [
            ("create or replace stream s on table t", "S1001", "A stream"),
            ("alter warehouse w suspend", "S1001", "A warehouse"),
            (
                "select 1; alter table t modify column c set masking policy p",
                "S1001",
                "A masking policy",
            ),
            ("alter table t set tag a = 'b'", "S1001", "A tag"),
            (
                "create function f(i int) returns int language python handler = 'f' as 'x'",
                "S1001",
                "LANGUAGE PYTHON",
            ),
            (
                "select cast(null as object(a varchar, b number(10,2)))",
                "S1001",
                "A structured type",
            ),
            ("create something x", "S0001", "Expected"),
            ("create function f(", "S0001", "Expected"),
        ] {
            let error = parse_script(&Source::new("t", statement)).unwrap_err();
            assert_eq!(error.code().id, code, "{statement}: {error}");
            assert!(error.to_string().contains(part), "{statement}: {error}");
        }
    }
}
