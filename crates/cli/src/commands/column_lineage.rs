//! `sluice lineage ASSET.COLUMN`: which columns a column comes from and which come from it, as trees.

use std::collections::BTreeSet;

use asset::AssetSpec;
use diagnostic::{Error, Result, codes};
use platform::{ColumnGraph, ColumnKey};
use serde_json::json;

use super::lineage::Format;
use crate::output;

/// Writes the lineage of `column` of `asset` to stdout.
pub fn write(graph: &ColumnGraph, asset: &AssetSpec, column: &str, format: Format) -> Result<()> {
    let key = find(graph, asset, column)?;
    match format {
        Format::Json => {
            let names = |keys: BTreeSet<&ColumnKey>| -> Vec<_> {
                let keys = keys.into_iter();
                keys.map(|key| json!({ "asset": key.asset, "column": key.column }))
                    .collect()
            };
            let value = json!({
                "asset": key.asset,
                "column": key.column,
                "upstream": names(reached(&key, &|key| graph.upstream(key).collect())),
                "downstream": names(reached(&key, &|key| graph.downstream(key).collect())),
            });
            output::line(&value.to_string())
        }
        Format::Tree => {
            output::line(&key.to_string())?;
            output::line(&tree("comes from", &key, &|key| {
                graph.upstream(key).collect()
            }))?;
            output::line(&tree("feeds", &key, &|key| graph.downstream(key).collect()))
        }
    }
}

fn find(graph: &ColumnGraph, asset: &AssetSpec, column: &str) -> Result<ColumnKey> {
    let columns = graph.columns(asset.key.as_str());
    let exact = columns.iter().find(|name| **name == column);
    let found = exact.or_else(|| {
        columns
            .iter()
            .find(|name| name.eq_ignore_ascii_case(column))
    });
    match found {
        Some(found) => Ok(ColumnKey {
            asset: asset.key.to_string(),
            column: (*found).to_owned(),
        }),
        None => Err(Error::new(
            codes::O1002,
            format!(
                "No column of `{}` is called `{column}`, as far as statements tell",
                asset.key
            ),
        )
        .suggest(&column.to_uppercase(), columns)),
    }
}

/// The columns one step further.
type Next<'n, 'g> = &'n dyn Fn(&'g ColumnKey) -> Vec<&'g ColumnKey>;

fn reached<'g>(from: &'g ColumnKey, next: Next<'_, 'g>) -> BTreeSet<&'g ColumnKey> {
    let (mut found, mut pending) = (BTreeSet::new(), next(from));
    while let Some(key) = pending.pop() {
        if found.insert(key) {
            pending.extend(next(key));
        }
    }
    found
}

fn tree<'g>(title: &str, from: &'g ColumnKey, next: Next<'_, 'g>) -> String {
    let mut text = format!("\n{title}");
    let mut seen = BTreeSet::new();
    branch(from, next, "", &mut seen, &mut text);
    if seen.is_empty() {
        text.push_str("\n  nothing");
    }
    text
}

/// A part that was shown before is named again, but not repeated.
fn branch<'g>(
    from: &'g ColumnKey,
    next: Next<'_, 'g>,
    indent: &str,
    seen: &mut BTreeSet<&'g ColumnKey>,
    text: &mut String,
) {
    let keys = next(from);
    for (at, key) in keys.iter().enumerate() {
        let (corner, below) = match at + 1 == keys.len() {
            true => ("└─ ", "   "),
            false => ("├─ ", "│  "),
        };
        let first_time = seen.insert(key);
        let mark = if first_time || next(key).is_empty() {
            ""
        } else {
            " …"
        };
        text.push_str(&format!("\n{indent}{corner}{key}{mark}"));
        if first_time {
            branch(key, next, &format!("{indent}{below}"), seen, text);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;

    use asset::{AssetKind, AssetSpec};
    use platform::{ColumnGraph, ColumnKey};

    use super::{find, reached, tree};

    fn key(asset: &str, column: &str) -> ColumnKey {
        ColumnKey {
            asset: asset.to_owned(),
            column: column.to_owned(),
        }
    }

    fn graph() -> ColumnGraph {
        let mut graph = ColumnGraph::default();
        for (column, origins) in [
            (key("stg/o", "AMOUNT"), vec![key("raw/o", "AMT")]),
            (
                key("marts/f", "TOTAL"),
                vec![key("stg/o", "AMOUNT"), key("stg/o", "TAX")],
            ),
        ] {
            graph.origins.insert(column, BTreeSet::from_iter(origins));
        }
        graph
    }

    #[test]
    fn goes_up_and_down() {
        let graph = graph();
        let total = key("marts/f", "TOTAL");
        assert_eq!(
            tree("comes from", &total, &|key| graph.upstream(key).collect()),
            "\ncomes from\n├─ stg/o.AMOUNT\n│  └─ raw/o.AMT\n└─ stg/o.TAX"
        );
        let amount = key("raw/o", "AMT");
        let fed = reached(&amount, &|key| graph.downstream(key).collect());
        assert_eq!(Vec::from_iter(fed), [&total, &key("stg/o", "AMOUNT")]);
    }

    #[test]
    fn finds_columns_without_regard_to_case() {
        let asset = AssetSpec::new("marts/f".into(), AssetKind::Model, "marts");
        assert_eq!(find(&graph(), &asset, "total").unwrap().column, "TOTAL");
        let error = find(&graph(), &asset, "totl").unwrap_err();
        assert_eq!(error.remedy(), Some("a similar name exists: `TOTAL`"));
    }
}
