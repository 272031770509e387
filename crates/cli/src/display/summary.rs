//! What came of a run: a table of its assets, what failed and why, and one sentence.

use anstyle::Style;
use asset::AssetKind;
use diagnostic::Result;
use orchestrate::{AssetResult, AssetStatus, CheckStatus, RunOutcome};

use super::columns::{Align, Columns};
use super::{human, lines};
use crate::arguments::LogFormat;
use crate::{output, report};

/// Writes the table to stdout and what failed to stderr. With JSON logs the events have said it all.
pub fn write_summary(outcome: &RunOutcome, format: LogFormat) -> Result<()> {
    if format == LogFormat::Json {
        return Ok(());
    }
    output::styled_line(&table(outcome))?;
    for asset in &outcome.assets {
        if asset.status == AssetStatus::Failed
            && let Some(error) = &asset.error
        {
            output::message(&format!("\n{} failed:", asset.key));
            report::error(error, format);
        }
    }
    let bad = |status| {
        matches!(
            status,
            CheckStatus::Failed | CheckStatus::Errored | CheckStatus::Warned
        )
    };
    for check in outcome.checks().filter(|check| bad(check.status)) {
        let (mark, style) = lines::check_look(check.status);
        let why = lines::why(check).unwrap_or_default();
        let (asset, name) = (&check.asset, &check.name);
        output::message(&format!(
            "\n{style}{mark} {asset}: {name}{style:#}\n  {why}"
        ));
        if let Some(error) = &check.error {
            report::error(error, format);
        }
    }
    output::styled_line(&format!("\n{}", sentence(outcome)))
}

fn table(outcome: &RunOutcome) -> String {
    let mut columns = Columns::new(&[
        ("asset", Align::Left),
        ("kind", Align::Left),
        ("status", Align::Left),
        ("rows", Align::Right),
        ("quarantined", Align::Right),
        ("version", Align::Right),
        ("checks", Align::Left),
        ("time", Align::Right),
    ]);
    for asset in &outcome.assets {
        columns.styled_row(row(asset));
    }
    columns.to_string()
}

fn row(asset: &AssetResult) -> Vec<(String, Style)> {
    let plain = Style::new();
    let built = asset.materialization.as_ref();
    let rows = built.and_then(|built| built.rows).map(human::count);
    // Only the lake sets rows aside; elsewhere a zero would be noise.
    let sets_aside = matches!(
        asset.kind,
        AssetKind::Stream | AssetKind::Bronze | AssetKind::Silver
    );
    let quarantined = built.filter(|built| sets_aside || built.quarantined > 0);
    let version = built
        .and_then(|built| built.version)
        .map(|version| format!("v{version}"));
    let time = asset.started.map(|_| human::duration(asset.elapsed));
    vec![
        (asset.key.to_string(), plain),
        (asset.kind.to_string(), Style::new().dimmed()),
        (
            asset.status.as_str().to_owned(),
            lines::look(asset.status).1,
        ),
        (rows.unwrap_or_default(), plain),
        (
            quarantined
                .map(|built| human::count(built.quarantined))
                .unwrap_or_default(),
            plain,
        ),
        (version.unwrap_or_default(), plain),
        checks_cell(asset),
        (time.unwrap_or_default(), plain),
    ]
}

fn checks_cell(asset: &AssetResult) -> (String, Style) {
    let count = |wanted: &[CheckStatus]| {
        asset
            .checks
            .iter()
            .filter(|check| wanted.contains(&check.status))
            .count()
    };
    let failed = count(&[CheckStatus::Failed, CheckStatus::Errored]);
    let parts = [
        (count(&[CheckStatus::Passed]), "passed"),
        (count(&[CheckStatus::Warned]), "warned"),
        (failed, "failed"),
        (count(&[CheckStatus::Skipped]), "skipped"),
    ];
    let worst = match (failed, parts[1].0) {
        (1.., _) => lines::check_look(CheckStatus::Failed).1,
        (0, 1..) => lines::check_look(CheckStatus::Warned).1,
        (0, 0) => Style::new(),
    };
    let present = parts.iter().filter(|(count, _)| *count > 0);
    let texts: Vec<String> = present
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    (texts.join(", "), worst)
}

