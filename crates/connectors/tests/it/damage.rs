//! What is badly written costs the broken line, or the file, and is named.

use std::io::Write;

use connectors::files::Defect;
use connectors::files::csv::CsvFormat;
use connectors::files::{ContentHash, copy_and_hash, hash};

use crate::{file, read, rows, texts};

fn code(bytes: &[u8]) -> &'static str {
    let error = read(bytes, &CsvFormat::default()).unwrap_err();
    assert!(error.to_string().contains("a.csv"), "{error}");
    error.code().id
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(text).unwrap();
    packer.finish().unwrap()
}

#[test]
fn packed_files_are_known_by_their_content() {
    let text = b"a,b\n1,2\n";
    assert_eq!(texts(&rows(&gzip(text))[0]), ["1", "2"]);
    assert_eq!(
        texts(&rows(&zstd::encode_all(&text[..], 1).unwrap())[0]),
        ["1", "2"]
    );
    let two_members = [gzip(text), gzip(b"3,4\n")].concat();
    assert_eq!(rows(&two_members).len(), 2);
    assert_eq!(code(b"PK\x03\x04rest of an archive"), "F2001");
}

#[test]
fn cut_off_files_are_refused() {
    let text: Vec<u8> = (0..20_000)
        .flat_map(|id: u32| format!("{id},{}\n", id * 7919).into_bytes())
        .collect();
    let packed = gzip(&text);
    assert_eq!(code(&packed[..packed.len() - 6]), "F2001");
    assert_eq!(code(&packed[..packed.len() / 2]), "F2001");
    let packed = zstd::encode_all(&text[..], 1).unwrap();
    assert_eq!(code(&packed[..packed.len() / 2]), "F2001");
}

#[test]
fn empty_files_and_headers_without_rows() {
    assert_eq!(code(b""), "F3001");
    assert_eq!(code(b"\xef\xbb\xbf\n\r\n"), "F3001");
    assert!(rows(b"a,b\n").is_empty());
    assert!(rows(b"a,b").is_empty());
}

#[test]
fn a_huge_line_costs_itself_only() {
    let format = CsvFormat {
        max_record: 1 << 20,
        ..CsvFormat::default()
    };
    let mut text = b"a,b\n1,2\n".to_vec();
    text.extend(std::iter::repeat_n(b'x', 20 << 20));
    text.extend_from_slice(b"\n3,4\n");
    let (_, rows) = read(&text, &format).unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!((rows[1].line, rows[1].defect), (3, Some(Defect::Oversized)));
    assert!(rows[1].raw.len() <= 4096 && rows[1].raw.starts_with("xxx"));
    assert_eq!((rows[2].line, texts(&rows[2])), (4, vec!["3", "4"]));

    let last = [b"a,b\n".as_slice(), &vec![b'y'; 3 << 20]].concat();
    let (_, rows) = read(&last, &format).unwrap();
    assert_eq!(
        rows.iter().map(|row| row.defect).collect::<Vec<_>>(),
        [Some(Defect::Oversized)]
    );
}

#[test]
fn an_unclosed_quote_costs_its_line_only() {
    let rows = rows(b"a,b\n1,2\n3,\"4\n5,6\n7,8\n");
    let defects: Vec<_> = rows.iter().map(|row| (row.line, row.defect)).collect();
    assert_eq!(
        defects,
        [
            (2, None),
            (3, Some(Defect::UnclosedQuote)),
            (4, None),
            (5, None)
        ]
    );
    assert_eq!(rows[1].raw, "3,\"4");
    assert_eq!(texts(&rows[3]), ["7", "8"]);
}

#[test]
fn the_same_content_has_the_same_hash() {
    let (folder, path) = file(b"a,b\n");
    let copy = folder.path().join("copy");
    let place = connectors::files::Place::file(&path);
    let hashed = hash(&place, "a.csv").unwrap();
    assert_eq!(copy_and_hash(&place, "a.csv", &copy).unwrap(), hashed);
    assert_eq!(ContentHash::of(b"a,b\n"), hashed);
    assert_eq!(hashed.to_string().parse::<ContentHash>().unwrap(), hashed);
    assert_eq!(std::fs::read(copy).unwrap(), b"a,b\n");
}
