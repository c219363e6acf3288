//! Logins that wait for a phone: over RADIUS with a foreign client, through the relay, with the app.
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
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::UNIX_EPOCH;

use app::push::{Heard, Relay};
use common::authority::Authority;
use common::https_gateway::Gateway;
use common::phone::{Phone, activation_code, enrol, pushed_to, two_phones_are_told};
use common::radius::{Answer, Vpn};
use common::{Home, PASSWORD, Running, free_port, run, symbolon, tool, until};
use ident::RegistrationId;
use softtoken::push::{
    Addressed, Decision, MailboxId, MailboxSecret, PushAnswerRequest, PushCollectRequest,
    PushDeviceRequest, PushLoginRequest, PushNumber, PushRequest, PushSession, PushWithdrawRequest,
    SealedPush,
};

const CLIENT: &str = "127.0.0.1";
const OFFER: &str = "Enter token code or no code to send a notification to your FortiToken Mobile";

/// A login that has asked for a push, and the number that it shows.
#[track_caller]
fn pushed(vpn: &Vpn) -> (Answer, String) {
    let offer = vpn.ask("alice", PASSWORD);
    let Answer::Challenge(_, prompt) = &offer else {
        panic!("{offer:?}");
    };
    assert_eq!(prompt, OFFER);
    let shown = vpn.answer("alice", "push", &offer);
    let Answer::Challenge(_, prompt) = &shown else {
        panic!("{shown:?}");
    };
    let number: String = prompt.chars().filter(char::is_ascii_digit).collect();
    assert_eq!(number.len(), 2, "{prompt}");
    (shown, number)
}

/// What a login comes to that waits while the phone says something.
#[track_caller]
fn waiting(vpn: &Vpn, shown: &Answer, says: impl FnOnce()) -> Answer {
    thread::scope(|scope| {
        let login = scope.spawn(|| vpn.answer_patiently("alice", "push", shown));
        thread::sleep(std::time::Duration::from_millis(300));
        says();
        login.join().unwrap()
    })
}

/// What a stranger is told.
fn posted(url: &str, request: &PushRequest) -> String {
    let said = tool("curl", "curl")
        .args(["--silent", "--show-error", "--insecure", "--noproxy", "*"])
        .args(["--data", request.to_json().as_str(), url])
        .output()
        .unwrap();
    String::from_utf8(said.stdout).unwrap()
}

/// What a VPN client is told that posts this; the head is of no interest here.
fn logincheck(gateway: &Gateway, form: &str) -> String {
    posts(gateway.curl("/remote/logincheck"), form)
}

fn posts(mut curl: Command, form: &str) -> String {
    let said = run(&mut curl, form).ok();
    let (_, body) = said.split_once("\r\n\r\n").unwrap();
    body.to_owned()
}

/// The beginning of the answer to a challenge over `/remote/logincheck`.
fn answering(challenge: &str) -> String {
    let value = |name: &str| {
        let (_, rest) = challenge.split_once(&format!("{name}=")).expect(challenge);
        rest.split(',').next().unwrap().to_owned()
    };
    let (reqid, polid) = (value("ret=2,reqid"), value(",polid"));
    format!("username=alice&realm=&reqid={reqid}&polid={polid}&grp=&portal=")
}

