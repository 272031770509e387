//! PUT, GET, LIST and REMOVE: <https://docs.snowflake.com/en/sql-reference/commands-file>.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use diagnostic::{Error, Result, ResultExt, codes};
use engine::{Outcome, Rows, Session};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::StreamExt;
use md5::{Digest, Md5};
use sql::command::{StageFiles, Transfer};

use super::unknown;
use crate::Embedded;
use crate::stages::{Location, Pattern, StagedFile, flag, list, single};

/// The options of PUT.
struct PutOptions {
    compress: bool,
    overwrite: bool,
}

pub(super) fn put(engine: &Embedded, session: &Session, transfer: &Transfer) -> Result<Outcome> {
    let mut options = PutOptions {
        compress: true,
        overwrite: false,
    };
    for option in &transfer.options {
        match option.name.as_str() {
            "AUTO_COMPRESS" => options.compress = flag(option)?,
            "OVERWRITE" => options.overwrite = flag(option)?,
            // Copies on one machine are not made in parallel, and compression is found out by content.
            "PARALLEL" => {
                single(option)?;
            }
            "SOURCE_COMPRESSION" if single(option)?.eq_ignore_ascii_case("AUTO_DETECT") => {}
            _ => return Err(unknown(option)),
        }
    }
    let location = internal(engine, session, &transfer.stage, "PUT")?;
    let folder = location.target();
    std::fs::create_dir_all(&folder).explain(codes::K2003, || {
        format!("Folder `{}` cannot be created", folder.display())
    })?;
    let mut lines = Vec::new();
    for source in matching(&transfer.local)? {
        lines.push(put_one(&source, &folder, &options)?);
    }
    let column = |at: usize| lines.iter().map(move |line: &[String; 8]| line[at].clone());
    let numbers =
        |at: usize| Arc::new(Int64Array::from_iter(column(at).map(|n| n.parse().ok()))) as ArrayRef;
    let texts = |at: usize| Arc::new(StringArray::from_iter_values(column(at))) as ArrayRef;
    rows(vec![
        ("source", texts(0)),
        ("target", texts(1)),
        ("source_size", numbers(2)),
        ("target_size", numbers(3)),
        ("source_compression", texts(4)),
        ("target_compression", texts(5)),
        ("status", texts(6)),
        ("message", texts(7)),
    ])
}

fn put_one(source: &Path, folder: &Path, options: &PutOptions) -> Result<[String; 8]> {
    let name = source
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let unreadable = || format!("`{}` cannot be read", source.display());
    let packed = match name.rsplit('.').next() {
        Some("gz") => "GZIP",
        Some("zst") => "ZSTD",
        Some("bz2") => "BZIP2",
        Some("parquet") => "PARQUET",
        _ => "NONE",
    };
    let compress = options.compress && packed == "NONE";
    let target_name = if compress {
        format!("{name}.gz")
    } else {
        name.clone()
    };
    let target = folder.join(&target_name);
    let size = std::fs::metadata(source)
        .explain(codes::F1001, unreadable)?
        .len();
    let status = if target.exists() && !options.overwrite {
        "SKIPPED"
    } else {
        // A reader sees the whole file or none.
        let part = folder.join(format!(".{target_name}.part"));
        let unwritable = || format!("`{}` cannot be written", target.display());
        if compress {
            let mut input = File::open(source).explain(codes::F1001, unreadable)?;
            let output = File::create(&part).explain(codes::K2003, unwritable)?;
            let mut packer = GzEncoder::new(output, Compression::fast());
            std::io::copy(&mut input, &mut packer).explain(codes::K2003, unwritable)?;
            packer.finish().explain(codes::K2003, unwritable)?;
        } else {
            std::fs::copy(source, &part).explain(codes::K2003, unwritable)?;
        }
        std::fs::rename(&part, &target).explain(codes::K2003, unwritable)?;
        "UPLOADED"
    };
    let target_size = std::fs::metadata(&target).map_or(0, |found| found.len());
    Ok([
        name,
        target_name,
        size.to_string(),
        target_size.to_string(),
        packed.to_owned(),
        if compress { "GZIP" } else { packed }.to_owned(),
        status.to_owned(),
        String::new(),
    ])
}

/// The files of this machine that `file://…` means; the last part may have `*` and `?`.
fn matching(local: &str) -> Result<Vec<PathBuf>> {
    let path = local.strip_prefix("file://").unwrap_or(local);
    let whole = PathBuf::from(path);
    let last = whole
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    if !last.contains(['*', '?']) {
        if whole.is_file() {
            return Ok(vec![whole]);
        }
        return Err(nowhere(path));
    }
    let mut expression = String::new();
    for letter in last.chars() {
        match letter {
            '*' => expression.push_str("[^/]*"),
            '?' => expression.push_str("[^/]"),
            letter => expression.push_str(&regex::escape(&letter.to_string())),
        }
    }
    let pattern = Pattern::new(&expression)?;
    let folder = whole.parent().unwrap_or(Path::new("/"));
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .map_err(|cause| nowhere(path).because(cause))?
        .filter_map(std::result::Result::ok)
        .map(|entry| entry.path())
        .filter(|path| {
            path.is_file()
                && path
                    .file_name()
                    .is_some_and(|name| pattern.matches(&name.to_string_lossy()))
        })
        .collect();
    found.sort();
    if found.is_empty() {
        return Err(nowhere(path));
    }
    Ok(found)
}

