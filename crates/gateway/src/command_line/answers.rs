//! Queries: rows from the store, a page at a time, as text.

use std::collections::HashMap;

use cli::Keys;
use cli::render::{self, Listing, Part};
use domain::advice::Advice;
use domain::audit::{Actor, What};
use domain::explain::Finding;
use domain::name::{CanonicalName, Realm};
use domain::query::{
    self, DeliveryRow, LoginRow, Logins, OutboxRow, Query, Refused, SystemStatus, TokenRow,
    TokenTotals, Verdict, Whose,
};
use domain::schema::{FORTITOKEN, LOCAL, Object, Place, Shape, Table};
use domain::time::Timestamp;
use domain::vdom::Vdom;
use ident::TokenSerial;
use store::Undecided;
use store::backup_key::BackupKey;
use store::gateway::{LOOKED_AT, Recorded};

use super::executor::{Executor, Gone, Printer, Ran, no_token, refused};
use crate::clock;
use crate::interfaces;

/// Rows that are fetched at once: output begins early and memory stays small.
const PAGE: i64 = 500;

/// What an entry takes as text, with room to spare.
const ENTRY_OCTETS: usize = 320;

/// Events that a search for logins or messages looks through at most, newest first: some seconds of work. Who
/// looks for older ones asks the event log.
const LOGINS_SEARCHED_MAX: i64 = 200_000;

/// Messages of the outbox that are shown.
const OUTBOX_SHOWN_MAX: i64 = 1_000;

/// Why output ended early.
enum Cut {
    Gone,
    Undecided(Undecided),
}

impl From<Gone> for Cut {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl From<Undecided> for Cut {
    fn from(why: Undecided) -> Self {
        Self::Undecided(why)
    }
}

fn ran(result: Result<Ran, Cut>) -> Result<Ran, Gone> {
    match result {
        Ok(ran) => Ok(ran),
        Err(Cut::Gone) => Err(Gone),
        Err(Cut::Undecided(why)) => Ok(why.into()),
    }
}

impl Executor {
    pub(super) async fn list(
        &self,
        mut listing: Listing,
        actor: &Actor,
        printer: &Printer,
    ) -> Result<Ran, Gone> {
        printer.print(listing.head(&actor.name)).await?;
        self.list_parts(&mut listing, None, printer).await
    }

    /// What stands under the head. With `backup` its secrets are sealed under that key.
    pub(super) async fn list_parts(
        &self,
        listing: &mut Listing,
        backup: Option<&BackupKey>,
        printer: &Printer,
    ) -> Result<Ran, Gone> {
        let vdoms = match self.store.vdoms().await {
            Ok(vdoms) => vdoms,
            Err(why) => return Ok(why.into()),
        };
        for part in listing.parts(&vdoms) {
            let (vdom, table) = match part {
                Part::Text(text) => {
                    printer.print(text).await?;
                    continue;
                }
                Part::Table(vdom, table) => (vdom, table),
            };
            let Query::Entries { vdom, key, .. } = listing.query(vdom, table) else {
                continue;
            };
            let place = Place::new(vdom, table, key.unwrap_or_default());
            let listed = self.list_table(listing, place, backup, printer).await;
            match ran(listed.map(|()| Ran::Printed))? {
                Ran::Printed => printer.print(listing.end(table)).await?,
                cut => return Ok(cut),
            }
        }
        Ok(Ran::Printed)
    }

