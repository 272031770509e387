//! `MATCH_RECOGNIZE` as a query over window functions.
//!
//! <https://docs.snowflake.com/en/sql-reference/constructs/match_recognize>. Conditions of DEFINE see a row and, by window
//! functions, its partition; so they are columns, and a window function of `functions` finds the matches among
//! them. It gives each row its place in every match, FLATTEN makes a row of each place, and MEASURES are
//! window functions over the rows of a match. What cannot be written so stays as it is, and is refused later.

mod measures;
mod pattern;
mod tokens;

use std::ops::ControlFlow;

use sqlparser::ast::{
    AfterMatchSkip, EmptyMatchesMode, Expr, Ident, Measure, OrderByExpr, Query, RowsPerMatch,
    SymbolDefinition, TableAlias, TableFactor, Value, VisitorMut, WindowSpec, WindowType,
};

use crate::parse::template_query;
use crate::scope::dotted;
use measures::Measures;
use pattern::Written;
pub(crate) use tokens::prepare;

/// Rewrites every MATCH_RECOGNIZE that can be written as a query.
pub(crate) fn rewrite<T: crate::Node>(tree: &mut T) {
    struct Rewriter;
    impl VisitorMut for Rewriter {
        type Break = ();

        fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
            if let Some(query) = written(factor) {
                *factor = query;
            }
            ControlFlow::Continue(())
        }
    }
    let _ = crate::walk_mut(tree, &mut Rewriter);
}

/// The parts of the clause that the query is made of.
struct Clause<'a> {
    partition_by: &'a [Expr],
    order_by: &'a [OrderByExpr],
    measures: &'a [Measure],
    rows: Rows,
    skip: Option<&'a AfterMatchSkip>,
    definitions: &'a [SymbolDefinition],
    /// What the columns may be qualified by.
    name: Ident,
}

/// The rows that are given.
#[derive(Clone, Copy, PartialEq)]
enum Rows {
    OnePerMatch,
    /// With the rows of empty matches, and those of no match.
    All {
        empty: bool,
        unmatched: bool,
    },
}

fn written(factor: &TableFactor) -> Option<TableFactor> {
    let TableFactor::MatchRecognize {
        table,
        partition_by,
        order_by,
        measures,
        rows_per_match,
        after_match_skip,
        pattern,
        symbols,
        alias,
    } = factor
    else {
        return None;
    };
    let all = |empty, unmatched| Rows::All { empty, unmatched };
    let clause = Clause {
        partition_by,
        order_by,
        measures,
        rows: match rows_per_match {
            None | Some(RowsPerMatch::OneRow) => Rows::OnePerMatch,
            Some(RowsPerMatch::AllRows(None | Some(EmptyMatchesMode::Show))) => all(true, false),
            Some(RowsPerMatch::AllRows(Some(EmptyMatchesMode::Omit))) => all(false, false),
            Some(RowsPerMatch::AllRows(Some(EmptyMatchesMode::WithUnmatched))) => all(true, true),
        },
        skip: after_match_skip.as_ref(),
        definitions: symbols,
        name: name_of(table),
    };
    let query = clause.query(table, Written::of(pattern)?)?;
    let alias = alias.clone().unwrap_or(TableAlias {
        explicit: true,
        name: clause.name,
        columns: Vec::new(),
        at: None,
    });
    Some(TableFactor::Derived {
        lateral: false,
        subquery: Box::new(query),
        alias: Some(alias),
        sample: None,
    })
}

fn name_of(table: &TableFactor) -> Ident {
    let (alias, name) = match table {
        TableFactor::Table { alias, name, .. } => (alias, Some(name)),
        TableFactor::Derived { alias, .. } => (alias, None),
        _ => (&None, None),
    };
    let last = name.and_then(|name| name.0.last()?.as_ident().cloned());
    let mut found = alias
        .as_ref()
        .map(|alias| alias.name.clone())
        .or(last)
        .unwrap_or_else(|| Ident::new("$matched"));
    found.quote_style = Some('"');
    found
}