fn nowhere(path: &str) -> Error {
    Error::new(codes::F1001, format!("There is no file `{path}`"))
}

pub(super) fn get(engine: &Embedded, session: &Session, transfer: &Transfer) -> Result<Outcome> {
    let mut pattern = None;
    for option in &transfer.options {
        match option.name.as_str() {
            "PATTERN" => pattern = Some(Pattern::new(&single(option)?)?),
            "PARALLEL" => {
                single(option)?;
            }
            _ => return Err(unknown(option)),
        }
    }
    let location = Location::named(&engine.databases(session), &transfer.stage)?;
    let path = transfer.local.strip_prefix("file://");
    let folder = PathBuf::from(path.unwrap_or(&transfer.local));
    std::fs::create_dir_all(&folder).explain(codes::K2003, || {
        format!("Folder `{}` cannot be created", folder.display())
    })?;
    let files = list(&location, pattern.as_ref())?;
    for file in &files {
        let target = folder.join(base(&file.name));
        std::fs::copy(&file.path, &target).explain(codes::K2003, || {
            format!("`{}` cannot be written", target.display())
        })?;
    }
    let sizes = files.iter().map(|file| i64::try_from(file.size).ok());
    rows(vec![
        (
            "file",
            Arc::new(StringArray::from_iter_values(
                files.iter().map(|file| base(&file.name)),
            )),
        ),
        ("size", Arc::new(Int64Array::from_iter(sizes))),
        (
            "status",
            Arc::new(StringArray::from(vec!["DOWNLOADED"; files.len()])),
        ),
        (
            "message",
            Arc::new(StringArray::from(vec![""; files.len()])),
        ),
    ])
}

/// Feeds what is written to a hash.
struct HashWriter<'a>(&'a mut Md5);

impl std::io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn base(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

pub(super) fn list_files(
    engine: &Embedded,
    session: &Session,
    wanted: &StageFiles,
) -> Result<Outcome> {
    let (location, files) = found(engine, session, wanted)?;
    let name = |file: &StagedFile| format!("{}{}", location.label, file.name);
    let sizes = files.iter().map(|file| i64::try_from(file.size).ok());
    let hashes = files
        .iter()
        .map(|file| {
            let mut hasher = Md5::new();
            File::open(&file.path)
                .and_then(|mut open| std::io::copy(&mut open, &mut HashWriter(&mut hasher)))
                .explain(codes::F1001, || format!("`{}` cannot be read", file.name))?;
            let hash = hasher.finalize();
            Ok(hash
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>())
        })
        .collect::<Result<Vec<_>>>()?;
    let times = files.iter().map(|file| {
        file.modified
            .format("%a, %-d %b %Y %H:%M:%S GMT")
            .to_string()
    });
    rows(vec![
        (
            "name",
            Arc::new(StringArray::from_iter_values(files.iter().map(name))),
        ),
        ("size", Arc::new(Int64Array::from_iter(sizes))),
        ("md5", Arc::new(StringArray::from(hashes))),
        (
            "last_modified",
            Arc::new(StringArray::from_iter_values(times)),
        ),
    ])
}

pub(super) fn remove(engine: &Embedded, session: &Session, wanted: &StageFiles) -> Result<Outcome> {
    let location = Location::named(&engine.databases(session), &wanted.stage)?;
    if !location.internal {
        return Err(Error::new(
            codes::E2001,
            "Files that are not the warehouse's own are not removed",
        )
        .help("remove them where they are"));
    }
    let (_, files) = found(engine, session, wanted)?;
    for file in &files {
        std::fs::remove_file(&file.path).explain(codes::K2003, || {
            format!("`{}` cannot be removed", file.name)
        })?;
    }
    rows(vec![
        (
            "name",
            Arc::new(StringArray::from_iter_values(
                files
                    .iter()
                    .map(|file| format!("{}{}", location.label, file.name)),
            )),
        ),
        (
            "result",
            Arc::new(StringArray::from(vec!["removed"; files.len()])),
        ),
    ])
}

fn found(
    engine: &Embedded,
    session: &Session,
    wanted: &StageFiles,
) -> Result<(Location, Vec<StagedFile>)> {
    let location = Location::named(&engine.databases(session), &wanted.stage)?;
    let pattern = wanted.pattern.as_deref().map(Pattern::new).transpose()?;
    let files = list(&location, pattern.as_ref())?;
    Ok((location, files))
}

fn internal(
    engine: &Embedded,
    session: &Session,
    stage: &sqlparser::ast::ObjectName,
    what: &str,
) -> Result<Location> {
    let location = Location::named(&engine.databases(session), stage)?;
    if location.internal {
        return Ok(location);
    }
    Err(Error::new(
        codes::E1002,
        format!("{what} needs an internal stage, but `{stage}` has a URL"),
    ))
}

fn rows(columns: Vec<(&str, ArrayRef)>) -> Result<Outcome> {
    let columns = columns
        .into_iter()
        .map(|(name, values)| (name, values, true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns)
        .explain(codes::X0001, || "A listing cannot be built".to_owned())?;
    Ok(Outcome::Rows(Rows {
        schema: batch.schema(),
        batches: futures::stream::iter([Ok(batch)]).boxed(),
    }))
}
