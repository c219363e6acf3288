//! What gateways ask.

use aws_lc_rs::digest;
use domain::licensing::{self, Asking, LicenceRefusal, Lock, StockToken, TokenRefusal, TokenState};
use domain::time::{Span, Timestamp};
use ident::{ProductSerial, TokenSerial};
use softtoken::link::{ActivationLink, LinkSecret};
use softtoken::process::{
    ActivatedLicence, ActivationLicenseRequest, ActivationLicenseResponse, PollAnswer, PolledToken,
    PollingRequest, PollingResponse, Product, ProductEcho, ProvisionAnswer, ProvisionRequest,
    ProvisionResponse, ProvisionedToken, Registration, Request, Response, TokenState as WireState,
    TokenToProvision,
};
use softtoken::{Echo, MobileVersion, ServerError, WireError};
use store::registry::{
    Activated, Issued, LicenceDenied, Message, NotDone, Passing, ProvisionDenied, Provisioned,
    ToProvision,
};
use store::{Failure, Undecided};
use zeroize::Zeroizing;

use crate::answer;
use crate::http::{Asker, Certified, Problem};
use crate::registry::{LinkParts, Service};

impl Service {
    /// Answers a gateway, or the manager that passes its request on.
    pub(crate) async fn process(
        &self,
        asker: Asker,
        body: &[u8],
    ) -> Result<Zeroizing<String>, Problem> {
        let product = asker.gateway.product;
        self.demand_trust(asker.gateway).await?;
        let passing = match &asker.manager {
            Some(manager) => Some(self.passing(manager.certified, product).await?),
            None => None,
        };
        let request = Request::parse(body)?;
        if let Some(manager) = &asker.manager {
            manager.demand_signed(self, asker.id.as_ref(), body)?;
        }
        // It speaks for gateways that came to it, and shows their certificates.
        self.demand_no_manager(Some(asker.gateway)).await?;
        demand_own(product, &request)?;
        // Another account's answers are not repeated to a manager, whatever message it names.
        let id = asker
            .id
            .filter(|_| passing.as_ref().is_none_or(|passing| passing.is_own));
        let message = id.map(|id| Message {
            product,
            id,
            digest: sha256(body),
        });
        let asking = Asking {
            serial: product,
            cluster: request.product().cluster.clone(),
            through: passing.map(|passing| passing.manager),
        };
        match request {
            Request::ActivationLicense(request) => self.activate(asking, request, message).await,
            Request::Provision(request) => self.provision(asking, request, message).await,
            Request::Polling(request) => self.poll(asking, request).await,
            Request::HardwareActivation(request) => {
                self.activate_hardware(asking, request, message).await
            }
            Request::TransferAddress(request) => {
                self.take_address(asking, asker.source, request).await
            }
            Request::TransferPolling(request) => self.poll_codes(asking, request).await,
        }
    }

    async fn passing(
        &self,
        manager: Certified,
        gateway: ProductSerial,
    ) -> Result<Passing, Problem> {
        self.demand_trust(manager).await?;
        let passing = known(self.store.passing(manager.product, gateway).await)?;
        passing.ok_or(Problem::NoManager(manager.product))
    }

    async fn activate(
        &self,
        asking: Asking,
        request: ActivationLicenseRequest,
        message: Option<Message>,
    ) -> Result<Zeroizing<String>, Problem> {
        let ActivationLicenseRequest {
            code: typed,
            product,
        } = request;
        let Ok(code) = typed.code() else {
            let outcome = Err(LicenceDenied {
                why: LicenceRefusal::NotFound,
                unregistered: vec![],
            });
            return Ok(render_licence(&product, typed, outcome));
        };
        let render = move |outcome| render_licence(&product, typed, outcome);
        done(
            self.store
                .activate_licence(asking, code, self.clock.now(), message, render)
                .await,
        )
    }

