//! Cards on their way between counters: one name for all that travel together, so that one scan finds them.
//!
//! What a shipment says is a list; what is true of each card is its application's record, as ever.

use data_encoding::BASE32_NOPAD;
use loket_core::catalogue::{ActKind, Service, Step};
use loket_core::journal::{EntryHash, Partition};
use loket_core::replica::rows::ApplicationRow;
use loket_core::replica::write::Dice;
use loket_core::replica::{Replica, ReplicaError, rows};
use loket_core::store::{Store, Table};
use minicbor::{Decode, Encode};

use super::Office;
use super::look::Look;

/// Prefix of the shipments, by name.
const SHIPMENT: &[u8] = b"kiriman/";
/// Prefix of their names by counter, the latest first.
const AT: &[u8] = b"kiriman_di/";
/// Cards of one shipment.
pub const MAX_CARDS: usize = 200;
/// Before a shipment's name, by which a search knows it.
pub const NAME: &str = "K-";
/// Random bytes of a name.
const NAME_BYTES: usize = 5;

/// Cards that travel together.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Shipment {
    /// Its name.
    #[n(0)]
    pub name: String,
    /// Site that sends, as [`super::blanks::site_of`] names it.
    #[n(1)]
    pub from: String,
    /// Site that gets it.
    #[n(2)]
    pub to: String,
    /// Office time.
    #[n(3)]
    pub at: i64,
    /// Number of the member of staff who sent it.
    #[n(4)]
    pub staff: u32,
    /// The applications.
    #[n(5)]
    pub cards: Vec<(Partition, EntryHash)>,
}

/// The step that sends a service's card to where it is collected; none where it is printed there.
pub fn sends(service: &Service) -> Option<&Step> {
    service.line().into_iter().find(|step| step.is_transport() && step.kind == ActKind::Kirim)
}

/// The step that receives it.
pub fn receives(service: &Service) -> Option<&Step> {
    service.line().into_iter().find(|step| step.is_transport() && step.kind == ActKind::Terima)
}

/// Whether an application's card waits to be sent.
pub fn waits<S: Store>(replica: &Replica<S>, row: &ApplicationRow) -> bool {
    let file = replica.catalogue().by_hash(&row.catalogue);
    file.is_some_and(|file| sends(&file.service).is_some_and(|step| step.waits == row.state))
}

/// A shipment, by its name as people type or scan it.
pub fn shipment<S: Store>(replica: &Replica<S>, name: &str) -> Result<Option<Shipment>, ReplicaError> {
    let name = name.trim().to_uppercase();
    if name.len() > 40 {
        return Ok(None);
    }
    replica.local(Table::Meta, &[SHIPMENT, name.as_bytes()].concat())
}

/// Shipments from or to a site, the latest first.
pub fn shipments_at<S: Store>(
    replica: &Replica<S>,
    site: &str,
    limit: usize,
) -> Result<Vec<Shipment>, ReplicaError> {
    let prefix = [AT, site.as_bytes(), b"/"].concat();
    let mut all = Vec::new();
    for (_, name) in replica.store.scan(&Partition::Office, Table::Meta, &prefix, None, limit)? {
        all.extend(shipment(replica, &rows::decode::<String>(&name)?)?);
    }
    Ok(all)
}

impl<S: Store> Office<S> {
    /// Keeps a shipment and gives it its name; the caller holds a transaction, in which the cards were sent.
    pub fn ship(
        &mut self,
        (from, to): (&str, &str),
        cards: Vec<(Partition, EntryHash)>,
        staff: u32,
        now: i64,
        dice: &mut Dice<'_>,
    ) -> Result<String, ReplicaError> {
        if cards.is_empty() || cards.len() > MAX_CARDS {
            return Err(ReplicaError::refused(format!("pilih satu sampai {MAX_CARDS} kartu")));
        }
        let mut random = [0; NAME_BYTES];
        dice(&mut random);
        let name = format!("{NAME}{}", BASE32_NOPAD.encode(&random));
        let key = [SHIPMENT, name.as_bytes()].concat();
        let row =
            Shipment { name: name.clone(), from: from.to_owned(), to: to.to_owned(), at: now, staff, cards };
        self.put_local(Table::Meta, &key, &row)?;
        for site in [from, to] {
            let latest = (i64::MAX - now.max(0)).to_be_bytes();
            let key = [AT, site.as_bytes(), b"/", &latest, name.as_bytes()].concat();
            self.put_local(Table::Meta, &key, &name)?;
        }
        Ok(name)
    }
}
