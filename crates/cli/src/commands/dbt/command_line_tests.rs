#![allow(clippy::unwrap_used, clippy::panic)]

use clap::CommandFactory as _;

use super::{DbtCommand, DbtLine, IndirectSelection};

fn read(line: &str) -> Result<DbtLine, clap::Error> {
    let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    DbtLine::read(&words)
}

#[test]
fn the_definition_is_sound() {
    DbtLine::command().debug_assert();
}

#[test]
fn flags_stand_before_or_after_the_command() {
    for line in [
        "--target ci --fail-fast run -s +a b+ -m c",
        "run -t ci -x --select +a b+ --models c",
    ] {
        let line = read(line).unwrap();
        assert_eq!(line.common.target.as_deref(), Some("ci"));
        assert!(line.common.fail_fast);
        assert_eq!(line.selecting().unwrap().criteria(), ["+a", "b+", "c"]);
        assert_eq!(line.which(), "run");
    }
}

#[test]
fn the_last_of_two_opposites_wins() {
    assert_eq!(read("run").unwrap().full_refresh(), None);
    assert_eq!(read("build -f").unwrap().full_refresh(), Some(true));
    assert_eq!(
        read("build -f --no-full-refresh").unwrap().full_refresh(),
        Some(false)
    );
    assert!(!read("build -x --no-fail-fast").unwrap().common.fail_fast);
}

