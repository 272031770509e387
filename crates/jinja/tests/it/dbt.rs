//! What dbt adds to Jinja2: its tags, `return`, tolerant parsing, native values.

use diagnostic::Source;
use jinja::ast::MacroKind;
use jinja::{Arguments, Dict, Environment, Scope, Template, UndefinedBehavior, Value, calls};

fn parse(text: &str) -> Template {
    Template::parse(&Source::new("macros/m.sql", text)).unwrap()
}

/// A scope that finds macros by name when they are called, as dbt's context does.
struct Macros(Vec<Template>, Dict);

impl Scope for Macros {
    fn get(&self, name: &str) -> diagnostic::Result<Option<Value>> {
        let found = self
            .0
            .iter()
            .flat_map(Template::macros)
            .find(|(have, _)| &**have == name);
        Ok(found.map(|(_, value)| value).or_else(|| self.1.get(name)))
    }
}

fn render(macros: &[&str], text: &str) -> diagnostic::Result<String> {
    let scope = Macros(macros.iter().map(|text| parse(text)).collect(), Dict::new());
    parse(text).render(&Environment::new(), &scope)
}

#[test]
fn return_ends_the_macro_with_any_value() {
    let macros = [
        "{% macro numbers() %}text{% do return([1, 2]) %}never{% endmacro %}",
        "{% macro find(x) %}{% for i in range(9) %}{% if i == x %}{{ return(i) }}{% endif %}{% endfor %}{% endmacro %}",
        "{% macro nested() %}{{ return(numbers()) }}{% endmacro %}",
        "{% macro nothing() %}{{ return() }}{% endmacro %}",
    ];
    let text = render(
        &macros,
        "{{ numbers() }} {{ numbers() | length }} {{ find(3) + 1 }} {{ nested()[1] }} {{ nothing() is none }}",
    );
    assert_eq!(text.unwrap(), "[1, 2] 2 4 2 True");
}

#[test]
fn return_in_a_call_block_ends_the_macro_that_runs_it() {
    let macros = ["{% macro statement() %}a{{ caller() }}b{% endmacro %}"];
    let text = render(
        &macros,
        "[{% call statement() %}x{{ return('r') }}{% endcall %}]",
    );
    assert_eq!(text.unwrap(), "[r]");
}

#[test]
fn macros_see_the_scope_of_their_caller_only() {
    let macros = ["{% set hidden = 1 %}{% macro m() %}{{ hidden }}{{ this }}{% endmacro %}"];
    let scope = Macros(
        macros.iter().map(|text| parse(text)).collect(),
        Dict::from_iter([("this", "t".into())]),
    );
    let text = parse("{% set x = 1 %}{{ m() }}").render(&Environment::new(), &scope);
    assert_eq!(text.unwrap(), "t");
}

#[test]
fn a_macro_is_a_value() {
    let macros = [
        "{% macro apply(f, x) %}{{ return(f(x)) }}{% endmacro %}",
        "{% macro double(x) %}{{ return(x * 2) }}{% endmacro %}",
    ];
    assert_eq!(
        render(&macros, "{{ apply(double, 4) }} {{ double is callable }}").unwrap(),
        "8 True"
    );
}

