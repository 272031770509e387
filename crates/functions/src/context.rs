//! Functions that say who runs a statement and where: [`of_statement`] tells them.
//!
//! <https://docs.snowflake.com/en/sql-reference/functions-context>

use std::sync::Arc;

use arrow::datatypes::DataType;
use chrono::{DateTime, Utc};
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility, lit,
};

use crate::catalogue::Entry;
use crate::clock;

/// Who runs a statement and where its names resolve. What is not known is null.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Circumstances {
    /// `CURRENT_ACCOUNT()`.
    pub account: Option<String>,
    /// `CURRENT_USER()`.
    pub user: Option<String>,
    /// `CURRENT_ROLE()`.
    pub role: Option<String>,
    /// The role and those it has, for `IS_ROLE_IN_SESSION(…)`.
    pub roles: Vec<String>,
    /// `CURRENT_AVAILABLE_ROLES()`.
    pub available_roles: Vec<String>,
    /// `CURRENT_WAREHOUSE()`.
    pub warehouse: Option<String>,
    /// `CURRENT_DATABASE()`.
    pub database: Option<String>,
    /// `CURRENT_SCHEMA()`.
    pub schema: Option<String>,
    /// `CURRENT_SESSION()`.
    pub session: Option<String>,
    /// `LAST_QUERY_ID()`.
    pub last_query: Option<String>,
}

/// A function and what it reads.
struct Reading {
    name: &'static str,
    syntax: &'static str,
    note: &'static str,
    value: fn(&Circumstances) -> Option<String>,
}

macro_rules! reading {
    ($name:literal, $note:literal, $value:expr) => {
        Reading {
            name: $name,
            syntax: concat!($name, "()"),
            note: $note,
            value: $value,
        }
    };
}

const READINGS: [Reading; 19] = [
    reading!("current_account", "", |known| known.account.clone()),
    reading!("current_account_name", "current_account()", |known| known
        .account
        .clone()),
    reading!(
        "current_available_roles",
        "a JSON array of the roles that the user may use",
        |known| { Some(json_array(known.available_roles.iter())) }
    ),
    reading!("current_client", "the engine's own version", |_| {
        Some(concat!("Sluice ", env!("CARGO_PKG_VERSION")).to_owned())
    }),
    reading!("current_database", "", |known| known.database.clone()),
    reading!(
        "current_ip_address",
        "null: statements run inside the process",
        |_| None
    ),
    reading!("current_organization_name", "current_account()", |known| {
        known.account.clone()
    }),
    reading!("current_region", "LOCAL", |_| Some("LOCAL".to_owned())),
    reading!("current_role", "", |known| known.role.clone()),
    reading!("current_role_type", "ROLE", |known| known
        .role
        .as_ref()
        .map(|_| "ROLE".to_owned())),
    reading!("current_schema", "", |known| known.schema.clone()),
    reading!(
        "current_schemas",
        "a JSON array of the search path",
        |known| {
            let path = known.database.as_ref().zip(known.schema.as_ref());
            let path = path.map(|(database, schema)| format!("{database}.{schema}"));
            Some(json_array(path.iter()))
        }
    ),
    reading!("current_secondary_roles", "none are active", |_| {
        Some(r#"{"roles":"","value":""}"#.to_owned())
    }),
    reading!("current_session", "", |known| known.session.clone()),
    reading!(
        "current_transaction",
        "null: a statement is its own transaction here",
        |_| None
    ),
    reading!("current_user", "", |known| known.user.clone()),
    reading!("current_version", "the engine's own version", |_| {
        Some(env!("CARGO_PKG_VERSION").to_owned())
    }),
    reading!("current_warehouse", "", |known| known.warehouse.clone()),
    reading!("last_query_id", "the session's last statement", |known| {
        known.last_query.clone()
    }),
];

const IN_SESSION: &str = "is_role_in_session";

fn json_array<'a>(texts: impl Iterator<Item = &'a String>) -> String {
    let quoted: Vec<String> = texts
        .map(|text| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")))
        .collect();
    format!("[{}]", quoted.join(","))
}

/// The functions of this file, for the catalogue.
pub(crate) fn entries() -> impl Iterator<Item = Entry> {
    READINGS
        .iter()
        .map(|reading| Entry {
            name: reading.name,
            aliases: &[],
            family: "context",
            syntax: reading.syntax,
            note: reading.note,
        })
        .chain([Entry {
            name: IN_SESSION,
            aliases: &[],
            family: "context",
            syntax: "is_role_in_session(role)",
            note: "whether it is the current role, or one that it has",
        }])
}

/// The functions of one statement: they say `circumstances`, and their clock stands at `instant`. To be
/// registered in the place of the general ones.
pub fn of_statement(
    circumstances: &Circumstances,
    instant: DateTime<Utc>,
) -> impl Iterator<Item = Arc<ScalarUDF>> {
    functions(circumstances)
        .into_iter()
        .chain(clock::functions(Some(instant)))
}

/// The functions, saying this.
pub(crate) fn functions(known: &Circumstances) -> Vec<Arc<ScalarUDF>> {
    let udf = |name, answer, arity| {
        Arc::new(ScalarUDF::new_from_impl(Context {
            name,
            answer,
            signature: match arity {
                0 => Signature::nullary(Volatility::Stable),
                _ => Signature::user_defined(Volatility::Stable),
            },
        }))
    };
    READINGS
        .iter()
        .map(|reading| {
            let answer = Answer::Text((reading.value)(known));
            udf(reading.name, answer, 0)
        })
        .chain([udf(IN_SESSION, Answer::Roles(known.roles.clone()), 1)])
        .collect()
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Answer {
    Text(Option<String>),
    /// Whether the argument is one of these roles.
    Roles(Vec<String>),
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Context {
    name: &'static str,
    answer: Answer,
    signature: Signature,
}

impl ScalarUDFImpl for Context {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [_] => Ok(vec![DataType::Utf8]),
            _ => plan_err!("IS_ROLE_IN_SESSION takes is_role_in_session(role)"),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.answer {
            Answer::Text(_) => DataType::Utf8,
            Answer::Roles(_) => DataType::Boolean,
        })
    }

    fn simplify(&self, args: Vec<Expr>, _: &SimplifyContext) -> Result<ExprSimplifyResult> {
        Ok(match (&self.answer, args.as_slice()) {
            (Answer::Text(text), _) => {
                ExprSimplifyResult::Simplified(Expr::Literal(ScalarValue::Utf8(text.clone()), None))
            }
            (Answer::Roles(roles), [asked]) if !roles.is_empty() => {
                let roles = roles.iter().map(|role| lit(role.as_str())).collect();
                ExprSimplifyResult::Simplified(asked.clone().in_list(roles, false))
            }
            (Answer::Roles(_), _) => ExprSimplifyResult::Simplified(lit(false)),
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match &self.answer {
            Answer::Text(text) => Ok(ColumnarValue::Scalar(ScalarValue::Utf8(text.clone()))),
            Answer::Roles(roles) => {
                let asked: Vec<_> = ColumnarValue::values_to_arrays(&args.args)?;
                let [asked] = asked.as_slice() else {
                    return plan_err!("IS_ROLE_IN_SESSION takes is_role_in_session(role)");
                };
                let same = arrow::array::AsArray::as_string::<i32>(asked)
                    .iter()
                    .map(|asked| asked.map(|asked| roles.iter().any(|role| role == asked)))
                    .collect::<arrow::array::BooleanArray>();
                Ok(ColumnarValue::Array(Arc::new(same)))
            }
        }
    }
}
