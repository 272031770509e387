//! Python models of `sluice dbt`, run by the Python that `SLUICE_PYTHON` names.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

struct Shop(tempfile::TempDir);

/// Says in the test's output if nothing was tested.
#[allow(clippy::print_stderr)]
fn python() -> Option<String> {
    let python = std::env::var("SLUICE_PYTHON").ok();
    if python.is_none() {
        eprintln!("left out: SLUICE_PYTHON is not set");
    }
    python
}

impl Shop {
    fn new() -> Self {
        let shop = Self(tempfile::tempdir().unwrap());
        shop.write("dbt_project.yml", "name: shop\nprofile: shop\n");
        shop.write(
            "profiles.yml",
            "shop:\n  target: dev\n  outputs:\n    \
             dev: {type: snowflake, account: a, user: u, database: SHOP, schema: DEV, threads: 2}\n    \
             duck: {type: duckdb, path: shop.duckdb, threads: 2}\n",
        );
        shop.write(
            "seeds/raw.csv",
            "id,amount,day\n1,10.5,2024-01-01\n2,20.25,2024-01-02\n",
        );
        shop
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sluice"));
        command.current_dir(self.0.path()).args(words);
        command
    }

    fn dbt(&self, words: &[&str]) -> Output {
        self.command(&[&["dbt"], words].concat()).output().unwrap()
    }

    fn builds(&self, words: &[&str]) {
        let done = self.dbt(words);
        assert!(done.status.success(), "{}", text(&done));
    }

    /// What `dbt` says when it fails.
    fn fails(&self, words: &[&str]) -> String {
        let done = self.dbt(words);
        assert!(!done.status.success(), "{}", text(&done));
        text(&done)
    }

    fn query(&self, sql: &str) -> String {
        let done = self
            .command(&["sql", "-q", "--format", "csv", "-c", sql])
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", text(&done));
        String::from_utf8(done.stdout).unwrap()
    }
}

fn text(done: &Output) -> String {
    let parts = [&done.stdout, &done.stderr].map(|part| String::from_utf8_lossy(part).into_owned());
    parts.concat()
}

#[test]
fn pandas_polars_and_arrow_pass_through() {
    if python().is_none() {
        return;
    }
    let shop = Shop::new();
    shop.write(
        "models/by_pandas.py",
        r#"
import pandas as pd

def model(dbt, session):
    dbt.config(materialized="table", packages=["pandas>=1.5", "pyarrow"], meta={"rate": 2})
    frame = dbt.ref("raw").to_pandas()
    frame["doubled"] = frame["AMOUNT"] * dbt.config.meta_get("rate")
    frame["tags"] = [["a"], ["b", "c"]]
    frame["at"] = pd.to_datetime(["2024-01-01 10:00:00", None])
    frame["Kept Case"] = "x"
    print("rows:", len(frame))
    return frame
"#,
    );
    shop.write(
        "models/by_polars.py",
        "def model(dbt, session):\n    import polars as pl\n    \
         return dbt.ref('by_pandas').to_polars().lazy().select((pl.col('DOUBLED') + 1).alias('more'))\n",
    );
    shop.write(
        "models/by_arrow.py",
        "def model(dbt, session):\n    \
         return session.sql(f\"select count(*) as n, '{dbt.this}' as name from {dbt.ref('by_polars').count() and 'shop.dev.raw'}\").to_arrow()\n",
    );
    shop.write(
        "models/last.sql",
        "select doubled, array_size(tags) as n, at, \"Kept Case\" as kept from {{ ref('by_pandas') }}",
    );
    let done = shop.dbt(&["build"]);
    assert!(done.status.success(), "{}", text(&done));
    assert!(text(&done).contains("rows: 2"), "{}", text(&done));
    assert_eq!(
        shop.query("select * from shop.dev.last order by 1"),
        "DOUBLED,N,AT,KEPT\n21,1,2024-01-01 10:00:00.000,x\n40.5,2,,x\n"
    );
    assert_eq!(
        shop.query("select more from shop.dev.by_polars order by 1"),
        "MORE\n22\n41.5\n"
    );
    assert_eq!(
        shop.query("select * from shop.dev.by_arrow"),
        "N,NAME\n2,SHOP.DEV.by_arrow\n"
    );
    assert_eq!(
        shop.query("show tables like '%PYTHON%' in schema shop.dev")
            .lines()
            .count(),
        1,
        "the table beside the model stays"
    );
    let code = std::fs::read_to_string(
        shop.0
            .path()
            .join("target/compiled/shop/models/by_polars.py"),
    )
    .unwrap();
    assert!(code.starts_with("def model(dbt, session):"), "{code}");
    assert!(code.contains("class dbtObj"), "{code}");
}

#[test]
fn incremental_models_read_what_is_there() {
    if python().is_none() {
        return;
    }
    let shop = Shop::new();
    shop.write(
        "models/sums.py",
        r#"
def model(dbt, session):
    dbt.config(materialized="incremental", unique_key="id", incremental_strategy="merge")
    frame = dbt.ref("raw").to_pandas()[["ID", "AMOUNT"]]
    frame["SEEN"] = 0
    if dbt.is_incremental:
        frame["SEEN"] = session.table(str(dbt.this)).count()
    return frame
"#,
    );
    shop.builds(&["build"]);
    shop.write(
        "seeds/raw.csv",
        "id,amount,day\n2,21,2024-01-02\n3,30,2024-01-03\n",
    );
    shop.builds(&["build"]);
    assert_eq!(
        shop.query("select id, amount, seen from shop.dev.sums order by id"),
        "ID,AMOUNT,SEEN\n1,10.5,0\n2,21,2\n3,30,2\n"
    );
}

