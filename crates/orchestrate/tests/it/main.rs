//! Runs of small graphs: order, workers, failures, checks, retries, cancellation.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use asset::{
    Asset, AssetCheck, AssetGraph, AssetKey, AssetKind, AssetSpec, Cancellation, CheckOutcome,
    CheckSpec, Materialization, MaterializeContext, Selection, Severity,
};
use async_trait::async_trait;
use diagnostic::{Error, Result, codes};
use model::RunId;
use orchestrate::{
    AssetStatus, CheckStatus, Plan, RetryPolicy, RunEvent, RunOutcome, RunSettings, SkipReason, run,
};
use parking_lot::Mutex;

#[derive(Clone, Copy, Default)]
enum Behaviour {
    #[default]
    Quick,
    Slow,
    Fails,
    Flaky,
    Panics,
    Waits,
    Deaf,
}

#[derive(Default)]
struct Diary {
    lines: Mutex<Vec<String>>,
    now: AtomicUsize,
    most: AtomicUsize,
}

struct Fake {
    spec: AssetSpec,
    behaviour: Behaviour,
    diary: Arc<Diary>,
}

#[async_trait]
impl Asset for Fake {
    fn spec(&self) -> &AssetSpec {
        &self.spec
    }

    async fn materialize(&self, context: &MaterializeContext) -> Result<Materialization> {
        let now = self.diary.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.diary.most.fetch_max(now, Ordering::SeqCst);
        self.diary.lines.lock().push(self.spec.key.to_string());
        context.progress.rows(7);
        let outcome = match self.behaviour {
            Behaviour::Quick => Ok(()),
            Behaviour::Slow => {
                tokio::time::sleep(Duration::from_millis(50)).await;
                Ok(())
            }
            Behaviour::Fails => Err(Error::new(codes::C0001, "cannot be done")),
            Behaviour::Flaky if context.attempt < 3 => Err(Error::new(codes::F1001, "busy")),
            Behaviour::Flaky => Ok(()),
            Behaviour::Panics => panic!("on purpose"),
            Behaviour::Waits => {
                context.cancellation.cancelled().await;
                context.cancellation.check()
            }
            Behaviour::Deaf => std::future::pending().await,
        };
        self.diary.now.fetch_sub(1, Ordering::SeqCst);
        outcome.map(|()| Materialization::built().with_rows(7))
    }
}

struct Judge(CheckSpec, Option<CheckOutcome>, Arc<Diary>);

#[async_trait]
impl AssetCheck for Judge {
    fn spec(&self) -> &CheckSpec {
        &self.0
    }

    async fn evaluate(&self, _: &MaterializeContext) -> Result<CheckOutcome> {
        self.2.lines.lock().push(format!("?{}", self.0.name));
        self.1
            .clone()
            .ok_or_else(|| Error::new(codes::C0001, "no judgement"))
    }
}

#[derive(Default)]
struct World {
    assets: Vec<(&'static str, Vec<&'static str>, Behaviour)>,
    checks: Vec<(
        &'static str,
        &'static str,
        Vec<&'static str>,
        Option<CheckOutcome>,
    )>,
    select: &'static str,
    pool: Option<&'static str>,
    settings: RunSettings,
    diary: Arc<Diary>,
    cancellation: Cancellation,
}

