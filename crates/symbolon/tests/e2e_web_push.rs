//! Logins that find the web app closed, in a real Chromium, against the real program:
//! `crates/webapp/test/browser/web_push.test.js` says what a person does there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and this one runs the program"
)]

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use app::device::Device;
use common::browser::plays;
use common::phone::activation_code;
use common::{Home, Running, SECRET, free_port, tool};
use serde_json::json;
use softtoken::ServerError;
use softtoken::address::ServerName;
use softtoken::device::Nonce;
use softtoken::push::{
    ApplicationServerKey, AuthSecret, Endpoint, PushNonceRequest, PushRequest, PushResponse,
    PushSubscribeRequest, PushWebKeyRequest, Subscription, UserAgentKey, subscribe_transcript,
};

/// Web Push is switched on, to one push service of a private network.
fn switched_on(home: &Home, port: u16, authority: &Path) {
    let public = format!("public-url = \"https://{}\"\n", home.relay);
    let text = home.configuration();
    assert_eq!(text.matches(&public).count(), 1);
    let on = format!(
        "{public}web-push.contact = \"mailto:admin@example.org\"\n\
         web-push.services = [\"127.0.0.1:{port}\"]\n\
         web-push.private-addresses = [\"127.0.0.1\"]\n\
         web-push.authorities = \"{}\"\n",
        authority.display()
    );
    let text = text.replace(&public, &on);
    fs::write(home.data().join("symbolon.toml"), text).unwrap();
}

/// A phone that talks to the relay, and its browser's keys (RFC 8291 section 5).
struct Phone {
    device: Device,
    relay: ServerName,
}

impl Phone {
    fn of(home: &Home) -> Self {
        Self {
            device: Device::generate().unwrap(),
            relay: ServerName::parse(&home.relay.to_string()).unwrap(),
        }
    }

    #[track_caller]
    fn ask(&self, request: impl Into<PushRequest>) -> PushResponse {
        let said = tool("curl", "curl")
            .args(["--silent", "--show-error", "--insecure", "--noproxy", "*"])
            .args(["--data", request.into().to_json().as_str()])
            .arg(format!("https://{}{}", self.relay, softtoken::PUSH_PATH))
            .output()
            .unwrap();
        PushResponse::parse(&said.stdout).unwrap()
    }

