//! [`Envelope`]: the objects round an array of records, `{"data": {"items": [...]}}`, gone through byte by byte.

/// Where in its envelope a reader is.
#[derive(Debug)]
pub(super) struct Envelope {
    /// The keys that lead to the records.
    path: Vec<Vec<u8>>,
    /// Objects that are open.
    depth: usize,
    /// How many keys of the path lead to where the reader is.
    found: usize,
    /// Whether this document's records were met.
    met: bool,
    expects: Expects,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expects {
    /// A key, or the end of an object without any.
    First,
    Key,
    Colon {
        wanted: bool,
    },
    Value {
        wanted: bool,
    },
    /// A comma, or the end of an object.
    Comma,
}

/// What to do with a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Go past it.
    Skip,
    /// A key begins with it.
    Key,
    /// A value begins with it that holds no records.
    Value,
    /// It opens the array of records.
    Records,
}

impl Envelope {
    pub(super) fn new(path: &[String]) -> Self {
        Self {
            path: path.iter().map(|key| key.clone().into_bytes()).collect(),
            depth: 0,
            found: 0,
            met: false,
            expects: Expects::First,
        }
    }

    /// Whether there is one at all.
    pub(super) fn is_there(&self) -> bool {
        !self.path.is_empty()
    }

    /// Whether an object of it is open.
    pub(super) fn is_open(&self) -> bool {
        self.depth > 0
    }

    /// What to do with the next byte.
    pub(super) fn next(&mut self, byte: u8) -> Result<Step, String> {
        match (self.expects, byte) {
            (_, b' ' | b'\n' | b'\r' | b'\t') => Ok(Step::Skip),
            _ if self.depth == 0 => match byte {
                b'{' => {
                    (self.depth, self.found, self.met) = (1, 0, false);
                    self.expects = Expects::First;
                    Ok(Step::Skip)
                }
                _ => Err("it holds something else than objects".to_owned()),
            },
            (Expects::First | Expects::Key, b'"') => Ok(Step::Key),
            (Expects::First | Expects::Comma, b'}') => self.close(),
            (Expects::Comma, b',') => self.skip(Expects::Key),
            (Expects::Colon { wanted }, b':') => self.skip(Expects::Value { wanted }),
            (Expects::Value { wanted: true }, _) => self.wanted(byte),
            (Expects::Value { wanted: false }, byte) if !b",:}]".contains(&byte) => {
                self.expects = Expects::Comma;
                Ok(Step::Value)
            }
            _ => Err("it is no JSON round its rows".to_owned()),
        }
    }

    /// Takes in a key that was read.
    pub(super) fn key(&mut self, key: &[u8]) -> Result<(), String> {
        let is_next = self.depth == self.found + 1
            && self.path.get(self.found).is_some_and(|next| next == key);
        if is_next && self.met {
            return Err(format!("its rows are there twice, in `{}`", self.shown()));
        }
        self.expects = Expects::Colon { wanted: is_next };
        Ok(())
    }

    fn skip(&mut self, expects: Expects) -> Result<Step, String> {
        self.expects = expects;
        Ok(Step::Skip)
    }

    fn close(&mut self) -> Result<Step, String> {
        self.depth -= 1;
        self.found = self.found.min(self.depth.saturating_sub(1));
        if self.depth == 0 && !self.met {
            return Err(format!("an object has no `{}`", self.shown()));
        }
        self.skip(Expects::Comma)
    }

    /// The value of a key of the path: another object of it, the records, or `null` for none.
    fn wanted(&mut self, byte: u8) -> Result<Step, String> {
        let is_last = self.found + 1 == self.path.len();
        match (byte, is_last) {
            (b'[', true) => {
                (self.met, self.expects) = (true, Expects::Comma);
                Ok(Step::Records)
            }
            (b'{', false) => {
                self.found += 1;
                self.depth += 1;
                self.skip(Expects::First)
            }
            (b'n', _) => {
                (self.met, self.expects) = (true, Expects::Comma);
                Ok(Step::Value)
            }
            _ => Err(format!("`{}` is no array", self.shown())),
        }
    }

    fn shown(&self) -> String {
        let keys: Vec<_> = self
            .path
            .iter()
            .map(|key| String::from_utf8_lossy(key))
            .collect();
        keys.join(".")
    }
}
