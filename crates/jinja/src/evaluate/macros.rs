//! [`Macro`]: a macro as a value, and how it is called.

use std::sync::{Arc, Weak};

use diagnostic::{Error, Result, codes};

use super::{CallContext, Frame, Module, StackEntry, place_of};
use crate::ast::{MacroDefinition, MacroKind, Parameter};
use crate::value::Object;
use crate::{Arguments, Dict, Key, Value};

/// A macro that can be called. It runs in the scope of whoever calls it, plus what its own template
/// has set.
pub struct Macro {
    definition: Arc<MacroDefinition>,
    module: Weak<Module>,
    captured: Arc<[(Arc<str>, Value)]>,
    /// Whether it was defined inside another macro or a loop, so that nobody else knows its name.
    nested: bool,
}

impl Macro {
    /// A macro outside of a rendering: it sees nothing of the template it was defined in.
    #[must_use]
    pub fn new(definition: Arc<MacroDefinition>) -> Self {
        Self::bound(definition, Weak::new(), Arc::from([]))
    }

    pub(super) fn bound(
        definition: Arc<MacroDefinition>,
        module: Weak<Module>,
        captured: Arc<[(Arc<str>, Value)]>,
    ) -> Self {
        Self {
            definition,
            module,
            captured,
            nested: false,
        }
    }

    pub(super) fn nested(mut self, nested: bool) -> Self {
        self.nested = nested;
        self
    }

    /// How it was defined.
    #[must_use]
    pub fn definition(&self) -> &Arc<MacroDefinition> {
        &self.definition
    }

    fn copy(&self) -> Self {
        Self {
            definition: Arc::clone(&self.definition),
            module: Weak::clone(&self.module),
            captured: Arc::clone(&self.captured),
            nested: self.nested,
        }
    }

    fn run(&self, context: &mut CallContext<'_>, arguments: Arguments) -> Result<Value> {
        let definition = &self.definition;
        let frame = Frame {
            source: definition.source.clone(),
            module: Weak::clone(&self.module),
            captured: Arc::clone(&self.captured),
            locals: Vec::with_capacity(definition.parameters.len() + 3),
            floor: 0,
            top: false,
        };
        let frame = std::mem::replace(&mut context.frame, frame);
        let result = context.captured_output(|context| {
            if self.nested {
                // It can call itself.
                let own = Value::object(self.copy());
                context
                    .frame
                    .locals
                    .push((Arc::clone(&definition.name), own));
            }
            bind(definition, context, arguments)?;
            context.run(&definition.body).map(|_| ())
        });
        context.frame = frame;
        result.map(Value::from)
    }
}

impl Object for Macro {
    fn type_name(&self) -> &str {
        "Macro"
    }

    fn get_attr(&self, name: &str) -> Result<Option<Value>> {
        let definition = &self.definition;
        Ok(match name {
            "name" => Some(Value::Str(Arc::clone(&definition.name))),
            "arguments" => Some(Value::Tuple(Arc::clone(&definition.arguments))),
            "catch_varargs" => Some(Value::Bool(definition.takes.varargs)),
            "catch_kwargs" => Some(Value::Bool(definition.takes.kwargs)),
            "caller" => Some(Value::Bool(definition.takes.caller)),
            _ => None,
        })
    }

    fn call(&self, context: &mut CallContext<'_>, arguments: Arguments) -> Result<Value> {
        if self.definition.kind == MacroKind::Caller {
            // dbt's `return` inside a call block ends the macro that runs the block.
            return crate::stack::grow(|| self.run(context, arguments));
        }
        let limit = context.environment.limits.depth;
        if context.stack.len() >= limit {
            return Err(too_deep(context, limit));
        }
        context.stack.push(StackEntry {
            definition: Arc::clone(&self.definition),
        });
        let result = crate::stack::grow(|| self.run(context, arguments));
        context.stack.pop();
        match result {
            Err(_) if context.returning.is_some() => {
                Ok(context.returning.take().unwrap_or(Value::None))
            }
            Err(error) => Err(explain(error, &self.definition, context)),
            Ok(value) => Ok(value),
        }
    }

    fn callable(&self) -> bool {
        true
    }

    fn repr(&self) -> String {
        format!("<Macro '{}'>", self.definition.name)
    }
}

