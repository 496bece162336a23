//! What an HTTP request says beside its body: ranges, offsets, paths; and the body of an enrolment.
//!
//! The first byte says what the rest is.

use loket_core::journal::{AttachmentHash, Partition};
use loket_server::attachments::{offset, range};
use loket_server::enrol;

use super::seeds::Seeds;

/// Runs the target.
pub fn run(input: &[u8]) {
    let Some((&first, rest)) = input.split_first() else { return };
    match first % 4 {
        0 => {
            let Some((size, text)) = rest.split_first_chunk::<8>() else { return };
            let size = u64::from_le_bytes(*size);
            if let Ok(text) = std::str::from_utf8(text)
                && let Some(range) = range(text, size)
            {
                assert!(range.start < range.end && range.end <= size, "a range outside its file");
            }
        }
        1 => {
            if let Ok(text) = std::str::from_utf8(rest)
                && let Some(number) = offset(text)
            {
                assert_eq!(offset(&number.to_string()), Some(number));
            }
        }
        2 => {
            if let Some(asks) = enrol::read(rest) {
                assert!(asks.mac.len() <= rest.len() && asks.key.0.len() > asks.invite.len());
            }
        }
        _ => {
            let text = String::from_utf8_lossy(rest);
            let (partition, hash) = text.split_once('/').unwrap_or((&text, ""));
            if let Ok(partition) = partition.parse::<Partition>() {
                // It becomes the name of a folder.
                let name = partition.to_string();
                assert!(name.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-'));
                assert!(!name.starts_with('.') && !name.contains(".."));
            }
            if let Some(hash) = AttachmentHash::from_hex(hash) {
                assert!(hash.to_hex().len() == 64);
            }
        }
    }
}

/// One of each, and a few that are nearly right.
pub fn seeds() -> Seeds {
    let key = "04".to_owned() + &"5c".repeat(64);
    let body = format!(r#"{{"invite":"0011223344","key":"{key}","mac":"{}"}}"#, "ab".repeat(32));
    let ranges = ["bytes=0-3", "bytes=4-", "bytes=-3", "bytes=0-1,3-4", "bytes=5-4", "lines=1-2"];
    let mut seeds: Seeds = ranges
        .iter()
        .enumerate()
        .map(|(at, text)| {
            (format!("rentang-{at}"), [&[0][..], &10u64.to_le_bytes(), text.as_bytes()].concat())
        })
        .collect();
    for (at, text) in ["0", " 65536 ", "18446744073709551615", "-1", "+1"].iter().enumerate() {
        seeds.push((format!("mulai-{at}"), [b"\x01", text.as_bytes()].concat()));
    }
    seeds.push(("pendaftaran".into(), [b"\x02", body.as_bytes()].concat()));
    seeds.push(("pendaftaran-kosong".into(), b"\x02{}".to_vec()));
    let hash = "07".repeat(32);
    for (at, text) in
        [format!("33.12.08.2002/{hash}"), format!("rahasia-{}/{hash}", "0a".repeat(16)), "kantor/..".into()]
            .iter()
            .enumerate()
    {
        seeds.push((format!("alamat-{at}"), [b"\x03", text.as_bytes()].concat()));
    }
    seeds
}
