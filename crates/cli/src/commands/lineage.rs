//! `sluice lineage ASSET`: what an asset comes from and what depends on it, as trees.

use std::collections::BTreeSet;

use asset::{AssetGraph, AssetKey, AssetSpec};
use clap::{Args, ValueEnum};
use diagnostic::{Error, Result, codes};
use serde_json::json;

use crate::arguments::Globals;
use crate::commands::watch::runtime;
use crate::commands::{Exit, column_lineage, open_platform};
use crate::output;

/// Which asset.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The asset: its key, or the last part of it; with `.COLUMN` behind it, one of its columns
    pub asset: String,
    /// How to write it
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// How to write it.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum Format {
    /// Trees
    #[default]
    Tree,
    /// One JSON object
    Json,
}

/// Shows the lineage.
pub fn lineage(globals: &Globals, arguments: &Arguments) -> Result<Exit> {
    let platform = open_platform(globals)?;
    let graph = platform.graph()?;
    let missing = match find(&graph, &arguments.asset) {
        Ok(spec) => {
            write_lineage(&graph, spec, arguments.format)?;
            return Ok(Exit::Done);
        }
        Err(missing) => missing,
    };
    let (asset, column) = match arguments.asset.rsplit_once('.') {
        Some((asset, column)) if platform.dbt_folder().is_ok() => (find(&graph, asset), column),
        _ => return Err(missing),
    };
    // Whoever names no asset with the column in front wanted an asset.
    let Ok(asset) = asset else {
        return Err(missing);
    };
    let columns = runtime()?.block_on(platform.column_lineage())?;
    column_lineage::write(&columns, asset, column, arguments.format)?;
    Ok(Exit::Done)
}

/// The one asset called `name`: by its whole key or its last part, without regard to case.
pub fn find<'g>(graph: &'g AssetGraph, name: &str) -> Result<&'g AssetSpec> {
    let wanted = name.replace('.', "/");
    let same = |text: &str| text.eq_ignore_ascii_case(&wanted);
    if let Some(spec) = graph.specs().iter().find(|spec| same(spec.key.as_str())) {
        return Ok(spec);
    }
    let ending = format!("/{}", wanted.to_lowercase());
    let ends = |spec: &&AssetSpec| spec.key.as_str().to_lowercase().ends_with(&ending);
    let found: Vec<&AssetSpec> = graph.specs().iter().filter(ends).collect();
    match found.as_slice() {
        [spec] => Ok(spec),
        [] => {
            let names = graph
                .specs()
                .iter()
                .flat_map(|spec| [spec.key.as_str(), spec.key.name()]);
            Err(
                Error::new(codes::O1002, format!("No asset is called `{name}`"))
                    .suggest(name, names),
            )
        }
        several => {
            let keys: Vec<&str> = several.iter().map(|spec| spec.key.as_str()).collect();
            Err(
                Error::new(codes::O1002, format!("Several assets are called `{name}`"))
                    .with("candidates", keys.join(", "))
                    .help("use the whole key"),
            )
        }
    }
}

/// Writes what `spec` comes from and what depends on it to stdout.
pub fn write_lineage(graph: &AssetGraph, spec: &AssetSpec, format: Format) -> Result<()> {
    match format {
        Format::Json => {
            let keys = |specs: Vec<&AssetSpec>| -> Vec<AssetKey> {
                specs.into_iter().map(|spec| spec.key.clone()).collect()
            };
            let value = json!({
                "asset": spec.key,
                "kind": spec.kind,
                "upstream": keys(graph.ancestors(&spec.key).collect()),
                "downstream": keys(graph.descendants(&spec.key).collect()),
            });
            output::line(&value.to_string())
        }
        Format::Tree => {
            let up = Tree {
                graph,
                next: |graph, key| graph.upstream(key).collect(),
            };
            let down = Tree {
                graph,
                next: |graph, key| graph.downstream(key).collect(),
            };
            output::line(&format!("{} ({})", spec.key, spec.kind))?;
            output::line(&up.titled("comes from", spec))?;
            output::line(&down.titled("feeds", spec))
        }
    }
}

/// Walks one way through the graph.
struct Tree<'g> {
    graph: &'g AssetGraph,
    next: fn(&'g AssetGraph, &AssetKey) -> Vec<&'g AssetSpec>,
}

impl<'g> Tree<'g> {
    fn titled(&self, title: &str, root: &AssetSpec) -> String {
        let mut text = format!("\n{title}");
        let mut seen = BTreeSet::new();
        self.branch(&root.key, "", &mut seen, &mut text);
        if seen.is_empty() {
            text.push_str("\n  nothing");
        }
        text
    }

    /// A part of the graph that was shown before is named again, but not repeated.
    fn branch(
        &self,
        key: &AssetKey,
        indent: &str,
        seen: &mut BTreeSet<&'g AssetKey>,
        text: &mut String,
    ) {
        let nodes = (self.next)(self.graph, key);
        for (at, spec) in nodes.iter().enumerate() {
            let last = at + 1 == nodes.len();
            let (corner, below) = if last {
                ("└─ ", "   ")
            } else {
                ("├─ ", "│  ")
            };
            let first_time = seen.insert(&spec.key);
            let more = !first_time && !(self.next)(self.graph, &spec.key).is_empty();
            let mark = if more { " …" } else { "" };
            text.push_str(&format!(
                "\n{indent}{corner}{} ({}){mark}",
                spec.key, spec.kind
            ));
            if first_time {
                self.branch(&spec.key, &format!("{indent}{below}"), seen, text);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use asset::{AssetGraph, AssetKey, AssetKind, AssetSpec};

    use super::{Tree, find};

    fn graph() -> AssetGraph {
        let spec = |key: &str, upstream: &[&str]| {
            AssetSpec::new(key.into(), AssetKind::Model, "x")
                .after(upstream.iter().map(|key| AssetKey::from(*key)))
        };
        AssetGraph::new(vec![
            spec("bronze/sales", &[]),
            spec("silver/sales", &["bronze/sales"]),
            spec("marts/dim_store", &["silver/sales"]),
            spec("marts/fact", &["silver/sales", "marts/dim_store"]),
        ])
        .unwrap()
    }

    #[test]
    fn draws_each_part_once() {
        let graph = graph();
        let tree = Tree {
            graph: &graph,
            next: |graph, key| graph.upstream(key).collect(),
        };
        assert_eq!(
            tree.titled("comes from", find(&graph, "fact").unwrap()),
            "\ncomes from\n├─ silver/sales (model)\n│  └─ bronze/sales (model)\n\
             └─ marts/dim_store (model)\n   └─ silver/sales (model) …"
        );
    }

    #[test]
    fn finds_one_asset_or_says_why_not() {
        let graph = graph();
        assert_eq!(
            find(&graph, "SILVER.SALES").unwrap().key.as_str(),
            "silver/sales"
        );
        let error = find(&graph, "sales").unwrap_err();
        assert_eq!(error.context()[0].1, "bronze/sales, silver/sales");
        assert_eq!(
            find(&graph, "facts").unwrap_err().remedy(),
            Some("a similar name exists: `fact`")
        );
    }
}
