//! `deps`: installs the packages of packages.yml and dependencies.yml
//! (<https://docs.getdbt.com/docs/build/packages>).
//!
//! Local packages are linked. Git and hub packages come from a mirror folder, which holds packages as
//! folders or archives; a git address that is not mirrored is left to `git`.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::process::Command;

use diagnostic::{Error, Place, Result, ResultExt as _, Source, codes};
use serde_json::json;
use yaml::Node;

use super::archive;
use super::render::{Renderer, render_document};
use super::version::{Version, fits};

/// What is installed of one package.
#[derive(Clone, Debug)]
pub struct Installed {
    /// Its name, as its `dbt_project.yml` says.
    pub name: String,
    /// The version it says, if any.
    pub version: Option<String>,
    /// What was asked for: `dbt-labs/dbt_utils`, an address, a path.
    pub asked: String,
    /// `hub`, `git`, `local` or `tarball`.
    pub kind: &'static str,
    /// Where it is installed.
    pub folder: PathBuf,
}

/// One entry of packages.yml.
#[derive(Clone, Debug)]
struct Wanted {
    kind: &'static str,
    /// The hub name, address or path.
    what: String,
    versions: Vec<String>,
    revision: Option<String>,
    subdirectory: Option<String>,
    prerelease: bool,
    /// The folder that relative paths start from.
    base: PathBuf,
    place: Place,
}

impl Wanted {
    /// What tells it from other packages: `.git` at the end of an address does not.
    fn key(&self) -> String {
        match self.kind {
            "local" => {
                let path = self.base.join(&self.what);
                path.canonicalize().unwrap_or(path).display().to_string()
            }
            _ => self.what.trim_end_matches(".git").to_owned(),
        }
    }
}

/// Where packages are taken from and put.
pub struct Installer<'i> {
    /// The project's folder.
    pub root: &'i Path,
    /// The project's name.
    pub name: &'i str,
    /// `packages-install-path`, relative to the project.
    pub into: &'i str,
    /// Folders of packages, searched in order.
    pub mirrors: &'i [PathBuf],
    /// Renders templates in packages.yml.
    pub render: &'i Renderer<'i>,
}

