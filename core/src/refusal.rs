//! Why the office says no: one closed list, in order of precedence.
//!
//! A wish that is wrong in several ways is answered with the first of them in this order, so that phone, office
//! and simulator give the same answer. A refusal travels as text, `code` or `code:detail`; the detail is only ever
//! an id of the catalogue (a need, a field, an act), never what a person typed.

use std::fmt;

use minicbor::{Decode, Decoder, Encode, Encoder};

/// Longest text of a refusal that is read, in bytes.
pub const MAX_REFUSAL: usize = 256;

/// How a code's sentence and detail are laid down: `(code, whether it has a detail, sentence)`.
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident $(($detail:ident))? = $code:literal, $sentence:literal;)*) => {
        /// Why an act is refused; the variants stand in order of precedence.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Refusal {
            $($(#[$doc])* $name $((refusals!(@text $detail)))?,)*
            /// A code of a later version, kept as it came.
            Other(String),
        }

        impl Refusal {
            /// Codes of this version, in order of precedence.
            pub const CODES: &[&str] = &[$($code),*];

            /// The stable code that scripts and the record know it by.
            pub fn code(&self) -> &str {
                match self {
                    $(refusals!(@ignore $name $($detail)?) => $code,)*
                    Refusal::Other(text) => text.split(':').next().unwrap_or_default(),
                }
            }

            /// The id of the catalogue that it is about, where it is about one.
            pub fn detail(&self) -> Option<&str> {
                match self {
                    $(refusals!(@bind $name detail $($detail)?) => refusals!(@some detail $($detail)?),)*
                    Refusal::Other(text) => text.split_once(':').map(|(_, detail)| detail),
                }
            }

            fn read(code: &str, detail: Option<&str>) -> Option<Self> {
                match code {
                    $($code => refusals!(@read $name detail $($detail)?),)*
                    _ => None,
                }
            }

            fn template(&self) -> &'static str {
                match self {
                    $(refusals!(@ignore $name $($detail)?) => $sentence,)*
                    Refusal::Other(_) => {
                        "Permintaan ditolak dengan alasan yang belum dikenal versi ini; perbarui aplikasi, \
                         lalu hubungi petugas dinas."
                    }
                }
            }
        }
    };
    (@text $detail:ident) => { String };
    (@ignore $name:ident $detail:ident) => { Refusal::$name(_) };
    (@ignore $name:ident) => { Refusal::$name };
    (@bind $name:ident $value:ident $detail:ident) => { Refusal::$name($value) };
    (@bind $name:ident $value:ident) => { Refusal::$name };
    (@some $value:ident $detail:ident) => { Some($value.as_str()) };
    (@some $value:ident) => { None };
    (@read $name:ident $value:ident $detail:ident) => { $value.map(|text| Refusal::$name(text.to_owned())) };
    (@read $name:ident $value:ident) => { match $value { None => Some(Refusal::$name), Some(_) => None } };
}

refusals! {
    /// The office has answered this very request; it is answered once.
    SudahDijawab = "sudah_dijawab",
        "Permintaan ini sudah dijawab; lihat catatan permohonan.";
    /// The office was restored from a backup, and devices of the application's partition have not synced since.
    SedangDipulihkan = "sedang_dipulihkan",
        "Kantor baru dipulihkan dari cadangan; tunggu semua HP wilayah ini sinkron, lalu ulangi (lihat pemulihan).";
    /// No such application here.
    PermohonanTidakDikenal = "permohonan_tidak_dikenal",
        "Permohonan tidak dikenal; periksa nomornya, atau sinkronkan dulu.";
    /// The application's version of the service is not here.
    LayananTidakDikenal = "layanan_tidak_dikenal",
        "Berkas layanan untuk permohonan ini belum ada; sinkronkan katalog dulu.";
    /// The application has ended.
    SudahSelesai = "sudah_selesai",
        "Permohonan sudah selesai dan tidak dapat diubah; bila perlu, buat permohonan baru.";
    /// The service has no such act.
    TindakanTidakDikenal = "tindakan_tidak_dikenal",
        "Tindakan ini tidak ada dalam layanan; pilih tindakan yang tersedia.";
    /// The role may not do it. Detail: the act.
    BukanWewenang(act) = "bukan_wewenang",
        "Tindakan {} bukan wewenang peran Anda; mintalah petugas yang berwenang.";
    /// The application lies outside the actor's partitions.
    BukanWilayah = "bukan_wilayah",
        "Permohonan berada di luar wilayah kerja Anda; hubungi petugas wilayahnya.";
    /// More or longer text than an act may carry.
    TerlaluBesar = "terlalu_besar",
        "Isian atau alasan terlalu panjang; ringkaslah, lalu ulangi.";
    /// Entries that the submission builds on have not arrived.
    MenungguData = "menunggu_data",
        "Sebagian data permohonan belum tiba di dinas; sinkronkan ponsel yang mengisinya.";
    /// Somebody has already done it. Detail: the act.
    SudahDilakukan(act) = "sudah_dilakukan",
        "Tindakan {} sudah dilakukan; tidak perlu diulang.";
    /// The frozen version is waiting for its attachments.
    LampiranBelumLengkap = "lampiran_belum_lengkap",
        "Lampiran belum lengkap di dinas; sinkronkan ponsel yang menyimpannya, atau lepaskan dengan alasan.";
    /// The state does not allow it. Detail: the state.
    BelumWaktunya(state) = "belum_waktunya",
        "Tindakan ini belum dapat dilakukan pada status {}; lihat tindakan yang tersedia.";
    /// The submission brings nothing that the office had not decided on.
    VersiUsang = "versi_usang",
        "Belum ada perubahan sejak versi yang terakhir diputuskan; perbaiki dulu, lalu ajukan lagi.";
    /// Something that submission needs is missing. Detail: the first, `what/id`.
    MasihKurang(first) = "masih_kurang",
        "Permohonan belum lengkap; lengkapi dulu {}.";
    /// Different values stand beside each other in a required field.
    KonflikTerbuka = "konflik_terbuka",
        "Ada isian dengan dua nilai berbeda; pilih nilai yang benar dulu.";
    /// Four eyes: the same person did the step it depends on. Detail: that step's act.
    OrangYangSama(act) = "orang_yang_sama",
        "Tindakan {} dilakukan oleh orang yang sama; mintalah petugas lain.";
    /// A step that has to come before is not done. Detail: its act.
    LangkahBelumSelesai(act) = "langkah_belum_selesai",
        "Selesaikan dulu tindakan {}.";
    /// The papers have not been received.
    BerkasBelumDiterima = "berkas_belum_diterima",
        "Berkas fisik belum diterima; terima berkasnya dulu, atau bebaskan dengan alasan.";
    /// The old card has not been surrendered.
    KartuLamaBelumDiserahkan = "kartu_lama_belum_diserahkan",
        "Kartu lama belum dicatat diserahkan; terima kartu lama dulu (isian kartu_lama).";
    /// The card is not where it is collected.
    KartuBelumDiLoket = "kartu_belum_di_loket",
        "Kartu belum ada di loket pengambilan; catat pencetakan dan pengirimannya dulu.";
    /// Something the act has to be told is not there. Detail: the need.
    IsianWajib(need) = "isian_wajib",
        "Isian {} wajib diisi.";
    /// Something the act was told cannot be. Detail: the need.
    IsianTidakSah(need) = "isian_tidak_sah",
        "Isian {} tidak sah; perbaiki, lalu ulangi.";
    /// The act needs a reason.
    AlasanWajib = "alasan_wajib",
        "Alasan wajib diisi: pilih sebab, tandai persyaratan, atau tulis alasannya.";
    /// A mark names no requirement, or says nothing that is known.
    TandaTidakDikenal = "tanda_tidak_dikenal",
        "Tanda tidak dikenal; tandai persyaratan layanan ini dengan kode yang tersedia.";
}

