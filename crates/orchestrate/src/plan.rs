//! [`Plan`]: what a run does, and what waits for what.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use asset::{Asset, AssetCheck, AssetGraph, AssetKey, AssetSpec, CheckSpec, Selected, Severity};
use diagnostic::{Error, Result, codes};

/// What a run does: the selected assets and their checks, with the order between them.
pub struct Plan {
    pub(crate) steps: Vec<Step>,
    pub(crate) assets: usize,
}

/// One asset or check.
pub(crate) struct Step {
    pub(crate) work: Work,
    /// How many steps must end well before this one may start.
    pub(crate) waits_for: usize,
    /// The steps that wait for this one.
    pub(crate) blocks: Vec<usize>,
    /// The highest goes first: the cost of the longest way from here to the end.
    pub(crate) priority: u64,
}

#[derive(Clone)]
pub(crate) enum Work {
    Asset(Arc<dyn Asset>),
    Check(Arc<dyn AssetCheck>),
}

impl Plan {
    /// The plan that builds `selected` of `graph`. Assets that are not selected keep their place in
    /// the order: with a → b → c and b left out, c still waits for a. Checks of assets that are not
    /// selected are left out.
    ///
    /// `cost` guesses how long an asset takes, in any unit, for example from the last run.
    ///
    /// # Errors
    /// `X0001` if no part of the program builds a selected asset.
    pub fn new(
        graph: &AssetGraph,
        selected: &Selected,
        assets: impl IntoIterator<Item = Arc<dyn Asset>>,
        checks: impl IntoIterator<Item = Arc<dyn AssetCheck>>,
        cost: impl Fn(&AssetSpec) -> u64,
    ) -> Result<Self> {
        let mut builders: HashMap<AssetKey, Arc<dyn Asset>> = assets
            .into_iter()
            .map(|asset| (asset.spec().key.clone(), asset))
            .collect();
        let path = graph.critical_path(cost);
        let mut steps = Vec::new();
        let mut position: HashMap<AssetKey, usize> = HashMap::new();
        let chosen: BTreeSet<&AssetKey> = selected.keys().iter().collect();
        for spec in graph.specs() {
            if !chosen.contains(&spec.key) || !spec.kind.is_built() {
                continue;
            }
            let Some(builder) = builders.remove(&spec.key) else {
                let message = format!("Nothing builds the asset `{}`", spec.key);
                return Err(Error::new(codes::X0001, message).with("kind", spec.kind));
            };
            position.insert(spec.key.clone(), steps.len());
            steps.push(Step {
                work: Work::Asset(builder),
                waits_for: 0,
                blocks: Vec::new(),
                priority: path.get(&spec.key).copied().unwrap_or(0),
            });
        }
        let mut plan = Self {
            assets: steps.len(),
            steps,
        };
        let nearest = plan.connect_assets(graph, &position);
        plan.add_checks(checks, &position, &nearest);
        Ok(plan)
    }

    /// What is built, in build order.
    pub fn assets(&self) -> impl Iterator<Item = &AssetSpec> {
        self.steps.iter().filter_map(|step| match &step.work {
            Work::Asset(asset) => Some(asset.spec()),
            Work::Check(_) => None,
        })
    }

    /// What is checked.
    pub fn checks(&self) -> impl Iterator<Item = &CheckSpec> {
        self.steps.iter().filter_map(|step| match &step.work {
            Work::Asset(_) => None,
            Work::Check(check) => Some(check.spec()),
        })
    }

    /// Draws the edges between assets and returns, for every asset of the graph, the steps nearest
    /// to it: its own if it is in the plan, else those of its nearest ancestors in the plan.
    fn connect_assets(
        &mut self,
        graph: &AssetGraph,
        position: &HashMap<AssetKey, usize>,
    ) -> HashMap<AssetKey, BTreeSet<usize>> {
        let mut nearest: HashMap<AssetKey, BTreeSet<usize>> = HashMap::new();
        for spec in graph.specs() {
            let above = spec
                .upstream
                .iter()
                .filter_map(|key| nearest.get(key))
                .flatten();
            let above: BTreeSet<usize> = above.copied().collect();
            let Some(&at) = position.get(&spec.key) else {
                nearest.insert(spec.key.clone(), above);
                continue;
            };
            for from in above {
                self.connect(from, at);
            }
            nearest.insert(spec.key.clone(), BTreeSet::from([at]));
        }
        nearest
    }

    /// A check runs after all it reads. It holds back the assets that depend on all of that, as
    /// dbt's `build` does: waiting for less could make a circle.
    fn add_checks(
        &mut self,
        checks: impl IntoIterator<Item = Arc<dyn AssetCheck>>,
        position: &HashMap<AssetKey, usize>,
        nearest: &HashMap<AssetKey, BTreeSet<usize>>,
    ) {
        let mut below = Below {
            found: HashMap::new(),
            edges: self.edges(),
        };
        let mut gates: Vec<(usize, BTreeSet<usize>)> = Vec::new();
        for check in checks {
            let spec = check.spec();
            let Some(&judged) = position.get(&spec.asset) else {
                continue;
            };
            let mut reads = BTreeSet::from([judged]);
            reads.extend(
                spec.upstream
                    .iter()
                    .filter_map(|key| nearest.get(key))
                    .flatten(),
            );
            let held = match spec.severity {
                Severity::Error => below.all_of(&reads),
                Severity::Warn => BTreeSet::new(),
            };
            let priority = held.iter().map(|&at| self.steps[at].priority).max();
            let at = self.steps.len();
            self.steps.push(Step {
                work: Work::Check(check),
                waits_for: 0,
                blocks: Vec::new(),
                priority: priority.unwrap_or(0),
            });
            for from in reads {
                self.connect(from, at);
            }
            gates.push((at, held));
        }
        for (check, held) in gates {
            for asset in held {
                self.connect(check, asset);
            }
        }
    }

    fn connect(&mut self, from: usize, to: usize) {
        self.steps[from].blocks.push(to);
        self.steps[to].waits_for += 1;
    }

    fn edges(&self) -> Vec<Vec<usize>> {
        self.steps.iter().map(|step| step.blocks.clone()).collect()
    }
}

/// Which steps depend on which, remembered.
struct Below {
    found: HashMap<usize, BTreeSet<usize>>,
    edges: Vec<Vec<usize>>,
}

impl Below {
    /// The first steps that depend on all of `steps`: those below them wait anyway.
    fn all_of(&mut self, steps: &BTreeSet<usize>) -> BTreeSet<usize> {
        let mut common: Option<BTreeSet<usize>> = None;
        for &step in steps {
            let below = self.of(step);
            common = Some(match common {
                None => below.clone(),
                Some(before) => before.intersection(below).copied().collect(),
            });
        }
        let common = common.unwrap_or_default();
        let later: BTreeSet<usize> = common
            .iter()
            .flat_map(|&at| self.edges[at].iter().copied())
            .collect();
        common.difference(&later).copied().collect()
    }

    fn of(&mut self, step: usize) -> &BTreeSet<usize> {
        let edges = &self.edges;
        self.found.entry(step).or_insert_with(|| {
            let mut found = BTreeSet::new();
            let mut open = vec![step];
            while let Some(at) = open.pop() {
                open.extend(edges[at].iter().copied().filter(|next| found.insert(*next)));
            }
            found
        })
    }
}