impl Installer<'_> {
    /// Installs everything that is asked for, and what that asks for, and writes the lock file. With
    /// `upgrade`, the versions of an earlier lock file do not count.
    ///
    /// # Errors
    /// `D1023` for a package that cannot be found; `D4001` if one cannot be written.
    pub fn install(&self, upgrade: bool) -> Result<Vec<Installed>> {
        self.resolve(upgrade, &self.root.join(self.into))
    }

    /// Writes the lock file and installs nothing.
    ///
    /// # Errors
    /// As [`Installer::install`].
    pub fn lock_only(&self, upgrade: bool) -> Result<Vec<Installed>> {
        let folder = self.root.join(self.into).join(".resolving");
        let resolved = self.resolve(upgrade, &folder);
        std::fs::remove_dir_all(&folder).ok();
        // Not there if nothing is installed yet; with packages in it, it stays.
        std::fs::remove_dir(self.root.join(self.into)).ok();
        resolved
    }

    fn resolve(&self, upgrade: bool, folder: &Path) -> Result<Vec<Installed>> {
        let mut queue: VecDeque<Wanted> = self.wanted(self.root)?.into();
        let locked = if upgrade { Vec::new() } else { self.locked() };
        std::fs::create_dir_all(folder).explain(codes::D4001, || {
            format!("`{}` cannot be written", folder.display())
        })?;
        let mut installed: Vec<Installed> = Vec::new();
        let mut seen: Vec<(String, Vec<String>)> = Vec::new();
        while let Some(mut wanted) = queue.pop_front() {
            if let Some((_, before)) = seen.iter().find(|(key, _)| *key == wanted.key()) {
                self.agree(&installed, &wanted, before)?;
                continue;
            }
            let asked = wanted.versions.clone();
            if let Some((_, version)) = locked.iter().find(|(what, _)| *what == wanted.what)
                && Version::parse(version).is_some_and(|version| fits(&version, &wanted.versions))
            {
                wanted.versions = vec![version.clone()];
            }
            let found = match self.fetch(&wanted, folder) {
                // The locked version need not be mirrored if another one fits.
                Err(_) if wanted.versions != asked => {
                    wanted.versions = asked;
                    self.fetch(&wanted, folder)?
                }
                found => found?,
            };
            let (found, chosen) = found;
            let (name, written) = named(&found)?;
            let version = match (wanted.kind, chosen) {
                ("hub", chosen) => chosen,
                (_, chosen) => chosen.or(written),
            };
            if name == self.name || installed.iter().any(|have| have.name == name) {
                // A local package is the user's own folder.
                if found.starts_with(folder) {
                    std::fs::remove_dir_all(&found).ok();
                }
                continue;
            }
            let target = folder.join(&name);
            place(&found, &target, folder)?;
            queue.extend(self.wanted(&target)?);
            seen.push((wanted.key(), wanted.versions.clone()));
            installed.push(Installed {
                name,
                version,
                asked: wanted.what,
                kind: wanted.kind,
                folder: target,
            });
        }
        self.lock(&installed)?;
        Ok(installed)
    }

    /// The packages that the project or package in `folder` asks for.
    fn wanted(&self, folder: &Path) -> Result<Vec<Wanted>> {
        let mut all = Vec::new();
        for file in ["packages.yml", "dependencies.yml"] {
            let path = folder.join(file);
            let Ok(text) = std::fs::read_to_string(&path) else {
                continue;
            };
            let shown = path
                .strip_prefix(self.root)
                .unwrap_or(&path)
                .display()
                .to_string();
            let document = yaml::parse(&Source::new(shown, text))?;
            let document = render_document(&document, &|_| false, self.render)?;
            let list = document
                .root
                .get("packages")
                .map(Node::items)
                .unwrap_or_default();
            let base = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
            for entry in list {
                let place = document.source.place(entry.span.clone());
                all.push(read(entry, &base, place)?);
            }
        }
        Ok(all)
    }

    /// Whether the version that is installed already fits this entry too.
    fn agree(&self, installed: &[Installed], wanted: &Wanted, before: &[String]) -> Result<()> {
        let found = installed.iter().find(|have| have.asked == wanted.what);
        let version = found
            .and_then(|have| have.version.as_deref())
            .and_then(Version::parse);
        match version {
            Some(version) if wanted.kind == "hub" && !fits(&version, &wanted.versions) => {
                let message = format!(
                    "No version of `{}` fits everything that asks for it",
                    wanted.what
                );
                Err(Error::new(codes::D1023, message)
                    .at(wanted.place.clone())
                    .with("asked for", wanted.versions.join(", "))
                    .with("and", before.join(", ")))
            }
            _ => Ok(()),
        }
    }

    /// A folder with the package: the package itself if it is local, otherwise a copy below
    /// `folder`.
    fn fetch(&self, wanted: &Wanted, folder: &Path) -> Result<(PathBuf, Option<String>)> {
        match wanted.kind {
            "local" => {
                let path = wanted.base.join(&wanted.what);
                match path.join("dbt_project.yml").is_file() {
                    true => Ok((path.canonicalize().unwrap_or(path), None)),
                    false => Err(self.missing(wanted, "has no dbt_project.yml")),
                }
            }
            "tarball" => {
                let path = wanted.what.strip_prefix("file://").unwrap_or(&wanted.what);
                let path = wanted.base.join(path);
                match path.is_file() {
                    true => Ok((self.unpacked(&path, folder)?, None)),
                    false => self.mirrored(wanted, folder),
                }
            }
            "git" => match self.mirrored(wanted, folder) {
                Ok(found) => Ok(found),
                Err(error) => Ok((clone(wanted, folder).ok_or(error)?, None)),
            },
            _ => self.mirrored(wanted, folder),
        }
    }

    fn unpacked(&self, path: &Path, folder: &Path) -> Result<PathBuf> {
        let target = folder.join(".partial");
        std::fs::remove_dir_all(&target).ok();
        let shown = path.display().to_string();
        let bytes =
            std::fs::read(path).explain(codes::D1023, || format!("`{shown}` cannot be read"))?;
        archive::unpack(&shown, &bytes, &target)?;
        Ok(target)
    }

    /// The newest fitting version of the package in the mirrors, and which one that is.
    fn mirrored(&self, wanted: &Wanted, folder: &Path) -> Result<(PathBuf, Option<String>)> {
        let words = words(&wanted.what);
        let mut found: Vec<(Option<Version>, PathBuf)> = Vec::new();
        for mirror in self.mirrors {
            for path in candidates(mirror, &words) {
                let path = match &wanted.subdirectory {
                    Some(below) => path.join(below),
                    None => path,
                };
                found.push((version_of(&path), path));
            }
        }
        let free = wanted.kind != "hub" || wanted.versions.is_empty();
        let fitting = found.iter().filter(|(version, _)| match version {
            Some(version) => {
                let asked = wanted.versions.iter().any(|range| range.contains('-'));
                let stable = !version.is_prerelease() || wanted.prerelease || asked;
                free || (stable && fits(version, &wanted.versions))
            }
            // A folder whose name says no version stands for any: many packages do not keep the one
            // in their dbt_project.yml.
            None => true,
        });
        let Some((version, path)) = fitting.max_by(|a, b| a.0.cmp(&b.0)) else {
            let versions: Vec<String> = found
                .iter()
                .map(|(_, path)| path.display().to_string())
                .collect();
            return Err(match versions.is_empty() {
                true => self.missing(wanted, "is in none of the mirror folders"),
                false => self
                    .missing(wanted, "is mirrored, but no version fits")
                    .with("asked for", wanted.versions.join(", "))
                    .with("mirrored", versions.join(", ")),
            });
        };
        let version = version.as_ref().map(ToString::to_string);
        if path.is_file() {
            return Ok((self.unpacked(path, folder)?, version));
        }
        let target = folder.join(".partial");
        std::fs::remove_dir_all(&target).ok();
        copy(path, &target)?;
        Ok((target, version))
    }

    fn missing(&self, wanted: &Wanted, why: &str) -> Error {
        let mirrors: Vec<String> = self
            .mirrors
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let message = format!("The package `{}` {why}", wanted.what);
        let error = Error::new(codes::D1023, message).at(wanted.place.clone());
        let error = match mirrors.is_empty() {
            true => error,
            false => error.with("mirrors", mirrors.join(", ")),
        };
        match wanted.kind {
            "local" => error.help("correct the path: it starts at the folder of packages.yml"),
            _ => error.help(
                "name a folder that holds the package in the variable SLUICE_DBT_PACKAGES, or put it into \
                 `dbt_packages_mirror` in the project",
            ),
        }
    }

    fn locked(&self) -> Vec<(String, String)> {
        let Ok(text) = std::fs::read_to_string(self.root.join("package-lock.yml")) else {
            return Vec::new();
        };
        let Ok(document) = yaml::parse(&Source::new("package-lock.yml", text)) else {
            return Vec::new();
        };
        let list = document
            .root
            .get("packages")
            .map(Node::items)
            .unwrap_or_default();
        list.iter()
            .filter_map(|entry| {
                let text = |key: &str| entry.get(key).and_then(Node::scalar_text);
                Some((text("package")?, text("version")?))
            })
            .collect()
    }

    fn lock(&self, installed: &[Installed]) -> Result<()> {
        let path = self.root.join("package-lock.yml");
        let mut text = String::from("packages:\n");
        for package in installed {
            let key = match package.kind {
                "hub" => "package",
                other => other,
            };
            text.push_str(&format!(
                "  - name: {}\n    {key}: {}\n",
                package.name,
                json!(package.asked)
            ));
            if let ("hub", Some(version)) = (package.kind, &package.version) {
                text.push_str(&format!("    version: {version}\n"));
            }
        }
        if installed.is_empty() {
            text = String::from("packages: []\n");
        }
        // A lock file that says the same is left alone, with the hash dbt keeps in it.
        if self.locked().len() == installed.iter().filter(|p| p.kind == "hub").count()
            && path.is_file()
            && self.locked().iter().all(|(what, version)| {
                installed.iter().any(|have| {
                    have.asked == *what && have.version.as_deref() == Some(version.as_str())
                })
            })
        {
            return Ok(());
        }
        std::fs::write(&path, text).explain(codes::D4001, || {
            format!("`{}` cannot be written", path.display())
        })
    }
}

