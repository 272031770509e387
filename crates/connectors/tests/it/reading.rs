//! What is well written is read exactly.

use connectors::files::Defect;
use connectors::files::csv::CsvFormat;
use proptest::prelude::*;

use crate::{read, rows, texts};

#[test]
fn quotes_line_ends_and_blank_lines() {
    let text = b"id,name,note\r\n1,\"a, \"\"b\"\"\",x\r\n\r\n2,\"two\nlines\",\"\"\n3,5\" pipe,\"x\"y\n4,,";
    let rows = rows(text);
    assert_eq!(texts(&rows[0]), ["1", "a, \"b\"", "x"]);
    assert_eq!(texts(&rows[1]), ["2", "two\nlines", ""]);
    assert_eq!(texts(&rows[2]), ["3", "5\" pipe", "xy"]);
    assert_eq!(texts(&rows[3]), ["4", "", ""]);
    assert_eq!(
        rows.iter().map(|row| row.line).collect::<Vec<_>>(),
        [2, 4, 6, 7]
    );
    assert_eq!(rows[0].raw, "1,\"a, \"\"b\"\"\",x");
}

#[test]
fn short_and_long_rows_are_kept_and_flagged() {
    let rows = rows(b"a,b,c\n1,2\n1,2,3,4\n1,2,3\n");
    let defects: Vec<_> = rows.iter().map(|row| row.defect).collect();
    assert_eq!(defects, [Some(Defect::Short), Some(Defect::Long), None]);
    assert_eq!(texts(&rows[0]), ["1", "2", "<none>"]);
    assert_eq!(
        (texts(&rows[1]), rows[1].raw.as_str()),
        (vec!["1", "2", "3"], "1,2,3,4")
    );
}

#[test]
fn encodings_are_told_apart_by_mark_and_by_record() {
    let mixed = b"\xef\xbb\xbfid,name\n1,M\xc3\xbcller\n2,\"M\xfcller\"\n3,plain\n";
    let (header, rows) = read(mixed, &CsvFormat::default()).unwrap();
    assert_eq!(header, ["id", "name"]);
    assert_eq!(texts(&rows[0]), ["1", "Müller"]);
    assert_eq!(texts(&rows[1]), ["2", "Müller"]);
    assert_eq!(rows[1].raw, "2,\"Müller\"");

    let utf16: Vec<u8> = "\u{feff}id,name\n1,Müller\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(texts(&self::rows(&utf16)[0]), ["1", "Müller"]);
    assert_eq!(texts(&self::rows(&utf16[2..])[0]), ["1", "Müller"]);

    let format = CsvFormat {
        encoding: "utf-8".parse().unwrap(),
        ..CsvFormat::default()
    };
    let (_, rows) = read(mixed, &format).unwrap();
    assert_eq!(rows[1].defect, Some(Defect::Undecodable));
    assert_eq!(texts(&rows[2]), ["3", "plain"]);
}

#[test]
fn other_formats() {
    let format = CsvFormat {
        delimiter: b';',
        quote: None,
        ..CsvFormat::default()
    };
    assert_eq!(
        texts(&read(b"a;b\n\"x;1\n", &format).unwrap().1[0]),
        ["\"x", "1"]
    );
    let names = Some(vec!["a".to_owned(), "b".to_owned()]);
    let format = CsvFormat {
        columns: names,
        ..CsvFormat::default()
    };
    assert_eq!(texts(&read(b"1,2\n", &format).unwrap().1[0]), ["1", "2"]);
    let macintosh = rows(b"a,b\r1,2\r3,4\r");
    assert_eq!(
        (texts(&macintosh[1]), macintosh[1].line),
        (vec!["3", "4"], 3)
    );
}

/// A record that does not fit into what was read of the file so far is read again once there is more of it.
#[test]
fn records_longer_than_the_buffer_keep_their_fields_apart() {
    for length in [500_000, 524_280, 524_300, 600_000, 1_200_000, 5_000_000] {
        let long = "x".repeat(length);
        let quoted = format!("{}\n\"\"{}", &long[..length / 2], &long[length / 2..]);
        let meant = quoted.replace("\"\"", "\"");
        let text =
            format!("id,word,body,more\n1,a,{long},b\n2,\"c\",\"{quoted}\",\"d\"\n3,e,{long},f");
        let rows = rows(text.as_bytes());
        let expected = [
            ["1", "a", &long, "b"],
            ["2", "c", &meant, "d"],
            ["3", "e", &long, "f"],
        ];
        assert_eq!(rows.len(), 3, "{length}");
        for (row, expected) in rows.iter().zip(expected) {
            assert!(texts(row) == expected, "row {} of {length}", expected[0]);
            assert_eq!(row.defect, None);
        }
    }
}

#[test]
fn a_file_larger_than_the_buffer_is_read_whole() {
    let mut text = b"id,name\n".to_vec();
    for id in 0..200_000 {
        text.extend_from_slice(format!("{id},\"name, {id}\"\n").as_bytes());
    }
    let rows = rows(&text);
    assert_eq!(rows.len(), 200_000);
    for (id, row) in rows.iter().enumerate() {
        assert_eq!(texts(row), [id.to_string(), format!("name, {id}")]);
        assert_eq!(row.line, id as u64 + 2);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the `csv` crate writes is read back, across every alignment of blocks.
    #[test]
    fn reads_what_another_writer_wrote(
        table in prop::collection::vec(prop::collection::vec("[a-zä,\"\n \r]{0,40}", 3), 1..40),
    ) {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(["first", "second", "third"]).unwrap();
        for row in &table {
            writer.write_record(row).unwrap();
        }
        let rows = rows(&writer.into_inner().unwrap());
        prop_assert_eq!(rows.len(), table.len());
        for (row, expected) in rows.iter().zip(&table) {
            prop_assert_eq!(&texts(row), expected);
            prop_assert_eq!(row.defect, None);
        }
    }

    /// No input is a crash, and no line is lost without a trace.
    #[test]
    fn survives_anything(bytes in prop::collection::vec(prop_oneof![
        Just(b','), Just(b'"'), Just(b'\n'), Just(b'\r'), Just(0xe4), b'a'..b'd'], 0..300)) {
        let format = CsvFormat { max_record: 20, ..CsvFormat::default() };
        let text = [b"a,b\n".as_slice(), &bytes].concat();
        if let Ok((_, rows)) = read(&text, &format) {
            let mut lines: Vec<u64> = rows.iter().map(|row| row.line).collect();
            prop_assert!(lines.is_sorted());
            lines.dedup();
            prop_assert_eq!(lines.len(), rows.len());
        }
    }
}
