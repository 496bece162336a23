//! Enrolment: a one-time code, read from paper or a screen, makes a device known to the office.
//!
//! The code itself never travels. Its first bytes name the invitation; a key derived from all of it authenticates
//! the device's key towards the office, and the office's key and answer towards the device. So nobody on the way,
//! not even one who terminates TLS, can put another key in either place.

use std::fmt;
use std::str::FromStr;

use crate::identity::{PublicKey, SealKey};

/// Bytes of a code: 120 bits, of which 40 name the invitation and travel openly.
pub const CODE_BYTES: usize = 15;
/// Bytes that name the invitation.
pub const INVITE_BYTES: usize = 5;
/// Longest text that is read as a code, in bytes: room for the separators people add.
const MAX_READ: usize = 120;
/// Longest address of an office in an invitation, in bytes.
const MAX_ADDRESS: usize = 300;
/// Letters between dashes.
const GROUP: usize = 4;
/// Digits and letters without confusable ones, in the order of their values (Crockford).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A one-time code. Secret: neither logged nor stored; its [`Secret`] is.
#[derive(Clone, PartialEq, Eq)]
pub struct Code([u8; CODE_BYTES]);

/// An invitation as a phone's camera reads it: where the office is, and the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The office's address.
    pub address: String,
    /// The code.
    pub code: String,
}

/// Between address and code: what stands behind it a browser never sends.
const FRAGMENT: &str = "#daftar=";

impl fmt::Display for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{FRAGMENT}{}", self.address, self.code)
    }
}

impl FromStr for Invitation {
    type Err = NotACode;

    fn from_str(text: &str) -> Result<Self, NotACode> {
        let (address, code) = text.trim().split_once(FRAGMENT).ok_or(NotACode)?;
        let known = code.parse::<Code>()?;
        let fits = address.len() <= MAX_ADDRESS && !address.is_empty();
        fits.then(|| Self { address: address.to_owned(), code: known.to_string() }).ok_or(NotACode)
    }
}

/// The text is no code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("kode pendaftaran tidak dikenali: kode terdiri dari 24 huruf dan angka, salin lagi dari Dinas")]
pub struct NotACode;

/// What both sides derive from the code; keeps the two authentications.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Secret(pub [u8; 32]);

/// What the office answers an enrolment with, as far as it is authenticated.
#[derive(Debug, Clone, Copy)]
pub struct Granted<'a> {
    /// The office's key.
    pub office: &'a PublicKey,
    /// The device's key, as the office understood it.
    pub device: &'a PublicKey,
    /// Role, in its text.
    pub role: &'a str,
    /// Partitions, in their texts.
    pub partitions: &'a [String],
    /// Keys of TLS by which the office is known, in hexadecimal.
    pub pins: &'a [String],
}

impl Code {
    /// The code of these bytes, which come from the dice.
    pub fn new(bytes: [u8; CODE_BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes that name the invitation and travel.
    pub fn invite(&self) -> [u8; INVITE_BYTES] {
        let mut invite = [0; INVITE_BYTES];
        invite.iter_mut().zip(self.0).for_each(|(to, from)| *to = from);
        invite
    }

    /// What both sides authenticate with.
    pub fn secret(&self) -> Secret {
        Secret(blake3::derive_key("loket 1 enrolment", &self.0))
    }

    fn letters(&self) -> Vec<char> {
        let mut letters = Vec::with_capacity(CODE_BYTES * 8 / 5);
        for five in self.0.chunks(5) {
            let bits = five.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
            for at in (0..8).rev() {
                let value = usize::try_from(bits >> (5 * at) & 31).unwrap_or_default();
                letters.push(ALPHABET.get(value).map_or('0', |letter| char::from(*letter)));
            }
        }
        letters
    }
}

impl Secret {
    /// The device's proof that it knows the code, over its keys.
    pub fn device_mac(&self, device: &PublicKey, seal: Option<&SealKey>) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(b"loket 1 enrol device").update(&device.0);
        if let Some(seal) = seal {
            hasher.update(&seal.0);
        }
        hasher.finalize()
    }

    /// The office's proof that it knows the code, over both keys, while it waits for the digits.
    pub fn waits_mac(&self, office: &PublicKey, device: &PublicKey) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(b"loket 1 enrol waits").update(&office.0).update(&device.0);
        hasher.finalize()
    }

    /// Six digits that both sides show, over both keys: where they differ, somebody else is on the other side, or has
    /// used the code.
    pub fn digits(&self, office: &PublicKey, device: &PublicKey) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(b"loket 1 enrol digits").update(&office.0).update(&device.0);
        let [a, b, c, d, e, f, g, h, ..] = *hasher.finalize().as_bytes();
        format!("{:06}", u64::from_be_bytes([a, b, c, d, e, f, g, h]) % 1_000_000)
    }

    /// The office's proof that it knows the code, over both keys and what it grants.
    pub fn office_mac(&self, granted: &Granted<'_>) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(b"loket 1 enrol office").update(&granted.office.0).update(&granted.device.0);
        hasher.update(granted.role.as_bytes());
        for partition in granted.partitions {
            hasher.update(partition.as_bytes()).update(b"\n");
        }
        for pin in granted.pins {
            hasher.update(b"pin ").update(pin.as_bytes()).update(b"\n");
        }
        hasher.finalize()
    }
}

