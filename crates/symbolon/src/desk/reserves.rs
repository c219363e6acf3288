//! Licences bought ahead, which managers give out.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Subcommand;
use domain::audit::Actor;
use domain::licensing::{Aside, Change, GivenLicence};
use ident::{LicenceSerial, ProductSerial};
use registry::{Desk, ReserveSheet, line_standing};
use serde_json::{Value, json};
use store::registry::{RecordStanding, ReserveLine, Settled, TakenBack};

use super::answer::{Answer, is_made, moment};
use super::command::Why;
use super::parcel::Content;

#[derive(Debug, Subcommand)]
pub(super) enum ReserveCommand {
    /// Put a licence into the reserve of a manager, which alone gives it out from then on
    SetAside {
        /// The licence, EFTM…
        licence: LicenceSerial,
        /// The manager
        #[arg(long, value_name = "SERIAL")]
        manager: ProductSerial,
        #[command(flatten)]
        why: Why,
    },
    /// Take a licence out of the reserve of its manager
    TakeBack {
        /// The licence, EFTM…
        licence: LicenceSerial,
        #[command(flatten)]
        why: Why,
    },
    /// Say whose a licence is that a manager gave out, where nobody knows
    NameOwner {
        /// The licence, EFTM…
        licence: LicenceSerial,
        /// The gateway
        #[arg(long, value_name = "SERIAL")]
        to: ProductSerial,
        #[command(flatten)]
        why: Why,
    },
    /// Let a manager give out licences again that was put back from a backup, or enrolled anew
    ConfirmRecord {
        /// The manager's serial
        serial: ProductSerial,
        #[command(flatten)]
        why: Why,
    },
    /// Show what is in a manager's reserve, and what it gave out
    Reserve {
        /// The manager's serial
        serial: ProductSerial,
    },
    /// Write a manager's reserve, signed, for a manager that does not reach this token server
    ReserveFile {
        /// The manager's serial
        serial: ProductSerial,
    },
    /// Take in what such a manager gave out
    Settle {
        /// What `symbolon manager settlement` wrote
        file: PathBuf,
    },
}

impl ReserveCommand {
    /// The file whose content goes along with it.
    pub(super) fn files(&self) -> impl Iterator<Item = &Path> {
        let file = match self {
            Self::Settle { file } => Some(file.as_path()),
            _ => None,
        };
        file.into_iter()
    }

    pub(super) async fn carry_out(
        self,
        files: Vec<Content>,
        actor: Actor,
        desk: &Desk,
    ) -> Result<Answer> {
        match self {
            Self::SetAside {
                licence,
                manager,
                why,
            } => {
                let change = desk.set_aside(actor, licence, manager, why.reason).await?;
                set_aside(licence, manager, change)
            }
            Self::TakeBack { licence, why } => {
                let back = desk.take_back(actor, licence, why.reason).await?;
                taken_back(licence, back)
            }
            Self::NameOwner { licence, to, why } => {
                let change = desk.name_owner(actor, licence, to, why.reason).await?;
                owner_named(licence, to, change)
            }
            Self::ConfirmRecord { serial, why } => {
                let change = desk.confirm_record(actor, serial, why.reason).await?;
                confirmed(serial, change)
            }
            Self::Reserve { serial } => {
                let sheet = desk.reserve(serial).await?;
                Ok(Answer::new(sheet.to_string(), &view(&sheet))?)
            }
            Self::ReserveFile { serial } => {
                let file = desk.reserve_file(serial).await?;
                let data: Value = serde_json::from_str(&file)?;
                Ok(Answer::new(file + "\n", &data)?)
            }
            Self::Settle { .. } => {
                let file = files.first().context("the content of a file is missing")?;
                let sheet = desk.settle(file).await?;
                ensure!(is_whole(&sheet.settled), "{}", sheet.to_string().trim_end());
                Ok(Answer::new(sheet.to_string(), &settled(&sheet.settled))?)
            }
        }
    }
}

