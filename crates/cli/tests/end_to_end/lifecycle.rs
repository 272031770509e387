//! `sluice lifecycle`: rules for buckets as others take them, and the raw zone as it grows old.

use std::fs;
use std::time::{Duration, SystemTime};

use serde_json::json;

use super::shop::{Shop, said};

fn rules(shop: &Shop, rules: &str) {
    shop.write(
        "sluice.yml",
        format!("name: shop\nlifecycle:\n{rules}").as_bytes(),
    );
}

fn done(shop: &Shop, arguments: &[&str]) -> (String, String) {
    let output = shop.sluice(arguments);
    let told = said(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    (String::from_utf8(output.stdout).unwrap(), told)
}

#[test]
fn rules_for_buckets_are_written_as_s3_and_terraform_take_them() {
    let shop = Shop::new();
    let source = "sources:\n  - {name: far, kind: files, location: 's3://drops/in', streams: [{name: x, files: ['*.csv']}]}\n";
    shop.write("sources/far.yml", source.as_bytes());
    shop.write(
        "sluice.yml",
        b"name: shop
environments: {dev: {warehouse: 's3://tables/warehouse'}}
lifecycle:
  - {zone: 'source:far', archive_after: 30 days, expire_after: 400}
  - {zone: warehouse, abort_uploads_after: 7 days}
  - {zone: raw, expire_after: 90 days}
",
    );
    let (json, told) = done(&shop, &["lifecycle", "emit"]);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&json).unwrap(),
        json!({
            "drops": {"Rules": [{
                "ID": "sluice-far-1", "Status": "Enabled", "Filter": {"Prefix": "in/"},
                "Transitions": [{"Days": 30, "StorageClass": "GLACIER"}], "Expiration": {"Days": 400},
            }]},
            "tables": {"Rules": [{
                "ID": "sluice-warehouse-1", "Status": "Enabled", "Filter": {"Prefix": "warehouse/"},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
            }]},
        })
    );
    assert!(told.contains("the raw zone is a folder"), "{told}");
    let (terraform, _) = done(&shop, &["lifecycle", "emit", "--format", "terraform"]);
    for part in [
        "resource \"aws_s3_bucket_lifecycle_configuration\" \"sluice_drops\" {",
        "bucket = \"drops\"",
        "prefix = \"in/\"",
        "storage_class = \"GLACIER\"",
        "days_after_initiation = 7",
    ] {
        assert!(terraform.contains(part), "{terraform}");
    }
    for (rule, why) in [
        ("{zone: warehouse, expire_after: 9}", "sluice vacuum"),
        ("{zone: raw}", "expire_after"),
        (
            "{zone: raw, archive_after: 9, expire_after: 9}",
            "before they are archived",
        ),
        ("{zone: raw, expire_after: 1h}", "whole days"),
        ("{zone: 'source:nowhere', expire_after: 9}", "C0008"),
    ] {
        rules(&shop, &format!("  - {rule}\n"));
        let output = shop.sluice(&["lifecycle", "emit"]);
        assert_eq!(output.status.code(), Some(2), "{rule}");
        assert!(said(&output).contains(why), "{rule}: {}", said(&output));
    }
}

#[test]
fn the_raw_zone_expires_but_for_what_a_replay_needs() {
    let shop = Shop::new();
    shop.deliver("2026-08-01", "a.csv", "a,2026-08-01,Bern,1\n");
    shop.deliver("2026-08-01", "b.csv", "b,2026-08-01,Bern,1\n");
    shop.run();
    shop.deliver("2026-08-01", "a.csv", "a,2026-08-01,Bern,2\n");
    let backfill = shop.sluice(&["backfill", "--from", "2026-08-01"]);
    assert!(backfill.status.success(), "{}", said(&backfill));
    let raw = shop.path().join(".sluice/lake/raw/run_date=2026-08-01");
    let copies = || fs::read_dir(&raw).unwrap().count();
    assert_eq!(copies(), 3);
    let old = SystemTime::now() - Duration::from_secs(40 * 86_400);
    for entry in fs::read_dir(&raw).unwrap() {
        let file = fs::File::options()
            .write(true)
            .open(entry.unwrap().path())
            .unwrap();
        file.set_modified(old).unwrap();
    }
    rules(&shop, "  - {zone: raw, expire_after: 60 days}\n");
    assert!(
        done(&shop, &["lifecycle", "apply"])
            .1
            .contains("Removed 0 files")
    );
    rules(&shop, "  - {zone: raw, expire_after: 30 days}\n");
    let (_, told) = done(&shop, &["lifecycle", "apply", "--dry-run"]);
    assert!(
        told.contains("Would remove 1 file") && told.contains("2 files stay"),
        "{told}"
    );
    assert_eq!(copies(), 3);
    // The version that was corrected is in no table any more.
    done(&shop, &["lifecycle", "apply"]);
    assert_eq!(copies(), 2);
    let before = shop.contents();
    done(&shop, &["replay"]);
    assert_eq!(shop.contents(), before);
    rules(
        &shop,
        "  - {zone: raw, expire_after: 30 days, replay: forget}\n",
    );
    let (_, told) = done(&shop, &["lifecycle", "apply"]);
    assert!(
        told.contains("2 files can not be replayed any more"),
        "{told}"
    );
    assert_eq!(copies(), 0);
    let (_, told) = done(&shop, &["replay"]);
    assert!(told.contains("no copy in the raw zone"), "{told}");
    assert_eq!(shop.contents(), before);
}
