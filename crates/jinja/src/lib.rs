//! The template language, as dbt projects use it: Jinja2's syntax and Python's values, with dbt's
//! tags, an aborting `return`, mutable containers and bounded execution.
//!
//! ```
//! use diagnostic::Source;
//! use jinja::{Dict, Environment, Template, Value};
//!
//! # fn main() -> diagnostic::Result<()> {
//! let mut environment = Environment::new();
//! environment.add_function("ref", |_, arguments| {
//!     let name = arguments.one("ref", "name")?;
//!     Ok(format!("marts.{name}").into())
//! });
//! let scope = Dict::from_iter([("columns", Value::list(["id".into(), "name".into()]))]);
//! let source = Source::new(
//!     "models/a.sql",
//!     "select {{ columns | join(', ') }} from {{ ref('orders') }}",
//! );
//! let template = Template::parse(&source)?;
//! let text = template.render(&environment, &scope)?;
//! assert_eq!(text, "select id, name from marts.orders");
//!
//! // Macros are values; they run in the scope of whoever calls them.
//! let source = Source::new("macros/m.sql", "{% macro twice(x) %}{{ return(x * 2) }}{% endmacro %}");
//! for (name, twice) in Template::parse(&source)?.macros() {
//!     assert_eq!(&*name, "twice");
//!     let four = environment.call(&twice, &scope, jinja::Arguments::of([Value::from(2)]))?;
//!     assert_eq!(four, Value::from(4));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The way of a template: `lexer` → `parser` → [`ast`] → `evaluate` ([`CallContext`]). What Python
//! calls its data model is [`Value`] and, for values of the host, [`Object`]. Names that a template
//! does not set itself come from a [`Scope`], then from the [`Environment`].

pub mod ast;
mod blocks;
mod checks;
mod environment;
mod evaluate;
mod fail;
mod filters;
mod format;
mod functions;
mod lexer;
mod literal;
mod methods;
pub mod modules;
mod native;
mod parser;
mod scope;
mod stack;
mod strings;
mod template;
mod token;
mod value;
mod visit;

pub use environment::{Environment, Limits, UndefinedBehavior};
pub use evaluate::{CallContext, Macro, MacroCall};
pub use functions::Namespace;
pub use scope::Scope;
pub use template::Template;
pub use value::{
    Arguments, Dict, Function, HostFunction, Key, List, Object, Operator, Range, Set, Undefined,
    Value,
};
pub use visit::{StaticCall, calls, macro_calls};
