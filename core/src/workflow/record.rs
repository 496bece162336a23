//! The official record: the decisions on one application, in order. They travel as signed entries, so their
//! encoding only ever grows: fields are appended, and what a later version adds is skipped by an older one.

use minicbor::{Decode, Decoder, Encode, Encoder};

use crate::catalogue::Role;
use crate::journal::{AttachmentHash, AuthorId, ChangeHash, EntryHash};
use crate::refusal::Refusal;

/// One line of the official record.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Decision {
    /// The act, as the service's file names it, or one of the engine's own.
    #[n(0)]
    pub act: String,
    /// What came of it.
    #[n(1)]
    pub kind: Event,
    /// The request it answers; none where the office acted by itself.
    #[n(2)]
    pub request: Option<EntryHash>,
    /// Who acted, under which role.
    #[n(3)]
    pub actor: Actor,
    /// Office time, in unix seconds.
    #[n(4)]
    pub at: i64,
    /// The time the phone claims, in unix seconds.
    #[n(5)]
    pub claimed_at: Option<i64>,
    /// The reason in free words.
    #[n(6)]
    pub reason: Option<String>,
    /// Marks on requirements: requirement id, and a code of [`super::MARK_CODES`] or free words.
    #[n(7)]
    #[cbor(default)]
    pub marks: Vec<(String, String)>,
    /// What the act was told: need id, value.
    #[n(8)]
    #[cbor(default)]
    pub params: Vec<(String, String)>,
    /// The revision it is about: 0 before the first submission.
    #[n(9)]
    #[cbor(default)]
    pub revision: u32,
    /// The version that was frozen by it (a submission, or a correction by the office).
    #[n(10)]
    pub frozen: Option<Frozen>,
    /// Whether all attachments of the frozen version were at the office.
    #[n(11)]
    #[cbor(default)]
    pub complete: bool,
}

/// What came of an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// It is done.
    Done,
    /// The wish was refused; nothing moves.
    Refused(Refusal),
    /// A reported fact was recorded although it does not fit; nothing moves and a desk looks at it.
    Contradiction(Refusal),
    /// The attachments of the frozen version have arrived.
    Complete,
    /// The office gave another registration number (parameter `nomor`), since two applications had the same.
    Numbered,
    /// A notification did not reach the applicant, or nobody knows whether it did (parameters of
    /// [`super::Unreached`]): somebody has to call them.
    Unreached,
    /// A kind that a later version knows; nothing moves.
    Other(u8),
}

impl<C> Encode<C> for Event {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        match self {
            Event::Done => e.array(1)?.u8(0)?,
            Event::Refused(refusal) => e.array(2)?.u8(1)?.encode(refusal)?,
            Event::Contradiction(refusal) => e.array(2)?.u8(2)?.encode(refusal)?,
            Event::Complete => e.array(1)?.u8(3)?,
            Event::Numbered => e.array(1)?.u8(4)?,
            Event::Unreached => e.array(1)?.u8(5)?,
            Event::Other(kind) => e.array(1)?.u8(*kind)?,
        };
        Ok(())
    }
}

impl<'b, C> Decode<'b, C> for Event {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let length = d.array()?.ok_or_else(|| minicbor::decode::Error::message("event of unknown length"))?;
        let kind = d.u8()?;
        let (event, read) = match kind {
            0 => (Event::Done, 1),
            1 => (Event::Refused(d.decode()?), 2),
            2 => (Event::Contradiction(d.decode()?), 2),
            3 => (Event::Complete, 1),
            4 => (Event::Numbered, 1),
            5 => (Event::Unreached, 1),
            kind => (Event::Other(kind), 1),
        };
        for _ in read..length {
            d.skip()?;
        }
        Ok(event)
    }
}

/// Who acted, under which role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(array)]
pub struct Actor {
    /// Who.
    #[n(0)]
    pub who: Who,
    /// The role they acted under.
    #[n(1)]
    pub role: Role,
}

