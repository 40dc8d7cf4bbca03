//! A map that forgets its oldest entries, so that a long-lived emulator does not grow without end.

use std::collections::{HashMap, VecDeque};

/// Values by name; only the newest `limit` names are kept.
#[derive(Debug)]
pub struct Newest<Value> {
    values: HashMap<String, Value>,
    order: VecDeque<String>,
    limit: usize,
}

impl<Value: Default> Newest<Value> {
    /// An empty map for at most `limit` entries.
    pub fn new(limit: usize) -> Self {
        Self { values: HashMap::new(), order: VecDeque::new(), limit }
    }

    /// The value of this name, made now if there is none yet.
    pub fn entry(&mut self, name: &str) -> &mut Value {
        if !self.values.contains_key(name) {
            self.order.push_back(name.to_owned());
            if self.order.len() > self.limit
                && let Some(oldest) = self.order.pop_front()
            {
                self.values.remove(&oldest);
            }
        }
        self.values.entry(name.to_owned()).or_default()
    }

    /// The value of this name, if it is known.
    pub fn find_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.values.get_mut(name)
    }

    /// All entries, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.values.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_entry_is_forgotten() {
        let mut newest = Newest::new(2);
        for name in ["one", "two", "one", "three"] {
            *newest.entry(name) += 1;
        }
        assert_eq!(newest.find_mut("one"), None);
        assert_eq!(newest.find_mut("two"), Some(&mut 1));
        assert_eq!(newest.iter().count(), 2);
    }
}
