//! What a query's FROM clause offers and what the query itself returns: names, and where each comes from.
//!
//! Used twice: lateral aliases need to know whether a name is a column of the FROM clause, lineage needs
//! the origins. Relations nobody knows are `None` all the way up; nothing is guessed here.

mod expression;
mod output;

use std::collections::BTreeSet;

use sqlparser::ast::{
    Expr, Ident, ObjectName, PivotValueSource, Query, Select, TableFactor, TableWithJoins,
};

use crate::Columns;

pub(crate) use expression::origins;
pub(crate) use output::{anchor_shape, excluded, matches_pattern, query_shape, with_names};

/// A column of a relation that no query of the statement defines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColumnRef {
    /// The relation as written, folded, parts joined by dots.
    pub relation: String,
    /// The column.
    pub column: String,
}

/// One output column and the columns its values come from.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    pub name: String,
    pub origins: BTreeSet<ColumnRef>,
}

/// The columns of a relation; `None` if they are not known.
pub(crate) type Shape = Option<Vec<Output>>;

/// One relation of a FROM clause.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    /// What its columns may be qualified with: the alias, or the parts of the table's name.
    pub qualifier: Vec<String>,
    /// The table it is, when it is one.
    pub relation: Option<String>,
    pub shape: Shape,
    /// Columns that a USING on its left side has already given.
    pub hidden: BTreeSet<String>,
}

/// The relations of one FROM clause.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    pub members: Vec<Member>,
}

impl Scope {
    /// Whether `name` is a column of the FROM clause; `None` if some relation is not known and none of
    /// the known ones has it.
    pub fn has(&self, name: &str) -> Option<bool> {
        let known = self
            .members
            .iter()
            .filter_map(|member| member.shape.as_ref());
        if known.flatten().any(|column| column.name == name) {
            return Some(true);
        }
        let complete = self.members.iter().all(|member| member.shape.is_some());
        complete.then_some(false)
    }
}

/// The names that WITH clauses around a query define, innermost last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    defined: Vec<(String, Shape)>,
}

impl Names {
    pub fn define(&mut self, name: String, shape: Shape) {
        self.defined.push((name, shape));
    }

    /// Whether a WITH clause defines `name`.
    pub fn has(&self, name: &str) -> bool {
        self.defined.iter().any(|(defined, _)| defined == name)
    }

    fn find(&self, name: &ObjectName) -> Option<&Shape> {
        let [part] = name.0.as_slice() else {
            return None;
        };
        let wanted = &part.as_ident()?.value;
        let found = self.defined.iter().rev().find(|(name, _)| name == wanted);
        found.map(|(_, shape)| shape)
    }
}

/// Everything needed to resolve names in one place of a statement.
pub(crate) struct Context<'a> {
    pub names: &'a Names,
    pub columns: &'a dyn Columns,
}

