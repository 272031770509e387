//! `exceptions.*`: how the project's own code refuses and warns.

use std::sync::Arc;

use diagnostic::{Error, Result, codes};
use jinja::{Arguments, CallContext, Object, Value};

use super::Rendering;

/// The object `exceptions`.
pub(super) fn value(rendering: &Arc<Rendering>) -> Value {
    Value::object(Exceptions(Arc::clone(rendering)))
}

struct Exceptions(Arc<Rendering>);

impl Object for Exceptions {
    fn type_name(&self) -> &str {
        "exceptions"
    }

    fn call_method(
        &self,
        _: &mut CallContext<'_>,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Value>> {
        let positional = arguments.positional.iter();
        let named = arguments.named.iter().map(|(_, value)| value);
        let words: Vec<String> = positional.chain(named).map(ToString::to_string).collect();
        let message = words.first().cloned().unwrap_or_default();
        let raise = |message: String| Err(Error::new(codes::D2003, message));
        match name {
            "warn" | "warn_snapshot_timestamp_data_types" => {
                self.0.project.warn(message)?;
                Ok(Some("".into()))
            }
            "raise_compiler_error"
            | "raise_not_implemented"
            | "raise_parsing_error"
            | "raise_database_error"
            | "raise_dependency_error"
            | "raise_fail_fast_error"
            | "raise_contract_error"
            | "CompilationError"
            | "DbtRuntimeError" => raise(message),
            "missing_config" => raise(format!(
                "`{}` needs the setting `{}`",
                self.0.node.as_ref().map_or("", |node| node.name.as_str()),
                words.last().cloned().unwrap_or_default()
            )),
            "missing_materialization" => raise(format!(
                "There is no materialization for `{}`",
                words.join("`, `")
            )),
            "missing_relation" => raise(format!("The relation `{message}` does not exist")),
            "relation_wrong_type" => raise(format!(
                "The relation `{message}` exists, but is not a `{}`",
                words.get(1).cloned().unwrap_or_default()
            )),
            "column_type_missing" => raise(format!("A contract needs a data type for {message}")),
            "raise_duplicate_resource_name"
            | "raise_duplicate_alias"
            | "raise_ambiguous_alias"
            | "raise_ambiguous_catalog_match"
            | "raise_cache_inconsistent"
            | "raise_dataclass_not_dict" => raise(words.join(" ")),
            _ => Ok(None),
        }
    }
}
