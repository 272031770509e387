//! `deps --add-package`: one more entry in packages.yml, behind what stands there.

use std::path::Path;

use diagnostic::{Error, Result, ResultExt as _, Source, codes};
use serde_json::json;
use yaml::Node;

/// Where a package comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PackageSource {
    /// The package hub.
    Hub,
    /// A git address.
    Git,
    /// A folder.
    Local,
}

impl PackageSource {
    fn key(self) -> &'static str {
        match self {
            Self::Hub => "package",
            Self::Git => "git",
            Self::Local => "local",
        }
    }
}

/// Adds `NAME@VERSION` to the packages of the project in `root`. What is written there stays as it is.
///
/// # Errors
/// `D1023` if a hub package lacks its version or the package is asked for already, `D4001` if the file
/// cannot be written.
pub fn add_package(root: &Path, package: &str, source: PackageSource) -> Result<()> {
    let (name, version) = match (source, package.rsplit_once('@')) {
        // `git@github.com:a/b.git` has no version.
        (PackageSource::Git, Some((_, rest))) if rest.contains(':') => (package, None),
        (PackageSource::Local, _) => (package, None),
        (_, Some((name, version))) => (name, Some(version)),
        (PackageSource::Hub, None) => {
            let message = format!("`{package}` of `--add-package` has no version");
            return Err(
                Error::new(codes::D1023, message).help("write it as `dbt-labs/dbt_utils@1.3.0`")
            );
        }
        (PackageSource::Git, None) => (package, None),
    };
    let file = match root.join("packages.yml").is_file() {
        false if has_packages(root) => "dependencies.yml",
        _ => "packages.yml",
    };
    let path = root.join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let document = yaml::parse(&Source::new(file, text.clone()))?;
    let list = document.root.get("packages");
    let entries = list.map(Node::items).unwrap_or_default();
    let known = |entry: &&Node| {
        let what = entry.get(source.key()).and_then(Node::scalar_text);
        what.as_deref() == Some(name)
    };
    if let Some(entry) = entries.iter().find(known) {
        return Err(
            Error::new(codes::D1023, format!("`{name}` is asked for already"))
                .at(document.source.place(entry.span.clone()))
                .help("change its version there"),
        );
    }
    let mut entry = format!("  - {}: {}\n", source.key(), scalar(name));
    if let Some(version) = version {
        let key = match source {
            PackageSource::Git => "revision",
            PackageSource::Hub | PackageSource::Local => "version",
        };
        entry.push_str(&format!("    {key}: {}\n", scalar(version)));
    }
    let text = added(&text, &entry, list.is_some(), entries);
    std::fs::write(&path, text).explain(codes::D4001, || {
        format!("`{}` cannot be written", path.display())
    })
}

fn has_packages(root: &Path) -> bool {
    let text = std::fs::read_to_string(root.join("dependencies.yml")).unwrap_or_default();
    yaml::parse(&Source::new("dependencies.yml", text))
        .is_ok_and(|document| document.root.get("packages").is_some())
}

/// The text with the entry behind the last one, as far to the right as that stands.
fn added(text: &str, entry: &str, has_list: bool, entries: &[Node]) -> String {
    let Some(last) = entries.last() else {
        // `packages: []`, or none at all.
        let kept: Vec<&str> = (text.lines())
            .filter(|line| !(has_list && line.starts_with("packages:")))
            .collect();
        let mut kept = kept.join("\n");
        if !kept.is_empty() {
            kept.push('\n');
        }
        return format!("{kept}packages:\n{entry}");
    };
    let begin = text.get(..last.span.start).unwrap_or_default();
    let line = begin.rfind('\n').map_or(0, |at| at + 1);
    let indent = begin.get(line..).unwrap_or_default();
    let indent: String = indent.chars().take_while(|c| *c == ' ').collect();
    let entry: String = (entry.lines())
        .map(|line| format!("{indent}{}\n", line.strip_prefix("  ").unwrap_or(line)))
        .collect();
    let after = text.get(last.span.end..).unwrap_or_default();
    let end = match after.find('\n') {
        _ if begin.len() < text.len() && text[..last.span.end].ends_with('\n') => last.span.end,
        Some(at) => last.span.end + at + 1,
        None => text.len(),
    };
    let (before, after) = text.split_at(end);
    let gap = if before.ends_with('\n') { "" } else { "\n" };
    format!("{before}{gap}{entry}{after}")
}

/// The text as a plain scalar where that says the same, else in quotes.
fn scalar(text: &str) -> String {
    let plain = text
        .chars()
        .all(|c| c.is_alphanumeric() || matches!(c, '/' | '_' | '-' | '.'));
    let number = text.parse::<f64>().is_ok();
    match plain && !number && !text.starts_with('-') {
        true => text.to_owned(),
        false => json!(text).to_string(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{PackageSource, add_package};

    #[test]
    fn entries_are_added_behind_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("packages.yml");
        add_package(folder.path(), "org/one@1.0.0", PackageSource::Hub).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "packages:\n  - package: org/one\n    version: 1.0.0\n"
        );
        std::fs::write(
            &path,
            "# ours\npackages:\n- package: org/one # pinned\n  version: [\">=1.0.0\"]\n# end\n",
        )
        .unwrap();
        add_package(folder.path(), "https://x/two.git@v2", PackageSource::Git).unwrap();
        add_package(folder.path(), "../three", PackageSource::Local).unwrap();
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "# ours\npackages:\n- package: org/one # pinned\n  version: [\">=1.0.0\"]\n\
             - git: \"https://x/two.git\"\n  revision: v2\n- local: ../three\n# end\n"
        );
        for wrong in ["org/one@2.0.0", "org/four"] {
            let error = add_package(folder.path(), wrong, PackageSource::Hub).unwrap_err();
            assert_eq!(error.code().id, "D1023");
        }
    }
}