    fn key(&self) -> Option<ApplicationServerKey> {
        match self.ask(PushWebKeyRequest) {
            PushResponse::WebKey(answer) => answer.outcome.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn nonce(&self) -> Nonce {
        match self.ask(PushNonceRequest) {
            PushResponse::Nonce(answer) => answer.outcome.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    fn request(&self, endpoint: &str) -> PushSubscribeRequest {
        let subscription = Subscription {
            endpoint: Endpoint::parse(endpoint).unwrap(),
            user_agent: UserAgentKey::parse(
                "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            )
            .unwrap(),
            auth: AuthSecret::parse("BTBZMqHH6r4Tts7J_aSIgg").unwrap(),
        };
        let (server, nonce, keys) = (self.relay.clone(), self.nonce(), *self.device.keys());
        let signed = subscribe_transcript(&server, &nonce, &keys, Some(&subscription));
        PushSubscribeRequest {
            signature: self.device.sign(&signed).unwrap(),
            subscription: Some(subscription),
            server,
            nonce,
            keys,
        }
    }

    fn refusal(&self, request: PushSubscribeRequest) -> Option<ServerError> {
        match self.ask(request) {
            PushResponse::Accepted(answer) => answer.error.map(|it| it.known().unwrap()),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn nothing_goes_through_a_push_service_until_it_is_switched_on() {
    let home = Home::new();
    let up = Running::up(&home);
    let phone = Phone::of(&home);
    assert_eq!(phone.key(), None);
    let refused = phone.refusal(phone.request("https://push.example.net/1"));
    assert_eq!(refused, Some(ServerError::PushServiceNotAllowed));
    assert!(!up.greeting.contains("web push"), "{}", up.greeting);
    assert!(!home.data().join("relay/web-push").exists());
    up.stop();
}

#[test]
fn a_phone_subscribes_for_itself_and_where_the_relay_sends() {
    let home = Home::new();
    let port = free_port();
    let authority = home.path("push-service.pem");
    let service = rcgen::generate_simple_self_signed(["127.0.0.1".into()]).unwrap();
    fs::write(&authority, service.cert.pem()).unwrap();
    switched_on(&home, port, &authority);
    let up = Running::up(&home);
    let (phone, other) = (Phone::of(&home), Phone::of(&home));
    let key = phone.key();
    assert!(key.is_some());
    let here = format!("https://127.0.0.1:{port}/1");
    let request = phone.request(&here);
    assert_eq!(phone.refusal(request.clone()), None);
    // Each nonce is good for one proof, and each proof for one phone and one subscription.
    assert_eq!(phone.refusal(request), Some(ServerError::NonceUnknown));
    let not_theirs = PushSubscribeRequest {
        keys: *other.device.keys(),
        ..phone.request(&here)
    };
    assert_eq!(phone.refusal(not_theirs), Some(ServerError::ProofWrong));
    let ended = PushSubscribeRequest {
        subscription: None,
        ..phone.request(&here)
    };
    assert_eq!(phone.refusal(ended), Some(ServerError::ProofWrong));
    for elsewhere in [
        "https://127.0.0.1/1",
        "https://127.0.0.2:1/1",
        "https://169.254.169.254/latest",
        "https://localhost/1",
        "https://push.example.net/1",
    ] {
        let refused = phone.refusal(phone.request(elsewhere));
        assert_eq!(
            refused,
            Some(ServerError::PushServiceNotAllowed),
            "{elsewhere}"
        );
    }
    // No gateway has asked for the phone: nothing of it is on disk.
    let kept = fs::read_to_string(home.data().join("relay/web-push")).unwrap();
    assert_eq!(kept, "");
    up.stop();
    let up = Running::up(&home);
    assert_eq!(phone.key(), key);
    up.stop();
}

#[test]
fn a_login_wakes_a_phone_whose_app_is_closed() {
    let home = Home::new();
    let port = free_port();
    let service = rcgen::generate_simple_self_signed(["127.0.0.1".into()]).unwrap();
    let (certificate, key) = (home.path("push-service.pem"), home.path("push-service.key"));
    fs::write(&certificate, service.cert.pem()).unwrap();
    fs::write(&key, service.signing_key.serialize_pem()).unwrap();
    switched_on(&home, port, &certificate);
    let up = Running::up(&home);
    assert!(
        up.greeting
            .contains(&format!("web push         through 127.0.0.1:{port}\n")),
        "{}",
        up.greeting
    );
    home.radius_client("vpn", "127.0.0.1", "");
    home.console(
        "config system ftm-push\nset status enable\nend\n\
         config system global\nset two-factor-ftk-expiry 60\nend",
    )
    .ok();
    let token = home.import(1).remove(0);
    let code = activation_code(&home.user("alice", &token));

    tool("radclient", "freeradius-utils");
    let told = json!({
        "codes": [code],
        "radius": { "server": home.radius.to_string(), "secret": SECRET },
        "pushService": { "port": port, "certificate": certificate, "key": key },
    });
    plays(&home, "web_push", told);

    let relay = home.data().join("relay");
    for private in ["web-push", "web-push.key"] {
        let mode = fs::metadata(relay.join(private))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{private}");
    }
    let kept = fs::read_to_string(relay.join("web-push")).unwrap();
    assert!(kept.ends_with(" -\n"), "{kept}");
    for word in ["alice", "vpn", "FTKMOB"] {
        assert!(!kept.contains(word), "{word}: {kept}");
    }
    assert!(!home.log().contains("/push/1"), "{}", home.log());
    up.stop();
}
