//! Where the office stands: what was filed, what waits and how long, which villages file well, whose phone is silent.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use loket_core::catalogue::Role;

use super::page::{Page, Trouble, send};
use super::session::Entered;
use super::{plots, words};
use crate::app::App;
use crate::figures::{AGES, Figures, latest};

/// Who leads the office or one of its sections.
const LEADS: [Role; 4] = [Role::KepalaDinas, Role::KasiPendaftaran, Role::KasiPencatatanSipil, Role::Admin];
/// Villages in the plot: those that filed most.
const PLACES: usize = 20;
/// Silent devices that are named.
const SILENT: usize = 200;
const PERCENT: u64 = 100;

#[derive(Template)]
#[template(path = "angka.html")]
struct FiguresPage {
    page: Page,
    /// None while they are being worked out.
    at: Option<String>,
    plots: Vec<Plot>,
    ages: Vec<&'static str>,
    desks: Vec<DeskLine>,
    silent: Vec<(String, String)>,
}

/// A plot with its figures.
struct Plot {
    title: &'static str,
    unit: &'static str,
    svg: String,
    figures: Vec<(String, u64)>,
}

/// A desk's queue.
struct DeskLine {
    desk: &'static str,
    ages: [u64; 4],
    late: String,
}

/// Whether the figures are somebody's to see.
pub fn leads(role: Role) -> bool {
    LEADS.contains(&role)
}

/// `GET /kantor/angka`.
pub async fn show(State(app): State<Arc<App>>, entered: Entered) -> Result<Response, Trouble> {
    if !leads(entered.staff.role) {
        return Err(Trouble::Forbidden);
    }
    let page = Page::of(&entered);
    let made = match latest(&app).await {
        Some(figures) => make(page, &figures),
        None => {
            let (plots, ages, desks, silent) = Default::default();
            FiguresPage { page, at: None, plots, ages, desks, silent }
        }
    };
    Ok(send(StatusCode::OK, &made))
}

fn make(page: Page, figures: &Figures) -> FiguresPage {
    let mut places: Vec<_> = figures.places.iter().filter(|place| place.filed > 0).collect();
    places.sort_by_key(|place| std::cmp::Reverse(place.filed));
    places.truncate(PLACES);
    let filed = places.iter().map(|place| (place.name.clone(), place.filed)).collect();
    let rate = |place: &&&crate::figures::PlaceFigures| place.right * PERCENT / place.filed.max(1);
    let right = places.iter().map(|place| (place.name.clone(), rate(&place))).collect();
    let late = figures.desks.iter().filter(|desk| desk.clocked.0 > 0);
    let late =
        late.map(|desk| (words::desk(desk.desk).to_owned(), desk.clocked.1 * PERCENT / desk.clocked.0));
    let line = |desk: &crate::figures::DeskFigures| DeskLine {
        desk: words::desk(desk.desk),
        ages: desk.ages,
        late: format!("{} dari {}", desk.clocked.1, desk.clocked.0),
    };
    let silent = figures.silent.iter().take(SILENT).map(|(officer, seen)| {
        (officer.clone(), seen.map_or_else(|| "belum pernah terdengar".to_owned(), words::moment))
    });
    FiguresPage {
        page,
        at: Some(words::moment(figures.at)),
        plots: vec![
            plot("Permohonan yang diajukan, menurut layanan", "permohonan", figures.services.clone(), None),
            plot("Yang belum selesai, menurut keadaan", "permohonan", figures.states.clone(), None),
            plot("Desa dan loket yang terbanyak mengajukan", "permohonan", filed, None),
            plot("Tidak pernah dikembalikan (di desa dan loket itu)", "persen", right, Some(PERCENT)),
            plot(
                "Lewat target waktu, jeda tidak dihitung (berkas tertua tiap meja)",
                "persen",
                late.collect(),
                Some(PERCENT),
            ),
        ],
        ages: AGES.iter().map(|(_, words)| *words).collect(),
        desks: figures.desks.iter().map(line).collect(),
        silent: silent.collect(),
    }
}

fn plot(title: &'static str, unit: &'static str, figures: Vec<(String, u64)>, most: Option<u64>) -> Plot {
    let most = most.unwrap_or_else(|| figures.iter().map(|(_, count)| *count).max().unwrap_or_default());
    Plot { title, unit, svg: plots::bars(&figures, most), figures }
}
