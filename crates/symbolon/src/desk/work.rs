//! The desk's commands, carried out in the process that has the database.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use domain::audit::Actor;
use domain::licensing::{AccountName, Change, CodeInHand, Lock, Remark, Term};
use domain::time::{Span, Timestamp};
use ident::{LicenceCode, LicenceSerial, ProductSerial, TokenKind, TokenSerial};
use registry::Desk;
use serde_json::json;
use store::registry::{AccountPage, Note};

use super::answer::{
    AccountSheetView, AccountView, Answer, EventView, LicenceSheetView, LookView, ProductView,
    TokenView, is_made, moment,
};
use super::command::{Command, NewLicence, VALID_DAYS};
use super::hardware::{HardwareView, hardware_serial};
use super::parcel::Content;

/// Carries out a command; what it answers.
pub(super) async fn carry_out(
    command: Command,
    files: Vec<Content>,
    actor: Actor,
    desk: &Desk,
    now: Timestamp,
) -> Result<Answer> {
    match command {
        Command::RegisterAccount { account } => {
            desk.register_account(actor, account.clone()).await?;
            let text = format!("account \"{account}\" is registered\n");
            Ok(Answer::new(text, &json!({ "account": account.as_str() }))?)
        }
        Command::RenameAccount { from, to } => {
            let change = desk.rename_account(actor, from.clone(), to.clone()).await?;
            let text = format!("account \"{from}\" is now \"{to}\"\n");
            let data = json!({ "account": to.as_str(), "changed": is_made(change) });
            Ok(Answer::new(text, &data)?)
        }
        Command::ListAccounts { after } => list_accounts(after, desk).await,
        Command::RegisterProduct { serial, account } => {
            desk.register_product(actor, account.clone(), serial)
                .await?;
            let text = format!("product {serial} is registered for \"{account}\"\n");
            let data = json!({ "product": serial.as_str(), "account": account.as_str() });
            Ok(Answer::new(text, &data)?)
        }
        Command::UnregisterProduct { serial, why } => {
            let change = desk.unregister_product(actor, serial, why.reason).await?;
            let text = match change {
                Change::Made => format!("product {serial} is no longer registered\n"),
                Change::Already => format!("product {serial} was not registered any more\n"),
            };
            let data = json!({ "product": serial.as_str(), "changed": is_made(change) });
            Ok(Answer::new(text, &data)?)
        }
        Command::ReplaceUnit { old, new, note } => {
            replace_unit(actor, desk, old, new, note.into()).await
        }
        Command::IssueLicence(licence) => issue_licence(licence, actor, desk, now).await,
        Command::MoveLicence { licence, to, note } => {
            move_licence(actor, desk, licence, to, note.into()).await
        }
        Command::RenewLicence {
            licence,
            valid_days,
            lost_code,
            certificate: _,
        } => {
            let code = if lost_code {
                CodeInHand::Lost
            } else {
                CodeInHand::Held
            };
            let until = |days: u16| now.after(Span::from_days(days.into()));
            let usual = Term::Usual(until(VALID_DAYS));
            let term = valid_days.map_or(usual, |days| Term::Said(until(days)));
            renew_licence(actor, desk, licence, term, code).await
        }
        Command::ResetImport { licence, why } => {
            reset_import(actor, desk, licence, why.reason).await
        }
        Command::RevokeLicence { licence, why } => {
            revoke_licence(actor, desk, licence, why.reason).await
        }
        Command::LockToken { serial, why } => {
            set_lock(actor, desk, serial, Lock::Locked, &why.reason).await
        }
        Command::UnlockToken { serial, why } => {
            set_lock(actor, desk, serial, Lock::Open, &why.reason).await
        }
        Command::Hardware(command) => command.carry_out(files, actor, desk).await,
        Command::Enrolment(command) => command.carry_out(actor, desk).await,
        Command::Managers(command) => command.carry_out(actor, desk).await,
        Command::Reserves(command) => command.carry_out(files, actor, desk).await,
        Command::Tickets(command) => command.carry_out(actor, desk).await,
        Command::Agents(command) => command.carry_out(files, actor, desk).await,
        Command::Requests(command) => command.carry_out(actor, desk).await,
        Command::Look { what } => {
            let sheet = desk.look(&what).await?;
            Ok(Answer::new(sheet.to_string(), &LookView::from(&sheet))?)
        }
        Command::Account {
            account,
            products_after,
            licences_after,
        } => {
            let page = AccountPage {
                products_after,
                licences_after,
            };
            let sheet = desk.account(account, page).await?;
            let view = AccountSheetView::from(&sheet);
            Ok(Answer::new(sheet.to_string(), &view)?)
        }
        Command::Show {
            serial,
            certificate: _,
        } => show(&serial, desk).await,
        Command::History { subject } => history(&subject, desk).await,
    }
}

