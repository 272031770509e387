//! Unpacks a package's archive: tar, perhaps gzipped. One folder at its root is left out.

use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

use diagnostic::{Error, Result, ResultExt as _, codes};
use flate2::read::GzDecoder;

/// The size of a record of the format.
const RECORD: usize = 512;

/// Unpacks the archive `bytes` into `folder`.
///
/// # Errors
/// `D1023` if it is no archive, or a path in it leads out of the folder.
pub(super) fn unpack(name: &str, bytes: &[u8], folder: &Path) -> Result<()> {
    let broken =
        |why: &str| Error::new(codes::D1023, format!("`{name}` cannot be unpacked: {why}"));
    let mut plain = Vec::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        GzDecoder::new(bytes)
            .read_to_end(&mut plain)
            .explain(codes::D1023, || format!("`{name}` cannot be unpacked"))?;
    } else {
        plain = bytes.to_vec();
    }
    let files = files(&plain).ok_or_else(|| broken("it is no tar archive"))?;
    let root = common_root(&files);
    for (path, content) in files {
        let path = match &root {
            Some(root) => path.strip_prefix(root).unwrap_or(&path).to_owned(),
            None => path,
        };
        if path
            .components()
            .any(|part| !matches!(part, Component::Normal(_) | Component::CurDir))
        {
            return Err(broken("a path in it leads elsewhere"));
        }
        let target = folder.join(path);
        let message = || format!("`{}` cannot be written", target.display());
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent).explain(codes::D4001, message)?;
        }
        std::fs::write(&target, content).explain(codes::D4001, message)?;
    }
    Ok(())
}

/// The regular files of a tar archive.
fn files(bytes: &[u8]) -> Option<Vec<(PathBuf, &[u8])>> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut long_name: Option<String> = None;
    while let Some(header) = bytes.get(at..at + RECORD) {
        if header.iter().all(|byte| *byte == 0) {
            break;
        }
        let text = |range: std::ops::Range<usize>| -> String {
            let field = header.get(range).unwrap_or_default();
            let end = field
                .iter()
                .position(|byte| *byte == 0)
                .unwrap_or(field.len());
            String::from_utf8_lossy(&field[..end]).into_owned()
        };
        let size = usize::from_str_radix(text(124..136).trim(), 8).ok()?;
        let content = bytes.get(at + RECORD..at + RECORD + size)?;
        let kind = header.get(156).copied().unwrap_or_default();
        match kind {
            // A name too long for the header comes before its file.
            b'L' => {
                let name = String::from_utf8_lossy(content);
                long_name = Some(name.trim_end_matches('\0').to_owned());
            }
            b'x' => long_name = pax_path(content).or(long_name),
            b'0' | 0 => {
                let prefix = if text(257..262) == "ustar" {
                    text(345..500)
                } else {
                    String::new()
                };
                let name = long_name.take().unwrap_or_else(|| match prefix.is_empty() {
                    true => text(0..100),
                    false => format!("{prefix}/{}", text(0..100)),
                });
                found.push((PathBuf::from(name.trim_start_matches("./")), content));
            }
            _ => long_name = None,
        }
        at += RECORD + size.div_ceil(RECORD) * RECORD;
    }
    (!found.is_empty()).then_some(found)
}

/// `path` of an extended header: lines of `LENGTH key=value`.
fn pax_path(content: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(content);
    text.lines()
        .filter_map(|line| line.split_once(' ')?.1.strip_prefix("path="))
        .map(str::to_owned)
        .next()
}

/// The folder that everything is in, if it is one and `dbt_project.yml` is right below it.
fn common_root(files: &[(PathBuf, &[u8])]) -> Option<PathBuf> {
    let first = |path: &PathBuf| {
        path.components()
            .next()
            .map(|part| PathBuf::from(part.as_os_str()))
    };
    let root = files.first().and_then(|(path, _)| first(path))?;
    let all = files
        .iter()
        .all(|(path, _)| path.components().count() > 1 && first(path).as_ref() == Some(&root));
    all.then_some(root)
}
