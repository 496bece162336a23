//! Every URL of the office.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, head, post};

use crate::app::App;
use crate::config::limits;
use crate::{api, attachments, enrol, sms, status, sync};

/// The routes.
pub fn router(app: Arc<App>) -> Router {
    let attachment = head(attachments::head).get(attachments::get).patch(attachments::patch);
    Router::new()
        .route("/", get(welcome))
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
        .route("/status", get(status::show).post(status::ask).layer(DefaultBodyLimit::max(limits::BODY)))
        .merge(console())
        .merge(interface())
        .route("/v1/enrol", post(enrol::enrol).layer(DefaultBodyLimit::max(limits::BODY)))
        .route("/v1/sync", get(sync::upgrade))
        .route(
            "/v1/sms/{token}",
            get(sms::report).post(sms::report).layer(DefaultBodyLimit::max(limits::BODY)),
        )
        .route("/v1/attachments/{partition}/{hash}", attachment.layer(DefaultBodyLimit::disable()))
        .fallback(nothing)
        .with_state(app)
}

/// The console's pages.
fn console() -> Router<Arc<App>> {
    use crate::console::{
        application, assets, blanks, compare, counter, dashboard, desk, live, prints, scan, search,
        shipments, signin,
    };
    Router::new()
        .route("/aset/{hash}/{name}", get(assets::get))
        .route("/kantor", get(desk::home))
        .route("/kantor/masuk", get(signin::show).post(signin::sign_in))
        .route("/kantor/keluar", post(signin::sign_out))
        .route("/kantor/angka", get(dashboard::show))
        .route("/kantor/cari", get(search::show).post(search::search))
        .route("/kantor/antrean/{desk}", get(desk::show))
        .route("/kantor/antrean/{desk}/berita", get(live::listen))
        .route("/kantor/berkas/{number}", get(application::show))
        .route("/kantor/berkas/{number}/buka", post(application::open))
        .route("/kantor/berkas/{number}/tindakan/{act}", post(application::act))
        .route("/kantor/berkas/{number}/lampiran/{hash}", get(scan::get))
        .route("/kantor/baru", get(counter::choose).post(counter::open))
        .route("/kantor/berkas/{number}/isi", get(counter::show).post(counter::save))
        .route(
            "/kantor/berkas/{number}/lampirkan",
            post(counter::attach).layer(DefaultBodyLimit::max(limits::UPLOAD)),
        )
        .route("/kantor/berkas/{number}/periksa", post(application::check))
        .route("/kantor/berkas/{number}/bandingkan/{other}", get(compare::show))
        .route("/kantor/berkas/{number}/cetak/{print}", get(prints::show))
        .route("/kantor/berkas/{number}/cetak/{print}/{part}", get(prints::part))
        .route("/kantor/blangko", get(blanks::show))
        .route("/kantor/blangko/catat", post(blanks::tell))
        .route("/kantor/blangko/{site}/{kind}", get(blanks::ledger))
        .route("/kantor/kiriman", get(shipments::show))
        .route("/kantor/kiriman/kirim", post(shipments::send_cards))
        .route("/kantor/kiriman/{name}", get(shipments::one))
        .route("/kantor/kiriman/{name}/terima", post(shipments::receive))
        .route("/kantor/kiriman/{name}/cetak", get(shipments::print))
        .route("/kantor/kiriman/{name}/cetak/{part}", get(shipments::part))
        .merge(administration())
        .layer(DefaultBodyLimit::max(limits::FORM))
}