#[test]
fn vpn_clients_ask_for_a_push_in_the_place_of_the_code() {
    let gateway = Gateway::start();
    let home = &gateway.home;
    home.console("config system ftm-push\nset status enable\nend")
        .ok();
    let token = home.import(1).remove(0);
    let phone = enrol(home, "alice", &token);
    let password = format!("username=alice&credential={PASSWORD}&realm=&ajax=1");
    let let_in = "ret=1,redir=/remote/fortisslvpn_xml";

    // The number has to be seen: nothing invites a client to ask by itself.
    let offer = logincheck(&gateway, &password);
    assert!(
        offer.ends_with(&format!(",tokeninfo=,chal_msg={OFFER}")),
        "{offer}"
    );
    let shown = logincheck(&gateway, &(answering(&offer) + "&ftmpush=1"));
    let (_, question) = shown.split_once(",tokeninfo=ftm_push,chal_msg=").unwrap();
    let number: String = question.chars().filter(char::is_ascii_digit).collect();
    assert_eq!(number.len(), 2, "{shown}");
    let form = answering(&shown) + "&ftmpush=1";
    let curl = gateway.curl("/remote/logincheck");
    let answer = thread::scope(|scope| {
        let login = scope.spawn(|| posts(curl, &form));
        phone.app(&["push", "--approve", &number]).ok();
        login.join().unwrap()
    });
    assert_eq!(answer, let_in);
    home.login_says("alice", "approved on the phone");
    // An approval lets in once.
    let again = logincheck(&gateway, &form);
    assert!(again.starts_with("ret=0,"), "{again}");

    // Denied, in the same octets as any refusal.
    let offer = logincheck(&gateway, &password);
    let shown = logincheck(&gateway, &(answering(&offer) + "&ftmpush=1"));
    phone.app(&["push", "--deny"]).ok();
    home.login_says("alice", "refused: push-denied");
    let denied = logincheck(&gateway, &(answering(&shown) + "&ftmpush=1"));
    assert_eq!(denied, again);

    // The code goes all the same while the phone is asked.
    let offer = logincheck(&gateway, &password);
    let shown = logincheck(&gateway, &(answering(&offer) + "&ftmpush=1"));
    let code = phone.code("alice");
    assert_eq!(
        logincheck(
            &gateway,
            &(answering(&shown) + &format!("&code={code}&code2="))
        ),
        let_in
    );

    // Where a tap does, a client may ask unasked, and waits.
    home.console("config system ftm-push\nset number-entry disable\nend")
        .ok();
    let offer = logincheck(&gateway, &password);
    assert!(offer.contains(",tokeninfo=ftm_push,"), "{offer}");
    let form = answering(&offer) + "&ftmpush=1";
    let curl = gateway.curl("/remote/logincheck");
    let answer = thread::scope(|scope| {
        let login = scope.spawn(|| posts(curl, &form));
        until("the phone is asked", || {
            phone.app(&["push", "--approve"]).status.success()
        });
        login.join().unwrap()
    });
    assert_eq!(answer, let_in);
    gateway.up.stop();
}

fn other(number: &str) -> &'static str {
    if number == "00" { "01" } else { "00" }
}

#[test]
fn the_right_number_on_the_phone_lets_in() {
    let (home, up, phone) = pushed_to(CLIENT);
    let vpn = Vpn::new(&home, CLIENT);
    let (shown, number) = pushed(&vpn);
    let answer = waiting(&vpn, &shown, || {
        let said = phone.app(&["push", "--approve", &number]).ok();
        for word in [
            "user   alice",
            "at     vpn1",
            "from   127.0.0.1",
            "Approved",
        ] {
            assert!(said.contains(word), "{word}: {said}");
        }
    });
    assert_eq!(answer, Answer::Accept);
    let shown_logins = home.console("diagnose login show").ok();
    assert!(
        shown_logins.contains("approved on the phone"),
        "{shown_logins}"
    );
    // The challenge is of no use again.
    assert_eq!(vpn.answer("alice", "push", &shown), Answer::Reject);

    // The phone may be faster than the person at the VPN client.
    let (shown, number) = pushed(&vpn);
    phone.app(&["push", "--approve", &number]).ok();
    assert_eq!(vpn.answer("alice", "push", &shown), Answer::Accept);

    // And a code does instead of the phone.
    let (shown, _) = pushed(&vpn);
    let code = phone.code("alice");
    assert_eq!(vpn.answer("alice", &code, &shown), Answer::Accept);
    let said = phone.app(&["push", "--deny"]);
    home.login_says("alice", "accepted");
    drop(said);
    up.stop();
}

