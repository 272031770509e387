//! Expressions.

use std::cmp::Ordering;
use std::sync::Arc;

use diagnostic::{Error, Result, codes};

use super::CallContext;
use crate::ast::{Comparison, Expr, ExprKind, Step};
use crate::value::slice;
use crate::{Dict, Key, Value, checks, filters, methods};

impl CallContext<'_> {
    pub(super) fn evaluate(&mut self, expr: &Expr) -> Result<Value> {
        match &expr.kind {
            ExprKind::Literal(value) => Ok(value.clone()),
            ExprKind::Name(name) => {
                let found = self
                    .lookup(name)
                    .map_err(|error| self.locate(error, expr.span))?;
                Ok(found.unwrap_or_else(|| Value::undefined(Arc::clone(name))))
            }
            ExprKind::Attribute(owner, name) => {
                let owner = self.evaluate(owner)?;
                self.attribute(&owner, name)
                    .map_err(|error| self.locate(error, expr.span))
            }
            ExprKind::Call(call) => self.call_expression(expr.span, &call.0, &call.1, None),
            ExprKind::Filter(filter) => {
                let value = self.evaluate(&filter.0)?;
                self.filter(value, &filter.1)
            }
            ExprKind::Item(both) => {
                let owner = self.evaluate(&both.0)?;
                let key = self.evaluate(&both.1)?;
                self.item(&owner, &key)
                    .map_err(|error| self.locate(error, expr.span))
            }
            ExprKind::Test(test) => self.test(&test.0, &test.1).map(Value::Bool),
            ExprKind::Not(inner) => Ok(Value::Bool(!self.condition(inner)?)),
            ExprKind::And(both) => {
                let left = self.evaluate(&both.0)?;
                if self.truth(&left, &both.0)? {
                    self.evaluate(&both.1)
                } else {
                    Ok(left)
                }
            }
            ExprKind::Or(both) => {
                let left = self.evaluate(&both.0)?;
                if self.truth(&left, &both.0)? {
                    Ok(left)
                } else {
                    self.evaluate(&both.1)
                }
            }
            ExprKind::Compare(first, rest) => self.compare(expr, first, rest).map(Value::Bool),
            _ => crate::stack::grow(|| self.evaluate_rarer(expr)),
        }
    }

    fn evaluate_rarer(&mut self, expr: &Expr) -> Result<Value> {
        match &expr.kind {
            ExprKind::List(items) => Ok(Value::list(self.evaluate_all(items)?)),
            ExprKind::Tuple(items) => Ok(Value::tuple(self.evaluate_all(items)?)),
            ExprKind::Dict(entries) => {
                let dict = Dict::new();
                for (key, value) in entries {
                    let span = key.span;
                    let key = self.evaluate(key)?;
                    let key = Key::new(key).map_err(|error| self.locate(error, span))?;
                    let value = self.evaluate(value)?;
                    dict.insert_key(key, value);
                }
                Ok(Value::Dict(dict))
            }
            ExprKind::Concat(parts) => {
                let mut text = String::new();
                for part in parts {
                    let value = self.evaluate(part)?;
                    if value.is_undefined() && self.strict() {
                        return Err(self.locate(crate::fail::undefined(&value), part.span));
                    }
                    value.write_to(&mut text);
                }
                Ok(text.into())
            }
            ExprKind::Conditional(parts) => {
                if self.condition(&parts.1)? {
                    return self.evaluate(&parts.0);
                }
                match &parts.2 {
                    Some(otherwise) => self.evaluate(otherwise),
                    None => Ok(Value::undefined("the value of an `if` without `else`")),
                }
            }
            ExprKind::Binary(operator, both) => {
                let left = self.evaluate(&both.0)?;
                let right = self.evaluate(&both.1)?;
                left.operate(*operator, &right)
                    .map_err(|error| self.locate(error, expr.span))
            }
            ExprKind::Negate(inner) => {
                let value = self.evaluate(inner)?;
                value
                    .negate()
                    .map_err(|error| self.locate(error, expr.span))
            }
            ExprKind::Plus(inner) => {
                let value = self.evaluate(inner)?;
                match value {
                    Value::Bool(flag) => Ok(Value::Int(i128::from(flag))),
                    Value::Int(_) | Value::Float(_) => Ok(value),
                    _ => {
                        let error =
                            crate::fail::wrong_type("the value after `+`", "a number", &value);
                        Err(self.locate(error, expr.span))
                    }
                }
            }
            ExprKind::Slice(owner, bounds) => {
                let owner = self.evaluate(owner)?;
                let mut chosen = [None; 3];
                for (slot, bound) in chosen.iter_mut().zip(bounds.iter()) {
                    if let Some(bound) = bound {
                        *slot = self.slice_bound(bound)?;
                    }
                }
                if owner.is_undefined() && self.tolerant() {
                    return Ok(owner);
                }
                slice(&owner, chosen).map_err(|error| self.locate(error, expr.span))
            }
            _ => self.evaluate(expr),
        }
    }

    fn slice_bound(&mut self, bound: &Expr) -> Result<Option<i128>> {
        let value = self.evaluate(bound)?;
        match &value {
            Value::None => Ok(None),
            _ => value.as_int().map(Some).ok_or_else(|| {
                let error = crate::fail::wrong_type("a bound of a slice", "a whole number", &value);
                self.locate(error, bound.span)
            }),
        }
    }

    fn evaluate_all(&mut self, items: &[Expr]) -> Result<Vec<Value>> {
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            values.push(self.evaluate(item)?);
        }
        Ok(values)
    }

    /// Evaluates a condition.
    pub(super) fn condition(&mut self, expr: &Expr) -> Result<bool> {
        let value = self.evaluate(expr)?;
        self.truth(&value, expr)
    }

    fn truth(&self, value: &Value, expr: &Expr) -> Result<bool> {
        if value.is_undefined() && self.strict() {
            return Err(self.locate(crate::fail::undefined(value), expr.span));
        }
        Ok(value.truthy())
    }

    fn compare(&mut self, whole: &Expr, first: &Expr, rest: &[(Comparison, Expr)]) -> Result<bool> {
        let mut left = self.evaluate(first)?;
        for (comparison, right) in rest {
            let right = self.evaluate(right)?;
            let holds = self
                .compare_two(&left, *comparison, &right)
                .map_err(|error| self.locate(error, whole.span))?;
            if !holds {
                return Ok(false);
            }
            left = right;
        }
        Ok(true)
    }

    fn compare_two(&self, left: &Value, comparison: Comparison, right: &Value) -> Result<bool> {
        if self.strict() {
            for value in [left, right] {
                if value.is_undefined() {
                    return Err(crate::fail::undefined(value));
                }
            }
        }
        let tolerated = self.tolerant() && (left.is_undefined() || right.is_undefined());
        match comparison {
            Comparison::Equal => Ok(left == right),
            Comparison::NotEqual => Ok(left != right),
            Comparison::In => right.contains(left),
            Comparison::NotIn => right.contains(left).map(|inside| !inside),
            _ if tolerated => Ok(false),
            _ if not_a_number(left) || not_a_number(right) => Ok(false),
            Comparison::Less => Ok(left.order(right)? == Ordering::Less),
            Comparison::LessOrEqual => Ok(left.order(right)? != Ordering::Greater),
            Comparison::Greater => Ok(left.order(right)? == Ordering::Greater),
            Comparison::GreaterOrEqual => Ok(left.order(right)? != Ordering::Less),
        }
    }

    /// `owner.name`
    ///
    /// # Errors
    /// J2001 if `owner` is undefined (unless tolerated), and what an object raises.
    pub fn attribute(&self, owner: &Value, name: &str) -> Result<Value> {
        let found = match owner {
            Value::Undefined(_) if self.tolerant() => return Ok(Value::undefined(name)),
            Value::Undefined(_) => return Err(crate::fail::undefined(owner)),
            Value::Object(object) => match object.get_attr(name)? {
                Some(value) => Some(value),
                None => object.get_item(&Value::from(name))?,
            },
            Value::Dict(dict) => match methods::bound(owner, name) {
                Some(method) => Some(method),
                None => dict.get(name),
            },
            _ => methods::bound(owner, name),
        };
        Ok(found.unwrap_or_else(|| Value::missing(owner, name)))
    }

    /// `owner[key]`
    ///
    /// # Errors
    /// J2001 if `owner` is undefined (unless tolerated), and what an object raises.
    pub fn item(&self, owner: &Value, key: &Value) -> Result<Value> {
        let found = match owner {
            Value::Undefined(_) if self.tolerant() => return Ok(owner.clone()),
            Value::Undefined(_) => return Err(crate::fail::undefined(owner)),
            Value::Dict(dict) => match key {
                Value::Str(text) => dict.get(text),
                _ => Key::new(key.clone())
                    .ok()
                    .and_then(|key| dict.get_key(&key)),
            },
            Value::List(list) => index(key, list.len()).and_then(|at| list.get(at)),
            Value::Tuple(items) => index(key, items.len()).and_then(|at| items.get(at).cloned()),
            Value::Str(text) => index(key, text.chars().count())
                .and_then(|at| text.chars().nth(at))
                .map(|c| Value::from(c.to_string())),
            Value::Object(object) => object.get_item(key)?,
            _ => None,
        };
        if let Some(value) = found {
            return Ok(value);
        }
        if let Value::Str(name) = key {
            return self.attribute(owner, name);
        }
        Ok(Value::missing(owner, key.to_string()))
    }

    /// Applies a filter of the tree.
    pub(super) fn filter(&mut self, value: Value, step: &Step) -> Result<Value> {
        self.step().map_err(|error| self.locate(error, step.span))?;
        let mut arguments = self.call_arguments_of(&step.arguments)?;
        arguments.positional.insert(0, value);
        self.apply_filter(&step.name, arguments)
            .map_err(|error| self.locate(error, step.span))
    }

    /// Applies the filter `name`; the value is the first argument.
    ///
    /// # Errors
    /// J2004 if there is no such filter, and what it raises.
    pub fn apply_filter(&mut self, name: &str, arguments: crate::Arguments) -> Result<Value> {
        if let Some(filter) = self.environment.filter(name) {
            let filter = Arc::clone(filter);
            return filter(self, arguments);
        }
        match filters::find(name) {
            Some(filter) => filter(self, arguments),
            None => Err(
                Error::new(codes::J2004, format!("there is no filter `{name}`")).suggest(
                    name,
                    filters::NAMES
                        .iter()
                        .copied()
                        .chain(self.environment.filter_names()),
                ),
            ),
        }
    }

    fn test(&mut self, tested: &Expr, step: &Step) -> Result<bool> {
        let value = self.evaluate(tested)?;
        let mut arguments = self.call_arguments_of(&step.arguments)?;
        arguments.positional.insert(0, value);
        self.apply_test(&step.name, arguments)
            .map_err(|error| self.locate(error, step.span))
    }

    /// Applies the test `name`; the value is the first argument.
    ///
    /// # Errors
    /// J2004 if there is no such test, and what it raises.
    pub fn apply_test(&mut self, name: &str, arguments: crate::Arguments) -> Result<bool> {
        if let Some(test) = self.environment.test(name) {
            let test = Arc::clone(test);
            return test(self, arguments).map(|value| value.truthy());
        }
        match checks::find(name) {
            Some(test) => test(self, arguments),
            None => Err(
                Error::new(codes::J2004, format!("there is no test `{name}`")).suggest(
                    name,
                    checks::NAMES
                        .iter()
                        .copied()
                        .chain(self.environment.test_names()),
                ),
            ),
        }
    }
}

fn not_a_number(value: &Value) -> bool {
    matches!(value, Value::Float(number) if number.is_nan())
}

/// The position that `key` means in a sequence of `length`.
fn index(key: &Value, length: usize) -> Option<usize> {
    let index = key.as_int()?;
    let index = if index < 0 {
        index + length as i128
    } else {
        index
    };
    usize::try_from(index).ok().filter(|index| *index < length)
}
