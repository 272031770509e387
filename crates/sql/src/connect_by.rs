//! `START WITH … CONNECT BY …` as a recursive WITH clause.
//!
//! <https://docs.snowflake.com/en/sql-reference/constructs/connect-by>. The rows of the FROM clause are one
//! query, the tree they form is a recursion over it, and the select reads the tree. WHERE filters the tree.

use std::ops::ControlFlow;

use sqlparser::ast::{
    ConnectByKind, ExcludeSelectItem, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    ObjectName, Query, Select, SelectItem, SetExpr, TableAlias, TableFactor, VisitorMut,
    WildcardAdditionalOptions,
};

use crate::parse::template_query;
use crate::recursive::plain;

/// The pseudo-column that says how deep a row stands.
const LEVEL: &str = "LEVEL";

/// Rewrites every CONNECT BY over one table, view or subquery; what is left of others is refused later.
pub(crate) fn rewrite<T: crate::Node>(tree: &mut T) {
    let _ = crate::walk_mut(tree, &mut Rewriter { found: 0 });
}

struct Rewriter {
    found: usize,
}

impl VisitorMut for Rewriter {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let SetExpr::Select(select) = query.body.as_mut() {
            let Some(with) = self.tree(select) else {
                return ControlFlow::Continue(());
            };
            // Inside, so that ORDER BY still sees what the select does not give.
            let mut inner = plain(std::mem::replace(
                query.body.as_mut(),
                SetExpr::Values(sqlparser::ast::Values {
                    explicit_row: false,
                    value_keyword: false,
                    rows: Vec::new(),
                }),
            ));
            inner.with = with.with;
            inner.order_by = query.order_by.take();
            inner.limit_clause = query.limit_clause.take();
            inner.fetch = query.fetch.take();
            match query.with.is_none() {
                true => *query = inner,
                false => *query.body = SetExpr::Query(Box::new(inner)),
            }
        } else {
            self.operands(&mut query.body);
        }
        ControlFlow::Continue(())
    }
}

impl Rewriter {
    /// The selects of a set operation.
    fn operands(&mut self, body: &mut SetExpr) {
        match body {
            SetExpr::SetOperation { left, right, .. } => {
                self.operands(left);
                self.operands(right);
            }
            SetExpr::Select(select) => {
                if let Some(mut query) = self.tree(select) {
                    *query.body = SetExpr::Select(select.clone());
                    *body = SetExpr::Query(Box::new(query));
                }
            }
            _ => {}
        }
    }

    /// Lets `select` read its tree, and gives a query with the WITH clause that makes it.
    fn tree(&mut self, select: &mut Select) -> Option<Query> {
        let (mut start, mut conditions) = (None, Vec::new());
        for clause in &select.connect_by {
            match clause {
                ConnectByKind::StartWith { condition, .. } => {
                    start = Some(condition.as_ref().clone());
                }
                ConnectByKind::ConnectBy {
                    nocycle: false,
                    relationships,
                    ..
                } => conditions.extend(relationships.iter().cloned()),
                ConnectByKind::ConnectBy { .. } => return None,
            }
        }
        let called = called(from_of(select)?)?;
        if conditions.is_empty() {
            return None;
        }
        self.found += 1;
        let prior = Ident::with_quote('"', format!("$PRIOR{}", self.found));
        let mut carried = Carried {
            paths: Vec::new(),
            roots: Vec::new(),
            queries: 0,
        };
        carried.take(select);
        let mut filler = Filler {
            values: Vec::new(),
            relation: from_of(select)?.clone(),
        };
        let mut columns = vec![LEVEL.to_owned()];
        let (mut first, mut next) = (vec!["1".to_owned()], vec![format!("{prior}.LEVEL + 1")]);
        for (at, (value, separator)) in carried.paths.iter().enumerate() {
            let column = format!("$PATH{at}");
            let below = filler.put(qualified(value, &called, &prior));
            let (value, separator) = (filler.put(value.clone()), filler.put(separator.clone()));
            first.push(format!("CAST({separator} || ({value}) AS VARCHAR)"));
            next.push(format!("{prior}.\"{column}\" || {separator} || ({below})"));
            columns.push(column);
        }
        for (at, value) in carried.roots.iter().enumerate() {
            let column = format!("$ROOT{at}");
            first.push(filler.put(value.clone()));
            next.push(format!("{prior}.\"{column}\""));
            columns.push(column);
        }
        let joined: Vec<String> = conditions
            .iter()
            .map(|condition| format!("({})", filler.put(qualified(condition, &called, &prior))))
            .collect();
        let (rows, tree) = (
            format!("\"$ROWS{}\"", self.found),
            Ident::with_quote('"', format!("$TREE{}", self.found)),
        );
        let own = |values: &[String]| {
            let named: Vec<String> = values
                .iter()
                .zip(&columns)
                .map(|(value, column)| format!("{value} AS \"{column}\""))
                .collect();
            named.join(", ")
        };
        let start = start.map(|start| format!("WHERE {}", filler.put(start)));
        let text = format!(
            "WITH RECURSIVE {rows} AS (SELECT * FROM \"$FROM\"), {tree} AS (\
             SELECT {called}.*, {} FROM {rows} AS {called} {} UNION ALL \
             SELECT {called}.*, {} FROM {rows} AS {called} INNER JOIN {tree} AS {prior} ON {}) SELECT 1",
            own(&first),
            start.unwrap_or_default(),
            own(&next),
            joined.join(" AND "),
        );
        let mut query = template_query(&text)?;
        let _ = crate::walk_mut(&mut query, &mut filler);
        select.from.first_mut()?.relation = table(&tree, &called);
        select.connect_by.clear();
        let hidden: Vec<ObjectName> = columns
            .into_iter()
            .map(|column| ObjectName::from(vec![Ident::with_quote('"', column)]))
            .collect();
        for item in &mut select.projection {
            if let SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) = item
            {
                hide(options, &hidden);
            }
        }
        Some(query)
    }
}

