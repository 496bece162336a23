//! Where two phones meet, as one shows it and the other reads it: a QR code on a screen.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use data_encoding::BASE32_NOPAD;

use crate::journal::AuthorId;

/// What stands before everything else.
const SCHEME: &str = "LOKET-TEMU:";
/// Random bytes that only who has read the code knows.
pub const SECRET: usize = 16;
/// Longest text that is read, in bytes: an address of version 6 with its port, and the rest.
const MAX_TEXT: usize = 200;

/// Where a phone waits for another, who it is, and what it takes to be heard.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    /// Its address on the network that both are in.
    pub address: SocketAddr,
    /// The device.
    pub author: AuthorId,
    /// Only for whoever has read the code; made anew for each meeting.
    pub secret: [u8; SECRET],
}

/// The text is no place of a meeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("bukan kode pertemuan Loket: pindai lagi kode QR di layar HP yang menunggu")]
pub struct NotAPlace;

impl Place {
    /// What both sides of the encrypted line know beforehand.
    pub(super) fn shared(&self) -> [u8; 32] {
        blake3::derive_key("loket 1 meeting", &self.secret)
    }
}

impl fmt::Display for Place {
    /// Capital letters, digits and a few signs only: a QR code holds these in half the space.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match self.address.ip() {
            IpAddr::V4(four) => four.to_string(),
            IpAddr::V6(six) => six.to_string().to_ascii_uppercase(),
        };
        let secret = [&self.author.0[..], &self.secret].concat();
        write!(f, "{SCHEME}{host}/{}/{}", self.address.port(), BASE32_NOPAD.encode(&secret))
    }
}

/// Says nothing of the secret.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Place({}…)", self.author.to_hex().get(..8).unwrap_or_default())
    }
}

impl FromStr for Place {
    type Err = NotAPlace;

    fn from_str(text: &str) -> Result<Self, NotAPlace> {
        let text = text.trim();
        if text.len() > MAX_TEXT {
            return Err(NotAPlace);
        }
        let text = text.to_ascii_uppercase();
        let rest = text.strip_prefix(SCHEME).ok_or(NotAPlace)?;
        let mut parts = rest.split('/');
        let (Some(host), Some(port), Some(secret), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotAPlace);
        };
        let host: IpAddr = host.parse().map_err(|_| NotAPlace)?;
        let port = port.parse().ok().filter(|port| *port > 0).ok_or(NotAPlace)?;
        let bytes = BASE32_NOPAD.decode(secret.as_bytes()).map_err(|_| NotAPlace)?;
        let (author, secret) = bytes.split_at_checked(32).ok_or(NotAPlace)?;
        Ok(Self {
            address: SocketAddr::new(host, port),
            author: AuthorId::try_from(author).map_err(|_| NotAPlace)?,
            secret: secret.try_into().map_err(|_| NotAPlace)?,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn recorded() {
        let place = Place {
            address: "192.168.43.1:7313".parse().unwrap(),
            author: AuthorId([0xab; 32]),
            secret: [7; SECRET],
        };
        let text = place.to_string();
        insta::assert_snapshot!(text, @"LOKET-TEMU:192.168.43.1/7313/VOV2XK5LVOV2XK5LVOV2XK5LVOV2XK5LVOV2XK5LVOV2XK5LVOVQOBYHA4DQOBYHA4DQOBYHA4DQO");
        assert_eq!(format!("{place:?}"), "Place(abababab…)");
        for wrong in [
            "",
            "LOKET-TEMU:",
            "LOKET-TEMU:192.168.43.1/0/AA",
            &format!("{text}/"),
            &text.replace("7313", "99999"),
        ] {
            assert_eq!(wrong.parse::<Place>(), Err(NotAPlace), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn places_come_back(six: bool, ip: u128, port in 1u16.., author: [u8; 32], secret: [u8; SECRET]) {
            let host = if six { IpAddr::V6(ip.into()) } else { IpAddr::V4((ip as u32).into()) };
            let place = Place { address: SocketAddr::new(host, port), author: AuthorId(author), secret };
            prop_assert_eq!(place.to_string().to_lowercase().parse::<Place>().unwrap(), place);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(LOKET-TEMU:)?\\PC{0,80}") {
            if let Ok(place) = text.parse::<Place>() {
                prop_assert_eq!(place.to_string().parse::<Place>().unwrap(), place);
            }
        }
    }
}
