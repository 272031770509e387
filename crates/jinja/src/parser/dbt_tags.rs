//! dbt's own tags: materialization, test, snapshot, docs. Each defines a macro under dbt's name.

use std::sync::Arc;

use diagnostic::Result;

use super::Parser;
use super::block::Head;
use crate::Value;
use crate::ast::{Expr, ExprKind, MacroKind, Span, StmtKind};

impl Parser<'_> {
    /// `{% materialization name, adapter='duckdb', supported_languages=['sql'] %}` or `, default`
    pub(super) fn materialization(&mut self, start: Span) -> Result<StmtKind> {
        let outer = std::mem::take(&mut self.seen);
        let (label, name_span) = self.identifier("the name of a materialization")?;
        let mut adapter: Arc<str> = Arc::from("default");
        let mut languages: Vec<Arc<str>> = vec![Arc::from("sql")];
        while self.eat_op(",") {
            let (option, span) =
                self.identifier("`default`, `adapter` or `supported_languages`")?;
            match &*option {
                "default" => adapter = Arc::from("default"),
                "adapter" => {
                    self.expect_op("=")?;
                    let value = self.expression()?;
                    adapter = self.text_of(&value)?;
                }
                "supported_languages" => {
                    self.expect_op("=")?;
                    let value = self.expression()?;
                    languages = self.texts_of(&value)?;
                }
                _ => {
                    return Err(self
                        .fail(span, format!("a materialization has no option `{option}`"))
                        .suggest(&option, ["default", "adapter", "supported_languages"]));
                }
            }
        }
        let head = Head {
            kind: MacroKind::Materialization,
            tag: "materialization",
            name: format!("materialization_{label}_{adapter}").into(),
            label,
            name_span,
            parameters: Vec::new(),
            adapter: Some(adapter),
            languages,
            start,
        };
        self.define(head, outer, &["endmaterialization"])
    }

    pub(super) fn test_block(&mut self, start: Span) -> Result<StmtKind> {
        let outer = std::mem::take(&mut self.seen);
        let (label, name_span) = self.identifier("the name of a test")?;
        let parameters = self.signature()?;
        let name = format!("test_{label}").into();
        let head = plain(MacroKind::Test, "test", name, label, name_span, start);
        self.define(
            Head { parameters, ..head },
            outer,
            &["enddata_test", "endtest"],
        )
    }

    pub(super) fn snapshot(&mut self, start: Span) -> Result<StmtKind> {
        let outer = std::mem::take(&mut self.seen);
        let (label, name_span) = self.identifier("the name of a snapshot")?;
        let name = format!("snapshot_{label}").into();
        let head = plain(
            MacroKind::Snapshot,
            "snapshot",
            name,
            label,
            name_span,
            start,
        );
        self.define(head, outer, &["endsnapshot"])
    }

    pub(super) fn docs(&mut self, start: Span) -> Result<StmtKind> {
        let outer = std::mem::take(&mut self.seen);
        let (label, name_span) = self.identifier("the name of a docs block")?;
        let head = plain(
            MacroKind::Docs,
            "docs",
            Arc::clone(&label),
            label,
            name_span,
            start,
        );
        self.define(head, outer, &["enddocs"])
    }

    fn text_of(&self, value: &Expr) -> Result<Arc<str>> {
        match &value.kind {
            ExprKind::Literal(Value::Str(text)) => Ok(Arc::clone(text)),
            _ => Err(self.fail(value.span, "this has to be a string")),
        }
    }

    fn texts_of(&self, value: &Expr) -> Result<Vec<Arc<str>>> {
        match &value.kind {
            ExprKind::List(items) | ExprKind::Tuple(items) => {
                items.iter().map(|item| self.text_of(item)).collect()
            }
            _ => Err(self.fail(value.span, "this has to be a list of strings")),
        }
    }
}

fn plain(
    kind: MacroKind,
    tag: &'static str,
    name: Arc<str>,
    label: Arc<str>,
    name_span: Span,
    start: Span,
) -> Head {
    Head {
        kind,
        tag,
        name,
        label,
        name_span,
        parameters: Vec::new(),
        adapter: None,
        languages: Vec::new(),
        start,
    }
}
