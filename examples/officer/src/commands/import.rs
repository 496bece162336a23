//! `new --from`: a file with one application a line. All lines are checked before anything is written.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use loket_core::client::{ClientError, Draft, Phone, Ready};
use serde_json::{Map, Value};

/// Longest line, in bytes.
const MAX_LINE: u64 = 256 << 10;
/// Most lines of one file.
const MAX_LINES: usize = 50_000;
/// Most wrong lines that are named.
const MAX_WRONG: usize = 10;
/// The key that names scans rather than a field.
const SCANS: &str = "lampiran";

/// Reads and checks the file; `template` says everything that its lines do not.
pub fn read(phone: &Phone, template: &Draft, path: &Path) -> Result<Vec<Ready>, ClientError> {
    let file = File::open(path).map_err(|_| {
        ClientError::refused(format!("berkas {} tidak dapat dibuka: periksa namanya", path.display()))
    })?;
    let folder = path.parent().unwrap_or(Path::new("")).to_owned();
    let mut reader = BufReader::new(file);
    let (mut ready, mut wrong) = (Vec::new(), Vec::new());
    for number in 1.. {
        let Some(line) = line(&mut reader, number)? else { break };
        if line.trim().is_empty() {
            continue;
        }
        if ready.len() >= MAX_LINES {
            return Err(ClientError::refused(format!(
                "terlalu banyak baris: paling banyak {MAX_LINES} per berkas"
            )));
        }
        match draft(template, &folder, &line).and_then(|draft| phone.check(&draft)) {
            Ok(one) => ready.push(one),
            Err(error) => wrong.push(format!("baris {number}: {error}")),
        }
        if wrong.len() >= MAX_WRONG {
            break;
        }
    }
    if !wrong.is_empty() {
        return Err(ClientError::refused(format!(
            "tidak ada yang disimpan; perbaiki dahulu:\n{}",
            wrong.join("\n")
        )));
    }
    if ready.is_empty() {
        return Err(ClientError::refused("berkas itu kosong: tulis satu permohonan tiap baris"));
    }
    Ok(ready)
}

/// The next line; none at the end.
fn line(reader: &mut impl BufRead, number: usize) -> Result<Option<String>, ClientError> {
    let mut bytes = Vec::new();
    reader.take(MAX_LINE + 1).read_until(b'\n', &mut bytes)?;
    if bytes.is_empty() {
        return Ok(None);
    }
    if bytes.len() as u64 > MAX_LINE {
        return Err(ClientError::refused(format!("baris {number} terlalu panjang: paling panjang 256 KB")));
    }
    String::from_utf8(bytes)
        .map(Some)
        .map_err(|_| ClientError::refused(format!("baris {number} bukan teks UTF-8: simpan ulang berkasnya")))
}

fn draft(template: &Draft, folder: &Path, line: &str) -> Result<Draft, ClientError> {
    let object: Map<String, Value> = serde_json::from_str(line)
        .map_err(|_| ClientError::refused("bukan objek JSON: tulis {\"isian\": \"teks\", …}"))?;
    let mut draft = template.clone();
    for (key, value) in object {
        if key == SCANS {
            draft.attachments = scans(folder, value)?;
            continue;
        }
        let Value::String(text) = value else {
            return Err(ClientError::refused("nilai isian harus teks dalam tanda kutip"));
        };
        draft.fields.push((key, text));
    }
    Ok(draft)
}

/// Requirements with their files; several files of one requirement as a list.
fn scans(folder: &Path, value: Value) -> Result<Vec<(String, PathBuf)>, ClientError> {
    let wrong = || ClientError::refused("lampiran harus berupa {\"persyaratan\": \"berkas\", …}");
    let Value::Object(object) = value else { return Err(wrong()) };
    let mut all = Vec::new();
    for (requirement, files) in object {
        let files = match files {
            Value::Array(files) => files,
            one => vec![one],
        };
        for file in files {
            let Value::String(file) = file else { return Err(wrong()) };
            let beside = folder.join(&file);
            // Beside the list, or else as from where the command was called.
            let path = if beside.exists() { beside } else { PathBuf::from(file) };
            all.push((requirement.clone(), path));
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn lines_become_drafts() {
        let template = Draft { service: "ktp-el-hilang".into(), ..Draft::default() };
        let line = r#"{"nama": "Sri", "lampiran": {"surat_kehilangan": "a.jpg", "kk": ["b.jpg", "c.jpg"]}}"#;
        let draft = draft(&template, Path::new("/tidak/ada"), line).unwrap();
        assert_eq!(draft.fields, [("nama".to_owned(), "Sri".to_owned())]);
        let names: Vec<&str> =
            draft.attachments.iter().map(|(requirement, _)| requirement.as_str()).collect();
        assert_eq!(names, ["kk", "kk", "surat_kehilangan"]);
        assert_eq!(draft.attachments.last().unwrap().1, Path::new("a.jpg"));
    }

    #[test]
    fn wrong_lines_are_refused_without_repeating_them() {
        for wrong in ["[]", "x", r#"{"nik": 3312}"#, r#"{"lampiran": "a.jpg"}"#, r#"{"lampiran": {"kk": 1}}"#]
        {
            let said = draft(&Draft::default(), Path::new(""), wrong).unwrap_err().to_string();
            assert!(!said.contains("3312"), "{said}");
        }
    }

    #[test]
    fn a_line_has_its_limit() {
        let long = vec![b'x'; usize::try_from(MAX_LINE).unwrap() + 2];
        assert!(line(&mut &long[..], 1).is_err());
        assert_eq!(line(&mut &b"satu\ndua"[..], 1).unwrap().unwrap(), "satu\n");
        assert_eq!(line(&mut &b""[..], 1).unwrap(), None);
    }
}
