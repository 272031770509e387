//! Which features of Delta a table uses, and the action that says so
//! (<https://github.com/delta-io/delta/blob/master/PROTOCOL.md#protocol-evolution>).

use std::collections::BTreeSet;

use arrow::datatypes::{DataType, Schema};
use deltalake::kernel::Protocol;
use diagnostic::{Result, ResultExt, codes};
use serde_json::{Value, json};

/// Timestamps without a zone.
const WALL_CLOCK: &str = "timestampNtz";
/// Rows that leave without their file.
const DELETION_VECTORS: &str = "deletionVectors";
/// Conditions that every row must meet.
const CHECK_CONSTRAINTS: &str = "checkConstraints";
/// Commits that say which rows they change.
const CHANGE_DATA_FEED: &str = "changeDataFeed";

/// From these versions on, features are listed by name.
const READER_WITH_FEATURES: u64 = 3;
const WRITER_WITH_FEATURES: u64 = 7;

/// What each version of the writer's protocol brought, before features were listed.
const LEGACY_WRITER: &[(u64, &str)] = &[
    (2, "appendOnly"),
    (2, "invariants"),
    (3, "checkConstraints"),
    (4, "changeDataFeed"),
    (4, "generatedColumns"),
    (5, "columnMapping"),
    (6, "identityColumns"),
];

/// The same of the reader's.
const LEGACY_READER: &[(u64, &str)] = &[(2, "columnMapping")];

/// Features that a commit needs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Needs {
    /// Those that readers must know; writers must know them as well.
    reader: BTreeSet<&'static str>,
    /// Those that only writers must know.
    writer: BTreeSet<&'static str>,
}

impl Needs {
    /// What a table with these columns needs.
    pub(crate) fn of_columns(&mut self, schema: &Schema) {
        let wall_clock = |kind: &DataType| matches!(kind, DataType::Timestamp(_, None));
        if schema.fields().iter().any(|f| wall_clock(f.data_type())) {
            self.reader.insert(WALL_CLOCK);
        }
    }

    /// Rows leave without their file.
    pub(crate) fn deletion_vectors(&mut self) {
        self.reader.insert(DELETION_VECTORS);
    }

    /// Rows must meet conditions.
    pub(crate) fn check_constraints(&mut self) {
        self.writer.insert(CHECK_CONSTRAINTS);
    }

    /// Commits say which rows they change.
    pub(crate) fn change_data_feed(&mut self) {
        self.writer.insert(CHANGE_DATA_FEED);
    }

    /// The action that gives a table with the protocol `known` what is needed besides; a new table where that is
    /// `None`. Nothing if it has all of it: a protocol is only ever raised.
    pub(crate) fn action(&self, known: Option<&Protocol>) -> Result<Option<Value>> {
        let Some(known) = known else {
            // Reader 1 and writer 2 are what every engine knows.
            let plain = json!({"minReaderVersion": 1, "minWriterVersion": 2});
            let nothing = self.reader.is_empty() && self.writer.is_empty();
            return Ok(Some(json!({"protocol": match nothing {
                true => plain,
                false => self.raised(&plain),
            }})));
        };
        let known = serde_json::to_value(known).explain(codes::X0001, || {
            "A table's protocol cannot be told".to_owned()
        })?;
        let has = names(&known, "readerFeatures", "minReaderVersion", LEGACY_READER);
        let written = names(&known, "writerFeatures", "minWriterVersion", LEGACY_WRITER);
        let missing = self.reader.iter().any(|name| !has.contains(*name))
            || self.writer.iter().any(|name| !written.contains(*name));
        Ok(missing.then(|| json!({"protocol": self.raised(&known)})))
    }

