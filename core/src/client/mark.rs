//! The mark by which a phone notices that its store was put back from a copy: which file it lies in. A restored or
//! copied file is another one, however equal its bytes are; one that was merely moved is still the same. The mark
//! is a hint that costs a new epoch where it errs: a store that it misses is found out when its lost entries come
//! back.

use std::fs::Metadata;
use std::path::Path;
use std::time::UNIX_EPOCH;

use super::ClientError;
use crate::replica::Replica;
use crate::replica::write::EPOCH;
use crate::store::Store;

/// The row that keeps the mark.
const MARK: &str = "berkas";

/// Compares the store's file with the one that it was last opened in. In another, what is written from now on
/// stands in journals of a new epoch.
pub(super) fn check<S: Store>(replica: &mut Replica<S>, file: &Path) -> Result<(), ClientError> {
    let mark = mark(&std::fs::metadata(file)?);
    let known = replica.meta(MARK)?;
    if known.as_deref() == Some(&mark[..]) {
        return Ok(());
    }
    replica.transaction(|replica| {
        if known.is_some() {
            replica.set_meta(EPOCH, None)?;
        }
        replica.set_meta(MARK, Some(&mark))
    })?;
    Ok(())
}

fn mark(file: &Metadata) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("loket 1 mark");
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        hasher.update(&file.dev().to_be_bytes());
        hasher.update(&file.ino().to_be_bytes());
    }
    // Where the system does not know when a file was made, the rest has to do.
    let made = file.created().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    hasher.update(&made.unwrap_or_default().as_nanos().to_be_bytes());
    *hasher.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::identity::{SeededKey, Signer};
    use crate::store::memory::MemoryStore;

    #[test]
    fn a_copy_begins_a_new_epoch_and_a_moved_file_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let (file, moved, copy) = (dir.path().join("a"), dir.path().join("b"), dir.path().join("c"));
        std::fs::write(&file, "store").unwrap();
        let mut replica = Replica::open(MemoryStore::default(), SeededKey::new(1).public_key()).unwrap();
        let mut drawn = 0;
        let mut epoch = |replica: &mut Replica<MemoryStore>| {
            let draw = &mut |bytes: &mut [u8]| {
                drawn += 1;
                bytes.fill(drawn);
            };
            replica.transaction(|replica| replica.epoch(draw)).unwrap()
        };
        let first = epoch(&mut replica);
        check(&mut replica, &file).unwrap();
        std::fs::rename(&file, &moved).unwrap();
        check(&mut replica, &moved).unwrap();
        assert_eq!(epoch(&mut replica), first);
        std::fs::copy(&moved, &copy).unwrap();
        check(&mut replica, &copy).unwrap();
        let second = epoch(&mut replica);
        assert_ne!(second, first);
        check(&mut replica, &copy).unwrap();
        assert_eq!(epoch(&mut replica), second);
    }
}
