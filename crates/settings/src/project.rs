//! [`Project`]: the folder a team works in, found and read.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use diagnostic::{Error, Result, ResultExt as _, codes};
use model::Identifier;
use serde_json::Value;

use crate::cross_check::cross_check;
use crate::iceberg_catalog::{self, IcebergCatalogSpec};
use crate::reader::{Fields, File, Item, collect};
use crate::{
    DatasetSpec, LifecycleRule, Secret, ServeSpec, SourceSpec, Surroundings, lifecycle, new_tables,
    storage_options,
};

const SLUICE_FILE: &str = "sluice.yml";
const DBT_FILE: &str = "dbt_project.yml";

/// A project, read and validated, as one environment sees it.
#[derive(Clone, Debug)]
pub struct Project {
    /// The folder, absolute.
    pub root: PathBuf,
    /// The name in `sluice.yml`, or in `dbt_project.yml` if there is nothing else.
    pub name: String,
    /// The database of its tables; by default its name.
    pub database: Identifier,
    /// The environment asked for.
    pub environment: EnvironmentSpec,
    /// The names of all environments.
    pub environments: Vec<String>,
    /// How many bytes operators may hold before they spill.
    pub memory_limit: u64,
    /// How many assets and partitions are worked on at once; `None` leaves it to the machine.
    pub threads: Option<usize>,
    /// The folder of its dbt project, absolute.
    pub dbt: Option<PathBuf>,
    /// Variables for the dbt project; they override those of its `dbt_project.yml`.
    pub vars: Vars,
    /// How long files are kept.
    pub lifecycle: Vec<LifecycleRule>,
    /// The systems data comes from.
    pub sources: Vec<SourceSpec>,
    /// The contracts of the lake.
    pub datasets: Vec<DatasetSpec>,
    /// What `sluice serve` takes beyond the events of webhook sources.
    pub serve: ServeSpec,
}

/// Where an environment keeps what it owns. All paths are absolute and need not exist yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentSpec {
    /// Its name.
    pub name: String,
    /// Catalog, logs and overlays of runs: `.sluice` for the default environment,
    /// `.sluice/environments/<name>` for the others.
    pub state: PathBuf,
    /// Where the tables are: an absolute folder (by default `warehouse` in the state folder), or a location in
    /// an object store, such as `s3://bucket/prefix`.
    pub warehouse: String,
    /// Options of that store by name; they may hold secrets.
    pub storage: Vec<(String, Secret)>,
    /// The REST catalog that is told of Iceberg tables, if there is one.
    pub iceberg_catalog: Option<IcebergCatalogSpec>,
    /// Raw, bronze and silver data; by default `lake` in the state folder.
    pub lake: PathBuf,
}

/// Variables by name. Values that took anything from the environment print as `***`.
#[derive(Clone, Default)]
pub struct Vars {
    values: serde_json::Map<String, Value>,
    secret: BTreeSet<String>,
}

impl Vars {
    /// The values, secrets included.
    #[must_use]
    pub fn values(&self) -> &serde_json::Map<String, Value> {
        &self.values
    }
}

impl fmt::Debug for Vars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self
            .values
            .iter()
            .map(|(name, value)| match self.secret.contains(name) {
                true => (name, "***".to_owned()),
                false => (name, value.to_string()),
            });
        f.debug_map().entries(shown).finish()
    }
}

impl Project {
    /// Opens the project of `folder` (see [`Project::find`]) in `environment`, or in its default one.
    ///
    /// # Errors
    /// `C0001` to `C0010`: everything that is wrong with the project's files, as far as one pass can
    /// tell.
    pub fn open(folder: &Path, environment: Option<&str>) -> Result<Self> {
        Self::open_in(folder, environment, &Surroundings::of_process()?)
    }

