//! Functions as a session sees them: listed, suggested, and told what they are about.

use diagnostic::codes;

use crate::warehouse::Warehouse;

#[test]
fn show_functions_lists_names_and_signatures() {
    let shown = Warehouse::new().run("show functions like 'IFNUL%'");
    assert_eq!(shown, ["IFNULL|Y|N|N|nvl(value, otherwise)||conditional"]);
}

#[test]
fn an_unknown_function_suggests_a_near_one() {
    let error = Warehouse::new().error("select datedif(day, '2024-01-01', '2024-01-02')");
    assert_eq!(error.code(), codes::E1103);
    assert!(error.to_string().contains("DATEDIF"));
}

#[test]
fn wrong_arguments_point_to_the_signature() {
    let warehouse = Warehouse::new();
    for call in ["iff(true, 1)", "split_part('a', '.')", "corr(1)", "round()"] {
        let error = warehouse.error(&format!("select {call}"));
        assert_eq!(error.code(), codes::E1104, "{call}: {error}");
    }
}

#[test]
fn a_session_knows_where_it_is() {
    let shown = Warehouse::new()
        .run("select current_database() is not null, current_schema() is not null, current_user()");
    assert_eq!(shown, ["true|true|OWNER"]);
}
