//! Writing without a store: applications as a phone would have written and signed them, packed into the very
//! frames that it would send. A million of them fit into memory this way, and cost nothing while the clock runs.

use loket_core::application::Document;
use loket_core::catalogue::ServiceFile;
use loket_core::identity::{Signature, Signer};
use loket_core::journal::body::{Body, Edit, NONCE, Parent, Request, frozen_digest};
use loket_core::journal::run::{Head, Run, WireEntry, signed_bytes};
use loket_core::journal::{
    AttachmentHash, ChangeHash, Content, EntryHash, HEADER_VERSION, Header, Journal, JournalId, StoredEntry,
    actor, body_hash,
};
use loket_core::number::Number;
use loket_core::replica::write::text;
use loket_core::sync::message::{Batch, Message};
use loket_server::config::{dice, now};

use crate::Trouble;
use crate::device::Device;
use crate::filed::papers;
use crate::people::fields;

/// The year in registration numbers.
const YEAR: i16 = 2026;

/// What a device writes with: its journal, and how far it has come.
pub struct Pen {
    device: Device,
    journal: Journal,
    id: JournalId,
    head: Head,
    batches: u64,
}

impl Pen {
    /// The pen of a device, with a journal of its own.
    pub fn new(device: Device) -> Self {
        let mut epoch = [0; 8];
        dice(&mut epoch);
        let journal = Journal { author: device.author(), partition: device.partition(), epoch };
        Self { id: journal.id(), device, journal, head: Head::EMPTY, batches: 0 }
    }

    /// Batches of `each` applications, signed once a batch, `count` in all, of people from `seed` on; filed, where
    /// that is asked for, and drafts otherwise.
    pub fn batches(
        &mut self,
        file: &ServiceFile,
        count: usize,
        each: usize,
        seed: u64,
        filed: bool,
    ) -> Result<Vec<Vec<u8>>, Trouble> {
        let mut frames = Vec::with_capacity(count.div_ceil(each));
        let mut left = count;
        while left > 0 {
            let some = left.min(each);
            let first = self.head.seq + 1;
            let mut entries = Vec::with_capacity(some);
            for at in 0..some {
                let (entry, change) = self.open(file, seed + (count - left + at) as u64)?;
                let id = entry.hash;
                entries.push(WireEntry::close(&entry, None));
                if filed {
                    let papers = papers(seed + (count - left + at) as u64, &self.device.village.to_string());
                    entries.push(WireEntry::close(&self.submit(id, change, &papers)?, None));
                }
            }
            left -= some;
            let signature: Signature = self.device.key.sign(&signed_bytes(&self.id, &self.head))?;
            let run = Run { journal: self.journal, first, entries, signature, after: None };
            self.batches += 1;
            frames.push(Message::Batch(Batch::pack(self.batches, &[run])?).to_bytes());
        }
        Ok(frames)
    }

    /// A new application, and the change that its first edit makes.
    fn open(&mut self, file: &ServiceFile, seed: u64) -> Result<(StoredEntry, ChangeHash), Trouble> {
        let village = self.device.village.to_string();
        let [a, b, c, d, ..] = self.device.author().0;
        let device = u32::from_be_bytes([a, b, c, d]) >> 12;
        let counter = u32::try_from(self.head.seq + 1)?;
        let number = Number::new(self.device.village, YEAR, device, counter)?.to_string();
        let catalogue: String = file.hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut ops = vec![
            text("_layanan", &file.service.service),
            text("_versi", &file.service.version),
            text("_katalog", &catalogue),
            text("_nomor", &number),
            text("_wilayah", &village),
        ];
        ops.extend(fields(seed, &village));
        let time = now();
        let mut nonce = [0; NONCE];
        dice(&mut nonce);
        let change = Document::default().replay(&[], &actor(&self.id, &nonce), time, &ops, None)?;
        let body = Body::Edit(Edit { parents: Vec::new(), change, time, ops, staff: None });
        Ok((self.append(None, &body, nonce)?, change))
    }

    /// The request by which the application is filed as it was begun.
    fn submit(
        &mut self,
        application: EntryHash,
        change: ChangeHash,
        papers: &[AttachmentHash],
    ) -> Result<StoredEntry, Trouble> {
        let request = Request {
            act: "ajukan".to_owned(),
            parents: vec![Parent::First],
            frozen: Some(frozen_digest(&[change], papers)),
            time: now(),
            reason: None,
            params: Vec::new(),
        };
        let mut nonce = [0; NONCE];
        dice(&mut nonce);
        self.append(Some(application), &Body::Request(request), nonce)
    }

    fn append(
        &mut self,
        application: Option<EntryHash>,
        body: &Body,
        nonce: [u8; NONCE],
    ) -> Result<StoredEntry, Trouble> {
        let body = body.to_bytes(nonce);
        let header = Header {
            version: HEADER_VERSION,
            journal: self.id,
            seq: self.head.seq + 1,
            prev: (self.head.seq > 0).then_some(self.head.hash),
            body_hash: body_hash(&body),
            application,
            extension: None,
        };
        let entry =
            StoredEntry { hash: header.hash(), line: self.id, header, content: Content::Present(body) };
        self.head = Head { seq: entry.header.seq, hash: entry.hash };
        Ok(entry)
    }
}
