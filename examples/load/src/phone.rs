//! A phone as the client keeps one: a store in a file, durable before anything is said, and a session.

use std::collections::VecDeque;
use std::time::Instant;

use loket_core::identity::PublicKey;
use loket_core::journal::EntryHash;
use loket_core::number::Number;
use loket_core::replica::write::{Author, Opening};
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::sqlite::{Durability, SqliteStore};
use loket_core::sync::session::{Output, Session};
use loket_server::config::{dice, now};
use tempfile::TempDir;

use crate::Trouble;
use crate::device::Device;
use crate::line::Line;
use crate::people::{SERVICE, fields};

/// A phone on the line.
pub struct Phone {
    device: Device,
    replica: Replica<SqliteStore>,
    epoch: [u8; 8],
    written: u32,
    line: Line,
    session: Session,
    _dir: TempDir,
}

/// What came of a frame.
#[derive(Default)]
pub struct News {
    /// Applications that were learned, and when they were durable here.
    pub learned: Vec<(EntryHash, Instant)>,
    /// When a batch of this phone was said to be durable at the office.
    pub taken: Option<Instant>,
}

impl Phone {
    /// A phone that has just been certified: connects, and takes what the office has for it.
    pub async fn connect(device: Device, office: PublicKey, address: &str) -> Result<Self, Trouble> {
        let dir = TempDir::new()?;
        let store = SqliteStore::open(dir.path().join("phone.db"), Durability::Power)?;
        let mut replica = Replica::open(store, office)?;
        let epoch = replica.transaction(|replica| replica.epoch(&mut dice))?;
        let mut nonce = [0; 16];
        dice(&mut nonce);
        let (session, hello) = Session::call(device.author(), nonce);
        let mut line = Line::open(address, &[]).await?;
        line.send(hello).await?;
        let mut phone = Self { device, replica, epoch, written: 0, line, session, _dir: dir };
        while !phone.session.is_settled() {
            phone.next().await?;
        }
        Ok(phone)
    }

    /// Writes and signs a new application; durable when this returns.
    pub fn write(&mut self, seed: u64) -> Result<EntryHash, Trouble> {
        self.written += 1;
        let file = self.replica.catalogue().get(SERVICE, "2026.1").ok_or("the service is not there")?;
        let partition = self.device.partition();
        let [a, b, c, d, ..] = self.device.author().0;
        let code = u32::from_be_bytes([a, b, c, d]) >> 12;
        let number = Number::new(self.device.village, 2026, code, self.written)?.to_string();
        let ops = fields(seed, &self.device.village.to_string());
        let author = Author { signer: &self.device.key, epoch: self.epoch };
        let case = self.replica.transaction(|replica| {
            let opening =
                Opening { file: &file, variant: None, place: partition, number: &number, from: None };
            let case = replica.open_application(&author, &opening, ops, now(), &mut dice)?;
            replica.seal(&author, partition)?;
            Ok::<_, ReplicaError>(case)
        })?;
        Ok(case.id)
    }

    /// Sends what the office lacks.
    pub async fn send(&mut self) -> Result<(), Trouble> {
        let partitions = [self.device.partition()].into();
        let outputs = self.session.poll(&self.replica, Some(&partitions))?;
        self.carry_out(outputs).await?;
        Ok(())
    }

    /// Waits for a frame and deals with it. Nothing is lost where the wait is given up.
    pub async fn next(&mut self) -> Result<News, Trouble> {
        let frame = self.line.next().await?;
        let outputs = self.session.receive(&frame, &self.replica, &self.device.key)?;
        self.carry_out(outputs).await
    }

    async fn carry_out(&mut self, outputs: Vec<Output>) -> Result<News, Trouble> {
        let mut news = News::default();
        let mut todo = VecDeque::from(outputs);
        while let Some(output) = todo.pop_front() {
            match output {
                Output::Send(frame) => self.line.send(frame).await?,
                Output::Learn { batch, runs } => {
                    let learned = self.replica.transaction(|replica| replica.learn(&runs))?;
                    let at = Instant::now();
                    news.learned.extend(learned.applications.iter().map(|(_, id)| (*id, at)));
                    todo.extend(self.session.taken(batch, &learned.refused, &self.replica)?);
                }
                Output::Receipt(receipt) => {
                    self.replica.transaction(|replica| replica.learn_receipt(&receipt))?;
                }
                Output::Revoked(_) | Output::PeerDone => {}
                Output::Taken { refused } if refused.is_empty() => news.taken = Some(Instant::now()),
                Output::Taken { refused } => return Err(format!("not taken: {refused:?}").into()),
            }
        }
        Ok(news)
    }
}