fn read(entry: &Node, base: &Path, place: Place) -> Result<Wanted> {
    let text = |key: &str| {
        entry
            .get(key)
            .filter(|n| !n.is_null())
            .and_then(Node::scalar_text)
    };
    let kinds = [
        ("package", "hub"),
        ("git", "git"),
        ("private", "git"),
        ("local", "local"),
        ("tarball", "tarball"),
    ];
    let found = kinds
        .iter()
        .find_map(|(key, kind)| Some((*kind, text(key)?)));
    let Some((kind, what)) = found else {
        let message = "An entry of `packages:` names no package";
        return Err(Error::new(codes::D1023, message)
            .at(place)
            .help("write `package:`, `git:`, `local:` or `tarball:`"));
    };
    let versions = match entry.get("version") {
        Some(list) if list.as_sequence().is_some() => {
            list.items().iter().filter_map(Node::scalar_text).collect()
        }
        Some(one) => one.scalar_text().into_iter().collect(),
        None => Vec::new(),
    };
    Ok(Wanted {
        kind,
        what,
        versions,
        revision: text("revision"),
        subdirectory: text("subdirectory"),
        prerelease: entry.get("install_prerelease").and_then(Node::as_bool) == Some(true)
            || entry.get("install-prerelease").and_then(Node::as_bool) == Some(true),
        base: base.to_owned(),
        place,
    })
}

