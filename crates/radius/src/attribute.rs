//! Attribute types, and attributes on their way into a packet.

use std::fmt;

use thiserror::Error;

/// The longest value of one attribute: its Length field is one octet and counts Type and Length
/// too (RFC 2865 section 5).
pub const MAX_VALUE_LENGTH: usize = 253;

/// The longest value of a vendor's attribute: Vendor-Id, vendor type and vendor length come before it
/// (RFC 2865 section 5.26).
pub const MAX_VENDOR_VALUE_LENGTH: usize = MAX_VALUE_LENGTH - 6;

/// The Type octet of an attribute (RFC 2865 section 5).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Type(pub u8);

/// Each type once: its constant, its number, its name in the standards.
macro_rules! types {
    ($($constant:ident = $number:literal, $name:literal, $standard:literal;)*) => {
        impl Type {
            $(
                #[doc = concat!($name, " (", $standard, ").")]
                pub const $constant: Type = Type($number);
            )*

            /// The name in the standard, if this crate knows the type.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some($name),)*
                    _ => None,
                }
            }
        }
    };
}

types! {
    USER_NAME = 1, "User-Name", "RFC 2865 section 5.1";
    USER_PASSWORD = 2, "User-Password", "RFC 2865 section 5.2";
    CHAP_PASSWORD = 3, "CHAP-Password", "RFC 2865 section 5.3";
    NAS_IP_ADDRESS = 4, "NAS-IP-Address", "RFC 2865 section 5.4";
    NAS_PORT = 5, "NAS-Port", "RFC 2865 section 5.5";
    SERVICE_TYPE = 6, "Service-Type", "RFC 2865 section 5.6";
    FRAMED_PROTOCOL = 7, "Framed-Protocol", "RFC 2865 section 5.7";
    FRAMED_IP_ADDRESS = 8, "Framed-IP-Address", "RFC 2865 section 5.8";
    FILTER_ID = 11, "Filter-Id", "RFC 2865 section 5.11";
    FRAMED_MTU = 12, "Framed-MTU", "RFC 2865 section 5.12";
    REPLY_MESSAGE = 18, "Reply-Message", "RFC 2865 section 5.18";
    STATE = 24, "State", "RFC 2865 section 5.24";
    CLASS = 25, "Class", "RFC 2865 section 5.25";
    VENDOR_SPECIFIC = 26, "Vendor-Specific", "RFC 2865 section 5.26";
    SESSION_TIMEOUT = 27, "Session-Timeout", "RFC 2865 section 5.27";
    CALLED_STATION_ID = 30, "Called-Station-Id", "RFC 2865 section 5.30";
    CALLING_STATION_ID = 31, "Calling-Station-Id", "RFC 2865 section 5.31";
    NAS_IDENTIFIER = 32, "NAS-Identifier", "RFC 2865 section 5.32";
    PROXY_STATE = 33, "Proxy-State", "RFC 2865 section 5.33";
    ACCT_STATUS_TYPE = 40, "Acct-Status-Type", "RFC 2866 section 5.1";
    ACCT_INPUT_OCTETS = 42, "Acct-Input-Octets", "RFC 2866 section 5.3";
    ACCT_OUTPUT_OCTETS = 43, "Acct-Output-Octets", "RFC 2866 section 5.4";
    ACCT_SESSION_ID = 44, "Acct-Session-Id", "RFC 2866 section 5.5";
    ACCT_SESSION_TIME = 46, "Acct-Session-Time", "RFC 2866 section 5.7";
    EVENT_TIMESTAMP = 55, "Event-Timestamp", "RFC 2869 section 5.3";
    CHAP_CHALLENGE = 60, "CHAP-Challenge", "RFC 2865 section 5.40";
    NAS_PORT_TYPE = 61, "NAS-Port-Type", "RFC 2865 section 5.41";
    PROMPT = 76, "Prompt", "RFC 2869 section 5.10";
    CONNECT_INFO = 77, "Connect-Info", "RFC 2869 section 5.11";
    EAP_MESSAGE = 79, "EAP-Message", "RFC 3579 section 3.1";
    MESSAGE_AUTHENTICATOR = 80, "Message-Authenticator", "RFC 3579 section 3.2";
    NAS_PORT_ID = 87, "NAS-Port-Id", "RFC 2869 section 5.17";
    NAS_IPV6_ADDRESS = 95, "NAS-IPv6-Address", "RFC 3162 section 2.1";
}

/// An attribute of a vendor: its SMI enterprise number, and the vendor's own type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct VendorType {
    /// The vendor's enterprise number.
    pub vendor: u32,
    /// The type that the vendor gave it.
    pub kind: u8,
}

impl VendorType {
    /// Fortinet-Group-Name: a group of the user, by which a client of this vendor finds its own.
    pub const FORTINET_GROUP_NAME: Self = Self {
        vendor: 12_356,
        kind: 1,
    };

