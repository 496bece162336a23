//! Words and figures as people at the office read them.

use jiff::civil::DateTime;
use loket_core::catalogue::{Field, Kind, Role};
use loket_core::journal::Partition;
use loket_core::region::Regions;
use loket_core::time::jakarta;
use loket_core::value::stored_date;
use loket_core::workflow::ClockReading;
use loket_core::workflow::capitalised;
pub use loket_core::workflow::heading;

/// Months, as a civil servant writes them.
const MONTHS: [&str; 12] = [
    "Januari",
    "Februari",
    "Maret",
    "April",
    "Mei",
    "Juni",
    "Juli",
    "Agustus",
    "September",
    "Oktober",
    "November",
    "Desember",
];
/// Minutes of a working day, to say how much work time has passed.
const MINUTE: i64 = 60;

/// A role's desk.
pub fn desk(role: Role) -> &'static str {
    match role {
        Role::OperatorDesa => "Loket desa",
        Role::OperatorKecamatan => "Loket kecamatan",
        Role::PetugasLapangan => "Petugas lapangan",
        Role::FrontOffice => "Front Office",
        Role::KasiPendaftaran => "Kasi Pendaftaran Penduduk",
        Role::KasiPencatatanSipil => "Kasi Pencatatan Sipil",
        Role::LoketPengambilan => "Loket Pengambilan",
        Role::BagianProduksi => "Bagian Produksi",
        Role::KepalaDinas => "Kepala Dinas",
        Role::Admin => "Administrator",
    }
}

/// A moment in Jakarta: `28 November 2026, 14.05 WIB`.
pub fn moment(time: i64) -> String {
    local(jakarta(time))
}

/// The same, of a local time.
pub fn local(at: DateTime) -> String {
    format!("{} {} {}, {:02}.{:02} WIB", at.day(), month(at.month()), at.year(), at.hour(), at.minute())
}

fn month(number: i8) -> &'static str {
    usize::try_from(number - 1).ok().and_then(|index| MONTHS.get(index)).copied().unwrap_or("?")
}

/// How long ago, in the two largest units.
pub fn ago(since: i64, now: i64) -> String {
    let minutes = now.saturating_sub(since).max(0) / 60;
    let (days, hours) = (minutes / (24 * MINUTE), minutes / MINUTE % 24);
    match (days, hours) {
        (0, 0) => format!("{minutes} menit"),
        (0, hours) => format!("{hours} jam {} menit", minutes % MINUTE),
        (days, hours) => format!("{days} hari {hours} jam"),
    }
}

/// Working time: `5 j 20 m`.
pub fn worked(minutes: i64) -> String {
    match (minutes / MINUTE, minutes % MINUTE) {
        (0, minutes) => format!("{minutes} m"),
        (hours, 0) => format!("{hours} j"),
        (hours, minutes) => format!("{hours} j {minutes} m"),
    }
}

/// Working time against the target: `5 j 20 m dari 24 j`.
pub fn target(reading: &ClockReading) -> String {
    format!("{} dari {}", worked(reading.worked_minutes), worked(reading.limit_minutes))
}

/// A place: `Sidoharjo, Kecamatan Contoh`.
pub fn place(at: &Partition, regions: &Regions) -> String {
    let Partition::Place(place) = at else { return at.to_string() };
    let code = place.to_string();
    let name = |code: &str| regions.name(code).unwrap_or(code).to_owned();
    match code.get(..8).filter(|_| place.is_village()) {
        Some(kecamatan) => format!("{}, Kec. {}", name(&code), name(kecamatan)),
        None => format!("Kec. {}", name(&code)),
    }
}

/// A counter or the office, by its code.
pub fn site(code: &str, regions: &Regions) -> String {
    code.parse().map_or_else(|_| "Dinas".to_owned(), |at: Partition| place(&at, regions))
}

/// A stored value as people read it.
pub fn value(field: &Field, stored: &str, regions: &Regions) -> String {
    let label = |id: &str| {
        field.options.iter().find(|option| option.id == id).map_or(id, |option| &option.label).to_owned()
    };
    match field.kind {
        Kind::Pilihan if field.many => stored.split(',').map(label).collect::<Vec<_>>().join(", "),
        Kind::Pilihan => label(stored),
        Kind::YaTidak if stored == "ya" => "Ya".to_owned(),
        Kind::YaTidak => "Tidak".to_owned(),
        Kind::Tanggal => date(stored),
        Kind::Wilayah => {
            regions.name(stored).map_or_else(|| stored.to_owned(), |name| format!("{name} ({stored})"))
        }
        _ => stored.to_owned(),
    }
}

/// A stored date as people read it.
pub fn date(stored: &str) -> String {
    let said = |date: jiff::civil::Date| format!("{} {} {}", date.day(), month(date.month()), date.year());
    stored_date(stored).map_or_else(|| stored.to_owned(), said)
}

/// A stored value as it is typed into SIAK: dates in digits, names of places without codes, capitals.
pub fn typed(field: &Field, stored: &str, regions: &Regions) -> String {
    match field.kind {
        Kind::Tanggal => stored_date(stored).map_or_else(
            || stored.to_owned(),
            |date| format!("{:02}-{:02}-{}", date.day(), date.month(), date.year()),
        ),
        Kind::Wilayah => regions.name(stored).unwrap_or(stored).to_uppercase(),
        _ => value(field, stored, regions).to_uppercase(),
    }
}

/// A template with its variables filled in; where a field says nothing, the gap closes.
pub fn filled(template: &str, told: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let (id, tail) = after.split_once('}').unwrap_or((after, ""));
        out.push_str(&told(id).unwrap_or_default());
        rest = tail;
    }
    out.push_str(rest);
    let joined = out.split_whitespace().collect::<Vec<_>>().join(" ");
    joined.replace(" .", ".").replace(" ,", ",").replace(" :", ":")
}

/// An error's words as a sentence: a capital at the beginning, a full stop at the end.
pub fn sentence(words: &str) -> String {
    let begun = capitalised(words);
    if begun.ends_with(['.', '!', '?']) { begun } else { format!("{begun}.") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_said_in_indonesian() {
        assert_eq!(moment(1_795_400_000), "23 November 2026, 09.13 WIB");
        assert_eq!(ago(0, 59), "0 menit");
        assert_eq!(ago(0, 3660), "1 jam 1 menit");
        assert_eq!(ago(0, 90_000), "1 hari 1 jam");
        assert_eq!(ago(100, 0), "0 menit", "a clock that was put back");
        assert_eq!(worked(320), "5 j 20 m");
        assert_eq!(worked(1440), "24 j");
        assert_eq!(heading("orang_tua"), "Orang tua");
        assert_eq!(heading(""), "");
    }
}
