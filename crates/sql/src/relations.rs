//! Which relations a statement names, and whether it reads or writes them.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use sqlparser::ast::{FromTable, ObjectName, Query, Statement, TableFactor, TableObject, Visitor};

use crate::recursive::names_itself;
use crate::scope::dotted;

/// What a statement does with a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// Its rows are read.
    Read,
    /// It is created, changed or dropped.
    Write,
}

/// A relation that a statement names. The parts of the name carry their spans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The name as written, folded.
    pub name: ObjectName,
    /// What happens to it.
    pub used: Use,
}

/// The relations that `statement` reads or writes, each once, without the names its WITH clauses define.
#[must_use]
pub fn relations(statement: &Statement) -> Vec<ObjectName> {
    let mut names: Vec<ObjectName> = Vec::new();
    for usage in usages(statement) {
        if !names.contains(&usage.name) {
            names.push(usage.name);
        }
    }
    names
}

/// Like [`relations`], with what happens to each. A target that the statement also reads from another
/// place of itself is listed twice.
#[must_use]
pub fn usages(statement: &Statement) -> Vec<Usage> {
    let mut finder = Finder::default();
    for name in written(statement) {
        finder.add(name, Use::Write);
    }
    let skipped = target(statement);
    finder.target = skipped.map(std::ptr::from_ref);
    let _ = crate::walk(statement, &mut finder);
    finder.found
}

/// The factor that names what UPDATE, DELETE or MERGE changes.
fn target(statement: &Statement) -> Option<&TableFactor> {
    match statement {
        Statement::Update(update) => Some(&update.table.relation),
        Statement::Merge(merge) => Some(&merge.table),
        Statement::Delete(delete) => match &delete.from {
            FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables) => {
                tables.first().map(|table| &table.relation)
            }
        },
        _ => None,
    }
}

fn written(statement: &Statement) -> Vec<&ObjectName> {
    match statement {
        Statement::Insert(insert) => match &insert.table {
            TableObject::TableName(name) => vec![name],
            _ => Vec::new(),
        },
        Statement::CreateTable(table) => vec![&table.name],
        Statement::CreateView(view) => vec![&view.name],
        Statement::Drop { names, .. } => names.iter().collect(),
        Statement::Truncate(truncate) => truncate.table_names.iter().map(|t| &t.name).collect(),
        Statement::AlterTable(alter) => vec![&alter.name],
        Statement::AlterView { name, .. } => vec![name],
        Statement::CopyIntoSnowflake { into, .. } => vec![into],
        other => match target(other) {
            Some(TableFactor::Table { name, .. }) => vec![name],
            _ => Vec::new(),
        },
    }
}

/// The WITH clause of one query: a name is visible from its own definition on.
#[derive(Default)]
struct Frame {
    waiting: VecDeque<String>,
    visible: Vec<String>,
}

#[derive(Default)]
struct Finder {
    found: Vec<Usage>,
    frames: Vec<Frame>,
    target: Option<*const TableFactor>,
}

impl Finder {
    fn add(&mut self, name: &ObjectName, used: Use) {
        let usage = Usage {
            name: name.clone(),
            used,
        };
        if !self.found.contains(&usage) {
            self.found.push(usage);
        }
    }

    fn defines(&self, name: &ObjectName) -> bool {
        name.0.len() == 1 && {
            let name = dotted(name);
            self.frames
                .iter()
                .any(|frame| frame.visible.contains(&name))
        }
    }
}

impl Visitor for Finder {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let mut frame = Frame::default();
        if let Some(with) = &query.with {
            let names = with
                .cte_tables
                .iter()
                .map(|cte| cte.alias.name.value.clone());
            frame.waiting = names.collect();
            if with.recursive {
                let own = with.cte_tables.iter().filter(|table| names_itself(table));
                frame.visible = own.map(|table| table.alias.name.value.clone()).collect();
            }
        }
        self.frames.push(frame);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.frames.pop();
        // The queries of a WITH clause come first and in order: the one that ended defines the next name.
        if let Some(frame) = self.frames.last_mut()
            && let Some(name) = frame.waiting.pop_front()
        {
            frame.visible.push(name);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        let is_target = self.target == Some(std::ptr::from_ref(factor));
        if let TableFactor::Table { name, .. } = factor
            && !is_target
            && !self.defines(name)
        {
            self.add(name, Use::Read);
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use diagnostic::Source;

    fn names(text: &str) -> Vec<String> {
        let statements = crate::parse_script(&Source::new("t", text)).unwrap();
        let usages = super::usages(&statements[0].ast);
        usages
            .iter()
            .map(|u| format!("{:?} {}", u.used, u.name))
            .collect()
    }

    #[test]
    fn leaves_out_names_of_with_clauses() {
        assert_eq!(
            names("with a as (select * from x.orders) select * from a join \"lower\" using (id)"),
            ["Read X.ORDERS", "Read \"lower\""]
        );
    }

    #[test]
    fn a_with_clause_may_shadow_the_table_it_reads() {
        assert_eq!(
            names("with orders as (select * from orders) select * from orders"),
            ["Read ORDERS"]
        );
        assert_eq!(
            names("select * from (with b as (select 1) select * from b) join b on true"),
            ["Read B"]
        );
    }

    #[test]
    fn tells_reads_from_writes() {
        assert_eq!(
            names("update t set a = s.a from s where t.id = s.id and t.x in (select x from t)"),
            ["Write T", "Read S", "Read T"]
        );
        assert_eq!(
            names("create table db.s.t as select * from u"),
            ["Write DB.S.T", "Read U"]
        );
    }
}