impl World {
    fn new(assets: &[(&'static str, &str, Behaviour)]) -> Self {
        fn words(text: &str) -> Vec<&'static str> {
            text.split_whitespace()
                .map(|word| &*word.to_owned().leak())
                .collect()
        }
        Self {
            assets: assets
                .iter()
                .map(|(key, up, b)| (*key, words(up), *b))
                .collect(),
            settings: RunSettings {
                threads: 1,
                grace: Duration::from_millis(50),
                ..RunSettings::default()
            },
            ..Self::default()
        }
    }

    fn check(
        mut self,
        asset: &'static str,
        name: &'static str,
        outcome: Option<CheckOutcome>,
    ) -> Self {
        self.checks.push((asset, name, Vec::new(), outcome));
        self
    }

    fn plan(&self) -> Plan {
        let keys = |names: &[&'static str]| names.iter().map(|n| AssetKey::from(*n)).collect();
        let fakes = self.assets.iter().map(|(key, upstream, behaviour)| {
            let mut spec = AssetSpec::new((*key).into(), AssetKind::Model, "marts");
            spec.upstream = keys(upstream);
            spec.pool = self.pool.map(str::to_owned);
            Fake {
                spec,
                behaviour: *behaviour,
                diary: Arc::clone(&self.diary),
            }
        });
        let fakes: Vec<Arc<dyn Asset>> = fakes.map(|fake| Arc::new(fake) as _).collect();
        let judges = self.checks.iter().map(|(asset, name, upstream, outcome)| {
            let severity = outcome
                .as_ref()
                .map_or(Severity::Error, |outcome| outcome.severity);
            let spec = CheckSpec {
                asset: (*asset).into(),
                name: (*name).to_owned(),
                severity,
                upstream: keys(upstream),
                description: String::new(),
            };
            Arc::new(Judge(spec, outcome.clone(), Arc::clone(&self.diary))) as Arc<dyn AssetCheck>
        });
        let graph =
            AssetGraph::new(fakes.iter().map(|fake| fake.spec().clone()).collect()).unwrap();
        let selection = Selection {
            select: vec![self.select.to_owned()],
            exclude: Vec::new(),
        };
        let selected = graph.select(&selection).unwrap();
        Plan::new(&graph, &selected, fakes, judges, |_| 1).unwrap()
    }

    async fn run(&self) -> (RunOutcome, Vec<RunEvent>) {
        let (sender, mut events) = tokio::sync::mpsc::unbounded_channel();
        let plan = self.plan();
        let outcome = run(
            RunId::fresh(),
            &plan,
            &self.settings,
            sender,
            &self.cancellation,
        )
        .await;
        let mut heard = Vec::new();
        while let Ok(event) = events.try_recv() {
            heard.push(event);
        }
        (outcome, heard)
    }

    fn diary(&self) -> String {
        self.diary.lines.lock().join(" ")
    }
}

fn statuses(outcome: &RunOutcome) -> HashMap<&str, AssetStatus> {
    outcome
        .assets
        .iter()
        .map(|asset| (asset.key.as_str(), asset.status))
        .collect()
}

use Behaviour::{Deaf, Fails, Flaky, Panics, Quick, Slow, Waits};

#[tokio::test]
async fn follows_the_graph_and_prefers_the_critical_path() {
    let world = World::new(&[
        ("alone", "", Quick),
        ("a", "", Quick),
        ("b", "a", Quick),
        ("c", "b", Quick),
        ("side", "a", Quick),
    ]);
    let (outcome, events) = world.run().await;
    assert!(outcome.succeeded());
    assert_eq!(world.diary(), "a b alone c side");
    assert!(matches!(&events[0], RunEvent::Planned { assets, checks: 0, .. } if assets.len() == 5));
    assert!(matches!(events.last(), Some(RunEvent::Done(_))));
    assert!(
        events
            .iter()
            .any(|event| matches!(event, RunEvent::Progress { rows: 7, .. }))
    );
}

#[tokio::test]
async fn what_is_left_out_still_orders_the_rest() {
    let mut world = World::new(&[("z", "", Slow), ("m", "z", Quick), ("a", "m", Quick)]);
    world.select = "z a";
    world.settings.threads = 4;
    assert!(world.run().await.0.succeeded());
    assert_eq!(world.diary(), "z a");
}

#[tokio::test]
async fn works_on_as_many_as_it_may() {
    let names = ["a", "b", "c", "d", "e", "f"].map(|name| (name, "", Slow));
    let mut world = World::new(&names);
    world.settings.threads = 3;
    world.run().await;
    assert_eq!(world.diary.most.load(Ordering::SeqCst), 3);

    let mut pooled = World::new(&names);
    pooled.settings.threads = 6;
    pooled.pool = Some("warehouse");
    pooled.settings.pools.insert("warehouse".to_owned(), 2);
    assert!(pooled.run().await.0.succeeded());
    assert_eq!(pooled.diary.most.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_failure_skips_what_depends_on_it_and_nothing_else() {
    let world = World::new(&[
        ("a", "", Fails),
        ("b", "a", Quick),
        ("c", "b", Quick),
        ("other", "", Quick),
    ])
    .check("a", "unique", Some(CheckOutcome::passed(Severity::Error)));
    let (outcome, events) = world.run().await;
    let status = statuses(&outcome);
    assert_eq!(
        (status["a"], status["other"]),
        (AssetStatus::Failed, AssetStatus::Built)
    );
    assert_eq!(
        (status["b"], status["c"]),
        (AssetStatus::Skipped, AssetStatus::Skipped)
    );
    assert_eq!(
        outcome.assets[2].skipped.as_ref(),
        Some(&SkipReason::Failed("a".into()))
    );
    assert_eq!(
        outcome.checks().next().unwrap().status,
        CheckStatus::Skipped
    );
    assert!(!outcome.succeeded());
    assert!(
        events
            .iter()
            .any(|e| matches!(e, RunEvent::Skipped(a) if a.key.as_str() == "c"))
    );
}

#[tokio::test]
async fn fail_fast_stops_at_the_first_failure() {
    let mut world = World::new(&[
        ("a", "", Fails),
        ("b", "", Quick),
        ("c", "a", Quick),
        ("d", "", Waits),
    ]);
    world.settings.fail_fast = true;
    let (outcome, _) = world.run().await;
    assert_eq!(world.diary(), "a");
    let reason = |name: &str| {
        outcome
            .assets
            .iter()
            .find(|a| a.key.as_str() == name)
            .unwrap()
    };
    assert_eq!(reason("b").skipped, Some(SkipReason::FailFast));
    assert_eq!(reason("c").skipped, Some(SkipReason::Failed("a".into())));
    assert!(!outcome.cancelled);
}

#[tokio::test]
async fn checks_run_before_what_depends_on_their_asset() {
    let failed = CheckOutcome::failed(Severity::Error, 3, "three rows are wrong");
    let world = World::new(&[("a", "", Quick), ("b", "a", Quick), ("c", "", Quick)])
        .check("a", "good", Some(CheckOutcome::passed(Severity::Error)))
        .check("a", "bad", Some(failed));
    let (outcome, _) = world.run().await;
    assert!(!outcome.succeeded());
    assert!(
        !world.diary().contains('b') || world.diary().contains("?bad"),
        "{}",
        world.diary()
    );
    let status = statuses(&outcome);
    assert_eq!(
        (status["a"], status["b"]),
        (AssetStatus::Built, AssetStatus::Skipped)
    );
    assert_eq!(outcome.assets[0].checks.len(), 2);

    let warned = CheckOutcome::failed(Severity::Warn, 3, "three rows are odd");
    let world = World::new(&[("a", "", Quick), ("b", "a", Quick)]).check("a", "odd", Some(warned));
    let (outcome, _) = world.run().await;
    assert!(outcome.succeeded());
    assert_eq!(outcome.checks().next().unwrap().status, CheckStatus::Warned);

    let world = World::new(&[("a", "", Quick), ("b", "a", Quick)]).check("a", "broken", None);
    let (outcome, _) = world.run().await;
    assert_eq!(
        outcome.checks().next().unwrap().status,
        CheckStatus::Errored
    );
    assert_eq!(statuses(&outcome)["b"], AssetStatus::Skipped);
}

#[tokio::test]
async fn a_check_over_two_assets_waits_for_both_and_makes_no_circle() {
    // `b` depends on `a`; the check of `a` reads `b` too, so `b` cannot wait for it, but `c` can.
    let mut world = World::new(&[("a", "", Quick), ("b", "a", Quick), ("c", "b", Quick)]);
    let passed = Some(CheckOutcome::passed(Severity::Error));
    world.checks.push(("a", "relation", vec!["b"], passed));
    assert!(world.run().await.0.succeeded());
    assert_eq!(world.diary(), "a b ?relation c");
}

#[tokio::test]
async fn tries_again_when_that_may_help() {
    let mut world = World::new(&[("a", "", Fails)]);
    world.settings.retry.first_pause = Duration::from_millis(1);
    let (outcome, _) = world.run().await;
    assert_eq!(outcome.assets[0].attempts, 1);

    let mut world = World::new(&[("a", "", Flaky)]);
    world.settings.retry.first_pause = Duration::from_millis(1);
    let (outcome, events) = world.run().await;
    assert_eq!(
        (outcome.assets[0].attempts, outcome.assets[0].status),
        (3, AssetStatus::Built)
    );
    assert!(
        events
            .iter()
            .any(|event| matches!(event, RunEvent::Retrying { attempt: 2, .. }))
    );

    world.settings.retry = RetryPolicy {
        attempts: 1,
        ..RetryPolicy::default()
    };
    assert!(!world.run().await.0.succeeded());
}

#[tokio::test]
async fn a_panic_is_a_failure_of_that_asset_alone() {
    let world = World::new(&[("a", "", Panics), ("b", "", Quick)]);
    let (outcome, _) = world.run().await;
    let status = statuses(&outcome);
    assert_eq!(
        (status["a"], status["b"]),
        (AssetStatus::Failed, AssetStatus::Built)
    );
    let failed = outcome
        .assets
        .iter()
        .find(|asset| asset.status == AssetStatus::Failed)
        .unwrap();
    assert_eq!(failed.error.as_ref().unwrap().code(), codes::O2002);
}

#[tokio::test]
async fn a_cancelled_run_stops_and_says_what_is_missing() {
    for behaviour in [Waits, Deaf] {
        let mut world = World::new(&[("a", "", behaviour), ("b", "a", Quick), ("c", "", Quick)]);
        world.settings.threads = 2;
        let cancellation = world.cancellation.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(30)).await;
            cancellation.cancel();
        });
        let (outcome, events) = world.run().await;
        assert!(outcome.cancelled && !outcome.succeeded());
        let status = statuses(&outcome);
        assert_eq!(status["c"], AssetStatus::Built);
        assert_eq!(
            (status["a"], status["b"]),
            (AssetStatus::Cancelled, AssetStatus::Cancelled)
        );
        assert!(
            events
                .iter()
                .any(|event| matches!(event, RunEvent::Cancelling))
        );
    }
}
