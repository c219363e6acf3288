//! A registry on a loopback address with two accounts, gateways with certificates, and phones.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use domain::audit::Actor;
use domain::licensing::{AccountName, Generation, LicenceSize};
use domain::time::{Span, Timestamp};
use ident::{ActivationCode, OpaqueCode, ProductSerial, TokenSerial};
use otp::Seed;
use registry::{Clock, Config, Desk, Registry};
use softtoken::address::{ServerName, ServerUrl};
use softtoken::device::{
    DeviceKeys, Nonce, SealContext, SealingPrivateKey, Signature, SigningPublicKey,
    activation_transcript, code_hash, open_seed, receipt_transcript,
};
use softtoken::link::{ActivationLink, LinkSecret, SpkiPin};
use softtoken::mobile::{
    MobileNonceRequest, MobileProvisionRequest, MobileReceiptRequest, MobileRequest,
    MobileResponse, SealedToken,
};
use softtoken::process::{PolledToken, Response};
use softtoken::{MOBILE_PATH, MobileVersion, PROCESS_PATH, WireError};
use store::registry::{IssuedLicence, NewLicence};

pub(crate) const START: Timestamp = Timestamp::from_secs(1_700_000_000);
pub(crate) const HOST: &str = "registry.test";
pub(crate) const SEED: &str = "A84E2CAAD3BCEA970E05DC1A9B7BD2D562622F4A";

pub(crate) struct World {
    pub(crate) desk: Desk,
    pub(crate) address: SocketAddr,
    pub(crate) pki: Arc<registry::pki::Pki>,
    pub(crate) dir: tempfile::TempDir,
    now: Arc<AtomicI64>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    running: Option<tokio::task::JoinHandle<()>>,
}

pub(crate) fn actor() -> Actor {
    Actor {
        name: "carol".into(),
        interface: "desk".into(),
    }
}

pub(crate) fn account(name: &str) -> AccountName {
    AccountName::parse(name).unwrap()
}

pub(crate) fn product(serial: &str) -> ProductSerial {
    serial.parse().unwrap()
}

impl World {
    /// A registry that runs; `products` are registered for the account `Example Ltd`.
    pub(crate) async fn new(products: &[&str]) -> Self {
        let world = Self::start(tempfile::tempdir().unwrap()).await;
        world
            .desk
            .register_account(actor(), account("Example Ltd"))
            .await
            .unwrap();
        for serial in products {
            world.register(serial, "Example Ltd").await;
        }
        world
    }

    async fn start(dir: tempfile::TempDir) -> Self {
        let now = Arc::new(AtomicI64::new(START.micros()));
        let read = Arc::clone(&now);
        let config = Config {
            data: dir.path().join("registry"),
            root_key: dir.path().join("root.key"),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            public_url: ServerUrl::parse(&format!("https://{HOST}")).unwrap(),
            other_names: vec![],
            relay: None,
            answer_urls: Vec::new(),
            transfer_hosts: registry::TransferHosts::default(),
            chosen: https::Chosen::default(),
            clock: Clock::new(move || Timestamp::from_micros(read.load(Ordering::SeqCst))),
        };
        let registry = Registry::open(config).await.unwrap();
        let (desk, address, pki) = (registry.desk(), registry.address(), registry.pki());
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let running = tokio::spawn(registry.run(async {
            let _ = stopped.await;
        }));
        Self {
            desk,
            address,
            pki,
            dir,
            now,
            stop: Some(stop),
            running: Some(running),
        }
    }

    /// Stops and starts it on the same data.
    pub(crate) async fn restart(self) -> Self {
        self.restart_after(|_| ()).await
    }

    /// The same; meanwhile something is done to its database.
    pub(crate) async fn restart_after(mut self, act: impl FnOnce(&Path)) -> Self {
        self.stop.take();
        self.running.take().unwrap().await.unwrap();
        // The desk holds the closed store and its lock.
        let Self { dir, desk, now, .. } = self;
        drop(desk);
        act(&dir.path().join("registry/registry.db"));
        let world = Self::start(dir).await;
        world
            .now
            .store(now.load(Ordering::SeqCst), Ordering::SeqCst);
        world
    }

