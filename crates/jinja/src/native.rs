//! Rendering to values instead of text, as dbt does for YAML.

use diagnostic::Result;

use crate::ast::StmtKind;
use crate::{CallContext, Environment, Scope, Template, Value};

/// Renders; a template that is one `{{ expression }}` keeps the type of its value.
pub(crate) fn render(
    template: &Template,
    environment: &Environment,
    scope: &dyn Scope,
) -> Result<Value> {
    let mut context = CallContext::new(environment, scope).natively();
    match template.body() {
        [only] => match &only.kind {
            StmtKind::Print(expression) => {
                let value = context.evaluate_expression(template.source(), expression)?;
                if value.is_undefined() {
                    return context.render(template).map(Value::from);
                }
                Ok(value)
            }
            _ => context.render(template).map(Value::from),
        },
        _ => context.render(template).map(Value::from),
    }
}
