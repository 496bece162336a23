//! `bundle`: what phones sent as sealed files, and what they lack.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use loket_core::attachment::{AttachmentError, Progress};
use loket_core::bundle::{BundleError, Item, Packer, Taker, Unpacker, take};
use loket_core::client::write_whole;
use loket_core::identity::SealKey;
use loket_core::journal::receipt::WireReceipt;
use loket_core::journal::run::Run;
use loket_core::journal::vector::Vector;
use loket_core::journal::{AttachmentHash, AuthorId, Partition};
use loket_core::store::Store;
use loket_core::store::sqlite::SqliteStore;
use loket_core::sync::Library;
use loket_core::sync::message::Batch;
use loket_core::sync::session::BATCH_BYTES;
use serde_json::json;

use super::{Answer, device};
use crate::attachments::Shelves;
use crate::config::{Failure, Folder, dice, now};
use crate::office::library::Receipts;
use crate::office::{Delivered, Delivery, Office};

#[derive(clap::Subcommand)]
pub(super) enum Command {
    #[command(about = "Buat bundel berisi semua yang boleh dimiliki sebuah HP, dan tanda terimanya")]
    Export(ExportArgs),
    #[command(about = "Terima bundel dari HP: isian, permintaan, dan lampirannya")]
    Import(ImportArgs),
}

#[derive(clap::Args)]
pub(super) struct ExportArgs {
    #[arg(long = "for", help = "Perangkat penerima: awal kodenya, paling sedikit 8 huruf")]
    device: String,
    #[arg(long, value_name = "BERKAS", help = "Berkas bundel yang dibuat")]
    out: PathBuf,
}

#[derive(clap::Args)]
pub(super) struct ImportArgs {
    #[arg(value_name = "BERKAS", help = "Berkas bundel dari HP")]
    file: PathBuf,
}

pub(super) fn run(folder: &Folder, command: &Command) -> Result<Answer, Failure> {
    match command {
        Command::Export(args) => export(folder, args),
        Command::Import(args) => import(folder, &args.file),
    }
}

fn export(folder: &Folder, args: &ExportArgs) -> Result<Answer, Failure> {
    let mut office = folder.office()?;
    folder.publish_seal(&mut office)?;
    let device = device::find(&office, &args.device)?;
    let seal = seal_of(&office, &device)?;
    let (receipts, signer) = (Receipts::default(), office.signer());
    let library = office.library(&receipts, now());
    let me = signer.author();
    let bar = super::at_work("mengemas bundel");
    let entries = write_whole(&args.out, |file| {
        let mut packer = Packer::begin(file, &seal, me, now())?;
        let (mut entries, mut batches, mut told) = (0, 0, Vec::new());
        for partition in library.scope(&device)? {
            office.replica.runs_beyond(&partition, &Vector::default(), BATCH_BYTES, |runs| {
                batches += 1;
                entries += runs.iter().map(|run| run.entries.len() as u64).sum::<u64>();
                let batch = Batch::pack(batches, &runs).map_err(|_| BundleError::Strange)?;
                Ok::<_, Failure>(packer.put(&Item::Batch(batch))?)
            })?;
            told.extend(library.receipt(&partition)?.map(|receipt| receipt.close(None)));
        }
        packer.put(&Item::Receipts(told))?;
        Ok::<_, Failure>((packer.finish()?, entries))
    })?;
    bar.finish_and_clear();
    let text = format!(
        "Bundel dengan {entries} entri ditulis ke {}. Hanya HP itu yang dapat membukanya.",
        args.out.display()
    );
    Ok(Answer::new(json!({ "device": device.to_hex(), "entries": entries }), text))
}

fn seal_of(office: &Office<SqliteStore>, device: &AuthorId) -> Result<SealKey, Failure> {
    let all = office.replica.certificates_of(device)?;
    let live = all.into_values().find(|row| row.revoked.is_none()).map(|row| row.certificate);
    let live = live.ok_or_else(|| {
        Failure::new("izin perangkat itu sudah berakhir: undang lagi dengan `loket invite`")
    })?;
    live.seal.ok_or_else(|| {
        Failure::new("perangkat itu belum punya kunci bundel: daftarkan ulang dengan aplikasi yang baru")
    })
}

