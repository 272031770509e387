//! Memory stays below `memory_limit` however long rows are and however many of them there are.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::shop::Shop;

const MIB: usize = 1 << 20;

/// What a project here may use. Rows of 8 MiB pass through buffers of whole rows: reader, queues, writers.
pub const LIMIT_MIB: usize = 512;

/// Runs `command`, which must go well, and gives the most memory it had, in MiB.
pub fn peak_of(command: &mut Command) -> usize {
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        peak = peak.max(peak_now(&child).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert!(peak > 0, "nothing was measured");
    peak
}

/// `VmHWM` of proc(5): the peak of what the process had in memory.
fn peak_now(child: &Child) -> Option<usize> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}

#[test]
fn long_rows_of_files_pass_through_little_memory() {
    let shop = Shop::empty();
    let limit = format!("name: shop\nmemory_limit: {LIMIT_MIB}MiB\n");
    shop.write("sluice.yml", limit.as_bytes());
    shop.write(
        "sources/long.yml",
        b"sources:\n  - name: long\n    kind: files\n    path: landing\n    streams:\n      \
          - {name: csv, files: ['*.csv'], format: {kind: csv}}\n      \
          - {name: lines, files: ['*.ndjson'], format: {kind: ndjson}}\n",
    );
    for stream in ["csv", "lines"] {
        let contract = format!(
            "dataset: {stream}\nfrom: long.{stream}\ncolumns:\n  id: {{type: int}}\n  body: {{type: text}}\n\
             deduplicate: {{key: [id]}}\nwrite: {{mode: merge}}\n"
        );
        shop.write(&format!("lake/{stream}.yml"), contract.as_bytes());
    }
    // 40 rows of 8 MiB each way: more than the limit.
    let body = "a row that is as long as a book ".repeat(8 * MIB / 32);
    let mut csv = String::from("id,body\n");
    let mut lines = String::new();
    for id in 0..40 {
        csv.push_str(&format!("{id},{body}\n"));
        lines.push_str(&format!("{{\"id\":{id},\"body\":\"{body}\"}}\n"));
    }
    shop.write("landing/long.csv", csv.as_bytes());
    shop.write("landing/long.ndjson", lines.as_bytes());
    let peak = peak_of(&mut shop.command(&["run"]));
    assert!(peak < LIMIT_MIB, "{peak} MiB");
    for stream in ["csv", "lines"] {
        let sql = format!("select sum(length(body)) from silver.{stream}");
        assert_eq!(shop.value(&sql), (40 * body.len()).to_string(), "{stream}");
    }
}
