//! The app as a person runs it, and a small registry to run it against.

use app::contents::{Contents, Server, Token, Trust};
use app::pin::Pin;
use app::vault::{Effort, Folder, Found, OpenVault, Places};
use app::{AppError, Args, Surroundings, run};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::DATE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use clap::Parser;
use ident::{ActivationCode, OpaqueCode, Pace, PinPolicy, TokenSerial};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use otp::{Parameters, Seed};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, PublicKeyData,
    date_time_ymd,
};
use softtoken::address::ServerUrl;
use softtoken::device::{
    DeviceKeys, Nonce, OpenAnswer, SealContext, SealedSeed, seal_seed, verify_activation,
    verify_receipt,
};
use softtoken::limits::MAX_MOBILE_BYTES;
use softtoken::link::{ActivationLink, LinkSecret, SpkiPin};
use softtoken::mobile::{
    MobileNonceResponse, MobileProvisionRequest, MobileProvisionResponse, MobileReceiptRequest,
    MobileReceiptResponse, MobileRelayResponse, MobileRequest, MobileResponse, SealedToken,
};
use softtoken::transfer::{
    Action, Open, Standing, TransferActionResponse, TransferNonceResponse, TransferRequest,
    TransferResponse,
};
use softtoken::{IssuerName, MOBILE_PATH, ServerError, TRANSFER_PATH};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::server::TlsStream;

/// 2022-10-16T19:58:04Z
pub(crate) const NOW: u64 = 1_665_950_284;

/// So that a hundred PINs cost no time.
pub(crate) const CHEAP: Effort = Effort {
    memory_kib: 8,
    passes: 1,
    lanes: 1,
};

#[derive(Parser)]
struct CommandLine {
    #[command(flatten)]
    args: Args,
}

/// One person's app.
pub(crate) struct Phone {
    directory: TempDir,
    pub(crate) now_unix: u64,
}

impl Phone {
    pub(crate) fn new() -> Self {
        let phone = Self {
            directory: TempDir::new().unwrap(),
            now_unix: NOW,
        };
        phone.set_pin("2468");
        std::fs::write(
            phone.file("machine-id"),
            "0123456789abcdef0123456789abcdef\n",
        )
        .unwrap();
        phone
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn set_pin(&self, pin: &str) {
        std::fs::write(self.file("pin"), format!("{pin}\n")).unwrap();
    }

    /// What is in its vault.
    pub(crate) fn contents(&self) -> Contents {
        self.vault().into_contents()
    }

    /// Has all that is of a token server held to this authority.
    pub(crate) fn believes(&self, url: &ServerUrl, pin: SpkiPin) {
        let mut vault = self.vault();
        vault.contents.believe(&Server {
            url: url.clone(),
            trust: Trust::Pin(pin),
        });
        vault.save().unwrap();
    }

    /// The authorities to which the token servers of its tokens are held.
    pub(crate) fn pins(&self) -> Vec<SpkiPin> {
        let contents = self.contents();
        let servers = contents.tokens().iter().filter_map(Token::server);
        let pins = servers.map(|server| match server.trust {
            Trust::Pin(pin) => pin,
            ref other => panic!("{other:?}"),
        });
        pins.collect()
    }

    fn vault(&self) -> OpenVault {
        let places = Places {
            data: self.file("data"),
            secrets: self.file("secrets"),
            machine_id: self.file("machine-id"),
        };
        let Found::Vault(vault) = Folder::lock(places).unwrap().look().unwrap() else {
            panic!("no vault");
        };
        let pin = std::fs::read_to_string(self.file("pin")).unwrap();
        vault.open(&Pin::parse(pin.trim_end()).unwrap()).unwrap()
    }

    /// Runs `symbolon app` with these arguments and returns what it printed.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Result<String, AppError> {
        Ok(self.run_noting(arguments).await?.0)
    }

    /// The same, and what it told besides.
    pub(crate) async fn run_noting(
        &self,
        arguments: &[&str],
    ) -> Result<(String, String), AppError> {
        let (mut out, mut notes) = (Vec::new(), Vec::new());
        self.run_into(&mut out, &mut notes, arguments).await?;
        let text = |octets| String::from_utf8(octets).unwrap();
        Ok((text(out), text(notes)))
    }

    /// Runs what does not end, for so long, and returns what it printed.
    pub(crate) async fn run_for(&self, time: Duration, arguments: &[&str]) -> String {
        let mut out = Vec::new();
        let ended = timeout(time, self.run_into(&mut out, &mut Vec::new(), arguments)).await;
        assert!(ended.is_err(), "it ended by itself");
        String::from_utf8(out).unwrap()
    }

