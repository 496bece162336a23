//! Each kind of fault, in a copy of a small good file that is broken in one place.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::{Fault, read};

/// A service as small as one can be.
const GOOD: &str = r#"service = "contoh"
version = "2026.1"
valid_from = "2026-01-01"
title = "Layanan Contoh Rahasia"
ref = "S0"
subject = "dewasa"
privacy = "perlu_tahu"
print_site = "kecamatan"
pickup_site = "kecamatan"
paper_site = "kecamatan"
notify_at = "siap"
retention_days = { phone = 30, office = 365 }
service_time_hours = 24
fields = [
  { id = "nama", label = "Nama", kind = "nama", required = true },
  { id = "tanggal_lahir", label = "Tanggal lahir", kind = "tanggal" },
  { id = "jenis", label = "Jenis", kind = "pilihan", options = ["a", "b"] },
  { id = "perubahan", label = "Perubahan", kind = "pilihan", many = true, options = ["a", "b"] },
  { id = "semula", label = "Semula", kind = "teks" },
  { id = "menjadi", label = "Menjadi", kind = "teks", old = "semula" },
]
states = [
  { id = "DRAF", label = "Draf", desk = "operator-desa", clock = "henti" },
  { id = "DIAJUKAN", label = "Diajukan", desk = "operator-desa" },
  { id = "ANTRI_FO", label = "Antri", desk = "front-office" },
  { id = "ANTRI_CETAK", label = "Antri cetak", desk = "operator-kecamatan" },
  { id = "DICETAK", label = "Dicetak", desk = "operator-kecamatan" },
  { id = "SIAP_DIAMBIL", label = "Siap diambil", desk = "loket-pengambilan" },
  { id = "DIAMBIL", label = "Diambil" },
  { id = "DIKEMBALIKAN", label = "Dikembalikan", desk = "operator-desa" },
  { id = "DIBATALKAN", label = "Dibatalkan" },
  { id = "DIBATALKAN_PEMOHON", label = "Ditarik" },
]
reasons = [{ id = "kurang_lengkap", label = "Kurang lengkap", sms = "berkas kurang" }]

[withdraw]
act = "tarik"
label = "Tarik"
roles = ["operator-desa"]
until = "periksa_fo"

[[groups]]
id = "bukti"
title = "Bukti"
least = 1
when = { contains = { field = "perubahan", value = "a" } }

[[requirements]]
id = "kartu_keluarga"
ref = "0.1"
title = "Kartu Keluarga"
obligation = "must"
capture = "original"
papers = [{ forms = ["O"] }]
surrender = true

[[requirements]]
id = "ijazah"
ref = "0.2"
title = "Ijazah"
obligation = "one_of"
group = "bukti"
capture = "original"

[[warnings]]
id = "muda"
sentence = "Periksa usia."
when = { age_below = { field = "tanggal_lahir", years = 17 } }

[[steps]]
act = "ajukan"
kind = "ajukan"
label = "Ajukan"
roles = ["operator-desa"]
site = "desa"
waits = "DRAF"
done = "DIAJUKAN"

[[steps]]
act = "periksa_fo"
kind = "periksa"
label = "Periksa"
roles = ["front-office"]
site = "dinas"
waits = "ANTRI_FO"
notify = "N1"
[[steps.outcomes]]
act = "kembalikan_fo"
kind = "return"
label = "Kembalikan"
to = "DIKEMBALIKAN"
reasons = ["kurang_lengkap"]
notify = "N2"

[[steps]]
act = "cetak"
kind = "cetak"
label = "Cetak"
roles = ["operator-kecamatan"]
site = "kecamatan"
waits = "ANTRI_CETAK"
done = "DICETAK"
guards = [{ done = "periksa_fo" }]

[[steps]]
act = "serah"
kind = "serah"
label = "Serahkan"
roles = ["loket-pengambilan"]
site = "kecamatan"
waits = "SIAP_DIAMBIL"
done = "DIAMBIL"
guards = ["old_card"]
needs = [{ id = "kartu_lama", label = "Kartu lama", kind = "pilihan", options = ["ada", "tidak"] }]

[[parallel]]
act = "terima_berkas"
kind = "terima"
label = "Terima berkas"
roles = ["operator-kecamatan"]
site = "kecamatan"
from = ["belum"]
to = "diterima"

[[notifications]]
id = "N1"
audience = ["pemohon"]
text = "Permohonan {nomor} disetujui. Kirim berkas ke {tempat}."

