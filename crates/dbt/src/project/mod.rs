//! A project's settings: `dbt_project.yml`, `profiles.yml`, and the packages it uses.

pub mod add_package;
mod archive;
pub(crate) mod catalogs;
pub mod deps;
pub mod file;
pub mod ignore;
pub mod packages;
pub mod profile;
pub mod render;
pub mod version;