    async fn list_table(
        &self,
        listing: &mut Listing,
        place: Place,
        backup: Option<&BackupKey>,
        printer: &Printer,
    ) -> Result<(), Cut> {
        let (vdom, table) = (place.vdom(), place.table());
        if !place.key().is_empty() || matches!(table.shape, Shape::Single) {
            if let Some(object) = self.kept(place).await? {
                let object = self.store.as_text(object, backup)?;
                printer.print(listing.entry(&object)).await?;
            }
            return Ok(());
        }
        let mut page = self.page(vdom, table, "").await?;
        while let Some(last) = page.last() {
            let after = (is_paged(table) && is_full(&page)).then(|| cursor(last));
            // The next page is fetched while this one is shown.
            let fetched = async {
                match after {
                    Some(after) => self.page(vdom, table, &after).await,
                    None => Ok(Vec::new()),
                }
            };
            let shown = async {
                let mut text = String::with_capacity(page.len() * ENTRY_OCTETS);
                for object in page {
                    text += &listing.entry(&self.store.as_text(object, backup)?);
                }
                Ok::<_, Cut>(printer.print(text).await?)
            };
            let (next, shown) = tokio::join!(fetched, shown);
            shown?;
            page = next?;
        }
        Ok(())
    }

    /// The next entries of a table with keys. Tables other than tokens and users are small: all of
    /// theirs are one page.
    async fn page(
        &self,
        vdom: Vdom,
        table: &'static Table,
        after: &str,
    ) -> Result<Vec<Object>, Undecided> {
        if table == &FORTITOKEN {
            let tokens = self.store.configured_tokens_after(vdom, after, PAGE);
            let tokens = tokens.await?;
            return Ok(tokens.iter().map(|token| token.to_object(None)).collect());
        }
        if table == &LOCAL {
            let users = self
                .store
                .people_after(Realm::Vdom(vdom), after, PAGE)
                .await?;
            return Ok(users.iter().map(Object::from).collect());
        }
        let objects = self.store.objects(vdom, table).await?;
        Ok(objects.into_iter().map(interfaces::shown).collect())
    }

    /// Keys that begin as typed, one more than are shown.
    pub(super) async fn keys(&self, keys: &Keys) -> Vec<String> {
        let mut found = Vec::new();
        for table in keys.tables() {
            found.extend(self.keys_of(keys.vdom(), table, keys.prefix()).await);
        }
        found
    }

    async fn keys_of(&self, vdom: Vdom, table: &'static Table, prefix: &str) -> Vec<String> {
        let wanted = Keys::SHOWN_MAX + 1;
        let limit = i64::try_from(wanted).unwrap_or(i64::MAX);
        let after = just_before(prefix);
        let keys: Vec<String> = if table == &FORTITOKEN {
            let tokens = self
                .store
                .configured_tokens_after(vdom, &after, limit)
                .await
                .unwrap_or_default();
            tokens
                .iter()
                .map(|token| token.serial.to_string())
                .collect()
        } else if table == &LOCAL {
            let realm = Realm::Vdom(vdom);
            let canonical = realm.qualified(&after.to_lowercase());
            let users = self
                .store
                .people_after(realm, &canonical, limit)
                .await
                .unwrap_or_default();
            users
                .iter()
                .map(|user| user.name.as_written().to_owned())
                .collect()
        } else {
            let objects = self.store.objects(vdom, table).await.unwrap_or_default();
            objects
                .iter()
                .map(|object| object.key.to_string())
                .collect()
        };
        keys.into_iter()
            .filter(|key| key.starts_with(prefix))
            .take(wanted)
            .collect()
    }

    pub(super) async fn ask(&self, query: Query, printer: &Printer) -> Result<Ran, Gone> {
        let now = clock::now();
        let answered = match query {
            Query::Log(page) => return self.event_log(page, printer).await,
            Query::TokenInfo { vdom, serial } => {
                return ran(self.token_info(vdom, serial, now, printer).await);
            }
            Query::Logins(logins) => self.logins(&logins, printer).await,
            Query::SystemStatus(vdom) => self.system_status(vdom, now, printer).await,
            Query::Outbox { vdom } => self.outbox(vdom, printer).await,
            Query::Deliveries { vdom, last } => self.deliveries(vdom, last, printer).await,
            // Entries are listed.
            Query::Entries { .. } => Ok(()),
        };
        ran(answered.map(|()| Ran::Printed))
    }

