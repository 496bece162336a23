//! Whether a photo of a paper can be read: looked at before the applicant leaves with the paper.

use crate::error::LoketError;

/// Largest picture that is looked at, in pixels on its longer side: the app scales it down before.
const MAX_SIDE: u32 = 4096;
/// Smallest, likewise.
const MIN_SIDE: u32 = 64;
/// A pixel at least so bright is blown out: nothing can be read where paper is whiter than white.
const BLOWN: u8 = 250;
/// One at most so dark is lost.
const DARK: u8 = 40;
/// Sides of the squares that are looked at one by one, in pixels.
const SQUARE: usize = 32;
/// Share of squares that may be wholly blown out where there should be print, in hundredths.
const MOST_GLARE: usize = 12;
/// Mean brightness below which a picture is too dark.
const DIMMEST: u64 = 70;
/// Least variance of the edges in the sharpest tenth of squares. Print that is in focus is above it, print that is
/// blurred over six pixels below.
const LEAST_EDGE: u64 = 120;

/// What a photo looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum PhotoVerdict {
    /// It can be read.
    Legible,
    /// Out of focus, or moved.
    Blurred,
    /// A lamp or the sun is mirrored in it.
    Glare,
    /// Too little light.
    Dark,
}

/// A verdict with what to do.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct PhotoCheck {
    /// The verdict. A hint: the officer may keep the photo all the same.
    pub verdict: PhotoVerdict,
    /// What to do, for the officer.
    pub sentence: String,
}

/// Looks whether a photo can be read, from its brightness: one byte a pixel, row by row. The app scales the photo to
/// about 1,000 pixels on its longer side before.
///
/// # Errors
/// [`LoketError::Input`] where sides and bytes do not fit each other, or it is too small or too large.
#[uniffi::export]
pub fn check_photo(width: u32, height: u32, brightness: Vec<u8>) -> Result<PhotoCheck, LoketError> {
    let fits = [width, height].iter().all(|side| (MIN_SIDE..=MAX_SIDE).contains(side))
        && u64::from(width) * u64::from(height) == brightness.len() as u64;
    if !fits {
        return Err(LoketError::input("foto tidak terbaca: ambil lagi"));
    }
    let verdict = judge(width as usize, &brightness);
    let sentence = match verdict {
        PhotoVerdict::Legible => "foto terbaca",
        PhotoVerdict::Blurred => "foto buram: pegang HP diam, ketuk layar agar fokus, lalu ambil lagi",
        PhotoVerdict::Glare => "foto silau: miringkan kertas atau jauhkan dari lampu, lalu ambil lagi",
        PhotoVerdict::Dark => "foto gelap: cari tempat yang terang atau nyalakan lampu, lalu ambil lagi",
    };
    Ok(PhotoCheck { verdict, sentence: sentence.to_owned() })
}

fn judge(width: usize, pixels: &[u8]) -> PhotoVerdict {
    let sum: u64 = pixels.iter().map(|pixel| u64::from(*pixel)).sum();
    let lost = pixels.iter().filter(|pixel| **pixel <= DARK).count();
    if sum / (pixels.len() as u64).max(1) < DIMMEST || lost * 2 > pixels.len() {
        return PhotoVerdict::Dark;
    }
    let rows: Vec<&[u8]> = pixels.chunks_exact(width).collect();
    let bands = rows.chunks(SQUARE).filter(|band| band.len() == SQUARE);
    let squares = bands.flat_map(|band| (0..width / SQUARE).map(move |n| square(band, n * SQUARE)));
    let mut edges = Vec::new();
    let mut blown = 0;
    for (edge, glare) in squares {
        blown += usize::from(glare);
        edges.push(edge);
    }
    edges.sort_unstable_by(|a, b| b.cmp(a));
    if blown * 100 > edges.len() * MOST_GLARE {
        return PhotoVerdict::Glare;
    }
    let sharpest = edges.get(edges.len() / 10).copied().unwrap_or_default();
    if sharpest < LEAST_EDGE { PhotoVerdict::Blurred } else { PhotoVerdict::Legible }
}

/// Of one square: the mean square of the Laplacian, which is large where there are edges, and whether it is blown out.
fn square(band: &[&[u8]], left: usize) -> (u64, bool) {
    let at = |row: usize, column: usize| {
        i64::from(band.get(row).and_then(|row| row.get(left + column)).copied().unwrap_or_default())
    };
    let mut edges = 0;
    let mut blown = 0;
    for row in 0..SQUARE {
        for column in 0..SQUARE {
            let here = at(row, column);
            blown += usize::from(here >= i64::from(BLOWN));
            if (1..SQUARE - 1).contains(&row) && (1..SQUARE - 1).contains(&column) {
                let around =
                    at(row - 1, column) + at(row + 1, column) + at(row, column - 1) + at(row, column + 1);
                edges += (4 * here - around).pow(2).unsigned_abs();
            }
        }
    }
    let inner = ((SQUARE - 2) * (SQUARE - 2)) as u64;
    (edges / inner, blown * 10 > SQUARE * SQUARE * 9)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    const WIDTH: usize = 640;
    const HEIGHT: usize = 900;

    /// A page of "print": rows of dark strokes on paper of this brightness.
    fn page(paper: u8, ink: u8) -> Vec<u8> {
        let stroke = |x: usize, y: usize| y % 16 < 8 && x % 7 < 3 && !(x / 90 + y / 16).is_multiple_of(5);
        let pixel = |n: usize| if stroke(n % WIDTH, n / WIDTH) { ink } else { paper };
        (0..WIDTH * HEIGHT).map(pixel).collect()
    }

    /// As a lens out of focus: each pixel becomes the mean of its neighbourhood.
    fn blurred(page: &[u8], by: usize) -> Vec<u8> {
        let mean = |n: usize| {
            let (x, y) = (n % WIDTH, n / WIDTH);
            let columns = x.saturating_sub(by)..=(x + by).min(WIDTH - 1);
            let rows = y.saturating_sub(by)..=(y + by).min(HEIGHT - 1);
            let all = rows.flat_map(|y| columns.clone().map(move |x| u64::from(page[y * WIDTH + x])));
            let (sum, count) = all.fold((0, 0), |(sum, count), pixel| (sum + pixel, count + 1));
            u8::try_from(sum / count).unwrap()
        };
        (0..page.len()).map(mean).collect()
    }

    fn verdict(page: Vec<u8>) -> PhotoVerdict {
        check_photo(640, 900, page).unwrap().verdict
    }

    #[test]
    fn what_can_be_read_is_told_from_what_cannot() {
        let sharp = page(200, 60);
        assert_eq!(verdict(sharp.clone()), PhotoVerdict::Legible);
        assert_eq!(verdict(blurred(&sharp, 1)), PhotoVerdict::Legible);
        assert_eq!(verdict(blurred(&sharp, 6)), PhotoVerdict::Blurred);
        assert_eq!(verdict(page(60, 20)), PhotoVerdict::Dark);
        let mut mirrored = sharp;
        mirrored[..WIDTH * HEIGHT / 4].fill(255);
        assert_eq!(verdict(mirrored), PhotoVerdict::Glare);
        assert_eq!(verdict(vec![200; WIDTH * HEIGHT]), PhotoVerdict::Blurred);
    }

    #[test]
    fn a_picture_that_is_none_is_refused() {
        for (width, height, bytes) in [(0, 0, 0), (640, 900, 5), (u32::MAX, u32::MAX, 1), (63, 64, 63 * 64)] {
            assert!(matches!(check_photo(width, height, vec![0; bytes]), Err(LoketError::Input { .. })));
        }
    }
}