#[test]
fn a_duckdb_project_gets_relations_of_duckdb() {
    if python().is_none() {
        return;
    }
    let shop = Shop::new();
    shop.write(
        "models/few.py",
        "def model(dbt, session):\n    return dbt.ref('raw').filter('amount > 15').df()[['id', 'amount']]\n",
    );
    shop.builds(&["build", "--target", "duck"]);
    let done = shop.dbt(&[
        "show",
        "--inline",
        "select * from {{ ref('few') }}",
        "--target",
        "duck",
    ]);
    assert!(text(&done).contains("20.25"), "{}", text(&done));
}

#[test]
fn what_goes_wrong_is_told_at_its_line() {
    if python().is_none() {
        return;
    }
    let shop = Shop::new();
    shop.write(
        "models/raises.py",
        "\n\ndef half(x):\n    return x / 0\n\ndef model(dbt, session):\n    return half(1)\n",
    );
    let said = shop.fails(&["run"]);
    assert!(said.contains("error[T1010]"), "{said}");
    assert!(said.contains("ZeroDivisionError"), "{said}");
    assert!(said.contains("models/raises.py:4:5"), "{said}");
    for (code, expected) in [
        (
            "import no_such_module\n    return 1",
            "`no_such_module`, which is not installed",
        ),
        (
            "dbt.config(packages=['no-such-package==1.0'])\n    return 1",
            "`no-such-package==1.0`, which is not installed",
        ),
        (
            "dbt.config(packages=['pyarrow<1'])\n    return 1",
            "`pyarrow<1`, but",
        ),
        ("return 1", "which is no table of pandas, polars or pyarrow"),
        (
            "return session.sql('select * from nowhere')",
            "does not exist",
        ),
        ("return dbt.ref('raw').filter('x')", "take `.to_pandas()`"),
        (
            "dbt.config(materialized='view')\n    return 1",
            "cannot be materialised as `view`",
        ),
        (
            "dbt.config(timeout=1)\n    import time\n    time.sleep(60)",
            "`timeout` of 1 seconds",
        ),
        ("import os\n    os._exit(3)", "exit status: 3"),
    ] {
        shop.write(
            "models/raises.py",
            &format!("def model(dbt, session):\n    # {{{{ x }}}}\n    {code}\n"),
        );
        shop.builds(&["seed"]);
        let said = shop.fails(&["run"]);
        assert!(said.contains(expected), "{code}: {said}");
    }
    let done = shop
        .command(&["dbt", "run"])
        .env("SLUICE_PYTHON", "/no/such/python")
        .output()
        .unwrap();
    assert!(text(&done).contains("error[T1009]"), "{}", text(&done));
    assert!(text(&done).contains("/no/such/python"), "{}", text(&done));
}

#[test]
fn secrets_of_the_environment_stay_outside() {
    if python().is_none() {
        return;
    }
    let shop = Shop::new();
    shop.write(
        "models/sees.py",
        "import os\nimport pandas as pd\n\ndef model(dbt, session):\n    \
         return pd.DataFrame({'NAME': [n for n in os.environ if 'SHOP' in n or 'DBT' in n]})\n",
    );
    let done = shop
        .command(&["dbt", "run"])
        .env("SHOP_TOKEN", "secret")
        .env("DBT_ENV_SECRET_X", "secret")
        .env("SHOP_REGION", "eu")
        .env("SLUICE_PYTHON_ENV", "SHOP_REGION")
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", text(&done));
    assert_eq!(
        shop.query("select name from shop.dev.sees"),
        "NAME\nSHOP_REGION\n"
    );
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_the_model_too() {
    if python().is_none() {
        return;
    }
    let shop = Shop::new();
    let mark = shop.0.path().join("pid");
    shop.write(
        "models/sleeps.py",
        &format!(
            "import os, time\n\ndef model(dbt, session):\n    open({:?}, 'w').write(str(os.getpid()))\n    time.sleep(100)\n",
            mark.display().to_string()
        ),
    );
    let mut running = shop
        .command(&["dbt", "run"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let patience = Instant::now();
    let pid = loop {
        let pid = std::fs::read_to_string(&mark).unwrap_or_default();
        if !pid.is_empty() {
            break pid;
        }
        assert!(
            patience.elapsed() < Duration::from_secs(60),
            "the model has not begun"
        );
        std::thread::sleep(Duration::from_millis(50));
    };
    let killed = Command::new("kill")
        .args(["-INT", &running.id().to_string()])
        .status();
    assert!(killed.unwrap().success());
    assert_eq!(running.wait().unwrap().code(), Some(130));
    let process = Path::new("/proc").join(&pid);
    while process.exists() {
        assert!(
            patience.elapsed() < Duration::from_secs(60),
            "the model goes on"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}
