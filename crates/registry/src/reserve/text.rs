//! Reserves and settlements as JSON. Times are microseconds after the epoch: a settlement says again, to the
//! digit, when a licence was given out.

use std::fmt::Display;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use domain::licensing::{
    AccountName, CodeDigest, Generation, GivenLicence, Giving, RecordId, Reserve, ReserveId,
    ReserveMark, ReserveProduct, ReservedLicence, Settlement,
};
use domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The closed set of fields below.
const VERSION: u32 = 2;
/// The largest integer that every reader of JSON takes as it is (RFC 8259, section 6).
const NUMBER_MAX: u64 = (1 << 53) - 1;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReserveText {
    version: u32,
    manager: String,
    number: u64,
    mark: String,
    record: Option<String>,
    account: String,
    products: Vec<ProductText>,
    licences: Vec<LicenceText>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProductText {
    serial: String,
    generation: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LicenceText {
    serial: String,
    code_digest: String,
    product: Option<String>,
    redeem_until_us: i64,
    given: Option<GivingText>,
    tokens: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GivingText {
    at_us: i64,
    recorded: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SettlementText {
    version: u32,
    manager: String,
    record: String,
    reserve: Option<IdText>,
    licences: Vec<GivenText>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct IdText {
    number: u64,
    mark: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenText {
    licence: String,
    product: String,
    at_us: i64,
}

impl From<&Reserve> for ReserveText {
    fn from(reserve: &Reserve) -> Self {
        let product = |product: &ReserveProduct| ProductText {
            serial: product.serial.to_string(),
            generation: product.generation.0,
        };
        Self {
            version: VERSION,
            manager: reserve.manager.to_string(),
            number: reserve.id.number,
            mark: HEXLOWER.encode(&reserve.id.mark.0),
            record: reserve.record.map(|record| HEXLOWER.encode(&record.0)),
            account: reserve.account.to_string(),
            products: reserve.products.iter().map(product).collect(),
            licences: reserve.licences.iter().map(LicenceText::from).collect(),
        }
    }
}

impl From<&ReservedLicence> for LicenceText {
    fn from(licence: &ReservedLicence) -> Self {
        Self {
            serial: licence.serial.to_string(),
            code_digest: HEXLOWER.encode(&licence.code.0),
            product: licence.product.map(|product| product.to_string()),
            redeem_until_us: licence.redeem_until.micros(),
            given: licence.given.map(|given| GivingText {
                at_us: given.at.micros(),
                recorded: given.is_recorded,
            }),
            tokens: licence.tokens.iter().map(ToString::to_string).collect(),
        }
    }
}

impl TryFrom<ReserveText> for Reserve {
    type Error = String;

    fn try_from(text: ReserveText) -> Result<Self, String> {
        demand_version(text.version)?;
        let product = |product: &ProductText| {
            Ok(ReserveProduct {
                serial: read(&product.serial, "products.serial")?,
                generation: Generation(product.generation),
            })
        };
        let account = AccountName::given(&text.account);
        Ok(Self {
            manager: read(&text.manager, "manager")?,
            id: ReserveId {
                number: number(text.number)?,
                mark: ReserveMark(octets(&text.mark, "mark")?),
            },
            record: text.record.as_deref().map(record).transpose()?,
            account: account.map_err(|error| format!("account: {error}"))?,
            products: each(&text.products, product)?,
            licences: each(&text.licences, licence)?,
        })
    }
}

fn licence(text: &LicenceText) -> Result<ReservedLicence, String> {
    let product = text.product.as_deref();
    Ok(ReservedLicence {
        serial: read(&text.serial, "licences.serial")?,
        code: CodeDigest(octets(&text.code_digest, "licences.code_digest")?),
        product: product
            .map(|product| read(product, "licences.product"))
            .transpose()?,
        redeem_until: Timestamp::from_micros(text.redeem_until_us),
        tokens: each(&text.tokens, |token| read(token, "licences.tokens"))?,
        given: text.given.as_ref().map(|given| Giving {
            at: Timestamp::from_micros(given.at_us),
            is_recorded: given.recorded,
        }),
    })
}

impl From<&Settlement> for SettlementText {
    fn from(settlement: &Settlement) -> Self {
        let given = |given: &GivenLicence| GivenText {
            licence: given.licence.to_string(),
            product: given.product.to_string(),
            at_us: given.at.micros(),
        };
        Self {
            version: VERSION,
            manager: settlement.manager.to_string(),
            record: HEXLOWER.encode(&settlement.record.0),
            reserve: settlement.reserve.map(|id| IdText {
                number: id.number,
                mark: HEXLOWER.encode(&id.mark.0),
            }),
            licences: settlement.licences.iter().map(given).collect(),
        }
    }
}

impl TryFrom<SettlementText> for Settlement {
    type Error = String;

    fn try_from(text: SettlementText) -> Result<Self, String> {
        demand_version(text.version)?;
        let given = |given: &GivenText| {
            Ok(GivenLicence {
                licence: read(&given.licence, "licences.licence")?,
                product: read(&given.product, "licences.product")?,
                at: Timestamp::from_micros(given.at_us),
            })
        };
        Ok(Self {
            manager: read(&text.manager, "manager")?,
            record: record(&text.record)?,
            reserve: text.reserve.as_ref().map(id).transpose()?,
            licences: each(&text.licences, given)?,
        })
    }
}

fn id(text: &IdText) -> Result<ReserveId, String> {
    Ok(ReserveId {
        number: number(text.number)?,
        mark: ReserveMark(octets(&text.mark, "reserve.mark")?),
    })
}

fn record(text: &str) -> Result<RecordId, String> {
    octets(text, "record").map(RecordId)
}

fn octets<const N: usize>(text: &str, field: &str) -> Result<[u8; N], String> {
    let octets = HEXLOWER.decode(text.as_bytes()).ok();
    let octets = octets.and_then(|octets| octets.try_into().ok());
    octets.ok_or_else(|| format!("{field}: these are not {N} octets in hexadecimal"))
}

fn each<T, U>(texts: &[T], of: impl Fn(&T) -> Result<U, String>) -> Result<Vec<U>, String> {
    texts.iter().map(of).collect()
}

fn read<T: FromStr<Err: Display>>(text: &str, field: &str) -> Result<T, String> {
    text.parse().map_err(|error| format!("{field}: {error}"))
}

fn number(number: u64) -> Result<u64, String> {
    if number <= NUMBER_MAX {
        Ok(number)
    } else {
        Err(format!("{number} is beyond every number that is given"))
    }
}

fn demand_version(version: u32) -> Result<(), String> {
    if version == VERSION {
        Ok(())
    } else {
        Err(format!(
            "it is of version {version}, and {VERSION} is known here"
        ))
    }
}
