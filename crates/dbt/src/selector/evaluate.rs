//! Which nodes of a [`Graph`] an [`Expression`] means.

use std::collections::{BTreeSet, VecDeque};

use diagnostic::Result;

use super::{Criterion, Depth, Expression, IndirectSelection};

/// What can be selected from: nodes numbered from 0, with edges.
pub trait Graph {
    /// The nodes a node is made from.
    fn parents(&self, node: usize) -> &[usize];

    /// The nodes made from a node.
    fn children(&self, node: usize) -> &[usize];

    /// The nodes for which `criterion`'s method holds, without its graph operators.
    ///
    /// # Errors
    /// For a method the graph does not know, or one whose input is missing.
    fn find(&self, criterion: &Criterion) -> Result<Vec<usize>>;

    /// Whether the node is a test: it comes along when what it tests is selected.
    fn is_test(&self, _node: usize) -> bool {
        false
    }

    /// Whether a node is an input that needs no building, so that `buildable` may count on it.
    fn is_input(&self, _node: usize) -> bool {
        false
    }
}

type Set = BTreeSet<usize>;

/// The outcome of a selection.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The nodes.
    pub nodes: BTreeSet<usize>,
    /// Criteria that matched nothing, as the user wrote them: worth a warning.
    pub unmatched: Vec<String>,
}

/// Evaluates `expression` on `graph`; `indirect` says how tests come along.
///
/// # Errors
/// Those of [`Graph::find`].
pub fn evaluate(
    expression: &Expression,
    graph: &dyn Graph,
    indirect: IndirectSelection,
) -> Result<Selection> {
    let mut walk = Walk {
        graph,
        indirect,
        unmatched: Vec::new(),
    };
    let (mut direct, maybe) = walk.expression(expression)?;
    let reachable = walk.buildable(&direct);
    for test in maybe {
        // Tests left aside by one criterion come in if others selected the rest of their nodes.
        let complete = |set: &Set| {
            graph
                .parents(test)
                .iter()
                .all(|parent| set.contains(parent))
        };
        let take = match indirect {
            IndirectSelection::Cautious => complete(&direct),
            IndirectSelection::Buildable => complete(&reachable),
            IndirectSelection::Eager | IndirectSelection::Empty => false,
        };
        if take {
            direct.insert(test);
        }
    }
    Ok(Selection {
        nodes: direct,
        unmatched: walk.unmatched,
    })
}

struct Walk<'g> {
    graph: &'g dyn Graph,
    indirect: IndirectSelection,
    unmatched: Vec<String>,
}

impl Walk<'_> {
    /// The nodes selected, and the tests that may follow.
    fn expression(&mut self, expression: &Expression) -> Result<(Set, Set)> {
        match expression {
            Expression::Criterion(criterion) => self.criterion(criterion),
            Expression::Union(parts) => {
                let mut all = (Set::new(), Set::new());
                for part in parts {
                    let (direct, maybe) = self.expression(part)?;
                    all.0.extend(direct);
                    all.1.extend(maybe);
                }
                Ok(all)
            }
            Expression::Intersection(parts) => {
                let mut all: Option<(Set, Set)> = None;
                for part in parts {
                    let (direct, maybe) = self.expression(part)?;
                    all = Some(match all {
                        None => (direct, maybe),
                        Some((d, m)) => (&d & &direct, &m & &maybe),
                    });
                }
                Ok(all.unwrap_or_default())
            }
            Expression::Difference(include, exclude) => {
                let (direct, maybe) = self.expression(include)?;
                let (without, _) = self.expression(exclude)?;
                Ok((&direct - &without, &maybe - &without))
            }
        }
    }

    fn criterion(&mut self, criterion: &Criterion) -> Result<(Set, Set)> {
        let found: Set = self.graph.find(criterion)?.into_iter().collect();
        if found.is_empty() {
            self.unmatched.push(criterion.raw.clone());
        }
        let mut selected = found.clone();
        if criterion.childrens_parents {
            let mut family = self.reach(&found, Depth::All, |node| self.graph.children(node));
            family.extend(&found);
            selected.extend(self.reach(&family, Depth::All, |node| self.graph.parents(node)));
            selected.extend(family);
        }
        if let Some(depth) = criterion.parents {
            selected.extend(self.reach(&found, depth, |node| self.graph.parents(node)));
        }
        if let Some(depth) = criterion.children {
            selected.extend(self.reach(&found, depth, |node| self.graph.children(node)));
        }
        Ok(self.with_tests(selected, criterion.indirect.unwrap_or(self.indirect)))
    }

    fn with_tests(&self, selected: Set, indirect: IndirectSelection) -> (Set, Set) {
        let mut maybe = Set::new();
        if indirect == IndirectSelection::Empty {
            return (selected, maybe);
        }
        let reachable = match indirect {
            IndirectSelection::Buildable => self.buildable(&selected),
            _ => Set::new(),
        };
        let mut direct = selected.clone();
        let neighbours = selected.iter().flat_map(|node| self.graph.children(*node));
        for &test in neighbours.filter(|node| self.graph.is_test(**node)) {
            let parents = self.graph.parents(test);
            let within = |set: &Set| parents.iter().all(|parent| set.contains(parent));
            if indirect == IndirectSelection::Eager || within(&selected) || within(&reachable) {
                direct.insert(test);
            } else {
                maybe.insert(test);
            }
        }
        (direct, maybe)
    }

    /// The nodes, their ancestors and every input.
    fn buildable(&self, selected: &Set) -> Set {
        if selected.is_empty() {
            return Set::new();
        }
        let mut all = self.reach(selected, Depth::All, |node| self.graph.parents(node));
        all.extend(selected);
        let tests = selected.iter().flat_map(|node| self.graph.children(*node));
        let inputs = tests.flat_map(|test| self.graph.parents(*test));
        let inputs: Vec<usize> = inputs
            .copied()
            .filter(|node| self.graph.is_input(*node))
            .collect();
        all.extend(inputs);
        all
    }

    /// The nodes that `next` leads to within `depth` edges, without the start.
    fn reach<'e>(&self, from: &Set, depth: Depth, next: impl Fn(usize) -> &'e [usize]) -> Set {
        let limit = match depth {
            Depth::All => usize::MAX,
            Depth::Edges(edges) => edges,
        };
        let mut seen = Set::new();
        let mut queue: VecDeque<(usize, usize)> = from.iter().map(|node| (*node, 0)).collect();
        while let Some((node, distance)) = queue.pop_front() {
            if distance == limit {
                continue;
            }
            for &other in next(node) {
                if seen.insert(other) {
                    queue.push_back((other, distance + 1));
                }
            }
        }
        seen
    }
}