impl Clause<'_> {
    fn query(&self, table: &TableFactor, mut pattern: Written) -> Option<Query> {
        let skip = match self.skip {
            None | Some(AfterMatchSkip::PastLastRow) => "past".to_owned(),
            Some(AfterMatchSkip::ToNextRow) => "next".to_owned(),
            Some(AfterMatchSkip::ToFirst(symbol)) => {
                format!("first {}", pattern.number(&symbol.value))
            }
            Some(AfterMatchSkip::ToLast(symbol)) => {
                format!("last {}", pattern.number(&symbol.value))
            }
        };
        let rows = match self.rows {
            Rows::OnePerMatch => "empty",
            Rows::All { empty, unmatched } => match (empty, unmatched) {
                (_, true) => "empty unmatched",
                (true, false) => "empty",
                (false, false) => "omit",
            },
        };
        let mut measures = Measures::new(&pattern.symbols, self);
        let given = self
            .measures
            .iter()
            .map(|measure| Some((measures.value(&measure.expr)?, measure.alias.clone())))
            .collect::<Option<Vec<_>>>()?;
        let request = format!(
            "{skip}\n{rows}\n{}\n{}",
            pattern.text,
            pattern.symbols.join("\n")
        );
        let mut pieces = Pieces::default();
        let places = self.places(&pattern.symbols, &mut pieces)?;
        let text = self.text(&places, &request, &measures, &given, &mut pieces);
        let mut query = template_query(&text)?;
        pieces.table = Some(table.clone());
        let _ = crate::walk_mut(&mut query, &mut pieces);
        Some(query)
    }

    /// What the innermost query adds to the table: keys, symbols and the rows' numbers.
    fn places(&self, symbols: &[String], pieces: &mut Pieces) -> Option<Vec<String>> {
        let mut items = Vec::new();
        for (number, key) in self.partition_by.iter().enumerate() {
            items.push(format!("{} AS \"$P{number}\"", pieces.add(key.clone())));
        }
        let number = Expr::Function(crate::normalise::function("ROW_NUMBER", Vec::new()));
        let mut number = vec![number];
        self.give_windows(&mut number)?;
        items.extend(
            number
                .into_iter()
                .map(|number| format!("{} AS \"$R\"", pieces.add(number))),
        );
        for (position, symbol) in symbols.iter().enumerate() {
            let defined = self.definitions.iter().find(|d| d.symbol.value == *symbol);
            let mut condition = vec![match defined {
                Some(definition) => definition.definition.clone(),
                None => Expr::value(Value::Boolean(true)),
            }];
            let names_symbol = measures::symbol_of(&condition, symbols).ok()?.is_some();
            if names_symbol {
                return None;
            }
            self.give_windows(&mut condition)?;
            for condition in condition {
                items.push(format!("{} AS \"$D{position}\"", pieces.add(condition)));
            }
        }
        Some(items)
    }

    /// Gives the window functions of a condition the window of the clause.
    fn give_windows(&self, condition: &mut Vec<Expr>) -> Option<()> {
        struct Giver<'a> {
            clause: &'a Clause<'a>,
        }
        impl VisitorMut for Giver<'_> {
            type Break = ();

            fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
                let Expr::Function(function) = expr else {
                    return ControlFlow::Continue(());
                };
                let name = dotted(&function.name);
                match &mut function.over {
                    Some(WindowType::WindowSpec(spec)) => {
                        if !spec.partition_by.is_empty() || !spec.order_by.is_empty() {
                            return ControlFlow::Break(());
                        }
                        spec.partition_by = self.clause.partition_by.to_vec();
                        spec.order_by = self.clause.order_by.to_vec();
                    }
                    Some(WindowType::NamedWindow(_)) => return ControlFlow::Break(()),
                    None => {
                        let called = match name.as_str() {
                            "LAG" | "PREV" => "LAG",
                            "LEAD" | "NEXT" => "LEAD",
                            "ROW_NUMBER" => "ROW_NUMBER",
                            "FIRST"
                            | "LAST"
                            | "CLASSIFIER"
                            | "MATCH_NUMBER"
                            | "MATCH_SEQUENCE_NUMBER" => return ControlFlow::Break(()),
                            _ => return ControlFlow::Continue(()),
                        };
                        function.name = vec![Ident::new(called)].into();
                        function.over = Some(WindowType::WindowSpec(WindowSpec {
                            window_name: None,
                            partition_by: self.clause.partition_by.to_vec(),
                            order_by: self.clause.order_by.to_vec(),
                            window_frame: None,
                        }));
                    }
                }
                ControlFlow::Continue(())
            }
        }
        match crate::walk_mut(condition, &mut Giver { clause: self }) {
            ControlFlow::Continue(()) => Some(()),
            ControlFlow::Break(()) => None,
        }
    }

    /// The keys of a partition, as the queries above the innermost one name them.
    fn keys(&self) -> Vec<String> {
        (0..self.partition_by.len())
            .map(|number| format!("\"$P{number}\""))
            .collect()
    }

    fn text(
        &self,
        places: &[String],
        request: &str,
        measures: &Measures<'_>,
        given: &[(Expr, Ident)],
        pieces: &mut Pieces,
    ) -> String {
        let name = &self.name;
        let request = pieces.add(Expr::value(Value::SingleQuotedString(request.to_owned())));
        let symbols = places
            .iter()
            .filter(|item| item.contains("AS \"$D"))
            .count();
        let conditions: Vec<String> = (0..symbols).map(|at| format!(", \"$D{at}\"")).collect();
        let keys = self.keys();
        let partition = match keys.is_empty() {
            true => String::new(),
            false => format!("PARTITION BY {} ", keys.join(", ")),
        };
        let mut hidden: Vec<String> = keys.clone();
        hidden.extend((0..symbols).map(|at| format!("\"$D{at}\"")));
        hidden.extend(
            ["$R", "$M", "$MN", "$SQ", "$CL", "$N", "$X"].map(|name| format!("\"{name}\"")),
        );
        let mut counted = String::new();
        for (column, count) in measures.counts() {
            counted.push_str(&format!(", {} AS \"{column}\"", pieces.add(count)));
            hidden.push(format!("\"{column}\""));
        }
        let mut head: Vec<String> = match self.rows {
            Rows::All { .. } => vec![format!("* EXCLUDE ({})", hidden.join(", "))],
            Rows::OnePerMatch => keys
                .iter()
                .zip(self.partition_by)
                .map(|(key, expr)| format!("{key} AS {}", key_name(expr)))
                .collect(),
        };
        for (value, alias) in given {
            let alias = Ident::with_quote('"', &alias.value);
            head.push(format!("{} AS {alias}", pieces.add(value.clone())));
        }
        if head.is_empty() {
            // Neither keys nor measures: a row per match, of which nothing is known.
            head.push("\"$MN\"".to_owned());
        }
        let condition = match self.rows {
            Rows::OnePerMatch => "\"$SQ\" = \"$N\"",
            Rows::All { .. } => "COALESCE(\"$X\", TRUE)",
        };
        let (head, places, conditions) = (head.join(", "), places.join(", "), conditions.concat());
        format!(
            "SELECT * EXCLUDE (\"$KEPT\") FROM (SELECT {head}, {condition} AS \"$KEPT\" FROM (SELECT *{counted} FROM (SELECT {name}.*, \
             CAST(GET(\"$f\".VALUE, 0) AS INT) AS \"$MN\", CAST(GET(\"$f\".VALUE, 1) AS INT) AS \"$SQ\", \
             CAST(GET(\"$f\".VALUE, 2) AS VARCHAR) AS \"$CL\", CAST(GET(\"$f\".VALUE, 3) AS INT) AS \"$N\", \
             CAST(GET(\"$f\".VALUE, 4) AS BOOLEAN) AS \"$X\" FROM \
             (SELECT *, \"$row_pattern\"({request}{conditions}) OVER ({partition}ORDER BY \"$R\") AS \"$M\" \
             FROM (SELECT *, {places} FROM \"$table\") AS {name}) AS {name}, \
             LATERAL FLATTEN(INPUT => PARSE_JSON(\"$M\")) AS \"$f\") AS {name}) AS {name}) WHERE \"$KEPT\""
        )
    }
}