    async fn provision(
        &self,
        asking: Asking,
        request: ProvisionRequest,
        message: Option<Message>,
    ) -> Result<Zeroizing<String>, Problem> {
        let ProvisionRequest { product, tokens } = request;
        let (named, wanted) = tokens.into_iter().map(to_provision).unzip();
        let link = self.link.clone();
        let render = move |outcome| render_provision(&product, named, &link, outcome);
        done(
            self.store
                .provision(asking, wanted, self.clock.now(), message, render)
                .await,
        )
    }

    async fn poll(
        &self,
        asking: Asking,
        request: PollingRequest,
    ) -> Result<Zeroizing<String>, Problem> {
        let PollingRequest { product, tokens } = request;
        let serials = tokens
            .iter()
            .map(|token| TokenSerial::parse(token.as_str()).ok())
            .collect();
        let now = self.clock.now();
        let polled = known(self.store.poll(asking, serials, now).await)?;
        let answers = tokens.into_iter().zip(polled.tokens);
        let answers = answers.map(|(token, outcome)| poll_answer(token, outcome, now));
        let response = PollingResponse {
            product: echo(&product, &polled.unregistered),
            tokens: answers.collect::<Result<_, _>>()?,
            error: polled.refusal.map(|why| answer::stock(why).into()),
        };
        Ok(logged(&response.into()))
    }
}

/// An answer is an answer, also one that refuses.
pub(crate) fn done(
    outcome: Result<Zeroizing<String>, Failure<NotDone>>,
) -> Result<Zeroizing<String>, Problem> {
    match outcome {
        Ok(reply) | Err(Failure::Refused(NotDone::Refused(reply))) => Ok(reply),
        Err(Failure::Refused(NotDone::IdReused)) => Err(Problem::MessageIdReused),
        Err(Failure::Refused(NotDone::Kept(manager))) => Err(Problem::Kept(manager)),
        Err(Failure::Undecided(why)) => Err(why.into()),
    }
}

/// The outcome of a use case that refuses nothing.
pub(crate) fn known<T>(
    outcome: Result<T, Failure<std::convert::Infallible>>,
) -> Result<T, Undecided> {
    outcome.map_err(|failure| match failure {
        Failure::Refused(never) => match never {},
        Failure::Undecided(why) => why,
    })
}

/// A certificate vouches for one serial.
pub(crate) fn demand_own(certificate: ProductSerial, request: &Request) -> Result<(), Problem> {
    let request = request.product().serial_number;
    if request == certificate {
        return Ok(());
    }
    tracing::warn!(%certificate, %request, "refused");
    Err(Problem::OtherProduct {
        certificate,
        request,
    })
}

pub(crate) fn echo(product: &Product, unregistered: &[ProductSerial]) -> ProductEcho {
    product.echo(|member| {
        unregistered
            .contains(&member)
            .then(|| ServerError::ProductNotRegistered.message().into())
    })
}

pub(crate) fn logged(response: &Response) -> Zeroizing<String> {
    tracing::debug!(answer = response.debug_text(), "answered a gateway");
    response.to_json()
}

fn render_licence(
    product: &Product,
    code: softtoken::TypedLicenceCode,
    outcome: Result<Activated, LicenceDenied>,
) -> Zeroizing<String> {
    let (unregistered, outcome) = match outcome {
        Ok(Activated {
            licence,
            tokens,
            unregistered,
        }) => (
            unregistered,
            Ok(ActivatedLicence {
                serial: licence,
                tokens,
            }),
        ),
        Err(LicenceDenied { why, unregistered }) => (unregistered, Err(answer::licence(why))),
    };
    let mut product = echo(product, &unregistered);
    // The described system tells nothing of the cluster to whoever knows no licence.
    if outcome.as_ref().err() == Some(&ServerError::LicenceNotFound) {
        product.cluster.clear();
    }
    let outcome = outcome.map_err(WireError::from);
    logged(
        &ActivationLicenseResponse {
            product,
            code,
            outcome,
        }
        .into(),
    )
}

