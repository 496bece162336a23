//! Tokens: what a device shows with each transfer of an attachment.
//!
//! A token is for one path of one office and ends soon, so that one seen on the way opens nothing else. A phone
//! hands it to its platform's background uploader, which has no key.

use data_encoding::BASE64URL_NOPAD;

use crate::identity::{CannotSign, PublicKey, Signature, Signer};
use crate::journal::AuthorId;

/// The scheme's name in the `Authorization` header.
pub const SCHEME: &str = "Loket";
/// Longest time a token may be good for, in seconds.
pub const MAX_SECONDS: i64 = 24 * 3600;
/// How long the tokens that [`make`] gives are good for, in seconds: a day of trying again, less an hour by which
/// the phone's clock may be fast.
pub const SECONDS: i64 = 23 * 3600;
/// Bytes of a token: author, expiry, signature.
const BYTES: usize = 32 + 8 + 64;

/// Why a token opens nothing. For logs; the answer over the network is one and the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token.
    #[error("tanda masuk tidak terbaca")]
    Malformed,
    /// It has ended, or ends too far ahead.
    #[error("tanda masuk sudah habis masanya: periksa jam perangkat")]
    Expired,
    /// Nobody who is known here.
    #[error("perangkat tidak dikenal")]
    Unknown,
    /// Signed by somebody else, or for another path or office.
    #[error("tanda tangan tidak sah")]
    Signature,
}

/// The value of the `Authorization` header for a path, as it is sent, of the office with this author id.
pub fn make(signer: &dyn Signer, office: &AuthorId, path: &str, now: i64) -> Result<String, CannotSign> {
    let expiry = u64::try_from(now.saturating_add(SECONDS)).unwrap_or_default().to_be_bytes();
    let signature = signer.sign(&message(office, path, &expiry))?;
    let author = signer.author();
    let token = [author.as_bytes(), &expiry, &signature.0].concat();
    Ok(format!("{SCHEME} {}", BASE64URL_NOPAD.encode(&token)))
}

/// Checks the header's value for a path and returns who showed it. `key` gives the key of a device that is known
/// and not revoked; whether it may reach the attachment is for the caller to ask.
pub fn check(
    header: &str,
    office: &AuthorId,
    path: &str,
    now: i64,
    key: impl FnOnce(&AuthorId) -> Option<PublicKey>,
) -> Result<AuthorId, TokenError> {
    let (author, expiry, signature) = read(header).ok_or(TokenError::Malformed)?;
    let left = i64::try_from(u64::from_be_bytes(expiry)).unwrap_or(i64::MAX).saturating_sub(now);
    if left <= 0 || left > MAX_SECONDS {
        return Err(TokenError::Expired);
    }
    let key = key(&author).ok_or(TokenError::Unknown)?;
    if key.author() == author && key.verifies(&message(office, path, &expiry), &signature) {
        Ok(author)
    } else {
        Err(TokenError::Signature)
    }
}

fn read(header: &str) -> Option<(AuthorId, [u8; 8], Signature)> {
    let (scheme, text) = header.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case(SCHEME) || text.len() > BYTES * 2 {
        return None;
    }
    let bytes = BASE64URL_NOPAD.decode(text.trim().as_bytes()).ok()?;
    let (author, rest) = bytes.split_at_checked(32)?;
    let (expiry, signature) = rest.split_at_checked(8)?;
    Some((AuthorId::try_from(author).ok()?, expiry.try_into().ok()?, Signature(signature.try_into().ok()?)))
}

fn message(office: &AuthorId, path: &str, expiry: &[u8; 8]) -> Vec<u8> {
    [b"loket 1 attachment".as_slice(), office.as_bytes(), path.as_bytes(), expiry].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::identity::SeededKey;

    const NOW: i64 = 1_795_400_000;
    const PATH: &str = "/v1/attachments/33.12.08.2002/00";

    #[test]
    fn a_token_opens_its_path_for_its_time() {
        let (device, office) = (SeededKey::new(1), SeededKey::new(2).author());
        let token = make(&device, &office, PATH, NOW).unwrap();
        let known = |author: &AuthorId| (*author == device.author()).then(|| device.public_key());
        assert_eq!(check(&token, &office, PATH, NOW, known), Ok(device.author()));
        assert_eq!(check(&token, &office, PATH, NOW - (MAX_SECONDS - SECONDS), known), Ok(device.author()));
        assert_eq!(check(&token, &office, PATH, NOW + SECONDS, known), Err(TokenError::Expired));
        assert_eq!(check(&token, &office, PATH, NOW - 2 * 3600, known), Err(TokenError::Expired));
        assert_eq!(check(&token, &office, "/v1/attachments/x/00", NOW, known), Err(TokenError::Signature));
        assert_eq!(check(&token, &device.author(), PATH, NOW, known), Err(TokenError::Signature));
        assert_eq!(check(&token, &office, PATH, NOW, |_| None), Err(TokenError::Unknown));
        let other = |_: &AuthorId| Some(SeededKey::new(3).public_key());
        assert_eq!(check(&token, &office, PATH, NOW, other), Err(TokenError::Signature));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let office = SeededKey::new(2).author();
        let token = make(&SeededKey::new(1), &office, PATH, NOW).unwrap();
        let bearer = token.replace("Loket", "Bearer");
        let cut = token.get(..token.len() - 4).unwrap();
        for wrong in ["", "Loket", "Loket ***", &bearer, cut, &format!("{token}AAAA")] {
            assert_eq!(check(wrong, &office, PATH, NOW, |_| None), Err(TokenError::Malformed), "{wrong}");
        }
    }
}