    /// MS-CHAP-Challenge (RFC 2548 section 2.1.2).
    pub const MS_CHAP_CHALLENGE: Self = Self::of_microsoft(11);
    /// MS-MPPE-Encryption-Policy (RFC 2548 section 2.4.4).
    pub const MS_MPPE_ENCRYPTION_POLICY: Self = Self::of_microsoft(7);
    /// MS-MPPE-Encryption-Types (RFC 2548 section 2.4.5).
    pub const MS_MPPE_ENCRYPTION_TYPES: Self = Self::of_microsoft(8);
    /// MS-MPPE-Send-Key (RFC 2548 section 2.4.2).
    pub const MS_MPPE_SEND_KEY: Self = Self::of_microsoft(16);
    /// MS-MPPE-Recv-Key (RFC 2548 section 2.4.3).
    pub const MS_MPPE_RECV_KEY: Self = Self::of_microsoft(17);
    /// MS-CHAP2-Response (RFC 2548 section 2.3.2).
    pub const MS_CHAP2_RESPONSE: Self = Self::of_microsoft(25);
    /// MS-CHAP2-Success (RFC 2548 section 2.3.3).
    pub const MS_CHAP2_SUCCESS: Self = Self::of_microsoft(26);

    const fn of_microsoft(kind: u8) -> Self {
        Self { vendor: 311, kind }
    }

    /// The value of the vendor's attribute that a Vendor-Specific holds, if it holds this one alone
    /// (RFC 2865 section 5.26).
    pub fn value_in(self, vendor_specific: &[u8]) -> Option<&[u8]> {
        let (vendor, rest) = vendor_specific.split_first_chunk()?;
        let (&[kind, length], value) = rest.split_first_chunk()?;
        let is_it = u32::from_be_bytes(*vendor) == self.vendor && kind == self.kind;
        (is_it && usize::from(length) == rest.len()).then_some(value)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "attribute {}", self.0),
        }
    }
}

impl fmt::Debug for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An attribute that must not be put into a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AttributeError {
    /// RFC 2865 section 5: a value of length zero must not be sent, the attribute is left out.
    #[error("{kind} would be empty: leave the attribute out")]
    Empty {
        /// The attribute's type.
        kind: Type,
    },
    /// Longer than [`MAX_VALUE_LENGTH`].
    #[error("{kind} of {octets} octets exceeds the {MAX_VALUE_LENGTH} that one attribute holds")]
    TooLong {
        /// The attribute's type.
        kind: Type,
        /// The length of the value.
        octets: usize,
    },
    /// The packet's encoder makes this attribute itself.
    #[error("{kind} is made by the encoder, not given as an attribute")]
    Reserved {
        /// The attribute's type.
        kind: Type,
    },
}

/// Attributes in wire form, each of a length that its Length octet can say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Encoded(Vec<u8>);

impl Encoded {
    pub(crate) fn push(
        &mut self,
        kind: Type,
        value: &[u8],
        reserved: &[Type],
    ) -> Result<(), AttributeError> {
        if reserved.contains(&kind) {
            return Err(AttributeError::Reserved { kind });
        }
        if value.is_empty() {
            return Err(AttributeError::Empty { kind });
        }
        if value.len() > MAX_VALUE_LENGTH {
            return Err(AttributeError::TooLong {
                kind,
                octets: value.len(),
            });
        }
        self.push_bounded(kind, value);
        Ok(())
    }

    pub(crate) fn push_vendor(
        &mut self,
        kind: VendorType,
        value: &[u8],
    ) -> Result<(), AttributeError> {
        let (outer, octets) = (Type::VENDOR_SPECIFIC, value.len());
        if value.is_empty() {
            return Err(AttributeError::Empty { kind: outer });
        }
        if octets > MAX_VENDOR_VALUE_LENGTH {
            return Err(AttributeError::TooLong {
                kind: outer,
                octets: octets + 6,
            });
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most 247 + 2")]
        let length = octets as u8 + 2;
        let header = [&kind.vendor.to_be_bytes()[..], &[kind.kind, length]].concat();
        self.push_bounded(outer, &[&header, value].concat());
        Ok(())
    }

    /// For a value that its own rule bounds to [`MAX_VALUE_LENGTH`].
    pub(crate) fn push_bounded(&mut self, kind: Type, value: &[u8]) {
        append(&mut self.0, kind, value);
    }

    pub(crate) fn octets(&self) -> &[u8] {
        &self.0
    }
}

/// Appends one attribute to a packet. `value` is at most [`MAX_VALUE_LENGTH`] octets.
pub(crate) fn append(packet: &mut Vec<u8>, kind: Type, value: &[u8]) {
    debug_assert!(value.len() <= MAX_VALUE_LENGTH);
    #[expect(clippy::cast_possible_truncation, reason = "at most 253 + 2")]
    let length = value.len() as u8 + 2;
    packet.extend_from_slice(&[kind.0, length]);
    packet.extend_from_slice(value);
}
