//! Users and tokens as entries of their tables, for `show`, `get` and REST.

use ident::TokenKind;

use super::{FORTITOKEN, LOCAL, Object, Place};
use crate::time::Timestamp;
use crate::token::{ActivationFailure, Stage, Token, TokenStatus};
use crate::user::{Switch, User};

/// The entry of `config user local`; the password as the hash that [`crate::password`] reads back.
impl From<&User> for Object {
    fn from(user: &User) -> Self {
        let vdom = user.name.canonical().realm().vdom();
        let set = user.password_set.map(Timestamp::civil);
        let object = Self::at(&Place::new(vdom, &LOCAL, user.name.as_written()))
            .with("status", Some(switch(user.status)))
            .with("type", Some(user.keeper.word()))
            .with("two-factor", Some(user.two_factor.word()))
            .with("fortitoken", user.token.as_ref().map(AsRef::as_ref))
            .with("ldap-server", user.ldap_server.as_deref())
            .with("radius-server", user.radius_server.as_deref())
            .with_sealed(
                "passwd",
                user.password.as_ref().map(|hash| hash.to_enc().into()),
            )
            .with("radius-legacy", Some(switch(user.radius_legacy)))
            .with("passwd-policy", user.policy.as_deref())
            .with("passwd-time", set.as_deref());
        let kept = user.kept.fields().map(|(name, text)| (name, Some(text)));
        user.contact
            .fields()
            .chain(kept)
            .fold(object, |object, (name, text)| object.with(name, text))
    }
}

const fn switch(switch: Switch) -> &'static str {
    match switch {
        Switch::Enable => "enable",
        Switch::Disable => "disable",
    }
}

impl Token {
    /// The entry of `config user fortitoken`. `sealed_seed` is the seed as the store keeps it; it
    /// appears for hardware tokens only, since a mobile token's seed is never taken over from text.
    pub fn to_object(&self, sealed_seed: Option<Box<str>>) -> Object {
        let status = match self.status {
            TokenStatus::Active => "active",
            TokenStatus::Lock => "lock",
        };
        let is_hardware = self.serial.kind() == TokenKind::Hardware;
        let place = Place::new(self.vdom, &FORTITOKEN, self.serial.as_str());
        let seed = match &self.stage {
            Stage::Failed(ActivationFailure::Foreign(foreign)) => Some(foreign.clone()),
            _ => sealed_seed.filter(|_| is_hardware),
        };
        let object = Object::at(&place)
            .with("status", Some(status))
            .with_sealed("seed", seed)
            .with("comments", Some(&self.comments))
            .with("license", self.licence.as_ref().map(AsRef::as_ref));
        match &self.stage {
            Stage::New | Stage::Requested | Stage::Activated | Stage::Failed(_) => object,
            Stage::Provisioning(waiting) => object
                .with("activation-code", Some(waiting.code.as_str()))
                .with("activation-expire", Some(&epoch(waiting.expires))),
            Stage::Provisioned(phone) | Stage::Withheld(phone) => object
                .with("activation-code", Some(phone.code.as_str()))
                .with("activation-expire", Some(&epoch(phone.expires)))
                .with("reg-id", Some(phone.registration.as_str()))
                .with("os-ver", Some(&phone.os_version)),
        }
    }
}

fn epoch(moment: Timestamp) -> String {
    moment.unix().to_string()
}