[[notifications]]
id = "N2"
audience = ["pemohon"]
text = "Permohonan {nomor} dikembalikan: {sebab}."
"#;

fn faults(text: &str) -> Vec<Fault> {
    read("contoh.toml", text.as_bytes()).1
}

/// Breaks the good file in one place, and expects one fault among those found: at the line where `mark` (a part
/// of the broken text) first stands after the break begins, or with `^` last before it, saying this, with this
/// cure.
#[track_caller]
fn breaks(from: &str, to: &str, mark: &str, what: &str, cure: &str) {
    assert_eq!(GOOD.matches(from).count(), 1, "{from:?} has to stand once in the good file");
    let start = GOOD.find(from).unwrap();
    let text = GOOD.replacen(from, to, 1);
    let at = match mark.strip_prefix('^') {
        Some(header) => text.get(..=start).and_then(|before| before.rfind(header)).unwrap(),
        None => start + text.get(start..).and_then(|rest| rest.find(mark)).unwrap(),
    };
    let line = text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
    let found = faults(&text);
    let shown = found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let fits = |fault: &&Fault| fault.line == line && fault.what.contains(what) && fault.cure.contains(cure);
    let Some(fault) = found.iter().find(fits) else {
        panic!("line {line}: {what:?} with {cure:?} is not in\n{shown}")
    };
    assert!(fault.to_string().starts_with(&format!("contoh.toml:{line}: ")), "{fault}");
}

#[test]
fn the_good_file_has_no_fault() {
    assert_eq!(faults(GOOD), Vec::new());
}

#[test]
fn faults_of_writing_are_told_in_words() {
    breaks("title = \"Layanan", "title = Layanan", "title", "tanda kutip", "Apit");
    breaks(
        "ref = \"S0\"",
        "ref = \"S0\"\nref = \"S1\"",
        "ref = \"S1\"",
        "ditulis dua kali",
        "Hapus salah satunya",
    );
    breaks("subject = \"dewasa\"", "subjek = \"dewasa\"", "subjek", "`subjek` tidak dikenal", "`subject`?");
    breaks("\"dewasa\"", "\"dewassa\"", "dewassa", "Kata \"dewassa\" tidak dikenal", "dewasa, anak");
    breaks(
        "service_time_hours = 24",
        "service_time_hours = \"24\"",
        "\"24\"",
        "Jenis nilai",
        "bilangan bulat",
    );
    breaks("act = \"cetak\"\n", "", "^[[steps]]", "`act` belum ditulis", "act = ...");
    breaks(
        "options = [\"a\", \"b\"] },\n  { id = \"perubahan\"",
        "options = [1] },\n  { id = \"perubahan\"",
        "[1]",
        "Pilihan salah tulis",
        "label",
    );
}

#[test]
fn the_head_is_sane() {
    breaks("\"2026-01-01\"", "\"2026-02-30\"", "2026-02-30", "bukan tanggal yang ada", "2026-01-31");
    breaks("\"Layanan Contoh Rahasia\"", "\" \"", "\" \"", "`title` masih kosong", "Tulis kata");
    breaks("service = \"contoh\"", "service = \"Contoh 1\"", "Contoh 1", "nama pengenal", "huruf kecil");
    breaks("_hours = 24", "_hours = 0", "_hours", "nol jam", "24");
}

#[test]
fn ids_stand_once() {
    breaks(
        "id = \"semula\"",
        "id = \"nama\"",
        "id = \"nama\"",
        "sudah dipakai di baris 15",
        "hapus salah satunya",
    );
    breaks("id = \"ijazah\"", "id = \"kartu_keluarga\"", "id = ", "sudah dipakai", "nama lain");
    breaks(
        "act = \"terima_berkas\"",
        "act = \"cetak\"",
        "act = ",
        "\"cetak\" sudah ada di baris",
        "nama lain",
    );
}

