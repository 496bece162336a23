//! Print-outs: templates of `prints/`, filled with what a page tells of an application and laid out as pages for a browser
//! and as PDF. An office's own version of a template, in the folder `cetak`, takes the place of the built-in one.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use loket_core::catalogue::Service;
use serde_json::Value;
use typst::diag::{FileError, FileResult, SourceDiagnostic};
use typst::foundations::{Bytes, Datetime, Duration};
use typst::syntax::{FileId, RootedPath, Source, VirtualPath, VirtualRoot};
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;
use typst::{Library, LibraryExt, World};
use typst_layout::PagedDocument;

mod codes;

pub use codes::{Picture, code128, qr};

/// Folder of an office's own templates, in its folder.
pub const FOLDER: &str = "cetak";
/// Largest template, in bytes.
const MAX_TEMPLATE: u64 = 256 << 10;
/// Largest data of one print-out, in bytes.
const MAX_DATA: usize = 1 << 20;
/// Pages of one print-out.
pub const MAX_PAGES: usize = 40;

/// What every template takes in: the frame with the office's name.
const FRAME: &str = "rangka.typ";
/// What is filled in, as the templates read it.
const DATA: &str = "data.json";
/// Families of the built-in fonts that are used.
const FAMILIES: [&str; 2] = ["Libertinus Serif", "DejaVu Sans Mono"];

/// The templates that every program carries.
const TEMPLATES: [(&str, &str); 10] = [
    (FRAME, include_str!("../prints/rangka.typ")),
    ("amplop.typ", include_str!("../prints/amplop.typ")),
    ("f-1.02.typ", include_str!("../prints/f-1.02.typ")),
    ("f-1.06.typ", include_str!("../prints/f-1.06.typ")),
    ("f-2.01.typ", include_str!("../prints/f-2.01.typ")),
    ("kiriman.typ", include_str!("../prints/kiriman.typ")),
    ("label.typ", include_str!("../prints/label.typ")),
    ("permohonan_cetak.typ", include_str!("../prints/permohonan_cetak.typ")),
    ("surat.typ", include_str!("../prints/surat.typ")),
    ("tanda-terima.typ", include_str!("../prints/tanda-terima.typ")),
];

/// Why something is not printed.
#[derive(Debug, thiserror::Error)]
pub enum PressError {
    /// No such template.
    #[error("lembar {0} tidak dikenal")]
    Unknown(String),
    /// Too much for one print-out.
    #[error("terlalu banyak untuk satu cetakan")]
    TooLarge,
    /// A template is wrong.
    #[error("template {template} salah: {cause}")]
    Template {
        /// Which.
        template: String,
        /// What is wrong with it; nothing of what was filled in.
        cause: String,
    },
    /// A template of the office's own cannot be read.
    #[error("template {0} tidak dapat dibaca: {1}")]
    Unreadable(String, String),
}

/// Fonts and templates.
pub struct Press {
    templates: BTreeMap<String, String>,
}

/// The fonts of every print-out.
struct Fonts {
    all: Vec<Font>,
    book: LazyHash<FontBook>,
    library: LazyHash<Library>,
}

static FONTS: LazyLock<Fonts> = LazyLock::new(|| {
    let carried = typst_assets::fonts().flat_map(|file| Font::iter(Bytes::new(file)));
    let all: Vec<Font> = carried.filter(|font| FAMILIES.contains(&font.info().family.as_str())).collect();
    let book = LazyHash::new(FontBook::from_fonts(&all));
    Fonts { all, book, library: LazyHash::new(Library::default()) }
});

/// What is printed.
pub struct Printed {
    document: PagedDocument,
}

impl Printed {
    /// Number of pages.
    pub fn pages(&self) -> usize {
        self.document.pages().len()
    }

    /// A page, from 1, as SVG; none where there is no such page.
    pub fn svg(&self, page: usize) -> Option<String> {
        let page = self.document.pages().get(page.checked_sub(1)?)?;
        Some(typst_svg::svg(page, &typst_svg::SvgOptions::default()))
    }

    /// All of it as PDF, with its text.
    pub fn pdf(&self) -> Result<Vec<u8>, PressError> {
        let made = typst_pdf::pdf(&self.document, &typst_pdf::PdfOptions::default());
        made.map_err(|wrong| mistaken("pdf", &wrong))
    }
}

