//! Deliveries that say when they are complete: a marker in their folder, and maybe a manifest in the marker.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read;
use std::path::{Path, PathBuf};

use connectors::files::{FoundFile, Place, RemoteFile, RemoteFiles};
use diagnostic::{Error, Result, ResultExt, codes};
use serde_json::Value;
use sha2::{Digest, Sha256};
use storage::Storage;

/// The most bytes a manifest may have.
const LARGEST: u64 = 64 << 20;

/// What a manifest promises of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Promise {
    /// Rows, the broken ones included.
    pub(crate) rows: Option<u64>,
    size: Option<u64>,
    sha256: Option<String>,
}

/// The files of complete deliveries, and what became of the others.
#[derive(Default)]
pub(crate) struct Gated {
    /// Files of complete folders, with what their manifest promises.
    pub(crate) complete: Vec<(FoundFile, Promise)>,
    /// Files that are not what their manifest says.
    pub(crate) refused: Vec<(String, Error)>,
    /// What people should know, in sentences.
    pub(crate) notices: Vec<String>,
}

/// Sorts out the files whose folder, or one above it up to `root`, holds `marker`.
pub(crate) fn gate(root: &Path, marker: &str, files: Vec<FoundFile>) -> Gated {
    let mut gated = Gated::default();
    let mut markers: HashMap<PathBuf, Option<PathBuf>> = HashMap::new();
    let mut folders: Vec<(PathBuf, Vec<FoundFile>)> = Vec::new();
    let mut waiting = 0_usize;
    for file in files {
        let own = file.place.path.parent().unwrap_or(root).to_path_buf();
        let found = markers.entry(own.clone()).or_insert_with(|| {
            let above = own
                .ancestors()
                .take_while(|folder| folder.starts_with(root));
            above
                .map(|folder| folder.join(marker))
                .find(|marker| marker.is_file())
        });
        match (found, folders.last_mut()) {
            (None, _) => waiting += 1,
            (Some(marker), Some((last, files))) if last == marker => files.push(file),
            (Some(marker), _) => folders.push((marker.clone(), vec![file])),
        }
    }
    if waiting > 0 {
        let them = if waiting == 1 {
            "file waits"
        } else {
            "files wait"
        };
        gated
            .notices
            .push(format!("{waiting} {them} for `{marker}` in their folder"));
    }
    for (marker, files) in folders {
        match Manifest::read(&marker) {
            Ok(None) => {
                let files = files.into_iter();
                gated
                    .complete
                    .extend(files.map(|file| (file, Promise::default())));
            }
            Ok(Some(manifest)) => manifest.compare(files, &mut gated),
            Err(error) => {
                let message = error.to_string();
                gated.refused.extend(files.into_iter().map(|file| {
                    let error = Error::new(codes::F1007, message.clone());
                    (file.name, error)
                }));
            }
        }
    }
    gated
}

/// The objects of complete deliveries, and what became of the others.
#[derive(Default)]
pub(crate) struct GatedObjects {
    /// Objects of complete folders, with what their manifest promises.
    pub(crate) complete: Vec<(RemoteFile, Promise)>,
    /// Objects that are not what their manifest says.
    pub(crate) refused: Vec<(String, Error)>,
    /// What people should know, in sentences.
    pub(crate) notices: Vec<String>,
}

/// Compares objects with the manifests in their markers. A manifest of which all objects are known is not read again.
pub(crate) fn gate_objects(
    storage: &Storage,
    found: RemoteFiles,
    is_known: impl Fn(&RemoteFile) -> bool,
) -> GatedObjects {
    let mut gated = GatedObjects::default();
    let mut deliveries: BTreeMap<Option<String>, Vec<RemoteFile>> = BTreeMap::new();
    for file in found.files {
        deliveries
            .entry(file.marker.clone())
            .or_default()
            .push(file);
    }
    for (marker, files) in deliveries {
        let manifest = match &marker {
            Some(marker) if !files.iter().all(&is_known) => Manifest::fetch(storage, marker),
            _ => Ok(None),
        };
        match manifest {
            Ok(None) => {
                let files = files.into_iter();
                gated
                    .complete
                    .extend(files.map(|file| (file, Promise::default())));
            }
            Ok(Some(manifest)) => manifest.compare_objects(files, &found.names, &mut gated),
            Err(error) => {
                let message = error.to_string();
                gated.refused.extend(files.into_iter().map(|file| {
                    let error = Error::new(codes::F1007, message.clone());
                    (file.name, error)
                }));
            }
        }
    }
    gated
}

