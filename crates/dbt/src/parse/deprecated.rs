//! Warnings about models with a `deprecation_date:`, and about those that read them
//! (<https://docs.getdbt.com/reference/resource-properties/deprecation_date>).

use chrono::{DateTime, Local, NaiveDate, NaiveDateTime, TimeZone as _, Utc};

use crate::manifest::Manifest;
use crate::node::ResourceType;
use crate::python_text::str_of;
use crate::warning::{Warning, Warnings};

/// The moment that a `deprecation_date:` means; without a zone it is local time.
pub(super) fn moment(text: &str) -> Option<DateTime<Utc>> {
    let zoned = [
        "%Y-%m-%d %H:%M:%S%.f%:z",
        "%Y-%m-%dT%H:%M:%S%.f%:z",
        "%Y-%m-%d %H:%M:%S%.f%#z",
    ];
    let mut zoned = zoned.iter();
    if let Some(time) = zoned.find_map(|format| DateTime::parse_from_str(text, format).ok()) {
        return Some(time.to_utc());
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    let mut plain = [
        "%Y-%m-%d %H:%M:%S%.f",
        "%Y-%m-%dT%H:%M:%S%.f",
        "%Y-%m-%d %H:%M",
    ]
    .iter();
    let time = plain.find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let day = || {
        NaiveDate::parse_from_str(text, "%Y-%m-%d")
            .ok()?
            .and_hms_opt(0, 0, 0)
    };
    let local = Local.from_local_datetime(&time.or_else(day)?).earliest()?;
    Some(local.to_utc())
}

/// Adds one warning for each exposure whose name is no word.
fn warn_of_names(manifest: &Manifest, warnings: &mut Warnings) {
    for exposure in manifest.exposures.values() {
        let word = |c: char| c.is_alphanumeric() || c == '_';
        if !exposure.name.chars().all(word) {
            let message = format!(
                "The name of the exposure `{}` holds other characters than letters, digits and underscores: \
                 keep those for its `label:`",
                exposure.name
            );
            warnings.add(Warning::new("ExposureNameDeprecation", message));
        }
    }
}

/// Adds one warning for each model whose date is before `now`, and for each reference to a model that
/// has a date.
pub(crate) fn warn(manifest: &Manifest, now: DateTime<Utc>, warnings: &mut Warnings) {
    warn_of_names(manifest, warnings);
    for (at, id) in manifest.edges.ids.iter().enumerate() {
        let Some(model) = manifest.nodes.get(id) else {
            continue;
        };
        let Some(date) = &model.deprecation_date else {
            continue;
        };
        let past = moment(date).is_some_and(|moment| moment < now);
        let name = model.search_name();
        if past {
            let message = format!(
                "Model {name} has passed its deprecation date of {date}. \
                 This model should be disabled or removed."
            );
            warnings.add(Warning::new("DeprecatedModel", message));
        }
        let children = manifest.edges.children(at).iter();
        let children = children.filter_map(|child| manifest.nodes.get(&manifest.edges.ids[*child]));
        for child in children.filter(|child| child.resource_type == ResourceType::Model) {
            let (event, what, advice) = match past {
                true => ("DeprecatedReference", "was deprecated", "Migrate now"),
                false => (
                    "UpcomingReferenceDeprecation",
                    "is slated for deprecation",
                    "Try it out",
                ),
            };
            let mut message = format!(
                "While compiling '{}': Found a reference to {name}, which {what} on '{date}'.",
                child.name
            );
            if let (Some(version), Some(latest)) = (&model.version, &model.latest_version)
                && version != latest
            {
                message.push_str(&format!(
                    " A new version of '{0}' is available. {advice}: {{{{ ref('{1}', '{0}', v='{2}') }}}}.",
                    model.name, model.package, str_of(latest)
                ));
            }
            warnings.add(Warning::new(event, message));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::moment;

    #[test]
    fn dates_are_days_or_times() {
        let known = moment("2024-01-02 03:04:05.00+01:00").unwrap();
        assert_eq!(known.to_rfc3339(), "2024-01-02T02:04:05+00:00");
        assert_eq!(
            moment("2024-01-02T03:04:05Z").unwrap().to_rfc3339(),
            "2024-01-02T03:04:05+00:00"
        );
        assert!(moment("2024-01-02").is_some());
        assert!(moment("soon").is_none());
    }
}