impl Press {
    /// The built-in templates, and in their place the office's own.
    ///
    /// # Errors
    /// Where one of the office's own cannot be read or is too large.
    pub fn load(office: &Path) -> Result<Self, PressError> {
        let mut templates: BTreeMap<String, String> =
            TEMPLATES.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let Ok(entries) = fs::read_dir(office.join(FOLDER)) else { return Ok(Self { templates }) };
        for entry in entries.flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            if !name.ends_with(".typ") {
                continue;
            }
            let unreadable = |cause: String| PressError::Unreadable(name.clone(), cause);
            let length = entry.metadata().map_err(|error| unreadable(error.to_string()))?.len();
            if length > MAX_TEMPLATE {
                return Err(unreadable(format!("lebih dari {MAX_TEMPLATE} bita")));
            }
            let text = fs::read_to_string(entry.path()).map_err(|error| unreadable(error.to_string()))?;
            templates.insert(name, text);
        }
        Ok(Self { templates })
    }

    /// Whether there is a template of this name.
    pub fn knows(&self, name: &str) -> bool {
        self.templates.contains_key(&file_of(name)) && file_of(name) != FRAME
    }

    /// Names of the statutory forms of a service for which there is a template.
    pub fn forms<'s>(&self, service: &'s Service) -> Vec<&'s str> {
        service.forms.iter().map(String::as_str).filter(|form| self.knows(form)).collect()
    }

    /// Fills a template.
    pub fn set(&self, name: &str, data: &Value, pictures: &[Picture]) -> Result<Printed, PressError> {
        if !self.knows(name) {
            return Err(PressError::Unknown(name.to_owned()));
        }
        let data = data.to_string().into_bytes();
        if data.len() > MAX_DATA {
            return Err(PressError::TooLarge);
        }
        let job = Job { templates: &self.templates, main: file_of(name), data: Bytes::new(data), pictures };
        let made = typst::compile::<PagedDocument>(&job).output;
        // What was laid out is somebody's; the next one starts from nothing.
        comemo::evict(0);
        let document = made.map_err(|wrong| mistaken(name, &wrong))?;
        if document.pages().len() > MAX_PAGES {
            return Err(PressError::TooLarge);
        }
        Ok(Printed { document })
    }
}

/// The file of a template: forms are written with capitals, files without.
fn file_of(name: &str) -> String {
    format!("{}.typ", name.to_lowercase())
}

fn mistaken(template: &str, wrong: &[SourceDiagnostic]) -> PressError {
    let cause = wrong.first().map(|one| one.message.to_string()).unwrap_or_default();
    PressError::Template { template: template.to_owned(), cause }
}

/// One print-out, as the layouter asks for it: it sees the templates, the data and the pictures, and nothing else.
struct Job<'a> {
    templates: &'a BTreeMap<String, String>,
    main: String,
    data: Bytes,
    pictures: &'a [Picture],
}

impl Job<'_> {
    fn name(id: FileId) -> String {
        id.get().vpath().get_without_slash().to_owned()
    }
}

impl World for Job<'_> {
    fn library(&self) -> &LazyHash<Library> {
        &FONTS.library
    }

    fn book(&self) -> &LazyHash<FontBook> {
        &FONTS.book
    }

    fn main(&self) -> FileId {
        // Every name is a template's, and those are paths.
        let path = VirtualPath::new(&self.main).or_else(|_| VirtualPath::new(FRAME));
        FileId::new(RootedPath::new(VirtualRoot::Project, path.unwrap_or_else(|_| unreachable!())))
    }

    fn source(&self, id: FileId) -> FileResult<Source> {
        let text = self.templates.get(&Self::name(id)).ok_or(FileError::AccessDenied)?;
        Ok(Source::new(id, text.clone()))
    }

    fn file(&self, id: FileId) -> FileResult<Bytes> {
        let name = Self::name(id);
        if name == DATA {
            return Ok(self.data.clone());
        }
        let picture = self.pictures.iter().find(|picture| picture.name == name);
        Ok(Bytes::from_string(picture.ok_or(FileError::AccessDenied)?.svg.clone()))
    }

    fn font(&self, index: usize) -> Option<Font> {
        FONTS.all.get(index).cloned()
    }

    fn today(&self, _: Option<Duration>) -> Option<Datetime> {
        None
    }
}

#[cfg(test)]
mod tests;
