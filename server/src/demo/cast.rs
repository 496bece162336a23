//! The cast: staff at their desks, and officers with their phones.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use loket_core::catalogue::Role;
use loket_core::client::{self, SyncReport};
use loket_core::enrol::{CODE_BYTES, Code};
use loket_core::replica::view::Surroundings;
use serde_json::Value;

use super::{Figures, KECAMATAN, NEIGHBOUR, VILLAGE, expect, say};
use crate::config::{Failure, Folder, dice, now};
use crate::console::words;
use crate::office::access;
use crate::office::desk::DeskAct;
use crate::office::look::Look;

/// An officer's phone: a folder, opened for each thing that is done, as a phone is taken out of a pocket.
pub struct Phone {
    /// As the story calls it.
    pub name: &'static str,
    dir: PathBuf,
}

impl Phone {
    /// Its folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Opens it.
    pub fn open(&self) -> Result<client::Phone, Failure> {
        Ok(client::Phone::open(&self.dir)?)
    }

    /// Sets fields.
    pub fn set(&self, number: &str, fields: &[(&str, &str)]) -> Result<(), Failure> {
        let fields: Vec<_> =
            fields.iter().map(|(id, value)| ((*id).to_owned(), (*value).to_owned())).collect();
        self.open()?.set(number, &fields)?;
        Ok(())
    }

    /// Chooses between values.
    pub fn choose(&self, number: &str, field: &str, value: &str) -> Result<(), Failure> {
        self.open()?.choose(number, field, value)?;
        Ok(())
    }

    /// Submits.
    pub fn submit(&self, number: &str) -> Result<(), Failure> {
        self.open()?.submit(number)?;
        Ok(())
    }

    /// Reports a fact or asks for an act.
    pub fn act(&self, number: &str, act: &str, params: &[(String, String)]) -> Result<(), Failure> {
        self.open()?.act(number, act, None, params)?;
        Ok(())
    }

    /// All of an application.
    pub fn show(&self, number: &str) -> Result<Value, Failure> {
        Ok(self.open()?.show(number)?)
    }

    /// The marks of all its applications.
    pub fn list(&self) -> Result<Vec<&'static str>, Failure> {
        Ok(self.open()?.list()?.iter().map(|listed| listed.mark.as_str()).collect())
    }

    /// Syncs.
    pub async fn sync(&self) -> Result<SyncReport, Failure> {
        Ok(client::sync(self.open()?, &mut |_| {}).await?)
    }
}

/// Everybody.
pub struct Cast {
    /// The office's folder.
    pub office: Folder,
    /// Two phones of one village.
    pub first: Phone,
    /// The second.
    pub second: Phone,
    /// A phone of the neighbouring village.
    pub neighbour: Phone,
    /// The kecamatan's.
    pub kecamatan: Phone,
    /// Staff, by role.
    staff: BTreeMap<Role, u32>,
    /// What travelled.
    pub figures: Figures,
    /// Number of the application of the first chapters.
    pub story: String,
}

impl Cast {
    /// Adds the staff and enrols the phones.
    pub async fn gather(office: &Folder, url: &str) -> Result<Cast, Failure> {
        let names = [
            (Role::FrontOffice, "Sri Fiktif"),
            (Role::KasiPendaftaran, "Bambang Fiktif"),
            (Role::KasiPencatatanSipil, "Endang Fiktif"),
            (Role::LoketPengambilan, "Wahyu Fiktif"),
            (Role::BagianProduksi, "Ratna Fiktif"),
            (Role::KepalaDinas, "Haryanto Fiktif"),
            (Role::Admin, "Admin Fiktif"),
        ];
        let mut staff = BTreeMap::new();
        let mut open = office.office()?;
        for (role, name) in names {
            let (id, _) = open.write(|office| office.add_staff(role, name, &[]))?;
            staff.insert(role, id);
        }
        // The counters, of one place each.
        for (role, name, code) in [
            (Role::OperatorKecamatan, "Suparni Fiktif", KECAMATAN),
            (Role::OperatorDesa, "Jumadi Fiktif", VILLAGE),
        ] {
            let codes = [code.to_owned()];
            let (id, _) = open.write(|office| office.add_staff(role, name, &codes))?;
            staff.insert(role, id);
        }
        drop(open);
        let enrol = async |name, role, code, folder| enrol(office, url, name, role, code, folder).await;
        Ok(Cast {
            first: enrol("HP desa pertama", Role::OperatorDesa, VILLAGE, "hp-desa-1").await?,
            second: enrol("HP desa kedua", Role::OperatorDesa, VILLAGE, "hp-desa-2").await?,
            neighbour: enrol("HP desa tetangga", Role::OperatorDesa, NEIGHBOUR, "hp-tetangga").await?,
            kecamatan: enrol("HP kecamatan", Role::OperatorKecamatan, KECAMATAN, "hp-kecamatan").await?,
            office: office.clone(),
            staff,
            figures: Figures::default(),
            story: String::new(),
        })
    }

