//! [`Project`]: a project's settings and manifest, ready to compile and run nodes.

use std::path::Path;
use std::sync::Arc;

use diagnostic::{Error, Result, Source, codes};
use jinja::{Environment, Scope, Template};
use serde_json::{Map, Value as Json};

use crate::cache::{self, Known};
use crate::context::{ProjectContext, YamlScope, environments};
use crate::flags::Flags;
use crate::macros::{MacroFile, Macros};
use crate::manifest::Manifest;
use crate::node::{Node, ResourceType};
use crate::parse::inventory::Inventory;
use crate::parse::{self, Parsed, draft};
use crate::project::catalogs;
use crate::project::file::ProjectFile;
use crate::project::render::render_document;
use crate::project::{packages, profile};
use crate::selector::file::{self as selector_file, NamedSelectors};
use crate::warning::Warnings;

/// A loaded and parsed project.
pub struct Project {
    /// Settings, macros and connection, shared with every rendering.
    pub context: Arc<ProjectContext>,
    /// Every resource.
    pub manifest: Arc<Manifest>,
    /// `selectors.yml`.
    pub selectors: NamedSelectors,
    /// What dbt v1 would warn about.
    pub warnings: Warnings,
    /// Which parse the cache holds, if it is this one.
    pub(crate) cached: Option<[u8; 16]>,
}

impl Project {
    /// Loads and parses the project in `root`.
    ///
    /// # Errors
    /// Everything that is wrong with it, joined, each at its place.
    pub fn load(root: &Path, flags: Flags) -> Result<Self> {
        let mut warnings = Warnings::default();
        let context = Arc::new(settings(root, flags, &mut warnings)?);
        let scope = YamlScope {
            flags: &context.flags,
            vars: Map::new(),
            connection: None,
            secrets: true,
        };
        catalogs::check(&context, &|text| {
            render_yaml(&context.run_environment, &scope, text)
        })?;
        let parsed = parsed(&context)?;
        warnings.extend(parsed.warnings);
        let mut manifest = parsed.manifest;
        let now = context.flags.as_of.unwrap_or(context.flags.run_started_at);
        parse::deprecated::warn(&manifest, now, &mut warnings);
        parse::unused_paths::warn(&context.root, &manifest, &mut warnings);
        let selectors = selectors(&context)?;
        for (name, selector) in &selectors.selectors {
            let mut shown = Map::new();
            shown.insert("name".to_owned(), name.as_str().into());
            if !selector.description.is_empty() {
                shown.insert(
                    "description".to_owned(),
                    selector.description.as_str().into(),
                );
            }
            shown.insert("definition".to_owned(), selector.definition.clone());
            manifest.selectors.insert(name.clone(), Json::Object(shown));
        }
        Ok(Self {
            context,
            manifest: Arc::new(manifest),
            selectors,
            warnings,
            cached: parsed.cached,
        })
    }

    /// A node for the template `sql` of `--inline`, which may refer to every other node.
    #[must_use]
    pub fn inline_node(&self, sql: &str) -> Node {
        let (package, name) = (&self.context.root.name, "inline_query");
        let fqn = vec![package.clone(), "sql".to_owned(), name.to_owned()];
        Node {
            raw_code: sql.to_owned(),
            ..draft::blank(
                &self.context,
                ResourceType::SqlOperation,
                package,
                name,
                fqn,
            )
        }
    }
}

/// Parses the project, or as much of it as the cache does not know.
fn parsed(context: &Arc<ProjectContext>) -> Result<Parsed> {
    let flags = &context.flags;
    // The command line has the last word, then the project.
    let of_project = context
        .root
        .flags
        .get("partial_parse")
        .and_then(Json::as_bool);
    let partial = flags.partial_parse.or(of_project).unwrap_or(true);
    let known = match flags.parse_cache && partial {
        true => cache::read(context)?,
        false => Known::Nothing,
    };
    // These render nothing.
    let lists = matches!(flags.which.as_str(), "parse" | "list");
    if !lists || !matches!(known, Known::All(_)) {
        context.macros.read()?;
    }
    let parsed = match known {
        Known::All(parsed) => return Ok(*parsed),
        Known::Before(before) => parse::parse(context, Some(*before)).ok(),
        Known::Nothing => None,
    };
    let mut parsed = match parsed {
        Some(parsed) => parsed,
        None => parse::parse(context, None)?,
    };
    if flags.parse_cache {
        cache::write(context, &mut parsed);
    }
    Ok(parsed)
}

