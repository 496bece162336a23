//! Files of the office that every device gets: services of later versions, regions, holidays.

use loket_core::catalogue::{Catalogue, ServiceFile};
use loket_core::journal::body::{Body, OfficeFile};
use loket_core::journal::{MAX_BODY, Partition};
use loket_core::replica::ReplicaError;
use loket_core::replica::write::Dice;
use loket_core::store::{Store, Table};

use super::Office;

/// Kind of a service's file.
pub const SERVICE: &str = "layanan";
/// Kind of a list of regions.
pub const REGIONS: &str = "wilayah";
/// Kind of the holidays of a year, which is their name.
pub const HOLIDAYS: &str = "hari_libur";
/// Kind of the working hours.
pub const HOURS: &str = "jam_kerja";
/// Name of the working hours.
pub const WEEK: &str = "minggu";
/// Room for what surrounds a file in its entry, in bytes.
const AROUND: usize = 1024;
/// Level of compression: packed once, sent to everyone.
const LEVEL: i32 = 19;

impl<S: Store> Office<S> {
    /// Publishes a file; what every program carries or is published already is left out. The caller holds a
    /// transaction. Returns whether there was anything to publish.
    pub fn publish(
        &mut self,
        kind: &str,
        name: &str,
        bytes: &[u8],
        dice: &mut Dice<'_>,
    ) -> Result<bool, ReplicaError> {
        let hash = blake3::hash(bytes);
        let key = format!("{kind}/{name}/{}", hash.to_hex());
        let carried = kind == SERVICE && Catalogue::builtin().by_hash(hash.as_bytes()).is_some();
        if carried || self.replica.store.get(&Partition::Office, Table::Catalogue, key.as_bytes())?.is_some()
        {
            return Ok(false);
        }
        let zstd = zstd::bulk::compress(bytes, LEVEL)
            .map_err(|_| ReplicaError::refused("berkas tidak dapat dipadatkan"))?;
        if zstd.len() + AROUND > MAX_BODY {
            return Err(ReplicaError::refused(format!(
                "berkas terlalu besar: paling banyak {} KiB setelah dipadatkan",
                (MAX_BODY - AROUND) >> 10
            )));
        }
        let file = OfficeFile { kind: kind.to_owned(), name: name.to_owned(), zstd };
        self.append(Partition::Office, None, &Body::OfficeFile(file), dice)?;
        Ok(true)
    }

    /// Publishes a version of a service; the caller holds a transaction. Returns whether it is new here.
    ///
    /// # Errors
    /// Where another file has the same service and version.
    pub fn publish_service(&mut self, file: &ServiceFile, dice: &mut Dice<'_>) -> Result<bool, ReplicaError> {
        // Asked of a copy: what this transaction has not kept yet is not in the catalogue.
        let mut catalogue = self.replica.catalogue().clone();
        catalogue.add(file.clone()).map_err(|fault| ReplicaError::refused(fault.to_string()))?;
        self.publish(SERVICE, &file.service.service, &file.bytes, dice)
    }
}
