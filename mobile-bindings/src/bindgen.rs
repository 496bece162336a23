//! Writes the Kotlin, Swift or Python of a built library: `loket-bindgen generate --library PATH --language L --out-dir D`.

fn main() {
    uniffi::uniffi_bindgen_main();
}