#[test]
fn blocks_of_a_file_are_found_without_rendering() {
    let text = "-- top\n{% macro m(x, y: list[string] = 'z') -%}\n  body\n{%- endmacro %}\n\
        {% test positive(model, column_name) %}select {{ column_name }}{% endtest %}\n\
        {% data_test other(model) %}x{% enddata_test %}\n\
        {% materialization inc, adapter='snowflake', supported_languages=['sql', 'python'] %}m{% endmaterialization %}\n\
        {% materialization inc, default %}m{% endmaterialization %}\n\
        {% snapshot snap %}{{ config(a=1) }} select 1{% endsnapshot %}\n\
        {% docs about %}# About {{ 1 }}\n{% enddocs %}";
    let template = parse(text);
    let found: Vec<(MacroKind, &str, &str)> = template
        .definitions()
        .map(|d| (d.kind, &*d.name, &*d.label))
        .collect();
    assert_eq!(
        found,
        [
            (MacroKind::Macro, "m", "m"),
            (MacroKind::Test, "test_positive", "positive"),
            (MacroKind::Test, "test_other", "other"),
            (
                MacroKind::Materialization,
                "materialization_inc_snowflake",
                "inc"
            ),
            (
                MacroKind::Materialization,
                "materialization_inc_default",
                "inc"
            ),
            (MacroKind::Snapshot, "snapshot_snap", "snap"),
            (MacroKind::Docs, "about", "about"),
        ]
    );
    let all: Vec<_> = template.definitions().collect();
    assert_eq!(
        all[0].text(),
        "{% macro m(x, y: list[string] = 'z') -%}\n  body\n{%- endmacro %}"
    );
    assert_eq!(all[0].body_text(), "\n  body\n");
    assert_eq!(
        all[0].parameters[1].annotation.as_deref(),
        Some("list[string]")
    );
    assert_eq!(all[3].adapter.as_deref(), Some("snowflake"));
    assert_eq!(all[3].languages.len(), 2);
    assert_eq!(all[6].body_text(), "# About {{ 1 }}\n");
    let docs = Template::of_block(all[6])
        .render(&Environment::new(), &())
        .unwrap();
    assert_eq!(docs, "# About 1\n");
}

#[test]
fn calls_are_found_without_running() {
    let template = parse(
        "{{ config(materialized='table', tags=['a', 'b']) }}{% if var('x', 1) %}{{ ref('p', 'm', v=2) }}{% endif %}\
         {{ adapter.dispatch('go', 'pkg')(ref(name)) }}{{ source('s', 't') | upper }}",
    );
    let found: Vec<(String, bool, bool)> = template
        .calls()
        .iter()
        .map(|c| (c.name(), c.is_constant(), c.conditional))
        .collect();
    let found: Vec<(&str, bool, bool)> =
        found.iter().map(|(n, c, d)| (n.as_str(), *c, *d)).collect();
    assert_eq!(
        found,
        [
            ("config", true, false),
            ("var", true, false),
            ("ref", true, true),
            ("adapter.dispatch", true, false),
            ("ref", false, false),
            ("source", true, false),
        ]
    );
    let config = &calls(template.body())[0];
    assert_eq!(
        config.named[1].1,
        Some(Value::list(["a".into(), "b".into()]))
    );
    let reference = &template.calls()[2];
    assert_eq!(
        &template.source().text[reference.span.range()],
        "ref('p', 'm', v=2)"
    );
}

#[test]
fn parsing_tolerates_what_is_not_there_yet() {
    let mut environment = Environment::new();
    environment.undefined = UndefinedBehavior::Tolerant;
    let text = parse(
        "{% set r = run_query('x') %}{{ r.columns[0].values() }}{% for x in r.rows %}y{% endfor %}\
         {{ r.a.b.c() }}{% if r > 3 %}z{% endif %}ok",
    );
    assert_eq!(text.render(&environment, &()).unwrap(), "ok");
}

#[test]
fn yaml_values_keep_their_types() {
    let environment = Environment::new();
    let scope = Dict::from_iter([
        ("n", Value::from(4)),
        ("t", "true".into()),
        ("f", "False".into()),
    ]);
    let native = |text: &str| parse(text).render_native(&environment, &scope);
    assert_eq!(native("{{ n }}").unwrap(), Value::from(4));
    assert_eq!(native("{{ n }}0").unwrap(), Value::from("40"));
    assert_eq!(native("{{ 'x' }}").unwrap(), Value::from("x"));
    assert_eq!(native("{{ '5' }}").unwrap(), Value::from("5"));
    assert_eq!(native("{{ '5' | as_number }}").unwrap(), Value::from(5));
    assert_eq!(native("{{ f | as_bool }}").unwrap(), Value::Bool(false));
    assert_eq!(
        native("{{ \"[1, 'a']\" | as_native }}").unwrap().repr(),
        "[1, 'a']"
    );
    assert_eq!(native("{{ n | as_text }}").unwrap(), Value::from("4"));
    assert_eq!(
        native("{{ 'maybe' | as_bool }}").unwrap_err().code().id,
        "J2005"
    );
    assert_eq!(native("plain").unwrap(), Value::from("plain"));
    // In SQL the filters do nothing.
    assert_eq!(
        parse("{{ t | as_bool }}")
            .render(&environment, &scope)
            .unwrap(),
        "true"
    );
}