fn sentence(outcome: &RunOutcome) -> String {
    let statuses = [
        AssetStatus::Built,
        AssetStatus::Fresh,
        AssetStatus::Failed,
        AssetStatus::Skipped,
        AssetStatus::Cancelled,
    ];
    let counted = statuses.map(|status| (outcome.count(status), status));
    let present = counted.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = present
        .map(|(count, status)| format!("{count} {}", status.as_str()))
        .collect();
    let quarantined: u64 = outcome
        .assets
        .iter()
        .filter_map(|asset| asset.materialization.as_ref())
        .map(|built| built.quarantined)
        .sum();
    let aside = match quarantined {
        0 => String::new(),
        rows => format!("; {} quarantined", human::counted(rows, "row")),
    };
    let checks = outcome.checks().count();
    let passed = outcome
        .checks()
        .filter(|check| check.status == CheckStatus::Passed)
        .count();
    let checked = match checks {
        0 => String::new(),
        _ => format!("; {passed} of {} passed", human::counted(checks, "check")),
    };
    let mut sentence = format!(
        "{}: {}{checked}{aside}; {}",
        human::counted(outcome.assets.len(), "asset"),
        parts.join(", "),
        human::duration(outcome.elapsed)
    );
    if outcome.cancelled {
        sentence.push_str(". The run was cancelled");
    } else if outcome.succeeded() && outcome.count(AssetStatus::Built) == 0 {
        sentence.push_str(". Nothing new arrived");
    }
    sentence
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;
    use std::time::{Duration, SystemTime};

    use asset::{AssetKind, CheckOutcome, Materialization, Severity};
    use diagnostic::{Error, codes};
    use model::RunId;
    use orchestrate::{AssetResult, AssetStatus, CheckResult, CheckStatus, RunOutcome, SkipReason};

    use super::{sentence, table};

    fn asset(key: &str, kind: AssetKind, status: AssetStatus) -> AssetResult {
        AssetResult {
            key: key.into(),
            kind,
            status,
            materialization: None,
            error: None,
            skipped: None,
            started: Some(SystemTime::UNIX_EPOCH),
            elapsed: Duration::from_millis(1250),
            attempts: 1,
            checks: Vec::new(),
        }
    }

    #[test]
    fn shows_what_came_of_each_asset() {
        let mut silver = asset("silver/sales", AssetKind::Silver, AssetStatus::Built);
        let built = Materialization::built();
        silver.materialization = Some(
            built
                .with_rows(37_952)
                .with_version(3)
                .with_quarantined(13_313),
        );
        let check = |status, outcome| CheckResult {
            asset: "silver/sales".into(),
            name: "some".to_owned(),
            status,
            outcome: Some(outcome),
            error: None,
            elapsed: Duration::ZERO,
        };
        silver.checks = vec![
            check(CheckStatus::Passed, CheckOutcome::passed(Severity::Error)),
            check(
                CheckStatus::Failed,
                CheckOutcome::failed(Severity::Error, 2, "two rows"),
            ),
        ];
        let mut model = asset("marts/fact_sales", AssetKind::Model, AssetStatus::Failed);
        model.error = Some(Arc::new(Error::new(codes::C0001, "no")));
        let mut skipped = asset("marts/daily", AssetKind::Model, AssetStatus::Skipped);
        skipped.started = None;
        skipped.skipped = Some(SkipReason::Failed("marts/fact_sales".into()));
        let outcome = RunOutcome {
            run: RunId::fresh(),
            assets: vec![silver, model, skipped],
            elapsed: Duration::from_secs(75),
            cancelled: false,
        };
        let plain = anstream::adapter::strip_str(&table(&outcome)).to_string();
        let lines: Vec<&str> = plain.lines().map(str::trim_end).collect();
        assert_eq!(
            lines,
            [
                "asset             kind    status     rows  quarantined  version  checks                time",
                "silver/sales      silver  built    37,952       13,313       v3  1 passed, 1 failed  1.25 s",
                "marts/fact_sales  model   failed                                                     1.25 s",
                "marts/daily       model   skipped",
            ]
        );
        assert_eq!(
            sentence(&outcome),
            "3 assets: 1 built, 1 failed, 1 skipped; 1 of 2 checks passed; 13,313 rows quarantined; 1 min 15 s"
        );
    }
}
