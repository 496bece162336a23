#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;

fn hash(bytes: &[u8]) -> AttachmentHash {
    AttachmentHash(*blake3::hash(bytes).as_bytes())
}

/// Bytes that differ from place to place.
fn scan(size: usize) -> Vec<u8> {
    (0..size).map(|n| (n * 31 + n / 251) as u8).collect()
}

fn folder() -> (tempfile::TempDir, AttachmentStore) {
    let dir = tempfile::tempdir().unwrap();
    let store = AttachmentStore::open(dir.path().join("attachments")).unwrap();
    (dir, store)
}

#[test]
fn an_attachment_comes_in_pieces_and_is_read_back() {
    let (_dir, store) = folder();
    let bytes = scan(200_000);
    let (name, size) = (hash(&bytes), bytes.len() as u64);
    assert_eq!(store.offset(&name).unwrap(), Progress::Partial(0));
    assert_eq!(store.append(&name, size, 0, &bytes[..150_000]).unwrap(), Progress::Partial(150_000));
    assert!(!store.contains(&name).unwrap());
    assert!(matches!(store.read(&name, 0..10), Err(AttachmentError::Missing)));
    assert_eq!(store.append(&name, size, 150_000, &bytes[150_000..]).unwrap(), Progress::Complete(size));
    assert!(store.contains(&name).unwrap());
    assert_eq!(store.read(&name, 0..u64::MAX).unwrap(), bytes);
    assert_eq!(store.read(&name, 100..200).unwrap(), bytes[100..200]);
    assert_eq!(store.read(&name, size..size + 10).unwrap(), b"");
    // Sent once more, by whomever: it is here.
    assert_eq!(store.append(&name, size, 0, b"anything").unwrap(), Progress::Complete(size));
}

#[test]
fn an_upload_resumes_at_every_boundary() {
    let bytes = scan(97);
    let (name, size) = (hash(&bytes), bytes.len() as u64);
    for cut in 0..bytes.len() {
        let (dir, store) = folder();
        store.append(&name, size, 0, &bytes[..cut]).unwrap();
        drop(store);
        let store = AttachmentStore::open(dir.path().join("attachments")).unwrap();
        assert_eq!(store.offset(&name).unwrap(), Progress::Partial(cut as u64));
        let done = store.append(&name, size, cut as u64, &bytes[cut..]).unwrap();
        assert_eq!(done, Progress::Complete(size), "cut at {cut}");
    }
}

#[test]
fn bytes_for_another_place_are_told_the_right_one() {
    let (_dir, store) = folder();
    let bytes = scan(100);
    let name = hash(&bytes);
    store.append(&name, 100, 0, &bytes[..40]).unwrap();
    for wrong in [0, 39, 41, 100, u64::MAX] {
        let refused = store.append(&name, 100, wrong, &bytes[..1]);
        assert!(matches!(refused, Err(AttachmentError::Offset(40))), "{refused:?}");
    }
    assert_eq!(store.append(&name, 100, 40, &bytes[40..]).unwrap(), Progress::Complete(100));
}

#[test]
fn a_corrupted_upload_is_never_accepted() {
    let (_dir, store) = folder();
    let bytes = scan(300);
    let name = hash(&bytes);
    for place in (0..bytes.len()).step_by(7) {
        let mut wrong = bytes.clone();
        wrong[place] ^= 1;
        store.append(&name, 300, 0, &wrong[..150]).unwrap();
        let refused = store.append(&name, 300, 150, &wrong[150..]);
        assert!(matches!(refused, Err(AttachmentError::Mismatch)), "{refused:?}");
        assert_eq!(store.offset(&name).unwrap(), Progress::Partial(0));
    }
    // Announced shorter than it is: what came has another hash.
    assert!(matches!(store.append(&name, 299, 0, &bytes[..299]), Err(AttachmentError::Mismatch)));
    assert_eq!(store.append(&name, 300, 0, &bytes).unwrap(), Progress::Complete(300));
}

#[test]
fn what_is_too_large_is_refused() {
    let (dir, store) = folder();
    let name = hash(b"");
    let over = store.append(&name, MAX_ATTACHMENT + 1, 0, b"x");
    assert!(matches!(over, Err(AttachmentError::TooLarge)));
    let beyond = store.append(&name, 3, 0, b"four");
    assert!(matches!(beyond, Err(AttachmentError::TooLarge)));
    assert_eq!(store.offset(&name).unwrap(), Progress::Partial(0));
    let file = dir.path().join("large");
    File::create(&file).unwrap().set_len(MAX_ATTACHMENT + 1).unwrap();
    assert!(matches!(store.import(&file), Err(AttachmentError::TooLarge)));
    assert_eq!(fs::read_dir(dir.path().join("attachments").join(INCOMING)).unwrap().count(), 0);
    File::create(&file).unwrap().set_len(MAX_ATTACHMENT).unwrap();
    let (zeros, size) = store.import(&file).unwrap();
    assert_eq!(size, MAX_ATTACHMENT);
    assert_eq!(store.offset(&zeros).unwrap(), Progress::Complete(MAX_ATTACHMENT));
}

