//! Arguments of calls, as far as they are literals
//! (<https://docs.python.org/3/library/ast.html#ast.literal_eval>).

use serde_json::{Map, Number, Value as Json};

use super::token::{Kind, Token};

/// The arguments of a call.
#[derive(Debug, Default)]
pub struct Call {
    /// Those without a name.
    pub positional: Vec<Json>,
    /// Those with one.
    pub named: Map<String, Json>,
}

/// Reads from words, forward.
pub struct Literals<'t> {
    tokens: &'t [Token],
    at: usize,
}

/// The word that is no literal.
type NoLiteral = Option<(usize, usize)>;

impl<'t> Literals<'t> {
    /// Reads from `tokens`.
    #[must_use]
    pub fn new(tokens: &'t [Token]) -> Self {
        Self { tokens, at: 0 }
    }

    fn symbol(&self, ahead: usize) -> Option<char> {
        match self.tokens.get(self.at + ahead)?.kind {
            Kind::Symbol(c) => Some(c),
            _ => None,
        }
    }

    fn take(&mut self, symbol: char) -> bool {
        let found = self.symbol(0) == Some(symbol);
        self.at += usize::from(found);
        found
    }

    fn here(&self) -> NoLiteral {
        self.tokens.get(self.at).map(|token| token.span)
    }

    /// The arguments up to the closing parenthesis; the opening one was read.
    ///
    /// # Errors
    /// The place of the first argument that is no literal.
    pub fn call(&mut self) -> Result<Call, NoLiteral> {
        let mut call = Call::default();
        while !self.take(')') {
            let name = match self.tokens.get(self.at).map(|token| &token.kind) {
                Some(Kind::Name(name))
                    if self.symbol(1) == Some('=') && self.symbol(2) != Some('=') =>
                {
                    Some(name.clone())
                }
                _ => None,
            };
            if let Some(name) = name {
                self.at += 2;
                let value = self.value()?;
                call.named.insert(name, value);
            } else {
                let value = self.value()?;
                call.positional.push(value);
            }
            if !self.take(',') && self.symbol(0) != Some(')') {
                return Err(self.here());
            }
        }
        Ok(call)
    }

    fn items(&mut self, end: char) -> Result<Vec<Json>, NoLiteral> {
        let mut items = Vec::new();
        while !self.take(end) {
            items.push(self.value()?);
            if !self.take(',') && self.symbol(0) != Some(end) {
                return Err(self.here());
            }
        }
        Ok(items)
    }

    fn value(&mut self) -> Result<Json, NoLiteral> {
        let here = self.here();
        let Some(token) = self.tokens.get(self.at) else {
            return Err(None);
        };
        self.at += 1;
        Ok(match &token.kind {
            Kind::Text(text) => {
                let mut text = text.clone();
                while let Some(Kind::Text(more)) = self.tokens.get(self.at).map(|t| &t.kind) {
                    text.push_str(more);
                    self.at += 1;
                }
                if self.symbol(0) == Some('%') || self.symbol(0) == Some('.') {
                    return Err(here);
                }
                Json::String(text)
            }
            Kind::Number(text) => number(text).ok_or(here)?,
            Kind::Name(name) => match name.as_str() {
                "True" => Json::Bool(true),
                "False" => Json::Bool(false),
                "None" => Json::Null,
                _ => return Err(here),
            },
            Kind::Formatted => return Err(here),
            Kind::Symbol('-') => match self.value()? {
                Json::Number(number) => negative(&number).ok_or(here)?,
                _ => return Err(here),
            },
            Kind::Symbol('+') => self.value()?,
            Kind::Symbol('[') => Json::Array(self.items(']')?),
            Kind::Symbol('(') => {
                let mut items = self.items(')')?;
                // Parentheses round one value without a comma are just that.
                let comma = self.tokens.get(self.at.wrapping_sub(2));
                match items.len() == 1 && comma.is_none_or(|token| token.kind != Kind::Symbol(','))
                {
                    true => items.remove(0),
                    false => Json::Array(items),
                }
            }
            Kind::Symbol('{') => self.dictionary()?,
            Kind::Symbol(_) => return Err(here),
        })
    }

    /// A dictionary or a set; the brace was read.
    fn dictionary(&mut self) -> Result<Json, NoLiteral> {
        let (mut map, mut set) = (Map::new(), Vec::new());
        while !self.take('}') {
            let key = self.value()?;
            if self.take(':') {
                let value = self.value()?;
                let key = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
                map.insert(key, value);
            } else {
                set.push(key);
            }
            if !self.take(',') && self.symbol(0) != Some('}') {
                return Err(self.here());
            }
        }
        match set.is_empty() {
            true => Ok(Json::Object(map)),
            false => Ok(Json::Array(set)),
        }
    }
}

fn number(text: &str) -> Option<Json> {
    let lower = text.to_lowercase();
    for (prefix, base) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = lower.strip_prefix(prefix) {
            return i64::from_str_radix(digits, base).ok().map(Json::from);
        }
    }
    match text.parse::<i64>() {
        Ok(whole) => Some(whole.into()),
        Err(_) => Number::from_f64(text.parse().ok()?).map(Json::Number),
    }
}

fn negative(number: &Number) -> Option<Json> {
    match number.as_i64() {
        Some(whole) => Some((-whole).into()),
        None => Number::from_f64(-number.as_f64()?).map(Json::Number),
    }
}
