//! [`SqlCatalog`]: an Iceberg catalog in an SQLite file, with the tables that Java's JDBC catalog and PyIceberg's SQL
//! catalog use (<https://iceberg.apache.org/docs/latest/jdbc/>), so that both read it as it is.

use std::path::Path;
use std::time::Duration;

use diagnostic::{Error, Result, ResultExt, codes};
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, params};

/// How long another process's write is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

const TABLES: &str = "
create table if not exists iceberg_tables (
    catalog_name varchar(255) not null,
    table_namespace varchar(255) not null,
    table_name varchar(255) not null,
    metadata_location varchar(1000),
    previous_metadata_location varchar(1000),
    iceberg_type varchar(5),
    primary key (catalog_name, table_namespace, table_name)
);
create table if not exists iceberg_namespace_properties (
    catalog_name varchar(255) not null,
    namespace varchar(255) not null,
    property_key varchar(255) not null,
    property_value varchar(1000) not null,
    primary key (catalog_name, namespace, property_key)
);";

/// An Iceberg catalog in an SQLite file.
pub struct SqlCatalog {
    name: String,
    file: String,
    connection: Mutex<Connection>,
}

impl SqlCatalog {
    /// The catalog called `name` in `file`, made if it is not there.
    ///
    /// # Errors
    /// `K4003` if the file cannot be used.
    pub fn open(file: &Path, name: &str) -> Result<Self> {
        let shown = file.display().to_string();
        let wrong = || format!("The Iceberg catalog `{shown}` cannot be opened");
        let connection = Connection::open(file).explain(codes::K4003, wrong)?;
        connection
            .busy_timeout(PATIENCE)
            .and_then(|()| connection.execute_batch(TABLES))
            .explain(codes::K4003, wrong)?;
        Ok(Self {
            name: name.to_owned(),
            file: shown,
            connection: Mutex::new(connection),
        })
    }

    /// The metadata file of the table `name`, if the catalog has it.
    ///
    /// # Errors
    /// `K4003` if the file cannot be used.
    pub fn metadata_location(&self, namespace: &str, name: &str) -> Result<Option<String>> {
        let row = self.connection.lock().query_row(
            "select metadata_location from iceberg_tables
             where catalog_name = ?1 and table_namespace = ?2 and table_name = ?3",
            params![self.name, namespace, name],
            |row| row.get::<_, Option<String>>(0),
        );
        let found = row.optional().explain(codes::K4003, || self.broken())?;
        Ok(found.flatten())
    }

    /// All tables: namespace, name and metadata file.
    ///
    /// # Errors
    /// `K4003` if the file cannot be used.
    pub fn tables(&self) -> Result<Vec<(String, String, String)>> {
        let connection = self.connection.lock();
        let mut statement = connection
            .prepare(
                "select table_namespace, table_name, metadata_location from iceberg_tables
                 where catalog_name = ?1 and metadata_location is not null
                   and coalesce(iceberg_type, 'TABLE') = 'TABLE'
                 order by table_namespace, table_name",
            )
            .explain(codes::K4003, || self.broken())?;
        let rows = statement
            .query_map([&self.name], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .explain(codes::K4003, || self.broken())?;
        rows.collect::<rusqlite::Result<_>>()
            .explain(codes::K4003, || self.broken())
    }

    /// Lets the table `name` be what the metadata file `becomes` says, if it is still what `before` says; `None`
    /// is no table.
    ///
    /// # Errors
    /// `K4005` if the table is something else, `K4003` if the file cannot be used.
    pub fn swap(
        &self,
        namespace: &str,
        name: &str,
        before: Option<&str>,
        becomes: Option<&str>,
    ) -> Result<()> {
        let mut connection = self.connection.lock();
        let transaction = connection
            .transaction()
            .explain(codes::K4003, || self.broken())?;
        let key = params![self.name, namespace, name, before, becomes];
        let changed = match (before, becomes) {
            (None, None) => Ok(1),
            (None, Some(_)) => transaction.execute(
                "insert into iceberg_tables
                 select ?1, ?2, ?3, ?5, ?4, 'TABLE'
                 where not exists (select 1 from iceberg_tables
                    where catalog_name = ?1 and table_namespace = ?2 and table_name = ?3)",
                key,
            ),
            (Some(_), Some(_)) => transaction.execute(
                "update iceberg_tables
                 set metadata_location = ?5, previous_metadata_location = ?4
                 where catalog_name = ?1 and table_namespace = ?2 and table_name = ?3
                   and metadata_location = ?4",
                key,
            ),
            (Some(before), None) => transaction.execute(
                "delete from iceberg_tables
                 where catalog_name = ?1 and table_namespace = ?2 and table_name = ?3
                   and metadata_location = ?4",
                params![self.name, namespace, name, before],
            ),
        };
        if changed.explain(codes::K4003, || self.broken())? != 1 {
            return Err(Error::new(
                codes::K4005,
                format!(
                    "Table `{namespace}.{name}` of {} was changed by somebody else",
                    self.file
                ),
            ));
        }
        if becomes.is_some() {
            transaction
                .execute(
                    "insert or ignore into iceberg_namespace_properties values (?1, ?2, 'exists', 'true')",
                    params![self.name, namespace],
                )
                .explain(codes::K4003, || self.broken())?;
        }
        transaction.commit().explain(codes::K4003, || self.broken())
    }

    fn broken(&self) -> String {
        format!("The Iceberg catalog `{}` cannot be used", self.file)
    }
}
