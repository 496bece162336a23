//! What the program does without an office: it fails in one sentence, and leaves everything as it was.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("loket-officer-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn officer(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_loket-officer")).arg("--dir").arg(dir).args(args).output().unwrap()
}

/// The sentence of a command that failed as promised.
#[track_caller]
fn refusal(output: &Output) -> String {
    assert!(!output.status.success(), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert!(!said.trim().is_empty());
    said
}

#[test]
fn a_folder_that_is_not_enrolled_is_said_so_and_not_made() {
    let folder = Folder::new("asing");
    let commands: [&[&str]; 8] = [
        &["services"],
        &["list", "--json"],
        &["--json", "new", "ktp-el-hilang"],
        &["set", "x", "nama=y"],
        &["submit", "--all"],
        &["show", "x"],
        &["sync"],
        &["sync", "--follow"],
    ];
    for command in commands {
        let said = refusal(&officer(&folder.0, command));
        assert!(said.contains("belum terdaftar") && said.contains("enroll"), "{command:?}: {said}");
    }
    assert!(!folder.0.exists());
}

#[test]
fn enrolment_refuses_what_is_no_address_or_code_before_it_makes_anything() {
    let folder = Folder::new("daftar");
    let code = "008J-4CT4-ANK7-F26H-NPEW-XVQE";
    let said = refusal(&officer(&folder.0, &["enroll", "--url", "contoh.go.id", "--code", code]));
    assert!(said.contains("alamat Dinas"), "{said}");
    let said = refusal(&officer(&folder.0, &["enroll", "--url", "ws://127.0.0.1:1", "--code", "bukan"]));
    assert!(said.contains("24 huruf"), "{said}");
    assert!(!folder.0.exists());
}

#[test]
fn an_office_that_cannot_be_reached_leaves_a_folder_that_can_try_again() {
    let folder = Folder::new("jauh");
    fs::create_dir_all(&folder.0).unwrap();
    fs::write(folder.0.join("catatan.txt"), "milik orang").unwrap();
    let enroll = ["--json", "enroll", "--url", "ws://127.0.0.1:1", "--code", "008J-4CT4-ANK7-F26H-NPEW-XVQE"];
    let first = refusal(&officer(&folder.0, &enroll));
    assert!(first.contains("tidak dapat dihubungi"), "{first}");
    let key = fs::read(folder.0.join("device.key")).unwrap();
    assert_eq!(refusal(&officer(&folder.0, &enroll)), first);
    assert_eq!(fs::read(folder.0.join("device.key")).unwrap(), key, "the same device asks again");
    assert_eq!(fs::read_to_string(folder.0.join("catatan.txt")).unwrap(), "milik orang");
    assert!(refusal(&officer(&folder.0, &["list"])).contains("belum terdaftar"));
}

#[test]
fn a_store_of_somebody_else_is_left_as_it_was() {
    let folder = Folder::new("lain");
    fs::create_dir_all(&folder.0).unwrap();
    fs::write(folder.0.join("phone.db"), "bukan basis data").unwrap();
    let enroll = ["enroll", "--url", "ws://127.0.0.1:1", "--code", "008J-4CT4-ANK7-F26H-NPEW-XVQE"];
    refusal(&officer(&folder.0, &enroll));
    assert_eq!(fs::read_to_string(folder.0.join("phone.db")).unwrap(), "bukan basis data");
}

#[test]
fn a_wrong_command_line_fails_and_help_does_not() {
    let folder = Folder::new("baris");
    refusal(&officer(&folder.0, &["set", "x", "tanpa-sama-dengan"]));
    refusal(&officer(&folder.0, &["submit"]));
    refusal(&officer(&folder.0, &["terbang"]));
    let help = officer(&folder.0, &["--help"]);
    assert!(help.status.success() && !help.stdout.is_empty());
}
