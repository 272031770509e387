//! Rules for buckets of S3: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleRule.html>, as JSON for
//! `aws s3api put-bucket-lifecycle-configuration` and as Terraform's `aws_s3_bucket_lifecycle_configuration`.

use serde_json::{Value, json};
use settings::LifecycleRule;
use storage::Location;

/// All rules of one bucket: a bucket has one configuration, which replaces the one before.
#[derive(Clone, Debug)]
pub struct BucketRules {
    /// The bucket.
    pub bucket: String,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    id: String,
    prefix: String,
    archive: Option<(u32, String)>,
    expire: Option<u32>,
    abort: Option<u32>,
}

/// Adds the rule about `what`, which is at `place`.
pub(super) fn add(
    buckets: &mut Vec<BucketRules>,
    (what, place, rule): (&str, &Location, &LifecycleRule),
) {
    let text = place.to_string();
    let below = text
        .split_once("://")
        .map_or(text.as_str(), |(_, below)| below);
    let (bucket, prefix) = below.split_once('/').unwrap_or((below, ""));
    let prefix = match prefix.trim_matches('/') {
        "" => String::new(),
        prefix => format!("{prefix}/"),
    };
    let at = match buckets.iter().position(|known| known.bucket == bucket) {
        Some(at) => at,
        None => {
            buckets.push(BucketRules {
                bucket: bucket.to_owned(),
                rules: Vec::new(),
            });
            buckets.len() - 1
        }
    };
    if let Some(bucket) = buckets.get_mut(at) {
        let number = bucket.rules.len() + 1;
        bucket.rules.push(Rule {
            id: format!("sluice-{what}-{number}"),
            prefix,
            archive: rule
                .archive_after
                .map(|days| (days, rule.storage_class.clone())),
            expire: rule.expire_after,
            abort: rule.abort_uploads_after,
        });
    }
}

impl BucketRules {
    /// The configuration as S3's API takes it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let rules: Vec<Value> = self.rules.iter().map(Rule::to_json).collect();
        json!({"Rules": rules})
    }

    /// The configuration as a Terraform resource.
    #[must_use]
    pub fn to_terraform(&self) -> String {
        let name: String = self
            .bucket
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect();
        let rules: String = self.rules.iter().map(Rule::to_terraform).collect();
        format!(
            "resource \"aws_s3_bucket_lifecycle_configuration\" \"sluice_{name}\" {{\n  bucket = {}\n{rules}}}\n",
            quoted(&self.bucket)
        )
    }
}

impl Rule {
    fn to_json(&self) -> Value {
        let mut rule = json!({
            "ID": self.id,
            "Status": "Enabled",
            "Filter": {"Prefix": self.prefix},
        });
        let mut set = |key: &str, value: Value| {
            if let Some(members) = rule.as_object_mut() {
                members.insert(key.to_owned(), value);
            }
        };
        if let Some((days, class)) = &self.archive {
            set(
                "Transitions",
                json!([{"Days": days, "StorageClass": class}]),
            );
        }
        if let Some(days) = self.expire {
            set("Expiration", json!({"Days": days}));
        }
        if let Some(days) = self.abort {
            set(
                "AbortIncompleteMultipartUpload",
                json!({"DaysAfterInitiation": days}),
            );
        }
        rule
    }

    fn to_terraform(&self) -> String {
        let mut text = format!(
            "\n  rule {{\n    id     = {}\n    status = \"Enabled\"\n\n    filter {{\n      prefix = {}\n    }}\n",
            quoted(&self.id),
            quoted(&self.prefix)
        );
        if let Some((days, class)) = &self.archive {
            text.push_str(&format!(
                "\n    transition {{\n      days          = {days}\n      storage_class = {}\n    }}\n",
                quoted(class)
            ));
        }
        if let Some(days) = self.expire {
            text.push_str(&format!(
                "\n    expiration {{\n      days = {days}\n    }}\n"
            ));
        }
        if let Some(days) = self.abort {
            text.push_str(&format!(
                "\n    abort_incomplete_multipart_upload {{\n      days_after_initiation = {days}\n    }}\n"
            ));
        }
        text.push_str("  }\n");
        text
    }
}

/// A string of HCL: <https://developer.hashicorp.com/terraform/language/expressions/strings>.
fn quoted(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace("${", "$${")
        .replace("%{", "%%{");
    format!("\"{escaped}\"")
}
