//! What every store checks before it writes, and how a scan's prefix and cursor become one range of keys.

use super::{MAX_KEY, MAX_VALUE, StoreError};
use crate::journal::{Content, MAX_BODY, MAX_EXTENSION, StoredEntry};

/// Largest sequence number and position: what a database's signed integer holds.
pub(super) const MAX_NUMBER: u64 = i64::MAX as u64;

/// What a second entry in an entry's place is told.
pub(super) const TAKEN: &str = "an entry of that line and sequence number is there already";

/// Refuses an entry that no author could have written.
pub(super) fn check_entry(entry: &StoredEntry) -> Result<(), StoreError> {
    let body = match &entry.content {
        Content::Present(bytes) => bytes.len(),
        Content::Destroyed => 0,
    };
    let extension = entry.header.extension.as_ref().map_or(0, |e| e.0.len());
    match () {
        () if body > MAX_BODY => Err(StoreError::Misuse("an entry's body is too large")),
        () if extension > MAX_EXTENSION => Err(StoreError::Misuse("an entry's extension is too large")),
        () if entry.header.seq == 0 => Err(StoreError::Misuse("sequence numbers begin at 1")),
        () if entry.header.seq > MAX_NUMBER => Err(StoreError::Misuse("a sequence number is too large")),
        () => Ok(()),
    }
}

/// Refuses a row beyond the limits.
pub(super) fn check_row(key: &[u8], value: Option<&[u8]>) -> Result<(), StoreError> {
    if key.len() > MAX_KEY {
        return Err(StoreError::Misuse("a row's key is too long"));
    }
    if value.is_some_and(|v| v.len() > MAX_VALUE) {
        return Err(StoreError::Misuse("a row's value is too large"));
    }
    Ok(())
}

/// The keys that begin with `prefix` and are above `after`, as a range: its lower end belongs to it, its upper
/// end does not. None where no key can be in it.
pub(super) fn key_range(prefix: &[u8], after: Option<&[u8]>) -> Option<(Vec<u8>, Vec<u8>)> {
    // The next key after K in bytewise order is K and a zero byte.
    let above = after.map_or_else(Vec::new, |key| [key, &[0]].concat());
    let lower = above.max(prefix.to_vec());
    let mut upper = prefix.to_vec();
    while upper.last() == Some(&u8::MAX) {
        upper.pop();
    }
    match upper.last_mut() {
        Some(last) => *last += 1,
        // No prefix, or one of 0xff bytes alone: nothing but the longest key's length bounds it.
        None => upper = vec![u8::MAX; MAX_KEY + 1],
    }
    (lower < upper).then_some((lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_ends_where_the_prefix_does() {
        assert_eq!(key_range(b"ab", None), Some((b"ab".to_vec(), b"ac".to_vec())));
        assert_eq!(key_range(b"a\xff", None), Some((b"a\xff".to_vec(), b"b".to_vec())));
        assert_eq!(key_range(b"ab", Some(b"abc")), Some((b"abc\0".to_vec(), b"ac".to_vec())));
        assert_eq!(key_range(b"ab", Some(b"aa")), Some((b"ab".to_vec(), b"ac".to_vec())));
        assert_eq!(key_range(b"ab", Some(b"b")), None);
        assert_eq!(key_range(b"", None), Some((Vec::new(), vec![u8::MAX; MAX_KEY + 1])));
    }
}
