//! What an applicant takes home, and whether everything has arrived.

use loket_core::client::Phone;

use crate::error::LoketError;
use crate::form;
use crate::list::WorkProgress;

/// That it costs nothing, as the law says and as applicants should read.
const FREE: &str = "Pengurusan dokumen kependudukan tidak dipungut biaya.";

/// An application's receipt, for the screen, a message, or paper.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct ApplicationReceipt {
    /// The registration number.
    pub number: String,
    /// The service, for people; nothing for a need-to-know application, whose paper others may see.
    pub title: Option<String>,
    /// The applicant; nothing likewise.
    pub name: Option<String>,
    /// Titles of the papers that were photographed, likewise.
    pub papers: Vec<String>,
    /// Where its state can be asked for, with the number and the date of birth.
    pub status_address: String,
    /// How far the work on it has come.
    pub progress: WorkProgress,
    /// All of it as lines of text, in Indonesian, to be shown, sent or printed as they are.
    pub lines: Vec<String>,
}

/// Whether everything has arrived, over all that is on this phone.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Tally {
    /// Applications on this phone.
    pub applications: u32,
    /// Those of which the office durably holds everything.
    pub receipted: u32,
    /// Those of which something is only here or with a neighbour.
    pub hanging: u32,
    /// Those with edits that the office holds back.
    pub held: u32,
}

/// Counts what has arrived, from the office's receipts alone.
pub(crate) fn tally(phone: &Phone) -> Result<Tally, LoketError> {
    let mut tally = Tally { applications: 0, receipted: 0, hanging: 0, held: 0 };
    for listed in phone.list()? {
        tally.applications += 1;
        match WorkProgress::from(listed.mark) {
            WorkProgress::AtOffice | WorkProgress::Decided => tally.receipted += 1,
            WorkProgress::OnThisPhone | WorkProgress::Carried => tally.hanging += 1,
        }
        tally.held += u32::from(listed.held > 0);
    }
    Ok(tally)
}

/// The receipt of an application.
pub(crate) fn receipt(phone: &Phone, name: &str) -> Result<ApplicationReceipt, LoketError> {
    let found = phone.find(name)?;
    let marker = phone.replica.marker(&found.partition, &phone.author())?;
    let kept = matches!(found.partition, loket_core::journal::Partition::NeedToKnow(_));
    let form = form::form(phone.form(name)?);
    let number = found.row.number.clone();
    let listed = marker.listed(found.partition, found.id, found.row);
    let papers = form.requirements.into_iter().filter(|one| !one.scans.is_empty() && !kept);
    let mut receipt = ApplicationReceipt {
        number,
        title: (!kept).then_some(form.title),
        name: listed.row.name.clone().filter(|_| !kept),
        papers: papers.map(|one| one.title).collect(),
        status_address: phone.profile().address.http("/status").to_string(),
        progress: listed.mark.into(),
        lines: Vec::new(),
    };
    receipt.lines = lines(&receipt);
    Ok(receipt)
}

fn lines(receipt: &ApplicationReceipt) -> Vec<String> {
    let mut lines = vec!["TANDA TERIMA PERMOHONAN".to_owned(), format!("Nomor: {}", receipt.number)];
    lines.extend(receipt.title.as_ref().map(|title| format!("Layanan: {title}")));
    lines.extend(receipt.name.as_ref().map(|name| format!("Pemohon: {name}")));
    if !receipt.papers.is_empty() {
        lines.push("Berkas yang difoto:".to_owned());
        lines.extend(receipt.papers.iter().map(|title| format!("- {title}")));
    }
    lines.push(format!("Periksa status dengan nomor ini dan tanggal lahir di {}", receipt.status_address));
    lines.push(FREE.to_owned());
    lines
}
