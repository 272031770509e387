//! What a database holds: tables with their columns, keys and replica identity
//! (<https://www.postgresql.org/docs/current/catalogs.html>).

use diagnostic::{Error, Result, codes};

use super::{Client, Column, kind_of, literal, quoted};

/// A table or view by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// `table`, `partitioned table`, `view`, `materialized view` or `foreign table`.
    pub kind: &'static str,
    /// Rows as the planner estimates them; `None` if it was never analysed.
    pub rows: Option<u64>,
}

/// What of a changed row the log says
/// (<https://www.postgresql.org/docs/current/sql-altertable.html#SQL-ALTERTABLE-REPLICA-IDENTITY>).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The primary key.
    Default,
    /// The columns of an index.
    Index,
    /// All columns.
    Full,
    /// Nothing.
    Nothing,
}

/// A table or view in detail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelationInfo {
    /// Its oid.
    pub oid: u32,
    /// Its name.
    pub relation: Relation,
    /// Its columns in order.
    pub columns: Vec<Column>,
    /// The columns of its primary key; empty without one.
    pub primary_key: Vec<String>,
    /// What the log says of a changed row.
    pub identity: Identity,
    /// The columns that identify a row in the log.
    pub identity_columns: Vec<String>,
}

impl Relation {
    /// Its name as SQL takes it.
    #[must_use]
    pub fn sql(&self) -> String {
        format!("{}.{}", quoted(&self.schema), quoted(&self.name))
    }
}

impl RelationInfo {
    /// The column called `name`.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The columns that tell rows apart in the log of changes.
    #[must_use]
    pub fn logged_key(&self) -> &[String] {
        match self.identity {
            Identity::Default => &self.primary_key,
            _ => &self.identity_columns,
        }
    }
}

const RELATIONS: &str = "\
select n.nspname, c.relname, c.relkind, c.reltuples::bigint
from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
  and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname not like 'pg\\_%'
  and pg_catalog.has_schema_privilege(n.oid, 'usage')
  and pg_catalog.has_table_privilege(c.oid, 'select')
order by 1, 2";

/// Every table and view that the user may read. Partitions stand under their root.
///
/// # Errors
/// `P1004` and `P1001` if the server cannot be asked.
pub fn relations(client: &mut Client) -> Result<Vec<Relation>> {
    let rows = client.query(RELATIONS)?;
    Ok(rows.into_iter().filter_map(relation).collect())
}

fn relation(row: super::Row) -> Option<Relation> {
    let [schema, name, kind, rows] = <[_; 4]>::try_from(row).ok()?;
    Some(Relation {
        schema: schema?,
        name: name?,
        kind: match kind?.as_str() {
            "p" => "partitioned table",
            "v" => "view",
            "m" => "materialized view",
            "f" => "foreign table",
            _ => "table",
        },
        rows: rows.and_then(|rows| rows.parse().ok()),
    })
}

/// The table or view `schema.name`; `stream` is who asks.
///
/// # Errors
/// `P2001` if there is none.
pub fn describe_table(
    client: &mut Client,
    schema: &str,
    name: &str,
    stream: &str,
) -> Result<RelationInfo> {
    let index_columns = |condition: &str| {
        format!(
            "(select pg_catalog.array_to_json(array(select a.attname \
             from pg_catalog.pg_index i \
             cross join lateral pg_catalog.unnest(i.indkey) with ordinality k(n, o) \
             join pg_catalog.pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.n \
             where i.indrelid = c.oid and {condition} order by k.o)))"
        )
    };
    let sql = format!(
        "select n.nspname, c.relname, c.relkind, c.reltuples::bigint, c.oid, c.relreplident, {}, {} \
         from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace \
         where n.nspname = {} and c.relname = {} and c.relkind in ('r', 'p', 'v', 'm', 'f')",
        index_columns("i.indisprimary"),
        index_columns("i.indisreplident"),
        literal(schema),
        literal(name),
    );
    let missing = || {
        Error::new(
            codes::P2001,
            format!("The stream `{stream}` reads `{schema}.{name}`, which does not exist"),
        )
    };
    let Some(mut row) = client.query(&sql)?.into_iter().next() else {
        let names: Vec<String> = relations(client)?
            .into_iter()
            .map(|relation| format!("{}.{}", relation.schema, relation.name))
            .collect();
        let wanted = format!("{schema}.{name}");
        return Err(missing().suggest(&wanted, names.iter().map(String::as_str)));
    };
    let details = row.split_off(4);
    let relation = relation(row).ok_or_else(missing)?;
    let [oid, identity, primary, replica] = <[_; 4]>::try_from(details).map_err(|_| missing())?;
    let names = |json: Option<String>| -> Vec<String> {
        json.and_then(|json| serde_json::from_str(&json).ok())
            .unwrap_or_default()
    };
    let oid: u32 = oid.and_then(|oid| oid.parse().ok()).ok_or_else(missing)?;
    let primary_key = names(primary);
    let columns = table_columns(client, oid)?;
    let identity = match identity.as_deref() {
        Some("f") => Identity::Full,
        Some("n") => Identity::Nothing,
        Some("i") => Identity::Index,
        _ => Identity::Default,
    };
    let identity_columns = match identity {
        Identity::Full => columns.iter().map(|column| column.name.clone()).collect(),
        Identity::Index => names(replica),
        Identity::Default => primary_key.clone(),
        Identity::Nothing => Vec::new(),
    };
    Ok(RelationInfo {
        oid,
        relation,
        columns,
        primary_key,
        identity,
        identity_columns,
    })
}

