//! `D`: dbt projects: nodes, references, configuration, artifacts.

codes! {
}
