//! Mappings as pieces of text that can change their places.

use std::ops::Range;

use yaml::{Document, Node};

/// A mapping and the text of its entries.
pub(super) struct Pieces {
    /// The bytes of the mapping, to the end of its last line in block style.
    pub range: Range<usize>,
    /// Whether it is written as `{…}`.
    pub flow: bool,
    /// In block style, the blanks in front of its keys.
    pub indent: String,
    /// Its entries in the order of the text.
    pub entries: Vec<Piece>,
}

/// An entry of a mapping.
#[derive(Clone)]
pub(super) struct Piece {
    /// Its key.
    pub key: String,
    /// In block style, what stands between the entry before and this one: line end, comments, blanks.
    lead: String,
    /// From its key to the end of its value, in block style to the end of the line.
    pub body: String,
}

impl Pieces {
    /// The pieces of a mapping; `None` if it is none, or if parts of it stand elsewhere (anchors and
    /// merge keys).
    pub fn of(document: &Document, node: &Node) -> Option<Self> {
        let text = document.source.text.as_ref();
        let entries = node.entries();
        let flow = text.get(node.span.clone())?.starts_with('{');
        let (first, _) = entries.first()?;
        // What an alias or a merge key stands for is written elsewhere.
        let own = |key: &Node| node.span.contains(&key.span.start);
        if !entries.iter().all(|(key, _)| own(key)) || text.get(node.span.clone())?.contains("<<") {
            return None;
        }
        let start = first.span.start;
        let line = text.get(..start)?.rfind('\n').map_or(0, |at| at + 1);
        let before = text.get(line..start)?;
        let indent = before.chars().map(|c| if c == '\t' { '\t' } else { ' ' });
        let mut pieces = Vec::with_capacity(entries.len());
        let mut end = start;
        for (at, (key, value)) in entries.iter().enumerate() {
            let next = entries.get(at + 1).map(|(key, _)| key.span.start);
            if key.span.start < end || next.is_some_and(|next| next <= key.span.start) {
                return None;
            }
            let lead = text.get(end..key.span.start)?.to_owned();
            if at > 0 && flow == lead.contains(['\n', '#']) {
                // A list in braces over several lines keeps its own layout, so it is left alone.
                return None;
            }
            let mut stop = match value.span.start >= key.span.end {
                true => value.span.end.max(key.span.end),
                false => key.span.end,
            };
            stop = stop.min(next.unwrap_or(stop));
            let body = text.get(key.span.start..stop)?;
            stop = key.span.start + body.trim_end().len();
            if !flow {
                let rest = text.get(stop..)?;
                stop += rest.find('\n').unwrap_or(rest.len());
                let line = text.get(key.span.start..stop)?;
                stop = key.span.start + line.trim_end().len();
            }
            if next.is_some_and(|next| next < stop) {
                return None;
            }
            pieces.push(Piece {
                key: key.key_text(),
                lead,
                body: text.get(key.span.start..stop)?.to_owned(),
            });
            end = stop;
        }
        let range = match flow {
            true => node.span.clone(),
            false => start..end,
        };
        Some(Self {
            range,
            flow,
            indent: indent.collect(),
            entries: pieces,
        })
    }

    /// The mapping's text with `entries` instead of its own.
    pub fn render(&self, entries: &[Piece]) -> String {
        if self.flow {
            return flow_text(entries);
        }
        let mut text = String::new();
        for (at, piece) in entries.iter().enumerate() {
            match (at, piece.lead.contains('\n')) {
                (0, _) => text.push_str(piece.lead.trim_start()),
                (_, true) => text.push_str(&piece.lead),
                (_, false) => {
                    text.push('\n');
                    text.push_str(&self.indent);
                }
            }
            text.push_str(&piece.body);
        }
        text
    }

    /// An entry `key` that holds `inner`, entries of this mapping.
    pub fn nest(&self, key: &str, inner: &[Piece]) -> Piece {
        if self.flow {
            return Piece {
                key: key.to_owned(),
                lead: String::new(),
                body: format!("{key}: {}", flow_text(inner)),
            };
        }
        let mut body = format!("{key}:");
        let mut lead = String::new();
        for (at, piece) in inner.iter().enumerate() {
            let own = match piece.lead.contains('\n') {
                true => piece.lead.clone(),
                false => format!("\n{}", self.indent),
            };
            // Comments above the first entry stay above the new key.
            let own = match at {
                0 => {
                    lead.clone_from(&own);
                    format!("\n{}", self.indent)
                }
                _ => own,
            };
            body.push_str(&deeper(&own));
            body.push_str("  ");
            body.push_str(&deeper(&piece.body));
        }
        Piece {
            key: key.to_owned(),
            lead,
            body,
        }
    }

    /// The entry `into` of this mapping with `more` of its entries inside.
    pub fn add(
        &self,
        document: &Document,
        into: &Node,
        at: &Piece,
        more: &[Piece],
    ) -> Option<Piece> {
        if into.is_null() {
            let mut nested = self.nest(&at.key, more);
            nested.lead.clone_from(&at.lead);
            return Some(nested);
        }
        let inner = Pieces::of(document, into)?;
        let mut piece = at.clone();
        if inner.flow {
            let simple = more
                .iter()
                .all(|piece| !piece.body.contains(['\n', '#']) && !piece.lead.contains('#'));
            if !simple {
                return None;
            }
            let mut entries = inner.entries.clone();
            entries.extend(more.iter().cloned());
            let old = document.source.text.get(into.span.clone())?;
            piece.body = at.body.replacen(old, &flow_text(&entries), 1);
            return Some(piece);
        }
        let shift = inner.indent.len().checked_sub(self.indent.len())?;
        for entry in more {
            let lead = match entry.lead.contains('\n') {
                true => entry.lead.clone(),
                false => format!("\n{}", self.indent),
            };
            piece.body.push_str(&shifted(&lead, shift));
            piece.body.push_str(&" ".repeat(shift));
            piece.body.push_str(&shifted(&entry.body, shift));
        }
        Some(piece)
    }
}

fn flow_text(entries: &[Piece]) -> String {
    let bodies: Vec<&str> = entries.iter().map(|piece| piece.body.as_str()).collect();
    format!("{{{}}}", bodies.join(", "))
}

/// The lines after the first, two blanks further in.
fn deeper(text: &str) -> String {
    shifted(text, 2)
}

fn shifted(text: &str, by: usize) -> String {
    let blanks = " ".repeat(by);
    let mut lines = text.split('\n');
    let mut moved = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        moved.push('\n');
        // The blanks in front of a key are moved with the key.
        if !line.trim().is_empty() {
            moved.push_str(&blanks);
        }
        moved.push_str(line);
    }
    moved
}
