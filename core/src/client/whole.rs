//! A bundle's file: whole and durable, or not there.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::Path;

use crate::bundle::BundleError;

/// Writes a file so that it is there whole and durable, or not at all.
pub fn write_whole<T, E: From<BundleError>>(
    path: &Path,
    write: impl FnOnce(BufWriter<File>) -> Result<(BufWriter<File>, T), E>,
) -> Result<T, E> {
    let mut new = path.as_os_str().to_owned();
    new.push(".part");
    let made = File::create(&new).map_err(|error| E::from(error.into()));
    let written = made.and_then(|file| write(BufWriter::new(file))).and_then(|(file, value)| {
        keep(file, Path::new(&new), path)?;
        Ok(value)
    });
    if written.is_err() {
        // Where it cannot be removed, it stays: a file that nobody takes for a bundle.
        let _ = fs::remove_file(&new);
    }
    written
}

fn keep(file: BufWriter<File>, new: &Path, path: &Path) -> Result<(), BundleError> {
    file.into_inner().map_err(|error| BundleError::from(error.into_error()))?.sync_all()?;
    fs::rename(new, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if cfg!(unix) {
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}
