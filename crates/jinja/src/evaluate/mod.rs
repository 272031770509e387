//! Runs the syntax tree: the state of a rendering, names and scopes.

mod call;
mod expression;
mod loops;
mod macros;
mod statement;

use std::sync::{Arc, Weak};

use diagnostic::{Error, Result, Source, codes};
use parking_lot::Mutex;

pub use macros::Macro;

use crate::ast::{Expr, Span, Target};
use crate::functions::Namespace;
use crate::{Environment, Scope, Template, UndefinedBehavior, Value};

type Variables = Vec<(Arc<str>, Value)>;

/// The variables of a template's top level, which its macros see too.
#[derive(Default)]
pub(crate) struct Module(Mutex<Variables>);

impl Module {
    fn get(&self, name: &str) -> Option<Value> {
        find(&self.0.lock(), name)
    }

    fn set(&self, name: &Arc<str>, value: Value) {
        let mut variables = self.0.lock();
        match variables.iter_mut().rev().find(|(have, _)| have == name) {
            Some(slot) => slot.1 = value,
            None => variables.push((Arc::clone(name), value)),
        }
    }
}

fn find(variables: &[(Arc<str>, Value)], name: &str) -> Option<Value> {
    variables
        .iter()
        .rev()
        .find(|(have, _)| **have == *name)
        .map(|(_, value)| value.clone())
}

/// What is running: a template, a macro, or the body of a call block.
struct Frame {
    source: Source,
    module: Weak<Module>,
    /// What was visible where a nested macro was defined.
    captured: Arc<[(Arc<str>, Value)]>,
    locals: Variables,
    /// Where the innermost scope starts in `locals`.
    floor: usize,
    /// Whether assignments go to the module: only at the top level, outside of loops.
    top: bool,
}

/// One macro that is being called.
#[derive(Clone, Debug)]
pub struct MacroCall {
    /// The macro's name.
    pub name: Arc<str>,
    /// The file and line of its definition.
    pub definition: String,
}

/// The state of a rendering, handed to every host function.
pub struct CallContext<'e> {
    environment: &'e Environment,
    scope: &'e dyn Scope,
    frame: Frame,
    output: String,
    stack: Vec<StackEntry>,
    steps: u64,
    returning: Option<Value>,
    native: bool,
}

#[derive(Clone)]
struct StackEntry {
    definition: Arc<crate::ast::MacroDefinition>,
}

impl<'e> CallContext<'e> {
    /// A context outside of any template.
    #[must_use]
    pub fn new(environment: &'e Environment, scope: &'e dyn Scope) -> Self {
        Self {
            environment,
            scope,
            frame: Frame {
                source: Source::new("", ""),
                module: Weak::new(),
                captured: Arc::from([]),
                locals: Vec::new(),
                floor: 0,
                top: false,
            },
            output: String::new(),
            stack: Vec::new(),
            steps: environment.limits.steps,
            returning: None,
            native: false,
        }
    }

    /// The same, rendering to values: `as_bool`, `as_number` and `as_native` convert, as in dbt's
    /// YAML. In its SQL they do nothing.
    pub(crate) fn natively(mut self) -> Self {
        self.native = true;
        self
    }

    pub(crate) fn native(&self) -> bool {
        self.native
    }

