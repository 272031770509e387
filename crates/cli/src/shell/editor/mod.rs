//! A line editor for statements over several lines: history, completion, colours, search, pasted text.
//!
//! Written for terminals that understand ANSI, on Unix; elsewhere lines are read as they come. The
//! text and the keys are known in [`buffer`] and [`keys`], the screen in [`screen`]; this file lets
//! them act.

mod buffer;
mod history;
mod keys;
mod screen;
mod terminal;

use std::path::Path;

use diagnostic::{Result, ResultExt as _, codes};

use buffer::Buffer;
use history::History;
use keys::{Key, Keys};
use screen::Screen;
use terminal::Raw;
pub(super) use terminal::size as terminal_size;

/// What a user gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Read {
    Text(String),
    /// Ctrl-C.
    Interrupted,
    /// Ctrl-D in an empty line, or the end of the input.
    End,
}

/// What could stand at the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Completion {
    /// Where what is replaced begins.
    pub(super) start: usize,
    pub(super) candidates: Vec<String>,
}

/// What knows the language that is typed.
pub(super) trait Helper {
    /// Whether Enter ends the input.
    fn is_complete(&self, text: &str) -> bool;

    /// What could stand at `cursor`.
    fn complete(&self, text: &str, cursor: usize) -> Completion;

    /// The text with colours. Its letters stay the same.
    fn colour(&self, text: &str) -> String;
}

/// Reads inputs and remembers them.
pub(super) struct Editor {
    history: History,
    keys: Keys,
}

impl Editor {
    /// An editor whose history is in `file`.
    pub(super) fn open(file: &Path) -> Result<Self> {
        Ok(Self {
            history: History::open(file)?,
            keys: Keys::default(),
        })
    }

    /// Adds an input to the history.
    pub(super) fn remember(&mut self, text: &str) {
        self.history.add(text.trim());
    }

    /// Reads one input.
    pub(super) fn read(&mut self, prompt: &str, helper: &dyn Helper) -> Result<Read> {
        let failed = || "The terminal cannot be read".to_owned();
        match Raw::enter() {
            Some(raw) => {
                let mut screen = Screen::new(prompt);
                let read = Session {
                    helper,
                    history: &mut self.history,
                    keys: &mut self.keys,
                    screen: &mut screen,
                    buffer: Buffer::default(),
                    killed: String::new(),
                }
                .read();
                drop(raw);
                read.explain(codes::C0013, failed)
            }
            None => terminal::read_plainly(prompt, |text| helper.is_complete(text))
                .explain(codes::C0013, failed),
        }
    }
}

/// The reading of one input.
struct Session<'a> {
    helper: &'a dyn Helper,
    history: &'a mut History,
    keys: &'a mut Keys,
    screen: &'a mut Screen,
    buffer: Buffer,
    killed: String,
}

impl Session<'_> {
    fn read(mut self) -> std::io::Result<Read> {
        self.history.rewind();
        self.draw()?;
        loop {
            let Some(key) = self.keys.next()? else {
                self.screen.leave()?;
                return Ok(Read::End);
            };
            match key {
                Key::Enter if self.helper.is_complete(self.buffer.text()) => {
                    self.buffer.go_to_end();
                    self.draw()?;
                    self.screen.leave()?;
                    return Ok(Read::Text(self.buffer.text().to_owned()));
                }
                Key::Enter => self.buffer.insert("\n"),
                Key::Control('c') => {
                    self.screen.mark("^C")?;
                    return Ok(Read::Interrupted);
                }
                Key::Control('d') if self.buffer.text().is_empty() => {
                    self.screen.leave()?;
                    return Ok(Read::End);
                }
                Key::Tab => self.complete()?,
                Key::Control('r') => self.search()?,
                Key::Control('l') => self.screen.wipe()?,
                other => self.edit(other),
            }
            self.draw()?;
        }
    }

    fn draw(&mut self) -> std::io::Result<()> {
        let coloured = self.helper.colour(self.buffer.text());
        self.screen.draw(&coloured, self.buffer.before())
    }

    fn edit(&mut self, key: Key) {
        let buffer = &mut self.buffer;
        match key {
            Key::Text(text) => buffer.insert(&text),
            Key::Left | Key::Control('b') => buffer.left(),
            Key::Right | Key::Control('f') => buffer.right(),
            Key::WordLeft => buffer.word_left(),
            Key::WordRight => buffer.word_right(),
            Key::Home | Key::Control('a') => buffer.go_to_line_start(),
            Key::End | Key::Control('e') => buffer.go_to_line_end(),
            Key::Backspace | Key::Control('h') => buffer.delete_left(),
            Key::Delete | Key::Control('d') => buffer.delete_right(),
            Key::Control('k') => self.killed = buffer.cut_line_end(),
            Key::Control('u') => self.killed = buffer.cut_line_start(),
            Key::Control('w') | Key::WordBackspace => self.killed = buffer.cut_word(),
            Key::Control('y') => buffer.insert(&self.killed),
            Key::Up | Key::Control('p') => {
                if !buffer.up()
                    && let Some(text) = self.history.older(buffer.text())
                {
                    buffer.set(text);
                }
            }
            Key::Down | Key::Control('n') => {
                if !buffer.down()
                    && let Some(text) = self.history.newer()
                {
                    buffer.set(text);
                }
            }
            _ => {}
        }
    }

    /// Completes what all candidates have in common; lists them if that is no more than was typed.
    fn complete(&mut self) -> std::io::Result<()> {
        let before = self.buffer.before().len();
        let completion = self.helper.complete(self.buffer.text(), before);
        let typed = self
            .buffer
            .before()
            .get(completion.start..)
            .unwrap_or_default()
            .to_owned();
        match completion.candidates.as_slice() {
            [] if typed.is_empty() => self.buffer.insert("  "),
            [] => {}
            [only] => self.buffer.replace_left(typed.len(), only),
            [first, rest @ ..] => {
                let common = rest
                    .iter()
                    .fold(first.as_str(), |common, other| prefix(common, other));
                if common.len() > typed.len() {
                    self.buffer.replace_left(typed.len(), common);
                } else {
                    self.screen.list(&completion.candidates)?;
                }
            }
        }
        Ok(())
    }

    /// Looks for typed text in older inputs. Enter takes what was found, Ctrl-C nothing.
    fn search(&mut self) -> std::io::Result<()> {
        let mut wanted = String::new();
        let mut skipped = 0;
        loop {
            let found = self.history.find(&wanted, skipped).unwrap_or_default();
            self.screen.search(&wanted, found)?;
            match self.keys.next()? {
                Some(Key::Text(text)) => {
                    wanted.push_str(&text);
                    skipped = 0;
                }
                Some(Key::Backspace) => {
                    wanted.pop();
                    skipped = 0;
                }
                Some(Key::Control('r')) => skipped += 1,
                None | Some(Key::Control('c' | 'g') | Key::Escape) => return Ok(()),
                Some(_) => {
                    let found = found.to_owned();
                    self.buffer.set(&found);
                    return Ok(());
                }
            }
        }
    }
}

/// What two texts begin with, whatever the case of its letters.
fn prefix<'a>(left: &'a str, right: &str) -> &'a str {
    let end = left
        .char_indices()
        .zip(right.chars())
        .find(|((_, a), b)| !a.eq_ignore_ascii_case(b))
        .map_or(left.len().min(right.len()), |((at, _), _)| at);
    left.get(..end).unwrap_or_default()
}
