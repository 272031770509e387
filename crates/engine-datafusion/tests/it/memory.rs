//! Statements that need more memory than they may have.

use crate::warehouse::Warehouse;

/// Rows of either side of the join; their texts alone need more than the memory.
const ROWS: u32 = 1_400_000;

#[test]
fn joins_beyond_memory_sort_instead_of_hashing() {
    let warehouse = Warehouse::with_memory(256 << 20);
    warehouse.run(&format!(
        "create table l as select seq4() as id, repeat('x', 200) || seq4() as t from table(generator(rowcount => {ROWS}));
         create table r as select id, t from l"
    ));
    let joined = "from l join r on l.id = r.id";
    assert_eq!(
        warehouse.run(&format!(
            "select count(*), min(length(l.t) + length(r.t)) {joined}"
        )),
        [format!("{ROWS}|402")]
    );
    warehouse.run(&format!(
        "create table j as select l.id, l.t, r.t as u {joined}"
    ));
    assert_eq!(
        warehouse.run("select count(*), count_if(t = u) from j"),
        [format!("{ROWS}|{ROWS}")]
    );
    assert_eq!(
        warehouse.run(
            "delete from l using r where l.id = r.id and r.t like 'x%'; select count(*) from l"
        ),
        ["0"]
    );
}