#[test]
fn everything_else_on_the_phone_keeps_out() {
    let (home, up, phone) = pushed_to(CLIENT);
    let vpn = Vpn::new(&home, CLIENT);

    let (shown, number) = pushed(&vpn);
    let answer = waiting(&vpn, &shown, || {
        phone.app(&["push", "--approve", other(&number)]).ok();
    });
    assert_eq!(answer, Answer::Reject);
    home.login_says("alice", "refused: push-number-wrong");

    let (shown, _) = pushed(&vpn);
    // One at a time.
    let second = vpn.ask("alice", PASSWORD);
    assert_eq!(vpn.answer("alice", "push", &second), Answer::Reject);
    home.login_says("alice", "refused: push-outstanding");
    let answer = waiting(&vpn, &shown, || {
        phone.app(&["push", "--deny"]).ok();
    });
    assert_eq!(answer, Answer::Reject);
    home.login_says("alice", "refused: push-denied");

    // Nobody waits at the VPN any more: it counts all the same.
    let (_shown, _) = pushed(&vpn);
    let said = phone.app(&["push", "--not-me"]).ok();
    assert!(said.contains("the administrator is warned"), "{said}");
    home.login_says("alice", "refused: push-not-me");
    let log = home
        .console("execute log filter field level alert\nexecute log display")
        .ok();
    assert!(log.contains("Login reported by its user"), "{log}");
    let again = vpn.ask("alice", PASSWORD);
    assert_eq!(vpn.answer("alice", "push", &again), Answer::Reject);
    home.login_says("alice", "refused: push-source-reported");
    // The code still lets in.
    assert_eq!(vpn.log_in("alice", &phone.code("alice")), Answer::Accept);
    up.stop();
}

#[test]
fn whoever_answers_with_a_copied_secret_lets_nobody_in_and_is_told_of() {
    let (home, up, phone) = pushed_to(CLIENT);
    let token = phone.contents().tokens()[0].serial().unwrap();
    let copy = phone.copied(&home);
    let vpn = Vpn::new(&home, CLIENT);
    let (shown, number) = pushed(&vpn);
    let answer = waiting(&vpn, &shown, || {
        approve_as(&copy, &phone, &number);
        two_phones_are_told(&home, token.as_str());
        phone.app(&["push", "--deny"]).ok();
    });
    assert_eq!(answer, Answer::Reject);
    up.stop();
}

/// Whoever also reads what the phone is asked approves that with a device of their own.
fn approve_as(other: &Phone, phone: &Phone, number: &str) {
    let (asked, own) = (phone.contents(), other.contents());
    let now = || UNIX_EPOCH.elapsed().unwrap().as_secs();
    let answering = async {
        let relay = Relay::find(&asked, now()).await.unwrap();
        let mut requests = relay.listen(&asked).await.unwrap();
        let Some(Heard::Login(login)) = requests.next(&asked, &now).await.unwrap() else {
            panic!("no login waits");
        };
        let approve = Decision::Approve(Some(PushNumber::parse(number).unwrap()));
        relay.answer(&own, &login, approve).await.unwrap();
    };
    tokio::runtime::Runtime::new().unwrap().block_on(answering);
}

#[test]
fn a_token_without_a_phone_or_with_one_that_the_relay_does_not_know_asks_nobody() {
    let (home, up, phone) = pushed_to(CLIENT);
    // A code is on its way, and nobody took it.
    let token = home.import(1).remove(0);
    home.user("bob", &token);
    let vpn = Vpn::new(&home, CLIENT);
    let offer = vpn.ask("bob", PASSWORD);
    assert_eq!(vpn.answer_patiently("bob", "push", &offer), Answer::Reject);
    home.login_says("bob", "refused: token-not-activated");
    up.stop();

    // A relay knows who listened since it began.
    let up = Running::up(&home);
    let offer = vpn.ask("alice", PASSWORD);
    assert_eq!(
        vpn.answer_patiently("alice", "push", &offer),
        Answer::Reject
    );
    let said = home.login_says("alice", "refused: push-device-unknown");
    assert!(said.contains("evidence: phone "), "{said}");
    assert_eq!(vpn.log_in("alice", &phone.code("alice")), Answer::Accept);
    up.stop();
}

