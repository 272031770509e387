//! [`AssetGraph`]: what depends on what, in an order in which everything can be built.

use std::collections::{BTreeSet, HashMap, VecDeque};

use diagnostic::{Error, Result, codes};

use crate::{AssetKey, AssetSpec};

/// All assets of a project. Specs are stored in topological order, ties in the order given, so the
/// same project always builds in the same order.
#[derive(Clone, Debug)]
pub struct AssetGraph {
    specs: Vec<AssetSpec>,
    index: HashMap<AssetKey, usize>,
    upstream: Vec<Vec<usize>>,
    downstream: Vec<Vec<usize>>,
}

/// Which way to follow the edges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Upstream,
    Downstream,
}

impl AssetGraph {
    /// The graph of `specs`.
    ///
    /// # Errors
    /// `O1003` for a key or check that stands twice, `O1004` for an edge to nothing, `O1005` for a
    /// circle.
    pub fn new(specs: Vec<AssetSpec>) -> Result<Self> {
        let index = index_of(&specs)?;
        let upstream = edges_of(&specs, &index)?;
        let order = topological_order(&upstream).ok_or_else(|| circle(&specs, &upstream))?;

        let mut position = vec![0; specs.len()];
        for (to, &from) in order.iter().enumerate() {
            position[from] = to;
        }
        let mut sorted_upstream = vec![Vec::new(); specs.len()];
        let mut downstream = vec![Vec::new(); specs.len()];
        for (from, edges) in upstream.iter().enumerate() {
            for &edge in edges {
                sorted_upstream[position[from]].push(position[edge]);
                downstream[position[edge]].push(position[from]);
            }
        }
        for edges in downstream.iter_mut().chain(&mut sorted_upstream) {
            edges.sort_unstable();
        }
        let mut sorted: Vec<(usize, AssetSpec)> = position.iter().copied().zip(specs).collect();
        sorted.sort_by_key(|(place, _)| *place);
        let specs: Vec<AssetSpec> = sorted.into_iter().map(|(_, spec)| spec).collect();
        let index = specs
            .iter()
            .enumerate()
            .map(|(at, spec)| (spec.key.clone(), at))
            .collect();
        Ok(Self {
            specs,
            index,
            upstream: sorted_upstream,
            downstream,
        })
    }

    /// Every asset, each after all it depends on.
    #[must_use]
    pub fn specs(&self) -> &[AssetSpec] {
        &self.specs
    }

    /// The asset called `key`.
    #[must_use]
    pub fn get(&self, key: &AssetKey) -> Option<&AssetSpec> {
        self.index.get(key).map(|&at| &self.specs[at])
    }

    /// What `key` reads directly.
    pub fn upstream(&self, key: &AssetKey) -> impl Iterator<Item = &AssetSpec> {
        self.neighbours(key, &self.upstream)
    }

    /// What reads `key` directly.
    pub fn downstream(&self, key: &AssetKey) -> impl Iterator<Item = &AssetSpec> {
        self.neighbours(key, &self.downstream)
    }

    /// Everything `key` depends on, itself not included, in build order.
    pub fn ancestors(&self, key: &AssetKey) -> impl Iterator<Item = &AssetSpec> {
        self.all(key, Direction::Upstream)
    }

    /// Everything that depends on `key`, itself not included, in build order.
    pub fn descendants(&self, key: &AssetKey) -> impl Iterator<Item = &AssetSpec> {
        self.all(key, Direction::Downstream)
    }

    /// For each asset in build order, the cost of the most expensive way from it to the end, its own
    /// cost included. Who starts the highest first, finishes first.
    pub fn critical_path(&self, cost: impl Fn(&AssetSpec) -> u64) -> HashMap<&AssetKey, u64> {
        let mut longest = vec![0_u64; self.specs.len()];
        for at in (0..self.specs.len()).rev() {
            let after = self.downstream[at].iter().map(|&next| longest[next]).max();
            longest[at] = cost(&self.specs[at]).saturating_add(after.unwrap_or(0));
        }
        self.specs
            .iter()
            .map(|spec| &spec.key)
            .zip(longest)
            .collect()
    }