#[test]
fn an_empty_attachment_has_the_hash_of_nothing() {
    let (dir, store) = folder();
    let name = hash(b"");
    assert_eq!(store.append(&name, 0, 0, b"").unwrap(), Progress::Complete(0));
    let file = dir.path().join("empty");
    fs::write(&file, b"").unwrap();
    assert_eq!(store.import(&file).unwrap(), (name, 0));
    assert_eq!(store.read(&name, 0..9).unwrap(), b"");
}

#[test]
fn a_file_is_imported_and_takes_over_a_cut_upload() {
    let (dir, store) = folder();
    let bytes = scan(200_001);
    let file = dir.path().join("scan");
    fs::write(&file, &bytes).unwrap();
    store.append(&hash(&bytes), 200_001, 0, &bytes[..7]).unwrap();
    for _ in 0..2 {
        assert_eq!(store.import(&file).unwrap(), (hash(&bytes), 200_001));
        assert_eq!(store.read(&hash(&bytes), 0..u64::MAX).unwrap(), bytes);
    }
    assert_eq!(length(&store.part(&hash(&bytes))).unwrap(), None);
    assert!(matches!(store.import(dir.path().join("none")), Err(AttachmentError::Missing)));
}

#[test]
fn a_removed_attachment_can_come_again() {
    let (_dir, store) = folder();
    let bytes = scan(10);
    let name = hash(&bytes);
    store.remove(&name).unwrap();
    store.append(&name, 10, 0, &bytes).unwrap();
    store.remove(&name).unwrap();
    assert_eq!(store.offset(&name).unwrap(), Progress::Partial(0));
    assert_eq!(store.append(&name, 10, 0, &bytes).unwrap(), Progress::Complete(10));
}

#[test]
fn leftovers_of_imports_that_crashed_are_removed() {
    let (dir, store) = folder();
    let incoming = dir.path().join("attachments").join(INCOMING);
    let (crashed, running) =
        (incoming.join("4294967295-0"), incoming.join(format!("{}-9", std::process::id())));
    fs::write(&crashed, b"half").unwrap();
    fs::write(&running, b"half").unwrap();
    drop(store);
    AttachmentStore::open(dir.path().join("attachments")).unwrap();
    assert!(!crashed.exists() && running.exists());
}

#[test]
fn a_bad_copy_sent_at_the_same_time_never_gets_into_a_whole_attachment() {
    let (_dir, store) = folder();
    let bytes = scan(64);
    let name = hash(&bytes);
    let send = |store: AttachmentStore, bytes: Vec<u8>| {
        move || {
            for _ in 0..300 {
                let Progress::Partial(at) = store.offset(&name).unwrap() else { return };
                let from = at as usize;
                // Refusals are what is expected here: each takes what the other left.
                let _ = store.append(&name, 64, at, &bytes[from..(from + 16).min(64)]);
            }
        }
    };
    let bad = std::thread::spawn(send(store.clone(), vec![0; 64]));
    let good = std::thread::spawn(send(store.clone(), bytes.clone()));
    bad.join().unwrap();
    good.join().unwrap();
    send(store.clone(), bytes.clone())();
    assert_eq!(store.read(&name, 0..64).unwrap(), bytes);
}

/// A handle of another process: it has not seen what this one did.
fn other_process(store: &AttachmentStore) -> AttachmentStore {
    AttachmentStore::open(store.dir.clone()).unwrap()
}

#[cfg(unix)]
#[test]
fn what_another_process_wrote_is_copied_before_it_counts() {
    use std::os::unix::fs::MetadataExt;
    let (_dir, store) = folder();
    let bytes = scan(1000);
    let name = hash(&bytes);
    let file = |path: PathBuf| fs::metadata(path).unwrap().ino();
    // In one line, by one process: the part itself gets the name.
    store.append(&name, 1000, 0, &bytes[..400]).unwrap();
    let part = file(store.part(&name));
    store.append(&name, 1000, 400, &bytes[400..]).unwrap();
    assert_eq!(file(store.whole(&name)), part);
    assert_eq!(store.assure(&name).unwrap(), Progress::Complete(1000));
    assert_eq!(file(store.whole(&name)), part, "it is sure already");
    // Begun by another: a new file does.
    store.remove(&name).unwrap();
    store.append(&name, 1000, 0, &bytes[..400]).unwrap();
    let (part, other) = (File::open(store.part(&name)).unwrap(), other_process(&store));
    other.append(&name, 1000, 400, &bytes[400..]).unwrap();
    assert_ne!(file(other.whole(&name)), part.metadata().unwrap().ino());
    assert_eq!(length(&other.part(&name)).unwrap(), None);
    // Completed by another: copied when it is to be told.
    let whole = File::open(store.whole(&name)).unwrap();
    assert_eq!(store.assure(&name).unwrap(), Progress::Complete(1000));
    assert_ne!(file(store.whole(&name)), whole.metadata().unwrap().ino());
    assert_eq!(store.read(&name, 0..2000).unwrap(), bytes);
    assert_eq!(fs::read_dir(store.dir.join(INCOMING)).unwrap().count(), 0);
}

