//! Parts of a table that several connections copy at once: ranges of `ctid`, which the server reads without
//! looking at the rest (<https://www.postgresql.org/docs/release/14.0/>, "TID range scans").

use diagnostic::Result;

use super::Client;

/// The first version that reads a range of `ctid` without scanning the whole table.
const TID_RANGE_SCANS: u32 = 140_000;
/// Pages below which a part is not worth a statement of its own: 8 MiB.
const FEWEST_PAGES: u64 = 1024;
/// Parts for each connection, so that none waits long for the last.
const PARTS: u64 = 4;

/// Conditions that part the rows of the table `oid` for `connections` connections. Every row that the
/// transaction of `client` sees fulfils exactly one. Empty if the table is better copied as a whole: it is
/// small, or something else than a table with pages.
///
/// # Errors
/// `P1004` if the server does not tell the table's size.
pub fn copy_ranges(client: &mut Client, oid: u32, connections: usize) -> Result<Vec<String>> {
    if client.version() < TID_RANGE_SCANS || connections < 2 {
        return Ok(Vec::new());
    }
    // All parts of a partitioned table are read from one page to another alike. Children by inheritance are
    // read with their parent, and have pages of their own.
    let sql = format!(
        "with recursive parts as (select {oid}::pg_catalog.oid as oid union all \
         select i.inhrelid from pg_catalog.pg_inherits i join parts p on i.inhparent = p.oid) \
         select case when pg_catalog.bool_and(c.relkind in ('r', 'm', 'p')) then \
         pg_catalog.max(case c.relkind when 'p' then 0 else pg_catalog.pg_relation_size(c.oid) end) \
         / pg_catalog.current_setting('block_size')::bigint else 0 end \
         from parts join pg_catalog.pg_class c on c.oid = parts.oid"
    );
    let pages = client.value(&sql)?.and_then(|pages| pages.parse().ok());
    Ok(ranges(pages.unwrap_or(0), connections))
}

fn ranges(pages: u64, connections: usize) -> Vec<String> {
    let step = pages.div_ceil(PARTS * connections as u64).max(FEWEST_PAGES);
    if pages <= step {
        return Vec::new();
    }
    let starts: Vec<u64> = (0..pages.div_ceil(step)).map(|part| part * step).collect();
    let condition = |(at, start): (usize, &u64)| match starts.get(at + 1) {
        Some(end) => format!("where ctid >= '({start},0)'::tid and ctid < '({end},0)'::tid"),
        // Rows that other transactions add behind it are not seen.
        None => format!("where ctid >= '({start},0)'::tid"),
    };
    starts.iter().enumerate().map(condition).collect()
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn ranges_meet_and_the_last_is_open() {
        assert_eq!(
            ranges(2500, 2),
            [
                "where ctid >= '(0,0)'::tid and ctid < '(1024,0)'::tid",
                "where ctid >= '(1024,0)'::tid and ctid < '(2048,0)'::tid",
                "where ctid >= '(2048,0)'::tid",
            ]
        );
        assert_eq!(ranges(80_000, 2).len(), 8);
    }

    #[test]
    fn small_tables_are_not_parted() {
        assert!(ranges(1024, 4).is_empty());
        assert!(ranges(0, 4).is_empty());
    }
}