#[test]
fn symptom_25_nobody_is_asked_without_relay_phone_or_permission() {
    let (home, up, phone) = pushed_to(CLIENT);
    let vpn = Vpn::new(&home, CLIENT);
    home.console("config system global\nset two-factor-ftk-expiry 60\nend")
        .ok();
    // A phone that is not alice's has nothing to approve, whatever it knows.
    let token = home.import(1).remove(0);
    let mallory = enrol(&home, "mallory", &token);
    let (shown, number) = pushed(&vpn);
    assert!(
        waiting(&vpn, &shown, || {
            let said = phone.app(&["push", "--deny"]);
            assert!(said.status.success(), "{said:?}");
        }) == Answer::Reject
    );
    let said = mallory.app(&["push", "--approve", &number]);
    assert!(said.err.contains("no login waits"), "{said:?}");

    // Another phone after a new provision: the old one's keys count no more, the new one is found at once.
    let serial = home.console("show user local").ok();
    let serial = serial
        .lines()
        .skip_while(|line| !line.contains("alice"))
        .find_map(|line| line.trim().strip_prefix("set fortitoken "))
        .unwrap()
        .trim_matches('"')
        .to_owned();
    let provisioned = home
        .console(&format!("execute fortitoken-mobile provision {serial}"))
        .ok();
    let new_phone = Phone::new(&home, "alice again");
    new_phone.add(&activation_code(&provisioned), "alice").ok();
    // Nobody polls: the push does.
    let (shown, number) = pushed(&vpn);
    let answer = waiting(&vpn, &shown, || {
        new_phone.app(&["push", "--approve", &number]).ok();
    });
    assert_eq!(answer, Answer::Accept);

    // Switched off, the code is asked for as before, and a word is no code.
    home.console("config system ftm-push\nset status disable\nend")
        .ok();
    let challenge = vpn.ask("alice", PASSWORD);
    let Answer::Challenge(_, prompt) = &challenge else {
        panic!("{challenge:?}");
    };
    assert_eq!(prompt, "Please enter your token code");
    assert_eq!(vpn.answer("alice", "push", &challenge), Answer::Reject);
    home.login_says("alice", "refused: code-malformed");
    up.stop();
}

