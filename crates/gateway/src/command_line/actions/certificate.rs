//! `get vpn certificate local details` and `execute vpn certificate local`.

use cli::{CertificateAction, Requested, render};
use domain::admin::{AdminError, Edit, Operation};
use domain::schema::{CERTIFICATE_LOCAL, Value};
use store::{Failure, Undecided};

use super::super::executor::{Executor, Gone, Printer, Ran, printed};
use super::super::sessions::LoggedIn;
use crate::certificates::{place, request};
use crate::clock;

impl Executor {
    pub(super) async fn certificate(
        &self,
        asked: CertificateAction,
        who: &LoggedIn,
        printer: &Printer,
    ) -> Result<Ran, Gone> {
        let done = match asked {
            CertificateAction::Details => self.certificate_details().await,
            CertificateAction::Export(name) => self.export(&name).await,
            CertificateAction::Generate(asked) => self.generate_key(*asked, who, printer).await,
        };
        printed(done, printer).await
    }

    async fn certificate_details(&self) -> Result<String, Failure<AdminError>> {
        let held = self.unit.certificates.held().await?;
        Ok(render::certificates(&held, clock::now(), self.zone))
    }

    async fn export(&self, name: &str) -> Result<String, Failure<AdminError>> {
        let missing = || AdminError::NotFound {
            table: &CERTIFICATE_LOCAL,
            key: name.into(),
        };
        let entry = self.store.object(place(name)).await?;
        let entry = entry.ok_or_else(|| Failure::Refused(missing()))?;
        let pem = [entry.text("certificate"), entry.text("csr")];
        let pem = pem.into_iter().find(|pem| !pem.is_empty());
        pem.map(|pem| format!("{pem}\n")).ok_or_else(|| {
            Failure::Refused(AdminError::Field {
                field: "certificate",
                why: "there is neither a certificate nor a request in this entry".into(),
            })
        })
    }

    async fn generate_key(
        &self,
        asked: Requested,
        who: &LoggedIn,
        printer: &Printer,
    ) -> Result<String, Failure<AdminError>> {
        let place = place(&asked.name);
        if self.store.object(place.clone()).await?.is_some() {
            return Err(Failure::Refused(AdminError::Exists {
                table: &CERTIFICATE_LOCAL,
                key: asked.name,
            }));
        }
        // Whoever went away is told nothing; the key is made all the same.
        let _ = printer.print(render::GENERATING).await;
        let made = tokio::task::spawn_blocking(move || request::make(&asked)).await;
        let made = made.map_err(|_| Undecided::Unavailable("the unit is stopping".into()))?;
        let made = made.map_err(|error| {
            Failure::Refused(AdminError::Field {
                field: "subject",
                why: error.to_string().into(),
            })
        })?;
        let set = |name: &str, value| {
            CERTIFICATE_LOCAL
                .field(name)
                .map(|field| Edit::Set(field, value))
        };
        let edits = [
            set("private-key", Value::Secret(made.key)),
            set("csr", Value::Text(made.request.trim_end().into())),
        ];
        let edits = edits.into_iter().flatten().collect();
        self.administer(Operation::AddCertificate { place, edits }, who)
            .await?;
        Ok(made.request)
    }
}
