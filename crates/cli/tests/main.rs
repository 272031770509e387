//! The command line from outside, and the shape of the house.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod architecture;
mod arrivals;
mod browser;
mod certificates;
mod commands;
mod dbt_answers;
mod dbt_command;
mod dbt_dialects;
mod dbt_outcomes;
mod dbt_semantics;
mod dbt_settings;
mod dbt_upkeep;
mod end_to_end;
mod lake;
mod postgres;
mod python_models;
mod shell;
mod webhooks;