#[test]
fn a_phone_answers_at_the_gateways_own_address_and_a_tap_is_enough_where_it_is() {
    let (home, up, phone) = pushed_to(CLIENT);
    let vpn = Vpn::new(&home, CLIENT);
    let port = free_port();
    home.console(&format!(
        "config system interface\nedit lo\nset allowaccess ping https ssh ftm\nend\n\
         config system ftm-push\nset server-ip 127.0.0.1\nset server-port {port}\n\
         set number-entry disable\nend"
    ))
    .ok();
    until("the gateway listens for answers", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    let offer = vpn.ask("alice", PASSWORD);
    let answer = waiting(&vpn, &offer, || {
        phone.app(&["push", "--approve"]).ok();
    });
    assert_eq!(answer, Answer::Accept);
    // What another unit asked is not taken: the phone goes on to the relay.
    let stray = PushRequest::from(PushAnswerRequest {
        mailbox: MailboxId::from_bytes([2; 32]),
        session: PushSession::from_bytes([7; 16]),
        sealed: SealedPush::parse(&"A".repeat(200)).unwrap(),
    });
    let said = posted(&format!("https://127.0.0.1:{port}/SoftToken/Push"), &stray);
    assert!(said.contains("nobody waits for this answer"), "{said}");
    up.stop();
}

#[test]
fn a_phone_that_answers_is_shown_the_certificate_that_is_configured_for_it() {
    let (home, up, phone) = pushed_to(CLIENT);
    let company = Authority::new(&home.path(""));
    let port = free_port();
    for name in ["everybody", "phones"] {
        company.certify(name, &format!("DNS:{name}.example.net"), "90");
        let (key, certificate) = (
            company.read(&format!("{name}.key")),
            company.read(&format!("{name}.pem")),
        );
        home.console(&format!(
            "config certificate local\nedit {name}\nset private-key \"{key}\"\n\
             set certificate \"{certificate}\"\nend"
        ))
        .ok();
    }
    home.console(&format!(
        "config system interface\nedit lo\nset allowaccess ping https ssh ftm\nend\n\
         config system ftm-push\nset server-ip 127.0.0.1\nset server-port {port}\n\
         set number-entry disable\nend"
    ))
    .ok();
    until("the gateway listens for answers", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    let trusted = |name: &str| {
        let mut command = tool("curl", "curl");
        command.args(["-sS", "-o", "/dev/null", "--noproxy", "*", "--cacert"]);
        command.arg(company.path("company.pem"));
        command.args(["--resolve", &format!("{name}.example.net:{port}:127.0.0.1")]);
        command.arg(format!("https://{name}.example.net:{port}/SoftToken/Push"));
        run(&mut command, "").status.success()
    };
    let approves = || {
        let vpn = Vpn::new(&home, CLIENT);
        let offer = vpn.ask("alice", PASSWORD);
        let answer = waiting(&vpn, &offer, || {
            phone.app(&["push", "--approve"]).ok();
        });
        assert_eq!(answer, Answer::Accept);
    };
    assert!(!trusted("everybody") && !trusted("phones"));
    // What was pushed names another key from then on.
    home.console("config system global\nset admin-server-cert everybody\nend")
        .ok();
    assert!(trusted("everybody"));
    approves();
    home.console("config system ftm-push\nset server-cert phones\nend")
        .ok();
    assert!(trusted("phones") && !trusted("everybody"));
    approves();
    let details = home.console("get vpn certificate local details").ok();
    assert!(
        details.contains("Used by:        system ftm-push server-cert"),
        "{details}"
    );
    let refused = home
        .console("config certificate local\ndelete phones\nend")
        .refused();
    assert!(
        refused.contains("system ftm-push names it in server-cert"),
        "{refused}"
    );
    let unknown = home.console("config system ftm-push\nset server-cert nothing\nend");
    unknown.refused();
    home.console("config system ftm-push\nset server-cert Fortinet_GUI_Server\nend")
        .ok();
    assert!(trusted("everybody") && !trusted("phones"));
    up.stop();
}

#[test]
fn nobody_who_answers_is_refused_in_time() {
    let (home, up, _phone) = pushed_to(CLIENT);
    let vpn = Vpn::new(&home, CLIENT);
    home.console("config system global\nset two-factor-ftk-expiry 60\nend")
        .ok();
    let began = std::time::Instant::now();
    let (shown, _) = pushed(&vpn);
    assert_eq!(
        vpn.answer_patiently("alice", "push", &shown),
        Answer::Reject
    );
    assert!(began.elapsed() > std::time::Duration::from_secs(55));
    home.login_says("alice", "refused: push-expired");
    up.stop();
}

#[test]
fn a_login_that_waits_no_longer_goes_away_and_a_wrong_clock_is_said() {
    let (home, up, phone) = pushed_to(CLIENT);
    let vpn = Vpn::new(&home, CLIENT);
    phone.app(&["push", "--deny"]);
    let mut open = phone.left_open(&["push", "--once"]);
    let typing = open.stdin.take();
    let (shown, _) = pushed(&vpn);
    let mut output = BufReader::new(open.stdout.take().unwrap());
    let mut said = String::new();
    while !said.contains("user   alice") {
        assert_ne!(output.read_line(&mut said).unwrap(), 0, "{said}");
    }
    let code = phone.code("alice");
    assert_eq!(vpn.answer("alice", &code, &shown), Answer::Accept);
    output.read_to_string(&mut said).unwrap();
    open.wait().unwrap();
    drop(typing);
    assert!(said.contains("It waits no longer."), "{said}");

    let phone = phone.at("+15m");
    let (shown, number) = pushed(&vpn);
    let answer = waiting(&vpn, &shown, || {
        let said = phone.app(&["push", "--approve", &number]).ok();
        assert!(said.contains("clock is 15 min"), "{said}");
        assert!(said.contains("fast. Set it"), "{said}");
    });
    assert_eq!(answer, Answer::Accept);
    up.stop();
}

/// Anybody can be a device; a gateway is whom the token server's authority certified.
#[test]
fn strangers_ask_nothing_as_gateways() {
    let (home, up, phone) = pushed_to(CLIENT);
    let relay = format!("https://{}/SoftToken/Push", home.relay);
    let device = RegistrationId::from_bytes([1; 32]);
    let session = PushSession::from_bytes([7; 16]);
    let addressed = Addressed {
        device,
        session,
        expires_unix: 4_000_000_000,
    };
    let sealed = SealedPush::parse(&"A".repeat(200)).unwrap();
    let secret = MailboxSecret::from_random([9; 32].into());
    let requests: [PushRequest; 4] = [
        PushDeviceRequest { device }.into(),
        PushLoginRequest { addressed, sealed }.into(),
        PushWithdrawRequest { device, session }.into(),
        PushCollectRequest { secret }.into(),
    ];
    for request in requests {
        let said = posted(&relay, &request);
        assert!(said.contains("only gateways ask this"), "{said}");
    }
    // What the phone left there before anybody asked for it is nobody's yet.
    phone.app(&["push", "--deny"]);
    let devices = home.data().join("relay/devices");
    assert_eq!(std::fs::read_to_string(&devices).unwrap(), "");
    pushed(&Vpn::new(&home, CLIENT));
    let kept = std::fs::read_to_string(&devices).unwrap();
    assert_eq!(kept.lines().count(), 1);
    up.stop();
}

/// What a relay says to the gateway of a system.
fn said_to_gateway(home: &Home, relay: std::net::SocketAddr) -> String {
    let device = RegistrationId::from_bytes([1; 32]);
    let request = PushRequest::from(PushDeviceRequest { device });
    run(&mut as_gateway(home, relay, &request), "").ok()
}

/// A system's gateway that asks a relay.
fn as_gateway(home: &Home, relay: std::net::SocketAddr, request: &PushRequest) -> Command {
    let mut curl = tool("curl", "curl");
    curl.args(["--silent", "--show-error", "--insecure", "--noproxy", "*"]);
    for (option, file) in [("--cert", "gateway.pem"), ("--key", "gateway.key")] {
        curl.arg(option).arg(home.data().join("gateway").join(file));
    }
    curl.args(["--data", request.to_json().as_str()]);
    curl.arg(format!("https://{relay}/SoftToken/Push"));
    curl
}

/// The answers for a system's gateway, as they come.
fn collected(home: &Home, relay: std::net::SocketAddr) -> Child {
    let secret = MailboxSecret::from_random([7; 32].into());
    let request = PushRequest::from(PushCollectRequest { secret });
    let mut curl = as_gateway(home, relay, &request);
    let mut stream = curl
        .arg("--no-buffer")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // The first octets come at once: it is open.
    let mut first = [0];
    let said = stream.stdout.as_mut().unwrap();
    said.read_exact(&mut first).unwrap();
    assert_eq!(&first, b":");
    stream
}

/// A relay of its own, with the certificate that `docs/push.md` has made by openssl.
fn relay_apart(home: &Home, of: &Home) -> Child {
    let name = home.relay.ip().to_string();
    fs::write(
        home.path("names"),
        format!("subjectAltName=IP:{name}\nextendedKeyUsage=serverAuth"),
    )
    .unwrap();
    let pki = of.data().join("registry/pki");
    let openssl = |words: &str| {
        let mut command = tool("openssl", "openssl");
        command.args(words.split(' ')).current_dir(home.path(""));
        run(&mut command, "").ok();
    };
    openssl(
        "req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=push \
         -keyout relay.key -out relay.csr",
    );
    let (ca, key) = (pki.join("ca.pem"), pki.join("ca.key"));
    openssl(&format!(
        "x509 -req -in relay.csr -CA {} -CAkey {} -days 800 -out relay.crt -extfile names",
        ca.display(),
        key.display()
    ));
    let parts = [home.path("relay.key"), home.path("relay.crt"), ca];
    let identity = parts.map(|part| fs::read_to_string(part).unwrap()).concat();
    let mut file = fs::OpenOptions::new();
    let file = file.write(true).create(true).truncate(true).mode(0o600);
    let mut file = file.open(home.path("relay.pem")).unwrap();
    file.write_all(identity.as_bytes()).unwrap();
    let mut command = symbolon();
    command.args(["relay", "--data"]).arg(home.data());
    command.arg("--identity").arg(home.path("relay.pem"));
    command.args(["--token-server", &format!("https://{}", of.https)]);
    let relay = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    until("the relay listens", || {
        std::net::TcpStream::connect(home.relay).is_ok()
    });
    relay.unwrap()
}

/// Has the token server revoke the gateway's certificate, and waits until the relay beside it knows.
fn revoke(home: &Home) {
    let own = home.data().join("gateway/gateway.pem");
    let mut openssl = tool("openssl", "openssl");
    openssl.args(["x509", "-noout", "-subject", "-in"]).arg(own);
    let subject = run(&mut openssl, "").ok();
    let serial = subject.trim().rsplit([' ', '=']).next().unwrap();
    home.desk(&["revoke-certificates", serial, "--reason", "stolen"])
        .ok();
    until("the relay beside the token server knows", || {
        said_to_gateway(home, home.relay).contains("certificate was revoked")
    });
}

#[test]
fn where_the_relay_carries_nothing_the_code_is_left() {
    let (home, up, phone) = pushed_to(CLIENT);
    revoke(&home);
    let vpn = Vpn::new(&home, CLIENT);
    let offer = vpn.ask("alice", PASSWORD);
    assert_eq!(
        vpn.answer_patiently("alice", "push", &offer),
        Answer::Reject
    );
    home.login_says("alice", "refused: push-unavailable");
    assert_eq!(vpn.log_in("alice", &phone.code("alice")), Answer::Accept);
    up.stop();
}

#[test]
fn a_gateway_that_was_revoked_pushes_no_more() {
    let (home, up, _phone) = pushed_to(CLIENT);
    let heard = "PushDeviceResponse";
    let said = said_to_gateway(&home, home.relay);
    assert!(said.contains(heard), "{said}");
    let mut open = collected(&home, home.relay);
    revoke(&home);
    until("what it listened to before is over", || {
        open.try_wait().unwrap().is_some()
    });

    let elsewhere = Home::new();
    let mut relay = relay_apart(&elsewhere, &home);
    until("a relay elsewhere knows", || {
        said_to_gateway(&home, elsewhere.relay).contains("certificate was revoked")
    });
    // And it goes on knowing, whether or not there is a token server: once the list is on its disk.
    let list = elsewhere.data().join("relay").join("revocations");
    until("the list is kept", || list.exists());
    relay.kill().unwrap();
    relay.wait().unwrap();
    up.stop();
    let mut relay = relay_apart(&elsewhere, &home);
    let said = said_to_gateway(&home, elsewhere.relay);
    relay.kill().unwrap();
    relay.wait().unwrap();
    assert!(said.contains("certificate was revoked"), "{said}");
}