/// The files that a marker lists.
struct Manifest {
    marker: PathBuf,
    files: HashMap<String, Promise>,
}

impl Manifest {
    /// The manifest in `marker`, if it is one: a JSON object with `files`.
    fn read(marker: &Path) -> Result<Option<Self>> {
        let cannot = || format!("The manifest `{}` cannot be read", marker.display());
        let size = std::fs::metadata(marker)
            .explain(codes::F1007, cannot)?
            .len();
        if size > LARGEST {
            return Err(Error::new(codes::F1007, cannot()).because("it is larger than 64 MiB"));
        }
        let text = std::fs::read(marker).explain(codes::F1007, cannot)?;
        Self::parse(marker, &text)
    }

    /// The manifest in the object `marker`, if it is one.
    fn fetch(storage: &Storage, marker: &str) -> Result<Option<Self>> {
        let cannot = || format!("The manifest `{marker}` cannot be read");
        let (store, key) = (storage.clone(), marker.to_owned());
        let read = storage::block_on(async move {
            match store.head(&key).await? {
                Some(entry) if entry.size > LARGEST => Ok(None),
                Some(_) => store.read(&key).await.map(Some),
                None => Ok(Some(Default::default())),
            }
        });
        match read.flatten().explain(codes::F1007, cannot)? {
            Some(text) => Self::parse(Path::new(marker), &text),
            None => Err(Error::new(codes::F1007, cannot()).because("it is larger than 64 MiB")),
        }
    }

    fn parse(marker: &Path, text: &[u8]) -> Result<Option<Self>> {
        let cannot = || format!("The manifest `{}` cannot be read", marker.display());
        if text.trim_ascii().first() != Some(&b'{') {
            return Ok(None); // A marker says nothing beyond that it is there.
        }
        let value: Value = serde_json::from_slice(text).explain(codes::F1007, cannot)?;
        let Some(listed) = value.get("files").and_then(Value::as_array) else {
            return Ok(None);
        };
        let mut files = HashMap::new();
        for file in listed {
            let text = |keys: &[&str]| {
                let found = keys.iter().find_map(|key| file.get(*key));
                found.and_then(Value::as_str).map(str::to_owned)
            };
            let number = |keys: &[&str]| {
                let found = keys.iter().find_map(|key| file.get(*key));
                found.and_then(Value::as_u64)
            };
            let name = match file.as_str() {
                Some(name) => Some(name.to_owned()),
                None => text(&["path", "name", "file"]),
            };
            let name = name.ok_or_else(|| {
                Error::new(codes::F1007, cannot()).because("an entry of `files` has no `path`")
            })?;
            let promise = Promise {
                rows: number(&["rows", "row_count", "record_count"]),
                size: number(&["size", "bytes", "size_bytes"]),
                sha256: text(&["sha256"]).map(|sum| sum.to_ascii_lowercase()),
            };
            files.insert(name.trim_start_matches("./").to_owned(), promise);
        }
        Ok(Some(Self {
            marker: marker.to_owned(),
            files,
        }))
    }