    pub(crate) fn pass(&self, span: Span) {
        self.now.fetch_add(span.micros(), Ordering::SeqCst);
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.now.load(Ordering::SeqCst))
    }

    pub(crate) async fn register(&self, serial: &str, owner: &str) {
        self.desk
            .register_product(actor(), account(owner), product(serial))
            .await
            .unwrap();
    }

    pub(crate) async fn issue(&self, size: u32) -> IssuedLicence {
        let licence = NewLicence {
            account: account("Example Ltd"),
            product: None,
            size: LicenceSize::new(size).unwrap(),
            redeem_until: self.now().after(Span::from_days(1)),
        };
        self.desk.issue_licence(actor(), licence).await.unwrap()
    }

    /// A client that trusts the registry and has no certificate.
    pub(crate) fn plain_client(&self) -> reqwest::ClientBuilder {
        let authority =
            reqwest::Certificate::from_pem(self.pki.authority_pem().as_bytes()).unwrap();
        reqwest::Client::builder()
            .tls_certs_only([authority])
            .resolve(HOST, self.address)
            .no_proxy()
    }

    /// A gateway with its certificate.
    pub(crate) fn gateway(&self, serial: &str) -> Gateway {
        self.gateway_of(serial, Generation::default())
    }

    /// A gateway whose certificates were revoked so many times.
    pub(crate) fn gateway_of(&self, serial: &str, generation: Generation) -> Gateway {
        let identity = self.pki.issue_gateway(product(serial), generation).unwrap();
        let pem = format!("{}{}", identity.certificate_pem, *identity.key_pem);
        let identity = reqwest::Identity::from_pem(pem.as_bytes()).unwrap();
        let client = self.plain_client().identity(identity).build().unwrap();
        Gateway {
            serial: serial.to_owned(),
            client,
            port: self.address.port(),
        }
    }

    /// Somebody without a certificate.
    pub(crate) fn anybody(&self) -> Gateway {
        let client = self.plain_client().build().unwrap();
        Gateway {
            serial: String::new(),
            client,
            port: self.address.port(),
        }
    }

    pub(crate) fn phone(&self) -> Phone {
        Phone::new(self.anybody())
    }
}

pub(crate) struct Gateway {
    pub(crate) serial: String,
    pub(crate) client: reqwest::Client,
    pub(crate) port: u16,
}

