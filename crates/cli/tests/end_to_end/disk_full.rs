//! Disks that are full while a run loads, merges and publishes: a clear error, readers see what they saw, and the next run
//! gives what it would have given.

use std::fmt::Write as _;
use std::process::{Command, Output};

use super::shop::{Shop, said};

/// A project with a drop that is loaded, and a larger one that is not.
fn shop() -> Shop {
    let shop = Shop::new();
    shop.deliver("2026-08-01", "a.csv", &rows(0, 2_000));
    shop.run();
    shop.deliver("2026-08-02", "b.csv", &rows(1_000, 12_000));
    shop
}

/// Orders whose texts do not pack well.
fn rows(from: u64, count: u64) -> String {
    let mut text = String::new();
    for id in from..from + count {
        let noise = id.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let city = ["Accra", "Bern", "Cairo"][usize::try_from(id % 3).unwrap()];
        writeln!(
            text,
            "o{id}-{noise:x},2026-08-01,{city},{}.{:02}",
            noise % 9_000 + 1,
            id % 100
        )
        .unwrap();
    }
    text
}

/// The command under `sh`, after `before` has been run there.
fn under_shell(command: &Command, before: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{before}; exec \"$@\""), "sh"]);
    shell.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

/// Whether a command failed because of the disk, and said so.
fn says_why(output: &Output) {
    let said = said(output);
    let code = output.status.code();
    assert!(matches!(code, Some(1 | 2)), "{code:?} {said}");
    assert!(said.contains("error["), "{said}");
    let reasons = [
        "No space left on device",
        "File too large",
        "disk is full",
        "disk I/O error",
    ];
    assert!(reasons.iter().any(|reason| said.contains(reason)), "{said}");
}

/// No file may become larger than a limit, whichever it is.
#[test]
fn writes_that_fail_anywhere_leave_readers_what_they_saw() {
    let shop = shop();
    let undisturbed = shop.copy();
    let before = undisturbed.contents();
    undisturbed.run();
    let after = undisturbed.contents();
    let mut failed = 0;
    for blocks in [48, 128, 256, 384, 512, 640, 800, 960, 1_200] {
        let limit = format!("trap '' XFSZ; ulimit -f {blocks}");
        let output = under_shell(&shop.command(&["run"]), &limit)
            .output()
            .unwrap();
        if output.status.success() {
            break;
        }
        says_why(&output);
        failed += 1;
        assert_eq!(
            shop.contents(),
            before,
            "{blocks} blocks: {}",
            said(&output)
        );
    }
    assert!(failed >= 4, "only {failed} runs failed");
    shop.run();
    assert_eq!(shop.contents(), after);
}

/// A file system of a few hundred kilobytes, which then grows. It takes a name space of one's own; where the kernel
/// does not give one, the limit on files above has to do.
#[test]
fn a_full_file_system_is_said_and_the_next_run_goes_on() {
    let allowed = Command::new("unshare").args(["-rm", "true"]).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        return;
    }
    let sums = "select count(*), sum(amount), count(distinct _file) from bronze_sales";
    let sums = [
        sums.replace(
            "bronze_sales",
            "(select b.*, b.amount::number(12,2) as n from bronze.sales b)",
        )
        .replace("sum(amount)", "sum(n)"),
        "select count(*), sum(amount), min(order_id) from silver.sales".to_owned(),
        "select sum(orders), sum(amount) from marts.city_totals".to_owned(),
    ]
    .join(";");
    let undisturbed = shop();
    undisturbed.run();
    let expected = undisturbed.sluice(&["-q", "sql", "--format", "csv", "-c", &sums]);
    let mut failed = 0;
    for kilobytes in [600, 1_200, 1_800, 2_400, 3_000, 4_000] {
        let shop = shop();
        let script = "
            cd \"$1\" && mv .sluice before && mkdir .sluice && \
            mount -t tmpfs -o size=256m tmpfs .sluice && cp -a before/. .sluice && \
            used=$(du -sk .sluice | cut -f1) && mount -o remount,size=$((used + $2))k .sluice || exit 99
            \"$3\" run; echo \"first $?\"
            mount -o remount,size=256m .sluice || exit 99
            \"$3\" -q run >/dev/null; echo \"second $?\"
            echo ===; \"$3\" -q sql --format csv -c \"$4\"";
        let mut command = Command::new("unshare");
        command
            .args(["-rm", "sh", "-c", script, "sh"])
            .arg(shop.path());
        command
            .arg(kilobytes.to_string())
            .arg(env!("CARGO_BIN_EXE_sluice"))
            .arg(&sums);
        command
            .env("NO_COLOR", "1")
            .env_remove("SLUICE_ENV")
            .env_remove("SLUICE_FAILPOINT");
        let output = command.output().unwrap();
        let told = said(&output);
        assert_ne!(output.status.code(), Some(99), "{told}");
        assert!(told.contains("second 0"), "{kilobytes} KB: {told}");
        if !told.contains("first 0") {
            failed += 1;
            assert!(
                told.contains("error[") && told.contains("No space left")
                    || told.contains("disk is full"),
                "{told}"
            );
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let rows = text.split_once("===\n").unwrap().1;
        assert_eq!(
            rows,
            String::from_utf8_lossy(&expected.stdout),
            "{kilobytes} KB: {told}"
        );
    }
    assert!(failed >= 2, "only {failed} runs met a full disk");
}
