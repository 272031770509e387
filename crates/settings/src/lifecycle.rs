//! `lifecycle:` of `sluice.yml`: how long files are kept, and when they move to a cheaper class of storage.

use diagnostic::{Error, Result, codes};

use crate::reader::Item;
use crate::{Located, SourceKind, SourceSpec, duration};

/// The classes of S3 that objects may move to
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_Transition.html>).
const CLASSES: &[&str] = &[
    "GLACIER",
    "DEEP_ARCHIVE",
    "GLACIER_IR",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
];

/// What happens to the files of one zone as they grow older.
#[derive(Clone, Debug, PartialEq)]
pub struct LifecycleRule {
    /// Which files.
    pub zone: Located<LifecycleZone>,
    /// After how many days they move to `storage_class`.
    pub archive_after: Option<u32>,
    /// The class of storage they move to, as S3 calls it.
    pub storage_class: String,
    /// After how many days they are removed.
    pub expire_after: Option<u32>,
    /// After how many days uploads that were begun and never ended are removed.
    pub abort_uploads_after: Option<u32>,
    /// Whether files expire although `sluice replay` would need them.
    pub forget: bool,
}

/// The files that a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LifecycleZone {
    /// Copies of what was loaded.
    Raw,
    /// The tables.
    Warehouse,
    /// What a source delivers, by the name of the source.
    Source(String),
}

pub(crate) fn read(item: Item<'_>) -> Result<LifecycleRule> {
    let fields = item.fields(&[
        "zone",
        "archive_after",
        "storage_class",
        "expire_after",
        "abort_uploads_after",
        "replay",
    ])?;
    let zone = fields.require("zone")?;
    let text = zone.text()?;
    let kind = match text.as_str() {
        "raw" => LifecycleZone::Raw,
        "warehouse" => LifecycleZone::Warehouse,
        other => match other.strip_prefix("source:") {
            Some(name) => LifecycleZone::Source(name.trim().to_owned()),
            None => {
                let message =
                    format!("Expected `raw`, `warehouse` or `source:<name>`, found `{other}`");
                return Err(zone.refuse(&message));
            }
        },
    };
    let days = |key: &str| fields.get(key).map(read_days).transpose();
    let rule = LifecycleRule {
        archive_after: days("archive_after")?,
        storage_class: match fields.get("storage_class") {
            Some(class) => read_class(class)?,
            None => "GLACIER".to_owned(),
        },
        expire_after: days("expire_after")?,
        abort_uploads_after: days("abort_uploads_after")?,
        forget: match fields.get("replay") {
            Some(replay) => replay.word(&[("keep", false), ("forget", true)])?,
            None => false,
        },
        zone: zone.located(kind),
    };
    if rule.zone.value == LifecycleZone::Warehouse
        && let Some(other) = fields.get("archive_after").or(fields.get("expire_after"))
    {
        return Err(other
            .refuse("Files of tables are needed as long as a version within retention has them, however old they are")
            .help("`sluice vacuum` removes those that nothing needs; a warehouse takes `abort_uploads_after` only"));
    }
    if let (Some(archive), Some(expire)) = (rule.archive_after, rule.expire_after)
        && archive >= expire
    {
        return Err(item.refuse("Files would be removed before they are archived"));
    }
    if rule
        .archive_after
        .or(rule.expire_after)
        .or(rule.abort_uploads_after)
        .is_none()
    {
        return Err(
            item.refuse("A rule needs `archive_after`, `expire_after` or `abort_uploads_after`")
        );
    }
    Ok(rule)
}

fn read_days(item: Item<'_>) -> Result<u32> {
    const DAY: u64 = 86_400;
    let text = item.text()?;
    let bare = text.trim().parse::<u32>().ok().filter(|days| *days > 0);
    let days = bare.or_else(|| {
        let time = duration::parse(&text)?;
        let whole = time.as_secs() % DAY == 0 && time.subsec_nanos() == 0;
        u32::try_from(time.as_secs() / DAY)
            .ok()
            .filter(|days| whole && *days > 0)
    });
    days.ok_or_else(|| {
        item.refuse(&format!(
            "Expected whole days, as in `90 days`, found `{text}`"
        ))
    })
}

fn read_class(item: Item<'_>) -> Result<String> {
    let text = item.text()?;
    let upper = text.to_ascii_uppercase();
    match CLASSES.contains(&upper.as_str()) {
        true => Ok(upper),
        false => Err(item
            .refuse(&format!("`{text}` is no class of storage to move to"))
            .suggest(&upper, CLASSES.iter().copied())),
    }
}

/// Refuses rules about sources that do not exist, or that are no files.
pub(crate) fn check(rules: &[LifecycleRule], sources: &[SourceSpec]) -> Result<()> {
    for rule in rules {
        let LifecycleZone::Source(name) = &rule.zone.value else {
            continue;
        };
        let source = sources.iter().find(|source| source.name.value == *name);
        let Some(source) = source else {
            let names = sources.iter().map(|source| source.name.value.as_str());
            return Err(
                Error::new(codes::C0008, format!("There is no source `{name}`"))
                    .at(rule.zone.place())
                    .suggest(name, names),
            );
        };
        if !matches!(
            source.kind,
            SourceKind::Files { .. } | SourceKind::Objects { .. }
        ) {
            let message = format!("The source `{name}` has no files of its own");
            return Err(Error::new(codes::C0010, message).at(rule.zone.place()));
        }
    }
    Ok(())
}