    fn compare_objects(
        &self,
        files: Vec<RemoteFile>,
        names: &HashSet<String>,
        gated: &mut GatedObjects,
    ) {
        let folder = self.marker.parent().and_then(Path::to_str).unwrap_or("");
        let below = |name: &str| match folder {
            "" => name.to_owned(),
            folder => format!("{folder}/{name}"),
        };
        if let Some(missing) = self.files.keys().find(|name| !names.contains(&below(name))) {
            let message = self.lists_nothing(missing);
            gated.refused.extend(files.into_iter().map(|file| {
                let error = Error::new(codes::F1007, message.clone()).with("file", &file.name);
                (file.name, error)
            }));
            return;
        }
        for file in files {
            let mut listed = self.files.iter();
            let promise = listed.find(|(name, _)| below(name) == file.name);
            let Some((_, promise)) = promise else {
                gated.notices.push(no_part(&file.name));
                continue;
            };
            match promise.size {
                Some(promised) if promised != file.size => {
                    let error = broken(&file.name, &other_size(file.size, promised));
                    gated.refused.push((file.name, error));
                }
                _ => gated.complete.push((file, promise.clone())),
            }
        }
    }

    fn lists_nothing(&self, missing: &str) -> String {
        let marker = self.marker.display();
        format!("The manifest `{marker}` lists `{missing}`, which is not there")
    }

    fn compare(&self, files: Vec<FoundFile>, gated: &mut Gated) {
        let folder = self.marker.parent().unwrap_or(Path::new(""));
        if let Some(missing) = self.files.keys().find(|name| !folder.join(name).exists()) {
            let message = self.lists_nothing(missing);
            gated.refused.extend(files.into_iter().map(|file| {
                let error = Error::new(codes::F1007, message.clone()).with("file", &file.name);
                (file.name, error)
            }));
            return;
        }
        for file in files {
            let below = file.place.path.strip_prefix(folder).ok();
            let name = below.map(|path| path.to_string_lossy().replace('\\', "/"));
            let Some(promise) = name.and_then(|name| self.files.get(&name)) else {
                gated.notices.push(no_part(&file.name));
                continue;
            };
            let size = file.place.plain().map(|_| file.size);
            match (promise.size, size) {
                (Some(promised), Some(size)) if promised != size => {
                    let error = broken(&file.name, &other_size(size, promised));
                    gated.refused.push((file.name, error));
                }
                _ => gated.complete.push((file, promise.clone())),
            }
        }
    }
}

impl Promise {
    /// Compares the checksum of the bytes at `place` with the one promised.
    ///
    /// # Errors
    /// `F1007` if it is another one, `F1001` if the bytes cannot be read.
    pub(crate) fn check_sum(&self, place: &Place, name: &str) -> Result<()> {
        let Some(promised) = &self.sha256 else {
            return Ok(());
        };
        let cannot = || format!("`{name}` cannot be read");
        // Of an archive the whole file is promised, not its member.
        let mut bytes = Place::file(&place.path)
            .open()
            .explain(codes::F1001, cannot)?;
        let mut sum = Sha256::new();
        let mut block = vec![0; 256 * 1024];
        loop {
            let count = bytes.read(&mut block).explain(codes::F1001, cannot)?;
            if count == 0 {
                break;
            }
            sum.update(block.get(..count).unwrap_or_default());
        }
        let found: String = sum
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        match found == *promised {
            true => Ok(()),
            false => Err(broken(name, "its SHA-256 is another one")),
        }
    }

    /// Compares the number of rows read with the one promised.
    ///
    /// # Errors
    /// `F1007` if it is another one.
    pub(crate) fn check_rows(&self, rows: u64, name: &str) -> Result<()> {
        match self.rows {
            Some(promised) if promised != rows => Err(broken(
                name,
                &format!("it has {rows} rows instead of {promised}"),
            )),
            _ => Ok(()),
        }
    }
}

fn no_part(name: &str) -> String {
    format!("`{name}` is not in the manifest of its folder, and so not part of the delivery")
}

fn other_size(size: u64, promised: u64) -> String {
    format!("it has {size} bytes instead of {promised}")
}

fn broken(name: &str, why: &str) -> Error {
    Error::new(
        codes::F1007,
        format!("`{name}` is not what its manifest says: {why}"),
    )
    .with("file", name)
    .help("nothing of this file was kept; deliver it, or its manifest, again")
}