    /// [`Project::open`] with chosen surroundings.
    ///
    /// # Errors
    /// As [`Project::open`].
    pub fn open_in(
        folder: &Path,
        environment: Option<&str>,
        surroundings: &Surroundings,
    ) -> Result<Self> {
        let root = Self::find_in(folder, surroundings)?;
        if !root.join(SLUICE_FILE).is_file() {
            return dbt_only(root, environment, surroundings);
        }
        let file = File::open(&root, Path::new(SLUICE_FILE), surroundings)?;
        let mut project = read_project(&root, &file, environment)?;
        let sources = collect(yaml_files(&root, Path::new("sources"))?.iter().map(|path| {
            File::open(&root, path, surroundings).and_then(|file| SourceSpec::read_file(&file))
        }));
        let datasets = collect(yaml_files(&root, Path::new("lake"))?.iter().map(|path| {
            File::open(&root, path, surroundings).and_then(|file| DatasetSpec::read_file(&file))
        }));
        // Cross references of files that could not be read would only repeat what is wrong.
        let (sources, datasets) = match (sources, datasets) {
            (Ok(sources), Ok(datasets)) => (sources.into_iter().flatten().collect(), datasets),
            (Err(one), Err(other)) => return Err(one.and(other)),
            (Err(error), _) | (_, Err(error)) => return Err(error),
        };
        (project.sources, project.datasets) = (sources, datasets);
        new_tables::add(
            &root,
            &project.environment.state,
            surroundings,
            &mut project.sources,
            &mut project.datasets,
        )?;
        cross_check(&project.sources, &project.datasets, &project.serve)?;
        lifecycle::check(&project.lifecycle, &project.sources)?;
        Ok(project)
    }

    /// The root of the project that `folder` belongs to: the nearest folder, from `folder` upwards,
    /// with a `sluice.yml` or a `dbt_project.yml`. A dbt project inside a Sluice project that names it
    /// belongs to the latter.
    ///
    /// # Errors
    /// `C0004` if there is none.
    pub fn find(folder: &Path) -> Result<PathBuf> {
        Self::find_in(folder, &Surroundings::of_process()?)
    }

    fn find_in(folder: &Path, surroundings: &Surroundings) -> Result<PathBuf> {
        let folder = surroundings.working_folder().join(folder);
        let folder = folder.canonicalize().explain(codes::C0004, || {
            format!("The project folder `{}` does not exist", folder.display())
        })?;
        let holds = |file: &'static str| {
            let mut ancestors = folder.ancestors();
            ancestors.find(|ancestor| ancestor.join(file).is_file())
        };
        let root = match (holds(SLUICE_FILE), holds(DBT_FILE)) {
            (Some(sluice), Some(dbt)) if dbt.starts_with(sluice) && dbt != sluice => {
                match owns(sluice, dbt, surroundings) {
                    true => sluice,
                    false => dbt,
                }
            }
            (Some(sluice), _) => sluice,
            (None, Some(dbt)) => dbt,
            (None, None) => {
                let message = format!("`{}` holds no project", folder.display());
                return Err(Error::new(codes::C0004, message).help(
                    "start one with `sluice init NAME`, or pass its folder with `-C FOLDER`",
                ));
            }
        };
        Ok(root.to_owned())
    }
}

/// Whether the Sluice project at `sluice` runs the dbt project at `dbt`. A file that cannot be read
/// is reported by whoever opens the project, not here.
fn owns(sluice: &Path, dbt: &Path, surroundings: &Surroundings) -> bool {
    let Ok(file) = File::open(sluice, Path::new(SLUICE_FILE), surroundings) else {
        return false;
    };
    let named = file
        .document
        .root
        .get("dbt")
        .map(|node| file.item(node).path());
    let folder = match named {
        Some(Ok(folder)) => folder,
        Some(Err(_)) => return false,
        None => sluice.join("dbt"),
    };
    folder.canonicalize().is_ok_and(|folder| folder == dbt)
}

