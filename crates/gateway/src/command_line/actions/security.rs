//! `diagnose security`.

use cli::render;
use domain::name::Realm;
use domain::schema::{
    ADMIN, EMAIL_SERVER, GLOBAL, LDAP, Object, Place, RADIUS_CLIENT, SECURITY, SETTING, SMS_SERVER,
    Table, VERIFICATION_CLIENT,
};
use domain::security::{LegacyUsers, Posture, Profile, is_slow};
use domain::settings::VdomMode;
use domain::user::TwoFactor;
use domain::vdom::Vdom;
use store::Undecided;

use super::super::executor::{Executor, Gone, Printer, Ran};
use crate::clock;

/// Users and tokens that are looked at in one read.
const PAGE: i64 = 1_000;

impl Executor {
    pub(super) async fn security(&self, printer: &Printer) -> Result<Ran, Gone> {
        match self.posture().await {
            Ok(text) => {
                printer.print(text).await?;
                Ok(Ran::Printed)
            }
            Err(why) => Ok(why.into()),
        }
    }

    async fn posture(&self) -> Result<String, Undecided> {
        let profile = Profile::of(&self.single(Vdom::ROOT, &SECURITY).await?);
        let (mut settings, mut clients) = (Vec::new(), Vec::new());
        let (mut applications, mut directories) = (Vec::new(), Vec::new());
        let (mut users, mut slow_tokens) = (Users::default(), 0);
        for vdom in self.store.vdoms().await? {
            let told = (self.vdom_mode() == VdomMode::Multi).then_some(vdom);
            settings.push((told, self.single(vdom, &SETTING).await?));
            let here = self.store.objects(vdom, &RADIUS_CLIENT).await?;
            clients.extend(here.into_iter().map(|client| (told, client)));
            let here = self.store.objects(vdom, &VERIFICATION_CLIENT).await?;
            applications.extend(here.into_iter().map(|application| (told, application)));
            let here = self.store.objects(vdom, &LDAP).await?;
            directories.extend(here.into_iter().map(|directory| (told, directory)));
            self.count_users(vdom, told, &mut users).await?;
            slow_tokens += self.slow_tokens(vdom).await?;
        }
        let posture = Posture {
            profile,
            global: &self.single(Vdom::ROOT, &GLOBAL).await?,
            mail: &self.single(Vdom::ROOT, &EMAIL_SERVER).await?,
            sms_servers: &self.store.objects(Vdom::ROOT, &SMS_SERVER).await?,
            administrators: &self.store.objects(Vdom::ROOT, &ADMIN).await?,
            settings: &borrowed(&settings),
            clients: &borrowed(&clients),
            applications: &borrowed(&applications),
            directories: &borrowed(&directories),
            certificates: &self.unit.certificates.held().await?,
            now: clock::now(),
            users_without_token: users.without_token,
            users_with_sent_codes: users.with_sent_codes,
            legacy_users: &users.legacy,
            slow_tokens,
            shared_tokens: &self.supply.shared_tokens(),
        };
        Ok(render::security(profile, &posture.deviations()))
    }

    async fn single(&self, vdom: Vdom, table: &'static Table) -> Result<Object, Undecided> {
        let stored = self.store.object(Place::new(vdom, table, "")).await?;
        Ok(stored.unwrap_or_else(|| Object::new(table, "")))
    }

    async fn count_users(
        &self,
        vdom: Vdom,
        told: Option<Vdom>,
        count: &mut Users,
    ) -> Result<(), Undecided> {
        let realm = Realm::Vdom(vdom);
        let mut after = String::new();
        loop {
            let users = self.store.people_after(realm, &after, PAGE).await?;
            let Some(last) = users.last() else {
                return Ok(());
            };
            last.name.canonical().as_str().clone_into(&mut after);
            for user in &users {
                count.legacy.see(told, user);
                match user.two_factor {
                    TwoFactor::Disable => count.without_token += 1,
                    TwoFactor::Sent(_) => count.with_sent_codes += 1,
                    TwoFactor::Fortitoken => {}
                }
            }
        }
    }

    async fn slow_tokens(&self, vdom: Vdom) -> Result<u64, Undecided> {
        let (mut after, mut count) = (String::new(), 0);
        loop {
            let tokens = self.store.tokens_after(vdom, &after, PAGE).await?;
            let Some(last) = tokens.last() else {
                return Ok(count);
            };
            last.serial.as_str().clone_into(&mut after);
            let slow = tokens.iter().filter(|token| is_slow(token));
            count += u64::try_from(slow.count()).unwrap_or(u64::MAX);
        }
    }
}

/// Users whose second factor falls short.
#[derive(Default)]
struct Users {
    without_token: u64,
    with_sent_codes: u64,
    legacy: LegacyUsers,
}

fn borrowed(objects: &[(Option<Vdom>, Object)]) -> Vec<(Option<Vdom>, &Object)> {
    objects
        .iter()
        .map(|(vdom, object)| (*vdom, object))
        .collect()
}
