//! Commands around the project: `deps`, `clean`, `debug`.

use std::path::{Component, Path, PathBuf};

use dbt::context::ProjectContext;
use dbt::project::add_package::{PackageSource, add_package};
use dbt::warning::Warnings;
use diagnostic::{Error, Result, ResultExt as _, Source, codes};
use platform::Platform;

use super::command_line::{DbtLine, DepsWish, PackageOrigin};
use super::invocation::{flags, platform};
use crate::arguments::Globals;
use crate::commands::Exit;
use crate::commands::watch::runtime;
use crate::output;

fn settings(platform: &Platform, line: &DbtLine) -> Result<ProjectContext> {
    let folder = platform.dbt_folder()?;
    dbt::load::settings(folder, flags(platform, line)?, &mut Warnings::default())
}

/// The variable that names folders of packages, and the folder in a project that is one.
const MIRRORS: &str = "SLUICE_DBT_PACKAGES";
const OWN_MIRROR: &str = "dbt_packages_mirror";

/// Installs the packages that the project asks for.
pub fn deps(globals: &Globals, line: &DbtLine, wish: &DepsWish) -> Result<Exit> {
    let platform = platform(globals, line)?;
    let (folder, flags) = (platform.dbt_folder()?, flags(&platform, line)?);
    let named = flags.env(MIRRORS).map(std::env::split_paths);
    let mut mirrors: Vec<PathBuf> = named.into_iter().flatten().collect();
    let own = folder.join(OWN_MIRROR);
    if own.is_dir() {
        mirrors.push(own);
    }
    if let Some(package) = &wish.add_package {
        let source = match wish.source {
            PackageOrigin::Hub => PackageSource::Hub,
            PackageOrigin::Git => PackageSource::Git,
            PackageOrigin::Local => PackageSource::Local,
        };
        add_package(folder, package, source)?;
    }
    let installed = dbt::load::install(folder, &flags, &mirrors, wish.upgrade, wish.lock)?;
    if installed.is_empty() {
        output::line("No packages are asked for: nothing to install.")?;
    }
    let done = if wish.lock { "Locked" } else { "Installed" };
    for package in &installed {
        let version = package
            .version
            .as_deref()
            .map(|version| format!(" {version}"));
        output::line(&format!(
            "{done} {}{} from {} {}",
            package.name,
            version.unwrap_or_default(),
            package.kind,
            package.asked
        ))?;
    }
    Ok(Exit::Done)
}

/// Deletes the folders of `clean-targets`.
pub fn clean(globals: &Globals, line: &DbtLine) -> Result<Exit> {
    let platform = platform(globals, line)?;
    let context = settings(&platform, line)?;
    let root = &context.root.root;
    let file = &context.root;
    let kept: Vec<&String> = [
        &file.model_paths,
        &file.seed_paths,
        &file.test_paths,
        &file.analysis_paths,
        &file.macro_paths,
        &file.snapshot_paths,
    ]
    .into_iter()
    .flatten()
    .collect();
    for target in &context.root.clean_targets {
        let path = inside(root, target).ok_or_else(|| {
            Error::new(
                codes::D1031,
                format!("`{target}` is not a folder inside the project"),
            )
            .with("file", "dbt_project.yml")
            .help("`clean-targets` may name folders below the project only")
        })?;
        if kept
            .iter()
            .any(|folder| root.join(folder).starts_with(&path))
        {
            return Err(Error::new(
                codes::D1031,
                format!("`{target}` holds code of the project"),
            )
            .with("file", "dbt_project.yml")
            .help("take it out of `clean-targets`"));
        }
        if path.is_dir() {
            std::fs::remove_dir_all(&path).explain(codes::D4001, || {
                format!("`{}` cannot be deleted", path.display())
            })?;
        }
        output::line(&format!("Cleaned {}", path.display()))?;
    }
    Ok(Exit::Done)
}

/// `target` below `root`, if that is where it is.
fn inside(root: &Path, target: &str) -> Option<PathBuf> {
    let relative = Path::new(target);
    let plain = relative
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let names = relative
        .components()
        .any(|part| matches!(part, Component::Normal(_)));
    (plain && names).then(|| root.join(relative))
}

/// Shows the configuration and runs `select 1`.
///
/// With `only`, it runs that alone.
pub fn debug(globals: &Globals, line: &DbtLine, folders: bool, only: bool) -> Result<Exit> {
    let platform = platform(globals, line)?;
    let context = settings(&platform, line)?;
    let connection = &context.connection;
    let profile = connection.file.as_ref().map_or_else(
        || "none: the embedded warehouse needs no profile".to_owned(),
        |path| path.display().to_string(),
    );
    if folders {
        output::line(&profile)?;
        return Ok(Exit::Done);
    }
    let rows = [
        ("sluice version", env!("CARGO_PKG_VERSION").to_owned()),
        ("dbt version", dbt::context::DBT_VERSION.to_owned()),
        ("project", context.root.root.display().to_string()),
        ("profiles.yml", profile),
        ("profile", connection.profile.clone()),
        ("target", connection.target.clone()),
        ("type", connection.kind.clone()),
        ("database", connection.database.clone()),
        ("schema", connection.schema.clone()),
        ("threads", connection.threads.to_string()),
        ("catalog", platform.catalog().folder().display().to_string()),
    ];
    for (name, value) in rows.iter().filter(|_| !only) {
        output::line(&format!("{name:<15} {value}"))?;
    }
    let source = Source::new("dbt debug", "select 1");
    let session = platform.sql_session();
    runtime()?.block_on(platform.sql(&session, &source, async |_| Ok(())))?;
    output::line("Connection test: [OK connection ok]")?;
    Ok(Exit::Done)
}
