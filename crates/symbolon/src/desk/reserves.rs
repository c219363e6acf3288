//! Licences bought ahead, which managers give out.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Subcommand;
use domain::audit::Actor;
use domain::licensing::{Change, GivenLicence};
use ident::{LicenceSerial, ProductSerial};
use registry::{Desk, ReserveSheet, line_standing};
use serde_json::{Value, json};
use store::registry::{ReserveLine, Settled};

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
                let number = desk.take_back(actor, licence, why.reason).await?;
                taken_back(licence, number)
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
                Ok(Answer::new(sheet.to_string(), &settled(&sheet.settled))?)
            }
        }
    }
}

fn set_aside(licence: LicenceSerial, manager: ProductSerial, change: Change) -> Result<Answer> {
    let text = format!(
        "{licence} is in the reserve of {manager}, which alone gives it out\nA manager that does not reach \
         this token server takes it from a file: symbolon desk reserve-file {manager}\n"
    );
    let data = json!({
        "licence": licence.as_str(),
        "manager": manager.as_str(),
        "changed": is_made(change),
    });
    Ok(Answer::new(text, &data)?)
}

fn taken_back(licence: LicenceSerial, number: Option<u64>) -> Result<Answer> {
    let text = match number {
        None => format!("{licence} is in no reserve\n"),
        Some(number) => format!(
            "{licence} is not in reserve {number} any more, and is back once its manager has said that it has \
             that one\n"
        ),
    };
    let data = json!({ "licence": licence.as_str(), "left_with": number });
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

fn settled(settled: &Settled) -> Value {
    let disputed = |given: &GivenLicence| json!({ "licence": given.licence.as_str(), "product": given.product.as_str() });
    let disputed: Vec<_> = settled.disputed.iter().map(disputed).collect();
    let back: Vec<_> = settled.back.iter().map(LicenceSerial::as_str).collect();
    json!({
        "manager": settled.reserve.manager.as_str(),
        "given_out": settled.news,
        "disputed": disputed,
        "back": back,
    })
}