impl Refusal {
    /// Its place in the order of precedence: of several, the lowest is answered. A later version's come last.
    pub fn rank(&self) -> usize {
        Self::CODES.iter().position(|code| *code == self.code()).unwrap_or(Self::CODES.len())
    }

    /// The sentence for the person: what is wrong and what to do, in Indonesian.
    pub fn sentence(&self) -> String {
        self.template().replace("{}", self.detail().unwrap_or_default())
    }

    /// The text it travels as: `code` or `code:detail`.
    pub fn as_text(&self) -> String {
        match (self, self.detail()) {
            (Refusal::Other(text), _) => text.clone(),
            (_, Some(detail)) => format!("{}:{detail}", self.code()),
            (_, None) => self.code().to_owned(),
        }
    }

    /// Reads [`Refusal::as_text`]; what this version does not know becomes [`Refusal::Other`].
    pub fn from_text(text: &str) -> Self {
        let (code, detail) = match text.split_once(':') {
            Some((code, detail)) => (code, Some(detail)),
            None => (text, None),
        };
        Self::read(code, detail).unwrap_or_else(|| Refusal::Other(text.to_owned()))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence())
    }
}

impl std::error::Error for Refusal {}

impl<C> Encode<C> for Refusal {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.str(&self.as_text())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Refusal {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let text = d.str()?;
        if text.len() > MAX_REFUSAL {
            return Err(minicbor::decode::Error::message("refusal too long"));
        }
        Ok(Refusal::from_text(text))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn texts_come_back_as_they_went() {
        for code in Refusal::CODES {
            let bare = Refusal::from_text(code);
            let refusal = match bare {
                // A code that has a detail is not itself without one.
                Refusal::Other(_) => Refusal::from_text(&format!("{code}:cetak")),
                bare => bare,
            };
            assert!(!matches!(refusal, Refusal::Other(_)), "{code}");
            assert_eq!(refusal.code(), *code);
            assert_eq!(Refusal::from_text(&refusal.as_text()), refusal);
            assert!(refusal.sentence().ends_with('.'), "{code}");
            assert!(!refusal.sentence().contains("{}"), "{code}");
            let bytes = minicbor::to_vec(&refusal).unwrap();
            assert_eq!(minicbor::decode::<Refusal>(&bytes).unwrap(), refusal);
        }
    }

    #[test]
    fn a_later_version_s_code_is_kept() {
        let later = Refusal::from_text("kuota_habis:2027");
        assert_eq!(later, Refusal::Other("kuota_habis:2027".into()));
        assert_eq!((later.code(), later.detail()), ("kuota_habis", Some("2027")));
        assert_eq!(later.as_text(), "kuota_habis:2027");
    }

    #[test]
    fn precedence_is_the_order_of_the_list() {
        let mut sorted: Vec<Refusal> =
            vec![Refusal::AlasanWajib, Refusal::BukanWilayah, Refusal::BelumWaktunya("DRAF".into())];
        sorted.sort();
        let codes: Vec<&str> = sorted.iter().map(Refusal::code).collect();
        assert_eq!(codes, ["bukan_wilayah", "belum_waktunya", "alasan_wajib"]);
    }

    #[test]
    fn overlong_text_is_not_read() {
        let bytes = minicbor::to_vec("x".repeat(MAX_REFUSAL + 1)).unwrap();
        assert!(minicbor::decode::<Refusal>(&bytes).is_err());
    }
}
