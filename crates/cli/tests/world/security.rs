//! What falls short in this world.

use cli::render;
use domain::schema::{
    ADMIN, EMAIL_SERVER, LDAP, Place, RADIUS_CLIENT, SECURITY, SETTING, SMS_SERVER,
    VERIFICATION_CLIENT,
};
use domain::security::{LegacyUsers, Posture, Profile};
use domain::user::TwoFactor;
use domain::vdom::Vdom;

use super::World;

impl World {
    pub(super) fn profile(&self) -> Profile {
        let security = Place::new(Vdom::ROOT, &SECURITY, "");
        self.object(&security)
            .map(|security| Profile::of(&security))
            .unwrap_or_default()
    }

    pub(super) fn security(&self) -> String {
        let single = |table| self.object(&Place::new(Vdom::ROOT, table, "")).unwrap();
        let profile = self.profile();
        let clients = self.objects(Vdom::ROOT, &RADIUS_CLIENT);
        let clients: Vec<_> = clients.iter().map(|client| (None, client)).collect();
        let applications = self.objects(Vdom::ROOT, &VERIFICATION_CLIENT);
        let applications: Vec<_> = applications.iter().map(|it| (None, it)).collect();
        let directories = self.objects(Vdom::ROOT, &LDAP);
        let directories: Vec<_> = directories.iter().map(|it| (None, it)).collect();
        let without = |user: &&domain::user::User| user.two_factor == TwoFactor::Disable;
        let with_sent_codes =
            |user: &&domain::user::User| matches!(user.two_factor, TwoFactor::Sent(_));
        let mut legacy_users = LegacyUsers::default();
        self.users
            .iter()
            .for_each(|user| legacy_users.see(None, user));
        let posture = Posture {
            profile,
            global: &self.global(),
            mail: &single(&EMAIL_SERVER),
            administrators: &self.objects(Vdom::ROOT, &ADMIN),
            settings: &[(None, &single(&SETTING))],
            clients: &clients,
            applications: &applications,
            directories: &directories,
            certificates: &[],
            now: self.now,
            users_without_token: self.users.iter().filter(without).count() as u64,
            users_with_sent_codes: self.users.iter().filter(with_sent_codes).count() as u64,
            sms_servers: &self.objects(Vdom::ROOT, &SMS_SERVER),
            legacy_users: &legacy_users,
            slow_tokens: 1,
            shared_tokens: &[],
        };
        render::security(profile, &posture.deviations())
    }
}