    async fn run_into(
        &self,
        out: &mut Vec<u8>,
        notes: &mut Vec<u8>,
        arguments: &[&str],
    ) -> Result<(), AppError> {
        let path = |name| self.file(name).into_os_string();
        let places = [
            "--data".into(),
            path("data"),
            "--secrets".into(),
            path("secrets"),
        ];
        let pin = ["--pin-file".into(), path("pin")];
        let line = ["symbolon".into()]
            .into_iter()
            .chain(arguments.iter().map(Into::into))
            .chain(places)
            .chain(pin);
        let args = CommandLine::try_parse_from(line).unwrap().args;
        let now_unix = self.now_unix;
        let world = Surroundings {
            out,
            notes,
            now_unix: &move || now_unix,
            effort: CHEAP,
            machine_id: self.file("machine-id"),
        };
        run(args, world).await
    }

    /// Runs what must fail; gives its message and the next step.
    pub(crate) async fn refused(&self, arguments: &[&str]) -> (String, String) {
        let error = self.run(arguments).await.unwrap_err();
        (error.to_string(), error.next_step())
    }

    /// Runs what must fail; gives what it printed before.
    pub(crate) async fn said_failing(&self, arguments: &[&str]) -> String {
        let mut out = Vec::new();
        let ended = self.run_into(&mut out, &mut Vec::new(), arguments).await;
        assert!(ended.is_err());
        String::from_utf8(out).unwrap()
    }
}

/// What a token gets that moves.
const MOVING_CODE: [u8; 8] = [0xaa; 8];

/// A token in the small registry's stock.
pub(crate) struct Issued {
    pub(crate) serial: TokenSerial,
    pub(crate) code: ActivationCode,
    pub(crate) link_secret: [u8; 16],
    pub(crate) seed_hex: String,
    pub(crate) parameters: Parameters,
    pub(crate) pin_policy: PinPolicy,
    pub(crate) is_expired: bool,
    pub(crate) holder: Option<(DeviceKeys, SealedSeed)>,
    pub(crate) is_confirmed: bool,
}

/// What the small registry knows, and how it misbehaves.
pub(crate) struct Stock {
    pub(crate) tokens: Vec<Issued>,
    pub(crate) now_unix: u64,
    pub(crate) loses_provisions: bool,
    pub(crate) loses_receipts: bool,
    /// As where the code was replaced, or its time is over.
    pub(crate) refuses_receipts: bool,
    /// So many looks at a transfer get no answer.
    pub(crate) loses_looks: usize,
    nonces: Vec<Nonce>,
    url: ServerUrl,
    pin: SpkiPin,
}

/// A registry in this process: `/Mobile` over HTTPS, and `/Transfer` with a gateway behind it that lets tokens move.
pub(crate) struct SmallRegistry {
    pub(crate) url: ServerUrl,
    pub(crate) pin: SpkiPin,
    pub(crate) ca_pem: String,
    stock: Arc<Mutex<Stock>>,
    serving: JoinHandle<()>,
}

/// What the registry's certificate chain looks like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chain {
    Whole,
    WithoutAuthority,
    Expired,
    OtherName,
}

impl SmallRegistry {
    pub(crate) async fn start() -> Self {
        Self::start_with(Chain::Whole).await
    }