#[test]
fn values_come_from_and_go_to_json() {
    let json = serde_json::json!({"a": [1, 2.5, null, true, "x"], "b": {"c": 18_446_744_073_709_551_615_u64}});
    assert_eq!(Value::from(&json).to_json().unwrap(), json);
    assert!(Value::undefined("x").to_json().is_err());
}

#[test]
fn the_host_calls_and_is_called() {
    let mut environment = Environment::new();
    environment.add_function("call_twice", |context, arguments| {
        let callee = arguments.one("call_twice", "callee")?;
        let one = context.call(&callee, Arguments::of([1.into()]))?;
        let two = context.call(&callee, Arguments::of([2.into()]))?;
        Ok(format!("{one}{two}{}", context.macro_stack().len()).into())
    });
    environment.add_function("look", |context, arguments| {
        let name = arguments.one("look", "name")?.to_string();
        Ok(context.lookup(&name)?.unwrap_or(Value::None))
    });
    let template = parse(
        "{% macro m(x) %}<{{ x }}>{% endmacro %}{% macro outer() %}{{ call_twice(m) }}{% endmacro %}\
         {{ outer() }}{% set local = 5 %}{{ look('local') }}{{ look('m') }}",
    );
    assert_eq!(
        template.render(&environment, &()).unwrap(),
        "<1><2>15<Macro 'm'>"
    );
    let source = Source::new("e", "[1, 2] | map('string') | join('-')");
    assert_eq!(
        environment.eval_expression(&source, &()).unwrap(),
        Value::from("1-2")
    );
}

#[test]
fn threads_share_templates() {
    let template = parse(
        "{% set l = [] %}{% for i in range(50) %}{% do l.append(i) %}{% endfor %}{{ l | sum }}",
    );
    let environment = Environment::new();
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                for _ in 0..50 {
                    assert_eq!(template.render(&environment, &()).unwrap(), "1225");
                }
            });
        }
    });
}

#[test]
fn line_ends_are_unified_and_places_stay() {
    let template = parse("a\r\nb\rc\r\n");
    assert_eq!(
        template.render(&Environment::new(), &()).unwrap(),
        "a\nb\nc"
    );
    let error = Template::parse(&Source::new("x", "a\r\nb\r\n{{ ? }}"))
        .map(|_| ())
        .unwrap_err();
    assert_eq!(
        error.place().map(|place| (place.line, place.column)),
        Some((3, 4))
    );
}

#[test]
fn filters_of_native_rendering_mark_what_they_cannot_convert() {
    let environment = Environment::new();
    let scope = Dict::from_iter([("kind", Value::from("duckdb"))]);
    let native = |text: &str| parse(text).render_native(&environment, &scope);
    // The filter binds closer than `==`, as projects write it without noticing.
    assert_eq!(
        native("{{ kind == 'duckdb' | as_bool() }}").unwrap(),
        Value::Bool(true)
    );
    assert_eq!(
        native("{{ kind == 'snowflake' | as_bool }}").unwrap(),
        Value::Bool(false)
    );
    assert_eq!(
        native("{{ kind | as_number }}").unwrap_err().code().id,
        "J2005"
    );
}

#[test]
fn only_the_blocks_of_a_file_of_blocks_have_to_be_jinja() {
    let text = "{% see https://example.com/1 %}\n{% macro one() %}1{% endmacro %}\n{% endmacro %}";
    let names = |template: Template| -> Vec<String> {
        template
            .definitions()
            .map(|block| block.name.to_string())
            .collect()
    };
    let source = Source::new("macros/one.sql", text);
    assert!(Template::parse(&source).is_err());
    assert_eq!(
        names(Template::blocks(&source, &["macro"]).unwrap()),
        ["one"]
    );
    let source = Source::new("macros/two.sql", "{% macro two() %}{{ 1 + }}{% endmacro %}");
    assert!(Template::blocks(&source, &["macro"]).is_err());
}
