//! A device: a key, and where it writes.

use loket_core::identity::{PublicKey, Signer, SoftwareKey};
use loket_core::journal::{AuthorId, Partition, Place};
use loket_core::region::Regions;

use crate::Trouble;

/// A device of one village.
pub struct Device {
    /// Its key.
    pub key: SoftwareKey,
    /// Its village.
    pub village: Place,
}

impl Device {
    /// A new device.
    pub fn new(village: Place) -> Result<Self, Trouble> {
        let (key, _) = SoftwareKey::generate()?;
        Ok(Self { key, village })
    }

    /// It, as an author.
    pub fn author(&self) -> AuthorId {
        self.key.author()
    }

    /// Its key's public half.
    pub fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    /// Where it writes.
    pub fn partition(&self) -> Partition {
        Partition::Place(self.village)
    }
}

/// Every village of the office's kabupaten.
pub fn villages() -> Vec<Place> {
    let regions = Regions::wonogiri();
    let all = regions.kecamatan().into_iter().flat_map(|(place, _)| regions.villages_of(place));
    all.map(|(village, _)| village).collect()
}

/// So many devices, spread evenly over the villages.
pub fn spread(count: usize) -> Result<Vec<Device>, Trouble> {
    villages().into_iter().cycle().take(count).map(Device::new).collect()
}
