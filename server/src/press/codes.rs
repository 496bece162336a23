//! Codes that a scanner reads, as pictures for print-outs.

use barcoders::sym::code128::Code128;
use qrcode::QrCode;
use qrcode::render::svg;

/// Longest text of a code, in characters.
const MAX_CODE: usize = 200;
/// Smallest edge of a QR code's picture, in dots.
const QR_EDGE: u32 = 160;
/// What puts Code 128 into its set B: letters, digits and the hyphen.
const SET_B: char = '\u{0181}';
/// Empty modules before and behind a bar code, which scanners need.
const QUIET: usize = 10;
/// Height of a bar code, in modules.
const HEIGHT: usize = 40;

/// A picture that a template names.
pub struct Picture {
    /// Name.
    pub name: String,
    /// The picture.
    pub svg: String,
}

/// A QR code; none of a text that is too long.
pub fn qr(name: &str, text: &str) -> Option<Picture> {
    let code = QrCode::new(text.get(..text.len().min(MAX_CODE))?).ok().filter(|_| text.len() <= MAX_CODE)?;
    let svg = code.render::<svg::Color<'_>>().min_dimensions(QR_EDGE, QR_EDGE).build();
    Some(Picture { name: name.to_owned(), svg })
}

/// A bar code after Code 128; none of a text that is too long or has other letters than ASCII.
pub fn code128(name: &str, text: &str) -> Option<Picture> {
    if text.is_empty() || text.len() > MAX_CODE || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    let modules = Code128::new(format!("{SET_B}{text}")).ok()?.encode();
    let width = modules.len() + 2 * QUIET;
    let mut bars = String::new();
    for (at, run) in runs(&modules) {
        bars.push_str(&format!("<rect x=\"{}\" width=\"{run}\" height=\"{HEIGHT}\"/>", at + QUIET));
    }
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {HEIGHT}\" width=\"{width}\" \
         height=\"{HEIGHT}\" shape-rendering=\"crispEdges\">{bars}</svg>"
    );
    Some(Picture { name: name.to_owned(), svg })
}

/// Where each bar begins, and how wide it is.
fn runs(modules: &[u8]) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (at, _) in modules.iter().enumerate().filter(|(_, module)| **module == 1) {
        match runs.last_mut() {
            Some((begin, width)) if *begin + *width == at => *width += 1,
            _ => runs.push((at, 1)),
        }
    }
    runs
}
