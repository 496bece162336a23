//! Who works where: members of staff and devices of each kecamatan and village.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use loket_core::journal::Partition;
use loket_core::replica::{Replica, ReplicaError};
use loket_core::store::Store;

use super::super::page::{Page, Trouble, send};
use super::super::session::Entered;
use super::only_admin;
use crate::app::App;
use crate::office::look::Look;

#[derive(Template)]
#[template(path = "wilayah.html")]
struct RegionsPage {
    page: Page,
    kecamatan: Vec<Kecamatan>,
}

struct Kecamatan {
    name: String,
    code: String,
    devices: usize,
    staff: usize,
    villages: Vec<Village>,
    /// Villages without any device.
    silent: usize,
}

struct Village {
    name: String,
    code: String,
    devices: usize,
}

/// `GET /kantor/wilayah`.
pub async fn show(State(app): State<Arc<App>>, entered: Entered) -> Result<Response, Trouble> {
    only_admin(&entered)?;
    let kecamatan = app.readers.run(all).await??;
    Ok(send(StatusCode::OK, &RegionsPage { page: Page::of(&entered), kecamatan }))
}

fn all<S: Store>(replica: &Replica<S>) -> Result<Vec<Kecamatan>, ReplicaError> {
    let (mut devices, mut staff): (BTreeMap<Partition, usize>, BTreeMap<Partition, usize>) =
        Default::default();
    for partition in replica.devices()?.into_iter().flat_map(|device| device.partitions) {
        *devices.entry(partition).or_default() += 1;
    }
    let at_work = replica.staff_list()?.into_iter().filter(|staff| staff.ended.is_none());
    for partition in at_work.flat_map(|staff| staff.partitions) {
        *staff.entry(partition).or_default() += 1;
    }
    let count = |counts: &BTreeMap<Partition, usize>, place| {
        counts.get(&Partition::Place(place)).copied().unwrap_or_default()
    };
    let kecamatan = replica.regions().kecamatan().into_iter().map(|(place, name)| {
        let villages = replica.regions().villages_of(place).into_iter();
        let village = |(place, name): (loket_core::journal::Place, &str)| Village {
            name: name.to_owned(),
            code: place.to_string(),
            devices: count(&devices, place),
        };
        let villages: Vec<Village> = villages.map(village).collect();
        Kecamatan {
            name: name.to_owned(),
            code: place.to_string(),
            devices: count(&devices, place),
            staff: count(&staff, place),
            silent: villages.iter().filter(|village| village.devices == 0).count(),
            villages,
        }
    });
    Ok(kecamatan.collect())
}