    async fn token_info(
        &self,
        vdom: Vdom,
        serial: Option<TokenSerial>,
        now: Timestamp,
        printer: &Printer,
    ) -> Result<Ran, Cut> {
        let mut advice = None;
        let mut page = match serial {
            Some(serial) => match self.token_of(vdom, serial).await? {
                Some(owned) => vec![owned.token],
                None => return Ok(refused(no_token(serial), printer).await?),
            },
            None => self.store.tokens_after(vdom, "", PAGE).await?,
        };
        printer.print(render::token_head()).await?;
        while let Some(last) = page.last() {
            let after = is_full(&page).then_some(last.serial);
            let fetched = async {
                match after {
                    Some(after) => self.store.tokens_after(vdom, after.as_str(), PAGE).await,
                    None => Ok(Vec::new()),
                }
            };
            let shown = async {
                let mut text = String::new();
                for token in &page {
                    text += &render::token(&TokenRow::of(token, now));
                    advice = Advice::of(token, now);
                }
                Ok::<_, Cut>(printer.print(text).await?)
            };
            let (next, shown) = tokio::join!(fetched, shown);
            shown?;
            page = next?;
        }
        let (activated, activated_global) = self.store.activated(vdom).await?;
        let totals = TokenTotals {
            activated,
            activated_global,
            server: self.reach(),
        };
        printer.print(render::token_totals(&totals)).await?;
        if let Some(why) = self.supply.server().trouble() {
            printer.print(render::token_server_trouble(&why)).await?;
        }
        // Only what was asked for is explained: a table is a table.
        if let Some(advice) = advice.filter(|_| serial.is_some()) {
            printer.print(render::token_advice(&advice)).await?;
        }
        Ok(Ran::Printed)
    }

    async fn system_status(
        &self,
        vdom: Vdom,
        now: Timestamp,
        printer: &Printer,
    ) -> Result<(), Cut> {
        let status = SystemStatus {
            serial: self.unit.serial,
            hostname: self.hostname().into(),
            release: env!("CARGO_PKG_VERSION").into(),
            now,
            vdom,
            vdom_mode: self.vdom_mode(),
            vdoms: self.store.vdoms().await?.len(),
            last_end: self.unit.last_end,
        };
        Ok(printer
            .print(render::system_status(&status, self.zone))
            .await?)
    }

    async fn outbox(&self, vdom: Option<Vdom>, printer: &Printer) -> Result<(), Cut> {
        let waiting = self.store.outbox(vdom, OUTBOX_SHOWN_MAX).await?.into_iter();
        let rows: Vec<OutboxRow> = waiting
            .map(|waiting| OutboxRow {
                number: waiting.id,
                about: query::about(&waiting.message).into(),
                created: waiting.created,
                attempts: waiting.attempts,
                last_error: waiting.last_error.map(Into::into),
            })
            .collect();
        Ok(printer.print(render::outbox(&rows)).await?)
    }

    async fn deliveries(
        &self,
        vdom: Option<Vdom>,
        last: u32,
        printer: &Printer,
    ) -> Result<(), Cut> {
        let wanted = usize::try_from(last).unwrap_or(usize::MAX);
        let (mut rows, mut before) = (Vec::new(), i64::MAX);
        while rows.len() < wanted {
            let page = self
                .store
                .deliveries_before(before, LOGINS_SEARCHED_MAX, PAGE)
                .await?;
            let Some(oldest) = page.last() else {
                break;
            };
            before = oldest.id;
            let page = page
                .iter()
                .filter_map(|recorded| DeliveryRow::of(recorded.id, &recorded.event))
                .filter(|row| vdom.is_none_or(|vdom| row.vdom == vdom));
            rows.extend(page.take(wanted - rows.len()));
        }
        rows.reverse();
        Ok(printer.print(render::deliveries(&rows)).await?)
    }

    async fn logins(&self, asked: &Logins, printer: &Printer) -> Result<(), Cut> {
        for row in self.login_rows(asked).await? {
            printer.print(render::login(&row)).await?;
        }
        Ok(())
    }