/// Whether a proof that came as hexadecimal text is the expected one; takes the same time whatever is wrong.
pub fn proves(expected: &blake3::Hash, hex: &str) -> bool {
    blake3::Hash::from_hex(hex).is_ok_and(|given| given == *expected)
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = self.letters();
        let groups: Vec<String> = letters.chunks(GROUP).map(|group| group.iter().collect()).collect();
        f.write_str(&groups.join("-"))
    }
}

/// Says nothing of the code, which must not reach a log.
impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

/// Says nothing of the secret.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl FromStr for Code {
    type Err = NotACode;

    /// Reads leniently: any case, dashes and spaces anywhere, O for 0, I and L for 1.
    fn from_str(text: &str) -> Result<Self, NotACode> {
        if text.len() > MAX_READ {
            return Err(NotACode);
        }
        let typed = text.chars().filter(|c| !matches!(c, '-' | '–' | '_' | '.') && !c.is_whitespace());
        let values: Vec<u64> = typed.map(value).collect::<Option<_>>().ok_or(NotACode)?;
        if values.len() != CODE_BYTES * 8 / 5 {
            return Err(NotACode);
        }
        let mut bytes = [0; CODE_BYTES];
        for (five, eight) in bytes.chunks_mut(5).zip(values.chunks(8)) {
            let bits = eight.iter().fold(0u64, |bits, value| bits << 5 | value);
            five.iter_mut()
                .rev()
                .enumerate()
                .for_each(|(at, byte)| *byte = (bits >> (8 * at)).to_le_bytes()[0]);
        }
        Ok(Code(bytes))
    }
}

fn value(typed: char) -> Option<u64> {
    let meant = match typed.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let at = ALPHABET.iter().position(|letter| char::from(*letter) == meant)?;
    u64::try_from(at).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;
    use crate::identity::{SeededKey, Signer};

    #[test]
    fn recorded() {
        // A code printed by one version is typed into another.
        let code = Code::new(std::array::from_fn(|at| u8::try_from(at * 17).unwrap()));
        assert_eq!(code.to_string(), "008J-4CT4-ANK7-F24S-NAXW-SQFE");
        assert_eq!(code.invite(), [0, 17, 34, 51, 68]);
        assert_eq!(format!("{code:?} {:?}", code.secret()), "Code(…) Secret(…)");
        // And so is a picture of it.
        let invitation = Invitation { address: "https://loket.contoh".into(), code: code.to_string() };
        let text = "https://loket.contoh#daftar=008J-4CT4-ANK7-F24S-NAXW-SQFE";
        assert_eq!((invitation.to_string().as_str(), text.parse()), (text, Ok(invitation)));
        for wrong in [
            "",
            "#daftar=008J-4CT4-ANK7-F24S-NAXW-SQFE",
            "https://loket.contoh#daftar=008J",
            "https://loket.contoh",
        ] {
            assert_eq!(wrong.parse::<Invitation>(), Err(NotACode), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        let code = Code::new([7; CODE_BYTES]).to_string();
        let cut = code.get(1..).unwrap();
        for wrong in ["", "halo", cut, &format!("{code}0"), &code.replace('0', "U"), &"-".repeat(200)] {
            assert_eq!(wrong.parse::<Code>(), Err(NotACode), "{wrong}");
        }
    }

    #[test]
    fn proofs_cover_everything_that_is_granted() {
        let (office, device) = (SeededKey::new(1).public_key(), SeededKey::new(2).public_key());
        let secret = Code::new([9; CODE_BYTES]).secret();
        let partitions = vec!["33.12.08".to_owned(), "33.12.08.2002".to_owned()];
        let granted = Granted {
            office: &office,
            device: &device,
            role: "operator-desa",
            partitions: &partitions,
            pins: &[],
        };
        let mac = secret.office_mac(&granted);
        let fewer = partitions.get(..1).unwrap();
        let others = [
            Granted { office: &device, ..granted },
            Granted { device: &office, ..granted },
            Granted { role: "admin", ..granted },
            Granted { partitions: fewer, ..granted },
            Granted { pins: fewer, ..granted },
        ];
        for other in others {
            assert_ne!(secret.office_mac(&other), mac);
        }
        assert!(proves(&mac, mac.to_hex().as_str()));
        assert!(!proves(&mac, secret.device_mac(&device, None).to_hex().as_str()));
        assert!(!proves(&mac, "bukan hex"));
        assert_ne!(secret.waits_mac(&office, &device), secret.waits_mac(&device, &office));
        let digits = secret.digits(&office, &device);
        assert!(digits.len() == 6 && digits != secret.digits(&office, &office), "{digits}");
        let seal = |byte| secret.device_mac(&device, Some(&SealKey([byte; 32])));
        assert!(seal(1) != seal(2) && seal(1) != secret.device_mac(&device, None));
        let wrong = Code::new([8; CODE_BYTES]).secret();
        assert_ne!(wrong.device_mac(&device, None), secret.device_mac(&device, None));
    }

    proptest! {
        #[test]
        fn codes_come_back(bytes: [u8; CODE_BYTES], lower: bool) {
            let code = Code::new(bytes);
            let text = code.to_string();
            let typed = if lower { text.to_lowercase().replace('-', " ").replace('0', "o").replace('1', "l") } else { text };
            prop_assert_eq!(typed.parse::<Code>().unwrap(), code);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(\\PC|[0-9A-Z-]){0,40}") {
            if let Ok(code) = text.parse::<Code>() {
                prop_assert_eq!(code.to_string().parse::<Code>().unwrap(), code);
            }
        }
    }
}
