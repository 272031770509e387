//! dbt's node selection grammar, for any graph: `tag:nightly,+orders+2 --exclude test_type:unit`.
//!
//! A selection is parsed into an [`Expression`] ([`parse`], or `selectors.yml` by [`file`]) and
//! evaluated against anything that implements [`Graph`]. The methods (`tag:`, `path:`, …) belong to
//! the graph; operators, sets and indirect selection of tests live here. Nothing in this module
//! knows dbt nodes.

mod evaluate;
pub mod file;
mod parse;
mod pattern;

pub use evaluate::{Graph, Selection, evaluate};
pub use parse::{DEFAULT_METHODS, parse, parse_one};
pub use pattern::{matches_path, matches_pattern};

/// How tests of selected nodes come along.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IndirectSelection {
    /// Every test that touches a selected node.
    #[default]
    Eager,
    /// Tests whose nodes are all selected.
    Cautious,
    /// Tests whose nodes are all selected or ancestors of selected ones.
    Buildable,
    /// None.
    Empty,
}

impl IndirectSelection {
    /// The mode called `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "eager" => Some(Self::Eager),
            "cautious" => Some(Self::Cautious),
            "buildable" => Some(Self::Buildable),
            "empty" => Some(Self::Empty),
            _ => None,
        }
    }
}

/// How far `+` reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// To the end.
    All,
    /// So many edges.
    Edges(usize),
}

/// One `method.arguments:value` with its graph operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Criterion {
    /// As the user wrote it.
    pub raw: String,
    /// `fqn`, `tag`, `path`, …
    pub method: String,
    /// What follows the method after dots: `config.materialized` has one.
    pub arguments: Vec<String>,
    /// What to look for.
    pub value: String,
    /// `@`: descendants and all their ancestors.
    pub childrens_parents: bool,
    /// `+` in front.
    pub parents: Option<Depth>,
    /// `+` behind.
    pub children: Option<Depth>,
    /// A mode of its own, from `selectors.yml`.
    pub indirect: Option<IndirectSelection>,
}

/// A selection: criteria combined as sets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// The nodes of one criterion.
    Criterion(Criterion),
    /// The nodes of any.
    Union(Vec<Expression>),
    /// The nodes of all.
    Intersection(Vec<Expression>),
    /// The nodes of the first without those of the second.
    Difference(Box<Expression>, Box<Expression>),
}

impl Expression {
    /// Every criterion in it, in the order it was written.
    pub fn criteria(&self) -> Vec<&Criterion> {
        match self {
            Self::Criterion(criterion) => vec![criterion],
            Self::Union(parts) | Self::Intersection(parts) => {
                parts.iter().flat_map(Self::criteria).collect()
            }
            Self::Difference(include, exclude) => {
                let mut all = include.criteria();
                all.extend(exclude.criteria());
                all
            }
        }
    }
}