/// Somebody or something that acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
pub enum Who {
    /// A device, by its key: its certificate names the officer.
    #[n(0)]
    Device(#[n(0)] AuthorId),
    /// A member of the office's staff.
    #[n(1)]
    Staff(#[n(0)] u32),
    /// The office itself (no person).
    #[n(2)]
    Office,
}

/// The version that a submission names: nothing else is decided on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(array)]
pub struct Frozen {
    /// Heads of the document.
    #[n(0)]
    #[cbor(default)]
    pub heads: Vec<ChangeHash>,
    /// Attachments that it names.
    #[n(1)]
    #[cbor(default)]
    pub attachments: Vec<AttachmentHash>,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 10] = [
        Role::OperatorDesa,
        Role::OperatorKecamatan,
        Role::PetugasLapangan,
        Role::FrontOffice,
        Role::KasiPendaftaran,
        Role::KasiPencatatanSipil,
        Role::LoketPengambilan,
        Role::BagianProduksi,
        Role::KepalaDinas,
        Role::Admin,
    ];

    /// The word it is known by, e.g. `operator-desa`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Role::OperatorDesa => "operator-desa",
            Role::OperatorKecamatan => "operator-kecamatan",
            Role::PetugasLapangan => "petugas-lapangan",
            Role::FrontOffice => "front-office",
            Role::KasiPendaftaran => "kasi-pendaftaran",
            Role::KasiPencatatanSipil => "kasi-pencatatan-sipil",
            Role::LoketPengambilan => "loket-pengambilan",
            Role::BagianProduksi => "bagian-produksi",
            Role::KepalaDinas => "kepala-dinas",
            Role::Admin => "admin",
        }
    }

    /// Reads [`Role::as_str`].
    pub fn parse(text: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<C> Encode<C> for Role {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(self.as_str())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Role {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Role::parse(d.str()?).ok_or_else(|| minicbor::decode::Error::message("no such role"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn decision(kind: Event) -> Decision {
        Decision {
            act: "ajukan".into(),
            kind,
            request: Some(EntryHash([1; 32])),
            actor: Actor { who: Who::Staff(3), role: Role::FrontOffice },
            at: 1_767_600_000,
            claimed_at: None,
            reason: Some("buram".into()),
            marks: vec![("kk".into(), "buram".into())],
            params: vec![("nomor_seri".into(), "A1".into())],
            revision: 2,
            frozen: Some(Frozen {
                heads: vec![ChangeHash([2; 32])],
                attachments: vec![AttachmentHash([3; 32])],
            }),
            complete: true,
        }
    }

    #[test]
    fn decisions_come_back_as_they_went() {
        for kind in [
            Event::Done,
            Event::Complete,
            Event::Numbered,
            Event::Refused(Refusal::IsianWajib("nomor_seri".into())),
            Event::Contradiction(Refusal::SudahSelesai),
            Event::Refused(Refusal::Other("kuota_habis".into())),
            Event::Other(9),
        ] {
            let sent = decision(kind);
            let bytes = minicbor::to_vec(&sent).unwrap();
            assert_eq!(minicbor::decode::<Decision>(&bytes).unwrap(), sent);
        }
    }

    #[test]
    fn the_encoding_stands() {
        let bytes = minicbor::to_vec(decision(Event::Refused(Refusal::AlasanWajib))).unwrap();
        let zeros = |byte: &str| byte.repeat(32);
        let expected = [
            "8c",                               // array of 12
            "66616a756b616e",                   // "ajukan"
            "82016c616c6173616e5f77616a6962",   // [1, "alasan_wajib"]
            &format!("5820{}", zeros("01")),    // the request
            "8282018103",                       // [[1, [3]],
            "6c66726f6e742d6f6666696365",       //  "front-office"]
            "1a695b6f80",                       // at
            "f6",                               // no claim
            "65627572616d",                     // "buram"
            "8182626b6b65627572616d",           // [["kk", "buram"]]
            "81826a6e6f6d6f725f73657269624131", // [["nomor_seri", "A1"]]
            "02",
            &format!("82815820{}815820{}", zeros("02"), zeros("03")),
            "f5",
        ]
        .concat();
        assert_eq!(data_encoding::HEXLOWER.encode(&bytes), expected);
    }

    #[test]
    fn older_and_newer_versions_read_each_other() {
        let mut short = Vec::new();
        let mut e = Encoder::new(&mut short);
        e.array(5).unwrap().str("cetak").unwrap().array(1).unwrap().u8(0).unwrap().null().unwrap();
        e.encode(Actor { who: Who::Office, role: Role::Admin }).unwrap().i64(5).unwrap();
        let read: Decision = minicbor::decode(&short).unwrap();
        assert_eq!((read.act.as_str(), read.at, read.complete, read.frozen), ("cetak", 5, false, None));

        let mut long = minicbor::to_vec(decision(Event::Done)).unwrap();
        *long.first_mut().unwrap() += 1;
        long.extend(minicbor::to_vec("later").unwrap());
        assert_eq!(minicbor::decode::<Decision>(&long).unwrap(), decision(Event::Done));

        let later = minicbor::decode::<Event>(&[0x82, 0x18, 0x20, 0x01]).unwrap();
        assert_eq!(later, Event::Other(0x20));
    }

    #[test]
    fn roles_have_their_words() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        assert_eq!(Role::parse("bupati"), None);
    }
}