    pub(crate) async fn start_with(chain: Chain) -> Self {
        let mut authority = CertificateParams::new([]).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority =
            CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let name = if chain == Chain::OtherName {
            "elsewhere.example.org"
        } else {
            "127.0.0.1"
        };
        let mut leaf = CertificateParams::new([name.to_owned()]).unwrap();
        if chain == Chain::Expired {
            leaf.not_after = date_time_ymd(2020, 1, 1);
        }
        let leaf_key = KeyPair::generate().unwrap();
        let leaf = leaf.signed_by(&leaf_key, &authority).unwrap();
        let mut certificates = vec![leaf.der().clone()];
        if chain != Chain::WithoutAuthority {
            certificates.push(authority.der().clone());
        }
        let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
        let tls = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                certificates,
                PrivateKeyDer::Pkcs8(leaf_key.serialize_der().into()),
            )
            .unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = ServerUrl::parse(&format!("https://{}", tcp.local_addr().unwrap())).unwrap();
        let pin = SpkiPin::of_spki(&authority.key().subject_public_key_info());
        let stock = Arc::new(Mutex::new(Stock::new(url.clone(), pin)));
        let router = Router::new()
            .route(MOBILE_PATH, post(mobile))
            .route(TRANSFER_PATH, post(transfer))
            .with_state(Arc::clone(&stock));
        let listener = TlsListener {
            tcp,
            tls: TlsAcceptor::from(Arc::new(tls)),
        };
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            url,
            pin,
            ca_pem: authority.pem(),
            stock,
            serving,
        }
    }

    /// Nothing listens any more when this returns.
    pub(crate) async fn stop(mut self) {
        self.serving.abort();
        assert!((&mut self.serving).await.unwrap_err().is_cancelled());
    }

    pub(crate) fn stock(&self) -> MutexGuard<'_, Stock> {
        self.stock.lock().unwrap()
    }

    /// Makes a token ready; returns its code and its link.
    pub(crate) fn issue(&self, number: u8) -> (String, String) {
        self.issue_with(number, Parameters::default(), PinPolicy::default())
    }

    /// The link of a token that moves, once somebody has begun that.
    pub(crate) async fn moving(&self, number: u8) -> String {
        let moving = ActivationCode::from_random(MOVING_CODE, Pace::Sixty);
        loop {
            if self.stock().token(number).code.as_str() == moving.as_str() {
                return self.stock().token(number).link(&self.url, self.pin);
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    pub(crate) fn issue_with(
        &self,
        number: u8,
        parameters: Parameters,
        pin_policy: PinPolicy,
    ) -> (String, String) {
        let mut issued = Issued {
            serial: TokenSerial::mobile([number; 5]),
            code: ActivationCode::from_random([number; 8], Pace::Sixty),
            link_secret: [number; 16],
            seed_hex: format!("{number:02x}").repeat(20),
            parameters,
            pin_policy,
            is_expired: false,
            holder: None,
            is_confirmed: false,
        };
        let link = issued.link(&self.url, self.pin);
        let texts = (issued.code.as_str().to_owned(), link);
        issued.seed_hex.make_ascii_lowercase();
        self.stock().tokens.push(issued);
        texts
    }
}

impl Stock {
    fn new(url: ServerUrl, pin: SpkiPin) -> Self {
        Self {
            tokens: Vec::new(),
            now_unix: NOW,
            loses_provisions: false,
            loses_receipts: false,
            refuses_receipts: false,
            loses_looks: 0,
            nonces: Vec::new(),
            url,
            pin,
        }
    }

    pub(crate) fn token(&mut self, number: u8) -> &mut Issued {
        let serial = TokenSerial::mobile([number; 5]);
        self.tokens
            .iter_mut()
            .find(|token| token.serial == serial)
            .unwrap()
    }

    fn answer(&mut self, request: &MobileRequest) -> MobileResponse {
        match request {
            MobileRequest::Nonce(_) => {
                let nonce = Nonce::from_bytes([u8::try_from(self.nonces.len()).unwrap(); 32]);
                self.nonces.push(nonce);
                MobileNonceResponse { outcome: Ok(nonce) }.into()
            }
            MobileRequest::Provision(request) => {
                let outcome = self.provision(request).map_err(Into::into);
                MobileProvisionResponse { outcome }.into()
            }
            MobileRequest::Receipt(request) => {
                let error = self.receipt(request).err().map(Into::into);
                MobileReceiptResponse { error }.into()
            }
            MobileRequest::Relay(_) => MobileRelayResponse { outcome: Ok(None) }.into(),
        }
    }

    /// A look tells whether another device has the token; whoever begins gets another code and another seed for it,
    /// as a gateway has it.
    fn moved(&mut self, request: &TransferRequest) -> TransferResponse {
        let TransferRequest::Action(request) = request else {
            let outcome = Ok(Nonce::from_bytes([7; 32]));
            return TransferNonceResponse { outcome }.into();
        };
        let wish = &request.wish;
        let (url, pin) = (self.url.clone(), self.pin);
        let device = wish.prove(&[url.name().clone()]).unwrap().device();
        let token = self.tokens.iter_mut().find(|it| it.serial == wish.token);
        let token = token.unwrap();
        let is_elsewhere = |(keys, _): &(DeviceKeys, _)| keys.registration_id() != device;
        if token.is_confirmed && token.holder.as_ref().is_some_and(is_elsewhere) {
            let outcome = Err(ServerError::TokenMoved.into());
            return TransferActionResponse { outcome }.into();
        }
        if wish.action == Action::BeginShown {
            token.code = ActivationCode::from_random(MOVING_CODE, Pace::Sixty);
            token.seed_hex = "aa".repeat(20);
            (token.holder, token.is_confirmed) = (None, false);
        }
        let open = Open {
            expires_unix: NOW + 3_600,
            link: Some(token.link(&url, pin).into()),
            sent_to: None,
        };
        let outcome = Ok(Standing::Open(open));
        TransferActionResponse { outcome }.into()
    }

    fn provision(&mut self, request: &MobileProvisionRequest) -> Result<SealedToken, ServerError> {
        let nonce = self.nonces.iter().position(|nonce| *nonce == request.nonce);
        let nonce = nonce.ok_or(ServerError::NonceUnknown)?;
        self.nonces[nonce] = Nonce::from_bytes([0xff; 32]);
        let names = [self.url.name().clone()];
        let device = verify_activation(request, &names).map_err(|_| ServerError::ProofWrong)?;
        let token = self
            .tokens
            .iter_mut()
            .find(|token| token.has_code(&request.code, request.link_secret.as_ref()))
            .ok_or(ServerError::ActivationCodeUnknown)?;
        if token.is_expired {
            return Err(ServerError::ActivationCodeExpired);
        }
        let sealed_seed = match &token.holder {
            None => {
                let sealed = token.seal(&request.server, device.keys());
                token.holder = Some((*device.keys(), sealed.clone()));
                sealed
            }
            Some((keys, sealed)) if keys == device.keys() && !token.is_confirmed => sealed.clone(),
            Some(_) => return Err(ServerError::ActivationCodeUsed),
        };
        Ok(SealedToken {
            token: token.serial,
            registration_id: device.registration_id(),
            sealed_seed,
            parameters: token.parameters,
            issuer: IssuerName::parse("Exämple Ltd").unwrap(),
            pin_policy: token.pin_policy,
        })
    }

    fn receipt(&mut self, request: &MobileReceiptRequest) -> Result<(), ServerError> {
        if self.refuses_receipts {
            return Err(ServerError::ProofWrong);
        }
        let names = [self.url.name().clone()];
        let token = self
            .tokens
            .iter_mut()
            .find(|token| token.serial == request.token)
            .ok_or(ServerError::NoValidToken)?;
        let (keys, sealed_seed) = token.holder.as_ref().ok_or(ServerError::NoValidToken)?;
        let answer = OpenAnswer {
            keys,
            token: &token.serial,
            sealed_seed,
        };
        verify_receipt(request, &names, answer).map_err(|_| ServerError::ProofWrong)?;
        token.is_confirmed = true;
        Ok(())
    }
}

impl Issued {
    fn link(&self, server: &ServerUrl, pin: SpkiPin) -> String {
        let link = ActivationLink {
            code: ActivationCode::parse(self.code.as_str()).unwrap(),
            secret: LinkSecret::from_random(self.link_secret),
            server: server.clone(),
            pin,
        };
        link.render().to_string()
    }

    fn has_code(&self, code: &OpaqueCode, secret: Option<&LinkSecret>) -> bool {
        let is_secret_right = secret.is_none_or(|secret| *secret.expose() == self.link_secret);
        *self.code.opaque() == *code && is_secret_right
    }

    fn seal(&self, server: &softtoken::address::ServerName, keys: &DeviceKeys) -> SealedSeed {
        let id = keys.registration_id();
        let context = SealContext::phone(server, &id, &self.serial, self.parameters);
        let seed = Seed::from_hex(&self.seed_hex).unwrap();
        seal_seed(&seed, &keys.sealing, &context, &[self.link_secret[0]; 32]).unwrap()
    }
}

async fn mobile(State(stock): State<Arc<Mutex<Stock>>>, body: Bytes) -> Response {
    let mut stock = stock.lock().unwrap();
    assert!(body.len() <= MAX_MOBILE_BYTES);
    let request = match MobileRequest::parse(&body) {
        Ok(request) => request,
        Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    };
    let answer = stock.answer(&request);
    let is_lost = match request {
        MobileRequest::Nonce(_) | MobileRequest::Relay(_) => false,
        MobileRequest::Provision(_) => stock.loses_provisions,
        MobileRequest::Receipt(_) => stock.loses_receipts,
    };
    if is_lost {
        return (StatusCode::SERVICE_UNAVAILABLE, "gone").into_response();
    }
    let time = Timestamp::from_second(stock.now_unix.try_into().unwrap()).unwrap();
    let date = DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&time)
        .unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(DATE, date.parse().unwrap());
    (headers, answer.to_json().to_string()).into_response()
}

async fn transfer(State(stock): State<Arc<Mutex<Stock>>>, body: Bytes) -> Response {
    let request = TransferRequest::parse(&body).unwrap();
    let mut stock = stock.lock().unwrap();
    if stock.loses_looks > 0 && is_look(&request) {
        stock.loses_looks -= 1;
        return (StatusCode::SERVICE_UNAVAILABLE, "gone").into_response();
    }
    stock.moved(&request).to_json().to_string().into_response()
}

fn is_look(request: &TransferRequest) -> bool {
    matches!(request, TransferRequest::Action(request) if request.wish.action == Action::Look)
}

struct TlsListener {
    tcp: TcpListener,
    tls: TlsAcceptor,
}

impl axum::serve::Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (stream, peer) = self.tcp.accept().await.unwrap();
            // A client that refuses the certificate breaks off here.
            if let Ok(stream) = self.tls.accept(stream).await {
                return (stream, peer);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}
