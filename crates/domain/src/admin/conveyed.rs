//! Mobile tokens that came from another unit with their phones: whether the phones still have them.

use super::supply::{canonical, released};
use super::{Change, Context, Owned, Phone, Plan};
use crate::audit::ActivationStage;
use crate::token::{KnownBy, Provisioned, Stage, Token};

/// What the token server says of a token that came with its phone. If that is not the phone any more, it went
/// to another after the unit's last word of it, and whoever has the old one is out.
pub(super) fn judged(owned: Owned, phone: Option<&Phone>, context: &Context<'_>) -> Plan {
    let Owned { token, owner } = owned;
    let Stage::Provisioned(known) = token.stage else {
        return Plan::default();
    };
    let token = |stage| Token { stage, ..token };
    if phone.is_some_and(|phone| phone.registration == known.registration) {
        let known_by = KnownBy::TokenServer;
        let stage = Stage::Provisioned(Provisioned { known_by, ..known });
        return Plan::of(Change::Token(token(stage)));
    }
    let named = phone.map_or_else(
        || "no phone that has it for this unit".to_owned(),
        |phone| format!("phone {}", phone.registration),
    );
    let token = token(Stage::New);
    let (vdom, serial) = (token.vdom, token.serial);
    let detail = format!(
        "the token server names {named}, and it came from another unit with phone {}: it is new again; \
         execute fortitoken-mobile provision {serial}",
        known.registration
    );
    let stage = ActivationStage::OtherPhone;
    let event = context.activation(vdom, serial, canonical(owner.as_ref()), stage, &detail);
    released(token).and(Plan::noted(event))
}
