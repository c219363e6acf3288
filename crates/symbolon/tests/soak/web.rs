//! Logins over HTTPS: of an application in this unit's own interface and in that of plug-ins, and of VPN
//! clients.

use otp::Step;
use reqwest::{Certificate, Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::people::{PASSWORD, Person};
use crate::common::{Home, PATIENCE, SECRET};

/// The application's entry of `config user verification-client`.
pub(crate) const APPLICATION: &str = "app";

/// On which way a code is submitted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// Password and code in one request.
    OneStep,
    /// The code answers a challenge of `/validate/check`.
    Plugin,
    /// The code answers a challenge of `/remote/logincheck`.
    VpnClient,
}

impl Way {
    pub(crate) const ALL: [Self; 3] = [Self::OneStep, Self::Plugin, Self::VpnClient];
}

/// A code with all that has to be sent with it.
pub(crate) struct Submission {
    way: Way,
    request: RequestBuilder,
}

pub(crate) struct Web {
    runtime: Runtime,
    http: Client,
    base: String,
}

impl Web {
    pub(crate) fn new(home: &Home, port: u16) -> Self {
        let identity = std::fs::read(home.data().join("gateway/https.pem")).unwrap();
        let http = Client::builder()
            .tls_certs_only([Certificate::from_pem(&identity).unwrap()])
            .timeout(PATIENCE)
            .no_proxy()
            .build();
        Self {
            runtime: Runtime::new().unwrap(),
            http: http.unwrap(),
            base: format!("https://127.0.0.1:{port}"),
        }
    }

    /// A submission that is ready to be sent: its challenge is open.
    pub(crate) fn submission(&self, way: Way, person: &Person, step: Step) -> Submission {
        let (name, code) = (&person.name, person.code(step));
        let request = match way {
            Way::OneStep => self.api(&json!({
                "username": name,
                "password": PASSWORD,
                "token_code": code,
            })),
            Way::Plugin => {
                let asked = self.told(self.check(&format!("user={name}&pass={PASSWORD}")));
                let asked: Value = serde_json::from_str(&asked).unwrap();
                let transaction = asked["detail"]["transaction_id"].as_str().unwrap();
                self.check(&format!(
                    "user={name}&transaction_id={transaction}&pass={code}"
                ))
            }
            Way::VpnClient => {
                let asked = format!("username={name}&credential={PASSWORD}&realm=&ajax=1");
                let asked = self.told(self.logincheck(&asked));
                let (reqid, polid) = (value(&asked, "reqid="), value(&asked, "polid="));
                self.logincheck(&format!(
                    "username={name}&realm=&reqid={reqid}&polid={polid}&code={code}&code2="
                ))
            }
        };
        Submission { way, request }
    }

    /// Sends all of them at once.
    pub(crate) fn send(&self, submissions: Vec<Submission>) -> Vec<JoinHandle<bool>> {
        let sent = submissions.into_iter();
        sent.map(|it| self.runtime.spawn(is_accepted(it))).collect()
    }

    /// How many of those that were sent were accepted, and how many refused.
    pub(crate) fn verdicts(&self, sent: Vec<JoinHandle<bool>>) -> (usize, usize) {
        let all = sent.len();
        let accepted = sent.into_iter().filter_map(|task| {
            let is_accepted = self.runtime.block_on(task).unwrap();
            is_accepted.then_some(())
        });
        let accepted = accepted.count();
        (accepted, all - accepted)
    }

    fn api(&self, body: &Value) -> RequestBuilder {
        self.of_application("/api/v1/auth/").body(body.to_string())
    }

    fn check(&self, form: &str) -> RequestBuilder {
        self.of_application("/validate/check").body(form.to_owned())
    }

    fn of_application(&self, path: &str) -> RequestBuilder {
        let post = self.http.post(format!("{}{path}", self.base));
        post.basic_auth(APPLICATION, Some(SECRET))
    }

    fn logincheck(&self, form: &str) -> RequestBuilder {
        let post = self.http.post(format!("{}/remote/logincheck", self.base));
        post.body(form.to_owned())
    }

    fn told(&self, request: RequestBuilder) -> String {
        let answer = async { request.send().await?.text().await };
        self.runtime.block_on(answer).unwrap()
    }
}

async fn is_accepted(Submission { way, request }: Submission) -> bool {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.text().await.unwrap();
    match (way, status) {
        (Way::OneStep, 200) if body == r#"{"status":"accepted"}"# => true,
        (Way::OneStep, 403) if body == r#"{"status":"refused"}"# => false,
        (Way::Plugin, 200) if body.contains(r#""value":true"#) => true,
        (Way::Plugin, 200) if body.contains(r#""authentication":"REJECT""#) => false,
        (Way::VpnClient, 200) if body.starts_with("ret=1,") => true,
        (Way::VpnClient, 405) if body.starts_with("ret=0,") => false,
        _ => panic!("{way:?}: {status} {body}"),
    }
}

/// The value behind `name`, up to the next comma.
fn value<'a>(answer: &'a str, name: &str) -> &'a str {
    let (_, rest) = answer.split_once(name).expect(answer);
    rest.split(',').next().unwrap()
}
