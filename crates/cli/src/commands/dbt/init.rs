//! `sluice dbt init`: a starter project and a profile for the embedded warehouse
//! (<https://docs.getdbt.com/reference/commands/init>).

use std::io::IsTerminal as _;
use std::path::Path;

use diagnostic::{Error, Result, ResultExt as _, Source, codes};

use super::command_line::DbtLine;
use crate::arguments::Globals;
use crate::commands::Exit;
use crate::output;

/// The files of a new project; `NAME` stands for its name.
const FILES: &[(&str, &str)] = &[
    (
        "dbt_project.yml",
        include_str!("../../../starter/dbt_project.yml"),
    ),
    ("README.md", include_str!("../../../starter/README.md")),
    (".gitignore", "target/\ndbt_packages/\nlogs/\n.sluice/\n"),
    (
        "models/example/my_first_dbt_model.sql",
        include_str!("../../../starter/my_first_dbt_model.sql"),
    ),
    (
        "models/example/my_second_dbt_model.sql",
        include_str!("../../../starter/my_second_dbt_model.sql"),
    ),
    (
        "models/example/schema.yml",
        include_str!("../../../starter/schema.yml"),
    ),
    ("analyses/.gitkeep", ""),
    ("macros/.gitkeep", ""),
    ("seeds/.gitkeep", ""),
    ("snapshots/.gitkeep", ""),
    ("tests/.gitkeep", ""),
];

const PROFILE: &str = include_str!("../../../starter/profiles.yml");

/// Starts a project, or gives the project in this folder a profile.
pub fn init(globals: &Globals, line: &DbtLine, name: Option<&str>, skip: bool) -> Result<Exit> {
    let base = line.common.project_dir.as_ref();
    let base = base.unwrap_or(&globals.project_dir);
    let file = base.join("dbt_project.yml");
    if name.is_none() && file.is_file() {
        output::line(&format!(
            "A dbt_project.yml already exists in {}.",
            base.display()
        ))?;
        if !skip {
            let text = std::fs::read_to_string(&file).explain(codes::D1001, || {
                format!("`{}` cannot be read", file.display())
            })?;
            let document = yaml::parse(&Source::new("dbt_project.yml", text))?;
            let named = |key: &str| document.root.get(key).and_then(yaml::Node::scalar_text);
            let profile = named("profile").or_else(|| named("name"));
            set_up(line, base, &profile.unwrap_or_default())?;
        }
        return Ok(Exit::Done);
    }
    let name = match name {
        Some(name) => name.to_owned(),
        None => ask()?,
    };
    if !valid(&name) {
        return Err(Error::new(
            codes::D1002,
            format!("`{name}` is not a valid project name"),
        )
        .help("a project name has letters, digits and underscores, and no digit in front"));
    }
    let folder = base.join(&name);
    if folder.exists() {
        let message = format!("A project called `{name}` already exists here");
        return Err(Error::new(codes::C0100, message).help("choose another name"));
    }
    for (path, text) in FILES {
        write(&folder.join(path), &text.replace("NAME", &name))?;
    }
    if !skip {
        set_up(line, &folder, &name)?;
    }
    let shown = folder.display();
    output::line(&format!(
        "Your new dbt project \"{name}\" was created in {shown}. Next:\n  \
         sluice -C {shown} dbt build\n  sluice -C {shown} sql -c \"select * from my_second_dbt_model\""
    ))?;
    Ok(Exit::Done)
}

/// Writes the profile `name` beside the project, or into `--profiles-dir`, unless there is one.
fn set_up(line: &DbtLine, folder: &Path, name: &str) -> Result<()> {
    let folder = line.common.profiles_dir.as_deref().unwrap_or(folder);
    let path = folder.join("profiles.yml");
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    let document = yaml::parse(&Source::new("profiles.yml", known.as_str()))?;
    if document.root.get(name).is_some() {
        return output::line(&format!(
            "The profile {name} already exists in {}: it is kept.",
            path.display()
        ));
    }
    let mut text = known;
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&PROFILE.replace("NAME", name));
    write(&path, &text)?;
    output::line(&format!("Profile {name} written to {}.", path.display()))
}

/// The name that somebody at a terminal gives.
fn ask() -> Result<String> {
    if !std::io::stdin().is_terminal() {
        return Err(Error::new(codes::D1002, "The new project has no name")
            .help("name it: `sluice dbt init my_project`"));
    }
    loop {
        output::message("Enter a name for your project (letters, digits, underscore):");
        let mut answer = String::new();
        let read = std::io::stdin().read_line(&mut answer);
        let read = read.explain(codes::C0012, || "The terminal cannot be read".to_owned())?;
        let name = answer.trim();
        if valid(name) {
            return Ok(name.to_owned());
        }
        if read == 0 {
            return Err(Error::new(codes::D1002, "The new project has no name"));
        }
        output::message(&format!("`{name}` is not a valid project name."));
    }
}

fn valid(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn write(path: &Path, text: &str) -> Result<()> {
    let message = || format!("`{}` cannot be written", path.display());
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).explain(codes::D4001, message)?;
    }
    std::fs::write(path, text).explain(codes::D4001, message)
}