fn set_aside(licence: LicenceSerial, manager: ProductSerial, aside: Aside) -> Result<Answer> {
    let how = match aside {
        Aside::Made => "is in the reserve of",
        Aside::Already => "is already in the reserve of",
        Aside::Stays => "is not taken back any more: it stays in the reserve of",
    };
    let text = format!(
        "{licence} {how} {manager}, which alone gives it out\nA manager that does not reach this token server \
         takes it from a file: symbolon desk reserve-file {manager}\n"
    );
    let data = json!({
        "licence": licence.as_str(),
        "manager": manager.as_str(),
        "changed": aside != Aside::Already,
    });
    Ok(Answer::new(text, &data)?)
}

fn taken_back(licence: LicenceSerial, back: Option<TakenBack>) -> Result<Answer> {
    let text = match back {
        None => format!("{licence} is in no reserve\n"),
        Some(TakenBack {
            number,
            claim: None,
        }) => format!(
            "{licence} is not in reserve {number} any more, and is back once its manager has said that it has \
             that one\n"
        ),
        Some(TakenBack {
            claim: Some(GivenLicence { product, .. }),
            ..
        }) => format!(
            "{licence} is given to nobody: its manager gave it to {product}, and whose that is now nobody \
             knows\nIt is back once you say whose it is: symbolon desk name-owner {licence} --to SERIAL\n"
        ),
    };
    let data = json!({
        "licence": licence.as_str(),
        "left_with": back.map(|back| back.number),
        "claimed": back.and_then(|back| back.claim).map(|given| given.product.to_string()),
    });
    Ok(Answer::new(text, &data)?)
}

fn owner_named(licence: LicenceSerial, to: ProductSerial, change: Change) -> Result<Answer> {
    let text = format!("{licence} belongs to {to}, with the tokens that its manager gave out\n");
    let data = json!({
        "licence": licence.as_str(),
        "product": to.as_str(),
        "changed": is_made(change),
    });
    Ok(Answer::new(text, &data)?)
}

fn confirmed(manager: ProductSerial, change: Change) -> Result<Answer> {
    let text = match change {
        Change::Made => format!(
            "What {manager} says from now on that it gave out counts as the whole\nWhat of its reserve is \
             kept may have been given out before that: symbolon desk reserve {manager}\n"
        ),
        Change::Already => format!("The record of {manager} is whole\n"),
    };
    let data = json!({ "manager": manager.as_str(), "changed": is_made(change) });
    Ok(Answer::new(text, &data)?)
}

fn view(sheet: &ReserveSheet) -> Value {
    let record = &sheet.record;
    let lines: Vec<_> = record.lines.iter().map(line).collect();
    json!({
        "manager": record.manager.as_str(),
        "number": record.number,
        "loaded": record.loaded,
        "settled": record.settled.map(moment),
        "behind": record.behind.map(moment),
        "licences": lines,
    })
}

fn line(line: &ReserveLine) -> Value {
    json!({
        "licence": line.licence.as_str(),
        "tokens": line.size.tokens(),
        "standing": line_standing(line.standing),
        "redeem_until": line.redeem_until.map(moment),
        "given_to": line.given.map(|(product, _)| product.to_string()),
        "given": line.given.map(|(_, at)| moment(at)),
    })
}

fn is_whole(settled: &Settled) -> bool {
    matches!(settled.standing, RecordStanding::Whole { .. })
}

fn settled(settled: &Settled) -> Value {
    let given = |given: &GivenLicence| json!({ "licence": given.licence.as_str(), "product": given.product.as_str() });
    let [claimed, disputed] = [&settled.claimed, &settled.disputed]
        .map(|lines| lines.iter().map(given).collect::<Vec<_>>());
    let (back, unknown) = match &settled.standing {
        RecordStanding::Whole { back, unknown, .. } => (back.as_slice(), *unknown),
        RecordStanding::Behind(_) => (&[][..], None),
    };
    let back: Vec<_> = back.iter().map(LicenceSerial::as_str).collect();
    json!({
        "manager": settled.manager.as_str(),
        "given_out": settled.news,
        "claimed": claimed,
        "disputed": disputed,
        "back": back,
        "unknown_reserve": unknown,
    })
}