/// A column whose type is still to be resolved.
struct Raw {
    name: String,
    number: i16,
    oid: u32,
    modifier: i32,
    generated: bool,
}

fn table_columns(client: &mut Client, oid: u32) -> Result<Vec<Column>> {
    let rows = client.query(&format!(
        "select attname, attnum, atttypid, atttypmod, attgenerated <> '' \
         from pg_catalog.pg_attribute \
         where attrelid = {oid} and attnum > 0 and not attisdropped order by attnum"
    ))?;
    let raw = rows
        .into_iter()
        .filter_map(|row| {
            let [name, number, oid, modifier, generated] = <[_; 5]>::try_from(row).ok()?;
            Some(Raw {
                name: name?,
                number: number?.parse().ok()?,
                oid: oid?.parse().ok()?,
                modifier: modifier?.parse().ok()?,
                generated: generated? == "t",
            })
        })
        .collect();
    resolve(client, raw)
}

/// The columns of a query.
///
/// # Errors
/// `P1004` if the server refuses the query.
pub fn describe_query(client: &mut Client, query: &str) -> Result<Vec<Column>> {
    let shape = client.shape(&format!("select * from ({query}\n) q limit 0"))?;
    let raw = shape
        .into_iter()
        .map(|(name, oid, modifier)| Raw {
            name,
            number: 0,
            oid,
            modifier,
            generated: false,
        })
        .collect();
    resolve(client, raw)
}

/// Finds the base types of domains and the elements of arrays.
fn resolve(client: &mut Client, raw: Vec<Raw>) -> Result<Vec<Column>> {
    if raw.is_empty() {
        return Ok(Vec::new());
    }
    let values: Vec<String> = raw
        .iter()
        .enumerate()
        .map(|(at, raw)| format!("({at}, {}::oid, {})", raw.oid, raw.modifier))
        .collect();
    let rows = client.query(&format!(
        "with recursive declared(n, oid, modifier) as (values {}), base(n, oid, modifier) as ( \
           select n, oid, modifier from declared \
           union all \
           select b.n, t.typbasetype, \
             case when b.modifier = -1 then t.typtypmod else b.modifier end \
           from base b join pg_catalog.pg_type t on t.oid = b.oid where t.typtype = 'd') \
         select d.n, t.oid, t.typname, b.modifier, e.oid, \
           pg_catalog.format_type(d.oid, d.modifier) \
         from declared d join base b on b.n = d.n \
         join pg_catalog.pg_type t on t.oid = b.oid and t.typtype <> 'd' \
         left join pg_catalog.pg_type e on e.typarray = t.oid and e.typdelim = ',' \
         order by d.n",
        values.join(", ")
    ))?;
    let mut columns = Vec::new();
    for (row, raw) in rows.into_iter().zip(raw) {
        let unknown = || {
            Error::new(
                codes::P1005,
                format!("The type of column `{}` cannot be found", raw.name),
            )
        };
        let [_, oid, name, modifier, element, type_name] =
            <[_; 6]>::try_from(row).map_err(|_| unknown())?;
        let number = |text: Option<String>| text.and_then(|text| text.parse::<u32>().ok());
        let oid = number(oid).ok_or_else(unknown)?;
        let modifier = modifier
            .and_then(|text| text.parse().ok())
            .ok_or_else(unknown)?;
        let name = name.ok_or_else(unknown)?;
        let (kind, wire) = kind_of(oid, &name, modifier, number(element));
        columns.push(Column {
            kind,
            wire,
            type_name: type_name.unwrap_or(name),
            declared: (raw.oid, raw.modifier),
            name: raw.name,
            number: raw.number,
            generated: raw.generated,
        });
    }
    Ok(columns)
}