async fn list_accounts(after: Option<AccountName>, desk: &Desk) -> Result<Answer> {
    let lines = desk.accounts(after).await?;
    let mut text = format!(
        "{:<32}  PRODUCTS  LICENCES    TOKENS  REGISTERED\n",
        "ACCOUNT"
    );
    for line in &lines {
        writeln!(
            text,
            "{:<32}  {:>8}  {:>8}  {:>8}  {}",
            line.name, line.products, line.licences, line.tokens, line.created
        )?;
    }
    let accounts: Vec<_> = lines.iter().map(AccountView::from).collect();
    Ok(Answer::new(text, &json!({ "accounts": accounts }))?)
}

async fn replace_unit(
    actor: Actor,
    desk: &Desk,
    old: ProductSerial,
    new: ProductSerial,
    note: Note,
) -> Result<Answer> {
    let replaced = desk.replace_unit(actor, old, new, note).await?;
    let mut text = match replaced.change {
        Change::Made => format!("{new} has the place of {old}, which is no longer registered\n"),
        Change::Already => format!("{new} had the place of {old} already\n"),
    };
    for licence in &replaced.licences {
        writeln!(text, "  {licence}")?;
    }
    text += "Restore the old gateway's backup on the new one, one that was made with a password: users keep \
             their phones. A backup without a password has no seeds of mobile tokens: without the other, provision \
             them there.\n";
    let licences: Vec<_> = replaced
        .licences
        .iter()
        .map(LicenceSerial::as_str)
        .collect();
    let data = json!({
        "old": old.as_str(),
        "new": new.as_str(),
        "account": replaced.account.as_str(),
        "licences": licences,
        "changed": is_made(replaced.change),
    });
    Ok(Answer::new(text, &data)?)
}

async fn issue_licence(
    wanted: NewLicence,
    actor: Actor,
    desk: &Desk,
    now: Timestamp,
) -> Result<Answer> {
    let redeem_until = now.after(Span::from_days(wanted.valid_days.into()));
    let licence = store::registry::NewLicence {
        account: wanted.account.clone(),
        product: wanted.product,
        size: wanted.tokens,
        redeem_until,
    };
    let issued = desk.issue_licence(actor, licence).await?;
    let text = format!(
        "Licence:      {}\nTokens:       {}\n{}",
        issued.serial,
        wanted.tokens,
        told_once(&issued.code, redeem_until)
    );
    let data = json!({
        "licence": issued.serial.as_str(),
        "account": wanted.account.as_str(),
        "tokens": wanted.tokens.tokens(),
        "code": issued.code.as_str(),
        "issued": moment(now),
        "redeem_until": moment(redeem_until),
    });
    Ok(Answer::new(text, &data)?)
}

/// The lines about a code that nobody can ask for again.
fn told_once(code: &LicenceCode, redeem_until: Timestamp) -> String {
    let code = code.as_str();
    format!(
        "Code:         {code}   (shown this once)\n\
         Redeem until: {redeem_until}\n\n\
         On the gateway: execute fortitoken-mobile import {code}\n"
    )
}

async fn move_licence(
    actor: Actor,
    desk: &Desk,
    licence: LicenceSerial,
    to: ProductSerial,
    note: Note,
) -> Result<Answer> {
    let moved = desk.move_licence(actor, licence, to, note).await?;
    let from = moved.from.as_ref().map(ProductSerial::as_str);
    let text = match moved.change {
        Change::Already => format!("licence {licence} belongs to {to} already\n"),
        Change::Made if moved.tokens == 0 => format!(
            "licence {licence} belongs to {to}; nobody has imported it yet\n\n\
             On {to}: execute fortitoken-mobile import CODE\n"
        ),
        Change::Made => format!(
            "licence {licence} belongs to {to}, with {} tokens\n{}",
            moved.tokens,
            after_move(licence, from, to)
        ),
    };
    let data = json!({
        "licence": licence.as_str(),
        "from": from,
        "to": to.as_str(),
        "tokens": moved.tokens,
        "changed": is_made(moved.change),
    });
    Ok(Answer::new(text, &data)?)
}

/// The registry has no seeds of tokens that phones have: only the old gateway can pass them on.
fn after_move(licence: LicenceSerial, from: Option<&str>, to: ProductSerial) -> String {
    let import =
        format!("import the licence's code on {to}, execute fortitoken-mobile import CODE");
    match from {
        None => {
            "On the gateway, import the licence's code: execute fortitoken-mobile import CODE\n"
                .to_owned()
        }
        Some(old) => format!(
            "Users keep their phones if {old} gives its tokens to {to}, by both administrators:\n  \
             on {to}   execute fortitoken-mobile move request\n  \
             on {old}   execute fortitoken-mobile move export {licence} {to} REQUEST FILE\n  \
             on {old}   execute backup config file NAME PASSWORD, for the users; restore it on the new one\n  \
             on {to}   execute fortitoken-mobile move import {old} FILE\n\
             Without it: {import}, and provision the tokens; on {old}, delete them.\n"
        ),
    }
}

