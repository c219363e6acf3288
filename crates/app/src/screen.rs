//! What the terminal shows.

use crate::contents::Token;
use crate::error::AppError;
use fast_qr::QRBuilder;
use otp::{Kind, Period, Step};
use softtoken::push::{Approval, LoginRequest};

/// Cells of the bar of seconds.
const BAR_CELLS: u64 = 10;

/// The line of a code: the code first, so that a script can cut it off.
pub(crate) fn timed_code(token: &Token, step: Step, period: Period, now_unix: u64) -> String {
    let period_s = u64::from(period.secs());
    let left_s = period_s - now_unix % period_s;
    let code = token.code(step);
    let bar = bar(left_s, period_s);
    format!("{}  {bar} {left_s:>3} s  {}", code.as_str(), token.name())
}

/// The line of an event-based token's code.
pub(crate) fn counted_code(token: &Token, step: Step) -> String {
    format!("{}  {}", token.code(step).as_str(), token.name())
}

/// The table of all tokens.
pub(crate) fn list(tokens: &[Token]) -> String {
    let rows = tokens.iter().map(|token| {
        let period = match token.parameters().kind {
            Kind::Totp(period) => format!("{} s", period.secs()),
            Kind::Hotp => "-".to_owned(),
        };
        let issuer = token.issuer().as_str();
        row([token.name().as_str(), token.mark(), &period, issuer])
    });
    std::iter::once(row(["NAME", "SERIAL", "PERIOD", "ISSUER"]))
        .chain(rows)
        .collect()
}

fn row([name, serial, period, issuer]: [&str; 4]) -> String {
    format!("{name:<32}  {serial:<16}  {period:<6}  {issuer}\n")
}

fn bar(left: u64, whole: u64) -> String {
    let full = (left * BAR_CELLS).div_ceil(whole).min(BAR_CELLS);
    (0..BAR_CELLS)
        .map(|cell| if cell < full { '━' } else { '·' })
        .collect()
}

/// A login that waits.
pub(crate) fn login(request: &LoginRequest, now_unix: u64) -> String {
    let left_s = request.expires_unix.saturating_sub(now_unix);
    format!(
        "\nLogin request, open for {left_s} s\n  user   {}\n  at     {}\n  from   {}\n  token  {}\n",
        request.user.as_str(),
        request.service.as_str(),
        request.source.as_str(),
        request.token,
    )
}

/// What can be said to a login.
pub(crate) fn login_choices(approval: Approval) -> String {
    let yes = match approval {
        Approval::Number => "the number that the login shows",
        Approval::Tap => "\"yes\"",
    };
    format!("Type {yes} to approve, \"no\" to deny, \"not me\" if it is somebody else's: ")
}

/// A link as a QR code in half blocks.
pub(crate) fn qr(link: &str) -> Result<String, AppError> {
    let code = QRBuilder::new(link)
        .build()
        .map_err(|_| AppError::Drawing)?;
    Ok(code.to_str() + "\n")
}
