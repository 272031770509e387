#![allow(clippy::unwrap_used)]
//! What blocks are taken apart into.

use diagnostic::Source;

use super::{Action, Block, Holds, Loop, RowSource};
use crate::command::Command;
use crate::parse_script;

fn block(text: &str) -> Block {
    let mut parsed = parse_script(&Source::new("t", text)).unwrap();
    assert_eq!(parsed.len(), 1, "{text}");
    match *parsed.remove(0).command.unwrap() {
        Command::Block(block) => *block,
        other => unreachable!("{other:?}"),
    }
}

#[test]
fn a_block_is_one_statement_of_a_script() {
    let script = Source::new(
        "t",
        "begin; begin let x := 1; return x; end; commit; select 1",
    );
    let texts: Vec<String> = parse_script(&script)
        .unwrap()
        .into_iter()
        .map(|statement| statement.text)
        .collect();
    assert_eq!(
        texts,
        [
            "begin",
            "begin let x := 1; return x; end",
            "commit",
            "select 1"
        ]
    );
}

#[test]
fn declarations_say_what_a_name_holds() {
    let block = block(
        "declare a int; b number(10, 2) default 1.5; c cursor for select ? from t; r resultset;
         d cursor for r; e exception (-20001, 'bad'); s := 'x';
         begin null; end",
    );
    let kinds: Vec<&str> = block
        .declarations
        .iter()
        .map(|declared| match &declared.holds {
            Holds::Variable(Some(_), None) => "typed",
            Holds::Variable(Some(_), Some(_)) => "typed and set",
            Holds::Variable(None, _) => "set",
            Holds::Cursor(RowSource::Statement(_)) => "cursor",
            Holds::Cursor(_) => "cursor for rows",
            Holds::ResultSet(_) => "rows",
            Holds::Exception(-20001, _) => "exception",
            Holds::Exception(..) => "?",
        })
        .collect();
    assert_eq!(
        kinds,
        [
            "typed",
            "typed and set",
            "cursor",
            "rows",
            "cursor for rows",
            "exception",
            "set"
        ]
    );
}

#[test]
fn control_flow_nests() {
    let block = block(
        "begin
           for i in reverse 1 to 3 do
             if (i = 2) then continue; elseif (i > 2) then x := i; else break; end if;
           end for;
           while (x < 3) loop x := x + 1; end loop outer;
           repeat x := x - 1; until (x = 0) end repeat;
           case (x) when 0 then null; else raise; end case;
           begin select 1, 2 into :a, :b; exception when other then return sqlerrm; end;
           for rec in c do insert into t values (1); end for;
         end",
    );
    assert_eq!(block.body.len(), 6);
    assert!(matches!(
        &block.body[0].action,
        Action::Loop(Loop::Numbers { reverse: true, .. }, body, None) if body.len() == 1
    ));
    assert!(matches!(
        &block.body[1].action,
        Action::Loop(Loop::While(_), _, Some(label)) if label == "OUTER"
    ));
    let Action::Block(inner) = &block.body[4].action else {
        unreachable!()
    };
    assert!(matches!(
        &inner.body[0].action,
        Action::Run(RowSource::Statement(select), into)
            if into.as_slice() == ["A", "B"] && select.ast.to_string() == "SELECT 1, 2"
    ));
}

#[test]
fn into_outside_of_a_block_is_refused() {
    let error = parse_script(&Source::new("t", "select 1 into :x")).unwrap_err();
    assert_eq!(error.code().id, "S1001");
    let error = parse_script(&Source::new("t", "select 1 into :x; select 2")).unwrap_err();
    assert_eq!(error.code().id, "S1001");
    let script = "select 1; begin select 1 into :x; end; select 2";
    assert_eq!(parse_script(&Source::new("t", script)).unwrap().len(), 3);
    let error = parse_script(&Source::new("t", "begin select 1; ")).unwrap_err();
    assert_eq!(error.code().id, "S0001");
}

#[test]
fn a_procedure_keeps_the_text_of_its_block() {
    let script = Source::new(
        "t",
        "create or replace procedure p(a int, b varchar default 'x') returns varchar language sql
         execute as caller as begin return a || b; end; call p(1, b => 'y')",
    );
    let parsed = parse_script(&script).unwrap();
    let commands: Vec<&Command> = parsed
        .iter()
        .filter_map(|statement| statement.command.as_deref())
        .collect();
    let [Command::CreateProcedure(create), Command::Call(call)] = commands.as_slice() else {
        unreachable!("{commands:?}")
    };
    assert_eq!(create.0.body, "begin return a || b; end");
    assert_eq!(create.0.arguments.len(), 2);
    assert_eq!(call.arguments.len(), 2);
}