#[test]
fn references_resolve_and_the_cure_names_what_there_is() {
    breaks("old = \"semula\"", "old = \"semulaa\"", "old", "Isian \"semulaa\" tidak ada", "\"semula\"?");
    breaks("group = \"bukti\"", "group = \"bukit\"", "group", "Kelompok \"bukit\" tidak ada", "\"bukti\"?");
    breaks(
        "{ field = \"perubahan\"",
        "{ field = \"perubahn\"",
        "field",
        "\"perubahn\" tidak ada",
        "\"perubahan\"?",
    );
    breaks("value = \"a\"", "value = \"c\"", "value", "\"c\" tidak ada", "a, b");
    breaks("notify = \"N1\"", "notify = \"N9\"", "notify", "Pemberitahuan \"N9\" tidak ada", "N1, N2");
    breaks(
        "reasons = [\"kurang_lengkap\"]",
        "reasons = [\"lain\"]",
        "reasons",
        "Alasan \"lain\"",
        "kurang_lengkap",
    );
    breaks("waits = \"ANTRI_FO\"", "waits = \"ANTRI_F0\"", "waits", "Keadaan \"ANTRI_F0\"", "\"ANTRI_FO\"?");
    breaks("until = \"periksa_fo\"", "until = \"periksa\"", "until", "Langkah \"periksa\"", "periksa_fo");
    breaks(
        "guards = [{ done = \"periksa_fo\" }]",
        "guards = [{ done = \"serah\" }]",
        "guards",
        "sebelumnya \"serah\"",
        "ajukan, periksa_fo",
    );
    breaks("to = \"DIKEMBALIKAN\"", "to = \"DIBATALKAN\"", "to = ", "tidak boleh menuju", "DIKEMBALIKAN");
    breaks(
        "capture = \"original\"\n\n[[warnings]]",
        "capture = \"original\"\nvariants = [\"x\"]\n\n[[warnings]]",
        "variants",
        "Varian \"x\"",
        "hapus",
    );
}

#[test]
fn what_is_asked_can_be_answered() {
    breaks(
        "contains = { field = \"perubahan\", value = \"a\" }",
        "equals = { field = \"_varian\", value = \"x\" }",
        "equals",
        "Varian \"x\" tidak ada",
        "belum mempunyai varian",
    );
    breaks(
        "kind = \"pilihan\", options = [\"a\", \"b\"] }",
        "kind = \"pilihan\" }",
        "kind",
        "belum mempunyai pilihan",
        "options",
    );
    breaks(
        "kind = \"nama\", required",
        "kind = \"nama\", options = [\"x\"], required",
        "kind",
        "Hanya isian berjenis `pilihan`",
        "pilihan",
    );
    breaks(
        "many = true, options = [\"a\", \"b\"]",
        "many = true, options = [\"a,b\"]",
        "options",
        "tidak dapat disimpan",
        "tanpa koma",
    );
    breaks("years = 17", "years = 170", "years", "Usia 170", "antara 0 dan");
    breaks("{ field = \"tanggal_lahir\"", "{ field = \"nama\"", "field", "bukan tanggal", "tanggal_lahir");
    breaks("when = { contains", "when = { equals", "equals", "beberapa pilihan", "`contains`");
    breaks("least = 1", "least = 2", "^[[groups]]", "meminta 2 dari 1", "kurangi `least`");
    breaks(
        "obligation = \"one_of\"\ngroup = \"bukti\"",
        "obligation = \"one_of\"",
        "^[[requirements]]",
        "kelompok yang tidak disebut",
        "`group`",
    );
    breaks(
        "capture = \"original\"\npapers = [{ forms = [\"O\"] }]",
        "capture = \"none\"\npapers = []",
        "^[[requirements]]",
        "tidak difoto dan tidak diserahkan",
        "capture",
    );
    breaks("papers = [{ forms = [\"O\"] }]", "papers = [{ forms = [] }]", "papers", "Bentuk berkas", "forms");
}

#[test]
fn the_line_leads_from_filing_to_hand_over() {
    breaks(
        "kind = \"serah\"",
        "kind = \"catat\"",
        "^[[steps]]",
        "Langkah terakhir bukan penyerahan",
        "serah",
    );
    breaks(
        "kind = \"ajukan\"",
        "kind = \"catat\"",
        "^[[steps]]",
        "Langkah pertama bukan pengajuan",
        "ajukan",
    );
    breaks("done = \"DICETAK\"", "done = \"DIAMBIL\"", "done", "tidak pernah dicapai", "langkah terakhir");
    breaks(
        "waits = \"ANTRI_CETAK\"",
        "waits = \"ANTRI_FO\"",
        "waits",
        "keadaan yang sama",
        "keadaan sendiri",
    );
    breaks("roles = [\"front-office\"]", "roles = []", "^[[steps]]", "Tidak ada yang berwenang", "roles");
    breaks("site = \"dinas\"", "site = \"desa\"", "site", "bertugas di Dinas", "Samakan `site`");
    breaks(", desk = \"front-office\"", "", "^{ id", "Tidak ada meja", "desk");
    breaks(
        "label = \"Diambil\"",
        "label = \"Diambil\", desk = \"front-office\"",
        "^{ id",
        "masih mempunyai meja",
        "Hapus `desk`",
    );
    breaks(
        "kind = \"periksa\"\nlabel",
        "kind = \"tunggu\"\nlabel",
        "^[[steps]]",
        "tanpa jalan keluar",
        "cancel",
    );
    breaks("kind = \"cetak\"", "kind = \"periksa\"", "^[[steps]]", "tidak dapat menolak", "outcomes");
}

