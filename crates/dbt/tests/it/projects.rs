//! The project `shop`, which uses most of what dbt offers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dbt::adapter::{Adapter, ColumnInfo, RelationInfo, RelationName, Response};
use dbt::{Compiler, Flags, Project, SelectArguments};
use diagnostic::Result;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/projects")
        .join(name)
}

fn shop() -> Project {
    Project::load(&folder("shop"), Flags::default()).unwrap_or_else(|error| panic!("{error}"))
}

pub fn select(project: &Project, select: &[&str], exclude: &[&str]) -> Vec<String> {
    let strings = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
    let arguments = SelectArguments {
        select: strings(select),
        exclude: strings(exclude),
        ..SelectArguments::default()
    };
    let mut ids = project
        .select(&arguments, None)
        .unwrap_or_else(|error| panic!("{error}"));
    ids.sort();
    ids
}

/// An engine with one table.
pub struct Engine;

impl Adapter for Engine {
    fn execute(&self, _: &str, _: bool) -> Result<Response> {
        Ok(Response::default())
    }

    fn relation(&self, name: &RelationName) -> Result<Option<RelationInfo>> {
        let exists = name.identifier.eq_ignore_ascii_case("orders");
        Ok(exists.then(|| RelationInfo {
            name: name.clone(),
            kind: "table".to_owned(),
        }))
    }

    fn columns(&self, _: &RelationName) -> Result<Vec<ColumnInfo>> {
        Ok(Vec::new())
    }

    fn relations(&self, _: &str, _: &str) -> Result<Vec<RelationInfo>> {
        Ok(Vec::new())
    }

    fn schemas(&self, _: &str) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}

#[test]
fn parses_a_project() {
    let project = shop();
    let manifest = &project.manifest;
    let orders = &manifest.nodes["model.shop.fct_orders"];
    assert_eq!(
        orders.relation_name.as_deref(),
        Some("ANALYTICS.MARTS.orders")
    );
    assert_eq!(orders.tags(), ["all", "fact"]);
    assert_eq!(orders.description, "Orders that were paid.");
    assert_eq!(orders.depends_on.nodes, ["model.shop.eph_paid"]);
    assert!(
        orders
            .depends_on
            .macros
            .contains(&"macro.shop.cents".to_owned())
    );
    assert!(
        orders
            .depends_on
            .macros
            .contains(&"macro.dbt.is_incremental".to_owned())
    );
    assert_eq!(manifest.nodes["model.shop.stg_customers"].schema, "STAGING");
    assert_eq!(
        manifest.nodes["seed.shop.customers"]
            .relation_name
            .as_deref(),
        Some("ANALYTICS.RAW.customers")
    );
    assert_eq!(
        manifest.nodes["snapshot.shop.snap_customers"].schema,
        "snapshots"
    );
    assert_eq!(manifest.nodes["snapshot.shop.snap_orders"].schema, "DEV");
    assert_eq!(
        manifest.sources["source.shop.erp.orders"].relation_name,
        "ANALYTICS.raw_erp.ORDERS_V1"
    );
    assert!(manifest.disabled.contains_key("model.shop.off"));
    let test = manifest
        .nodes
        .values()
        .find(|n| n.name.starts_with("relationships_fct"))
        .unwrap();
    assert_eq!(
        test.depends_on.nodes,
        ["model.shop.stg_orders", "model.shop.fct_orders"]
    );
    assert_eq!(test.config.text("severity"), Some("warn"));
    assert_eq!(manifest.hooks("shop", false).len(), 1);
    assert_eq!(
        manifest.exposures["exposure.shop.weekly"]
            .depends_on
            .nodes
            .len(),
        2
    );
}

#[test]
fn selects() {
    let project = shop();
    let models =
        |list: &[&str]| -> Vec<String> { list.iter().map(|s| format!("model.shop.{s}")).collect() };
    let only = |ids: Vec<String>| -> Vec<String> {
        ids.into_iter()
            .filter(|id| id.starts_with("model."))
            .collect()
    };
    assert_eq!(
        only(select(&project, &["+fct_orders"], &[])),
        models(&["eph_paid", "fct_orders", "stg_orders"])
    );
    assert_eq!(
        only(select(&project, &["1+fct_orders"], &[])),
        models(&["eph_paid", "fct_orders"])
    );
    assert_eq!(
        only(select(&project, &["source:erp+"], &[])),
        models(&["dim_customers", "eph_paid", "fct_orders", "stg_orders"])
    );
    assert_eq!(
        only(select(&project, &["path:models/staging"], &["stg_orders"])),
        models(&["eph_paid", "stg_customers"])
    );
    assert_eq!(
        only(select(
            &project,
            &["config.materialized:table,tag:all"],
            &[]
        )),
        models(&["dim_customers"])
    );
    assert_eq!(
        only(select(&project, &["shop.marts.*"], &[])),
        models(&["dim_customers", "fct_orders"])
    );
    assert_eq!(
        only(select(&project, &["*.stg_*"], &[])),
        models(&["stg_customers", "stg_orders"])
    );
    assert_eq!(
        select(&project, &["test_type:singular"], &[]),
        ["test.shop.no_negative"]
    );
    let arguments = SelectArguments {
        selector: Some("nightly".to_owned()),
        ..SelectArguments::default()
    };
    assert!(
        project
            .select(&arguments, None)
            .unwrap()
            .contains(&"model.shop.stg_orders".to_owned())
    );
    let arguments = SelectArguments {
        select: vec!["tagg:x".to_owned()],
        ..SelectArguments::default()
    };
    assert!(
        project
            .select(&arguments, None)
            .unwrap_err()
            .to_string()
            .contains("similar name exists: `tag`")
    );
}

#[test]
fn compiles() {
    let project = shop();
    let compiler = Compiler::new(&project, Some(Arc::new(Engine))).without_files();
    let orders = compiler
        .compile("model.shop.fct_orders")
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        orders.sql,
        "\nwith __dbt__cte__eph_paid as (\n\nselect * from ANALYTICS.STAGING.stg_orders where amount > 0\n) \
         select order_id, amount, country, (amount * 100)::number as cents\nfrom __dbt__cte__eph_paid\n\n\
         where order_id > (select max(order_id) from ANALYTICS.MARTS.orders)\n"
    );
    let end = project.manifest.hooks(&project.context.root.name, true)[0].clone();
    assert_eq!(compiler.compile_hook(&end, &[]).unwrap(), "select 'end'");
    assert_eq!(compiler.hooks(&orders, "pre-hook").unwrap(), ["select 1"]);
    for node in project.manifest.nodes.values() {
        compiler
            .compile(&node.unique_id)
            .unwrap_or_else(|error| panic!("{error}"));
    }
    let test = project
        .manifest
        .nodes
        .values()
        .find(|n| n.name.starts_with("positive"))
        .unwrap();
    let test = compiler.compile(&test.unique_id).unwrap();
    assert!(
        test.sql.contains(
            "(select * from ANALYTICS.MARTS.dim_customers where amount is not null) dbt_subquery"
        ),
        "{}",
        test.sql
    );
}

#[test]
fn writes_a_manifest() {
    let project = shop();
    let json = dbt::manifest::manifest_json(&project.manifest, &project.context);
    assert_eq!(
        json["metadata"]["dbt_schema_version"],
        "https://schemas.getdbt.com/dbt/manifest/v12.json"
    );
    assert_eq!(
        json["child_map"]["source.shop.erp.orders"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
    assert!(
        json["macros"]["macro.dbt.test_unique"]["macro_sql"]
            .as_str()
            .unwrap()
            .starts_with("{% test unique")
    );
}