/// The macros of an error that has passed through many are cut after this many.
const EXPLAINED: usize = 12;

fn explain(error: Error, definition: &MacroDefinition, context: &CallContext<'_>) -> Error {
    let depth = error
        .context()
        .iter()
        .filter(|(key, _)| *key == "in macro")
        .count();
    if depth >= EXPLAINED {
        return error;
    }
    let called_from = match context.stack.last() {
        Some(caller) => format!("macro `{}`", caller.definition.name),
        None => context.frame.source.name.to_string(),
    };
    let place = place_of(definition);
    let from = if called_from.is_empty() {
        String::new()
    } else {
        format!(", called from {called_from}")
    };
    error.with("in macro", format!("`{}` ({place}){from}", definition.name))
}

fn too_deep(context: &CallContext<'_>, limit: usize) -> Error {
    let mut innermost: Vec<&str> = context
        .stack
        .iter()
        .rev()
        .take(5)
        .map(|entry| &*entry.definition.name)
        .collect();
    innermost.reverse();
    Error::new(
        codes::J3001,
        format!("macros call each other more than {limit} times"),
    )
    .with("innermost calls", innermost.join(" → "))
    .help("look for a macro that calls itself without an end")
}

/// Puts the arguments of a call into the frame of the macro, by Jinja2's rules.
fn bind(
    definition: &Arc<MacroDefinition>,
    context: &mut CallContext<'_>,
    arguments: Arguments,
) -> Result<()> {
    let Arguments {
        positional,
        mut named,
    } = arguments;
    let takes = definition.takes;
    let count = definition.parameters.len();
    let mut positional = positional.into_iter();
    let mut take = |name: &str| {
        let at = named.iter().position(|(have, _)| &**have == name)?;
        Some(named.remove(at).1)
    };
    let mut given: Vec<Option<Value>> = Vec::with_capacity(count);
    for parameter in &definition.parameters {
        given.push(positional.next().or_else(|| take(&parameter.name)));
    }
    let own_caller = definition
        .parameters
        .iter()
        .any(|parameter| &*parameter.name == "caller");
    let caller = if takes.caller && !own_caller {
        Some(take("caller"))
    } else {
        None
    };
    let rest: Vec<Value> = positional.collect();
    if !rest.is_empty() && !takes.varargs {
        let message = format!(
            "the macro `{}` takes at most {count} positional arguments, {} were given",
            definition.name,
            count + rest.len()
        );
        return Err(Error::new(codes::J2003, message));
    }
    if !takes.kwargs
        && let Some((name, _)) = named.first()
    {
        return Err(unknown_argument(definition, name));
    }
    for (parameter, value) in definition.parameters.iter().zip(given) {
        let value = match value {
            Some(value) => value,
            None => default(parameter, context)?,
        };
        context
            .frame
            .locals
            .push((Arc::clone(&parameter.name), value));
    }
    if let Some(caller) = caller {
        let caller = caller.unwrap_or_else(|| Value::undefined("caller"));
        context.frame.locals.push((Arc::from("caller"), caller));
    }
    if takes.kwargs {
        let kwargs: Dict = named
            .into_iter()
            .map(|(name, value)| (Key::from(&*name), value))
            .collect();
        context
            .frame
            .locals
            .push((Arc::from("kwargs"), kwargs.into()));
    }
    if takes.varargs {
        context
            .frame
            .locals
            .push((Arc::from("varargs"), Value::tuple(rest)));
    }
    Ok(())
}

fn default(parameter: &Parameter, context: &mut CallContext<'_>) -> Result<Value> {
    match &parameter.default {
        Some(default) => context.evaluate(default),
        None => Ok(Value::undefined(Arc::clone(&parameter.name))),
    }
}

fn unknown_argument(definition: &MacroDefinition, name: &str) -> Error {
    if name == "caller" {
        return Error::new(
            codes::J2003,
            format!(
                "the macro `{}` takes no call block: its body has no `caller()`",
                definition.name
            ),
        );
    }
    let message = format!("the macro `{}` has no argument `{name}`", definition.name);
    let known = definition
        .parameters
        .iter()
        .map(|parameter| &*parameter.name);
    Error::new(codes::J2003, message).suggest(name, known)
}
