//! The library for phones as app developers use it: each language's bindings are generated from the built library, and
//! a whole day goes through them, with the office as a process of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use loket_tests::{COMPILER_LIMIT, Office, Server, program, run, run_within};

/// Most bytes of the Android app without the library.
const APP: u64 = 1 << 20;

/// The library, as the build left it.
fn library() -> PathBuf {
    program(&format!("{}loket_mobile{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX))
}

/// Writes the bindings of a language into a folder.
fn generate(language: &str, folder: &Path) {
    let mut bindgen = Command::new(program("loket-bindgen"));
    bindgen.arg("generate").arg("--library").arg(library());
    bindgen.args(["--language", language, "--no-format", "--out-dir"]).arg(folder);
    let done = run(&mut bindgen);
    assert!(done.success, "{}", done.stderr);
}

/// Tells a program where the office is.
fn at<'c>(command: &'c mut Command, office: &Office, server: &Server) -> &'c mut Command {
    command.env("LOKET", program("loket")).env("LOKET_DIR", office.path()).env("LOKET_URL", server.url())
}

/// Runs a script on the library with an office of its own; what it printed. It may have a bad disk or clock.
fn python(script: &str) -> String {
    let (office, bindings) = (Office::new(), tempfile::tempdir().unwrap());
    let server = office.serve();
    generate("python", bindings.path());
    let library = library();
    std::os::unix::fs::symlink(&library, bindings.path().join(library.file_name().unwrap())).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join(script);
    let mut python = Command::new("python3");
    python.arg("-B").arg(script).env("PYTHONPATH", bindings.path());
    python.env("LOKET_OFFICER", program("loket-officer")).env("LOKET_FAULTS", super::disk::library());
    let done = run_within(COMPILER_LIMIT, at(&mut python, &office, &server));
    assert!(done.success, "{}\n{}", done.stdout, done.stderr);
    done.stdout
}

#[test]
fn a_day_in_python() {
    assert!(python("day.py").contains("the day is over"));
}

#[test]
fn trouble_in_python() {
    assert!(python("trouble.py").contains("nothing is lost"));
}

#[test]
#[ignore = "measures"]
fn figures_of_the_library() {
    println!("{}", python("figures.py"));
}

/// Runs a Maven project on the library with an office of its own; its build's folder.
fn maven(project: &Path, goals: &[&str]) -> tempfile::TempDir {
    let (office, bindings) = (Office::new(), tempfile::tempdir().unwrap());
    let server = office.serve();
    generate("kotlin", bindings.path());
    let library = library();
    let mut maven = Command::new("mvn");
    maven.args(["-B", "-q", "-f"]).arg(project.join("pom.xml")).args(goals);
    maven.arg(format!("-Dloket.bindings={}", bindings.path().display()));
    maven.arg(format!("-Dloket.build={}", bindings.path().join("target").display()));
    maven.arg(format!("-Dloket.library={}", library.parent().unwrap().display()));
    maven.env("LOKET_TENTH", root().join("examples/tenth-service/kunjungan-rumah.toml"));
    let done = run_within(COMPILER_LIMIT, at(&mut maven, &office, &server));
    assert!(done.success, "{}\n{}", done.stdout, done.stderr);
    bindings
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

#[test]
fn a_day_in_kotlin() {
    maven(&root().join("tests/kotlin"), &["test"]);
}

#[test]
fn a_day_on_the_screens_of_android() {
    // Its tests, and then what is installed, so that nothing is called that Android lacks.
    let built = maven(&root().join("examples/android"), &["-Papk", "package"]);
    let installed = built.path().join("target/petugas-unsigned.apk");
    assert!(installed.metadata().unwrap().len() < APP, "it fits a phone with little room");
}
