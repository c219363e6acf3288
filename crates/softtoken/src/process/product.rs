use crate::Echo;
use crate::json::{Fields, MessageError, Object};
use crate::limits::MAX_CLUSTER_MEMBERS;
use ident::ProductSerial;

/// The gateway that asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// `serial_number`, of the active unit. It must be the subject of the client certificate.
    pub serial_number: ProductSerial,
    /// `__device_version`, such as `7.0`.
    pub device_version: Echo,
    /// `__device_build`, such as `2573`.
    pub device_build: Echo,
    /// `__clustered_sns`: all members, this unit among them.
    pub cluster: Vec<ProductSerial>,
}

/// The gateway as an answer names it. Answers of the described system mask serials (`FGT81F*******`),
/// hence text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductEcho {
    /// `serial_number`
    pub serial_number: Echo,
    /// `__device_version`
    pub device_version: Echo,
    /// `__device_build`
    pub device_build: Echo,
    /// `__clustered_sns`: members with an error first. Empty beside
    /// [`crate::ServerError::LicenceNotFound`].
    pub cluster: Vec<MemberAnswer>,
}

/// What the registry says of one cluster member. Its error is plain text, unlike a token's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberAnswer {
    /// `sn`
    pub serial_number: Echo,
    /// `error`, such as `Product is not registered`.
    pub error: Option<Echo>,
}

impl Product {
    /// The gateway's name in the answer; `error_of` tells what is wrong with a member.
    pub fn echo(&self, error_of: impl Fn(ProductSerial) -> Option<Echo>) -> ProductEcho {
        let answer = |&member: &ProductSerial| MemberAnswer {
            serial_number: member.into(),
            error: error_of(member),
        };
        let mut cluster: Vec<_> = self.cluster.iter().map(answer).collect();
        cluster.sort_by_key(|member| member.error.is_none());
        ProductEcho {
            serial_number: self.serial_number.into(),
            device_version: self.device_version.clone(),
            device_build: self.device_build.clone(),
            cluster,
        }
    }

    pub(super) fn write_serial(&self, object: &mut Object<'_>) {
        object.text("serial_number", self.serial_number.as_str());
    }

    pub(super) fn write_version(&self, object: &mut Object<'_>) {
        object.text("__device_version", self.device_version.as_str());
        object.text("__device_build", self.device_build.as_str());
    }

    pub(super) fn write_cluster(&self, object: &mut Object<'_>) {
        object.objects("__clustered_sns", &self.cluster, |member, object| {
            object.text("sn", member.as_str());
        });
    }

    pub(super) fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            serial_number: fields.parsed("serial_number", ProductSerial::parse)?,
            device_version: fields.parsed("__device_version", Echo::parse)?,
            device_build: fields.parsed("__device_build", Echo::parse)?,
            cluster: fields.objects("__clustered_sns", MAX_CLUSTER_MEMBERS, |member| {
                member.parsed("sn", ProductSerial::parse)
            })?,
        })
    }
}

impl ProductEcho {
    pub(super) fn write(&self, object: &mut Object<'_>) {
        object.text("serial_number", self.serial_number.as_str());
        object.text("__device_version", self.device_version.as_str());
        object.text("__device_build", self.device_build.as_str());
        object.objects("__clustered_sns", &self.cluster, |member, object| {
            object.text("sn", member.serial_number.as_str());
            object.optional_text("error", member.error.as_ref().map(Echo::as_str));
        });
    }

    pub(super) fn read(fields: &mut Fields) -> Result<Self, MessageError> {
        Ok(Self {
            serial_number: fields.parsed("serial_number", Echo::parse)?,
            device_version: fields.parsed("__device_version", Echo::parse)?,
            device_build: fields.parsed("__device_build", Echo::parse)?,
            cluster: fields.objects("__clustered_sns", MAX_CLUSTER_MEMBERS, |member| {
                Ok(MemberAnswer {
                    serial_number: member.parsed("sn", Echo::parse)?,
                    error: member.optional("error", Echo::parse)?,
                })
            })?,
        })
    }
}
