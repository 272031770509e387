//! `on-run-start` and `on-run-end` as nodes.

use diagnostic::{Error, Result, Source};
use serde_json::Map;

use super::Parser;
use super::draft::{self, Layers};
use super::files;
use crate::node::{Node, ResourceType};
use crate::project::file::ProjectFile;

impl Parser<'_> {
    /// The hooks of every package.
    pub(super) fn hooks(&self, packages: &[&ProjectFile], errors: &mut Vec<Error>) -> Vec<Node> {
        let mut nodes = Vec::new();
        for package in packages {
            let kinds = [
                ("on-run-start", &package.on_run_start),
                ("on-run-end", &package.on_run_end),
            ];
            for (kind, statements) in kinds {
                for (index, statement) in statements.iter().enumerate() {
                    match self.hook(package, kind, index, statement) {
                        Ok(node) => nodes.push(node),
                        Err(error) => errors.push(error),
                    }
                }
            }
        }
        nodes
    }

    fn hook(&self, package: &ProjectFile, kind: &str, index: usize, sql: &str) -> Result<Node> {
        let name = format!("{}-{kind}-{index}", package.name);
        let fqn = vec![package.name.clone(), "hooks".to_owned(), name.clone()];
        let project = self.project;
        let mut node = draft::blank(project, ResourceType::Operation, &package.name, &name, fqn);
        node.path = format!("hooks/{name}.sql");
        node.original_file_path = "./dbt_project.yml".to_owned();
        node.raw_code = sql.to_owned();
        node.checksum = files::code_checksum(&package.source.text);
        node.index = Some(index);
        node.own_tags = vec![kind.to_owned()];
        let layers = Layers::new(
            project,
            package,
            ResourceType::Operation,
            &node.fqn,
            Map::new(),
        );
        let source = Source::new(format!("{} ({kind})", package.source.name), sql);
        draft::complete(project, &mut node, &source, &layers)?;
        Ok(node)
    }
}
