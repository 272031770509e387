//! Files of all formats, packed in all ways, through the one door.

use std::io::{Cursor, Write};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray,
    Float64Array, Int64Array, ListArray, MapBuilder, RecordBatch, StringArray, StringBuilder,
    StructArray, TimestampMicrosecondArray, TimestampNanosecondArray,
};
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type};
use connectors::files::json::JsonFormat;
use connectors::files::{Defect, ExcelFormat, FileFormat, FileReader, Place, discover};
use diagnostic::Result;

use crate::workbook::{ods, xlsx};

/// A record: its line, its fields by name as JSON shows them, its defect, its raw text.
struct Row {
    line: u64,
    fields: Vec<(String, Option<String>, bool)>,
    defect: Option<Defect>,
    raw: String,
}

impl Row {
    fn text(&self, name: &str) -> &str {
        let (_, text, _) = self.field(name);
        text.as_deref().unwrap_or("<null>")
    }

    fn field(&self, name: &str) -> &(String, Option<String>, bool) {
        let found = self.fields.iter().find(|(other, ..)| other == name);
        found.unwrap_or_else(|| panic!("no field {name}"))
    }
}

fn read(bytes: &[u8], format: &FileFormat, expected: &[&str]) -> Result<Vec<Row>> {
    let (_folder, path) = crate::file(bytes);
    read_place(&Place::file(path), format, expected)
}

fn read_place(place: &Place, format: &FileFormat, expected: &[&str]) -> Result<Vec<Row>> {
    let expected: Vec<String> = expected.iter().map(|name| (*name).to_owned()).collect();
    let mut reader = FileReader::open(place, "a.file", format, &expected)?;
    let mut rows = Vec::new();
    while reader.next()? {
        let records = reader.lend();
        for (at, record) in records.records().iter().enumerate() {
            let fields = reader.header().iter().enumerate();
            let fields = fields.filter(|(column, _)| records.has(at, *column));
            rows.push(Row {
                line: record.line,
                fields: fields
                    .map(|(column, name)| {
                        let field = records.field(at, column);
                        let text = field.map(|(text, _)| String::from_utf8(text.into()).unwrap());
                        (name.clone(), text, field.is_some_and(|(_, quoted)| quoted))
                    })
                    .collect(),
                defect: record.defect,
                raw: records.raw_text(at).into_owned(),
            });
        }
    }
    Ok(rows)
}

fn lines() -> FileFormat {
    FileFormat::Json(JsonFormat::default())
}

fn documents() -> FileFormat {
    FileFormat::Json(JsonFormat {
        lines: false,
        max_record: 1 << 20,
        ..JsonFormat::default()
    })
}

const OBJECTS: &str = "{\"id\": 1, \"Full Name\":\"M\\u00fcller\", \"tags\":[1, {\"a\":null}]}\n\n{\"id\":1.50,\"new\":null}\r\n  {\"id\":\"\"}";

#[test]
fn lines_of_json_are_records_with_what_their_keys_say() {
    let rows = read(OBJECTS.as_bytes(), &lines(), &["id", "full_name"]).unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!(
        rows.iter().map(|row| row.line).collect::<Vec<_>>(),
        [1, 3, 4]
    );
    assert_eq!(rows[0].text("full_name"), "Müller");
    assert_eq!(rows[0].text("tags"), "[1, {\"a\":null}]");
    // A number keeps its digits, a missing key is not there, a null is there.
    assert_eq!(rows[1].text("id"), "1.50");
    assert_eq!(rows[1].field("new"), &("new".to_owned(), None, false));
    assert_eq!(rows[1].fields.len(), 2);
    assert_eq!(
        rows[2].field("id"),
        &("id".to_owned(), Some(String::new()), true)
    );
    assert_eq!(rows[1].raw, "{\"id\":1.50,\"new\":null}");
}

#[test]
fn a_broken_line_of_json_costs_itself_only() {
    let text = "{\"id\":1}\n{\"id\":2,\n[3]\n{\"id\":4} x\n{\"id\":5,\"ID\":6}\n{\"id\":7\u{1f}}\n{\"id\":8}\n";
    let rows = read(text.as_bytes(), &lines(), &["id"]).unwrap();
    let why = |row: &Row| match row.defect {
        Some(Defect::Malformed(fault)) => format!("{} at {}", fault.why, fault.at),
        other => format!("{other:?}"),
    };
    assert_eq!(
        rows.iter().map(why).collect::<Vec<_>>(),
        [
            "None",
            "it is cut off at 8",
            "it is no object at 0",
            "more follows after its end at 9",
            "two keys are one column at 8",
            "a comma or `}` is missing at 7",
            "None"
        ]
    );
    assert_eq!(rows[3].raw, "{\"id\":4} x");
    assert!(rows[3].fields.is_empty());
}

