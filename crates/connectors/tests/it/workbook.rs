//! Workbooks as small as they can be, written part by part.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;

fn pack(parts: &[(&str, String)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in parts {
        writer
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// An Excel workbook. A cell is empty, or `t:` text, `n:` number, `d:` date by its number, `b:` truth value,
/// `e:` error.
pub fn xlsx(sheets: &[(&str, Vec<Vec<&str>>)]) -> Vec<u8> {
    const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
    let mut parts = vec![
        (
            "[Content_Types].xml".to_owned(),
            "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"/>"
                .to_owned(),
        ),
        (
            "_rels/.rels".to_owned(),
            format!(
                "<Relationships xmlns=\"{PACKAGE}\"><Relationship Id=\"r1\" Type=\"{OFFICE}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/styles.xml".to_owned(),
            format!(
                "<styleSheet xmlns=\"{MAIN}\"><cellXfs count=\"2\"><xf numFmtId=\"0\"/><xf numFmtId=\"22\"/></cellXfs></styleSheet>"
            ),
        ),
    ];
    let (mut listed, mut related) = (String::new(), String::new());
    for (at, (name, rows)) in sheets.iter().enumerate() {
        listed += &format!(
            "<sheet name=\"{name}\" sheetId=\"{0}\" r:id=\"r{0}\"/>",
            at + 1
        );
        related += &format!(
            "<Relationship Id=\"r{0}\" Type=\"{OFFICE}/worksheet\" Target=\"worksheets/sheet{0}.xml\"/>",
            at + 1
        );
        let mut cells = String::new();
        for (row, texts) in rows.iter().enumerate() {
            cells += &format!("<row r=\"{}\">", row + 1);
            for (column, text) in texts.iter().enumerate() {
                let place = format!("{}{}", char::from(b'A' + column as u8), row + 1);
                cells += &match text.split_once(':') {
                    Some(("t", text)) => {
                        format!("<c r=\"{place}\" t=\"inlineStr\"><is><t>{text}</t></is></c>")
                    }
                    Some(("n", number)) => format!("<c r=\"{place}\"><v>{number}</v></c>"),
                    Some(("d", number)) => format!("<c r=\"{place}\" s=\"1\"><v>{number}</v></c>"),
                    Some((kind, value)) => {
                        format!("<c r=\"{place}\" t=\"{kind}\"><v>{value}</v></c>")
                    }
                    None => String::new(),
                };
            }
            cells += "</row>";
        }
        parts.push((
            format!("xl/worksheets/sheet{}.xml", at + 1),
            format!("<worksheet xmlns=\"{MAIN}\"><sheetData>{cells}</sheetData></worksheet>"),
        ));
    }
    parts.push((
        "xl/workbook.xml".to_owned(),
        format!(
            "<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><sheets>{listed}</sheets></workbook>"
        ),
    ));
    parts.push((
        "xl/_rels/workbook.xml.rels".to_owned(),
        format!("<Relationships xmlns=\"{PACKAGE}\">{related}<Relationship Id=\"rs\" Type=\"{OFFICE}/styles\" Target=\"styles.xml\"/></Relationships>"),
    ));
    let parts: Vec<(&str, String)> = parts
        .iter()
        .map(|(name, text)| (name.as_str(), text.clone()))
        .collect();
    pack(&parts)
}

/// An OpenDocument spreadsheet of one sheet; a value with two hyphens is a date.
pub fn ods(csv: &str) -> Vec<u8> {
    let mut rows = String::new();
    for line in csv.lines() {
        rows += "<table:table-row>";
        for value in line.split(',') {
            let kind = match value.matches('-').count() {
                2 => format!("office:value-type=\"date\" office:date-value=\"{value}\""),
                _ => "office:value-type=\"string\"".to_owned(),
            };
            rows +=
                &format!("<table:table-cell {kind}><text:p>{value}</text:p></table:table-cell>");
        }
        rows += "</table:table-row>";
    }
    let urn = "urn:oasis:names:tc:opendocument:xmlns";
    let content = format!(
        "<office:document-content xmlns:office=\"{urn}:office:1.0\" xmlns:table=\"{urn}:table:1.0\" xmlns:text=\"{urn}:text:1.0\"><office:body><office:spreadsheet><table:table table:name=\"S\">{rows}</table:table></office:spreadsheet></office:body></office:document-content>"
    );
    let manifest = "<manifest:manifest xmlns:manifest=\"urn:oasis:names:tc:opendocument:xmlns:manifest:1.0\"/>";
    pack(&[
        (
            "mimetype",
            "application/vnd.oasis.opendocument.spreadsheet".to_owned(),
        ),
        ("META-INF/manifest.xml", manifest.to_owned()),
        ("content.xml", content),
    ])
}