/// How a token was named, and the life of its code in minutes, for the answer.
struct Named {
    token: Echo,
    code_expire_min: u32,
}

fn to_provision(wanted: TokenToProvision) -> (Named, ToProvision) {
    let to_provision = ToProvision {
        token: wanted.serial().ok(),
        seed: wanted.seed,
        parameters: wanted.parameters,
        pin_policy: wanted.pin_policy,
        code_life: Span::from_mins(wanted.code_expire_min.into()),
    };
    (
        Named {
            token: wanted.token,
            code_expire_min: wanted.code_expire_min,
        },
        to_provision,
    )
}

fn render_provision(
    product: &Product,
    named: Vec<Named>,
    link: &LinkParts,
    outcome: Result<Provisioned, ProvisionDenied>,
) -> Zeroizing<String> {
    let (tokens, unregistered, error) = match outcome {
        Ok(Provisioned {
            tokens,
            unregistered,
        }) => (tokens, unregistered, None),
        Err(ProvisionDenied {
            why,
            tokens,
            unregistered,
        }) => (
            tokens.into_iter().map(Err).collect(),
            unregistered,
            Some(answer::stock(why).into()),
        ),
    };
    let answers = named.into_iter().zip(tokens);
    let response = ProvisionResponse {
        product: echo(product, &unregistered),
        tokens: answers
            .map(|(named, outcome)| provision_answer(named, link, outcome))
            .collect(),
        error,
    };
    logged(&response.into())
}

fn provision_answer(
    named: Named,
    link: &LinkParts,
    outcome: Result<Issued, TokenRefusal>,
) -> ProvisionAnswer {
    let outcome = outcome
        .map_err(|why| answer::token(why).into())
        .map(|issued| {
            let typed = ident::ActivationCode::from_random(
                *issued.code.opaque().as_bytes(),
                issued.code.pace(),
            );
            ProvisionedToken {
                licence: issued.licence,
                code: typed,
                link: ActivationLink {
                    code: issued.code,
                    secret: LinkSecret::from_random(issued.link),
                    server: link.server.clone(),
                    pin: link.pin,
                },
                code_expire_min: named.code_expire_min,
            }
        });
    ProvisionAnswer {
        token: named.token,
        outcome,
    }
}

fn poll_answer(
    token: Echo,
    outcome: Result<StockToken, TokenRefusal>,
    now: Timestamp,
) -> Result<PollAnswer, Undecided> {
    let outcome = match outcome {
        Ok(stock) => Ok(polled(&stock, now)?),
        Err(why) => Err(answer::token(why).into()),
    };
    Ok(PollAnswer { token, outcome })
}

fn polled(token: &StockToken, now: Timestamp) -> Result<PolledToken, Undecided> {
    let state = match &token.state {
        _ if token.lock == Lock::Locked => WireState::Locked,
        TokenState::New => WireState::New,
        TokenState::Provisioning { .. } if token.has_timed_out(now) => WireState::ProvisionTimeout,
        TokenState::Provisioning { .. } => WireState::Provisioning,
        TokenState::Provisioned(_) => WireState::Provisioned,
    };
    let registration = match &token.state {
        TokenState::Provisioned(device) => Some(registration(token.serial, device)?),
        TokenState::New | TokenState::Provisioning { .. } => None,
    };
    Ok(PolledToken {
        licence: token.licence,
        state,
        registration,
    })
}

/// A device as gateways are told of it.
pub(crate) fn registration(
    token: TokenSerial,
    device: &licensing::Registration,
) -> Result<Registration, Undecided> {
    let version = MobileVersion::parse(&device.version)
        .map_err(|_| store::SqlError::damaged("provision", token.as_str(), "device_version"))?;
    Ok(Registration {
        id: device.id,
        version,
    })
}

pub(crate) fn sha256(body: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, body).as_ref());
    hash
}
