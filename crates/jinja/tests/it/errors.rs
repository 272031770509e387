//! Where errors point to and what they say.

use diagnostic::{Error, Source};
use jinja::{Dict, Environment, Limits, Template, UndefinedBehavior, Value};

fn fail(template: &str) -> Error {
    let mut environment = Environment::new();
    environment.limits = Limits {
        depth: 50,
        steps: 100_000,
    };
    fail_in(&environment, template)
}

fn fail_in(environment: &Environment, template: &str) -> Error {
    let source = Source::new("models/a.sql", template);
    let scope = Dict::from_iter([("items", Value::list([1.into(), 2.into()]))]);
    let result = Template::parse(&source).and_then(|template| template.render(environment, &scope));
    match result {
        Ok(text) => panic!("no error, but {text:?}"),
        Err(error) => error,
    }
}

/// Template, code, line, column, and a part of the message.
#[rustfmt::skip]
const CASES: &[(&str, &str, usize, usize, &str)] = &[
    ("select 1\nfrom {{ ref( }}", "J1001", 2, 14, "expected `)`, found `}`"),
    ("{{ }}", "J1001", 1, 4, "expected a value, found `}}`"),
    ("{{ 1 +", "J1001", 1, 1, "this `{{` is never closed"),
    ("a\n  {% if x %}b", "J1001", 2, 6, "this `if` block is never closed"),
    ("{% if x %}{% endfor %}", "J1001", 1, 14, "`endfor` does not close anything here"),
    ("x\n{{ 'abc }}", "J1001", 2, 4, "this string is never closed"),
    ("{{ config(\n  a=1 -- why\n) }}", "J1001", 2, 7, "a SQL comment does not work"),
    ("{{ a\n ? b }}", "J1001", 2, 2, "the character `?` does not belong here"),
    ("{% foreach x in y %}", "J1002", 1, 4, "there is no tag `foreach`"),
    ("{% include 'x' %}", "J1002", 1, 4, "the tag `include` is not available"),
    ("{% macro m(a, a) %}{% endmacro %}", "J1001", 1, 15, "declared twice"),
    ("{# never", "J1001", 1, 1, "this comment has no end"),
    ("{{ f(a=1, a=2) }}", "J1001", 1, 11, "given twice"),
    ("é{{ nope() }}", "J2001", 1, 5, "`nope` is undefined"),
    ("{{ items.foo.bar }}", "J2001", 1, 4, "`list` has no attribute or item `foo`"),
    ("\n\n{{ 1 + 'a' }}", "J2002", 3, 4, "`+` does not apply to `int` and `str`"),
    ("{{ items() }}", "J2002", 1, 4, "a `list` cannot be called"),
    ("{% for x in 5 %}{% endfor %}", "J2002", 1, 13, "a `int` cannot be iterated over"),
    ("{% set x.y = 1 %}", "J2002", 1, 8, "`x` is no namespace"),
    ("{{ items | joyn }}", "J2004", 1, 12, "there is no filter `joyn`"),
    ("{{ items is defind }}", "J2004", 1, 13, "there is no test `defind`"),
    ("{{ 'x' | int(zero=1) }}", "J2003", 1, 10, "`int` has no argument `zero`"),
    ("{{ 1 // 0 }}", "J2006", 1, 4, "division by zero"),
    ("{{ 10 ** 60 }}", "J2006", 1, 4, "beyond the range"),
    ("{{ return(1) }}", "J2007", 1, 4, "`return` was called outside a macro"),
    ("{{ 'x' * 9999999999 }}", "J3003", 1, 4, "is too much"),
    ("{% for i in range(99999999999) %}{% endfor %}", "J3003", 1, 13, "more than fit into a list"),
    ("{% for i in range(99999) %}{% for j in range(9) %}{% endfor %}{% endfor %}", "J3002", 1, 40, "more than 100000 steps"),
    ("{{ 'a' | center(9999999999) }}", "J3003", 1, 10, "is too much"),
];

#[test]
fn errors_have_code_place_and_reason() {
    let mut failures = Vec::new();
    for (template, code, line, column, part) in CASES {
        let error = fail(template);
        let place = error.place().map(|place| (place.line, place.column));
        let right = error.code().id == *code
            && place == Some((*line, *column))
            && error.message().contains(part);
        if !right {
            failures.push(format!(
                "{template:?}: want {code} {line}:{column} {part:?}, got {place:?}\n{error}"
            ));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn the_macros_that_were_called_are_listed() {
    let error = fail(
        "{% macro inner(x) %}\n{{ x.y.z }}{% endmacro %}\n\
         {% macro outer() %}{{ inner({}) }}{% endmacro %}\n{{ outer() }}",
    );
    assert_eq!(
        error.to_string(),
        "error[J2001]: `dict` has no attribute or item `y`\n \
         --> models/a.sql:2:4\n  |\n2 | {{ x.y.z }}{% endmacro %}\n  |    ^^^^^\n  \
         in macro: `inner` (models/a.sql:1), called from macro `outer`\n  \
         in macro: `outer` (models/a.sql:3), called from models/a.sql"
    );
}

#[test]
fn endless_recursion_ends() {
    let error = fail("{% macro m(x) %}{{ m(x) }}{% endmacro %}{{ m(1) }}");
    assert_eq!(error.code().id, "J3001");
    assert!(error.context().len() < 20, "{error}");
    let error = fail_in(
        &Environment::new(),
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    );
    assert_eq!(error.code().id, "J3001");
}

#[test]
fn deep_nesting_is_refused_or_works() {
    let error = fail(&format!(
        "{{{{ {}1{} }}}}",
        "(".repeat(5000),
        ")".repeat(5000)
    ));
    assert!(error.message().contains("levels are nested"), "{error}");
    let chain =
        |operator: &str, length: usize| format!("{{{{ {} }}}}", vec!["1"; length].join(operator));
    let error = fail(&chain(" + ", 20_000));
    assert!(error.message().contains("follow each other"), "{error}");
    for (operator, length) in [(" + ", 900), (" or ", 900), (" ~ ", 20_000)] {
        let source = Source::new("a", chain(operator, length));
        Template::parse(&source)
            .unwrap()
            .render(&Environment::new(), &())
            .unwrap();
    }
}

#[test]
fn strict_environments_refuse_undefined_values() {
    let mut environment = Environment::new();
    environment.undefined = UndefinedBehavior::Strict;
    for template in [
        "{{ x }}",
        "{% if x %}{% endif %}",
        "{% for i in x %}{% endfor %}",
        "{{ x ~ 'a' }}",
        "{{ x == 1 }}",
    ] {
        assert_eq!(
            fail_in(&environment, template).code().id,
            "J2001",
            "{template}"
        );
    }
    let source = Source::new("a", "{{ x is defined }} {{ x | default(1) }}");
    let text = Template::parse(&source)
        .unwrap()
        .render(&environment, &())
        .unwrap();
    assert_eq!(text, "False 1");
}
