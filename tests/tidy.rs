//! The rules of the house, as tests: what is absent stays absent.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Longest file, in lines. Those that are longer are named with their own bound, which only goes down.
const MAX_LINES: usize = 1000;
const LONGER: [(&str, usize); 0] = [];

/// What is data or written by a program, and may be as long as it is.
const TABLES: [&str; 7] = ["toml", "lock", "snap", "csv", "json", "jsonl", "txt"];

/// The services, which only their own files, tests and the demonstration may name.
const SERVICES: [&str; 9] = [
    "ktp-el-baru",
    "ktp-el-perubahan",
    "ktp-el-hilang",
    "ktp-el-rusak",
    "kia-baru",
    "kia-perubahan",
    "kia-hilang",
    "kia-rusak",
    "peristiwa-penting-lainnya",
];

/// What rules and protocol are given and never take: time, dice, network, files.
const IMPURE: [&str; 8] = [
    "SystemTime",
    "Instant",
    "std::net",
    "std::fs",
    "getrandom",
    "thread_rng",
    "Timestamp::now",
    "Zoned::now",
];

/// Every licence that a dependency may name, alone or among others.
const LICENCES: [&str; 18] = [
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "BlueOak-1.0.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "LLVM-exception",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unlicense",
    // LibTomCrypt, which comes with SQLCipher's source and is not compiled here.
    "WTFPL",
    "Zlib",
    // SQLite.
    "blessing",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// All files of the project that are text, with their paths from its root and what they hold.
fn files() -> Vec<(String, String)> {
    fn walk(folder: &Path, found: &mut Vec<(String, String)>) {
        for item in fs::read_dir(folder).unwrap() {
            let path = item.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                // A fuzzer's inputs are bytes, also where they happen to be text.
                let made =
                    ["target", "node_modules", "build", "corpus", "artifacts"].contains(&name.as_str());
                if !made && (!name.starts_with('.') || name == ".ci") {
                    walk(&path, found);
                }
            } else if let Ok(text) = fs::read_to_string(&path) {
                let name = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
                found.push((name, text));
            }
        }
    }
    let mut found = Vec::new();
    walk(root(), &mut found);
    assert!(found.iter().any(|(name, _)| name == "tests/tidy.rs"), "the project's files were not found");
    found
}

/// The Rust files below one of these folders.
fn sources(folders: &[&str]) -> Vec<(String, String)> {
    let below = |name: &str| folders.iter().any(|folder| name.starts_with(folder)) && name.ends_with(".rs");
    files().into_iter().filter(|(name, _)| below(name)).collect()
}

fn is_test(name: &str) -> bool {
    // Tables and recorded bytes that only tests read stand in files of their own.
    ["/tests.rs", "/matrix.rs", "/vectors.rs"].iter().any(|end| name.ends_with(end))
        || name.contains("/tests/")
}

/// What a Rust file does: numbered lines without comments, up to its tests.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    (1..).zip(text.lines()).filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Every line of code in `files` that `bad` names something in, as `file:line: what`.
fn offences<'a>(files: &'a [(String, String)], bad: impl Fn(&'a str) -> Option<&'static str>) -> Vec<String> {
    let mut found = Vec::new();
    for (name, text) in files {
        found.extend(code(text).filter_map(|(n, line)| Some(format!("{name}:{n}: {}", bad(line)?))));
    }
    found
}

#[track_caller]
fn none(offences: Vec<String>) {
    assert!(offences.is_empty(), "\n{}\n", offences.join("\n"));
}

#[test]
fn files_stay_short() {
    let mut found = Vec::new();
    for (name, text) in files() {
        let table = TABLES.iter().any(|kind| name.ends_with(&format!(".{kind}")));
        let bound = LONGER.iter().find(|(long, _)| *long == name).map_or(MAX_LINES, |(_, bound)| *bound);
        let lines = text.lines().count();
        if !table && lines > bound {
            found.push(format!("{name}: {lines} lines, {bound} at most: part it"));
        }
    }
    none(found);
}

#[test]
fn one_file_of_the_core_names_automerge() {
    let others: Vec<_> =
        sources(&["core/src/"]).into_iter().filter(|(name, _)| name != "core/src/application.rs").collect();
    none(offences(&others, |line| {
        (line.contains("automerge::") || line.contains("use automerge")).then_some("Automerge")
    }));
}

#[test]
fn only_stores_speak_sql() {
    let mut others = sources(&["core/src/", "server/src/", "mobile-bindings/", "examples/"]);
    others.retain(|(name, _)| {
        // Gammu's database is Gammu's: its tables are how it is spoken to.
        !name.starts_with("core/src/store/sqlite") && !name.starts_with("server/src/sms/gammu")
    });
    none(offences(&others, |line| {
        let update = line.contains("UPDATE ") && line.contains(" SET ");
        let other = ["SELECT ", "INSERT INTO ", "DELETE FROM "].iter().any(|word| line.contains(word));
        (update || other).then_some("SQL")
    }));
}

