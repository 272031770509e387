//! Runs that die: readers see all of a run or nothing of it, and the next run finishes the work as if
//! nothing had happened.

use std::os::unix::process::ExitStatusExt as _;
use std::time::{Duration, Instant};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

use super::shop::{Contents, Shop, dies_at};

pub const FIRST: &str =
    "a,2026-08-01,Bern,1.10\nb,2026-08-01,Cairo,2.20\n,2026-08-01,Bern,3\nc,2026-08-01,Accra,4\n";
pub const SECOND: &str = "b,2026-08-02,Accra,20\nd,2026-08-02,Bern,5\ne,2026-08-02,Bern,0\n";

/// A project before a run, and what readers see before and after it.
struct Case {
    shop: Shop,
    before: Contents,
    after: Contents,
}

impl Case {
    /// The first run of a project.
    fn first() -> Self {
        let shop = Shop::new();
        shop.deliver("2026-08-01", "a.csv", FIRST);
        shop.deliver("2026-08-01", "b.csv", "f,2026-08-01,Cairo,6\n");
        Self::new(shop)
    }

    /// A run that finds a second drop.
    fn later() -> Self {
        let Self { shop, .. } = Self::first();
        shop.run();
        shop.deliver("2026-08-02", "a.csv", SECOND);
        Self::new(shop)
    }

    fn new(shop: Shop) -> Self {
        let undisturbed = shop.copy();
        let before = undisturbed.contents();
        undisturbed.run();
        let after = undisturbed.contents();
        assert_ne!(before, after);
        Self {
            shop,
            before,
            after,
        }
    }

    /// Crashes a run at `failpoint`, looks, and runs again.
    fn crash(&self, failpoint: &str) {
        let shop = self.shop.copy();
        dies_at(&mut shop.command(&["run"]), failpoint);
        self.readers_see_one_state(&shop, failpoint);
        shop.run();
        assert_eq!(shop.contents(), self.after, "after `{failpoint}`");
        let said = shop.run();
        assert!(said.contains("Nothing new"), "after `{failpoint}`: {said}");
    }

    fn readers_see_one_state(&self, shop: &Shop, when: &str) {
        let seen = shop.contents();
        if seen != self.before {
            assert_eq!(seen, self.after, "readers see a mixture after `{when}`");
        }
    }
}

#[test]
fn a_first_run_survives_a_crash_anywhere() {
    let case = Case::first();
    for failpoint in telemetry::FAILPOINTS {
        case.crash(failpoint);
    }
}

#[test]
fn a_later_run_survives_a_crash_anywhere() {
    let case = Case::later();
    for failpoint in telemetry::FAILPOINTS {
        case.crash(failpoint);
    }
}

#[test]
fn recovery_survives_a_crash_as_well() {
    let case = Case::later();
    for failpoint in [
        "publish.between_logs",
        "publish.after_logs",
        "publish.after_pointers",
    ] {
        let shop = case.shop.copy();
        for first in ["publish.after_intent", failpoint] {
            dies_at(&mut shop.command(&["run"]), first);
        }
        case.readers_see_one_state(&shop, failpoint);
        shop.run();
        assert_eq!(
            shop.contents(),
            case.after,
            "after `{failpoint}` of a recovery"
        );
    }
}

/// A process that is killed while it drops what another had left behind.
#[test]
fn recovery_leaves_nothing_behind() {
    let case = Case::first();
    let calm = case.shop.copy();
    calm.run();
    for failpoint in telemetry::DROP_FAILPOINTS {
        let shop = case.shop.copy();
        for first in ["ingest.after_silver", failpoint] {
            dies_at(&mut shop.command(&["run"]), first);
        }
        case.readers_see_one_state(&shop, failpoint);
        shop.run();
        assert_eq!(shop.contents(), case.after, "after `{failpoint}`");
        let count = |shop: &Shop| shop.table_files().len();
        assert_eq!(count(&shop), count(&calm), "after `{failpoint}`");
    }
}

/// A failed run publishes too, though only the rows its checks found wrong.
#[test]
fn a_crash_of_a_failed_run_publishes_nothing_else() {
    let Case { shop, before, .. } = Case::later();
    shop.deliver("2026-08-03", "a.csv", "g,2026-08-03,Atlantis,7\n");
    let good = |mut contents: Contents| {
        contents.retain(|name, _| !name.starts_with("DBT_TEST__AUDIT."));
        contents
    };
    for failpoint in telemetry::FAILPOINTS
        .iter()
        .filter(|name| name.starts_with("publish."))
    {
        let shop = shop.copy();
        dies_at(&mut shop.command(&["run"]), failpoint);
        assert_eq!(good(shop.contents()), before, "after `{failpoint}`");
        shop.run_expecting(1);
        assert_eq!(good(shop.contents()), before, "after `{failpoint}`");
        shop.deliver("2026-08-03", "a.csv", "g,2026-08-03,Bern,7\n");
        shop.run();
        let rows = shop.column("select order_id from marts.fact_sales order by 1");
        assert_eq!(rows, ["a", "b", "c", "d", "f", "g"], "after `{failpoint}`");
    }
}

/// Kills at moments nobody chose, one project all the way: each drop is met by runs that die.
#[test]
fn killed_runs_leave_no_trace() {
    const ROUNDS: u32 = 18;
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let (calm, rough) = (Shop::new(), Shop::new());
    for shop in [&calm, &rough] {
        shop.deliver("2026-08-01", "a.csv", FIRST);
    }
    let clock = Instant::now();
    calm.run();
    let length = clock.elapsed();
    let mut killed = 0;
    for round in 0..ROUNDS {
        if round == ROUNDS / 2 {
            rough.run();
            assert_eq!(rough.contents(), calm.contents(), "after {round} kills");
            let count = |shop: &Shop| shop.table_files().len();
            assert_eq!(count(&rough), count(&calm), "files are left behind");
            for shop in [&calm, &rough] {
                shop.deliver("2026-08-02", "a.csv", SECOND);
            }
            calm.run();
        }
        let mut child = rough.command(&["-qq", "run"]).spawn().unwrap();
        let limit = u64::try_from(length.as_millis()).unwrap().clamp(100, 5_000);
        std::thread::sleep(Duration::from_millis(20 + random.next_u64() % limit));
        // A run that was quicker has ended by itself, which is as good.
        child.kill().unwrap();
        killed += u32::from(child.wait().unwrap().signal().is_some());
    }
    assert!(
        killed >= ROUNDS / 3,
        "only {killed} of {ROUNDS} runs were killed"
    );
    rough.run();
    assert_eq!(rough.contents(), calm.contents());
    let said = rough.run();
    assert!(said.contains("Nothing new"), "{said}");
}
