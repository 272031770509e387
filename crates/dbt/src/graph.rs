//! [`Edges`]: which node is made from which, by number; cycles.

use std::collections::HashMap;

/// Parents and children of nodes numbered from 0.
#[derive(Clone, Debug, Default)]
pub struct Edges {
    /// Unique ids by number.
    pub ids: Vec<String>,
    numbers: HashMap<String, usize>,
    parents: Vec<Vec<usize>>,
    children: Vec<Vec<usize>>,
}

impl Edges {
    /// The graph of `nodes`: each a unique id and the ids it depends on. Ids that are not among the
    /// nodes are left out.
    pub fn new<'n>(nodes: impl IntoIterator<Item = (&'n str, Vec<&'n str>)>) -> Self {
        let nodes: Vec<(&str, Vec<&str>)> = nodes.into_iter().collect();
        let mut edges = Self::default();
        for (id, _) in &nodes {
            edges.numbers.insert((*id).to_owned(), edges.ids.len());
            edges.ids.push((*id).to_owned());
        }
        edges.parents = vec![Vec::new(); nodes.len()];
        edges.children = vec![Vec::new(); nodes.len()];
        for (child, (_, depends_on)) in nodes.iter().enumerate() {
            for id in depends_on {
                let Some(parent) = edges.number(id) else {
                    continue;
                };
                if !edges.parents[child].contains(&parent) {
                    edges.parents[child].push(parent);
                    edges.children[parent].push(child);
                }
            }
        }
        edges
    }

    /// The number of a unique id.
    #[must_use]
    pub fn number(&self, id: &str) -> Option<usize> {
        self.numbers.get(id).copied()
    }

    /// The nodes `node` depends on.
    #[must_use]
    pub fn parents(&self, node: usize) -> &[usize] {
        self.parents.get(node).map_or(&[], Vec::as_slice)
    }

    /// The nodes that depend on `node`.
    #[must_use]
    pub fn children(&self, node: usize) -> &[usize] {
        self.children.get(node).map_or(&[], Vec::as_slice)
    }

    /// The nodes so that each comes after those it depends on, or the nodes of a cycle in the
    /// order of its edges.
    ///
    /// # Errors
    /// The unique ids of one cycle.
    pub fn sorted(&self) -> Result<Vec<usize>, Vec<String>> {
        let mut open: Vec<usize> = self.parents.iter().map(Vec::len).collect();
        let mut order: Vec<usize> = (0..open.len()).filter(|node| open[*node] == 0).collect();
        let mut at = 0;
        while let Some(&node) = order.get(at) {
            at += 1;
            for &child in self.children(node) {
                open[child] -= 1;
                if open[child] == 0 {
                    order.push(child);
                }
            }
        }
        if order.len() == open.len() {
            return Ok(order);
        }
        Err(self.cycle(&open))
    }

    /// Walks against the edges among nodes that never became free until one comes twice.
    fn cycle(&self, open: &[usize]) -> Vec<String> {
        let mut path: Vec<usize> = Vec::new();
        let mut next = open.iter().position(|count| *count > 0);
        while let Some(node) = next {
            if let Some(start) = path.iter().position(|seen| *seen == node) {
                let mut cycle: Vec<String> = path[start..]
                    .iter()
                    .rev()
                    .map(|node| self.ids[*node].clone())
                    .collect();
                cycle.extend(cycle.first().cloned());
                return cycle;
            }
            path.push(node);
            next = self
                .parents(node)
                .iter()
                .copied()
                .find(|parent| open[*parent] > 0);
        }
        Vec::new()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::Edges;

    #[test]
    fn order_and_cycles() {
        let edges = Edges::new([("c", vec!["b", "x"]), ("a", vec![]), ("b", vec!["a"])]);
        let order = edges.sorted().unwrap();
        let ids: Vec<&str> = order.iter().map(|node| edges.ids[*node].as_str()).collect();
        assert_eq!(ids, ["a", "b", "c"]);
        let edges = Edges::new([
            ("a", vec!["c"]),
            ("b", vec!["a"]),
            ("c", vec!["b"]),
            ("d", vec!["a"]),
        ]);
        assert_eq!(edges.sorted().unwrap_err(), ["b", "c", "a", "b"]);
    }
}
