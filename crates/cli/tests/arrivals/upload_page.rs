//! The upload page as a person uses it, in a real browser.

use std::fs;
use std::path::PathBuf;

use super::{TOKEN, local, silver};
use crate::browser::Browser;
use crate::end_to_end::shop::Shop;
use crate::webhooks::sender::Served;

/// One row of three is valid.
const FILE: &str = "id,amount\n1,1.5\n2,0\n3,x\n";

/// A file of somebody's own machine.
fn file(shop: &Shop, name: &str, text: &str) -> PathBuf {
    let path = shop.path().join("mine").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

/// Opens the page and signs in.
fn enter(browser: &mut Browser, served: &Served, token: &str) {
    browser.open(&format!("http://{}/upload", served.address()));
    browser.type_into("#token", token);
    browser.click("#enter button");
}

#[test]
fn a_person_sees_what_a_file_would_become_and_loads_it() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let shop = local("false");
    let served = Served::start(&shop, &[]);
    enter(
        &mut browser,
        &served,
        TOKEN.strip_prefix("Bearer ").unwrap(),
    );
    browser.wait_for("#patterns", "**/*.csv");
    assert_eq!(browser.texts("#stream option"), ["shop.sales"]);
    assert_eq!(browser.evaluate("document.activeElement.id"), "stream");

    browser.type_into("#folder", "/in/");
    browser.choose("#files", &[file(&shop, "a.csv", FILE)]);
    browser.wait_for("#status", "in/a.csv: look at its rows, then load it.");
    assert_eq!(browser.text("article h2"), "in/a.csv → shop.sales");
    assert_eq!(
        browser.text("article .summary"),
        "3 rows, 1 valid, 2 would be quarantined."
    );
    assert_eq!(
        browser.texts("article .rules li"),
        ["positive: 1 row", "unreadable_amount: 1 row"]
    );
    let first = browser.texts("article .table tbody tr");
    assert_eq!(
        first[0].split_whitespace().collect::<Vec<_>>(),
        ["2", "1", "1.50"]
    );
    assert_eq!(browser.texts("article .table tr.set-aside th"), ["3", "4"]);
    // Rows that would be set aside are behind a click, with the reasons.
    let open = "document.querySelector('.broken table').checkVisibility()";
    assert_eq!(browser.evaluate(open), false);
    browser.click("article .broken summary");
    browser.wait(open);
    assert_eq!(
        browser.texts("article .broken tbody td:last-child"),
        ["Found `0`", "Amount `x` is not a number"]
    );
    assert!(silver(&shop).is_empty());

    browser.click("article .load");
    browser.wait_for("article .summary", "Loaded: 3 rows, 2 in quarantine.");
    assert_eq!(browser.text("#status"), "in/a.csv is loaded.");
    assert!(browser.texts("article button").is_empty(), "it is done");
    assert_eq!(silver(&shop), ["1 1.50"]);
    assert_eq!(
        fs::read_to_string(shop.path().join("landing/in/a.csv")).unwrap(),
        FILE
    );

    // Another file of that name is refused, and the page goes on.
    browser.choose("#files", &[file(&shop, "other/a.csv", "id,amount\n9,9\n")]);
    browser.wait_for("article .summary", "1 row, 1 valid.");
    assert!(browser.console().is_empty(), "{:?}", browser.console());
    browser.click("article .load");
    browser.wait_for("#alert", "there is another file `in/a.csv`");
    browser.click("article .drop");
    browser.wait_for("#status", "in/a.csv was discarded.");
    // A browser itself notes every answer that is an error.
    let noted = browser.console();
    assert!(
        noted.iter().all(|line| line.contains("status of 409")),
        "{noted:?}"
    );

    // Files can be dropped, and what is no file of the stream is said.
    browser.type_into("#folder", "");
    let files = [
        file(&shop, "b.csv", "id,amount\n4,4\n"),
        file(&shop, "b.txt", "x"),
    ];
    browser.drop_on("#drop", &files);
    browser.wait_for(
        "#alert",
        "b.txt: `b.txt` is no name of a file of `shop.sales`",
    );
    browser.wait("[...document.querySelectorAll('.load')].some(found => found.checkVisibility())");
    browser.click("article .actions:not([hidden]) .load");
    browser.wait_for("#status", "b.csv is loaded.");
    assert_eq!(silver(&shop), ["1 1.50", "4 4.00"]);
    let noted = browser.console();
    assert!(
        noted.iter().all(|line| line.contains("status of 400")),
        "{noted:?}"
    );
    served.end();
}

#[test]
fn a_person_sees_how_far_a_file_is() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let shop = local("false");
    let served = Served::start(&shop, &[]);
    enter(&mut browser, &served, "hunter2");
    browser.wait_for("#patterns", "**/*.csv");
    let rows: Vec<String> = (0..100_000).map(|id| format!("{id},1\n")).collect();
    let large = file(&shop, "large.csv", &format!("id,amount\n{}", rows.concat()));
    browser.slow_down(400_000);
    browser.choose("#files", &[large]);
    let bar = "document.querySelector('progress')";
    let part = browser.wait(&format!(
        "{bar} && {bar}.value > 0 && {bar}.value < {bar}.max && {bar}.position"
    ));
    assert!((0.0..1.0).contains(&part.as_f64().unwrap()), "{part}");
    assert_eq!(browser.text("#status"), "large.csv is sent.");
    browser.slow_down(0);
    browser.wait_for("article .summary", "100,000 rows, 100,000 valid.");
    assert_eq!(browser.evaluate(bar), serde_json::Value::Null);
    browser.click("article .load");
    browser.wait_for("article .summary", "Loaded: 100,000 rows, 0 in quarantine.");
    assert!(browser.console().is_empty());
    served.end();
}

#[test]
fn a_wrong_token_is_said_and_the_right_one_lasts_as_long_as_the_tab() {
    let Some(mut browser) = Browser::start() else {
        return;
    };
    let shop = local("false");
    let served = Served::start(&shop, &[]);
    enter(&mut browser, &served, "wrong");
    browser.wait("document.getElementById('alert').textContent");
    assert_eq!(
        browser.evaluate("document.getElementById('choose').checkVisibility()"),
        false
    );
    assert_eq!(browser.evaluate("sessionStorage.length"), 0);
    let noted = browser.console();
    assert!(
        noted.len() == 1 && noted[0].contains("status of 401"),
        "{noted:?}"
    );

    browser.type_into("#token", "hunter2");
    browser.click("#enter button");
    browser.wait_for("#patterns", "**/*.csv");
    assert_eq!(browser.text("#alert"), "");
    browser.open(&format!("http://{}/upload", served.address()));
    browser.wait_for("#patterns", "**/*.csv");
    assert_eq!(browser.evaluate("localStorage.length"), 0);
    assert!(browser.console().is_empty());
    served.end();
}