fn read_project(root: &Path, file: &File<'_>, environment: Option<&str>) -> Result<Project> {
    let fields = file.fields(
        &file.document.root,
        &[
            "name",
            "database",
            "environments",
            "default_environment",
            "memory_limit",
            "threads",
            "dbt",
            "vars",
            "lifecycle",
            "serve",
        ],
    )?;
    let name = read_name(fields.require("name")?)?;
    let database = match fields.get("database") {
        Some(database) => Identifier::unquoted(&database.name("a database")?),
        None => database_of(&name),
    };
    let (environment, environments) = read_environment(root, &fields, environment)?;
    Ok(Project {
        root: root.to_owned(),
        database,
        name,
        environment,
        environments,
        memory_limit: fields
            .get("memory_limit")
            .map_or(Ok(1 << 30), |item| item.bytes())?,
        threads: fields.get("threads").map(|item| item.count()).transpose()?,
        dbt: read_dbt(root, &fields)?,
        vars: fields
            .get("vars")
            .map(read_vars)
            .transpose()?
            .unwrap_or_default(),
        lifecycle: match fields.get("lifecycle") {
            Some(rules) => rules.list(lifecycle::read)?,
            None => Vec::new(),
        },
        sources: Vec::new(),
        datasets: Vec::new(),
        serve: fields
            .get("serve")
            .map(crate::serve::read)
            .transpose()?
            .unwrap_or_default(),
    })
}

/// A folder with nothing but a dbt project.
fn dbt_only(
    root: PathBuf,
    environment: Option<&str>,
    surroundings: &Surroundings,
) -> Result<Project> {
    let file = File::open(&root, Path::new(DBT_FILE), surroundings)?;
    let name = file.document.require(&file.document.root, "name")?;
    let name = name.expect_str(&file.document)?.to_owned();
    let environment = pick(environment, "dev", &["dev".to_owned()])?;
    Ok(Project {
        database: database_of(&name),
        name,
        environment: default_places(&root, environment, true),
        environments: vec!["dev".to_owned()],
        memory_limit: 1 << 30,
        threads: None,
        dbt: Some(root.clone()),
        vars: Vars::default(),
        lifecycle: Vec::new(),
        sources: Vec::new(),
        datasets: Vec::new(),
        serve: ServeSpec::default(),
        root,
    })
}

fn read_name(item: Item<'_>) -> Result<String> {
    let name = item.text()?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(allowed) {
        return Ok(name);
    }
    let rule = "starts with a letter and takes letters, digits, `_` and `-`";
    Err(item.refuse(&format!("The name of a project {rule}, found `{name}`")))
}

fn database_of(name: &str) -> Identifier {
    Identifier::unquoted(&name.replace(|c: char| !c.is_ascii_alphanumeric(), "_"))
}

fn read_environment(
    root: &Path,
    fields: &Fields<'_>,
    wanted: Option<&str>,
) -> Result<(EnvironmentSpec, Vec<String>)> {
    let Some(listed) = fields.get("environments") else {
        let names = vec!["dev".to_owned()];
        let default = fields.get("default_environment");
        if let Some(item) = default {
            pick(Some(&item.text()?), "dev", &names).map_err(|error| item.error(error))?;
        }
        let name = pick(wanted, "dev", &names)?;
        return Ok((default_places(root, name, true), names));
    };
    let environments = listed.named()?.each(|key, value| {
        let name = key.name("an environment")?;
        let places = value.fields(&["warehouse", "lake", "storage", "iceberg_catalog"])?;
        Ok((name, places))
    })?;
    let names: Vec<String> = environments.iter().map(|(name, _)| name.clone()).collect();
    let Some(first) = names.first() else {
        return Err(listed.refuse("`environments` lists none"));
    };
    let default = match fields.get("default_environment") {
        Some(item) => {
            let name = item.text()?;
            pick(Some(&name), first, &names).map_err(|error| item.error(error))?
        }
        None if names.iter().any(|name| name == "dev") => "dev".to_owned(),
        None => first.clone(),
    };
    let name = pick(wanted, &default, &names)?;
    let is_default = name == default;
    let mut environment = default_places(root, name, is_default);
    for (_, places) in environments
        .iter()
        .filter(|(name, _)| *name == environment.name)
    {
        if let Some(warehouse) = places.get("warehouse") {
            environment.warehouse = warehouse.place()?;
        }
        if let Some(storage) = places.get("storage") {
            environment.storage = storage_options::read(storage)?;
        }
        if let Some(catalog) = places.get("iceberg_catalog") {
            environment.iceberg_catalog = Some(iceberg_catalog::read(catalog)?);
        }
        if let Some(lake) = places.get("lake") {
            environment.lake = lake.path()?;
        }
    }
    Ok((environment, names))
}

