//! People who do not exist, and what they would have an officer write.

use loket_core::journal::AttachmentHash;
use loket_core::journal::body::{Op, Value};
use loket_core::replica::write::text;

/// The service that they all ask for.
pub const SERVICE: &str = "ktp-el-perubahan";
/// Papers of each.
const PAPERS: [&str; 3] = ["kartu_keluarga", "ktp_lama", "akta_kelahiran"];

const FIRST: [&str; 16] = [
    "Sutarmi", "Wagiman", "Lestari", "Paijo", "Murni", "Sukarni", "Tukinem", "Bambang", "Wahyu", "Siti",
    "Joko", "Rini", "Agus", "Dewi", "Slamet", "Endang",
];
const LAST: [&str; 12] = [
    "Santoso",
    "Nugroho",
    "Rahayu",
    "Wibowo",
    "Handayani",
    "Setiawan",
    "Purwanti",
    "Utomo",
    "Kurniawan",
    "Astuti",
    "Hidayat",
    "Widodo",
];
const TOWNS: [&str; 8] = [
    "Sidoharjo",
    "Ngadirojo",
    "Selogiri",
    "Wuryantoro",
    "Eromoko",
    "Pracimantoro",
    "Giritontro",
    "Baturetno",
];
const JOBS: [&str; 6] = ["petani", "pedagang", "guru", "buruh harian lepas", "wiraswasta", "karyawan swasta"];

/// A small source of numbers (SplitMix64): the same seed, the same person.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn pick(&mut self, from: &[&str]) -> String {
        let at = self.below(from.len() as u64) as usize;
        from.get(at).map_or_else(String::new, |&one| one.to_owned())
    }

    fn name(&mut self) -> String {
        format!("{} {}", self.pick(&FIRST), self.pick(&LAST))
    }

    fn address(&mut self) -> String {
        format!("Dusun {} No. {}", self.pick(&TOWNS), 1 + self.below(199))
    }
}

/// 30 fields and three papers of somebody else for each seed; `village` is the code where it is filed.
pub fn fields(seed: u64, village: &str) -> Vec<Op> {
    let mut dice = Dice(seed ^ 0x6c6f_6b65_7400);
    let (day, month, year) = (1 + dice.below(28), 1 + dice.below(12), 60 + dice.below(39));
    let born = format!("19{year}-{month:02}-{day:02}");
    let mut nik = |date: String| format!("331208{date}{:04}", 1 + dice.below(9_999));
    let (own, card) = (nik(format!("{day:02}{month:02}{year}")), nik(format!("{day:02}{month:02}05")));
    let (mother, father) = (nik(format!("{:02}0145", 40 + day)), nik(format!("{day:02}0240")));
    let kecamatan = village.get(..8).unwrap_or(village);
    let numbers = (dice.below(100_000_000), dice.below(100_000_000));
    let mut ops = vec![
        text("nik", &own),
        text("nama", &format!("{} {}", dice.pick(&FIRST), dice.name())),
        text("nomor_kk", &card),
        text("tempat_lahir", &dice.pick(&TOWNS)),
        text("tanggal_lahir", &born),
        text("jenis_kelamin", "laki-laki"),
        text("agama", &dice.pick(&["islam", "islam", "kristen", "katolik"])),
        text("status_perkawinan", &dice.pick(&["kawin", "belum_kawin"])),
        text("pekerjaan", &dice.pick(&JOBS)),
        text("kewarganegaraan", "WNI"),
        text("nama_ibu", &dice.name()),
        text("nik_ibu", &mother),
        text("nama_ayah", &dice.name()),
        text("nik_ayah", &father),
        text("alamat", &dice.address()),
        text("rt", &format!("{:03}", 1 + dice.below(9))),
        text("rw", &format!("{:03}", 1 + dice.below(6))),
        text("desa", village),
        text("kecamatan", kecamatan),
        text("kabupaten", "33.12"),
        text("provinsi", "33"),
        text("kode_pos", "57682"),
        text("telepon", &format!("+62812{:08}", numbers.0)),
        text("setuju_sms", "ya"),
        text("perubahan", "alamat"),
        text("semula_alamat", &dice.address()),
        text("menjadi_alamat", &dice.address()),
        text("asal_pindah", "dalam_kabupaten"),
        text("dasar_alamat", &format!("KK {:08}", numbers.1)),
        text("pelapor", "pemohon_sendiri"),
    ];
    for requirement in PAPERS {
        let mut hash = [0; 32];
        hash.chunks_exact_mut(8).for_each(|part| part.copy_from_slice(&dice.next().to_be_bytes()));
        let value = Value::Attachment(AttachmentHash(hash), 300_000 + dice.below(200_000));
        ops.push(Op { register: format!("lampiran/{requirement}/1"), value });
    }
    ops
}