/// The one relation that `select` reads.
fn from_of(select: &Select) -> Option<&TableFactor> {
    match select.from.as_slice() {
        [from] if from.joins.is_empty() => Some(&from.relation),
        _ => None,
    }
}

/// Puts what the statement says into a text of ours, without making text of it.
struct Filler {
    values: Vec<Expr>,
    relation: TableFactor,
}

impl Filler {
    fn put(&mut self, value: Expr) -> String {
        self.values.push(value);
        format!(":E{}", self.values.len() - 1)
    }
}

impl VisitorMut for Filler {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, .. } = factor
            && name.to_string() == "\"$FROM\""
        {
            *factor = self.relation.clone();
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Value(value) = expr
            && let sqlparser::ast::Value::Placeholder(name) = &value.value
            && let Some(at) = name
                .strip_prefix(":E")
                .and_then(|at| at.parse::<usize>().ok())
            && let Some(value) = self.values.get(at)
        {
            *expr = value.clone();
        }
        ControlFlow::Continue(())
    }
}

/// What expressions call the rows of `factor`.
fn called(factor: &TableFactor) -> Option<Ident> {
    let nobody = || Ident::with_quote('"', "$ROW");
    match factor {
        TableFactor::Table {
            name, alias: None, ..
        } => name.0.last().and_then(|part| part.as_ident()).cloned(),
        TableFactor::Table {
            alias: Some(alias), ..
        }
        | TableFactor::Derived {
            lateral: false,
            alias: Some(alias),
            ..
        } => Some(alias.name.clone()),
        TableFactor::Derived {
            lateral: false,
            alias: None,
            ..
        } => Some(nobody()),
        _ => None,
    }
}

fn table(name: &Ident, alias: &Ident) -> TableFactor {
    TableFactor::Table {
        name: ObjectName::from(vec![name.clone()]),
        alias: Some(TableAlias {
            explicit: true,
            name: alias.clone(),
            columns: Vec::new(),
            at: None,
        }),
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    }
}

/// Leaves the columns of ours out of a `*`.
fn hide(options: &mut WildcardAdditionalOptions, hidden: &[ObjectName]) {
    let mut names = match options.opt_exclude.take() {
        Some(ExcludeSelectItem::Single(name)) => vec![name],
        Some(ExcludeSelectItem::Multiple(names)) => names,
        None => Vec::new(),
    };
    names.extend(hidden.iter().cloned());
    options.opt_exclude = Some(ExcludeSelectItem::Multiple(names));
}

/// What rows of a tree carry along for the select.
struct Carried {
    /// The arguments of SYS_CONNECT_BY_PATH.
    paths: Vec<(Expr, Expr)>,
    /// The operands of CONNECT_BY_ROOT.
    roots: Vec<Expr>,
    /// How many subqueries are around the visitor; what stands in them is theirs.
    queries: usize,
}

impl Carried {
    /// Puts columns in the places of SYS_CONNECT_BY_PATH and CONNECT_BY_ROOT.
    fn take(&mut self, select: &mut Select) {
        for item in &mut select.projection {
            let SelectItem::UnnamedExpr(expr) = item else {
                continue;
            };
            let before = expr.clone();
            let _ = crate::walk_mut(expr, self);
            if *expr != before {
                *item = SelectItem::ExprWithAlias {
                    expr: expr.clone(),
                    alias: Ident::with_quote('"', before.to_string().to_uppercase()),
                };
            }
        }
        let _ = crate::walk_mut(select, self);
    }
}

