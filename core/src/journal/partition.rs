//! The unit of replication: a village (or a kecamatan's counter), the office-wide one, or one need-to-know
//! application.

use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Decoder, Encode, Encoder};

/// A region code of the kecamatan or the village, in digits: `PPKKCC` or `PPKKCCVVVV` as a number, so that it
/// stays `Copy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(u64);

impl Place {
    /// Reads `33.12.08` or `33.12.08.2002`, dots optional.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: String = text.chars().filter(|c| *c != '.').collect();
        // No province's code begins with a zero; one that did would lose it.
        if !matches!(digits.len(), 6 | 10)
            || digits.starts_with('0')
            || !digits.bytes().all(|b| b.is_ascii_digit())
        {
            return None;
        }
        let place = Self(digits.parse().ok()?);
        (text == digits || text == place.to_string()).then_some(place)
    }

    /// Whether it is a village (or kelurahan), not a kecamatan.
    pub fn is_village(&self) -> bool {
        self.0 >= 1_000_000
    }

    /// The kecamatan it lies in (itself, for a kecamatan).
    pub fn kecamatan(&self) -> Place {
        if self.is_village() { Place(self.0 / 10_000) } else { *self }
    }

    /// The digits without dots: 6 or 10.
    pub fn digits(&self) -> String {
        self.0.to_string()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let k = self.kecamatan().0;
        write!(f, "{:02}.{:02}.{:02}", k / 10_000, k / 100 % 100, k % 100)?;
        if self.is_village() { write!(f, ".{:04}", self.0 % 10_000) } else { Ok(()) }
    }
}

/// The unit of replication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Partition {
    /// What every device holds: catalogue, regions, holidays, key rotation.
    Office,
    /// A village's, or a kecamatan counter's own.
    Place(Place),
    /// One need-to-know application, under an id that its creator drew.
    NeedToKnow([u8; 16]),
}

impl Partition {
    /// The key under which it is stored and hashed: 1, 9 or 17 bytes, of which the first tells the kind.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Partition::Office => vec![0],
            Partition::Place(place) => [&[1][..], &place.0.to_be_bytes()].concat(),
            Partition::NeedToKnow(id) => [&[2][..], id].concat(),
        }
    }

    /// Reads [`Partition::to_bytes`].
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        match bytes.split_first()? {
            (0, []) => Some(Partition::Office),
            (1, rest) => {
                let place = Place(u64::from_be_bytes(rest.try_into().ok()?));
                (Place::parse(&place.digits()) == Some(place)).then_some(Partition::Place(place))
            }
            (2, rest) => Some(Partition::NeedToKnow(rest.try_into().ok()?)),
            _ => None,
        }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Partition::Office => f.write_str("kantor"),
            Partition::Place(place) => place.fmt(f),
            Partition::NeedToKnow(id) => write!(f, "rahasia-{}", data_encoding::HEXLOWER.encode(id)),
        }
    }
}

/// The text is no partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("bukan kode wilayah: tulis misalnya 33.12.08 (kecamatan) atau 33.12.08.2002 (desa)")]
pub struct NotAPartition;

impl FromStr for Partition {
    type Err = NotAPartition;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "kantor" {
            return Ok(Partition::Office);
        }
        if let Some(hex) = text.strip_prefix("rahasia-") {
            let bytes = data_encoding::HEXLOWER.decode(hex.as_bytes()).map_err(|_| NotAPartition)?;
            return Ok(Partition::NeedToKnow(bytes.try_into().map_err(|_| NotAPartition)?));
        }
        Place::parse(text).map(Partition::Place).ok_or(NotAPartition)
    }
}

impl<C> Encode<C> for Partition {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(&self.to_bytes())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Partition {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Partition::from_bytes(d.bytes()?).ok_or_else(|| minicbor::decode::Error::message("no such partition"))
    }
}
