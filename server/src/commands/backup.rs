//! `backup`: a copy of the office beside its work, looked through before it is called one.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use loket_core::attachment::AttachmentStore;
use loket_core::journal::{AttachmentHash, Partition};
use loket_core::replica::{Replica, ReplicaError, rows};
use loket_core::store::sqlite::SqliteStore;
use loket_core::store::{Store, Table};
use serde_json::json;

use super::Answer;
use super::verify::verify_all;
use crate::attachments::Shelves;
use crate::config::{Failure, Folder, now};

/// Rows read at a time.
const PAGE: usize = 512;

#[derive(clap::Args)]
pub(super) struct Args {
    #[arg(long, help = "Berkas cadangan; di sebelahnya dibuat folder lampiran dan kunci")]
    to: PathBuf,
}

pub(super) fn run(folder: &Folder, args: &Args) -> Result<Answer, Failure> {
    let mut office = folder.office()?;
    let at = now();
    let bar = super::at_work("menyalin catatan kantor");
    let part = beside(&args.to, ".part");
    remove(&part)?;
    office.replica.store.copy_to(&part)?;
    let signer = office.signer();
    let copy = Replica::open(SqliteStore::read_only(&part)?, signer.public_key())?;
    let shelves = Shelves::new(beside(&args.to, ".lampiran"));
    bar.set_message("menyalin lampiran");
    let scans = copy_scans(&copy, &Shelves::new(folder.attachments()), &shelves)?;
    bar.set_message("memeriksa cadangan");
    let verified = verify_all(&copy, &shelves)?;
    if !verified.faults.is_empty() {
        return Err(Failure(format!(
            "cadangan tidak dipakai, {} kesalahan di dalamnya: periksa kantor dengan `loket verify`\n{}",
            verified.faults.len(),
            verified.faults.join("\n")
        )));
    }
    folder.copy_key(&beside(&args.to, ".kunci"))?;
    let vectors = copy
        .store
        .partitions()?
        .into_iter()
        .map(|partition| Ok((partition, copy.vector(&partition)?)))
        .collect::<Result<Vec<_>, ReplicaError>>()?;
    drop(copy);
    fs::rename(&part, &args.to)
        .and_then(|()| sync_folder(&args.to))
        .map_err(|error| Failure::file(&args.to, &error))?;
    // Only now may receipts say so: phones let go of what a backup holds.
    super::write(&mut office, |office| {
        vectors.iter().try_for_each(|(partition, vector)| office.backed_up(partition, vector, at))
    })?;
    bar.finish_and_clear();
    let text = format!(
        "Cadangan {} selesai dan diperiksa: {} entri, {} permohonan, {scans} lampiran baru disalin.\n\
         Simpan berkas itu bersama folder .lampiran dan kunci .kunci di sebelahnya, di tempat aman.",
        args.to.display(),
        verified.entries,
        verified.applications
    );
    let json = json!({
        "file": args.to.display().to_string(), "entries": verified.entries,
        "applications": verified.applications, "attachments": scans,
    });
    Ok(Answer::new(json, text))
}

/// A file's name with something behind it.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(ending);
    path.with_file_name(name)
}

fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Failure::file(path, &error)),
        _ => Ok(()),
    }
}

/// A name is durable when its folder is.
pub(super) fn sync_folder(path: &Path) -> std::io::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) { File::open(parent)?.sync_all() } else { Ok(()) }
}

/// Copies the scans that a replica has on record and that are not there yet; each is checked by its hash. Returns
/// how many were copied.
pub(super) fn copy_scans<S: Store>(
    replica: &Replica<S>,
    from: &Shelves,
    to: &Shelves,
) -> Result<usize, Failure> {
    let mut copied = 0;
    for partition in replica.store.partitions()? {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = replica.store.scan(&partition, Table::Attachment, &[], after.as_deref(), PAGE)?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            for (key, value) in &page {
                let hash =
                    AttachmentHash::try_from(&key[..]).map_err(|_| ReplicaError::Damaged("lampiran"))?;
                if rows::decode::<rows::AttachmentRow>(value)?.here {
                    copied += copy_scan(&partition, &hash, from, to)?;
                }
            }
        }
    }
    Ok(copied)
}

fn copy_scan(
    partition: &Partition,
    hash: &AttachmentHash,
    from: &Shelves,
    to: &Shelves,
) -> Result<usize, Failure> {
    let (from, to): (AttachmentStore, AttachmentStore) = (from.shelf(partition)?, to.shelf(partition)?);
    if to.contains(hash)? {
        return Ok(0);
    }
    let path = from.path(hash);
    let (found, _) = to.import(&path)?;
    if found == *hash {
        return Ok(1);
    }
    to.remove(&found)?;
    Err(Failure(format!("{partition}: lampiran {hash} rusak di kantor: periksa dengan `loket verify`")))
}