async fn renew_licence(
    actor: Actor,
    desk: &Desk,
    licence: LicenceSerial,
    term: Term,
    code: CodeInHand,
) -> Result<Answer> {
    let renewed = desk.renew_licence(actor, licence, term, code).await?;
    let until = renewed.redeem_until;
    let text = match &renewed.code {
        Some(code) => format!(
            "Licence:      {licence}\n{}The code before this one is of no use any more.\n",
            told_once(code, until)
        ),
        None => format!("licence {licence} can be redeemed until {until}; its code stays\n"),
    };
    let data = json!({
        "licence": licence.as_str(),
        "account": renewed.licence.account.as_str(),
        "tokens": renewed.licence.size.tokens(),
        "code": renewed.code.as_ref().map(LicenceCode::as_str),
        "redeem_until": moment(until),
    });
    Ok(Answer::new(text, &data)?)
}

async fn reset_import(
    actor: Actor,
    desk: &Desk,
    licence: LicenceSerial,
    reason: Remark,
) -> Result<Answer> {
    let (of, change) = desk.reset_import(actor, licence, reason).await?;
    let product = of.product.as_ref().map(ProductSerial::as_str);
    let whose = product.unwrap_or_default();
    let text = match change {
        Change::Made => format!(
            "{whose} can import licence {licence} once more; tokens of it that it has stay as they are there\n\n\
             On {whose}: execute fortitoken-mobile import CODE\n"
        ),
        Change::Already => format!("{whose} can import licence {licence} already\n"),
    };
    let data = json!({
        "licence": licence.as_str(),
        "product": product,
        "changed": is_made(change),
    });
    Ok(Answer::new(text, &data)?)
}

async fn revoke_licence(
    actor: Actor,
    desk: &Desk,
    licence: LicenceSerial,
    reason: Remark,
) -> Result<Answer> {
    let revoked = desk.revoke_licence(actor, licence, reason).await?;
    let mut text = match revoked.change {
        Change::Made => format!(
            "licence {licence} is revoked, with {} tokens\n",
            revoked.tokens
        ),
        Change::Already => format!("licence {licence} was revoked already\n"),
    };
    let on_phones = match revoked.on_phones {
        Some(0) => None,
        Some(count) => Some(format!("{count} of its tokens are on phones")),
        None => Some(
            "a manager gave it out, so which of its tokens are on phones is known at their gateways alone"
                .to_owned(),
        ),
    };
    if let Some(on_phones) = on_phones {
        writeln!(
            text,
            "{on_phones}: gateways that have them go on taking their codes until they delete or lock them"
        )?;
    }
    let data = json!({
        "licence": licence.as_str(),
        "tokens": revoked.tokens,
        "on_phones": revoked.on_phones,
        "changed": is_made(revoked.change),
    });
    Ok(Answer::new(text, &data)?)
}

async fn set_lock(
    actor: Actor,
    desk: &Desk,
    token: TokenSerial,
    lock: Lock,
    reason: &Remark,
) -> Result<Answer> {
    desk.set_lock(actor, token, lock, reason.as_str()).await?;
    let word = match lock {
        Lock::Locked => "locked",
        Lock::Open => "open",
    };
    let data = json!({ "token": token.as_str(), "lock": word });
    Ok(Answer::new(format!("token {token} is {word}\n"), &data)?)
}

/// The kind of a serial shows in its first letters.
async fn show(serial: &str, desk: &Desk) -> Result<Answer> {
    if let Ok(token) = TokenSerial::parse(serial)
        && token.kind() == TokenKind::Mobile
    {
        let sheet = desk.token(token).await?;
        return Ok(Answer::new(sheet.to_string(), &TokenView::from(&sheet))?);
    }
    if let Ok(licence) = LicenceSerial::parse(serial) {
        let sheet = desk.licence(licence).await?;
        let view = LicenceSheetView::from(&sheet);
        return Ok(Answer::new(sheet.to_string(), &view)?);
    }
    if let Ok(product) = ProductSerial::parse(serial)
        && !serial.starts_with("FTK")
    {
        let sheet = desk.product(product).await?;
        return Ok(Answer::new(sheet.to_string(), &ProductView::from(&sheet))?);
    }
    let token = hardware_serial(serial).ok();
    let token =
        token.with_context(|| format!("'{serial}' is no serial of a token, licence or product"))?;
    let sheet = desk.hardware(token).await?;
    Ok(Answer::new(sheet.to_string(), &HardwareView::from(&sheet))?)
}

async fn history(subject: &str, desk: &Desk) -> Result<Answer> {
    let events = desk.history(subject).await?;
    let mut text = String::new();
    if events.is_empty() {
        text.push_str(
            "nothing was done to it alone; `symbolon desk look` has what was done to what it belongs to\n",
        );
    }
    for event in &events {
        let (at, who) = (event.at, &event.actor.name);
        let of = if event.subject.eq_ignore_ascii_case(subject.trim()) {
            String::new()
        } else {
            format!(" {}", event.subject)
        };
        writeln!(text, "{at}  {who}  {}{of}  {}", event.action, event.detail)?;
    }
    let events: Vec<_> = events.iter().map(EventView::from).collect();
    Ok(Answer::new(text, &json!({ "events": events }))?)
}
