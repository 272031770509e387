//! Which plans join by place.

use datafusion::physical_plan::displayable;
use datafusion::prelude::SessionContext;
use diagnostic::Source;

async fn plan(text: &str) -> String {
    let context = SessionContext::new_with_state(crate::state());
    let source = Source::new("test.sql", text);
    let statement = sql::normalise(sql::parse_script(&source).unwrap().remove(0)).unwrap();
    let statement = datafusion::sql::parser::Statement::Statement(Box::new(statement.ast));
    let plan = context.state().statement_to_plan(statement).await.unwrap();
    let plan = context.state().create_physical_plan(&plan).await.unwrap();
    displayable(plan.as_ref()).indent(false).to_string()
}

/// Two relations that are not constants, with a condition on their places.
fn joined(condition: &str) -> String {
    format!(
        "with t as (select seq4() as n from table(generator(rowcount => 9))),
              a as (select n, st_makepoint(n, n) as g from t),
              b as (select n, st_makepoint(-n, n) as g from t)
         select a.n, b.n from a join b on {condition}"
    )
}

#[tokio::test]
async fn conditions_on_two_places_use_an_index() {
    for condition in [
        "st_dwithin(a.g, b.g, 1000)",
        "st_dwithin(b.g, a.g, a.n * 5)",
        "st_intersects(a.g, b.g) and a.n < b.n",
        "st_distance(a.g, b.g) <= 1000",
        "1000 > st_distance(a.g, b.g)",
    ] {
        let plan = plan(&joined(condition)).await;
        assert!(plan.contains("SpatialJoinExec"), "{condition}\n{plan}");
    }
}

#[tokio::test]
async fn other_conditions_do_not() {
    for condition in [
        "not st_intersects(a.g, b.g)",
        "st_disjoint(a.g, b.g)",
        "st_distance(a.g, b.g) > 1000",
        "st_dwithin(a.g, b.g, a.n * b.n)",
        "st_intersects(a.g, b.g) or a.n < b.n",
    ] {
        let plan = plan(&joined(condition)).await;
        assert!(!plan.contains("SpatialJoinExec"), "{condition}\n{plan}");
    }
}
