//! Seeded dice, and values of every kind of field drawn with them. Nothing here is a real person's.

use loket_core::catalogue::{Choice, Kind};
use loket_core::value;

/// SplitMix64: small, fast, and the same on every machine.
pub struct Dice(u64);

impl Dice {
    /// The dice of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0xD1B5_4A32_D192_ED03)
    }

    /// 64 random bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `most` (which is above 0).
    pub fn below(&mut self, most: usize) -> usize {
        (self.next() % most as u64) as usize
    }

    /// A number of `low..=high`.
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    /// True so many times out of a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.next() % 100 < percent
    }

    /// One of these.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Fills with random bytes.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let drawn = self.next().to_le_bytes();
            chunk.copy_from_slice(&drawn[..chunk.len()]);
        }
    }

    /// In random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }

    /// A value that a field or need of this kind can hold, as it is stored.
    pub fn value(&mut self, kind: Kind, options: &[Choice], many: bool) -> String {
        let drawn = match kind {
            Kind::Nik => self.nik(),
            Kind::NomorKk => format!("33120801051500{:02}", self.range(1, 30)),
            Kind::Nama => format!(
                "{} {}",
                self.pick(&["Sri", "Budi", "Wahyu", "Siti"]),
                self.pick(&["Lestari", "Utomo"])
            ),
            Kind::Tanggal => self.date(),
            Kind::Teks => format!("Dusun Contoh {}", self.range(1, 40)),
            Kind::Telepon => format!("0812000{:05}", self.range(0, 99_999)),
            Kind::Pilihan if options.is_empty() => "lain".to_owned(),
            Kind::Pilihan if many => self.several(options),
            Kind::Pilihan => self.pick(options).id.clone(),
            Kind::Wilayah => (*self.pick(&["33.12.08.2001", "33.12.08.2002", "33.12.08"])).to_owned(),
            Kind::Bilangan => self.range(1, 20).to_string(),
            Kind::YaTidak => (*self.pick(&["ya", "tidak"])).to_owned(),
            Kind::Catatan => format!("keterangan {}", self.range(1, 1000)),
        };
        value::parse(kind, options, many, &drawn).unwrap_or(drawn)
    }

    /// Of few, so that the same person turns up twice.
    fn nik(&mut self) -> String {
        let person = self.range(1, 14);
        format!("331208{:02}{:02}{:02}{:04}", 1 + person, 1 + person % 12, 60 + person * 2, person)
    }

    /// Children's as often as adults'.
    fn date(&mut self) -> String {
        let year = if self.chance(50) { self.range(1950, 2009) } else { self.range(2010, 2026) };
        format!("{year}-{:02}-{:02}", self.range(1, 9), self.range(1, 28))
    }

    fn several(&mut self, options: &[Choice]) -> String {
        let chosen: Vec<_> =
            options.iter().filter(|_| self.chance(40)).map(|option| option.id.as_str()).collect();
        if chosen.is_empty() { options[0].id.clone() } else { chosen.join(",") }
    }
}