#[test]
fn the_card_arrives_where_it_is_collected() {
    breaks(
        "pickup_site = \"kecamatan\"",
        "pickup_site = \"desa\"",
        "pickup_site",
        "kartu tidak dikirim",
        "`kirim_kartu`",
    );
    breaks(
        "print_site = \"kecamatan\"",
        "print_site = \"desa\"",
        "print_site",
        "Dicetak di desa/kelurahan",
        "Pastikan",
    );
    let text = GOOD.replacen("guards = [\"old_card\"]\n", "", 1);
    let line = GOOD.lines().position(|line| line == "[[requirements]]").map(|line| line + 1);
    let found = faults(&text);
    let fault = found.iter().find(|fault| fault.what.contains("penyerahan tidak menanyakannya"));
    assert_eq!(fault.map(|fault| (Some(fault.line), fault.is_error())), Some((line, false)));
    breaks(
        "needs = [{ id = \"kartu_lama\"",
        "needs = [{ id = \"kartu\"",
        "^guards",
        "tidak menanyakan kartu lama",
        "`kartu_lama`",
    );
    breaks("to = \"diterima\"", "to = \"dikirim\"", "^paper_site", "tidak ada yang menerimanya", "diterima");
}

#[test]
fn messages_fit_one_sms_and_keep_the_secret() {
    breaks("dikembalikan: {sebab}.", "dikembalikan: {sebap}.", "^text", "{sebap} tidak dikenal", "{sebab}");
    breaks(
        "dikembalikan: {sebab}.",
        "dikembalikan – {sebab}.",
        "^text",
        "\"–\" tidak dapat dikirim",
        "tanda hubung",
    );
    breaks("dikembalikan: {sebab}.", "{nama} dikembalikan.", "^text", "tidak boleh memuat {nama}", "{nomor}");
    breaks("dikembalikan: {sebab}.", "rahasia dikembalikan.", "^text", "\"rahasia\" dapat membuka", "netral");
    breaks("dikembalikan: {sebab}.", "dikembalikan: {sebab.", "^text", "tidak berpasangan", "{nomor}");
    breaks("sms = \"berkas kurang\"", "sms = \"contoh kurang\"", "sms", "\"contoh\" dapat membuka", "netral");
    let long = format!("dikembalikan: {{sebab}}. {}", "x".repeat(120));
    breaks("dikembalikan: {sebab}.", &long, "^text", "satu SMS memuat 160", "Persingkat");
    breaks(
        "reasons = [\"kurang_lengkap\"]\n",
        "",
        "^[[steps.outcomes]]",
        "sebab yang ditulis bebas",
        "`reasons`",
    );
    breaks("notify = \"N1\"\n", "", "[[notifications]]", "\"N1\" tidak pernah dikirim", "hapus");
}

#[test]
fn sizes_are_bounded() {
    let many = "{ id = \"x\", label = \"x\", kind = \"teks\" },\n".repeat(super::MAX_FIELDS);
    breaks(
        "  { id = \"semula\"",
        &format!("{many}  {{ id = \"semula\""),
        "^fields",
        "paling banyak 200",
        "Kurangi",
    );
    let long = "x".repeat(super::MAX_LABEL + 1);
    breaks(
        "label = \"Semula\"",
        &format!("label = \"{long}\""),
        "label",
        "lebih dari 200 huruf",
        "Persingkat",
    );
    let deep = format!(
        "{}{}{}",
        "{ not = ".repeat(9),
        "{ equals = { field = \"jenis\", value = \"a\" } }",
        " }".repeat(9)
    );
    breaks(
        "{ contains = { field = \"perubahan\", value = \"a\" } }",
        &deep,
        "not",
        "terlalu dalam",
        "Sederhanakan",
    );
}
