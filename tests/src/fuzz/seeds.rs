//! What corpora begin with: bytes that the tests of the core recorded.

use std::fs;

use data_encoding::HEXLOWER;

/// Inputs with their names.
pub type Seeds = Vec<(String, Vec<u8>)>;

/// The recorded bytes of the snapshot of `core/src/journal/snapshots` whose name holds this, each under a name.
///
/// # Panics
/// Where there is none.
pub fn recorded(snapshot: &str) -> Seeds {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../core/src/journal/snapshots");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let path = files.filter(|path| path.to_string_lossy().contains(snapshot)).min().expect("a snapshot");
    let text = fs::read_to_string(path).unwrap();
    let mut seeds = Seeds::new();
    let mut title = String::new();
    for line in text.lines().skip_while(|line| !line.starts_with("---")).skip(4) {
        let plain = |text: &str| text.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        if !line.starts_with(' ') {
            title = plain(line.split([',', ' ']).next().unwrap_or_default());
        }
        let mut kind = String::new();
        for word in line.split_whitespace() {
            match HEXLOWER.decode(word.as_bytes()) {
                Ok(bytes) if bytes.len() > 2 => {
                    let name = format!("{title}-{kind}-{}", seeds.len());
                    seeds.push((name, bytes));
                }
                _ => kind = plain(word),
            }
        }
    }
    assert!(!seeds.is_empty(), "{snapshot}: no bytes");
    seeds
}