fn pick(wanted: Option<&str>, default: &str, names: &[String]) -> Result<String> {
    let wanted = wanted.unwrap_or(default);
    if names.iter().any(|name| name == wanted) {
        return Ok(wanted.to_owned());
    }
    let message = format!("The project has no environment `{wanted}`");
    let error = Error::new(codes::C0009, message).with("environments", names.join(", "));
    Err(error.suggest(wanted, names.iter().map(String::as_str)))
}

fn default_places(root: &Path, name: String, is_default: bool) -> EnvironmentSpec {
    let home = root.join(".sluice");
    let state = match is_default {
        true => home,
        false => home.join("environments").join(&name),
    };
    EnvironmentSpec {
        name,
        warehouse: state.join("warehouse").to_string_lossy().into_owned(),
        storage: Vec::new(),
        iceberg_catalog: None,
        lake: state.join("lake"),
        state,
    }
}

fn read_dbt(root: &Path, fields: &Fields<'_>) -> Result<Option<PathBuf>> {
    if let Some(item) = fields.get("dbt") {
        let folder = item.path()?;
        if folder.join(DBT_FILE).is_file() {
            return Ok(Some(folder));
        }
        let message = format!("`{}` holds no `{DBT_FILE}`", folder.display());
        return Err(item.error(Error::new(codes::C0008, message)));
    }
    let usual = [root.join("dbt"), root.to_owned()];
    Ok(usual
        .into_iter()
        .find(|folder| folder.join(DBT_FILE).is_file()))
}

fn read_vars(item: Item<'_>) -> Result<Vars> {
    let entries = item.named()?.each(|key, value| {
        let (value, secret) = read_var(value)?;
        Ok((key.text()?, value, secret))
    })?;
    let mut vars = Vars::default();
    for (name, value, secret) in entries {
        if secret {
            vars.secret.insert(name.clone());
        }
        vars.values.insert(name, value);
    }
    Ok(vars)
}

/// The value with the variables of its texts replaced, and whether any came from the environment.
fn read_var(item: Item<'_>) -> Result<(Value, bool)> {
    match &item.node.value {
        yaml::Value::String(_) => {
            let expanded = item.expanded()?;
            Ok((Value::String(expanded.text), expanded.from_environment))
        }
        yaml::Value::Sequence(_) => {
            let items = item.list(read_var)?;
            let secret = items.iter().any(|(_, secret)| *secret);
            Ok((items.into_iter().map(|(value, _)| value).collect(), secret))
        }
        yaml::Value::Mapping(_) => {
            let inner = read_vars(item)?;
            let secret = !inner.secret.is_empty();
            Ok((Value::Object(inner.values), secret))
        }
        _ => Ok((item.node.to_json(), false)),
    }
}

/// The YAML files of `root/folder` in the order of their names, relative to `root`.
pub(crate) fn yaml_files(root: &Path, folder: &Path) -> Result<Vec<PathBuf>> {
    let path = root.join(folder);
    if !path.is_dir() {
        return Ok(Vec::new());
    }
    let unreadable = || format!("The folder `{}` cannot be read", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&path).explain(codes::C0005, unreadable)? {
        let name = PathBuf::from(entry.explain(codes::C0005, unreadable)?.file_name());
        let is_yaml = name
            .extension()
            .is_some_and(|ending| ending == "yml" || ending == "yaml");
        let hidden = name.to_string_lossy().starts_with('.');
        if is_yaml && !hidden && path.join(&name).is_file() {
            files.push(folder.join(name));
        }
    }
    files.sort();
    Ok(files)
}
