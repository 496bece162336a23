//! Phones that meet: the codes on their screens, the certificates that they show, and the scans that they give.
//!
//! The first byte says what the rest is.

use loket_core::attachment::verified::{PIECE, Verifiable, open};
use loket_core::client::Pin;
use loket_core::client::meet::{Place, Talk};
use loket_core::enrol::Invitation;
use loket_core::identity::Signer;
use loket_core::journal::run::Run;
use loket_core::journal::{AttachmentHash, encode};

use super::seeds::Seeds;
use super::world::world;

/// Bytes of the scan that pieces are asked of.
const SCAN: usize = 150_000;

/// Runs the target.
pub fn run(input: &[u8]) {
    let Some((&first, rest)) = input.split_first() else { return };
    match first % 4 {
        0 => text(&String::from_utf8_lossy(rest)),
        1 => certificate(rest),
        2 => {
            if let Some(talk) = Talk::from_bytes(rest) {
                assert_eq!(Talk::from_bytes(&talk.to_bytes()), Some(talk));
            }
        }
        _ => piece(rest),
    }
}

fn text(text: &str) {
    if let Ok(place) = text.parse::<Place>() {
        assert_eq!(place.to_string().parse(), Ok(place));
    }
    if let Ok(invitation) = text.parse::<Invitation>() {
        assert_eq!(invitation.to_string().parse(), Ok(invitation));
    }
    if let Some(pins) = Pin::read_list(text) {
        assert_eq!(Pin::read_list(&Pin::write_list(&pins)), Some(pins));
    }
}

/// Whatever it says: a certificate that is shown is one that the office gave.
fn certificate(bytes: &[u8]) {
    let Ok(run) = minicbor::decode::<Run>(bytes) else { return };
    let replica = world().phone_over(&world().phone);
    let office = world().phone_over(&world().office_after);
    for device in &world().devices {
        assert!(!replica.shows_loss(&run, &device.author()), "nobody was declared lost");
        if let Some(shown) = replica.shown_certificate(&run, &device.author()) {
            let given = office.certificates_of(&device.author()).unwrap();
            assert!(given.values().any(|row| row.certificate == shown));
        }
    }
}

fn scan() -> (Vec<u8>, AttachmentHash) {
    let bytes: Vec<u8> = (0..SCAN).map(|n| (n * 31 + n / 251) as u8).collect();
    let hash = AttachmentHash(*blake3::hash(&bytes).as_bytes());
    (bytes, hash)
}

/// Bytes that are taken for a piece of a scan are that piece.
fn piece(rest: &[u8]) {
    let Some((number, encoded)) = rest.split_first() else { return };
    let offset = u64::from(*number % 4) * PIECE;
    let (bytes, hash) = scan();
    if let Some(opened) = open(&hash, SCAN as u64, offset, encoded) {
        let end = (offset + PIECE).min(SCAN as u64) as usize;
        assert_eq!(opened, bytes[offset as usize..end]);
    }
}

/// One of each, and a few that are nearly right.
pub fn seeds() -> Seeds {
    let place = Place {
        address: "192.168.43.1:7313".parse().unwrap(),
        author: world().devices[0].author(),
        secret: [7; 16],
    };
    let invitation = "https://loket.contoh#daftar=008J-4CT4-ANK7-F24S-NAXW-SQFE";
    let texts =
        [place.to_string(), invitation.into(), format!("{}\n", "ab".repeat(32)), "LOKET-TEMU:::1/1/A".into()];
    let mut seeds: Seeds = texts
        .iter()
        .enumerate()
        .map(|(at, text)| (format!("teks-{at}"), [&[0][..], text.as_bytes()].concat()))
        .collect();
    let office = world().phone_over(&world().office_after);
    for (at, device) in world().devices.iter().enumerate() {
        let run = office.certificate_run(&device.author()).unwrap().expect("a certificate");
        seeds.push((format!("sertifikat-{at}"), [vec![1], encode(&run)].concat()));
    }
    let (bytes, hash) = scan();
    let whole = Verifiable::new(bytes, &hash).unwrap();
    let given = Talk::Piece(hash, 0, vec![1, 2, 3]);
    for (name, talk) in [("diberi", Talk::Given), ("potongan", given), ("kurang", Talk::Lacking(Vec::new()))]
    {
        seeds.push((name.into(), [vec![2], talk.to_bytes()].concat()));
    }
    // The last piece is small enough for a corpus.
    let last = whole.piece(2 * PIECE).unwrap();
    seeds.push(("isi".into(), [vec![3, 2], last].concat()));
    seeds
}