impl Context<'_> {
    /// The relations that `select` reads.
    pub fn scope(&self, select: &Select) -> Scope {
        self.from(&select.from)
    }

    /// The relations of a FROM clause.
    pub fn from(&self, from: &[TableWithJoins]) -> Scope {
        let mut scope = Scope::default();
        for table in from {
            self.add(&table.relation, &mut scope);
            for join in &table.joins {
                let first = scope.members.len();
                self.add(&join.relation, &mut scope);
                let shared = output::using_columns(&join.join_operator);
                for member in scope.members.iter_mut().skip(first) {
                    member.hidden.extend(shared.iter().cloned());
                }
            }
        }
        scope
    }

    fn add(&self, factor: &TableFactor, scope: &mut Scope) {
        match factor {
            TableFactor::Table { name, alias, .. } => {
                let (relation, shape) = self.table(name);
                scope.members.push(Member {
                    qualifier: qualifier(alias.as_ref().map(|alias| &alias.name), Some(name)),
                    relation,
                    shape: renamed(shape, alias.as_ref()),
                    hidden: BTreeSet::new(),
                });
            }
            TableFactor::Derived {
                subquery, alias, ..
            } => scope.members.push(Member {
                qualifier: qualifier(alias.as_ref().map(|alias| &alias.name), None),
                relation: None,
                shape: renamed(self.query(subquery), alias.as_ref()),
                hidden: BTreeSet::new(),
            }),
            TableFactor::NestedJoin {
                table_with_joins,
                alias: None,
            } => {
                let inner = self.from(std::slice::from_ref(table_with_joins));
                scope.members.extend(inner.members);
            }
            TableFactor::TableFunction { alias, .. } | TableFactor::Function { alias, .. } => {
                scope.members.push(Member {
                    qualifier: qualifier(alias.as_ref().map(|alias| &alias.name), None),
                    relation: None,
                    shape: table_function(factor),
                    hidden: BTreeSet::new(),
                });
            }
            TableFactor::Pivot { alias, .. } | TableFactor::Unpivot { alias, .. } => {
                scope.members.push(Member {
                    qualifier: qualifier(alias.as_ref().map(|alias| &alias.name), None),
                    relation: None,
                    shape: renamed(self.turned(factor), alias.as_ref()),
                    hidden: BTreeSet::new(),
                });
            }
            _ => scope.members.push(Member {
                qualifier: Vec::new(),
                relation: None,
                shape: None,
                hidden: BTreeSet::new(),
            }),
        }
    }

    fn query(&self, query: &Query) -> Shape {
        query_shape(query, self.names, self.columns)
    }

    /// The columns of a PIVOT or an UNPIVOT.
    fn turned(&self, factor: &TableFactor) -> Shape {
        let plain = |name: String| Output {
            name,
            origins: BTreeSet::new(),
        };
        let input = |table: &TableFactor| {
            let mut scope = Scope::default();
            self.add(table, &mut scope);
            scope.members.pop().and_then(|member| member.shape)
        };
        match factor {
            TableFactor::Unpivot {
                table,
                value: Expr::Identifier(value),
                name,
                columns,
                ..
            } => {
                let mut shape = input(table)?;
                shape.retain(|column| !columns.iter().any(|c| is_column(&c.expr, &column.name)));
                shape.push(plain(name.value.clone()));
                shape.push(plain(value.value.clone()));
                Some(shape)
            }
            TableFactor::Pivot {
                table,
                aggregate_functions,
                value_column,
                value_source: PivotValueSource::List(values),
                ..
            } => {
                let mut shape = input(table)?;
                for expr in aggregate_functions
                    .iter()
                    .map(|a| &a.expr)
                    .chain(value_column)
                {
                    let scope = Scope::default();
                    let used = origins(expr, &scope, self);
                    shape.retain(|column| !used.iter().any(|used| used.column == column.name));
                }
                shape.extend(values.iter().map(|value| {
                    plain(match &value.alias {
                        Some(alias) => alias.value.clone(),
                        None => value.expr.to_string(),
                    })
                }));
                Some(shape)
            }
            _ => None,
        }
    }

    fn table(&self, name: &ObjectName) -> (Option<String>, Shape) {
        if let Some(shape) = self.names.find(name) {
            return (None, shape.clone());
        }
        let relation = dotted(name);
        let shape = self.columns.columns(name).map(|columns| {
            columns
                .into_iter()
                .map(|column| Output {
                    origins: BTreeSet::from([ColumnRef {
                        relation: relation.clone(),
                        column: column.clone(),
                    }]),
                    name: column,
                })
                .collect()
        });
        (Some(relation), shape)
    }
}

/// The columns of the table functions whose columns are fixed
/// (<https://docs.snowflake.com/en/sql-reference/functions/flatten>).
fn table_function(factor: &TableFactor) -> Shape {
    let name = match factor {
        TableFactor::Function { name, .. } => dotted(name),
        TableFactor::TableFunction {
            expr: Expr::Function(function),
            ..
        } => dotted(&function.name),
        _ => return None,
    };
    let columns: &[&str] = match name.as_str() {
        "FLATTEN" => &["SEQ", "KEY", "PATH", "INDEX", "VALUE", "THIS"],
        "SPLIT_TO_TABLE" => &["SEQ", "INDEX", "VALUE"],
        "GENERATOR" => &[],
        _ => return None,
    };
    let outputs = columns.iter().map(|name| Output {
        name: (*name).to_owned(),
        origins: BTreeSet::new(),
    });
    Some(outputs.collect())
}

fn is_column(expr: &Expr, name: &str) -> bool {
    match expr {
        Expr::Identifier(column) => column.value == name,
        Expr::CompoundIdentifier(parts) => parts.last().is_some_and(|part| part.value == name),
        _ => false,
    }
}

fn renamed(shape: Shape, alias: Option<&sqlparser::ast::TableAlias>) -> Shape {
    let Some(alias) = alias else {
        return shape;
    };
    with_names(shape, &alias.columns)
}

fn qualifier(alias: Option<&Ident>, name: Option<&ObjectName>) -> Vec<String> {
    if let Some(alias) = alias {
        return vec![alias.value.clone()];
    }
    let parts = name.map(|name| name.0.as_slice()).unwrap_or_default();
    parts
        .iter()
        .filter_map(|part| part.as_ident().map(|ident| ident.value.clone()))
        .collect()
}

/// The parts of `name` joined by dots, without quotes.
pub(crate) fn dotted(name: &ObjectName) -> String {
    let parts: Vec<String> = name
        .0
        .iter()
        .map(|part| match part.as_ident() {
            Some(ident) => ident.value.clone(),
            None => part.to_string(),
        })
        .collect();
    parts.join(".")
}
