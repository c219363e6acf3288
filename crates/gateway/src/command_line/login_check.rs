//! `diagnose login check`.

use cli::CheckLogin;
use cli::render::{self, LoginCheck, PushCheck, TokenCheck};
use domain::admin::AdminError;
use domain::client::Client;
use domain::login::outlook::{KnownBackend, Outlook, Sending, Surroundings};
use domain::login::trial::{Keeper, Standing};
use domain::login::{CodePosition, Factor, Facts};
use domain::name::CanonicalName;
use domain::push;
use domain::query::{LoginRow, Logins, Verdict, Whose};
use domain::schema::VDOM;
use domain::source::Network;
use domain::time::Timestamp;
use domain::token::Token;
use domain::vdom::Vdom;
use store::{Failure, Health, Undecided};

use super::executor::{Executor, Gone, Printer, Ran, refused};
use crate::clock;
use crate::delivery::CourierError;

/// Latest logins whose sources and refusals are looked at.
const LOGINS_LOOKED_AT: u32 = 50;
/// Refusals that are shown.
const REFUSALS_SHOWN: usize = 3;

impl Executor {
    pub(super) async fn check_login(
        &self,
        asked: &CheckLogin,
        printer: &Printer,
    ) -> Result<Ran, Gone> {
        match self.checked_login(asked).await {
            Ok((text, outlook)) => {
                printer.print(text).await?;
                Ok(if outlook.obstacles.is_empty() {
                    Ran::Printed
                } else {
                    Ran::Failed
                })
            }
            Err(Failure::Refused(error)) => refused(error, printer).await,
            Err(Failure::Undecided(why)) => Ok(why.into()),
        }
    }

    async fn checked_login(
        &self,
        asked: &CheckLogin,
    ) -> Result<(String, Outlook), Failure<AdminError>> {
        let (person, now) = (&asked.person, clock::now());
        // No login is decided that cannot be written down.
        if let Health::Failed { reason, .. } = self.store.health() {
            return Err(Undecided::Unavailable(reason).into());
        }
        let vdom = person.realm().vdom();
        if self.store.vdom(vdom.as_str()).is_none() {
            return Err(Failure::Refused(AdminError::NotFound {
                table: &VDOM,
                key: vdom.as_str().into(),
            }));
        }
        let facts = self
            .store
            .facts(person.clone(), CodePosition::Challenge, now);
        let facts = facts.map_err(|error| Undecided::Unavailable(error.to_string().into()))?;
        let rows = self.latest_logins(person).await?;
        let limits = self.store.limits(person, &sources(&rows), now);
        let standing = Standing::of(&facts, &limits.codes, now);
        let user = self.store.person(person.clone()).await?;
        let owned = match self.store.token_of(person)? {
            Some(serial) => self.store.token(serial).await?,
            None => None,
        };
        let all = self.store.clients();
        let clients = self.clients_of(person, &all)?;
        let backends = self.backends_of(person, standing.as_ref(), &clients)?;
        let surroundings = Surroundings {
            sending: self.sending(&facts, now).await?,
            backends,
            ..Surroundings::default()
        };
        let surroundings = surroundings.at(self.positions(person, &clients)?);
        let outlook = Outlook::of(&facts, &limits, &surroundings, now);
        let token = match &owned {
            Some(owned) => Some(self.checked_token(&owned.token, &facts).await?),
            None => None,
        };
        let recovery = self.store.recovery(person);
        let text = render::login_check(&LoginCheck {
            typed: &asked.typed,
            person,
            record: user.as_ref().zip(standing.as_ref()),
            token,
            recovery: &recovery,
            limits: &limits,
            backends: &surroundings.backends,
            clients: &clients,
            refusals: &refusals(rows),
            outlook: &outlook,
            now,
        });
        Ok((text, outlook))
    }

    async fn latest_logins(&self, person: &CanonicalName) -> Result<Vec<LoginRow>, Undecided> {
        let asked = Logins {
            vdom: None,
            of: Whose::Person(person.clone()),
            last: LOGINS_LOOKED_AT,
        };
        self.login_rows(&asked).await
    }

