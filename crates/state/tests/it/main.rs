//! Publishing: compare-and-swap, intents, history.
#![allow(missing_docs, clippy::unwrap_used)]

use model::{Identifier, RelationName, RunId};
use state::{Change, Publication, Relation, RelationKind, State};

fn table(version: u64) -> Relation {
    Relation {
        kind: RelationKind::Table {
            location: "retail/silver/sales".to_owned(),
            version,
            hidden: Vec::new(),
        },
        comment: None,
        generation: 0,
        id: "one".to_owned(),
        created_at: String::new(),
        details: state::Details::default(),
        access: state::Access::default(),
    }
}

fn name() -> RelationName {
    RelationName {
        database: Identifier::unquoted("retail"),
        schema: Identifier::unquoted("silver"),
        name: Identifier::unquoted("sales"),
    }
}

fn publication(read: u32, becomes: Option<Relation>) -> Publication {
    Publication {
        run: RunId::fresh(),
        namespaces: Vec::new(),
        dropped_namespaces: Vec::new(),
        changes: vec![Change {
            name: name(),
            read,
            becomes,
        }],
        commits: Vec::new(),
        ledger: Vec::new(),
        assets: Vec::new(),
        checks: Vec::new(),
        objects: Vec::new(),
        loads: Vec::new(),
        forgotten_loads: Vec::new(),
    }
}

fn publish(state: &State, publication: &Publication) {
    state.start_run(publication.run, "test", "here").unwrap();
    state.begin_publish(publication).unwrap();
    state.finish_publish(publication).unwrap();
}

#[test]
fn a_publication_moves_pointers_and_counts_generations() {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(&dir.path().join("catalog.db")).unwrap();
    publish(&state, &publication(0, Some(table(0))));
    publish(&state, &publication(1, Some(table(3))));
    let found = &state.snapshot().unwrap().relations[&name()];
    assert_eq!(found.generation, 2);
    assert_eq!(found.kind, table(3).kind);
    publish(&state, &publication(2, None));
    assert!(state.snapshot().unwrap().relations.is_empty());
    publish(&state, &publication(0, Some(table(0))));
    assert_eq!(state.snapshot().unwrap().relations[&name()].generation, 4);
}

#[test]
fn a_snapshot_that_is_kept_shows_what_everybody_published() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog.db");
    let (mine, theirs) = (State::open(&path).unwrap(), State::open(&path).unwrap());
    let version = |state: &State| {
        let snapshot = state.snapshot().unwrap();
        let found = snapshot.relations.get(&name())?;
        Some((found.kind.clone(), found.generation))
    };
    assert_eq!(version(&mine), None);
    publish(&mine, &publication(0, Some(table(0))));
    assert_eq!(version(&mine), Some((table(0).kind, 1)));
    assert_eq!(version(&theirs), version(&mine));
    publish(&theirs, &publication(1, Some(table(3))));
    assert_eq!(version(&mine), Some((table(3).kind, 2)));
    let before = mine.snapshot().unwrap();
    // The other process publishes between two of this one's: nothing of either is lost.
    let mut second = publication(0, Some(table(7)));
    second.changes[0].name.name = Identifier::unquoted("stores");
    publish(&theirs, &second);
    publish(&mine, &publication(2, Some(table(4))));
    let now = mine.snapshot().unwrap();
    assert_eq!(now.relations.len(), 2);
    assert_eq!(*now.relations, *theirs.snapshot().unwrap().relations);
    assert_eq!(*now.namespaces, *theirs.snapshot().unwrap().namespaces);
    assert_eq!(before.relations[&name()].kind, table(3).kind);
    assert_eq!(before.relations.len(), 1);
}

#[test]
fn a_stale_run_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(&dir.path().join("catalog.db")).unwrap();
    publish(&state, &publication(0, Some(table(0))));
    let stale = publication(0, Some(table(9)));
    let error = state.begin_publish(&stale).unwrap_err();
    assert_eq!(error.code().id, "K1001");
    assert!(state.intent().unwrap().is_none());
}

#[test]
fn an_intent_survives_and_is_finished_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalog.db");
    let first = publication(0, Some(table(0)));
    {
        let state = State::open(&path).unwrap();
        state.start_run(first.run, "test", "here").unwrap();
        state.begin_publish(&first).unwrap();
    }
    let state = State::open(&path).unwrap();
    let second = publication(0, Some(table(1)));
    assert_eq!(state.begin_publish(&second).unwrap_err().code().id, "K1002");
    let intent = state.intent().unwrap().unwrap();
    state.finish_publish(&intent).unwrap();
    state.finish_publish(&intent).unwrap();
    assert_eq!(state.snapshot().unwrap().relations[&name()].generation, 1);
    assert_eq!(
        state.runs(10).unwrap()[0].status,
        state::RunStatus::Published
    );
}

#[test]
fn the_history_of_a_table_follows_its_identity_through_renames() {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(&dir.path().join("catalog.db")).unwrap();
    publish(&state, &publication(0, Some(table(0))));
    publish(&state, &publication(1, Some(table(3))));
    let mut moved = publication(2, None);
    let new = RelationName {
        name: Identifier::unquoted("renamed"),
        ..name()
    };
    moved.changes.push(Change {
        name: new.clone(),
        read: 0,
        becomes: Some(table(3)),
    });
    publish(&state, &moved);
    let versions: Vec<_> = state
        .past("one", &new)
        .unwrap()
        .into_iter()
        .map(|past| past.relation.kind)
        .collect();
    assert_eq!(versions, [table(0).kind, table(3).kind, table(3).kind]);
    // A renamed table was not dropped.
    assert!(state.last_dropped(&name()).unwrap().is_none());
    let (first, last) = state.positions(moved.run).unwrap().unwrap();
    assert_eq!(last - first, 1);
}

#[test]
fn a_dropped_table_is_remembered_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(&dir.path().join("catalog.db")).unwrap();
    publish(&state, &publication(0, Some(table(4))));
    let gone = publication(1, None);
    publish(&state, &gone);
    assert_eq!(
        state.last_dropped(&name()).unwrap().unwrap().kind,
        table(4).kind
    );
    let dropped = state
        .dropped_relations(&name().namespace(), gone.run)
        .unwrap();
    assert_eq!(dropped.len(), 1);
}

#[test]
fn values_of_a_sequence_are_given_once() {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(&dir.path().join("catalog.db")).unwrap();
    assert_eq!(state.take_values("s", 10, 5, 3).unwrap(), 10);
    assert_eq!(state.take_values("s", 10, 5, 1).unwrap(), 25);
    assert_eq!(state.next_value("s").unwrap(), Some(30));
    assert_eq!(
        state.take_values("down", i64::MIN, -1, 1).unwrap(),
        i64::MIN
    );
    assert_eq!(
        state
            .take_values("down", i64::MIN, -1, 1)
            .unwrap_err()
            .code()
            .id,
        "E1004"
    );
}