#[test]
fn documents_of_json_stand_in_arrays_or_one_after_the_other() {
    for text in [
        "[{\"id\":1},\n {\"id\": {\"x\":\"}\\\"\"}} ]",
        "{\n \"id\":1}{\"id\": {\"x\":\"}\\\"\"}}",
        "\u{feff} [{\"id\":1}] [{\"id\": {\"x\":\"}\\\"\"}}]\n",
    ] {
        let rows = read(text.as_bytes(), &documents(), &["id"]).unwrap();
        let ids: Vec<&str> = rows.iter().map(|row| row.text("id")).collect();
        assert_eq!(ids, ["1", "{\"x\":\"}\\\"\"}"], "{text}");
    }
    assert!(read(b" [] ", &documents(), &["id"]).unwrap().is_empty());
    // Balanced but invalid: one object is lost, the others are not.
    let rows = read(
        b"[{\"id\":1},{\"id\":nul},{\"id\":3}]",
        &documents(),
        &["id"],
    )
    .unwrap();
    assert!(matches!(rows[1].defect, Some(Defect::Malformed(_))));
    assert_eq!(
        (rows[1].raw.as_str(), rows[2].text("id")),
        ("{\"id\":nul}", "3")
    );
    for broken in [
        "[{\"id\":1}",
        "[{\"id\":1} {\"id\":2}]",
        "[1]",
        "{\"id\":1",
        "[{}]]",
    ] {
        let error = read(broken.as_bytes(), &documents(), &["id"])
            .err()
            .unwrap();
        assert_eq!(error.code().id, "F2005", "{broken}");
    }
}

#[test]
fn an_object_longer_than_allowed_costs_itself_only() {
    let long = "y".repeat(3 << 20);
    let text = format!("[{{\"id\":1}},{{\"id\":\"{long}\"}},{{\"id\":3}}]");
    let rows = read(text.as_bytes(), &documents(), &["id"]).unwrap();
    assert_eq!(rows[1].defect, Some(Defect::Oversized));
    assert!(rows[1].raw.len() <= 4096);
    assert_eq!(rows[2].text("id"), "3");
}

#[test]
fn keys_that_are_values_are_refused_before_they_fill_the_memory() {
    let text: String = (0..5000).map(|id| format!("{{\"k{id}\":1}}\n")).collect();
    let error = read(text.as_bytes(), &lines(), &["id"]).err().unwrap();
    assert_eq!(error.code().id, "F2006");
}

#[test]
fn many_records_come_in_the_same_order_whatever_their_keys() {
    let text: String = (0..30_000)
        .map(|id| format!("{{\"c{}\":{id},\"id\":{id}}}\n", id % 700))
        .collect();
    let rows = read(text.as_bytes(), &lines(), &["id"]).unwrap();
    assert_eq!(rows.len(), 30_000);
    for (id, row) in rows.iter().enumerate() {
        let other = format!("c{}", id % 700);
        assert_eq!(
            (row.text("id"), row.line),
            (id.to_string().as_str(), id as u64 + 1)
        );
        assert_eq!(row.text(&other), id.to_string());
    }
}

fn typed() -> RecordBatch {
    let list = ListArray::from_iter_primitive::<Int64Type, _, _>([Some(vec![Some(1), None]), None]);
    let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    map.keys().append_value("k\"");
    map.values().append_value("v");
    map.append(true).unwrap();
    map.append(false).unwrap();
    let inner: ArrayRef = Arc::new(StringArray::from(vec![Some("x"), None]));
    let object = StructArray::from(vec![(
        Arc::new(Field::new("a", DataType::Utf8, true)),
        inner,
    )]);
    let money = Decimal128Array::from(vec![Some(-1), None])
        .with_precision_and_scale(20, 2)
        .unwrap();
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "Order Id",
            Arc::new(Int64Array::from(vec![Some(i64::MAX), None])),
        ),
        ("name", Arc::new(StringArray::from(vec![Some(""), None]))),
        ("money", Arc::new(money)),
        ("ratio", Arc::new(Float64Array::from(vec![0.1, f64::NAN]))),
        ("good", Arc::new(BooleanArray::from(vec![Some(true), None]))),
        ("day", Arc::new(Date32Array::from(vec![Some(20_000), None]))),
        (
            "at",
            Arc::new(
                TimestampMicrosecondArray::from(vec![Some(1_500_000), None]).with_timezone("UTC"),
            ),
        ),
        (
            "fine",
            Arc::new(TimestampNanosecondArray::from(vec![Some(1), Some(1000)])),
        ),
        (
            "bytes",
            Arc::new(BinaryArray::from(vec![Some(b"\x00\xff".as_slice()), None])),
        ),
        ("list", Arc::new(list)),
        ("map", Arc::new(map.finish())),
        ("object", Arc::new(object)),
        (
            "word",
            Arc::new(DictionaryArray::<Int32Type>::from_iter([Some("red"), None])),
        ),
    ];
    RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .unwrap()
}

