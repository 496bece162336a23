//! Bundles on a phone: what it has for the office or another phone, as a sealed file, and what others have for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::Path;

use serde::Serialize;

use super::draft::note_here;
use super::pin::LINE_KIND;
use super::whole::write_whole;
use super::{ClientError, Phone};
use crate::attachment::{AttachmentError, AttachmentStore, Progress};
use crate::bundle::{BundleError, Item, PIECE, Packer, Taker, Unpacker, take};
use crate::identity::SealKey;
use crate::journal::body::Certificate;
use crate::journal::receipt::WireReceipt;
use crate::journal::run::Run;
use crate::journal::vector::Vector;
use crate::journal::{AttachmentHash, AuthorId, Partition};
use crate::store::Store;
use crate::sync::message::Batch;
use crate::sync::session::BATCH_BYTES;

/// Name of the office's file that says what bundles are sealed to it with; its kind is that of the pins.
pub const SEAL_NAME: &str = "kunci_bundel";

/// For whom a bundle is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receiver {
    /// The office.
    Office,
    /// Another phone.
    Device(AuthorId),
}

/// What a bundle was packed of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Packed {
    /// Entries.
    pub entries: u64,
    /// Scans.
    pub attachments: u64,
}

/// What came of a bundle.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Unpacked {
    /// Who claims to have packed it, in hexadecimal.
    pub device: String,
    /// Entries that were new here.
    pub entries: u64,
    /// Scans that were lacking here and are whole now.
    pub attachments: u64,
    /// Journals of which something could not be taken in: what comes before it is not here.
    pub refused: u64,
}

impl Phone {
    /// Packs a bundle for somebody into a file: for the office what it is not known to have, for another phone
    /// everything that both are certified for.
    ///
    /// # Errors
    /// Where the receiver has no key for bundles as far as is known here, or the file cannot be written.
    pub fn pack(&self, receiver: Receiver, path: &Path) -> Result<Packed, ClientError> {
        let key = match receiver {
            Receiver::Office => self.office_seal()?,
            Receiver::Device(device) => self.device_seal(&device)?,
        };
        write_whole(path, |file| {
            let packer = Packer::begin(file, &key, self.author(), self.now())?;
            let mut packing = Packing { phone: self, packer, packed: Packed::default(), batches: 0 };
            packing.entries(receiver)?;
            packing.scans(receiver)?;
            let Packing { packer, packed, .. } = packing;
            Ok::<_, ClientError>((packer.finish()?, packed))
        })
    }

    /// Takes in what a bundle holds for this phone.
    ///
    /// # Errors
    /// Where the file is no bundle, not for this phone, or cut; what came before the cut stays.
    pub fn unpack(&mut self, path: &Path) -> Result<Unpacked, ClientError> {
        let file = File::open(path).map_err(|_| {
            ClientError::refused(
                "berkas bundel itu tidak ada atau tidak dapat dibuka: periksa nama dan hak aksesnya",
            )
        })?;
        let bundle = Unpacker::open(BufReader::new(file), &self.opens)?;
        let mut places = self.replica.scope_of(&self.author())?;
        places.insert(Partition::Office);
        let mut taking = Taking { phone: self, places, unpacked: Unpacked::default() };
        let taken = take(bundle, &mut taking);
        let unpacked = taking.unpacked;
        taken?;
        self.let_go()?;
        Ok(unpacked)
    }

    fn office_seal(&self) -> Result<SealKey, ClientError> {
        let text = self.replica.office_file(LINE_KIND, SEAL_NAME)?;
        let key = text.and_then(|text| {
            let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.trim().as_bytes()).ok()?;
            Some(SealKey(bytes.try_into().ok()?))
        });
        key.ok_or_else(|| {
            ClientError::refused(
                "kunci bundel Dinas belum ada di sini: sinkronkan sekali, atau bertemu HP lain",
            )
        })
    }

    fn device_seal(&self, device: &AuthorId) -> Result<SealKey, ClientError> {
        let unknown = || {
            ClientError::refused(
                "perangkat itu tidak dikenal di sini, atau izinnya sudah berakhir: sinkronkan, lalu periksa kodenya",
            )
        };
        let certificate = self.live_certificate(device)?.ok_or_else(unknown)?;
        certificate.seal.ok_or_else(|| {
            ClientError::refused(
                "perangkat itu belum punya kunci bundel: daftarkan ulang dengan aplikasi yang baru",
            )
        })
    }

    fn live_certificate(&self, device: &AuthorId) -> Result<Option<Certificate>, ClientError> {
        let all = self.replica.certificates_of(device)?;
        let live = all
            .into_iter()
            .find(|(partition, row)| row.revoked.is_none() && matches!(partition, Partition::Place(_)));
        Ok(live.map(|(_, row)| row.certificate).filter(|certificate| certificate.not_after >= self.now()))
    }

    /// What a receiver may have of this phone's.
    fn shared(&self, receiver: Receiver) -> Result<BTreeSet<Partition>, ClientError> {
        let all: BTreeSet<Partition> = self.replica.store.partitions()?.into_iter().collect();
        let Receiver::Device(device) = receiver else { return Ok(all) };
        let theirs = self.replica.scope_of(&device)?;
        let common = |partition: &Partition| match partition {
            Partition::Office => true,
            Partition::Place(_) => theirs.contains(partition),
            // As between phones that meet: it goes to the office alone.
            Partition::NeedToKnow(_) => false,
        };
        Ok(all.into_iter().filter(common).collect())
    }
}