/// Loads everything but the resources: settings, packages, connection, macros. Commands that need
/// no manifest (`debug`, `clean`, `deps`) stop here.
///
/// # Errors
/// What is wrong with the settings.
pub fn settings(root: &Path, flags: Flags, warnings: &mut Warnings) -> Result<ProjectContext> {
    let root = &root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let (parse_environment, run_environment) = environments(&flags);
    let connection = connection(root, &flags, &run_environment, warnings)?;
    let vars = vars_file(root, warnings)?;
    let scope = |vars: &Map<String, Json>| YamlScope {
        flags: &flags,
        vars: vars.clone(),
        connection: Some(&connection),
        secrets: false,
    };
    let of_root = scope(&vars);
    let render = |text: &str| render_yaml(&run_environment, &of_root, text);
    let mut project = ProjectFile::load(root, "dbt_project.yml", &render, warnings)?;
    if !vars.is_empty() {
        if !project.vars.is_empty() {
            let message = "Variables cannot be defined in both vars.yml and dbt_project.yml";
            return Err(Error::new(codes::D1031, message).help("take `vars:` out of one of them"));
        }
        project.vars = vars;
    }
    // Variables of the project are none of its packages' settings.
    let of_packages = scope(&Map::new());
    let render = |text: &str| render_yaml(&run_environment, &of_packages, text);
    let mut found = Vec::new();
    for folder in packages::folders(&project, warnings)? {
        let shown = folder
            .strip_prefix(root)
            .unwrap_or(&folder)
            .join("dbt_project.yml");
        found.push(ProjectFile::load(
            &folder,
            &shown.display().to_string(),
            &render,
            warnings,
        )?);
    }
    packages::refuse_twins(&project, &found)?;
    let of_project = project.flags.get("version_check").and_then(Json::as_bool);
    if flags.version_check.or(of_project).unwrap_or(true) {
        for file in std::iter::once(&project).chain(&found) {
            file.refuse_other_versions()?;
        }
    }
    let inventory = Arc::new(Inventory::default());
    let macros = macros(&inventory, &project, &found)?;
    Ok(ProjectContext {
        root: project,
        packages: found,
        connection,
        flags,
        macros,
        inventory,
        parse_environment,
        run_environment,
        messages: std::sync::Mutex::default(),
        selected: std::sync::Mutex::default(),
        deferred: std::sync::Mutex::default(),
    })
}

/// The variables of the project's `vars.yml`, if it has one.
fn vars_file(root: &Path, warnings: &mut Warnings) -> Result<Map<String, Json>> {
    let Ok(text) = std::fs::read_to_string(root.join("vars.yml")) else {
        return Ok(Map::new());
    };
    let document = yaml::parse(&Source::new("vars.yml", text))?;
    warnings.duplicate_keys(&document);
    let Some(vars) = document.root.get("vars").filter(|vars| !vars.is_null()) else {
        return Ok(Map::new());
    };
    vars.expect_mapping(&document)?;
    Ok(match vars.to_json() {
        Json::Object(vars) => vars,
        _ => Map::new(),
    })
}

/// The connection that the profile of the project in `root` names. `target` may stand in
/// dbt_project.yml, so the connection comes first; only `profile` and `name` are read for it.
fn connection(
    root: &Path,
    flags: &Flags,
    environment: &Environment,
    warnings: &mut Warnings,
) -> Result<profile::Connection> {
    let scope = |secrets| YamlScope {
        flags,
        vars: Map::new(),
        connection: None,
        secrets,
    };
    let (plain, secret) = (scope(false), scope(true));
    let (name, wanted) = profile_name(root, &|text| render_yaml(environment, &plain, text))?;
    let render = |text: &str| render_yaml(environment, &secret, text);
    profile::load(root, &name, wanted.as_deref(), flags, &render, warnings)
}

/// Installs the packages of the project in `root` (`dbt deps`). `mirrors` are folders of packages.
///
/// # Errors
/// `D1001` if there is no project, `D1023` for a package that cannot be found.
pub fn install(
    root: &Path,
    flags: &Flags,
    mirrors: &[std::path::PathBuf],
    upgrade: bool,
    lock_only: bool,
) -> Result<Vec<crate::project::deps::Installed>> {
    let (_, environment) = environments(flags);
    let connection = connection(root, flags, &environment, &mut Warnings::default()).ok();
    let scope = YamlScope {
        flags,
        vars: Map::new(),
        connection: connection.as_ref(),
        secrets: true,
    };
    let render = |text: &str| render_yaml(&environment, &scope, text);
    // Packages may be installed where there is no profile yet, so nothing that needs one fails here.
    let lenient = |text: &str| Ok(render(text).unwrap_or_else(|_| text.into()));
    let file = ProjectFile::load(root, "dbt_project.yml", &lenient, &mut Warnings::default())?;
    let installer = crate::project::deps::Installer {
        root,
        name: &file.name,
        into: &file.packages_install_path,
        mirrors,
        render: &render,
    };
    let installed = match lock_only {
        true => installer.lock_only(upgrade),
        false => installer.install(upgrade),
    };
    let secrets = secrets(flags);
    let mut installed = installed.map_err(|error| masked(error, &secrets))?;
    for package in &mut installed {
        package.asked = mask(&package.asked, &secrets);
    }
    Ok(installed)
}

