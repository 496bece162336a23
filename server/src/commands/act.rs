//! `act`: an official act of a member of staff.

use loket_core::replica::ReplicaError;
use serde_json::{Value, json};

use super::Answer;
use crate::config::{Failure, Folder, dice, now};
use crate::office::desk::{ActError, DeskAct};
use crate::office::look::Look;

#[derive(clap::Args)]
pub(super) struct Args {
    #[arg(help = "Nomor pendaftaran")]
    number: String,
    #[arg(help = "Tindakan, misalnya periksa_fo; lihat `available` pada `loket show`")]
    act: String,
    #[arg(
        long = "as",
        value_name = "STAFF",
        help = "Nomor petugas yang bertindak; lihat `loket staff list`"
    )]
    staff: u32,
    #[arg(long, help = "Alasan")]
    reason: Option<String>,
    #[arg(long = "set", value_name = "KEY=VALUE", num_args = 1.., help = "Isian tindakan; tanda.SYARAT=KODE menandai persyaratan")]
    set: Vec<String>,
}

pub(super) fn run(folder: &Folder, args: Args) -> Result<Answer, Failure> {
    let params = args.set.iter().map(|pair| key_value(pair)).collect::<Result<Vec<_>, _>>()?;
    let mut office = folder.office()?;
    let mut refused = None;
    let done = office.write(|office| {
        let (partition, id) = office.replica.need(&args.number)?;
        let act = DeskAct { act: args.act.clone(), staff: args.staff, reason: args.reason.clone(), params };
        office.act(&partition, &id, act, now(), &mut dice).map_err(|error| match error {
            ActError::Replica(error) => error,
            ActError::Refused(refusal) => {
                let sentence = refusal.sentence();
                refused = Some(format!("{}: {sentence}", refusal.code()));
                ReplicaError::refused(sentence)
            }
        })
    });
    let ((case, decision), _) = match (done, refused) {
        (_, Some(sentence)) => return Err(Failure(sentence)),
        (done, None) => done?,
    };
    let line = office.replica.shown_decision(&case, &decision, now())?;
    let word = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default();
    let text = format!("{} dicatat. Keadaan sekarang: {} ({}).", word("act"), word("label"), word("state"));
    Ok(Answer::new(json!({ "decision": line }), text))
}

fn key_value(pair: &str) -> Result<(String, String), Failure> {
    let (key, value) = pair.split_once('=').ok_or_else(|| {
        Failure::new("isian tindakan ditulis KUNCI=NILAI: misalnya --set nomor_seri=AB123456")
    })?;
    Ok((key.trim().to_owned(), value.to_owned()))
}