/// A bundle that is being packed.
struct Packing<'a, W> {
    phone: &'a Phone,
    packer: Packer<W>,
    packed: Packed,
    batches: u64,
}

impl<W: Write> Packing<'_, W> {
    fn entries(&mut self, receiver: Receiver) -> Result<(), ClientError> {
        let replica = &self.phone.replica;
        let (packer, packed, batches) = (&mut self.packer, &mut self.packed, &mut self.batches);
        let mut receipts = Vec::new();
        for partition in self.phone.shared(receiver)? {
            let receipt = replica.receipt(&partition)?;
            let base = match (&receipt, receiver) {
                (Some(receipt), Receiver::Office) => receipt.vector.clone(),
                _ => Vector::default(),
            };
            replica.runs_beyond(&partition, &base, BATCH_BYTES, |runs| {
                *batches += 1;
                packed.entries += runs.iter().map(|run| run.entries.len() as u64).sum::<u64>();
                let batch = Batch::pack(*batches, &runs).map_err(|_| BundleError::Strange)?;
                Ok::<_, ClientError>(packer.put(&Item::Batch(batch))?)
            })?;
            receipts.extend(receipt.map(|receipt| receipt.close(None)));
        }
        Ok(self.packer.put(&Item::Receipts(receipts))?)
    }

    fn scans(&mut self, receiver: Receiver) -> Result<(), ClientError> {
        let mut scans: BTreeMap<AttachmentHash, u64> = BTreeMap::new();
        for partition in self.phone.shared(receiver)? {
            self.phone.replica.for_each_attachment(&partition, |hash, row| {
                if row.named && row.here && !row.at_office {
                    scans.insert(hash, row.bytes);
                }
            })?;
        }
        let mut scans: Vec<(u64, AttachmentHash)> =
            scans.into_iter().map(|(hash, bytes)| (bytes, hash)).collect();
        scans.sort_unstable();
        for (bytes, hash) in scans {
            self.packer.put(&Item::Scan(hash, bytes))?;
            for at in (0..bytes).step_by(PIECE) {
                let piece = self.phone.files.read(&hash, at..bytes.min(at + PIECE as u64))?;
                self.packer.put(&Item::Piece(piece))?;
            }
            self.packed.attachments += 1;
        }
        Ok(())
    }
}

/// A phone that takes a bundle in.
struct Taking<'a> {
    phone: &'a mut Phone,
    places: BTreeSet<Partition>,
    unpacked: Unpacked,
}

impl Taking<'_> {
    fn files(&self) -> &AttachmentStore {
        &self.phone.files
    }
}

impl Taker for Taking<'_> {
    type Error = ClientError;

    fn packed(&mut self, by: AuthorId, _: i64) -> Result<(), ClientError> {
        self.unpacked.device = by.to_hex();
        Ok(())
    }

    fn runs(&mut self, mut runs: Vec<Run>) -> Result<(), ClientError> {
        runs.retain(|run| self.places.contains(&run.journal.partition));
        let learned = self.phone.replica.transaction(|replica| replica.learn(&runs))?;
        self.unpacked.entries += learned.entries as u64;
        self.unpacked.refused += learned.refused.len() as u64;
        // A certificate may have come among them.
        self.places.extend(self.phone.replica.scope_of(&self.phone.author())?);
        Ok(())
    }

    fn receipts(&mut self, receipts: Vec<WireReceipt>) -> Result<(), ClientError> {
        let opened: Vec<_> = receipts.iter().filter_map(|receipt| receipt.open(None)).collect();
        self.phone.replica.transaction(|replica| {
            let mut mine = opened.iter().filter(|receipt| self.places.contains(&receipt.partition));
            mine.try_for_each(|receipt| replica.learn_receipt(receipt).map(drop))
        })?;
        Ok(())
    }

    fn wants(&mut self, hash: &AttachmentHash, size: u64) -> Result<Option<u64>, ClientError> {
        for partition in &self.places {
            let row = self.phone.replica.attachment(partition, hash)?;
            if row.is_some_and(|row| row.named && !row.here && !row.at_office && row.bytes == size) {
                return match self.files().offset(hash)? {
                    Progress::Partial(from) => Ok(Some(from)),
                    Progress::Complete(_) => self.arrived(hash).map(|()| None),
                };
            }
        }
        Ok(None)
    }

    fn piece(
        &mut self,
        hash: &AttachmentHash,
        size: u64,
        offset: u64,
        bytes: &[u8],
    ) -> Result<u64, ClientError> {
        match self.files().append(hash, size, offset, bytes) {
            Ok(Progress::Partial(next)) | Err(AttachmentError::Offset(next)) => Ok(next),
            Ok(Progress::Complete(_)) => {
                self.files().assure(hash)?;
                self.arrived(hash)?;
                Ok(size)
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl Taking<'_> {
    fn arrived(&mut self, hash: &AttachmentHash) -> Result<(), ClientError> {
        self.unpacked.attachments += 1;
        let places = &self.places;
        self.phone.replica.transaction(|replica| {
            places.iter().try_for_each(|partition| note_here(replica, partition, hash, true, false))
        })?;
        Ok(())
    }
}
