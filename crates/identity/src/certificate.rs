//! Of a certificate, what its administrator looks at.

use domain::time::Timestamp;
use domain::unit::Certificate;
use x509_cert::der::{DateTime, Decode};

/// Whose it is, who says so and for how long; `None` if the octets are no certificate.
pub fn certificate_of(der: &[u8]) -> Option<Certificate> {
    let certificate = x509_cert::Certificate::from_der(der).ok()?;
    let certificate = certificate.tbs_certificate();
    let validity = certificate.validity();
    Some(Certificate {
        subject: certificate.subject().to_string().into(),
        issuer: certificate.issuer().to_string().into(),
        not_before: moment(validity.not_before.to_date_time()),
        not_after: moment(validity.not_after.to_date_time()),
    })
}

fn moment(time: DateTime) -> Timestamp {
    let seconds = i64::try_from(time.unix_duration().as_secs());
    Timestamp::from_secs(seconds.unwrap_or(i64::MAX))
}
