//! The parse cache: what a parse gave, kept in `target/` as dbt keeps its `partial_parse.msgpack`.
//!
//! It holds for one state of the world: settings, profile and Sluice itself (a hash of them all), the
//! files below the project's folders (size, times and number, else a hash of their bytes), and the
//! variables, flags and variables of the environment that parsing looked at ([`observed`]). Where all
//! of that is as it was, nothing is parsed; where code or properties files changed, they and what they
//! describe are; otherwise everything is. A cache that cannot be read is no cache.

pub mod codec;
mod nodes;
pub mod observed;
mod stamps;

use std::collections::HashSet;
use std::sync::Arc;

use diagnostic::Result;
use flate2::Crc;

use crate::artifact::files::{target_folder, write_bytes};
use crate::cache::codec::packed;
use crate::context::ProjectContext;
use crate::manifest::Manifest;
use crate::node::{Declared, Doc, Exposure, Group, Macro, Node, SourceTable};
use crate::parse::{Before, Parsed, Units};
use crate::surroundings::{self, Names};
use crate::warning::{Warning, Warnings};
use codec::{Pack, Reader, Writer};
use stamps::Stamps;

/// The file beside `manifest.json`.
pub const FILE: &str = "partial_parse.sluice";

/// The first bytes of the file; the number counts formats.
const MAGIC: &[u8; 16] = b"sluice parse 001";

/// What the cache knows about a project.
pub enum Known {
    /// Nothing that helps.
    Nothing,
    /// What was, before some files changed.
    Before(Box<Before>),
    /// Everything: the project is as it was.
    All(Box<Parsed>),
}

/// What is kept of a manifest.
struct Kept {
    nodes: Vec<Arc<Node>>,
    disabled: Vec<Arc<Node>>,
    sources: Vec<Arc<SourceTable>>,
    disabled_sources: Vec<Arc<SourceTable>>,
    macros: Vec<Macro>,
    docs: Vec<Doc>,
    exposures: Vec<Arc<Exposure>>,
    declared: Vec<Arc<Declared>>,
    disabled_declared: Vec<Arc<Declared>>,
    groups: Vec<Group>,
    names: Names,
    warnings: Vec<Warning>,
}

packed!(Kept {
    nodes,
    disabled,
    sources,
    disabled_sources,
    macros,
    docs,
    exposures,
    declared,
    disabled_declared,
    groups,
    names,
    warnings
});

/// What the cache knows about the project whose settings are `project`.
///
/// # Errors
/// `D1031` if a folder of the project cannot be read.
pub fn read(project: &ProjectContext) -> Result<Known> {
    let now = stamps::files(project)?;
    Ok(known(project, &now).unwrap_or(Known::Nothing))
}

fn known(project: &ProjectContext, now: &[stamps::Relevant]) -> Option<Known> {
    let bytes = std::fs::read(target_folder(project).join(FILE)).ok()?;
    let rest = bytes.strip_prefix(MAGIC.as_slice())?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    if checksum(rest) != u32::from_le_bytes(*sum) {
        return None;
    }
    let mut reader = Reader::new(rest);
    if <[u8; 32]>::unpack(&mut reader)? != stamps::key(project) {
        return None;
    }
    let id = <[u8; 16]>::unpack(&mut reader)?;
    let difference = Stamps::unpack(&mut reader)?.compare(now)?;
    let units = Units::unpack(&mut reader)?;
    let stale = units
        .iter()
        .filter(|(_, unit)| !unit.observed.holds(project));
    let stale: HashSet<String> = stale.map(|(key, _)| key.clone()).collect();
    let kept = Kept::unpack(&mut reader)?;
    let warnings = Warnings {
        list: kept.warnings.clone(),
    };
    let same = difference.changed.is_empty() && !difference.gone && stale.is_empty();
    let manifest = kept.manifest();
    if !same {
        let before = Before::new(manifest, units, difference.changed, stale);
        return Some(Known::Before(Box::new(before)));
    }
    let mut parsed = Parsed {
        manifest,
        units,
        warnings,
        cached: Some(id),
    };
    if difference.touched {
        // The same bytes under other stamps: next time these will do.
        write(project, &mut parsed);
    }
    Some(Known::All(Box::new(parsed)))
}

/// Keeps what a parse gave. Where it cannot be written, the next parse starts from nothing.
pub fn write(project: &ProjectContext, parsed: &mut Parsed) {
    let Ok(now) = stamps::files(project) else {
        return;
    };
    let Some(stamps) = Stamps::of(project, &now) else {
        return;
    };
    let mut writer = Writer::default();
    stamps::key(project).pack(&mut writer);
    let id = parsed.cached.take();
    let id = id.unwrap_or_else(|| *uuid::Uuid::new_v4().as_bytes());
    id.pack(&mut writer);
    stamps.pack(&mut writer);
    parsed.units.pack(&mut writer);
    Kept::of(&parsed.manifest, &parsed.warnings).pack(&mut writer);
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&checksum(&writer.bytes).to_le_bytes());
    bytes.extend_from_slice(&writer.bytes);
    let written = write_bytes(&target_folder(project).join(FILE), &bytes);
    parsed.cached = written.is_ok().then_some(id);
}

fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

impl Kept {
    fn of(manifest: &Manifest, warnings: &Warnings) -> Self {
        Self {
            nodes: manifest.nodes.values().cloned().collect(),
            disabled: manifest.disabled.values().flatten().cloned().collect(),
            sources: manifest.sources.values().cloned().collect(),
            disabled_sources: manifest.disabled_sources.values().cloned().collect(),
            macros: manifest.macros.values().cloned().collect(),
            docs: manifest.docs.values().cloned().collect(),
            exposures: manifest.exposures.values().cloned().collect(),
            declared: manifest.declared.values().cloned().collect(),
            disabled_declared: manifest.disabled_declared.values().cloned().collect(),
            groups: manifest.groups.values().cloned().collect(),
            names: surroundings::names(manifest).clone(),
            warnings: warnings.list.clone(),
        }
    }

    fn manifest(self) -> Manifest {
        let id = |node: Arc<Node>| (node.unique_id.clone(), node);
        let of_source = |source: Arc<SourceTable>| (source.unique_id.clone(), source);
        let of_declared = |item: Arc<Declared>| (item.unique_id.clone(), item);
        let mut manifest = Manifest {
            nodes: self.nodes.into_iter().map(id).collect(),
            sources: self.sources.into_iter().map(of_source).collect(),
            disabled_sources: self.disabled_sources.into_iter().map(of_source).collect(),
            macros: self
                .macros
                .into_iter()
                .map(|item| (item.unique_id.clone(), item))
                .collect(),
            docs: self
                .docs
                .into_iter()
                .map(|doc| (doc.unique_id.clone(), doc))
                .collect(),
            exposures: self
                .exposures
                .into_iter()
                .map(|exposure| (exposure.unique_id.clone(), exposure))
                .collect(),
            declared: self.declared.into_iter().map(of_declared).collect(),
            disabled_declared: self
                .disabled_declared
                .into_iter()
                .map(of_declared)
                .collect(),
            groups: self
                .groups
                .into_iter()
                .map(|group| (group.unique_id.clone(), group))
                .collect(),
            names: self.names.into(),
            ..Manifest::default()
        };
        for node in self.disabled {
            let all = manifest.disabled.entry(node.unique_id.clone());
            all.or_default().push(node);
        }
        manifest.index();
        manifest.connect();
        manifest
    }
}