#[test]
fn the_engine_knows_no_service_by_name() {
    let mut engine = sources(&["core/src/", "server/src/"]);
    engine.retain(|(name, _)| !is_test(name) && !name.contains("/demo"));
    none(offences(&engine, |line| {
        // The list of built-in files names files.
        let named = |id: &&&str| line.contains(**id) && !line.contains(".toml");
        SERVICES.iter().find(named).copied()
    }));
}

#[test]
fn the_pure_part_takes_no_time_dice_network_or_file() {
    let mut pure = sources(&["core/src/"]);
    let impure = ["core/src/client", "core/src/store/sqlite", "core/src/attachment"];
    pure.retain(|(name, _)| !is_test(name) && !impure.iter().any(|start| name.starts_with(start)));
    none(offences(&pure, |line| IMPURE.iter().find(|word| line.contains(**word)).copied()));
}

#[test]
fn every_path_that_the_architecture_names_exists() {
    let Ok(text) = fs::read_to_string(root().join("ARCHITECTURE.md")) else { return };
    let path_like = |word: &&str| {
        let plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c));
        plain && word.contains('/') && !word.starts_with('/')
    };
    let words = text.split('`').skip(1).step_by(2).filter(path_like);
    none(words.filter(|path| !root().join(path).exists()).map(String::from).collect());
}

/// SQLCipher, TLS and signatures stand on the same one.
#[test]
fn there_is_one_library_of_cryptography() {
    for lock in ["Cargo.lock", "fuzz/Cargo.lock"] {
        let text = fs::read_to_string(root().join(lock)).unwrap();
        let count = |name: &str| text.matches(&format!("name = \"{name}\"\n")).count();
        assert_eq!(
            (count("aws-lc-sys"), count("openssl-src")),
            (1, 0),
            "{lock}: see core/openssl-sys/Cargo.toml"
        );
    }
}

#[test]
fn every_dependency_has_a_licence_that_we_may_use() {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let rustc = Command::new("rustc").arg("-vV").output().unwrap();
    let about = String::from_utf8(rustc.stdout).unwrap();
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let output = Command::new(cargo)
        .args(["metadata", "--offline", "--locked", "--format-version", "1", "--filter-platform", host])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() > 50);
    let refused = packages.iter().filter_map(|package| {
        let licence = package["license"].as_str().unwrap_or("none");
        // Of a plain choice one is enough; of anything more involved all are asked for.
        let choices: Vec<&str> =
            if licence.contains('(') { vec![licence] } else { licence.split(" OR ").collect() };
        let known = choices.iter().any(|choice| {
            let mut names =
                choice.split([' ', '/', '(', ')']).filter(|n| !["", "AND", "OR", "WITH"].contains(n));
            names.all(|name| LICENCES.contains(&name))
        });
        (!known).then(|| format!("{} {}: {licence}", package["name"], package["version"]))
    });
    none(refused.collect());
}

#[test]
fn every_test_file_is_declared() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for (name, _) in sources(&["tests/"]) {
        let path: PathBuf = root().join(&name);
        let stem = path.file_stem().unwrap().to_str().unwrap();
        if stem == "main" || name == "tests/src/lib.rs" {
            continue;
        }
        let folder = path.parent().unwrap();
        let parent = match folder.strip_prefix(here).unwrap().to_str().unwrap() {
            "" => here.join("main.rs"),
            "src" => here.join("src/lib.rs"),
            _ => folder.with_extension("rs"),
        };
        let declared = fs::read_to_string(&parent).unwrap_or_default();
        if !declared.lines().any(|line| line.trim_start_matches("pub ") == format!("mod {stem};")) {
            found.push(format!("{name}: no `mod {stem};` in {}", parent.display()));
        }
    }
    none(found);
}

#[test]
fn nothing_is_left_for_later() {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME")];
    let mut found = Vec::new();
    for (name, text) in files() {
        let left = marks.iter().filter(|mark| text.contains(**mark));
        found.extend(left.map(|mark| format!("{name}: {mark}")));
    }
    none(found);
}

#[test]
fn no_line_ends_in_a_blank() {
    let ends_blank = |text: &str| text.lines().any(|line| line.ends_with([' ', '\t']));
    let kept: BTreeSet<&str> = ["snap", "txt"].into();
    let ours = |name: &str| !kept.contains(name.rsplit('.').next().unwrap());
    none(files().into_iter().filter(|(n, t)| ours(n) && ends_blank(t)).map(|(name, _)| name).collect());
}
