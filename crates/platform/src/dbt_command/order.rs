//! [`Order`]: what a command works on, and what each node waits for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use dbt::load::Project;
use dbt::node::{Node, ResourceType};

/// The selected nodes in an order that fits their dependencies.
pub(super) struct Order {
    /// The nodes.
    pub nodes: Vec<Arc<Node>>,
    /// For each: those before it whose failure keeps it from being built.
    pub parents: Vec<BTreeSet<usize>>,
}

impl Order {
    /// The order of `ids`. With `tests_first` (`dbt build`), a node waits for the tests that judge
    /// only nodes it is made from.
    pub fn new(project: &Project, ids: &[String], tests_first: bool) -> Self {
        let edges = &project.manifest.edges;
        let mut order = Self {
            nodes: Vec::new(),
            parents: Vec::new(),
        };
        let mut steps: BTreeMap<usize, usize> = BTreeMap::new();
        for id in ids {
            if let (Some(node), Some(number)) = (project.manifest.nodes.get(id), edges.number(id)) {
                steps.insert(number, order.nodes.len());
                order.nodes.push(Arc::clone(node));
            }
        }
        order.parents = vec![BTreeSet::new(); order.nodes.len()];
        for (&number, &step) in &steps {
            let unit_test = order.nodes[step].unit_test.clone();
            let number = match &unit_test {
                // A unit test needs its model's inputs, and judges the model before it is built.
                Some(test) => edges.number(&test.tested).unwrap_or(number),
                None => number,
            };
            if unit_test.is_some()
                && tests_first
                && let Some(&model) = steps.get(&number)
            {
                order.parents[model].insert(step);
            }
            // What is not selected (or ephemeral) is not worked on, but what is behind it counts.
            let mut pending = edges.parents(number).to_vec();
            let mut seen = BTreeSet::new();
            while let Some(parent) = pending.pop() {
                if !seen.insert(parent) {
                    continue;
                }
                match steps.get(&parent) {
                    Some(&before) => {
                        order.parents[step].insert(before);
                    }
                    None => pending.extend(edges.parents(parent)),
                }
            }
        }
        if tests_first {
            order.wait_for_tests();
        }
        order
    }

    fn wait_for_tests(&mut self) {
        let is_test = |node: &Arc<Node>| node.resource_type == ResourceType::Test;
        // Selections come sorted, so ancestors are complete when their descendants are reached.
        let mut ancestors: Vec<BTreeSet<usize>> = Vec::with_capacity(self.nodes.len());
        for parents in &self.parents {
            let mut all = parents.clone();
            for &parent in parents {
                if let Some(further) = ancestors.get(parent) {
                    all.extend(further);
                }
            }
            ancestors.push(all);
        }
        let tests: Vec<usize> = (0..self.nodes.len())
            .filter(|&step| is_test(&self.nodes[step]))
            .collect();
        for (step, ancestors) in ancestors.iter().enumerate() {
            if is_test(&self.nodes[step]) {
                continue;
            }
            let before: Vec<usize> = tests
                .iter()
                .copied()
                .filter(|&test| {
                    let judged = &self.parents[test];
                    !judged.is_empty() && judged.is_subset(ancestors)
                })
                .collect();
            self.parents[step].extend(before);
        }
    }
}
