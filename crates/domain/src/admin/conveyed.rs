//! Mobile tokens that came from another unit with their phones: whether the phones still have them.

use ident::RegistrationId;

use super::supply::{canonical, released};
use super::{Change, Context, Owned, Owner, Phone, Plan};
use crate::audit::ActivationStage;
use crate::token::{KnownBy, Provisioned, Stage, Token};

/// What the token server says of a token that came with its phone. If that is not the phone any more, it went
/// to another after the unit's last word of it, and whoever has the old one is out.
pub(super) fn judged(owned: Owned, phone: Option<&Phone>, context: &Context<'_>) -> Plan {
    let Owned { token, owner } = owned;
    let Stage::Provisioned(known) = token.stage else {
        return Plan::default();
    };
    let registration = known.registration;
    if has_it(phone, registration) {
        let known_by = KnownBy::TokenServer;
        let stage = Stage::Provisioned(Provisioned { known_by, ..known });
        return Plan::of(Change::Token(Token { stage, ..token }));
    }
    let stage = Stage::New;
    gone(
        Token { stage, ..token },
        owner.as_ref(),
        registration,
        phone,
        context,
    )
}

/// Whether the phone with which a token came is the one that the token server names.
pub(super) fn has_it(phone: Option<&Phone>, registration: RegistrationId) -> bool {
    phone.is_some_and(|phone| phone.registration == registration)
}

/// A token that came with a phone that does not have it any more is new.
pub(super) fn gone(
    token: Token,
    owner: Option<&Owner>,
    registration: RegistrationId,
    phone: Option<&Phone>,
    context: &Context<'_>,
) -> Plan {
    let named = phone.map_or_else(
        || "no phone that has it for this unit".to_owned(),
        |phone| format!("phone {}", phone.registration),
    );
    let (vdom, serial) = (token.vdom, token.serial);
    let detail = format!(
        "the token server names {named}, and it came from another unit with phone {registration}: it is new \
         again; execute fortitoken-mobile provision {serial}"
    );
    let stage = ActivationStage::OtherPhone;
    let event = context.activation(vdom, serial, canonical(owner), stage, &detail);
    released(token).and(Plan::noted(event))
}