    fn neighbours<'g>(
        &'g self,
        key: &AssetKey,
        edges: &'g [Vec<usize>],
    ) -> impl Iterator<Item = &'g AssetSpec> {
        let edges = self.index.get(key).map(|&at| edges[at].as_slice());
        edges.unwrap_or_default().iter().map(|&at| &self.specs[at])
    }

    fn all(&self, key: &AssetKey, direction: Direction) -> impl Iterator<Item = &AssetSpec> {
        let start = self.index.get(key).copied();
        let mut found = self.reach(&start.into_iter().collect(), direction, None);
        if let Some(start) = start {
            found.remove(&start);
        }
        found.into_iter().map(|at| &self.specs[at])
    }

    /// `start` and what can be reached from it in at most `steps` steps.
    pub(crate) fn reach(
        &self,
        start: &BTreeSet<usize>,
        direction: Direction,
        steps: Option<usize>,
    ) -> BTreeSet<usize> {
        let edges = match direction {
            Direction::Upstream => &self.upstream,
            Direction::Downstream => &self.downstream,
        };
        let mut found = start.clone();
        let mut queue: VecDeque<(usize, usize)> = start.iter().map(|&at| (at, 0)).collect();
        while let Some((at, depth)) = queue.pop_front() {
            if steps.is_some_and(|steps| depth >= steps) {
                continue;
            }
            for &next in &edges[at] {
                if found.insert(next) {
                    queue.push_back((next, depth + 1));
                }
            }
        }
        found
    }
}

fn index_of(specs: &[AssetSpec]) -> Result<HashMap<AssetKey, usize>> {
    let mut index = HashMap::with_capacity(specs.len());
    for (at, spec) in specs.iter().enumerate() {
        if index.insert(spec.key.clone(), at).is_some() {
            let message = format!("Two assets are called `{}`", spec.key);
            return Err(Error::new(codes::O1003, message));
        }
        let mut names = BTreeSet::new();
        for check in &spec.checks {
            if !names.insert(&check.name) {
                let message = format!("Two checks of `{}` are called `{}`", spec.key, check.name);
                return Err(Error::new(codes::O1003, message));
            }
        }
    }
    Ok(index)
}

fn edges_of(specs: &[AssetSpec], index: &HashMap<AssetKey, usize>) -> Result<Vec<Vec<usize>>> {
    let find = |spec: &AssetSpec, key: &AssetKey| {
        index.get(key).copied().ok_or_else(|| {
            let message = format!("`{}` depends on `{key}`, which does not exist", spec.key);
            let names = index.keys().map(AssetKey::as_str);
            Error::new(codes::O1004, message).suggest(key.as_str(), names)
        })
    };
    let mut edges = Vec::with_capacity(specs.len());
    for spec in specs {
        let unique: Result<BTreeSet<usize>> =
            spec.upstream.iter().map(|key| find(spec, key)).collect();
        edges.push(unique?.into_iter().collect());
        for check in &spec.checks {
            for key in &check.upstream {
                find(spec, key)?;
            }
        }
    }
    Ok(edges)
}

/// Kahn's algorithm; the lowest index that is ready goes first. `None` if there is a circle.
fn topological_order(upstream: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut waiting: Vec<usize> = upstream.iter().map(Vec::len).collect();
    let mut downstream = vec![Vec::new(); upstream.len()];
    for (at, edges) in upstream.iter().enumerate() {
        for &edge in edges {
            downstream[edge].push(at);
        }
    }
    let is_ready = |(_, count): &(usize, &usize)| **count == 0;
    let ready = waiting.iter().enumerate().filter(is_ready);
    let mut ready: BTreeSet<usize> = ready.map(|(at, _)| at).collect();
    let mut order = Vec::with_capacity(upstream.len());
    while let Some(at) = ready.pop_first() {
        order.push(at);
        for &next in &downstream[at] {
            waiting[next] -= 1;
            if waiting[next] == 0 {
                ready.insert(next);
            }
        }
    }
    (order.len() == upstream.len()).then_some(order)
}

