//! `sluice dbt docs`: the artifacts of the documentation, a page that shows them, and a server for it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use dbt::artifact::files;
use diagnostic::{Result, ResultExt as _, codes};
use platform::DbtWork;
use serde_json::{Map, Value as Json};

use super::command_line::DbtLine;
use super::invocation::{open, select};
use super::work;
use crate::arguments::Globals;
use crate::commands::Exit;
use crate::commands::watch::runtime;
use crate::output;

/// The page. It reads the artifacts beside it, or has them inside.
const PAGE: &str = include_str!("docs_page.html");

/// Where the artifacts go into the page.
const INSIDE: &str = "/*DATA*/null";

/// What the server gives out, and as what.
const SERVED: [(&str, &str); 6] = [
    ("index.html", "text/html; charset=utf-8"),
    ("static_index.html", "text/html; charset=utf-8"),
    ("manifest.json", "application/json"),
    ("catalog.json", "application/json"),
    ("run_results.json", "application/json"),
    ("column_lineage.json", "application/json"),
];

/// Writes the artifacts and the page.
pub fn generate(
    globals: &Globals,
    line: &DbtLine,
    no_compile: bool,
    empty: bool,
    one_page: bool,
) -> Result<Exit> {
    let opened = open(globals, line)?;
    let invocation = &opened.invocation;
    let mut exit = Exit::Done;
    if no_compile {
        invocation.write_manifest(&[])?;
    } else {
        let ids = invocation.workable(&select(&opened, line)?, DbtWork::Compile);
        exit = work::execute(line, &opened, DbtWork::Compile, &ids, &[])?;
    }
    let mut catalog = runtime()?.block_on(invocation.catalog_json())?;
    if empty {
        for kind in ["nodes", "sources"] {
            catalog[kind] = Json::Object(Map::new());
        }
    }
    let context = &invocation.project().context;
    let path = files::write_json(context, "catalog.json", &catalog)?;
    let lineage = invocation.column_lineage(&catalog)?;
    files::write_json(context, "column_lineage.json", &lineage)?;
    let folder = files::target_folder(context);
    write(&folder.join("index.html"), PAGE)?;
    if one_page {
        let manifest = read(&folder.join("manifest.json"))?;
        // Nothing in the data may end the script.
        let data =
            format!("{{\"manifest\":{manifest},\"catalog\":{catalog},\"lineage\":{lineage}}}")
                .replace("</", "<\\/");
        write(
            &folder.join("static_index.html"),
            &PAGE.replace(INSIDE, &data),
        )?;
    }
    opened
        .lines
        .say(&format!("Catalog written to {}", path.display()))?;
    Ok(exit)
}

/// Serves what `generate` wrote, until it is stopped.
pub fn serve(globals: &Globals, line: &DbtLine, host: &str, port: u16) -> Result<Exit> {
    let opened = open(globals, line)?;
    let folder = files::target_folder(&opened.invocation.project().context);
    read(&folder.join("manifest.json"))?;
    write(&folder.join("index.html"), PAGE)?;
    let listener = TcpListener::bind((host, port)).explain(codes::D4003, || {
        format!("Port {port} of `{host}` cannot be used")
    })?;
    output::line(&format!(
        "Serving the documentation at http://{host}:{port}/"
    ))?;
    for stream in listener.incoming().flatten() {
        // A visitor that goes away is no failure of ours.
        let _ = answer(stream, &folder);
    }
    Ok(Exit::Done)
}

/// Answers one request with one of the files, or 404.
fn answer(mut stream: TcpStream, folder: &Path) -> std::io::Result<()> {
    stream.set_read_timeout(Some(std::time::Duration::from_secs(5)))?;
    let mut request = String::new();
    BufReader::new(&stream).read_line(&mut request)?;
    let path = request.split_whitespace().nth(1).unwrap_or("/");
    let name = path
        .split('?')
        .next()
        .unwrap_or(path)
        .trim_start_matches('/');
    let name = if name.is_empty() { "index.html" } else { name };
    let found = SERVED
        .iter()
        .find(|(file, _)| *file == name)
        .and_then(|(file, kind)| Some((std::fs::read(folder.join(file)).ok()?, *kind)));
    let (status, kind, body) = match found {
        Some((body, kind)) => ("200 OK", kind, body),
        None => ("404 Not Found", "text/plain", b"not found\n".to_vec()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\ncache-control: no-store\r\n\
         x-content-type-options: nosniff\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).explain(codes::D4002, || {
        format!(
            "`{}` cannot be read: run `sluice dbt docs generate` first",
            path.display()
        )
    })
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).explain(codes::D4001, || {
        format!("`{}` cannot be written", path.display())
    })
}
