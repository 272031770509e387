//! Writes `manifest.json`. Most of it only depends on the parse, so it is kept beside the parse cache:
//! while that holds, a command copies it, apart from the nodes that it compiled.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write};
use std::path::Path;

use diagnostic::{Result, ResultExt as _, codes};
use serde_json::{Map, Value as Json, json};

use super::files::{partial, target_folder, write_json};
use super::manifest_json::{NodePlaces, metadata, node_json, write_sections};
use super::semantic_manifest::semantic_manifest_json;
use crate::cache::codec::{Pack as _, Reader, Writer};
use crate::compile::CompiledNode;
use crate::context::ProjectContext;
use crate::load::Project;
use crate::manifest::Manifest;
use crate::node::{Node, ResourceType};

/// The file beside the parse cache.
const KEPT: &str = "partial_parse.manifest";

/// Writes `manifest.json` with the nodes that a command compiled, `semantic_manifest.json` and
/// `graph_summary.json`.
///
/// # Errors
/// `D4001`.
pub fn write(project: &Project, compiled: &[CompiledNode]) -> Result<()> {
    let path = target_folder(&project.context).join("manifest.json");
    let written = written(project, compiled, &path);
    written.explain(codes::D4001, || {
        format!("`{}` cannot be written", path.display())
    })?;
    let semantic = semantic_manifest_json(&project.manifest);
    write_json(&project.context, "semantic_manifest.json", &semantic)?;
    let summary = graph_summary(&project.context, &project.manifest);
    write_json(&project.context, "graph_summary.json", &summary).map(drop)
}

/// The graph by numbers: the name and kind of each node, and which come from it.
fn graph_summary(context: &ProjectContext, manifest: &Manifest) -> Json {
    let edges = &manifest.edges;
    let linked = edges.ids.iter().enumerate().map(|(number, id)| {
        let kind = id.split('.').next().unwrap_or_default();
        let mut node = json!({ "name": id, "type": kind });
        let children = edges.children(number);
        if !children.is_empty() {
            node["succ"] = json!(children);
        }
        (number.to_string(), node)
    });
    let linked: Map<String, Json> = linked.collect();
    json!({ "_invocation_id": context.flags.invocation_id, "linked": linked })
}

fn written(project: &Project, compiled: &[CompiledNode], path: &Path) -> io::Result<()> {
    let (context, manifest) = (&project.context, &project.manifest);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let part = partial(path);
    let nodes = compiled.iter().map(|one| &*one.node);
    let nodes = nodes.filter(|node| node.resource_type != ResourceType::UnitTest);
    let nodes: HashMap<&str, &Node> = nodes.map(|node| (node.unique_id.as_str(), node)).collect();
    // Where most of it is new, there is little to copy.
    let cached = project
        .cached
        .filter(|_| nodes.len() <= manifest.nodes.len() / 4);
    let mut out = BufWriter::new(File::create(&part)?);
    head(&mut out, context, manifest)?;
    match cached {
        Some(id) => copy(&mut out, context, manifest, &id, &nodes)?,
        None => write_sections(&mut out, manifest, &nodes).map(drop)?,
    }
    out.flush()?;
    std::fs::rename(&part, path)
}

fn head(out: &mut impl Write, context: &ProjectContext, manifest: &Manifest) -> io::Result<()> {
    out.write_all(b"{\"metadata\":")?;
    serde_json::to_writer(&mut *out, &metadata(context))?;
    out.write_all(b",\"selectors\":")?;
    serde_json::to_writer(&mut *out, &manifest.selectors)?;
    Ok(())
}

/// Copies the sections from the file that is kept, which is written first if it is not that of the
/// parse `id`.
fn copy(
    out: &mut BufWriter<File>,
    context: &ProjectContext,
    manifest: &Manifest,
    id: &[u8; 16],
    nodes: &HashMap<&str, &Node>,
) -> io::Result<()> {
    let path = target_folder(context).join(KEPT);
    let mut kept = match Kept::open(&path, id)? {
        Some(kept) => kept,
        None => {
            keep(&path, manifest, id)?;
            let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
            Kept::open(&path, id)?.ok_or_else(cut)?
        }
    };
    let mut changed = Vec::with_capacity(nodes.len());
    if !nodes.is_empty() {
        let places = kept.places()?;
        for (id, node) in nodes {
            if let Some((start, end)) = places.get(*id) {
                changed.push((*start, *end, *node));
            }
        }
        changed.sort_by_key(|(start, ..)| *start);
    }
    let mut at = 0;
    for (start, end, node) in changed {
        kept.copy(at..start, out)?;
        serde_json::to_writer(&mut *out, &node_json(node))?;
        at = end;
    }
    kept.copy(at..kept.length, out)
}

/// Writes the sections as they are before anything is compiled: the parse, the sections, where nodes
/// stand in them, how long these parts are, and the parse again, so that what was cut short is known.
fn keep(path: &Path, manifest: &Manifest, id: &[u8; 16]) -> io::Result<()> {
    let part = partial(path);
    let mut file = BufWriter::new(File::create(&part)?);
    file.write_all(id)?;
    let places = write_sections(&mut file, manifest, &HashMap::new())?;
    let length = file.stream_position()? - 16;
    let mut packed = Writer::default();
    places.pack(&mut packed);
    file.write_all(&packed.bytes)?;
    file.write_all(&length.to_le_bytes())?;
    file.write_all(id)?;
    file.flush()?;
    drop(file);
    std::fs::rename(&part, path)
}

/// The sections of an earlier command.
struct Kept {
    file: File,
    /// How many bytes the sections have.
    length: u64,
    /// How many bytes the places of nodes have.
    index: u64,
}

impl Kept {
    /// Opens the file, if it holds the parse `id`.
    fn open(path: &Path, id: &[u8; 16]) -> io::Result<Option<Self>> {
        const AROUND: u64 = 16 + 8 + 16;
        let Ok(mut file) = File::open(path) else {
            return Ok(None);
        };
        let whole = file.metadata()?.len();
        let (mut first, mut last, mut length) = ([0; 16], [0; 16], [0; 8]);
        if whole < AROUND {
            return Ok(None);
        }
        file.read_exact(&mut first)?;
        file.seek(SeekFrom::End(-24))?;
        file.read_exact(&mut length)?;
        file.read_exact(&mut last)?;
        let length = u64::from_le_bytes(length);
        let index = (whole - AROUND).checked_sub(length);
        Ok(index
            .filter(|_| first == *id && last == *id)
            .map(|index| Self {
                file,
                length,
                index,
            }))
    }

    fn places(&mut self) -> io::Result<NodePlaces> {
        self.file.seek(SeekFrom::Start(16 + self.length))?;
        let mut bytes = Vec::new();
        (&mut self.file).take(self.index).read_to_end(&mut bytes)?;
        NodePlaces::unpack(&mut Reader::new(&bytes))
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
    }

    fn copy(&mut self, part: std::ops::Range<u64>, out: &mut BufWriter<File>) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(16 + part.start))?;
        out.flush()?;
        // From file to file, so that the system copies.
        let length = part.end.saturating_sub(part.start);
        io::copy(&mut (&mut self.file).take(length), out.get_mut()).map(drop)
    }
}