fn import(folder: &Folder, path: &Path) -> Result<Answer, Failure> {
    let office = folder.office()?;
    let file = File::open(path).map_err(|error| Failure::file(path, &error))?;
    let bundle = Unpacker::open(BufReader::new(file), &folder.open_key()?)?;
    let bar = super::at_work("membuka bundel");
    let shelves = Shelves::new(folder.attachments());
    let mut taking = Taking { office, shelves, by: None, entries: 0, attachments: 0, refused: Vec::new() };
    let taken = take(bundle, &mut taking);
    bar.finish_and_clear();
    taken?;
    let Taking { by, entries, attachments, refused, .. } = taking;
    let mut text = format!("{entries} entri baru dan {attachments} lampiran diterima.");
    if !refused.is_empty() {
        text.push_str(&format!(
            "\n{} jurnal tidak dapat diterima seluruhnya: {}. Minta bundel yang lebih lengkap, atau sinkronkan HP-nya.",
            refused.len(),
            refused.join("; ")
        ));
    }
    let by = by.map(|author| author.to_hex());
    let json = json!({
        "device": by, "entries": entries, "attachments": attachments, "refused": refused.len(),
    });
    Ok(Answer::new(json, text))
}

/// The office that takes a bundle in.
struct Taking {
    office: Office<SqliteStore>,
    shelves: Shelves,
    by: Option<AuthorId>,
    entries: u64,
    attachments: u64,
    /// Why something was not taken.
    refused: Vec<String>,
}

impl Taking {
    /// Partitions that name a scan of this size which is not here.
    fn lacking(&self, hash: &AttachmentHash, size: u64) -> Result<BTreeSet<Partition>, Failure> {
        let mut lacking = BTreeSet::new();
        for partition in self.office.replica.store.partitions()? {
            let row = self.office.replica.attachment(&partition, hash)?;
            if row.is_some_and(|row| row.named && !row.here && row.bytes == size) {
                lacking.insert(partition);
            }
        }
        Ok(lacking)
    }
}

impl Taker for Taking {
    type Error = Failure;

    fn packed(&mut self, by: AuthorId, _: i64) -> Result<(), Failure> {
        self.by = Some(by);
        Ok(())
    }

    fn runs(&mut self, runs: Vec<Run>) -> Result<(), Failure> {
        for run in runs {
            // As if its author had brought it: who carried it is nobody's concern.
            let author = run.journal.author;
            let position = self.office.replica.position(&run.journal.partition)?;
            let (partition, group) = (run.journal.partition, [Delivery { author, runs: vec![run] }]);
            let (delivered, _) = self.office.ingest(&group, now(), &mut dice)?;
            for one in delivered {
                match one {
                    Delivered::Taken(refused) => {
                        self.refused.extend(refused.iter().map(|(_, error)| error.to_string()));
                    }
                    Delivered::Failed(cause) => self.refused.push(cause),
                }
            }
            self.entries += self.office.replica.position(&partition)?.saturating_sub(position);
        }
        Ok(())
    }

    fn receipts(&mut self, _: Vec<WireReceipt>) -> Result<(), Failure> {
        // Its own, which it knows.
        Ok(())
    }

    fn wants(&mut self, hash: &AttachmentHash, size: u64) -> Result<Option<u64>, Failure> {
        let mut from = None;
        for partition in self.lacking(hash, size)? {
            let there = match self.shelves.shelf(&partition)?.offset(hash)? {
                Progress::Partial(there) | Progress::Complete(there) => there,
            };
            from = Some(from.map_or(there, |from: u64| from.min(there)));
        }
        Ok(from)
    }

    fn piece(&mut self, hash: &AttachmentHash, size: u64, offset: u64, bytes: &[u8]) -> Result<u64, Failure> {
        let end = offset + bytes.len() as u64;
        for partition in self.lacking(hash, size)? {
            let shelf = self.shelves.shelf(&partition)?;
            match shelf.append(hash, size, offset, bytes) {
                Ok(Progress::Partial(_)) | Err(AttachmentError::Offset(_)) => {}
                Ok(Progress::Complete(_)) => {
                    shelf.assure(hash)?;
                    self.attachments += 1;
                    self.office.write(|office| {
                        office.attachments_arrived(&[(partition, *hash)], now(), &mut dice)
                    })?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(end)
    }
}