/// The values of the environment that are not to be shown (`env_secrets` of dbt-common).
fn secrets(flags: &Flags) -> Vec<String> {
    let variables = flags.environment.iter();
    let secret = variables
        .filter(|(name, value)| name.starts_with("DBT_ENV_SECRET") && !value.trim().is_empty());
    secret.map(|(_, value)| value.clone()).collect()
}

fn mask(text: &str, secrets: &[String]) -> String {
    let masked = |text: String, secret: &String| text.replace(secret, "*****");
    secrets.iter().fold(text.to_owned(), masked)
}

/// `error` without what is secret.
fn masked(error: Error, secrets: &[String]) -> Error {
    if !secrets
        .iter()
        .any(|secret| error.to_string().contains(secret))
    {
        return error;
    }
    let mut other = Error::new(error.code(), mask(error.message(), secrets));
    if let Some(place) = error.place() {
        other = other.at(place.clone());
    }
    for (key, value) in error.context() {
        other = other.with(key, mask(value, secrets));
    }
    if let Some(help) = error.remedy() {
        other = other.help(mask(help, secrets));
    }
    let causes = error.causes();
    match causes.is_empty() {
        true => other,
        false => other.because(mask(&causes.join(": "), secrets)),
    }
}

fn profile_name(
    root: &Path,
    render: &dyn Fn(&str) -> Result<Json>,
) -> Result<(String, Option<String>)> {
    let Ok(text) = std::fs::read_to_string(root.join("dbt_project.yml")) else {
        return Ok((String::new(), None));
    };
    let document = yaml::parse(&Source::new("dbt_project.yml", text))?;
    let text = |key: &str| -> Result<Option<String>> {
        let Some(value) = document.root.get(key).and_then(yaml::Node::scalar_text) else {
            return Ok(None);
        };
        if !crate::project::render::is_template(&value) {
            return Ok(Some(value));
        }
        Ok(render(&value)?.as_str().map(str::to_owned))
    };
    Ok((text("name")?.unwrap_or_default(), text("profile")?))
}

fn macros(inventory: &Inventory, root: &ProjectFile, packages: &[ProjectFile]) -> Result<Macros> {
    let mut all = Vec::new();
    for package in std::iter::once(root).chain(packages) {
        let shown = package
            .root
            .strip_prefix(&root.root)
            .unwrap_or(&package.root);
        let shown = shown.display().to_string();
        let generic = package.test_paths.iter();
        let generic: Vec<String> = generic.map(|path| format!("{path}/generic")).collect();
        for folders in [&package.macro_paths, &generic] {
            let files = parse::macro_files(inventory, package, &shown, folders)?;
            all.extend(files.into_iter().map(|file| MacroFile {
                package: package.name.clone(),
                file,
            }));
        }
    }
    Ok(Macros::new(&root.name, all))
}

fn selectors(context: &ProjectContext) -> Result<NamedSelectors> {
    let path = context.root.root.join("selectors.yml");
    let Ok(text) = std::fs::read_to_string(path) else {
        return Ok(NamedSelectors::default());
    };
    let document = yaml::parse(&Source::new("selectors.yml", text))?;
    let scope = YamlScope {
        flags: &context.flags,
        vars: context.root.vars.clone(),
        connection: Some(&context.connection),
        secrets: false,
    };
    let render = |text: &str| render_yaml(&context.run_environment, &scope, text);
    selector_file::read(&render_document(&document, &|_| false, &render)?)
}

/// Renders one text of a YAML file, keeping the type of a single expression.
///
/// # Errors
/// What the template raises.
pub(crate) fn render_yaml(
    environment: &Environment,
    scope: &dyn Scope,
    text: &str,
) -> Result<Json> {
    let template = Template::parse(&Source::new("", text))?;
    let value = template.render_native(environment, scope)?;
    if value.is_undefined() {
        return Ok(Json::Null);
    }
    value.to_json()
}