impl VisitorMut for Carried {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.queries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.queries -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let column = |name: String| Expr::Identifier(Ident::with_quote('"', name));
        if self.queries > 0 {
            return ControlFlow::Continue(());
        }
        match expr {
            Expr::Prefixed { prefix, value } if prefix.value == "CONNECT_BY_ROOT" => {
                let value = value.as_ref().clone();
                let at = self.roots.iter().position(|root| *root == value);
                let at = at.unwrap_or(self.roots.len());
                if at == self.roots.len() {
                    self.roots.push(value);
                }
                *expr = column(format!("$ROOT{at}"));
            }
            Expr::Function(call) if call.name.to_string() == "SYS_CONNECT_BY_PATH" => {
                if let FunctionArguments::List(list) = &call.args
                    && let [
                        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)),
                        FunctionArg::Unnamed(FunctionArgExpr::Expr(separator)),
                    ] = list.args.as_slice()
                {
                    let path = (value.clone(), separator.clone());
                    let at = self.paths.iter().position(|known| *known == path);
                    let at = at.unwrap_or(self.paths.len());
                    if at == self.paths.len() {
                        self.paths.push(path);
                    }
                    *expr = column(format!("$PATH{at}"));
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// `expr` with its columns told apart: those behind PRIOR are of the row above.
fn qualified(expr: &Expr, row: &Ident, prior: &Ident) -> Expr {
    let mut expr = expr.clone();
    let _ = crate::walk_mut(
        &mut expr,
        &mut Qualifier {
            row,
            prior,
            behind: 0,
        },
    );
    expr
}

struct Qualifier<'a> {
    row: &'a Ident,
    prior: &'a Ident,
    behind: usize,
}

impl VisitorMut for Qualifier<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if matches!(expr, Expr::Prior(_)) {
            self.behind += 1;
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let side = match self.behind {
            0 => self.row,
            _ => self.prior,
        };
        match expr {
            Expr::Prior(inner) => {
                self.behind -= 1;
                *expr = Expr::Nested(inner.clone());
            }
            Expr::Identifier(name) if name.value == LEVEL && name.quote_style.is_none() => {
                let level = Expr::CompoundIdentifier(vec![self.prior.clone(), name.clone()]);
                *expr = match self.behind {
                    0 => Expr::Nested(Box::new(Expr::BinaryOp {
                        left: Box::new(level),
                        op: sqlparser::ast::BinaryOperator::Plus,
                        right: Box::new(Expr::value(sqlparser::ast::Value::Number(
                            "1".to_owned(),
                            false,
                        ))),
                    })),
                    _ => level,
                };
            }
            Expr::Identifier(name) => {
                *expr = Expr::CompoundIdentifier(vec![side.clone(), name.clone()]);
            }
            Expr::CompoundIdentifier(parts) if parts.len() == 2 && self.behind > 0 => {
                if let Some(first) = parts.first_mut() {
                    *first = self.prior.clone();
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use diagnostic::Source;

    fn rewritten(text: &str) -> String {
        crate::parse_script(&Source::new("t", text)).unwrap()[0]
            .ast
            .to_string()
    }

    #[test]
    fn a_tree_is_a_recursion() {
        assert_eq!(
            rewritten(
                "select id, level from t start with boss is null connect by boss = prior id order by id"
            ),
            "WITH RECURSIVE \"$ROWS1\" AS (SELECT * FROM T), \"$TREE1\" AS (\
             SELECT T.*, 1 AS \"LEVEL\" FROM \"$ROWS1\" AS T WHERE BOSS IS NULL UNION ALL \
             SELECT T.*, \"$PRIOR1\".LEVEL + 1 AS \"LEVEL\" FROM \"$ROWS1\" AS T \
             INNER JOIN \"$TREE1\" AS \"$PRIOR1\" ON (T.BOSS = (\"$PRIOR1\".ID))) \
             SELECT ID, LEVEL FROM \"$TREE1\" AS T ORDER BY ID"
        );
    }

    #[test]
    fn a_join_is_left_to_be_refused() {
        let text = "select * from a join b on a.x = b.x connect by boss = prior id";
        let statement = crate::parse_script(&Source::new("t", text))
            .unwrap()
            .remove(0);
        assert_eq!(crate::normalise(statement).unwrap_err().code().id, "S1001");
    }
}