impl Gateway {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{HOST}:{}{path}", self.port)
    }

    /// Posts a body and returns status and answer.
    pub(crate) async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> (u16, String) {
        let response = self
            .client
            .post(self.url(path))
            .body(body)
            .send()
            .await
            .unwrap();
        let status = response.status().as_u16();
        assert_eq!(response.headers()["content-type"], "application/json");
        assert!(response.headers().contains_key("date"));
        (status, response.text().await.unwrap())
    }

    pub(crate) async fn process(&self, body: &str) -> String {
        let (status, answer) = self.post(PROCESS_PATH, body.to_owned()).await;
        assert_eq!(status, 200, "{answer}");
        answer
    }

    /// The answer to a message that carries an id.
    pub(crate) async fn process_once(&self, id: &str, body: &str) -> (u16, String) {
        let response = self
            .client
            .post(self.url(PROCESS_PATH))
            .header(registry::MESSAGE_ID_HEADER, id)
            .body(body.to_owned())
            .send()
            .await
            .unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    fn envelope(&self, name: &str, rest: &str) -> String {
        let serial = &self.serial;
        format!(
            r#"{{"d":{{"__type":"SoftToken.{name}","__version":"4","serial_number":"{serial}","__device_version":"7.0","__device_build":"2573","__clustered_sns":[{{"sn":"{serial}"}}],{rest}}}}}"#
        )
    }

    pub(crate) fn import_body(&self, code: &str) -> String {
        self.envelope(
            "ActivationLicenseRequest",
            &format!(r#""license_activation_code":"{code}""#),
        )
    }

    /// Imports a licence and returns its serial and tokens.
    pub(crate) async fn import(&self, code: &str) -> (String, Vec<TokenSerial>) {
        let answer = self.process(&self.import_body(code)).await;
        let Response::ActivationLicense(response) = Response::parse(answer.as_bytes()).unwrap()
        else {
            panic!("{answer}")
        };
        let licence = response.outcome.unwrap_or_else(|error| panic!("{error}"));
        (licence.serial.to_string(), licence.tokens)
    }

    /// Asks for the seeds of hardware tokens, sealed to `key`.
    pub(crate) fn seeds_body(&self, key: &SealingPrivateKey, tokens: &[&str]) -> String {
        let tokens: Vec<String> = tokens
            .iter()
            .map(|token| format!(r#"{{"token":"{token}"}}"#))
            .collect();
        let key = key.public().to_base64url();
        self.envelope(
            "HardwareActivationRequest",
            &format!(r#""sealing_key":"{key}","tokens":[{}]"#, tokens.join(",")),
        )
    }

    pub(crate) fn provision_body(&self, token: &str) -> String {
        let token = format!(
            r#""tokens":[{{"token":"{token}","seed":"{SEED}","code_expire":4320,"type":"totp","period":60,"digits":6}}]"#
        );
        self.envelope("ProvisionRequest", &token)
    }

    /// Makes a token ready and returns its code and the content of its QR code.
    pub(crate) async fn provision(&self, token: TokenSerial) -> (ActivationCode, ActivationLink) {
        let answer = self.process(&self.provision_body(token.as_str())).await;
        let Response::Provision(mut response) = Response::parse(answer.as_bytes()).unwrap() else {
            panic!("{answer}")
        };
        let provisioned = response.tokens.remove(0).outcome.unwrap();
        (provisioned.code, provisioned.link)
    }

    pub(crate) fn poll_body(&self, token: &str) -> String {
        self.envelope(
            "PollingRequest",
            &format!(r#""tokens":[{{"token":"{token}"}}]"#),
        )
    }

    /// Asks what became of the code by which a token goes to another phone.
    pub(crate) fn transfer_body(&self, token: &str, code: &str) -> String {
        self.envelope(
            "TransferPollingRequest",
            &format!(r#""tokens":[{{"token":"{token}","token_activation_code":"{code}"}}]"#),
        )
    }

    /// Tells where this gateway is reached by phones whose tokens move.
    pub(crate) fn address_body(&self) -> String {
        let pin = SpkiPin::of_spki(b"a gateway's key");
        self.envelope(
            "TransferAddressRequest",
            &format!(
                r#""address":"https://{}.example","pin":"{pin}""#,
                self.serial.to_lowercase()
            ),
        )
    }

    /// Asks for the seed of a hardware token, sealed to some key.
    pub(crate) fn hardware_body(&self, token: &str) -> String {
        self.seeds_body(&SealingPrivateKey::from_random(&[1; 32]), &[token])
    }

    pub(crate) async fn poll(&self, token: TokenSerial) -> Result<PolledToken, WireError> {
        let answer = self.process(&self.poll_body(token.as_str())).await;
        let Response::Polling(mut response) = Response::parse(answer.as_bytes()).unwrap() else {
            panic!("{answer}")
        };
        response.tokens.remove(0).outcome
    }
}

/// A phone: keys of its own, and the messages of an app.
pub(crate) struct Phone {
    signing: EcdsaKeyPair,
    sealing: SealingPrivateKey,
    pub(crate) keys: DeviceKeys,
    pub(crate) line: Gateway,
    pub(crate) server: ServerName,
}

impl Phone {
    fn new(line: Gateway) -> Self {
        let signing = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let mut random = [0; 32];
        aws_lc_rs::rand::fill(&mut random).unwrap();
        let sealing = SealingPrivateKey::from_random(&random);
        let keys = DeviceKeys {
            signing: SigningPublicKey::from_sec1(signing.public_key().as_ref()).unwrap(),
            sealing: sealing.public(),
        };
        Self {
            signing,
            sealing,
            keys,
            line,
            server: ServerName::parse(HOST).unwrap(),
        }
    }

    /// The same phone over another connection.
    pub(crate) fn over(self, line: Gateway) -> Self {
        Self { line, ..self }
    }

    fn version() -> MobileVersion {
        MobileVersion::parse("5.4.2_IOS").unwrap()
    }

    fn sign(&self, message: &[u8]) -> Signature {
        let signature = self.signing.sign(&SystemRandom::new(), message).unwrap();
        Signature::from_bytes(signature.as_ref().try_into().unwrap())
    }

    pub(crate) async fn send(&self, request: impl Into<MobileRequest>) -> MobileResponse {
        let request: MobileRequest = request.into();
        let (status, answer) = self
            .line
            .post(MOBILE_PATH, request.to_json().as_bytes().to_vec())
            .await;
        assert_eq!(status, 200, "{answer}");
        MobileResponse::parse(answer.as_bytes()).unwrap()
    }

    pub(crate) async fn nonce(&self) -> Nonce {
        match self
            .send(MobileNonceRequest {
                version: Self::version(),
            })
            .await
        {
            MobileResponse::Nonce(response) => response.outcome.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn claim(
        &self,
        nonce: Nonce,
        code: &OpaqueCode,
        link: Option<&LinkSecret>,
    ) -> MobileProvisionRequest {
        let hash = code_hash(code, link);
        let signed =
            activation_transcript(&self.server, &nonce, &hash, &self.keys, &Self::version());
        MobileProvisionRequest {
            version: Self::version(),
            server: self.server.clone(),
            nonce,
            code: OpaqueCode::from_bytes(*code.as_bytes()),
            link_secret: link.map(|secret| LinkSecret::from_random(*secret.expose())),
            keys: self.keys,
            signature: self.sign(&signed),
        }
    }

    pub(crate) async fn try_claim(
        &self,
        request: MobileProvisionRequest,
    ) -> Result<SealedToken, WireError> {
        match self.send(request).await {
            MobileResponse::Provision(response) => response.outcome,
            other => panic!("{other:?}"),
        }
    }

    /// The whole activation but for the receipt.
    pub(crate) async fn activate(
        &self,
        code: &OpaqueCode,
        link: Option<&LinkSecret>,
    ) -> Result<SealedToken, WireError> {
        let nonce = self.nonce().await;
        self.try_claim(self.claim(nonce, code, link)).await
    }

    pub(crate) fn open(&self, token: &SealedToken) -> Seed {
        let context = SealContext::phone(
            &self.server,
            &token.registration_id,
            &token.token,
            token.parameters,
        );
        open_seed(&token.sealed_seed, &self.sealing, &context).unwrap()
    }

    pub(crate) async fn receipt(&self, token: &SealedToken) -> Option<WireError> {
        let answer_hash = token.sealed_seed.hash();
        let registration_id = self.keys.registration_id();
        let signed = receipt_transcript(&self.server, &registration_id, &token.token, &answer_hash);
        let request = MobileReceiptRequest {
            token: token.token,
            registration_id,
            server: self.server.clone(),
            answer_hash,
            signature: self.sign(&signed),
        };
        match self.send(request).await {
            MobileResponse::Receipt(response) => response.error,
            other => panic!("{other:?}"),
        }
    }
}