fn parquet(batch: &RecordBatch) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer =
        parquet::arrow::ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn parquet_keeps_every_digit_of_every_type() {
    let format = FileFormat::Parquet(1 << 20);
    let rows = read(&parquet(&typed()), &format, &["order_id", "name"]).unwrap();
    let texts: Vec<String> = rows[0]
        .fields
        .iter()
        .map(|(_, text, quoted)| match (text, quoted) {
            (Some(text), true) => format!("'{text}'"),
            (Some(text), false) => text.clone(),
            (None, _) => "NULL".to_owned(),
        })
        .collect();
    assert_eq!(
        texts,
        [
            "9223372036854775807",
            "''",
            "-0.01",
            "0.1",
            "true",
            "'2024-10-04'",
            "'1970-01-01 00:00:01.500000Z'",
            "'1970-01-01 00:00:00.000000001'",
            "'00FF'",
            "[1,null]",
            "{\"k\\\"\":\"v\"}",
            "{\"a\":\"x\"}",
            "'red'",
        ]
    );
    assert_eq!(rows[1].text("name"), "<null>");
    assert_eq!(rows[1].text("fine"), "1970-01-01 00:00:00.000001");
    assert_eq!(rows[1].text("ratio"), "NaN");
    assert_eq!((rows[0].line, rows[1].line), (1, 2));
    assert!(
        rows[0]
            .raw
            .starts_with("{\"Order Id\":9223372036854775807,\"name\":\"\"")
    );
}

#[test]
fn damaged_files_of_columns_are_refused_with_their_name() {
    let whole = parquet(&typed());
    let format = FileFormat::Parquet(1 << 20);
    let code = |bytes: &[u8], format: &FileFormat| {
        let error = read(bytes, format, &["name"]).err().unwrap();
        assert!(error.to_string().contains("a.file"));
        error.code().id
    };
    assert_eq!(code(&whole[..whole.len() - 9], &format), "F2001");
    assert_eq!(code(b"", &format), "F2001");
    assert_eq!(code(b"a,b\n1,2\n", &format), "F2001");
    assert_eq!(code(b"a,b\n1,2\n", &FileFormat::Avro(1 << 20)), "F2001");
    assert_eq!(
        code(b"a,b\n1,2\n", &FileFormat::Excel(ExcelFormat::default())),
        "F2001"
    );
    assert_eq!(code(&whole, &lines()), "F2002");
}

fn avro(rows: i64) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter([
        (
            "id",
            Arc::new(Int64Array::from_iter_values(0..rows)) as ArrayRef,
        ),
        (
            "name",
            Arc::new(StringArray::from_iter_values(
                (0..rows).map(|id| format!("n{id}")),
            )) as ArrayRef,
        ),
    ])
    .unwrap();
    let mut writer =
        arrow_avro::writer::AvroWriter::new(Vec::new(), batch.schema().as_ref().clone()).unwrap();
    for at in (0..batch.num_rows()).step_by(500) {
        let length = 500.min(batch.num_rows() - at);
        writer.write(&batch.slice(at, length)).unwrap();
    }
    writer.finish().unwrap();
    writer.into_inner()
}

#[test]
fn avro_is_read_to_its_end_and_nowhere_else() {
    let format = FileFormat::Avro(1 << 20);
    let whole = avro(2000);
    let rows = read(&whole, &format, &["id", "name"]).unwrap();
    assert_eq!(rows.len(), 2000);
    assert_eq!(
        (rows[1999].text("id"), rows[1999].text("name")),
        ("1999", "n1999")
    );
    // Cut off in the middle of a block, and inside its marker.
    for length in [whole.len() - 1, whole.len() - 100, whole.len() / 2] {
        let error = read(&whole[..length], &format, &["id"]).err().unwrap();
        assert_eq!(error.code().id, "F2001");
    }
}

