//! `docs/sql/functions.md` is what the catalogue says.

use std::path::Path;

#[test]
fn the_page_of_functions_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sql/functions.md");
    let page = functions::page();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/sql/functions.md is stale: run `UPDATE=1 cargo test -p functions --test it documented`"
    );
}

#[test]
fn no_two_functions_share_a_name() {
    let mut seen = std::collections::BTreeMap::new();
    for entry in functions::catalogue() {
        for name in std::iter::once(entry.name).chain(entry.aliases.iter().copied()) {
            // An aggregate may also be a window function.
            let other = seen.insert((name, entry.family == "window"), entry.name);
            assert_eq!(other, None, "{name}");
        }
    }
}

#[test]
fn a_missing_function_is_told_from_an_unknown_one() {
    assert!(functions::is_missing("ENCRYPT"));
    assert!(!functions::is_missing("iff"));
    assert!(!functions::is_missing("no_such_function"));
    assert_eq!(functions::entry("IFNULL").unwrap().name, "nvl");
}