    /// Says who plays.
    pub fn introduce(&self) {
        let at = |code| loket_core::region::Regions::wonogiri().name(code).unwrap_or(code).to_owned();
        say(&format!(
            "{} petugas di meja Dinas dan di loket; dua HP di {}, satu di {}, satu di Kecamatan {}.",
            self.staff.len(),
            at(VILLAGE),
            at(NEIGHBOUR),
            at(KECAMATAN)
        ));
    }

    /// All phones.
    pub fn phones(&self) -> [&Phone; 4] {
        [&self.first, &self.second, &self.neighbour, &self.kecamatan]
    }

    /// The services, in the procedure's order.
    pub fn services(&self) -> Vec<String> {
        let catalogue = loket_core::catalogue::Catalogue::builtin();
        let mut services: Vec<_> = catalogue
            .files()
            .map(|file| (file.service.reference.clone(), file.service.service.clone()))
            .collect();
        services.sort();
        services.into_iter().map(|(_, service)| service).collect()
    }

    /// Syncs the first phone.
    pub async fn sync_first(&mut self) -> Result<(), Failure> {
        let report = self.first.sync().await?;
        self.figures.count(&report);
        Ok(())
    }

    /// Syncs the second phone.
    pub async fn sync_second(&mut self) -> Result<(), Failure> {
        let report = self.second.sync().await?;
        self.figures.count(&report);
        Ok(())
    }

    /// Syncs the phone of a counter.
    pub async fn sync_one(&mut self, role: Role) -> Result<(), Failure> {
        if let Some(phone) = self.phone_of(role) {
            let report = phone.sync().await?;
            self.figures.count(&report);
        }
        Ok(())
    }

    /// Syncs everybody.
    pub async fn sync_all(&mut self) -> Result<(), Failure> {
        for report in [
            self.first.sync().await?,
            self.second.sync().await?,
            self.neighbour.sync().await?,
            self.kecamatan.sync().await?,
        ] {
            self.figures.count(&report);
        }
        Ok(())
    }

    /// The phone of a counter.
    pub fn phone_of(&self, role: Role) -> Option<&Phone> {
        match role {
            Role::OperatorDesa => Some(&self.first),
            Role::OperatorKecamatan => Some(&self.kecamatan),
            _ => None,
        }
    }

    /// An official act at a desk.
    pub fn at_desk(
        &self,
        role: Role,
        number: &str,
        act: &str,
        reason: Option<&str>,
        params: Vec<(String, String)>,
    ) -> Result<(), Failure> {
        let staff = self.staff.get(&role).copied();
        let staff = staff.ok_or_else(|| Failure::new(format!("demo tidak punya petugas {role}")))?;
        let mut office = self.office.office()?;
        let (partition, id) = office.replica.need(number)?;
        let asked = DeskAct { act: act.to_owned(), staff, reason: reason.map(str::to_owned), params };
        let mut refused = None;
        office.write(|office| {
            refused = office.act(&partition, &id, asked, now(), &mut dice).err();
            Ok(())
        })?;
        match refused {
            None => Ok(()),
            Some(error) => Err(Failure::new(format!("{act}: {error}"))),
        }
    }

    /// Lets everybody at the office into the console: desk, number and password of each.
    pub fn let_in(&self) -> Result<Vec<(&'static str, u32, String)>, Failure> {
        let mut all = Vec::new();
        let mut office = self.office.office()?;
        for (role, staff) in &self.staff {
            let password = access::make_password(&mut dice);
            let (hash, secret) = access::make(&password, &mut dice)?;
            office.write(|office| office.set_access(*staff, hash, secret))?;
            all.push((words::desk(*role), *staff, password));
        }
        Ok(all)
    }

    /// All of an application, as the office sees it.
    pub fn office_show(&self, number: &str) -> Result<Value, Failure> {
        let office = self.office.office()?;
        let (partition, id) = office.replica.need(number)?;
        let case = office.replica.case(&partition, &id)?;
        let sms = |due: &loket_core::workflow::Due| office.replica.message_state(&case, due);
        let around = Surroundings { now: now(), mark: "office", sms: &sms, staff: &|_| None, me: None };
        Ok(office.replica.show(&case, &around)?)
    }
}

async fn enrol(
    office: &Folder,
    url: &str,
    name: &'static str,
    role: Role,
    code: &str,
    folder: &str,
) -> Result<Phone, Failure> {
    let mut bytes = [0; CODE_BYTES];
    dice(&mut bytes);
    let invitation = Code::new(bytes);
    let mut open = office.office()?;
    open.write(|office| {
        office.invite_device((role, &[code.to_owned()]), Some(name), (&invitation, false), now())
    })?;
    let dir = office.path().join(folder);
    let enrolled = client::enrol(&dir, url, &invitation.to_string()).await?;
    expect(enrolled.unsynced.is_none(), "HP baru tidak dapat sinkron")?;
    Ok(Phone { name, dir })
}

impl From<client::ClientError> for Failure {
    fn from(error: client::ClientError) -> Self {
        Self::new(error.to_string())
    }
}
