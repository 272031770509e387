//! What a session puts into a statement before it is planned: variables (`$name`), bind parameters (`?`,
//! `:name`), names made of them (`identifier($name)`, `table('name')`) and functions whose value the
//! session knows.
//!
//! <https://docs.snowflake.com/en/sql-reference/session-variables>,
//! <https://docs.snowflake.com/en/sql-reference/identifier-literal>

use std::ops::ControlFlow;

use diagnostic::{Error, Result, Source, codes};
use sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName,
    ObjectNamePart, Select, SelectItem, Spanned, Statement as Ast, TableFactor, Use, Value,
    VisitorMut,
};
use sqlparser::tokenizer::Span;

use crate::Statement;
use crate::normalise::column_name;

/// What a session knows.
pub trait Known {
    /// The value of a variable or parameter: `$NAME`, `?1`, `:NAME` or `:1`.
    fn value(&self, name: &str) -> Option<Expr>;

    /// The names of all variables and parameters, to suggest one.
    fn names(&self) -> Vec<String>;

    /// The value of the call of `function` (upper case), if the session knows it.
    ///
    /// # Errors
    /// If the arguments are not what the function takes.
    fn call(&self, function: &str, arguments: &[Expr]) -> Result<Option<Expr>>;

    /// The table that stands for the call of a table function (dotted, upper case), if there is one.
    ///
    /// # Errors
    /// If the arguments are not what the function takes.
    fn table(&self, function: &str, arguments: &[Expr]) -> Result<Option<ObjectName>>;
}

/// Puts what `known` says into `statement`.
///
/// # Errors
/// `S1005` for a variable or parameter without a value; `S1006` for text that is no name where a name is
/// asked for; the errors of `known`.
pub fn substitute(statement: &mut Statement, known: &dyn Known) -> Result<()> {
    // Taken, not cloned, as in `normalise_with`.
    let nothing = sqlparser::ast::Statement::Rollback {
        chain: false,
        savepoint: None,
    };
    let mut tree = std::mem::replace(&mut statement.ast, nothing);
    let mut writer = Writer {
        known,
        statement,
        refused: None,
        values: 0,
        selects: Vec::new(),
    };
    let _ = crate::walk_mut(&mut tree, &mut writer);
    let refused = writer.refused;
    statement.ast = tree;
    refused.map_or(Ok(()), Err)
}

/// `text` as a name: `db.schema."Table"`, folded.
///
/// # Errors
/// `S1006` if it is none.
pub fn object_name(text: &str) -> Result<ObjectName> {
    let script = Source::new("name", format!("select * from {text}"));
    let name = crate::parse_script(&script).ok().and_then(|mut parsed| {
        let statement = parsed.pop()?;
        let mut names = crate::relations(&statement.ast);
        let one = parsed.is_empty() && names.len() == 1;
        let name = names.pop().filter(|_| one)?;
        let whole = statement.ast.to_string() == format!("SELECT * FROM {name}");
        whole.then_some(name)
    });
    name.ok_or_else(|| Error::new(codes::S1006, format!("`{text}` is not a name")))
}

struct Writer<'a> {
    known: &'a dyn Known,
    statement: &'a Statement,
    refused: Option<Error>,
    /// How many expressions have become values.
    values: usize,
    /// For each select around the visitor: how many there were before it, and what its unnamed columns are called,
    /// which goes by what was written and not by the values.
    selects: Vec<(usize, Vec<Option<String>>)>,
}

