//! Unit tests: a model's logic on given rows, compared with expected rows
//! (<https://docs.getdbt.com/docs/build/unit-tests>).
//!
//! [`UnitTest`] is what a properties file says; [`fixture`] turns rows into queries; [`run`] renders
//! the model over them, asks the engine and compares.

pub mod fixture;
mod overrides;
pub mod run;

use serde_json::{Map, Value as Json, json};

pub use fixture::{Fixture, Rows};
pub use run::UnitOutcome;

/// What a unit test says.
#[derive(Clone, Debug)]
pub struct UnitTest {
    /// The model, as written.
    pub model: String,
    /// The unique id of the model it tests.
    pub tested: String,
    /// The rows of the model's inputs: `ref('…')`, `source('…', '…')` or `this`.
    pub given: Vec<Given>,
    /// The rows the model must give.
    pub expect: Fixture,
    /// `macros`, `vars` and `env_vars` that read differently in this test.
    pub overrides: Option<Map<String, Json>>,
    /// The version of the model it tests, if the model has any.
    pub version: Option<Json>,
    /// `versions:` as written.
    pub versions: Json,
    /// A hash of what it says.
    pub checksum: String,
}

/// The rows of one input.
#[derive(Clone, Debug)]
pub struct Given {
    /// `ref('orders')`.
    pub input: String,
    /// Its rows.
    pub fixture: Fixture,
}

impl UnitTest {
    /// The fields of its own in the manifest.
    #[must_use]
    pub fn fields(&self) -> Map<String, Json> {
        let mut fields = Map::new();
        let given = self.given.iter().map(|given| {
            let mut json = given.fixture.to_json();
            json["input"] = json!(given.input);
            json
        });
        fields.insert("model".to_owned(), json!(self.model));
        fields.insert("given".to_owned(), given.collect());
        fields.insert("expect".to_owned(), self.expect.to_json());
        let overrides = self.overrides.as_ref().map(|overrides| {
            let part = |key: &str| overrides.get(key).cloned().unwrap_or_else(|| json!({}));
            json!({"macros": part("macros"), "vars": part("vars"), "env_vars": part("env_vars")})
        });
        fields.insert("overrides".to_owned(), json!(overrides));
        fields.insert("versions".to_owned(), self.versions.clone());
        fields.insert("version".to_owned(), json!(self.version));
        fields
    }
}