#[test]
fn a_row_larger_than_allowed_is_a_defect() {
    let text: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(100), "y".to_owned()]));
    let batch = RecordBatch::try_from_iter([("name", text)]).unwrap();
    let rows = read(&parquet(&batch), &FileFormat::Parquet(50), &["name"]).unwrap();
    assert_eq!(
        (rows[0].defect, rows[1].defect),
        (Some(Defect::Oversized), None)
    );
}

#[test]
fn workbooks_give_the_cells_of_a_sheet() {
    let sheets = [
        ("Notes", vec![vec!["t:nothing here"]]),
        (
            "Sales",
            vec![
                vec!["t:Report of August"],
                vec![],
                vec!["", "t:Order ID", "t:Day", "t:Amount", "t:Good"],
                vec!["", "t:a", "d:46235", "n:1.5", "b:1"],
                vec![],
                vec!["", "n:7", "d:46235.25", "", "e:#N/A"],
            ],
        ),
    ];
    let format = |sheet: &str| {
        FileFormat::Excel(ExcelFormat {
            sheet: Some(sheet.to_owned()),
            header_row: Some(3),
            range: Some("B:E".parse().unwrap()),
        })
    };
    let bytes = xlsx(&sheets);
    for sheet in ["Sales", "2"] {
        let rows = read(&bytes, &format(sheet), &["order_id"]).unwrap();
        assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [4, 6]);
        assert_eq!(
            (
                rows[0].text("Order ID"),
                rows[0].text("Day"),
                rows[0].text("Amount")
            ),
            ("a", "2026-08-01", "1.5")
        );
        assert_eq!(rows[0].text("Good"), "true");
        assert_eq!(
            (
                rows[1].text("Order ID"),
                rows[1].text("Day"),
                rows[1].text("Amount")
            ),
            ("7", "2026-08-01 06:00:00", "<null>")
        );
        assert_eq!(rows[1].text("Good"), "#N/A");
    }
    let error = read(&bytes, &format("Salse"), &["a"]).err().unwrap();
    assert_eq!(error.code().id, "F3008");
    assert!(error.to_string().contains("Sales"));
    // By default the first sheet, and its first row that is not empty.
    let default = FileFormat::Excel(ExcelFormat::default());
    let first = read(&bytes, &default, &["nothing_here"]).unwrap();
    assert!(first.is_empty());
    let open = ods("id,day\n1,2026-08-01\n");
    let rows = read(&open, &default, &["id"]).unwrap();
    assert_eq!(
        (rows[0].text("id"), rows[0].text("day")),
        ("1", "2026-08-01")
    );
}

#[test]
fn every_packing_is_known_by_its_content() {
    let bzip2 = |bytes: &[u8]| {
        let mut packer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    };
    let xz = |bytes: &[u8]| {
        let mut packer = liblzma::write::XzEncoder::new(Vec::new(), 1);
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    };
    let text: String = (0..5000).map(|id| format!("{{\"id\":{id}}}\n")).collect();
    for packed in [bzip2(text.as_bytes()), xz(text.as_bytes())] {
        assert_eq!(read(&packed, &lines(), &["id"]).unwrap().len(), 5000);
        let cut = read(&packed[..packed.len() - 5], &lines(), &["id"]);
        assert_eq!(cut.err().unwrap().code().id, "F2001");
        let twice = [packed.clone(), packed].concat();
        assert_eq!(read(&twice, &lines(), &["id"]).unwrap().len(), 10_000);
    }
    // A file that must be read from its end is unpacked beside it.
    let packed = zstd::encode_all(parquet(&typed()).as_slice(), 1).unwrap();
    let format = FileFormat::Parquet(1 << 20);
    assert_eq!(read(&packed, &format, &["name"]).unwrap().len(), 2);
}

fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (at, (name, bytes)) in members.iter().enumerate() {
        let methods = [
            zip::CompressionMethod::Deflated,
            zip::CompressionMethod::Stored,
        ];
        let options = zip::write::SimpleFileOptions::default().compression_method(methods[at % 2]);
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn members_of_an_archive_are_files() {
    let folder = tempfile::tempdir().unwrap();
    let long = "{\"id\":1}\n".repeat(1000);
    let bytes = archive(&[
        ("in/a.jsonl", long.as_bytes()),
        ("b.jsonl", b"{\"id\":2}\n"),
        ("__MACOSX/b.jsonl", b"x"),
        ("notes.txt", b"x"),
        ("typed.parquet", &parquet(&typed())),
    ]);
    std::fs::write(folder.path().join("drop.zip"), &bytes).unwrap();
    let names = |pattern: &str| -> Vec<String> {
        let found = discover(folder.path(), &[pattern.to_owned()]).unwrap();
        found.into_iter().map(|file| file.name).collect()
    };
    assert_eq!(
        names("*.zip/**/*.jsonl"),
        ["drop.zip/b.jsonl", "drop.zip/in/a.jsonl"]
    );
    assert_eq!(names("*.zip").len(), 4);
    let found = discover(folder.path(), &["*.zip".to_owned()]).unwrap();
    let place = |name: &str| {
        &found
            .iter()
            .find(|file| file.name.ends_with(name))
            .unwrap()
            .place
    };
    assert_eq!(
        read_place(place("a.jsonl"), &lines(), &["id"])
            .unwrap()
            .len(),
        1000
    );
    let format = FileFormat::Parquet(1 << 20);
    assert_eq!(
        read_place(place(".parquet"), &format, &["name"])
            .unwrap()
            .len(),
        2
    );

    // A byte that changed is noticed by the member's checksum.
    let mut damaged = bytes;
    let at = damaged
        .windows(8)
        .position(|bytes| bytes == b"{\"id\":2}")
        .unwrap();
    damaged[at + 6] = b'3';
    std::fs::write(folder.path().join("drop.zip"), &damaged).unwrap();
    let error = read_place(place("b.jsonl"), &lines(), &["id"])
        .err()
        .unwrap();
    assert_eq!(error.code().id, "F2001");
}

fn enveloped(path: &[&str]) -> FileFormat {
    FileFormat::Json(JsonFormat {
        lines: false,
        records_path: path.iter().map(|key| (*key).to_owned()).collect(),
        ..JsonFormat::default()
    })
}

#[test]
fn records_are_found_in_the_object_round_them() {
    let text = "{\"next\": \"a]}\\\"\", \"meta\": {\"items\": [0, {\"id\": 9}]}, \"data\" :\n {\"n\": 1.5e3,\
                \"items\": [{\"id\": 1, \"items\": [7]},\n {\"id\": 2}], \"more\": true}, \"end\": null}\n\
                {\"data\": {\"items\": []}}{\"data\": null} {\"d\\u0061ta\": {\"items\": [{\"id\": 3}]}}";
    let rows = read(text.as_bytes(), &enveloped(&["data", "items"]), &["id"]).unwrap();
    let ids: Vec<_> = rows.iter().map(|row| (row.text("id"), row.line)).collect();
    assert_eq!(ids, [("1", 2), ("2", 3), ("3", 4)]);
    assert_eq!(rows[1].raw, "{\"id\": 2}");
    // Of a block's length and more before, in and behind the records.
    let long = "x".repeat(700_000);
    let text =
        format!("{{\"a\": \"{long}\", \"items\": [{{\"id\": \"{long}\"}}], \"z\": [\"{long}\"]}}");
    let rows = read(text.as_bytes(), &enveloped(&["items"]), &["id"]).unwrap();
    assert_eq!((rows.len(), rows[0].text("id").len()), (1, long.len()));
}

#[test]
fn envelopes_that_are_wrong_are_refused() {
    for (text, why) in [
        ("{\"rows\": []}", "an object has no `items`"),
        ("{\"items\": {}}", "`items` is no array"),
        ("{\"items\": [], \"items\": []}", "twice"),
        ("{\"items\": [] \"a\": 1}", "no JSON round its rows"),
        ("{\"a\": , \"items\": []}", "no JSON round its rows"),
        ("{\"items\": [1]}", "something else than objects"),
        ("[{\"id\": 1}]", "something else than objects"),
        ("{\"items\": [{\"id\": 1}]", "ends inside the object"),
        ("{\"items\": [{\"id\": 1}", "ends before its array does"),
        ("{\"ite", "ends inside a key"),
    ] {
        let error = read(text.as_bytes(), &enveloped(&["items"]), &["id"])
            .err()
            .unwrap();
        assert_eq!(error.code().id, "F2005", "{text}");
        assert!(error.message().contains(why), "{text}: {error}");
    }
}
