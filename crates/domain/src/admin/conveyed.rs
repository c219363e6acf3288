//! Mobile tokens that came from another unit with their phones: whether the phones still have them.

use ident::RegistrationId;

use super::supply::{canonical, released};
use super::{Change, Context, ItsPhone, Owned, Owner, Plan};
use crate::audit::ActivationStage;
use crate::conveyed::reach;
use crate::token::{KnownBy, Provisioned, Stage, Token};

/// What the token server says of a token that came with its phone. If that is not the phone any more, it went
/// to another after the unit's last word of it, and whoever has the old one is out. A token of which it heard of
/// no phone stays on that of the unit's word; but for a trial's, which no manager gives out: the token server puts
/// those back to new, and their phones are out.
pub(super) fn judged(owned: Owned, phone: &ItsPhone, context: &Context<'_>) -> Plan {
    let Owned { token, owner } = owned;
    let owner = owner.as_ref();
    let is_unheard = matches!(phone, ItsPhone::Unheard) && !token.is_of_trial();
    match token.stage {
        Stage::Provisioned(_) if is_unheard => Plan::default(),
        Stage::Withheld(known) if is_unheard => {
            let registration = known.registration;
            let stage = Stage::Provisioned(Provisioned {
                known_by: KnownBy::OtherUnit,
                ..known
            });
            given_back(Token { stage, ..token }, owner, registration, context)
        }
        Stage::Provisioned(known) if has_it(phone, known.registration) => {
            let stage = confirmed(known);
            Plan::of(Change::Token(Token { stage, ..token }))
        }
        Stage::Withheld(known) if has_it(phone, known.registration) => {
            let registration = known.registration;
            let stage = confirmed(known);
            given_back(Token { stage, ..token }, owner, registration, context)
        }
        Stage::Provisioned(known) | Stage::Withheld(known) => {
            let stage = Stage::New;
            let token = Token { stage, ..token };
            gone(token, owner, known.registration, phone, context)
        }
        _ => Plan::default(),
    }
}

fn confirmed(phone: Provisioned) -> Stage {
    Stage::Provisioned(Provisioned {
        known_by: KnownBy::TokenServer,
        ..phone
    })
}

/// This unit is in the other one's place. That one took the token's codes until now.
fn given_back(
    token: Token,
    owner: Option<&Owner>,
    registration: RegistrationId,
    context: &Context<'_>,
) -> Plan {
    let (vdom, serial) = (token.vdom, token.serial);
    let spent = reach(token.parameters, token.drift, context.now);
    let spent = spent.map(|spent| Change::Spent(serial, spent));
    let detail = format!("on phone {registration}, with which it came from another unit");
    let stage = ActivationStage::Activated;
    let event = context.activation(vdom, serial, canonical(owner), stage, &detail);
    Plan {
        changes: [Change::Token(token)].into_iter().chain(spent).collect(),
        events: vec![event],
        ..Plan::default()
    }
}

/// The token server says that a token is another unit's, which may have given it another phone. This unit may be
/// about to take that one's place, and nobody else may have the seed: it stays.
pub(super) fn withheld(owned: Owned, context: &Context<'_>) -> Plan {
    let Owned { token, owner } = owned;
    let Stage::Provisioned(phone) = token.stage else {
        return Plan::default();
    };
    let (vdom, serial) = (token.vdom, token.serial);
    let detail = format!(
        "the token server says that the token is another unit's, and it came from there with phone {}: nobody \
         logs in with it until it is this unit's; symbolon desk replace-unit, or move-licence",
        phone.registration
    );
    let stage = ActivationStage::OtherPhone;
    let event = context.activation(vdom, serial, canonical(owner.as_ref()), stage, &detail);
    let stage = Stage::Withheld(phone);
    Plan::of(Change::Token(Token { stage, ..token })).and(Plan::noted(event))
}

/// Whether the phone with which a token came is the one that the token server names.
pub(super) fn has_it(phone: &ItsPhone, registration: RegistrationId) -> bool {
    phone
        .named()
        .is_some_and(|phone| phone.registration == registration)
}

/// A token that came with a phone that does not have it any more is new.
pub(super) fn gone(
    token: Token,
    owner: Option<&Owner>,
    registration: RegistrationId,
    phone: &ItsPhone,
    context: &Context<'_>,
) -> Plan {
    let named = phone.named().map_or_else(
        || "no phone that has it".to_owned(),
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