/// What a key of PARTITION BY is called in the result.
fn key_name(expr: &Expr) -> Ident {
    let name = match expr {
        Expr::Identifier(name) => name.value.clone(),
        Expr::CompoundIdentifier(parts) => parts
            .last()
            .map(|part| part.value.clone())
            .unwrap_or_default(),
        other => other.to_string(),
    };
    Ident::with_quote('"', name)
}

/// Expressions and the table, put into the query that is written as text.
#[derive(Default)]
struct Pieces {
    exprs: Vec<Expr>,
    table: Option<TableFactor>,
}

impl Pieces {
    /// The name that stands for an expression.
    fn add(&mut self, expr: Expr) -> String {
        self.exprs.push(expr);
        format!("\"$piece{}\"", self.exprs.len() - 1)
    }
}

impl VisitorMut for Pieces {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(name) = expr
            && let Some(number) = name.value.strip_prefix("$piece")
            && let Some(piece) = number.parse().ok().and_then(|at: usize| self.exprs.get(at))
        {
            *expr = piece.clone();
        }
        ControlFlow::Continue(())
    }

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table { name, .. } = factor
            && dotted(name) == "$table"
            && let Some(table) = self.table.take()
        {
            *factor = table;
        }
        ControlFlow::Continue(())
    }
}
