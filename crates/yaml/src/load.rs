//! [`parse`]: from text to a [`Document`]: anchors, merge keys, duplicate keys, places.

use std::collections::HashMap;
use std::ops::Range;

use diagnostic::{Error, Result, Source, codes};
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use crate::indented::{Indented, Offsets};
use crate::{Node, Value, scalar};

/// Aliases may repeat a node; beyond this many nodes the file is an attack, not a configuration.
const MOST_NODES: usize = 2_000_000;
/// Deeper nesting would endanger the stack of whoever walks the tree.
const DEEPEST: usize = 200;

/// A file that was read.
#[derive(Clone, Debug)]
pub struct Document {
    /// What it was read from.
    pub source: Source,
    /// Its value; `Null` if the file is empty.
    pub root: Node,
    /// Keys that stand more than once in the same mapping. The last one won.
    pub duplicates: Vec<Duplicate>,
}

/// A key that stands twice in one mapping.
#[derive(Clone, Debug)]
pub struct Duplicate {
    /// The key as text.
    pub key: String,
    /// The entry that is ignored.
    pub ignored: Range<usize>,
    /// The entry that counts.
    pub kept: Range<usize>,
}

/// Reads `source` as one YAML document.
///
/// # Errors
/// `C0001` at the place that is not valid YAML, holds a second document, an unknown tag or a key
/// that is no scalar.
pub fn parse(source: &Source) -> Result<Document> {
    let skipped = if source.text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    };
    let text = source.text.get(skipped..).unwrap_or_default();
    let mut text = Indented::new(text, skipped);
    loop {
        match load(source, &text) {
            Ok(document) => return Ok(document),
            Err(Stopped { error, shallow }) => {
                let deeper = shallow.and_then(|marker| text.indent(&marker));
                text = deeper.ok_or(error)?;
            }
        }
    }
}

/// Why reading stopped.
struct Stopped {
    error: Error,
    /// Where the parser asks for more indentation than other readers do.
    shallow: Option<Marker>,
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self {
            error,
            shallow: None,
        }
    }
}

fn load(source: &Source, text: &Indented<'_>) -> std::result::Result<Document, Stopped> {
    let mut loader = Loader {
        source,
        offsets: &text.offsets,
        stack: Vec::new(),
        anchors: HashMap::new(),
        duplicates: Vec::new(),
        root: None,
        nodes: 0,
    };
    let mut documents = 0;
    let mut parser = Parser::new_from_str(&text.text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| {
            let at = loader.offsets.byte(error.marker().index());
            let shallow = error.info().starts_with("invalid indentation");
            Stopped {
                error: loader.refuse(at..at + 1, &sentence(error.info())),
                shallow: shallow.then(|| *error.marker()),
            }
        })?;
        let span = loader.offsets.range(span);
        if let Event::DocumentStart(_) = event {
            documents += 1;
            if documents > 1 {
                let why = "a second document starts here, one is expected";
                return Err(loader.refuse(span, why).into());
            }
        }
        loader.event(event, span)?;
    }
    let end = source.text.len();
    let root = loader.root.unwrap_or(Node {
        span: end..end,
        value: Value::Null,
        plain: true,
    });
    let duplicates = loader.duplicates;
    Ok(Document {
        source: source.clone(),
        root,
        duplicates,
    })
}

fn sentence(info: &str) -> String {
    info.trim_end_matches('.').to_owned()
}

enum Open {
    Sequence(Vec<Node>),
    Mapping {
        entries: Vec<(Node, Node)>,
        merged: Vec<(Node, Node)>,
        key: Option<Node>,
    },
}

struct Frame {
    open: Open,
    anchor: usize,
    start: usize,
}

struct Loader<'s> {
    source: &'s Source,
    offsets: &'s Offsets,
    stack: Vec<Frame>,
    anchors: HashMap<usize, Node>,
    duplicates: Vec<Duplicate>,
    root: Option<Node>,
    nodes: usize,
}

