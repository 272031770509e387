//! How joins are planned: what keeps rows out comes early, and keeps out the right ones.

use crate::warehouse::Warehouse;

/// Orders with three lines each, customers, and keys with NULLs among them. Every fourth order has no
/// customer.
fn shop() -> Warehouse {
    let warehouse = Warehouse::new();
    warehouse.run(
        "create table orders as select seq4() as o, iff(seq4() % 4 = 0, null, seq4() % 100) as c
             from table(generator(rowcount => 40000));
         create table lines as select o.o as o, n.n as line, o.o % 7 + n.n as quantity
             from orders o, (select seq4() as n from table(generator(rowcount => 3))) n;
         create table customers as select seq4() as c, 'customer ' || seq4() as name
             from table(generator(rowcount => 100));
         create table few as select column1 as o from values (5), (6), (39999), (null), (70000)",
    );
    warehouse
}

#[test]
fn semi_joins_choose_among_the_rows_they_are_about() {
    let warehouse = shop();
    let query = "select c.name, o.o, sum(l.quantity) from customers c, orders o, lines l
         where o.o in (select o from lines group by o having sum(quantity) > 20)
             and c.c = o.c and o.o = l.o
         group by all";
    let physical = warehouse
        .run(&format!("explain analyze {query}"))
        .join("\n");
    let semi = physical.find("Semi").unwrap();
    let joins: Vec<usize> = physical
        .match_indices("join_type=Inner")
        .map(|(at, _)| at)
        .collect();
    assert!(
        joins.len() == 2 && joins.iter().all(|join| *join < semi),
        "{physical}"
    );
    // 6 * 3 + 0 + 1 + 2 = 21: the orders that leave 6 when divided by 7; those that 4 divides have no
    // customer.
    let expected = (0..40_000).filter(|o| o % 7 == 6 && o % 4 != 0).count();
    assert_eq!(
        warehouse.run(&format!(
            "select count(*), min(q) from ({query}) as t (n, o, q)"
        )),
        [format!("{expected}|21")]
    );
}

#[test]
fn a_join_that_leaves_rows_out_comes_before_a_semi_join() {
    let warehouse = shop();
    let physical = warehouse
        .run(
            "explain analyze select o.o from orders o join customers c on c.c = o.c and c.name = 'customer 7'
             where o.o in (select o from lines)",
        )
        .join("\n");
    let semi = physical.find("Semi").unwrap();
    assert!(
        semi < physical.find("join_type=Inner").unwrap(),
        "{physical}"
    );
}

#[test]
fn what_a_join_learns_keeps_no_other_rows_out() {
    let warehouse = shop();
    let counts = [
        ("select count(*) from lines l join few f on l.o = f.o", "9"),
        (
            "select count(*) from lines l where o in (select o from few)",
            "9",
        ),
        (
            "select count(*) from lines l where o not in (select o from few)",
            "0",
        ),
        (
            "select count(*) from lines l where o not in (select o from few where o is not null)",
            "119991",
        ),
        (
            "select count(*) from lines l where not exists (select 1 from few f where f.o = l.o)",
            "119991",
        ),
        (
            "select count(*), count(f.o) from lines l left join few f on l.o = f.o",
            "120000|9",
        ),
        (
            "select count(*), count(l.o) from lines l right join few f on l.o = f.o",
            "11|9",
        ),
        (
            "select count(*), count(l.o), count(f.o) from lines l full join few f on l.o = f.o",
            "120002|120000|10",
        ),
        (
            "select count(*) from few a, few b where equal_null(a.o, b.o)",
            "5",
        ),
        (
            "select sum(t.q) from few f join (select o, sum(quantity) as q from lines group by o) t on t.o = f.o",
            "45",
        ),
        ("select o from lines order by o desc, line limit 2", "39999"),
    ];
    for (query, expected) in counts {
        assert_eq!(warehouse.run(query)[0], expected, "{query}");
    }
    let plan = warehouse
        .run("explain analyze select count(*) from lines l join few f on l.o = f.o")
        .join("\n");
    assert!(plan.contains("RuntimeFilterExec: DynamicFilter"), "{plan}");
    let plan = warehouse
        .run("explain analyze select * from lines")
        .join("\n");
    assert!(!plan.contains("RuntimeFilterExec"), "{plan}");
}

#[test]
fn the_keys_of_each_round_of_a_recursive_query_are_its_own() {
    let warehouse = shop();
    warehouse.run("create table edges as select column1 as a, column2 as b from values (1, 2), (2, 3), (3, 4), (9, 9)");
    assert_eq!(
        warehouse.run(
            "with recursive reached (n) as (
                 select 1 union all select e.b from edges e join reached r on e.a = r.n
             ) select listagg(n, ',') within group (order by n) from reached"
        ),
        ["1,2,3,4"]
    );
}

#[test]
fn inner_joins_are_ordered_by_what_they_leave() {
    let warehouse = shop();
    // Written so that all lines are joined to their orders first, and `few` is compared by way of the lines.
    let written = "select count(*), sum(l.quantity) from lines l join orders o on o.o = l.o
         join customers c on c.c = o.c join few f on f.o = l.o";
    let turned = "select count(*), sum(l.quantity) from few f join orders o on o.o = f.o
         join lines l on l.o = o.o join customers c on o.c = c.c";
    let counted = warehouse.run(written);
    assert_eq!(counted, warehouse.run(turned));
    assert_ne!(counted, ["0|-"]);
    for query in [written, turned] {
        let plan = warehouse.run(&format!("explain {query}")).join("\n");
        assert_eq!(plan.matches("Inner Join").count(), 3, "{plan}");
        // What is joined first stands last.
        let first = plan.lines().rfind(|line| line.contains("Inner Join"));
        assert!(first.is_some_and(|join| join.contains("F.O")), "{plan}");
        assert!(!plan.contains("Cross"), "{plan}");
    }
    // A condition that could fail keeps the order: it would meet rows that are left out as it is written.
    let fails = "select count(*) from lines l join orders o on o.o = l.o
         join few f on f.o = l.o and 1 / (f.o + o.c + 1) > 0 join customers c on c.c = o.c";
    let plan = warehouse.run(&format!("explain {fails}")).join("\n");
    let first = plan.lines().rfind(|line| line.contains("Inner Join"));
    assert!(first.is_some_and(|join| !join.contains("F.O")), "{plan}");
}

#[test]
fn files_are_left_out_by_what_the_log_says_of_them() {
    let warehouse = shop();
    warehouse.run(
        "insert into orders select seq4() + 1000000, 7 from table(generator(rowcount => 40000))",
    );
    let counted = warehouse.run("select count(*) from orders where o >= 1000000");
    assert_eq!(counted, ["40000"]);
    let plan = warehouse
        .run("explain analyze select count(c) from orders where o >= 1000000")
        .join("\n");
    assert!(
        plan.contains("files_ranges_pruned_statistics=4 total → 2 matched"),
        "{plan}"
    );
}