#[test]
fn what_turns_out_damaged_is_thrown_away_and_told_nobody() {
    let (_dir, store) = folder();
    let bytes = scan(1000);
    let name = hash(&bytes);
    store.append(&name, 1000, 0, &bytes).unwrap();
    fs::write(store.whole(&name), scan(999)).unwrap();
    assert_eq!(other_process(&store).assure(&name).unwrap(), Progress::Partial(0));
    assert_eq!(store.append(&name, 1000, 0, &bytes[..10]).unwrap(), Progress::Partial(10));
    assert_eq!(store.assure(&name).unwrap(), Progress::Partial(10), "what grows is told as it is");
}

fn encrypted(dir: &Path) -> AttachmentStore {
    AttachmentStore::open_encrypted(dir.join("attachments"), &StoreKey::new([7; 32])).unwrap()
}

/// Every file below a folder.
fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

#[test]
fn an_encrypted_attachment_comes_in_whole_pieces_and_is_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = scan(3 * SYNC_EVERY + 123);
    let (name, size) = (hash(&bytes), bytes.len() as u64);
    let piece = SYNC_EVERY as u64;
    // What does not fill a piece is left, and asked for again.
    let store = encrypted(dir.path());
    assert_eq!(store.append(&name, size, 0, &bytes[..100]).unwrap(), Progress::Partial(0));
    assert_eq!(store.append(&name, size, 0, &bytes[..SYNC_EVERY + 100]).unwrap(), Progress::Partial(piece));
    let refused = store.append(&name, size, piece + 100, &bytes[SYNC_EVERY + 100..]);
    assert!(matches!(refused, Err(AttachmentError::Offset(at)) if at == piece));
    // A piece that was cut while it was written is as if it had never come.
    let part = store.part(&name);
    let torn = [fs::read(&part).unwrap(), vec![9; 5000]].concat();
    fs::write(&part, torn).unwrap();
    let store = encrypted(dir.path());
    assert_eq!(store.offset(&name).unwrap(), Progress::Partial(piece));
    assert_eq!(store.append(&name, size, piece, &bytes[SYNC_EVERY..]).unwrap(), Progress::Complete(size));
    assert_eq!(store.offset(&name).unwrap(), Progress::Complete(size));
    for range in [0..u64::MAX, 0..1, 100..200, piece - 1..piece + 1, piece..2 * piece, size - 1..size + 9] {
        let plain = &bytes[range.start as usize..(range.end.min(size)) as usize];
        assert_eq!(store.read(&name, range.clone()).unwrap(), plain, "{range:?}");
    }
    assert_eq!(store.read(&name, size..size + 10).unwrap(), b"");
    assert_eq!(encrypted(dir.path()).assure(&name).unwrap(), Progress::Complete(size));
}

#[test]
fn an_encrypted_folder_is_noise() {
    let dir = tempfile::tempdir().unwrap();
    let from = dir.path().join("foto.jpg");
    let store = encrypted(dir.path());
    for size in [0, 1, SYNC_EVERY - 1, SYNC_EVERY, SYNC_EVERY + 1, 2 * SYNC_EVERY] {
        let bytes = scan(size);
        fs::write(&from, &bytes).unwrap();
        assert_eq!(store.import(&from).unwrap(), (hash(&bytes), size as u64));
        assert_eq!(store.read(&hash(&bytes), 0..u64::MAX).unwrap(), bytes, "{size}");
        assert_eq!(store.offset(&hash(&bytes)).unwrap(), Progress::Complete(size as u64));
    }
    let bytes = scan(2 * SYNC_EVERY);
    for file in files(&dir.path().join("attachments")) {
        let kept = fs::read(&file).unwrap();
        assert!(!kept.windows(16).any(|window| bytes.windows(16).step_by(512).any(|plain| plain == window)));
        assert!(!file.to_str().unwrap().contains(&hash(&bytes).to_hex()));
    }
    let other = AttachmentStore::open_encrypted(dir.path().join("attachments"), &StoreKey::new([8; 32]));
    assert!(!other.unwrap().contains(&hash(&bytes)).unwrap());
    // Damage is noticed, wherever it is.
    let whole = store.whole(&hash(&bytes));
    let mut damaged = fs::read(&whole).unwrap();
    damaged[SYNC_EVERY + 500] ^= 1;
    fs::write(&whole, damaged).unwrap();
    assert!(matches!(store.read(&hash(&bytes), 0..u64::MAX), Err(AttachmentError::Mismatch)));
    assert_eq!(encrypted(dir.path()).assure(&hash(&bytes)).unwrap(), Progress::Partial(0));
}