impl Writer<'_> {
    fn check<T>(&mut self, verdict: Result<T>, span: Span) -> ControlFlow<(), T> {
        match verdict {
            Ok(value) => ControlFlow::Continue(value),
            Err(error) => {
                self.refused
                    .get_or_insert(error.at(self.statement.place(span)));
                ControlFlow::Break(())
            }
        }
    }

    fn value(&self, name: &str) -> Result<Expr> {
        // `$1` is a column by its position.
        if let Some(value) = self.known.value(name) {
            return Ok(value);
        }
        let names = self.known.names();
        Err(Error::new(
            codes::S1005,
            match name.starts_with('$') {
                true => format!("Session variable `{name}` does not exist"),
                false => format!("Bind parameter `{name}` has no value"),
            },
        )
        .help(match name.strip_prefix('$') {
            Some(variable) => format!("`set {variable} = …` makes it"),
            None => "pass one value for each parameter".to_owned(),
        })
        .suggest(name, names.iter().map(String::as_str)))
    }

    /// The text in brackets behind IDENTIFIER or TABLE.
    fn text(&self, expr: &Expr) -> Result<Option<String>> {
        let expr = match expr {
            Expr::Value(value) => match &value.value {
                Value::Placeholder(name) if is_variable(name) => self.value(name)?,
                _ => expr.clone(),
            },
            other => other.clone(),
        };
        Ok(match expr {
            Expr::Value(value) => value.value.into_string(),
            _ => None,
        })
    }

    fn named(&self, arguments: &[FunctionArg]) -> Result<ObjectName> {
        let wrong = || {
            Error::new(
                codes::S1006,
                "IDENTIFIER takes one text, session variable or bind parameter",
            )
        };
        let [FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))] = arguments else {
            return Err(wrong());
        };
        if let Expr::Identifier(name) = expr {
            return Ok(ObjectName::from(vec![name.clone()]));
        }
        match self.text(expr)? {
            Some(text) => object_name(&text),
            None => Err(wrong()),
        }
    }

    fn name(&self, name: &ObjectName) -> Result<Option<ObjectName>> {
        let mut parts: Vec<ObjectNamePart> = Vec::new();
        let mut changed = false;
        for part in &name.0 {
            match part {
                ObjectNamePart::Function(function) if is_identifier(&function.name) => {
                    parts.extend(self.named(&function.args)?.0);
                    changed = true;
                }
                other => parts.push(other.clone()),
            }
        }
        Ok(changed.then_some(ObjectName(parts)))
    }

    fn factor(&self, factor: &TableFactor) -> Result<Option<TableFactor>> {
        let (name, alias) = match factor {
            TableFactor::Table {
                name,
                args: Some(args),
                alias,
                ..
            } if name.to_string() == "IDENTIFIER" => (self.named(&args.args)?, alias),
            TableFactor::TableFunction { expr, alias } => {
                if let Some(text) = self.text(expr)? {
                    (object_name(&text)?, alias)
                } else {
                    let Expr::Function(function) = expr else {
                        return Ok(None);
                    };
                    let name = function.name.to_string();
                    match self.known.table(&name, &arguments(function)?)? {
                        Some(table) => (table, alias),
                        None if name == "IDENTIFIER" => match &function.args {
                            FunctionArguments::List(list) => (self.named(&list.args)?, alias),
                            _ => return Ok(None),
                        },
                        None => return Ok(None),
                    }
                }
            }
            _ => return Ok(None),
        };
        Ok(Some(TableFactor::Table {
            name,
            alias: alias.clone(),
            args: None,
            with_hints: Vec::new(),
            version: None,
            with_ordinality: false,
            partitions: Vec::new(),
            json_path: None,
            sample: None,
            index_hints: Vec::new(),
        }))
    }

    fn expression(&self, expr: &Expr) -> Result<Option<Expr>> {
        match expr {
            Expr::Value(value) => match &value.value {
                Value::Placeholder(name) if is_variable(name) => self.value(name).map(Some),
                _ => Ok(None),
            },
            Expr::Function(function) if function.over.is_none() => {
                let name = function.name.to_string();
                if name == "IDENTIFIER"
                    && let FunctionArguments::List(list) = &function.args
                {
                    let parts = self.named(&list.args)?.0.into_iter();
                    let mut parts: Vec<Ident> =
                        parts.filter_map(|part| part.as_ident().cloned()).collect();
                    return Ok(match (parts.len(), parts.pop()) {
                        (1, Some(only)) => Some(Expr::Identifier(only)),
                        (_, Some(last)) => {
                            parts.push(last);
                            Some(Expr::CompoundIdentifier(parts))
                        }
                        (_, None) => None,
                    });
                }
                self.known.call(&name, &arguments(function)?)
            }
            _ => Ok(None),
        }
    }
}

impl VisitorMut for Writer<'_> {
    type Break = ();

    /// What USE names is no relation.
    fn pre_visit_statement(&mut self, statement: &mut Ast) -> ControlFlow<()> {
        if let Ast::Use(
            Use::Database(name)
            | Use::Schema(name)
            | Use::Role(name)
            | Use::Warehouse(name)
            | Use::Object(name),
        ) = statement
        {
            let verdict = self.name(name);
            if let Some(known) = self.check(verdict, name.span())? {
                *name = known;
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<()> {
        let verdict = self.name(relation);
        if let Some(name) = self.check(verdict, relation.span())? {
            *relation = name;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        let verdict = self.factor(factor);
        if let Some(table) = self.check(verdict, factor.span())? {
            *factor = table;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let verdict = self.expression(expr);
        if let Some(value) = self.check(verdict, expr.span())? {
            // What IDENTIFIER names is called by its own name.
            self.values += usize::from(!is_name(&value));
            *expr = value;
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let names = select.projection.iter().map(|item| match item {
            SelectItem::UnnamedExpr(expr) if !is_name(expr) => Some(column_name(expr)),
            _ => None,
        });
        self.selects.push((self.values, names.collect()));
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let ended = self.selects.pop();
        let Some((_, names)) = ended.filter(|(before, _)| self.values > *before) else {
            return ControlFlow::Continue(());
        };
        for (item, name) in select.projection.iter_mut().zip(names) {
            if let (SelectItem::UnnamedExpr(expr), Some(name)) = (&mut *item, name)
                && column_name(expr) != name
            {
                *item = SelectItem::ExprWithAlias {
                    expr: std::mem::replace(expr, Expr::Tuple(Vec::new())),
                    alias: Ident::with_quote('"', name),
                };
            }
        }
        ControlFlow::Continue(())
    }
}

fn is_name(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
}

/// The positional arguments of a call; named ones only if there is no other way to read them.
fn arguments(function: &Function) -> Result<Vec<Expr>> {
    let FunctionArguments::List(list) = &function.args else {
        return Ok(Vec::new());
    };
    Ok(list
        .args
        .iter()
        .map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => expr.clone(),
            FunctionArg::Named { name, arg, .. } => Expr::Named {
                expr: Box::new(value_of(arg)),
                name: name.clone(),
            },
            FunctionArg::ExprNamed { arg, .. } => value_of(arg),
            FunctionArg::Unnamed(_) => Expr::Tuple(Vec::new()),
        })
        .collect())
}

fn value_of(arg: &FunctionArgExpr) -> Expr {
    match arg {
        FunctionArgExpr::Expr(expr) => expr.clone(),
        _ => Expr::Tuple(Vec::new()),
    }
}

fn is_identifier(name: &Ident) -> bool {
    name.value.eq_ignore_ascii_case("IDENTIFIER")
}

/// `$name`, `?1` and `:name`, but not `$1`.
fn is_variable(placeholder: &str) -> bool {
    match placeholder.strip_prefix('$') {
        Some(name) => !name.starts_with(|c: char| c.is_ascii_digit()),
        None => true,
    }
}
