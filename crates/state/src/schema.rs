//! The tables, created and upgraded by `PRAGMA user_version`.

/// One script per version of the file; script `n` upgrades version `n` to `n + 1`.
pub(crate) const UPGRADES: &[&str] = &[
    "
create table namespaces (
    database text not null,
    schema text not null,
    created_at text not null,
    primary key (database, schema)
) strict;

create table relations (
    database text not null,
    schema text not null,
    name text not null,
    body text not null,
    generation integer not null,
    run_id text not null,
    updated_at text not null,
    primary key (database, schema, name)
) strict;

create table relation_history (
    id integer primary key,
    database text not null,
    schema text not null,
    name text not null,
    body text,
    generation integer not null,
    run_id text not null,
    published_at text not null
) strict;
create index relation_history_name on relation_history (database, schema, name, published_at);

create table runs (
    run_id text primary key,
    command text not null,
    status text not null,
    pid integer not null,
    started_at text not null,
    ended_at text,
    error text
) strict;

create table intents (
    run_id text primary key,
    publication text not null,
    recorded_at text not null
) strict;

create table ledger (
    id integer primary key,
    stream text not null,
    path text not null,
    content_hash text not null,
    body text not null,
    run_id text not null,
    loaded_at text not null
) strict;
create index ledger_stream on ledger (stream, content_hash);

create table assets (
    asset text not null,
    run_id text not null,
    body text not null,
    materialized_at text not null,
    primary key (asset)
) strict;

create table checks (
    id integer primary key,
    run_id text not null,
    asset text not null,
    name text not null,
    body text not null,
    checked_at text not null
) strict;
create index checks_run on checks (run_id);
",
    "
alter table relation_history add column entity text;
create index relation_history_entity on relation_history (entity, id);
create index relation_history_run on relation_history (run_id);

create table namespace_history (
    id integer primary key,
    database text not null,
    schema text not null,
    dropped integer not null,
    run_id text not null,
    published_at text not null
) strict;

create table objects (
    kind text not null,
    database text not null,
    schema text not null,
    name text not null,
    body text not null,
    run_id text not null,
    updated_at text not null,
    primary key (kind, database, schema, name)
) strict;

create table object_history (
    id integer primary key,
    kind text not null,
    database text not null,
    schema text not null,
    name text not null,
    body text,
    run_id text not null,
    published_at text not null
) strict;
create index object_history_run on object_history (run_id);

create table sequence_values (
    sequence text primary key,
    next text not null
) strict;

create table load_history (
    id integer primary key,
    entity text not null,
    path text not null,
    body text not null,
    run_id text not null,
    loaded_at text not null
) strict;
create index load_history_entity on load_history (entity, path);
",
    "
alter table runs add column process text;
create index runs_open on runs (process) where status in ('running', 'publishing');

create table created_folders (
    run_id text not null,
    location text not null,
    primary key (run_id, location)
) strict, without rowid;
",
    // Roles and grants are in the bodies of objects and relations, which older programs would drop.
    "",
];