/// Organisation and name at the end of a hub name or address.
fn words(what: &str) -> Vec<String> {
    let plain = what
        .trim_end_matches('/')
        .trim_end_matches(".git")
        .trim_end_matches(".tar.gz");
    let parts: Vec<&str> = plain
        .split(['/', ':'])
        .filter(|part| !part.is_empty())
        .collect();
    let from = parts.len().saturating_sub(2);
    parts[from..]
        .iter()
        .map(|part| (*part).to_owned())
        .collect()
}

/// What a mirror has of a package: folders and archives, by `ORGANISATION/NAME`, `NAME`, each perhaps
/// with versions below or behind it. `-` and `_` count as one, and hub names may lack `dbt-`.
fn candidates(mirror: &Path, words: &[String]) -> Vec<PathBuf> {
    let plain = |text: &str| {
        let text = text.to_lowercase().replace('-', "_");
        text.strip_prefix("dbt_")
            .map_or(text.clone(), str::to_owned)
    };
    let Some(name) = words.last() else {
        return Vec::new();
    };
    let wanted = plain(name);
    let mut folders = vec![mirror.to_owned()];
    if let [organisation, _] = words {
        folders.insert(0, mirror.join(organisation));
    }
    let mut found = Vec::new();
    for folder in folders {
        for path in entries(&folder) {
            let file = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let stem = file.trim_end_matches(".tar.gz").trim_end_matches(".tgz");
            // `dbt_utils-1.3.3` and `dbt_utils` are both the package.
            let bare = stem
                .char_indices()
                .find(|(at, c)| {
                    matches!(c, '-' | '_')
                        && stem[at + 1..].starts_with(|c: char| c.is_ascii_digit())
                })
                .map_or(stem, |(at, _)| &stem[..at]);
            let own = named(&path).is_ok_and(|(name, _)| plain(&name) == wanted);
            if plain(bare) != wanted && !own {
                continue;
            }
            if path.is_file() || path.join("dbt_project.yml").is_file() {
                found.push(path);
                continue;
            }
            // Versions as folders or archives of their own.
            found.extend(
                entries(&path)
                    .into_iter()
                    .filter(|inner| is_archive(inner) || inner.join("dbt_project.yml").is_file()),
            );
        }
    }
    found.retain(|path| path.is_dir() || is_archive(path));
    found
}

