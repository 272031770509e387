//! Entries under `unit_tests:` and the fixture files they name.

use std::sync::Arc;

use diagnostic::{Error, Result, codes};
use serde_json::{Map, Value as Json};
use yaml::Node as Yaml;

use super::Parser;
use super::draft::{self, Layers};
use super::files;
use super::inventory::Inventory;
use super::properties::{PropertyFile, config_of};
use super::targets::Target;
use crate::node::{Node, ResourceType};
use crate::project::file::ProjectFile;
use crate::unit_test::fixture::csv_rows;
use crate::unit_test::{Fixture, Given, Rows, UnitTest};

impl Parser<'_> {
    /// The nodes of one entry: one, or one per version of its model.
    ///
    /// # Errors
    /// `D1061` for an entry that does not fit.
    pub(super) fn unit_tests(
        &self,
        package: &ProjectFile,
        file: &PropertyFile,
        entry: &Yaml,
        tested: &[&Target],
    ) -> Result<Vec<Node>> {
        let name = file.name_of(entry)?;
        let place = || file.document.source.place(entry.span.clone());
        let model = file
            .document
            .require(entry, "model")?
            .expect_scalar(&file.document)?;
        let mut given = Vec::new();
        for input in entry.get("given").map(Yaml::items).unwrap_or_default() {
            given.push(Given {
                input: file
                    .document
                    .require(input, "input")?
                    .expect_scalar(&file.document)?,
                fixture: fixture(&self.project.inventory, package, file, input)?,
            });
        }
        let inventory = &self.project.inventory;
        let expect = file.document.require(entry, "expect")?;
        let expect = match expect.as_sequence() {
            // A bare list is its rows.
            Some(_) => fixture_of(inventory, package, file, None, Some(expect), expect)?,
            None => fixture(inventory, package, file, expect)?,
        };
        if let (Rows::Dicts(rows), true) = (&expect.rows, expect.columns().is_empty())
            && !rows.is_empty()
        {
            let message = format!("The unit test `{name}` expects rows without columns");
            return Err(Error::new(codes::D1061, message).at(place()));
        }
        let overrides = match entry.get("overrides").map(Yaml::to_json) {
            Some(Json::Object(map)) if !map.is_empty() => Some(map),
            _ => None,
        };
        let versions = entry.get("versions").map_or(Json::Null, Yaml::to_json);
        let description = self.describe(file, entry)?;
        let mut nodes = Vec::new();
        for of in tested
            .iter()
            .filter(|of| wanted(&versions, of.version.as_ref()))
        {
            let mut fqn = files::fqn(&package.name, &file.file.path, &model);
            fqn.push(name.to_owned());
            let mut unique_id = format!("unit_test.{}.{model}.{name}", package.name);
            if let Some(version) = &of.version {
                let version = crate::python_text::str_of(version);
                unique_id.push_str(&format!("_v{version}"));
                fqn.push(format!("v{version}"));
            }
            let layers = Layers::new(
                self.project,
                package,
                ResourceType::UnitTest,
                &fqn,
                config_of(entry),
            );
            let mut node = draft::blank(
                self.project,
                ResourceType::UnitTest,
                &package.name,
                name,
                fqn,
            );
            node.unique_id = unique_id;
            node.path.clone_from(&file.file.path);
            node.original_file_path.clone_from(&file.file.original);
            node.description.clone_from(&description);
            node.config = layers.config(ResourceType::UnitTest, &[]);
            node.schema.clone_from(&of.schema);
            node.depends_on.nodes = vec![of.unique_id.clone()];
            node.attached_node = Some(of.unique_id.clone());
            let mut test = UnitTest {
                model: model.clone(),
                tested: of.unique_id.clone(),
                given: given.clone(),
                expect: expect.clone(),
                overrides: overrides.clone(),
                version: of.version.clone(),
                versions: versions.clone(),
                checksum: String::new(),
            };
            test.checksum = files::checksum(Json::Object(test.fields()).to_string().as_bytes());
            node.checksum.clone_from(&test.checksum);
            node.unit_test = Some(Arc::new(test));
            nodes.push(node);
        }
        Ok(nodes)
    }
}

fn wanted(versions: &Json, version: Option<&Json>) -> bool {
    let Some(version) = version else { return true };
    let among = |key: &str| {
        let list = versions.get(key).and_then(Json::as_array);
        list.map(|list| {
            let text = crate::python_text::str_of;
            list.iter().any(|item| text(item) == text(version))
        })
    };
    among("include").unwrap_or(true) && !among("exclude").unwrap_or(false)
}

fn fixture(
    inventory: &Inventory,
    package: &ProjectFile,
    file: &PropertyFile,
    node: &Yaml,
) -> Result<Fixture> {
    let format = node.get("format").and_then(Yaml::as_str);
    fixture_of(inventory, package, file, format, node.get("rows"), node)
}

fn fixture_of(
    inventory: &Inventory,
    package: &ProjectFile,
    file: &PropertyFile,
    format: Option<&str>,
    rows: Option<&Yaml>,
    node: &Yaml,
) -> Result<Fixture> {
    let invalid = |why: String| {
        Error::new(codes::D1061, why).at(file.document.source.place(node.span.clone()))
    };
    let format = format.unwrap_or("dict").to_lowercase();
    let named = node.get("fixture").and_then(Yaml::as_str);
    let text = match named {
        Some(name) => Some(read(inventory, package, name, &format).ok_or_else(|| {
            invalid(format!("There is no fixture file `{name}.{format}`"))
                .help("fixtures are files below `tests/fixtures`")
        })?),
        None => rows.and_then(Yaml::as_str).map(str::to_owned),
    };
    let rows = match (format.as_str(), text) {
        ("sql", Some(sql)) => Rows::Sql(sql),
        ("csv", Some(csv)) => Rows::Dicts(
            csv_rows(&csv)
                .map_err(|error| error.at(file.document.source.place(node.span.clone())))?,
        ),
        ("csv" | "sql", None) => Rows::Dicts(Vec::new()),
        ("dict", _) => {
            let mut dicts: Vec<Map<String, Json>> = Vec::new();
            for row in rows.map(Yaml::items).unwrap_or_default() {
                match row.to_json() {
                    Json::Object(row) => dicts.push(row),
                    _ => return Err(invalid("A row of `format: dict` is a mapping".to_owned())),
                }
            }
            Rows::Dicts(dicts)
        }
        (other, _) => {
            return Err(
                Error::new(codes::D1061, format!("`format: {other}` is not known"))
                    .at(file.document.source.place(node.span.clone()))
                    .suggest(other, ["dict", "csv", "sql"]),
            );
        }
    };
    Ok(Fixture {
        format,
        rows,
        file: named.map(str::to_owned),
    })
}

/// The text of the fixture `name` below a package's `tests/fixtures`.
fn read(inventory: &Inventory, package: &ProjectFile, name: &str, format: &str) -> Option<String> {
    let folders: Vec<String> = package
        .test_paths
        .iter()
        .map(|path| format!("{path}/fixtures"))
        .collect();
    let found = files::find(inventory, package, "", &folders, &[format]).ok()?;
    let file = found.iter().find(|file| file.stem() == name)?;
    file.read().ok()
}

/// The entry of a unit test whose model does not exist.
pub(super) fn no_model(file: &PropertyFile, entry: &Yaml, model: &str, known: &[&str]) -> Error {
    let message = format!("The unit test is of `{model}`, which is no model");
    Error::new(codes::D1004, message)
        .at(file.document.source.place(entry.span.clone()))
        .suggest(model, known.iter().copied())
}
