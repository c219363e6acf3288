//! The methods, and what each is called.

/// The method that makes the tunnel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outer {
    /// EAP-TTLS version 0 (RFC 5281).
    Ttls,
    /// PEAP version 0.
    Peap,
}

impl Outer {
    /// The EAP type (IANA: EAP method types).
    pub const fn kind(self) -> u8 {
        match self {
            Self::Ttls => 21,
            Self::Peap => 25,
        }
    }

    /// What the keys are derived under in TLS 1.2 (RFC 5281, 8; PEAP as RFC 5216, 2.3).
    pub(crate) const fn key_label(self) -> &'static str {
        match self {
            Self::Ttls => "ttls keying material",
            Self::Peap => "client EAP encryption",
        }
    }
}

/// What proves the person inside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Inner {
    /// The password as an attribute (RFC 5281, 11.2.5); EAP-TTLS alone has it.
    Pap,
    /// EAP-GTC (RFC 3748, 5.6): a question and its answer, so that a code can be asked for.
    Gtc,
    /// MS-CHAPv2: EAP-MSCHAPv2 (draft-kamath-pppext-eap-mschapv2), in EAP-TTLS as attributes too (RFC 5281,
    /// 11.2.4).
    MsChapV2,
}

impl std::fmt::Display for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Pap => "PAP",
            Self::Gtc => "EAP-GTC",
            Self::MsChapV2 => "MS-CHAPv2",
        })
    }
}

/// A whole method.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// EAP-TTLS with PAP.
    TtlsPap,
    /// EAP-TTLS with EAP-GTC.
    TtlsGtc,
    /// EAP-TTLS with MS-CHAPv2, or with EAP-MSCHAPv2.
    TtlsMsChapV2,
    /// PEAP with EAP-GTC.
    PeapGtc,
    /// PEAP with EAP-MSCHAPv2.
    PeapMsChapV2,
}

impl Method {
    /// All, the ones that can ask for a code before the others of their tunnel.
    pub const ALL: [Self; 5] = [
        Self::PeapGtc,
        Self::PeapMsChapV2,
        Self::TtlsGtc,
        Self::TtlsPap,
        Self::TtlsMsChapV2,
    ];

    /// The word that administrators call it by.
    pub const fn word(self) -> &'static str {
        match self {
            Self::TtlsPap => "ttls-pap",
            Self::TtlsGtc => "ttls-gtc",
            Self::TtlsMsChapV2 => "ttls-mschapv2",
            Self::PeapGtc => "peap-gtc",
            Self::PeapMsChapV2 => "peap-mschapv2",
        }
    }

    /// Its tunnel.
    pub const fn outer(self) -> Outer {
        match self {
            Self::TtlsPap | Self::TtlsGtc | Self::TtlsMsChapV2 => Outer::Ttls,
            Self::PeapGtc | Self::PeapMsChapV2 => Outer::Peap,
        }
    }

    /// What is inside.
    pub const fn inner(self) -> Inner {
        match self {
            Self::TtlsPap => Inner::Pap,
            Self::TtlsGtc | Self::PeapGtc => Inner::Gtc,
            Self::TtlsMsChapV2 | Self::PeapMsChapV2 => Inner::MsChapV2,
        }
    }

    pub(crate) fn of(outer: Outer, inner: Inner) -> Option<Self> {
        let is_it = |method: &Self| method.outer() == outer && method.inner() == inner;
        Self::ALL.into_iter().find(is_it)
    }
}