#[test]
fn reads_the_commands_of_scripts() {
    let line = read("ls --resource-type model test --output json --output-keys name alias --quiet")
        .unwrap();
    assert_eq!(line.kinds().unwrap().resource_types, ["model", "test"]);
    assert_eq!(line.which(), "list");
    let DbtCommand::Show { limit, .. } = read("show -s a --limit -1").unwrap().command else {
        panic!("not show")
    };
    assert_eq!(limit, -1);
    let line = read("test --indirect-selection cautious --store-failures --state prod").unwrap();
    assert_eq!(
        line.common.indirect_selection,
        Some(IndirectSelection::Cautious)
    );
    assert!(line.store_failures());
    for line in [
        "parse --no-partial-parse",
        "parse --partial-parse --maximum-seed-size-mib 5 --no-use-v2-parser",
        "seed --empty --no-print",
        "show -s a --full-refresh",
        "clean --clean-project-files-only",
        "docs generate --compile",
        "init shop -s --skip-debug",
        "fix --dry-run",
        "run --log-level WARN --single-threaded --no-debug",
        "--log-level debug --log-format json build --vars {a:1}",
        "build --empty --log-path=/tmp/x --no-version-check",
        "docs generate --static",
        "source freshness -o out.json",
        "run-operation grant --args {role:x}",
        "list --select tag:x",
        "deps --upgrade",
        "deps --lock",
        "deps --add-package https://x/y.git@v1 --source git",
        "debug --connection",
    ] {
        read(line).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn refuses_what_dbt_refuses() {
    assert!(read("parse --select a").is_err());
    assert!(read("run --store-failures").is_err());
    assert!(read("ls --models a --select b").is_err());
    assert!(read("biuld").is_err());
    assert!(read("").is_err());
}

/// The switches of every command of dbt 1.12.
const SWITCHES: &str = "--cache-selected-only --debug --defer --fail-fast --favor-state --hints-enabled \
    --log-cache-events --macro-debugging --no-cache-selected-only --no-debug --no-defer --no-fail-fast \
    --no-favor-state --no-hints-enabled --no-log-cache-events --no-macro-debugging --no-partial-parse \
    --no-partial-parse-file-diff --no-populate-cache --no-print --no-quiet \
    --no-send-anonymous-usage-stats --no-show-all-deprecations --no-show-resource-report \
    --no-single-threaded --no-snowflake-projects-otel --no-static-parser \
    --no-upload-to-artifacts-ingest-api --no-use-colors --no-use-colors-file \
    --no-use-experimental-parser --no-use-fast-test-edges --no-use-v2-parser --no-version-check \
    --no-write-json --partial-parse --partial-parse-file-diff --populate-cache --print --quiet \
    --send-anonymous-usage-stats --show-all-deprecations --show-resource-report --single-threaded \
    --snowflake-projects-otel --static-parser --upload-to-artifacts-ingest-api --use-colors \
    --use-colors-file --use-experimental-parser --use-fast-test-edges --use-v2-parser --version-check \
    --warn-error --write-json -d -q -x";

/// Its flags with values.
const VALUES: &str = "--defer-state=d --indirect-selection=eager --log-file-max-bytes=1 --log-format=text \
    --log-format-file=json --log-level=debug --log-level-file=none --log-path=d \
    --maximum-seed-size-mib=1 --partial-parse-file-path=f --printer-width=80 --profile=p \
    --record-timing-info=f --state=d --target=t --v2-parser=x --warn-error-options={} -r=f -t=t \
    --profiles-dir=d --project-dir=d --vars={}";

/// The flags of single commands.
const COMMANDS: [(&str, &str); 21] = [
    (
        "build",
        "--empty --export-saved-queries --full-refresh --include-saved-query --no-empty \
         --no-export-saved-queries --no-include-saved-query --show --store-failures -f \
         --event-time-end=2024-01-02 --event-time-start=2024-01-01 --exclude-resource-type=metric \
         --exclude-resource-types=metric --resource-type=function --resource-types=all --sample=1 \
         --sqlparse={} --target-path=d --threads=1 --selector=s --exclude x --model x --models x \
         --select x -m x -s x",
    ),
    ("clean", "--clean-project-files-only --target-path=d"),
    ("clean", "--no-clean-project-files-only"),
    (
        "docs generate",
        "--compile --empty-catalog --no-compile --static --sqlparse={} --target-path=d --threads=1 \
         --selector=s --exclude x --model x --models x --select x -m x -s x",
    ),
    (
        "docs serve",
        "--browser --no-browser --host=h --port=1 --target-path=d",
    ),
    (
        "compile",
        "--empty --full-refresh --inject-ephemeral-ctes --introspect --no-empty \
         --no-inject-ephemeral-ctes --no-introspect -f --inline=x --output=json --sqlparse={} \
         --target-path=d --threads=1 --selector=s --exclude x --model x --models x --select x -m x -s x",
    ),
    (
        "show",
        "--full-refresh --introspect --no-introspect -f --inline=x --limit=1 --output=json \
         --sqlparse={} --target-path=d --threads=1 --selector=s --exclude x --model x --models x \
         --select x -m x -s x",
    ),
    ("show", "--inline-direct=x"),
    ("debug", "--config-dir --connection"),
    (
        "deps",
        "--lock --upgrade --add-package=a@1.0.0 --source=hub",
    ),
    ("init", "--skip-debug --skip-profile-setup -s"),
    (
        "list",
        "--exclude-resource-type=metric --exclude-resource-types=metric --output=json \
         --resource-type=function --resource-types=default --target-path=d --selector=s \
         --output-keys x --exclude x --model x --models x -m x",
    ),
    ("ls", "--output=path --select x -s x"),
    ("parse", "--target-path=d --threads=1"),
    (
        "run",
        "--empty --full-refresh --no-empty -f --event-time-end=2024-01-02 \
         --event-time-start=2024-01-01 --sample=1 --sqlparse={} --target-path=d --threads=1 \
         --selector=s --exclude x --model x --models x --select x -m x -s x",
    ),
    ("retry", "--full-refresh -f --target-path=d --threads=1"),
    (
        "clone",
        "--full-refresh -f --exclude-resource-type=metric --resource-type=seed --target-path=d \
         --threads=1 --selector=s --exclude x --model x --models x --select x -m x -s x",
    ),
    ("run-operation m", "--args={} --target-path=d --threads=1"),
    ("run-operation --sql=x", "--target-path=d"),
    (
        "source freshness",
        "--output=f -o=f --sqlparse={} --target-path=d --threads=1 --selector=s --exclude x \
         --model x --models x --select x -m x -s x",
    ),
    ("source snapshot-freshness", "-o=f"),
];

#[test]
fn no_flag_of_dbt_is_unknown() {
    let of_nodes = "--sqlparse={} --target-path=d --threads=1 --selector=s --exclude x --model x \
                    --models x --select x -m x -s x";
    let more = [
        ("seed", "--empty --no-empty --full-refresh -f --show"),
        ("snapshot", "--empty --no-empty"),
        (
            "test",
            "--store-failures --resource-type=unit_test --exclude-resource-types=test",
        ),
    ];
    let more = more.map(|(command, own)| (command, format!("{own} {of_nodes}")));
    let all = COMMANDS.map(|(command, own)| (command, own.to_owned()));
    for (command, own) in all.iter().chain(&more) {
        for line in [
            format!("{command} {SWITCHES} {VALUES} {own}"),
            format!("{SWITCHES} {VALUES} {command}"),
        ] {
            read(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }
}
