//! [`List`], [`Dict`] and [`Set`]: shared, mutable containers.
//!
//! No method calls back into a value while it holds the lock, so a list may contain itself.

use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use parking_lot::RwLock;

use super::key::Text;
use super::{Key, Value};

/// A shared, mutable list: a clone is the same list.
#[derive(Clone, Default)]
pub struct List(Arc<RwLock<Vec<Value>>>);

impl List {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.read().len()
    }

    /// Whether it has no items.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.read().is_empty()
    }

    /// The items as they are now.
    #[must_use]
    pub fn items(&self) -> Vec<Value> {
        self.0.read().clone()
    }

    /// The item at `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Value> {
        self.0.read().get(index).cloned()
    }

    /// Adds an item at the end.
    pub fn push(&self, value: Value) {
        self.0.write().push(value);
    }

    /// Changes the items in place. `change` must not touch this list by another way.
    pub fn change<T>(&self, change: impl FnOnce(&mut Vec<Value>) -> T) -> T {
        change(&mut self.0.write())
    }

    /// Whether both are the same list, not only equal ones.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl FromIterator<Value> for List {
    fn from_iter<T: IntoIterator<Item = Value>>(items: T) -> Self {
        Self(Arc::new(RwLock::new(items.into_iter().collect())))
    }
}

/// A shared, mutable mapping in order of insertion: a clone is the same dict.
#[derive(Clone, Default)]
pub struct Dict(Arc<RwLock<IndexMap<Key, Value>>>);

impl Dict {
    /// An empty dict.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.read().len()
    }

    /// Whether it has no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.read().is_empty()
    }

    /// The value of a string key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Value> {
        self.0.read().get(&Text(key)).cloned()
    }

    /// The value of any key.
    #[must_use]
    pub fn get_key(&self, key: &Key) -> Option<Value> {
        self.0.read().get(key).cloned()
    }

    /// Sets a string key; what was there before comes back.
    pub fn insert(&self, key: &str, value: impl Into<Value>) -> Option<Value> {
        self.insert_key(Key::from(key), value.into())
    }

    /// Sets any key; what was there before comes back.
    pub fn insert_key(&self, key: Key, value: Value) -> Option<Value> {
        self.0.write().insert(key, value)
    }

    /// Takes a string key out.
    pub fn remove(&self, key: &str) -> Option<Value> {
        self.0.write().shift_remove(&Text(key))
    }

    /// Takes any key out.
    pub fn remove_key(&self, key: &Key) -> Option<Value> {
        self.0.write().shift_remove(key)
    }

    /// Takes the last entry out.
    pub fn pop_last(&self) -> Option<(Value, Value)> {
        self.0
            .write()
            .pop()
            .map(|(key, value)| (key.value().clone(), value))
    }

    /// Removes all entries.
    pub fn clear(&self) {
        self.0.write().clear();
    }

    /// The keys as they are now.
    #[must_use]
    pub fn keys(&self) -> Vec<Value> {
        self.0
            .read()
            .keys()
            .map(|key| key.value().clone())
            .collect()
    }

    /// The values as they are now.
    #[must_use]
    pub fn values(&self) -> Vec<Value> {
        self.0.read().values().cloned().collect()
    }

    /// Keys and values as they are now.
    #[must_use]
    pub fn items(&self) -> Vec<(Value, Value)> {
        self.0
            .read()
            .iter()
            .map(|(key, value)| (key.value().clone(), value.clone()))
            .collect()
    }

    /// Keys and values as they are now, the keys ready for another dict.
    #[must_use]
    pub fn entries(&self) -> Vec<(Key, Value)> {
        self.0
            .read()
            .iter()
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    }

    /// A new dict with the same entries.
    #[must_use]
    pub fn copy(&self) -> Self {
        self.entries().into_iter().collect()
    }

    /// Whether both are the same dict, not only equal ones.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl FromIterator<(Key, Value)> for Dict {
    fn from_iter<T: IntoIterator<Item = (Key, Value)>>(entries: T) -> Self {
        Self(Arc::new(RwLock::new(entries.into_iter().collect())))
    }
}

impl<'a> FromIterator<(&'a str, Value)> for Dict {
    fn from_iter<T: IntoIterator<Item = (&'a str, Value)>>(entries: T) -> Self {
        entries
            .into_iter()
            .map(|(key, value)| (Key::from(key), value))
            .collect()
    }
}

/// A shared, mutable set in order of insertion: a clone is the same set.
#[derive(Clone, Default)]
pub struct Set(Arc<RwLock<IndexSet<Key>>>);

impl Set {
    /// The number of members.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.read().len()
    }

    /// Whether it has no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.read().is_empty()
    }

    /// Whether `key` is a member.
    #[must_use]
    pub fn contains(&self, key: &Key) -> bool {
        self.0.read().contains(key)
    }

    /// Adds a member; whether it was new.
    pub fn insert(&self, key: Key) -> bool {
        self.0.write().insert(key)
    }

    /// Takes a member out; whether it was there.
    pub fn remove(&self, key: &Key) -> bool {
        self.0.write().shift_remove(key)
    }

    /// Takes some member out.
    pub fn pop(&self) -> Option<Value> {
        self.0.write().pop().map(|key| key.value().clone())
    }

    /// Removes all members.
    pub fn clear(&self) {
        self.0.write().clear();
    }

    /// The members as they are now.
    #[must_use]
    pub fn items(&self) -> Vec<Value> {
        self.0
            .read()
            .iter()
            .map(|key| key.value().clone())
            .collect()
    }

    /// The members as they are now, ready for another set.
    #[must_use]
    pub fn members(&self) -> Vec<Key> {
        self.0.read().iter().cloned().collect()
    }

    /// Whether both are the same set, not only equal ones.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl FromIterator<Key> for Set {
    fn from_iter<T: IntoIterator<Item = Key>>(members: T) -> Self {
        Self(Arc::new(RwLock::new(members.into_iter().collect())))
    }
}