    /// The environment of this rendering.
    #[must_use]
    pub fn environment(&self) -> &'e Environment {
        self.environment
    }

    /// The scope of this rendering.
    #[must_use]
    pub fn scope(&self) -> &'e dyn Scope {
        self.scope
    }

    /// The macros being called, outermost first.
    #[must_use]
    pub fn macro_stack(&self) -> Vec<MacroCall> {
        self.stack
            .iter()
            .map(|entry| MacroCall {
                name: Arc::clone(&entry.definition.name),
                definition: place_of(&entry.definition),
            })
            .collect()
    }

    /// The file of the template or macro that is running.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.frame.source
    }

    /// The value of a variable as the running template sees it.
    ///
    /// # Errors
    /// What the scope raises.
    pub fn lookup(&self, name: &str) -> Result<Option<Value>> {
        if let Some(value) = find(&self.frame.locals, name) {
            return Ok(Some(value));
        }
        if let Some(value) = find(&self.frame.captured, name) {
            return Ok(Some(value));
        }
        if let Some(module) = self.frame.module.upgrade()
            && let Some(value) = module.get(name)
        {
            return Ok(Some(value));
        }
        if let Some(value) = self.scope.get(name)? {
            return Ok(Some(value));
        }
        Ok(self.environment.global(name))
    }

    /// Ends the macro that is running with `value`: what dbt's `return` does. The host function
    /// has to pass the error on.
    pub fn return_value(&mut self, value: Value) -> Error {
        self.returning = Some(value);
        Error::new(codes::J2007, "`return` was called outside a macro")
    }

    /// Whether an error at hand is a `return` on its way to its macro. A host function that
    /// catches errors passes this one on.
    #[must_use]
    pub fn is_returning(&self) -> bool {
        self.returning.is_some()
    }

    /// Renders a template inside this rendering: same scope, same limits.
    ///
    /// # Errors
    /// As [`Template::render`].
    pub fn render(&mut self, template: &Template) -> Result<String> {
        let module = Arc::new(Module::default());
        let frame = Frame {
            source: template.source().clone(),
            module: Arc::downgrade(&module),
            captured: Arc::from([]),
            locals: Vec::new(),
            floor: 0,
            top: true,
        };
        let frame = std::mem::replace(&mut self.frame, frame);
        let capacity = template.source().text.len();
        let output = std::mem::replace(&mut self.output, String::with_capacity(capacity));
        let result = self.run(template.body());
        let text = std::mem::replace(&mut self.output, output);
        self.frame = frame;
        result.map(|_| text)
    }

    pub(crate) fn evaluate_expression(&mut self, source: &Source, expr: &Expr) -> Result<Value> {
        self.frame.source = source.clone();
        self.evaluate(expr)
    }

    fn strict(&self) -> bool {
        self.environment.undefined == UndefinedBehavior::Strict
    }

    fn tolerant(&self) -> bool {
        self.environment.undefined == UndefinedBehavior::Tolerant
    }

    fn step(&mut self) -> Result<()> {
        match self.steps.checked_sub(1) {
            Some(left) => {
                self.steps = left;
                Ok(())
            }
            None => Err(Error::new(
                codes::J3002,
                format!(
                    "the template takes more than {} steps",
                    self.environment.limits.steps
                ),
            )
            .help("look for a loop over too many items, or move the work into SQL")),
        }
    }

    /// Gives an error the place of `span`, unless it has one already.
    fn locate(&self, error: Error, span: Span) -> Error {
        // A `return` on its way to its macro is no error yet.
        let returning = self.returning.is_some() && !self.stack.is_empty();
        if error.place().is_some() || returning {
            return error;
        }
        error.at(self.frame.source.place(span.range()))
    }

    fn assign(&mut self, target: &Target, value: Value) -> Result<()> {
        match target {
            Target::Name(name, _) => {
                self.set(name, value);
                Ok(())
            }
            Target::Tuple(targets, span) => {
                let items = value.iterate().map_err(|error| self.locate(error, *span))?;
                if items.len() != targets.len() {
                    let error = crate::fail::bad_value(format!(
                        "{} values cannot be unpacked into {} variables",
                        items.len(),
                        targets.len()
                    ));
                    return Err(self.locate(error, *span));
                }
                for (target, item) in targets.iter().zip(items) {
                    self.assign(target, item)?;
                }
                Ok(())
            }
            Target::Attribute(name, attribute, span) => {
                let owner = self.lookup(name)?;
                match owner.as_ref().and_then(Value::downcast::<Namespace>) {
                    Some(namespace) => {
                        namespace.set(attribute, value);
                        Ok(())
                    }
                    None => Err(self.locate(
                        Error::new(
                            codes::J2002,
                            format!("`{name}` is no namespace, so `{attribute}` cannot be set"),
                        )
                        .help(format!("write `{{% set {name} = namespace() %}}` before")),
                        *span,
                    )),
                }
            }
        }
    }

    fn set(&mut self, name: &Arc<str>, value: Value) {
        if self.frame.top
            && let Some(module) = self.frame.module.upgrade()
        {
            module.set(name, value);
            return;
        }
        let floor = self.frame.floor;
        match self.frame.locals[floor..]
            .iter_mut()
            .rev()
            .find(|(have, _)| have == name)
        {
            Some(slot) => slot.1 = value,
            None => self.frame.locals.push((Arc::clone(name), value)),
        }
    }

    /// Runs `body` in a scope of its own inside the frame.
    fn scoped<T>(&mut self, body: impl FnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let floor = std::mem::replace(&mut self.frame.floor, self.frame.locals.len());
        let top = std::mem::replace(&mut self.frame.top, false);
        let result = body(self);
        self.frame.locals.truncate(self.frame.floor);
        self.frame.floor = floor;
        self.frame.top = top;
        result
    }

    /// Runs `body` and takes what it writes.
    fn captured_output(&mut self, body: impl FnOnce(&mut Self) -> Result<()>) -> Result<String> {
        let output = std::mem::take(&mut self.output);
        let result = body(self);
        let text = std::mem::replace(&mut self.output, output);
        result.map(|()| text)
    }

    /// What a nested macro or a call block keeps of the scopes around it.
    fn visible(&self) -> Arc<[(Arc<str>, Value)]> {
        if self.frame.locals.is_empty() {
            return Arc::clone(&self.frame.captured);
        }
        self.frame
            .captured
            .iter()
            .chain(&self.frame.locals)
            .cloned()
            .collect()
    }
}

fn place_of(definition: &crate::ast::MacroDefinition) -> String {
    let place = definition.source.place(definition.span.range());
    format!("{}:{}", place.file, place.line)
}