fn is_archive(path: &Path) -> bool {
    let name = path.to_string_lossy();
    path.is_file()
        && [".tar.gz", ".tgz", ".tar"]
            .iter()
            .any(|ending| name.ends_with(ending))
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    paths
}

/// The version of a mirrored package, at the end of its name.
fn version_of(path: &Path) -> Option<Version> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    let stem = name
        .trim_end_matches(".tar.gz")
        .trim_end_matches(".tgz")
        .trim_end_matches(".tar");
    let word = stem.rsplit(['-', '_']).next()?;
    Version::parse(word).filter(|_| word.contains('.'))
}

/// Name and version in a package's `dbt_project.yml`.
fn named(folder: &Path) -> Result<(String, Option<String>)> {
    let path = folder.join("dbt_project.yml");
    let shown = path.display().to_string();
    let text = std::fs::read_to_string(&path)
        .explain(codes::D1023, || format!("`{shown}` cannot be read"))?;
    let document = yaml::parse(&Source::new(shown, text))?;
    let name = document
        .require(&document.root, "name")?
        .expect_str(&document)?;
    let version = document
        .root
        .get("version")
        .filter(|n| !n.is_null())
        .and_then(Node::scalar_text);
    Ok((name.to_owned(), version))
}

/// Puts the package `found` at `target`: moved if it was copied below `folder`, else linked.
fn place(found: &Path, target: &Path, folder: &Path) -> Result<()> {
    let message = || format!("`{}` cannot be written", target.display());
    if target.is_symlink() {
        std::fs::remove_file(target).explain(codes::D4001, message)?;
    } else if target.is_dir() {
        std::fs::remove_dir_all(target).explain(codes::D4001, message)?;
    }
    if found.starts_with(folder) {
        return std::fs::rename(found, target).explain(codes::D4001, message);
    }
    #[cfg(unix)]
    if std::os::unix::fs::symlink(found, target).is_ok() {
        return Ok(());
    }
    copy(found, target)
}

/// Copies a package without what is not its own: its history, artifacts and installed packages.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let message = || format!("`{}` cannot be copied", from.display());
    std::fs::create_dir_all(to).explain(codes::D4001, message)?;
    for path in entries(from) {
        let name = path.file_name().unwrap_or_default();
        if [".git", "target", "dbt_packages", "logs"]
            .iter()
            .any(|skip| name == *skip)
        {
            continue;
        }
        let target = to.join(name);
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            std::fs::copy(&path, &target).explain(codes::D4001, message)?;
        }
    }
    Ok(())
}

/// Lets `git` fetch the package; `None` if it cannot.
fn clone(wanted: &Wanted, folder: &Path) -> Option<PathBuf> {
    let target = folder.join(".partial");
    std::fs::remove_dir_all(&target).ok();
    let git = |arguments: &[&str]| -> Option<()> {
        let run = Command::new("git").args(arguments).output().ok()?;
        run.status.success().then_some(())
    };
    let shown = target.to_string_lossy().into_owned();
    git(&["clone", "--quiet", &wanted.what, &shown])?;
    if let Some(revision) = &wanted.revision {
        git(&["-C", &shown, "checkout", "--quiet", revision])?;
    }
    match &wanted.subdirectory {
        None => Some(target),
        Some(below) => {
            let inner = folder.join(".partial-inner");
            std::fs::remove_dir_all(&inner).ok();
            std::fs::rename(target.join(below), &inner).ok()?;
            std::fs::remove_dir_all(&target).ok();
            Some(inner)
        }
    }
}