/// The administrator's pages.
fn administration() -> Router<Arc<App>> {
    use crate::console::admin::{
        self, calendar, counters, devices, export, readings, regions, retention, services, staff, texts,
    };
    Router::new()
        .route("/kantor/kelola", get(admin::index))
        .route("/kantor/perangkat", get(devices::show))
        .route("/kantor/perangkat/undang", post(devices::invite))
        .route("/kantor/perangkat/cocokkan", post(devices::confirm))
        .route("/kantor/perangkat/cabut", post(devices::revoke))
        .route("/kantor/perangkat/{device}", get(devices::held))
        .route("/kantor/petugas", get(staff::show))
        .route("/kantor/petugas/tambah", post(staff::add))
        .route("/kantor/petugas/akses", post(staff::give))
        .route("/kantor/petugas/akhiri", post(staff::end))
        .route("/kantor/katalog", get(services::show))
        .route("/kantor/katalog/periksa", post(services::check))
        .route("/kantor/katalog/umumkan", post(services::publish))
        .route("/kantor/katalog/{service}", get(services::download))
        .route("/kantor/katalog/{service}/sms", get(texts::show).post(texts::change))
        .route("/kantor/kalender", get(calendar::show))
        .route("/kantor/kalender/jam", post(calendar::set_hours))
        .route("/kantor/kalender/libur", post(calendar::set_holidays))
        .route("/kantor/loket", get(counters::show))
        .route("/kantor/loket/nama", post(counters::name))
        .route("/kantor/loket/alamat", post(counters::place))
        .route("/kantor/wilayah", get(regions::show))
        .route("/kantor/retensi", get(retention::show))
        .route("/kantor/pembacaan", get(readings::show))
        .route("/kantor/ekspor", get(export::show))
        .route("/kantor/ekspor/daftar", post(export::list))
        .route("/kantor/ekspor/orang", post(export::person))
}

/// What the office's own systems ask.
fn interface() -> Router<Arc<App>> {
    Router::new()
        .route("/v1/api/openapi.json", get(api::description))
        .route("/v1/api/figures", get(api::figures))
        .route("/v1/api/services", get(api::services))
        .route("/v1/api/services/{service}", get(api::service))
        .route("/v1/api/queues/{desk}", get(api::queue))
        .route("/v1/api/applications/{number}", get(api::application))
        .route("/v1/api/applications/{number}/acts/{act}", post(api::act))
        .route("/v1/api/search", post(api::search))
        .layer(DefaultBodyLimit::max(limits::FORM))
}

/// For whoever opens the address in a browser.
async fn welcome() -> Html<&'static str> {
    Html(WELCOME)
}

const WELCOME: &str = r#"<!doctype html>
<html lang="id">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Loket Dukcapil</title>
<style>body{font:1.1rem/1.6 system-ui,sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}</style>
<h1>Loket Dukcapil</h1>
<p>Ini alamat kantor tempat HP petugas desa dan kecamatan menyerahkan permohonan dokumen kependudukan
(KTP-el, KIA, dan peristiwa penting lainnya) dan menerima keputusannya.</p>
<p><strong>Pemohon:</strong> periksa <a href="/status">status permohonan</a> dengan nomor pendaftaran, atau tanyakan
kepada petugas desa atau kecamatan. Semua layanan gratis.</p>
<p><strong>Petugas Dinas:</strong> masuk ke <a href="/kantor">meja Anda</a>.</p>
<p><strong>Petugas:</strong> buka aplikasi Loket di HP, lalu daftarkan perangkat dengan alamat ini dan kode dari
Dinas. Kode dibuat dengan perintah <code>loket invite</code>.</p>
<p><strong>Pengelola:</strong> <a href="/healthz">kesehatan sistem</a> dan <a href="/metrics">angka-angka</a>.</p>
</html>
"#;

/// Whether the store can be read and the writer writes.
async fn health(State(app): State<Arc<App>>) -> Response {
    use std::sync::atomic::Ordering;
    let read = app.readers.run(|replica| replica.meta("office_epoch").map(|row| row.is_some())).await;
    let cause = match read {
        Ok(Ok(true)) if !app.writer.has_ended() && !app.writer.is_ill() => {
            app.unwell.store(false, Ordering::Relaxed);
            return "ok".into_response();
        }
        Ok(Ok(_)) => "the writer has ended, or the store has failed or is empty".to_owned(),
        Ok(Err(error)) => error.to_string(),
        Err(failure) => failure.to_string(),
    };
    if !app.unwell.swap(true, Ordering::Relaxed) {
        tracing::error!(cause, "not healthy");
    }
    (StatusCode::SERVICE_UNAVAILABLE, "tidak sehat").into_response()
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    app.metrics.run_upkeep();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], app.metrics.render()).into_response()
}

async fn nothing() -> Response {
    (StatusCode::NOT_FOUND, "halaman tidak ada: mulai dari /").into_response()
}