/// Names one circle. Strips assets that no circle leads to until only circles and what hangs below
/// them is left; from there, walking upstream must come round.
fn circle(specs: &[AssetSpec], upstream: &[Vec<usize>]) -> Error {
    let mut stuck: BTreeSet<usize> = (0..specs.len()).collect();
    loop {
        let free = |at: &usize| !upstream[*at].iter().any(|edge| stuck.contains(edge));
        let freed: Vec<usize> = stuck.iter().copied().filter(free).collect();
        if freed.is_empty() {
            break;
        }
        stuck.retain(|at| !freed.contains(at));
    }
    let mut path: Vec<usize> = Vec::new();
    let mut next = stuck.first().copied();
    while let Some(at) = next {
        if let Some(start) = path.iter().position(|seen| *seen == at) {
            path.drain(..start);
            path.push(at);
            break;
        }
        path.push(at);
        next = upstream[at]
            .iter()
            .copied()
            .find(|edge| stuck.contains(edge));
    }
    let names: Vec<&str> = path
        .iter()
        .rev()
        .map(|&at| specs[at].key.as_str())
        .collect();
    let message = "Assets depend on each other in a circle";
    Error::new(codes::O1005, message).with("circle", names.join(" → "))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use super::AssetGraph;
    use crate::{AssetKey, AssetKind, AssetSpec};

    pub(crate) fn spec(key: &str, upstream: &[&str]) -> AssetSpec {
        AssetSpec::new(key.into(), AssetKind::Model, "marts")
            .after(upstream.iter().map(|key| AssetKey::from(*key)))
    }

    #[test]
    fn orders_what_depends_on_each_other() {
        let graph = AssetGraph::new(vec![
            spec("d", &["b", "c"]),
            spec("b", &["a"]),
            spec("c", &["a", "a"]),
            spec("a", &[]),
        ])
        .unwrap();
        let order: Vec<&str> = graph.specs().iter().map(|spec| spec.key.as_str()).collect();
        assert_eq!(order, ["a", "b", "c", "d"]);
        let names =
            |specs: Vec<&AssetSpec>| specs.iter().map(|s| s.key.to_string()).collect::<String>();
        assert_eq!(names(graph.ancestors(&"d".into()).collect()), "abc");
        assert_eq!(names(graph.descendants(&"a".into()).collect()), "bcd");
        assert_eq!(names(graph.upstream(&"d".into()).collect()), "bc");
        assert_eq!(names(graph.downstream(&"a".into()).collect()), "bc");
    }

    #[test]
    fn the_longest_way_counts() {
        let graph = AssetGraph::new(vec![
            spec("a", &[]),
            spec("slow", &["a"]),
            spec("fast", &["a"]),
            spec("end", &["slow"]),
        ])
        .unwrap();
        let cost = |spec: &AssetSpec| if spec.key.as_str() == "slow" { 10 } else { 1 };
        let path = graph.critical_path(cost);
        assert_eq!(path[&AssetKey::from("a")], 12);
        assert_eq!(path[&AssetKey::from("fast")], 1);
    }

    #[test]
    fn refuses_circles_twins_and_edges_to_nothing() {
        let error = AssetGraph::new(vec![
            spec("z", &["a"]),
            spec("a", &["c"]),
            spec("b", &["a"]),
            spec("c", &["b"]),
        ])
        .unwrap_err();
        let circle = &error.context()[0].1;
        assert!(
            ["a → b → c → a", "b → c → a → b", "c → a → b → c"].contains(&circle.as_str()),
            "{circle}"
        );
        let error = AssetGraph::new(vec![spec("a", &["a"])]).unwrap_err();
        assert_eq!(error.context()[0].1, "a → a");
        let error = AssetGraph::new(vec![spec("stg_orders", &[]), spec("b", &["stg_order"])]);
        assert_eq!(
            error.unwrap_err().remedy(),
            Some("a similar name exists: `stg_orders`")
        );
        assert!(AssetGraph::new(vec![spec("a", &[]), spec("a", &[])]).is_err());
    }
}
