//! Rendering to values instead of text, as dbt does for YAML.

use diagnostic::Result;

use crate::ast::{ExprKind, StmtKind};
use crate::filters::check_converted;
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
                if let ExprKind::Filter(filtered) = &expression.kind {
                    check_converted(&filtered.1.name, &value)
                        .map_err(|error| error.at(template.source().place(only.span.range())))?;
                }
                Ok(value)
            }
            _ => context.render(template).map(Value::from),
        },
        _ => context.render(template).map(Value::from),
    }
}