impl Loader<'_> {
    fn refuse(&self, span: Range<usize>, why: &str) -> Error {
        let message = format!("`{}` is not valid YAML: {why}", self.source.name);
        Error::new(codes::C0001, message).at(self.source.place(span))
    }

    fn event(&mut self, event: Event<'_>, span: Range<usize>) -> Result<()> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let node = self.scalar(&text, style, tag.as_deref(), span)?;
                self.remember(anchor, &node);
                self.place(node)
            }
            Event::SequenceStart(anchor, tag) => {
                self.known_tag(tag.as_deref(), &["seq"], &span)?;
                self.open(Open::Sequence(Vec::new()), anchor, span)
            }
            Event::MappingStart(anchor, tag) => {
                self.known_tag(tag.as_deref(), &["map"], &span)?;
                let open = Open::Mapping {
                    entries: Vec::new(),
                    merged: Vec::new(),
                    key: None,
                };
                self.open(open, anchor, span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return Err(self.refuse(span, "the alias refers to what contains it"));
                };
                self.nodes += count(&node);
                self.place(Node { span, ..node })
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => Ok(()),
        }
    }

    fn open(&mut self, open: Open, anchor: usize, span: Range<usize>) -> Result<()> {
        if self.stack.len() >= DEEPEST {
            return Err(self.refuse(span, "it is nested too deeply"));
        }
        self.stack.push(Frame {
            open,
            anchor,
            start: span.start,
        });
        Ok(())
    }

    fn close(&mut self, span: Range<usize>) -> Result<()> {
        let Some(Frame {
            open,
            anchor,
            start,
        }) = self.stack.pop()
        else {
            return Ok(());
        };
        let (value, first, last) = match open {
            Open::Sequence(items) => {
                let first = items.first().map(|item| item.span.start);
                let last = items.last().map(|item| item.span.end);
                (Value::Sequence(items), first, last)
            }
            Open::Mapping {
                entries, merged, ..
            } => {
                let first = entries.first().map(|(key, _)| key.span.start);
                let last = entries.last().map(|(_, value)| value.span.end);
                (Value::Mapping(flatten(entries, merged)), first, last)
            }
        };
        // A block collection ends where its last value does; a flow one has its own bracket.
        let start = first.map_or(start, |first| first.min(start));
        let end = if span.is_empty() {
            last.unwrap_or(start)
        } else {
            span.end
        };
        let node = Node {
            span: start..end.max(start),
            value,
            plain: false,
        };
        self.remember(anchor, &node);
        self.place(node)
    }

    fn remember(&mut self, anchor: usize, node: &Node) {
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
    }

    fn place(&mut self, node: Node) -> Result<()> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(self.refuse(node.span, "its aliases expand to too many values"));
        }
        let Some(frame) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match &mut frame.open {
            Open::Sequence(items) => items.push(node),
            Open::Mapping {
                entries,
                merged,
                key,
            } => match key.take() {
                None => {
                    if matches!(node.value, Value::Sequence(_) | Value::Mapping(_)) {
                        let why = format!("{} cannot be a key", node.kind());
                        let error = self.refuse(node.span, &why);
                        return Err(
                            error.help("a value that starts with `{{` needs quotes round it")
                        );
                    }
                    *key = Some(node);
                }
                Some(key) if key.plain && key.as_str() == Some("<<") => {
                    let added = merge(&node);
                    let Some(added) = added else {
                        let why = "`<<` takes a mapping or a list of mappings";
                        return Err(self.refuse(node.span, why));
                    };
                    merged.extend(added);
                }
                Some(key) => {
                    let entry = entries.iter_mut().find(|(name, _)| *name == key);
                    let Some((name, value)) = entry else {
                        entries.push((key, node));
                        return Ok(());
                    };
                    self.duplicates.push(Duplicate {
                        key: key.key_text(),
                        ignored: name.span.clone(),
                        kept: key.span.clone(),
                    });
                    (*name, *value) = (key, node);
                }
            },
        }
        Ok(())
    }

    fn scalar(
        &self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: Range<usize>,
    ) -> Result<Node> {
        let plain = matches!(style, ScalarStyle::Plain);
        let known = ["str", "int", "float", "bool", "null", "timestamp"];
        self.known_tag(tag, &known, &span)?;
        let wrong = |kind: &str| self.refuse(span.clone(), &format!("`{text}` is not {kind}"));
        let value = match tag.map(|tag| tag.suffix.as_str()) {
            Some("int") => {
                Value::Int(scalar::integer(text).ok_or_else(|| wrong("a whole number"))?)
            }
            Some("float") => match scalar::resolve(text) {
                #[allow(clippy::cast_precision_loss)]
                Value::Int(number) => Value::Float(number as f64),
                Value::Float(number) => Value::Float(number),
                _ => return Err(wrong("a number")),
            },
            Some("bool") => match scalar::resolve(text) {
                Value::Bool(truth) => Value::Bool(truth),
                _ => return Err(wrong("true or false")),
            },
            Some("null") => Value::Null,
            None if plain => scalar::resolve(text),
            _ => Value::String(text.to_owned()),
        };
        Ok(Node {
            span: self.trimmed(span, plain),
            value,
            plain,
        })
    }

    fn known_tag(&self, tag: Option<&Tag>, known: &[&str], span: &Range<usize>) -> Result<()> {
        let Some(tag) = tag else { return Ok(()) };
        let core = tag.is_yaml_core_schema() && known.contains(&tag.suffix.as_str());
        // `! text` is the non-specific tag: text as it stands.
        if core || tag.suffix.is_empty() {
            return Ok(());
        }
        let why = format!("the tag `{}{}` is unknown", tag.handle, tag.suffix);
        Err(self.refuse(span.clone(), &why))
    }

    /// Without the white space and line ends that the scanner counts to a plain scalar.
    fn trimmed(&self, span: Range<usize>, plain: bool) -> Range<usize> {
        match self.source.text.get(span.clone()) {
            Some(text) if plain => span.start..span.start + text.trim_end().len(),
            _ => span,
        }
    }
}

fn count(node: &Node) -> usize {
    match &node.value {
        Value::Sequence(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Mapping(entries) => {
            1 + entries
                .iter()
                .map(|(_, value)| 1 + count(value))
                .sum::<usize>()
        }
        _ => 1,
    }
}

/// The pairs that `<<: node` adds; of several mappings the earlier ones win.
fn merge(node: &Node) -> Option<Vec<(Node, Node)>> {
    match &node.value {
        Value::Mapping(entries) => Some(entries.clone()),
        Value::Sequence(items) => {
            let mut all = Vec::new();
            for item in items {
                all = flatten(all, item.as_mapping()?.to_vec());
            }
            Some(all)
        }
        _ => None,
    }
}

/// `entries`, preceded by those of `merged` they do not have, as PyYAML orders them.
fn flatten(entries: Vec<(Node, Node)>, merged: Vec<(Node, Node)>) -> Vec<(Node, Node)> {
    if merged.is_empty() {
        return entries;
    }
    let mut all: Vec<(Node, Node)> = Vec::with_capacity(merged.len() + entries.len());
    for (key, value) in merged {
        if !all.iter().any(|(name, _)| *name == key) {
            all.push((key, value));
        }
    }
    for (key, value) in entries {
        match all.iter_mut().find(|(name, _)| *name == key) {
            Some(entry) => *entry = (key, value),
            None => all.push((key, value)),
        }
    }
    all
}