    fn raised(&self, known: &Value) -> Value {
        let mut reader = names(known, "readerFeatures", "minReaderVersion", LEGACY_READER);
        let mut writer = names(known, "writerFeatures", "minWriterVersion", LEGACY_WRITER);
        reader.extend(self.reader.iter().map(|name| (*name).to_owned()));
        let needed = self.reader.iter().chain(&self.writer);
        writer.extend(needed.map(|name| (*name).to_owned()));
        let version = known.get("minReaderVersion").and_then(Value::as_u64);
        if self.reader.is_empty() && version < Some(READER_WITH_FEATURES) {
            // Readers need not know more than before.
            return json!({
                "minReaderVersion": version.unwrap_or(1),
                "minWriterVersion": WRITER_WITH_FEATURES,
                "writerFeatures": writer,
            });
        }
        json!({
            "minReaderVersion": READER_WITH_FEATURES,
            "minWriterVersion": WRITER_WITH_FEATURES,
            "readerFeatures": reader,
            "writerFeatures": writer,
        })
    }
}

/// Whether the rows of a table with the protocol `known` are those of its files, under the names of its columns, unless
/// files have deletion vectors.
pub(crate) fn is_plain(known: &Protocol) -> bool {
    let Ok(known) = serde_json::to_value(known) else {
        return false;
    };
    let features = names(&known, "readerFeatures", "minReaderVersion", LEGACY_READER);
    let plain = [WALL_CLOCK, DELETION_VECTORS];
    features.iter().all(|name| plain.contains(&name.as_str()))
}

/// The features a protocol lists, or means by its version.
fn names(protocol: &Value, list: &str, version: &str, legacy: &[(u64, &str)]) -> BTreeSet<String> {
    if let Some(listed) = protocol.get(list).and_then(Value::as_array) {
        let listed = listed.iter().filter_map(Value::as_str);
        return listed.map(ToOwned::to_owned).collect();
    }
    let version = protocol.get(version).and_then(Value::as_u64).unwrap_or(1);
    let meant = legacy.iter().filter(|(since, _)| *since <= version);
    meant.map(|(_, name)| (*name).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::Needs;
    use deltalake::kernel::Protocol;
    use serde_json::{Value, json};

    fn protocol(action: &Value) -> Protocol {
        serde_json::from_value(action["protocol"].clone()).unwrap()
    }

    #[test]
    fn a_protocol_is_raised_and_never_lowered() {
        let plain = Needs::default().action(None).unwrap().unwrap();
        assert_eq!(plain["protocol"]["minWriterVersion"], 2);
        assert!(
            Needs::default()
                .action(Some(&protocol(&plain)))
                .unwrap()
                .is_none()
        );

        let mut needs = Needs::default();
        needs.deletion_vectors();
        let raised = needs.action(Some(&protocol(&plain))).unwrap().unwrap();
        assert_eq!(
            raised["protocol"],
            json!({
                "minReaderVersion": 3,
                "minWriterVersion": 7,
                "readerFeatures": ["deletionVectors"],
                "writerFeatures": ["appendOnly", "deletionVectors", "invariants"],
            })
        );
        // It is there already.
        assert!(needs.action(Some(&protocol(&raised))).unwrap().is_none());
        // What only writers must know asks nothing of readers.
        let mut checks = Needs::default();
        checks.check_constraints();
        let checked = checks.action(Some(&protocol(&plain))).unwrap().unwrap();
        assert_eq!(
            checked["protocol"],
            json!({
                "minReaderVersion": 1,
                "minWriterVersion": 7,
                "writerFeatures": ["appendOnly", "checkConstraints", "invariants"],
            })
        );
        assert!(checks.action(Some(&protocol(&checked))).unwrap().is_none());
        let mut feed = Needs::default();
        feed.change_data_feed();
        let fed = feed.action(Some(&protocol(&plain))).unwrap().unwrap();
        assert_eq!(
            fed["protocol"],
            json!({
                "minReaderVersion": 1,
                "minWriterVersion": 7,
                "writerFeatures": ["appendOnly", "changeDataFeed", "invariants"],
            })
        );
        assert!(feed.action(Some(&protocol(&fed))).unwrap().is_none());
        // Nothing is taken away when columns change.
        let mut columns = Needs::default();
        columns.reader.insert(super::WALL_CLOCK);
        let both = columns.action(Some(&protocol(&raised))).unwrap().unwrap();
        let readers = &both["protocol"]["readerFeatures"];
        assert_eq!(*readers, json!(["deletionVectors", "timestampNtz"]));
    }
}
