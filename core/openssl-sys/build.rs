//! Lays AWS-LC's headers and `EVP_MAC` beside them where the C build of SQLCipher looks for OpenSSL's.

#![allow(clippy::print_stdout, reason = "it is how a build script speaks")]

use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=evp_mac.h");
    let headers = env::vars().find(|(name, _)| name.starts_with("DEP_AWS_LC_") && name.ends_with("_INCLUDE"));
    let (_, headers) =
        headers.ok_or_else(|| io::Error::other("aws-lc-sys does not say where its headers are"))?;
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    let include = PathBuf::from(out).join("include");
    copy(&Path::new(&headers).join("openssl"), &include.join("openssl"))?;
    fs::copy("evp_mac.h", include.join("openssl/evp_mac.h"))?;
    let evp = include.join("openssl/evp.h");
    let mut text = fs::read_to_string(&evp)?;
    text.push_str("\n#include <openssl/evp_mac.h>\n");
    fs::write(&evp, text)?;
    println!("cargo:include={}", include.display());
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::write(&target, fs::read(entry.path())?)?;
        }
    }
    Ok(())
}
