//! [`Screen`]: draws the input below its prompt, and knows how many lines of the terminal that takes.

use std::io::Write as _;

use super::terminal;

const PLAIN: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";
const BOLD: &str = "\x1b[1m";
const CLEAR_BELOW: &str = "\x1b[J";

pub(super) struct Screen {
    prompt: String,
    /// The prompt of every line but the first, as wide as the first.
    continued: String,
    /// How many lines above the cursor's the drawing begins.
    above: usize,
    /// How many lines below the cursor's the drawing ends.
    below: usize,
    colours: bool,
}

impl Screen {
    pub(super) fn new(prompt: &str) -> Self {
        let prompt = format!("{prompt}> ");
        let continued = format!("{:>width$}> ", "", width = width(&prompt).saturating_sub(2));
        Self {
            continued,
            prompt,
            above: 0,
            below: 0,
            colours: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        }
    }

    /// Draws the input in place of what was drawn before; the cursor goes behind `before`.
    pub(super) fn draw(&mut self, coloured: &str, before: &str) -> std::io::Result<()> {
        let columns = terminal::size().map_or(80, |(columns, _)| columns.max(1));
        let plain = anstream::adapter::strip_str(coloured).to_string();
        let shown = if self.colours { coloured } else { &plain };
        let mut out = self.start();
        out.push_str(CLEAR_BELOW);
        for (at, line) in shown.split('\n').enumerate() {
            if at > 0 {
                out.push_str("\r\n");
            }
            let prompt = if at == 0 {
                &self.prompt
            } else {
                &self.continued
            };
            if self.colours {
                let style = if at == 0 { BOLD } else { DIM };
                out.push_str(&[style, prompt, PLAIN].concat());
            } else {
                out.push_str(prompt);
            }
            out.push_str(line);
        }
        let (end_row, end_column) = self.place(&plain, columns);
        let (row, column) = self.place(before, columns);
        // A full last line leaves the cursor in it until something follows.
        if end_column == 0 && end_row > 0 && !plain.ends_with('\n') {
            out.push_str("\r\n");
        }
        let up = end_row.saturating_sub(row);
        if up > 0 {
            out.push_str(&format!("\x1b[{up}A"));
        }
        out.push('\r');
        if column > 0 {
            out.push_str(&format!("\x1b[{column}C"));
        }
        (self.above, self.below) = (row, up);
        put(&out)
    }

    /// To the first line of the drawing.
    fn start(&self) -> String {
        let up = match self.above {
            0 => String::new(),
            lines => format!("\x1b[{lines}A"),
        };
        format!("{up}\r")
    }

    /// Row and column behind `text` in a terminal that wide.
    fn place(&self, text: &str, columns: usize) -> (usize, usize) {
        let mut row = 0;
        let mut column = 0;
        for (at, line) in text.split('\n').enumerate() {
            if at > 0 {
                row += 1;
            }
            let letters = width(&self.prompt) + width(line);
            row += letters / columns;
            column = letters % columns;
        }
        (row, column)
    }

    /// To the end of the drawing.
    fn end(&self) -> String {
        match self.below {
            0 => String::new(),
            lines => format!("\x1b[{lines}B"),
        }
    }

    /// Leaves the drawing as it is and goes on below.
    pub(super) fn leave(&mut self) -> std::io::Result<()> {
        self.mark("")
    }

    /// Writes `mark` behind the drawing and goes on below.
    pub(super) fn mark(&mut self, mark: &str) -> std::io::Result<()> {
        let out = format!("{}{mark}\r\n", self.end());
        (self.above, self.below) = (0, 0);
        put(&out)
    }

    /// Clears the terminal.
    pub(super) fn wipe(&mut self) -> std::io::Result<()> {
        (self.above, self.below) = (0, 0);
        put("\x1b[H\x1b[2J")
    }

    /// Lists what could be meant, below the drawing.
    pub(super) fn list(&mut self, candidates: &[String]) -> std::io::Result<()> {
        let columns = terminal::size().map_or(80, |(columns, _)| columns.max(1));
        let widest = candidates.iter().map(|text| width(text)).max().unwrap_or(0) + 2;
        let across = (columns / widest).max(1);
        let mut out = format!("{}\r\n", self.end());
        for row in candidates.chunks(across) {
            for candidate in row {
                let padding = widest.saturating_sub(width(candidate));
                out.push_str(candidate);
                out.extend(std::iter::repeat_n(' ', padding));
            }
            out.push_str("\r\n");
        }
        (self.above, self.below) = (0, 0);
        put(&out)
    }

    /// Draws a search in older inputs.
    pub(super) fn search(&mut self, wanted: &str, found: &str) -> std::io::Result<()> {
        let line = found.lines().next().unwrap_or_default();
        let more = if found.contains('\n') { " …" } else { "" };
        let out = format!(
            "{}{CLEAR_BELOW}(search) `{wanted}`: {line}{more}",
            self.start()
        );
        (self.above, self.below) = (0, 0);
        put(&out)
    }
}

/// Columns that `text` takes. Letters of East Asian scripts take two.
fn width(text: &str) -> usize {
    text.chars()
        .map(|letter| match u32::from(letter) {
            0x300..=0x36f | 0x200b..=0x200f | 0xfe00..=0xfe0f => 0,
            0x1100..=0x115f
            | 0x2e80..=0xa4cf
            | 0xac00..=0xd7a3
            | 0xf900..=0xfaff
            | 0xfe30..=0xfe6f
            | 0xff00..=0xff60
            | 0x1f300..=0x1faff => 2,
            _ => 1,
        })
        .sum()
}

fn put(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
