//! Where in a file something stands.

use toml::de::{DeTable, DeValue};

/// A file's text and its values with their places.
pub(super) struct Lines<'a> {
    text: &'a str,
    root: DeTable<'a>,
}

impl<'a> Lines<'a> {
    /// Of a text that has been parsed already; of any other, everything is at line 1.
    pub(super) fn of(text: &'a str) -> Lines<'a> {
        let root = DeTable::parse(text).map(toml::Spanned::into_inner).unwrap_or_default();
        Lines { text, root }
    }

    /// The line of a dotted path (numbers count within a list, from 0), or of the nearest thing above it that
    /// the file has.
    pub(super) fn line(&self, place: &str) -> usize {
        let mut parts = place.split('.');
        let first = parts.next().unwrap_or_default();
        let Some((key, value)) = entry(&self.root, first) else { return 1 };
        let mut at = key;
        let mut value = value;
        for part in parts {
            let next = match value.get_ref() {
                DeValue::Table(table) => entry(table, part),
                DeValue::Array(list) => {
                    let item = part.parse().ok().and_then(|i: usize| list.get(i));
                    item.map(|item| (item.span().start, item))
                }
                _ => None,
            };
            let Some((start, inner)) = next else { break };
            (at, value) = (start, inner);
        }
        line_at(self.text, at)
    }
}

fn entry<'t, 'i>(table: &'t DeTable<'i>, key: &str) -> Option<(usize, &'t toml::Spanned<DeValue<'i>>)> {
    table.iter().find(|(name, _)| name.get_ref() == key).map(|(name, value)| (name.span().start, value))
}

/// The line of a byte, from 1.
pub(super) fn line_at(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}