    async fn checked_token<'a>(
        &self,
        token: &'a Token,
        facts: &Facts,
    ) -> Result<TokenCheck<'a>, Undecided> {
        let factor = facts.person.as_ref().map(|person| &person.factor);
        let spent = match factor {
            Some(Factor::Token { verifier, .. }) => verifier.spent,
            _ => None,
        };
        let spent = match spent {
            Some(step) => Some((step, self.store.first_use(token.serial, step).await?)),
            None => None,
        };
        let settings = &self.store.settings(Vdom::ROOT).push;
        let push = match push::offered(facts, settings) {
            Some(_) => PushCheck::Offered,
            None if settings.is_enabled() => PushCheck::NotByToken,
            None => PushCheck::Off,
        };
        Ok(TokenCheck { token, spent, push })
    }

    /// The clients that let a person in: all of the virtual domain for one with a record, and for another those that
    /// let people in without one.
    fn clients_of<'a>(
        &self,
        person: &CanonicalName,
        all: &'a [Client],
    ) -> Result<Vec<&'a Client>, Undecided> {
        let has_record = self.store.has_record(person)?;
        let vdom = person.realm().vdom();
        let mut clients = Vec::new();
        for client in all.iter().filter(|client| client.vdom == vdom) {
            if has_record || !self.store.sources(person, &client.name)?.is_empty() {
                clients.push(client);
            }
        }
        Ok(clients)
    }

    /// How clients that let a person in combine password and code. Applications let in nobody without a record.
    fn positions(
        &self,
        person: &CanonicalName,
        clients: &[&Client],
    ) -> Result<Vec<CodePosition>, Undecided> {
        let applications = self.store.applications();
        let (vdom, has_record) = (person.realm().vdom(), self.store.has_record(person)?);
        let applications = applications
            .iter()
            .filter(|it| has_record && it.vdom == vdom);
        let clients = clients.iter().map(|client| client.position);
        Ok(clients.chain(applications.map(|it| it.position)).collect())
    }

    /// What a code meets that is sent to a person, if one would be.
    async fn sending(&self, facts: &Facts, now: Timestamp) -> Result<Sending, Undecided> {
        let factor = facts.person.as_ref().map(|person| &person.factor);
        let Some(Factor::Sent(to)) = factor else {
            return Ok(Sending::default());
        };
        let unconfigured = match self.supply.reaches(to).await {
            Ok(()) => None,
            Err(CourierError::Undecided(why)) => return Err(why),
            Err(error) => Some(error.to_string().into()),
        };
        let [waits, waits_alone] = self.codes.waits(&facts.name, to.channel(), now);
        Ok(Sending {
            unconfigured,
            waits,
            waits_alone,
        })
    }

    /// Those that know the password of a person, each once.
    fn backends_of(
        &self,
        person: &CanonicalName,
        standing: Option<&Standing>,
        clients: &[&Client],
    ) -> Result<Vec<KnownBackend>, Undecided> {
        let mut names = match standing {
            Some(Standing {
                keeper: Keeper::Backend(name),
                ..
            }) => vec![name.clone()],
            Some(_) => Vec::new(),
            None => {
                let mut names = Vec::new();
                for client in clients {
                    let sources = self.store.sources(person, &client.name)?;
                    names.extend(sources.into_iter().map(|source| source.backend));
                }
                names
            }
        };
        names.sort();
        names.dedup();
        Ok(names.iter().map(|name| self.backends.known(name)).collect())
    }
}

/// From where a person came of late, each once. What is no address is none.
fn sources(rows: &[LoginRow]) -> Vec<Network> {
    let networks = rows.iter().map(|row| row.origin.source.network());
    let mut networks: Vec<Network> = networks
        .filter(|network| !network.address().is_unspecified())
        .collect();
    networks.sort();
    networks.dedup();
    networks
}

fn refusals(rows: Vec<LoginRow>) -> Vec<LoginRow> {
    let is_refusal =
        |row: &LoginRow| matches!(row.verdict, Verdict::Refused(_) | Verdict::Undecided { .. });
    let mut refused: Vec<LoginRow> = rows.into_iter().filter(is_refusal).collect();
    let older = refused.len().saturating_sub(REFUSALS_SHOWN);
    refused.split_off(older)
}
