//! What no file can tell alone: references between sources and datasets, and within a contract.

use diagnostic::{Error, Result, codes};
use model::ColumnType;

use crate::reader::refuse_twins;
use crate::{
    BinaryFormat, ColumnSpec, DatasetSpec, Format, Located, ServeSpec, SilverFormat, SourceKind,
    SourceSpec, WriteMode,
};

/// Refuses references to nothing, names that stand twice and contradictions, all of them in one error.
pub(crate) fn cross_check(
    sources: &[SourceSpec],
    datasets: &[DatasetSpec],
    serve: &ServeSpec,
) -> Result<()> {
    let source_names = sources
        .iter()
        .map(|s| (s.name.value.as_str(), s.name.place()));
    let dataset_names = datasets
        .iter()
        .map(|d| (d.name.value.as_str(), d.name.place()));
    let addresses = serve.events.iter();
    let addresses = addresses.map(|events| (events.path.value.as_str(), events.path.place()));
    let mut errors = vec![
        refuse_twins("sources", source_names).err(),
        refuse_twins("datasets", dataset_names).err(),
        // One server has the streams of all sources.
        refuse_twins("addresses", sources.iter().flat_map(paths).chain(addresses)).err(),
    ];
    let named = serve.callers.iter().flat_map(|caller| &caller.streams);
    errors.extend(named.map(|stream| names_a_stream(stream, sources).err()));
    for dataset in datasets {
        errors.extend([
            stream_exists(dataset, sources).err(),
            names_are_unique(dataset).err(),
            columns_exist(dataset),
            write_makes_sense(dataset),
            bytes_are_hexadecimal(dataset, sources),
        ]);
    }
    match Error::join(errors.into_iter().flatten()) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

fn paths(source: &SourceSpec) -> impl Iterator<Item = (&str, diagnostic::Place)> {
    let streams = match &source.kind {
        SourceKind::Webhook(streams) => streams.as_slice(),
        SourceKind::Files { .. } | SourceKind::Objects { .. } | SourceKind::Postgres(_) => &[],
    };
    streams
        .iter()
        .map(|stream| (stream.path.as_str(), stream.name.place()))
}

/// `source.stream`, as callers name what they may announce.
fn names_a_stream(name: &Located<String>, sources: &[SourceSpec]) -> Result<()> {
    let known: Vec<String> = sources
        .iter()
        .flat_map(|source| {
            let streams = source.streams.iter();
            streams.map(|stream| format!("{}.{}", source.name.value, stream.name.value))
        })
        .collect();
    match known.contains(&name.value) {
        true => Ok(()),
        false => {
            let message = format!("There is no stream `{}`", name.value);
            Err(Error::new(codes::C0008, message)
                .at(name.place())
                .suggest(&name.value, known.iter().map(String::as_str)))
        }
    }
}

fn stream_exists(dataset: &DatasetSpec, sources: &[SourceSpec]) -> Result<()> {
    let from = &dataset.from;
    let Some(source) = sources
        .iter()
        .find(|source| source.name.value == from.value.source)
    else {
        let message = format!(
            "Dataset `{}` reads from the source `{}`, which does not exist",
            dataset.name.value, from.value.source
        );
        let names = sources.iter().map(|source| source.name.value.as_str());
        return Err(Error::new(codes::C0008, message)
            .at(from.place())
            .suggest(&from.value.source, names));
    };
    if source.stream(&from.value.stream).is_some() {
        return Ok(());
    }
    if source.postgres().is_some() {
        let message = format!(
            "Dataset `{}` reads from the PostgreSQL source `{}`, whose streams are typed already",
            dataset.name.value, from.value.source
        );
        return Err(Error::new(codes::C0010, message)
            .at(from.place())
            .help("its streams become tables by themselves; model them with dbt or SQL"));
    }
    let message = format!(
        "Dataset `{}` reads the stream `{}`, which the source `{}` does not have",
        dataset.name.value, from.value.stream, from.value.source
    );
    let names = source
        .streams
        .iter()
        .map(|stream| stream.name.value.as_str());
    Err(Error::new(codes::C0008, message)
        .at(from.place())
        .suggest(&from.value.stream, names))
}

/// Bytes of files that have types are read as hexadecimal digits, some of which are Base64 as well.
fn bytes_are_hexadecimal(dataset: &DatasetSpec, sources: &[SourceSpec]) -> Option<Error> {
    let from = &dataset.from.value;
    let source = sources
        .iter()
        .find(|source| source.name.value == from.source)?;
    let typed = matches!(
        source.stream(&from.stream)?.format,
        Format::Parquet(_) | Format::Avro(_)
    );
    let other = |column: &&ColumnSpec| {
        column.kind == ColumnType::Binary && column.binary_format != BinaryFormat::default()
    };
    let column = dataset.columns.iter().find(other).filter(|_| typed)?;
    let message = format!(
        "Column `{}` has a `binary_format`, but the files of `{}.{}` hold bytes or hexadecimal digits",
        column.name.value, from.source, from.stream
    );
    Some(
        Error::new(codes::C0010, message)
            .at(column.name.place())
            .help("leave `binary_format` out"),
    )
}

fn names_are_unique(dataset: &DatasetSpec) -> Result<()> {
    let columns = dataset
        .columns
        .iter()
        .map(|c| (c.name.value.as_str(), c.name.place()));
    let rules = dataset
        .rules
        .iter()
        .map(|r| (r.name.value.as_str(), r.name.place()));
    let checks = dataset
        .checks
        .iter()
        .map(|c| (c.name.value.as_str(), c.name.place()));
    refuse_twins("columns", columns)?;
    refuse_twins("rules", rules)?;
    refuse_twins("checks", checks)
}

/// The conditions of rules are SQL and checked by who plans them.
fn columns_exist(dataset: &DatasetSpec) -> Option<Error> {
    let mut errors = Vec::new();
    if let Some(deduplicate) = &dataset.deduplicate {
        let listed = deduplicate.key.iter().chain(&deduplicate.latest_by);
        errors.extend(listed.filter_map(|name| unknown_column(dataset, name, name, "deduplicate")));
    }
    let by = dataset.partition_by.iter();
    errors.extend(by.filter_map(|name| unknown_column(dataset, name, name, "partition_by")));
    let by = dataset.cluster_by.iter();
    errors.extend(by.filter_map(|name| unknown_column(dataset, name, name, "cluster_by")));
    for rule in &dataset.rules {
        let user = format!("the reason of rule `{}`", rule.name.value);
        let names = rule.placeholders();
        errors.extend(names.filter_map(|name| unknown_column(dataset, name, &rule.reason, &user)));
    }
    Error::join(errors)
}

fn unknown_column(
    dataset: &DatasetSpec,
    name: &str,
    at: &Located<String>,
    user: &str,
) -> Option<Error> {
    if dataset.column(name).is_some() {
        return None;
    }
    let message = format!(
        "In dataset `{}`, {user} names the column `{name}`, which does not exist",
        dataset.name.value
    );
    let names = dataset
        .columns
        .iter()
        .map(|column| column.name.value.as_str());
    Some(
        Error::new(codes::C0008, message)
            .at(at.place())
            .suggest(name, names),
    )
}

fn write_makes_sense(dataset: &DatasetSpec) -> Option<Error> {
    if let (SilverFormat::Iceberg, Some(by)) = (dataset.format, dataset.partition_by.first()) {
        let message = "A silver table that is kept as Iceberg has no partitions yet";
        return Some(
            Error::new(codes::C0010, message)
                .at(by.place())
                .help("leave `partition_by` out, or keep the table as Delta"),
        );
    }
    if dataset.format == SilverFormat::Iceberg && dataset.change_data_feed == Some(true) {
        let message = "A silver table that is kept as Iceberg has no change data feed";
        return Some(
            Error::new(codes::C0010, message)
                .at(dataset.name.place())
                .help("leave `change_data_feed` out, or keep the table as Delta"),
        );
    }
    if dataset.write == WriteMode::OverwritePartitions && dataset.partition_by.is_empty() {
        let message = format!(
            "Dataset `{}` is written by overwriting partitions, but no `partition_by` says what they are",
            dataset.name.value
        );
        return Some(
            Error::new(codes::C0010, message)
                .at(dataset.name.place())
                .help("add `partition_by: [column]`, or write by `overwrite`"),
        );
    }
    let merges = dataset.write == WriteMode::Merge;
    if !merges || dataset.deduplicate.is_some() {
        return None;
    }
    let message = format!(
        "Dataset `{}` is written by merge, but no `deduplicate` says which rows are the same",
        dataset.name.value
    );
    Some(
        Error::new(codes::C0010, message)
            .at(dataset.name.place())
            .help("add `deduplicate: {key: […], latest_by: […]}`, or write by `append`"),
    )
}
