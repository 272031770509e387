//! `for`, and the `loop` variable.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use diagnostic::{Error, Result, codes};
use parking_lot::Mutex;

use super::CallContext;
use super::statement::Flow;
use crate::ast::{ForLoop, Target};
use crate::value::Object;
use crate::{Arguments, Value};

impl CallContext<'_> {
    pub(super) fn for_loop(&mut self, for_loop: &Arc<ForLoop>) -> Result<()> {
        let span = for_loop.iterable.span;
        let iterable = self.evaluate(&for_loop.iterable)?;
        if iterable.is_undefined() && self.strict() {
            return Err(self.locate(crate::fail::undefined(&iterable), span));
        }
        let items = iterable
            .iterate()
            .map_err(|error| self.locate(error, span))?;
        self.repeat(for_loop, items, 0)
    }

    fn repeat(&mut self, for_loop: &Arc<ForLoop>, items: Vec<Value>, depth: usize) -> Result<()> {
        // Jinja2 asks the filter before each round, which the rounds before may have changed; `loop` has to
        // know how many there will be.
        let lazy = for_loop.filter.is_some() && !for_loop.uses_loop;
        let items = match for_loop.filter.is_some() && !lazy {
            true => self.filter_items(for_loop, items)?,
            false => items,
        };
        let state = for_loop.uses_loop.then(|| {
            Arc::new(Loop {
                index: AtomicUsize::new(0),
                items: items.clone(),
                depth,
                changed: Mutex::new(None),
                recursive: for_loop.recursive.then(|| Arc::clone(for_loop)),
            })
        });
        let mut empty = true;
        for (index, item) in items.into_iter().enumerate() {
            self.step()
                .map_err(|error| self.locate(error, for_loop.iterable.span))?;
            if lazy && !self.keeps(for_loop, &item)? {
                continue;
            }
            empty = false;
            let flow = self.scoped(|context| {
                if let Some(state) = &state {
                    state.index.store(index, Ordering::Relaxed);
                    let value = Value::Object(Arc::clone(state) as Arc<dyn Object>);
                    context.frame.locals.push((Arc::from("loop"), value));
                }
                context.bind(&for_loop.target, item)?;
                context.run(&for_loop.body)
            })?;
            if flow == Flow::Break {
                break;
            }
        }
        if empty {
            self.scoped(|context| context.run(&for_loop.otherwise))?;
        }
        Ok(())
    }

    /// Assigns a loop variable, the usual single name without a search.
    fn bind(&mut self, target: &Target, item: Value) -> Result<()> {
        match target {
            Target::Name(name, _) => {
                self.frame.locals.push((Arc::clone(name), item));
                Ok(())
            }
            _ => self.assign(target, item),
        }
    }

    fn filter_items(&mut self, for_loop: &ForLoop, items: Vec<Value>) -> Result<Vec<Value>> {
        let mut kept = Vec::new();
        for item in items {
            if self.keeps(for_loop, &item)? {
                kept.push(item);
            }
        }
        Ok(kept)
    }

    fn keeps(&mut self, for_loop: &ForLoop, item: &Value) -> Result<bool> {
        self.scoped(|context| {
            context.bind(&for_loop.target, item.clone())?;
            match &for_loop.filter {
                Some(filter) => context.condition(filter),
                None => Ok(true),
            }
        })
    }
}

/// The `loop` variable.
struct Loop {
    index: AtomicUsize,
    items: Vec<Value>,
    depth: usize,
    changed: Mutex<Option<Vec<Value>>>,
    recursive: Option<Arc<ForLoop>>,
}

impl Loop {
    fn at(&self, index: Option<usize>, name: &str) -> Value {
        index
            .and_then(|index| self.items.get(index).cloned())
            .unwrap_or_else(|| Value::undefined(format!("loop.{name}")))
    }
}

impl Object for Loop {
    fn type_name(&self) -> &str {
        "LoopContext"
    }

    fn get_attr(&self, name: &str) -> Result<Option<Value>> {
        let index = self.index.load(Ordering::Relaxed);
        let length = self.items.len();
        Ok(Some(match name {
            "index" => Value::from(index + 1),
            "index0" => Value::from(index),
            "revindex" => Value::from(length - index),
            "revindex0" => Value::from(length - index - 1),
            "first" => Value::Bool(index == 0),
            "last" => Value::Bool(index + 1 == length),
            "length" => Value::from(length),
            "depth" => Value::from(self.depth + 1),
            "depth0" => Value::from(self.depth),
            "previtem" => self.at(index.checked_sub(1), name),
            "nextitem" => self.at(Some(index + 1), name),
            _ => return Ok(None),
        }))
    }

    fn call(&self, context: &mut CallContext<'_>, arguments: Arguments) -> Result<Value> {
        let Some(for_loop) = &self.recursive else {
            return Err(Error::new(
                codes::J2002,
                "`loop` can be called only in a recursive loop",
            )
            .help("write `recursive` at the end of the `for` tag"));
        };
        if self.depth >= context.environment.limits.depth {
            return Err(Error::new(
                codes::J3001,
                format!("a recursive loop is nested more than {} times", self.depth),
            ));
        }
        let items = arguments.one("loop", "iterable")?.iterate()?;
        let depth = self.depth + 1;
        let text = context.captured_output(|context| {
            crate::stack::grow(|| context.repeat(for_loop, items, depth))
        })?;
        Ok(text.into())
    }

    fn callable(&self) -> bool {
        true
    }

    fn call_method(
        &self,
        _: &mut CallContext<'_>,
        name: &str,
        arguments: &Arguments,
    ) -> Result<Option<Value>> {
        match name {
            "cycle" => {
                let choices = &arguments.positional;
                if choices.is_empty() {
                    return Err(Error::new(
                        codes::J2003,
                        "`loop.cycle` needs values to choose from",
                    ));
                }
                let index = self.index.load(Ordering::Relaxed);
                Ok(Some(choices[index % choices.len()].clone()))
            }
            "changed" => {
                let now = Some(arguments.positional.clone());
                let mut last = self.changed.lock();
                let changed = *last != now;
                *last = now;
                Ok(Some(Value::Bool(changed)))
            }
            _ => Ok(None),
        }
    }

    fn len(&self) -> Option<usize> {
        Some(self.items.len())
    }

    fn repr(&self) -> String {
        let index = self.index.load(Ordering::Relaxed) + 1;
        format!("<LoopContext {index}/{}>", self.items.len())
    }
}
