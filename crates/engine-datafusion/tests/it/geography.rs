//! GEOGRAPHY in tables: stored as bytes, a type of its own in every statement.

use crate::warehouse::Warehouse;

fn places() -> Warehouse {
    let warehouse = Warehouse::new();
    warehouse.run(
        "create table places (id int, place geography);
         insert into places values (1, 'POINT(0 0)'), (2, '{\"type\":\"Point\",\"coordinates\":[1,0]}'), (3, null);
         insert into places select 4, st_makepoint(2, 0)",
    );
    warehouse
}

const ALL: &str = "select id, st_aswkt(place) from places order by id";

#[test]
fn text_becomes_geography_on_its_way_in() {
    let warehouse = places();
    assert_eq!(
        warehouse.run(ALL),
        ["1|POINT(0 0)", "2|POINT(1 0)", "3|-", "4|POINT(2 0)"]
    );
    assert_eq!(
        warehouse.run("describe table places"),
        [
            "ID|NUMBER(38,0)|COLUMN|Y|-|N|N|-|-|-|-|-",
            "PLACE|GEOGRAPHY|COLUMN|Y|-|N|N|-|-|-|-|-"
        ]
    );
    warehouse.error("insert into places values (5, 'POINT(181 0)')");
}

#[test]
fn a_table_made_of_a_query_keeps_the_type() {
    let warehouse = places();
    warehouse.run(
        "create table copy as select id, place, st_aswkb(place) as bytes from places;
         create view near as select id from copy where st_dwithin(place, st_point(0, 0), 120000)",
    );
    assert_eq!(
        warehouse.run("describe table copy"),
        [
            "ID|NUMBER(38,0)|COLUMN|Y|-|N|N|-|-|-|-|-",
            "PLACE|GEOGRAPHY|COLUMN|Y|-|N|N|-|-|-|-|-",
            "BYTES|BINARY(8388608)|COLUMN|Y|-|N|N|-|-|-|-|-"
        ]
    );
    assert_eq!(warehouse.run("select id from near order by id"), ["1", "2"]);
    assert_eq!(
        warehouse.run("select round(st_distance(a.place, b.place)) from copy a join copy b on a.id = 1 and b.id = 4"),
        ["222390.0"]
    );
}

#[test]
fn rows_change_by_conditions_on_geography() {
    let warehouse = places();
    warehouse.run(
        "update places set place = to_geography('LINESTRING(0 0, 1 1)') where st_x(place) = 1;
         delete from places where st_xmax(place) = 2",
    );
    assert_eq!(
        warehouse.run(ALL),
        ["1|POINT(0 0)", "2|LINESTRING(0 0,1 1)", "3|-"]
    );
    warehouse.run(
        "merge into places t using (select 3 as id, st_point(3, 3) as place union all select 7, st_point(7, 7)) s
         on t.id = s.id
         when matched then update set place = s.place
         when not matched then insert (id, place) values (s.id, s.place)",
    );
    assert_eq!(
        warehouse.run(ALL),
        [
            "1|POINT(0 0)",
            "2|LINESTRING(0 0,1 1)",
            "3|POINT(3 3)",
            "7|POINT(7 7)"
        ]
    );
}

#[test]
fn a_column_may_be_added_to_a_table_with_geography() {
    let warehouse = places();
    warehouse.run("alter table places add column area geography");
    assert_eq!(
        warehouse.run("describe table places")[2],
        "AREA|GEOGRAPHY|COLUMN|Y|-|N|N|-|-|-|-|-"
    );
    assert_eq!(
        warehouse.run("select count(area), count(place) from places"),
        ["0|3"]
    );
}