    /// Logins, the latest last.
    pub(super) async fn login_rows(&self, asked: &Logins) -> Result<Vec<LoginRow>, Undecided> {
        let mut rows = Vec::new();
        let wanted = usize::try_from(asked.last).unwrap_or(usize::MAX);
        let (mut next, mut searched) = (Some(i64::MAX), 0);
        while let Some(before) = next
            && rows.len() < wanted
            && searched < LOGINS_SEARCHED_MAX
        {
            let (page, more) = self.store.some_logins_before(before).await?;
            (next, searched) = (more, searched + LOOKED_AT);
            let (Some(first), Some(last)) = (page.first(), page.last()) else {
                continue;
            };
            let findings = self.findings(last.id, first.id).await?;
            let fitting = page
                .into_iter()
                .filter_map(|recorded| row(recorded, asked, &findings));
            rows.extend(fitting.take(wanted - rows.len()));
        }
        rows.reverse();
        Ok(rows)
    }

    /// What refusals with numbers in this range turned out to be.
    async fn findings(&self, from: i64, to: i64) -> Result<HashMap<i64, Finding>, Undecided> {
        let explained = self.store.explanations(from, to).await?;
        let finding = |recorded: Recorded| match recorded.event.what {
            What::Explained {
                refusal,
                reason,
                evidence,
            } => Some((refusal, Finding { reason, evidence })),
            _ => None,
        };
        Ok(explained.into_iter().filter_map(finding).collect())
    }
}

/// The key after which the next page begins.
/// Whether a table is fetched a page at a time.
fn is_paged(table: &Table) -> bool {
    table == &FORTITOKEN || table == &LOCAL
}

/// Whether more may follow.
fn is_full<T>(page: &[T]) -> bool {
    i64::try_from(page.len()).is_ok_and(|rows| rows >= PAGE)
}

fn cursor(last: &Object) -> String {
    if last.table == &LOCAL {
        // Users are kept in the order of their canonical names.
        return CanonicalName::within(Realm::Vdom(last.vdom), &last.key)
            .map_or_else(|_| last.key.to_string(), |name| name.to_string());
    }
    last.key.to_string()
}

/// The greatest text that sorts before everything that begins with `prefix`, near enough: one
/// character of its end is made smaller.
fn just_before(prefix: &str) -> String {
    let mut before: Vec<char> = prefix.chars().collect();
    let Some(last) = before.pop() else {
        return String::new();
    };
    match char::from_u32(u32::from(last).saturating_sub(1)) {
        Some(smaller) => before.extend([smaller, char::MAX]),
        None => before.push(char::MAX),
    }
    before.into_iter().collect()
}

fn row(recorded: Recorded, asked: &Logins, findings: &HashMap<i64, Finding>) -> Option<LoginRow> {
    let (number, at) = (recorded.id, recorded.event.at);
    let (person, origin, verdict) = match recorded.event.what {
        What::Accepted {
            person,
            origin,
            spend,
            vouched,
        } => {
            let verdict = vouched.map_or(Verdict::Accepted(spend), Verdict::Vouched);
            (person, origin, verdict)
        }
        What::Refused {
            person,
            origin,
            reason,
            token,
            evidence,
            ..
        } => {
            let explained = findings.get(&number).cloned();
            let refused = Refused {
                reason,
                token,
                evidence,
                explained,
            };
            (person, origin, Verdict::Refused(refused))
        }
        What::Undecided {
            person,
            origin,
            reason,
            evidence,
        } => (person, origin, Verdict::Undecided { reason, evidence }),
        _ => return None,
    };
    let is_here = asked.vdom.is_none_or(|vdom| person.realm().vdom() == vdom);
    let is_of = match &asked.of {
        Whose::Anyone => true,
        Whose::Person(name) => *name == person,
        Whose::Client(name) => *name == origin.client,
    };
    (is_here && is_of).then_some(LoginRow {
        number,
        at,
        person,
        origin,
        verdict,
    })
}
