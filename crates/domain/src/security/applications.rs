//! What falls short in how applications and other clients are known, and in what they leave to this unit.

use super::{Deviation, Posture, Profile, Standing, in_vdom, within};

const CREDENTIALS: &str = "OWASP ASVS 5, 13.2.1: back ends authenticate each other; an address is what \
                           whoever sits between them has too";
const CODE_ONLY: &str = "NIST SP 800-63B-4, 3.2.2: guesses are bounded; where the client checks the \
                         password, wrong codes delay and never block";

impl Posture<'_> {
    pub(super) fn applications(&self, all: &mut Vec<Deviation>) {
        for (vdom, application) in self.applications {
            if application.text("credentials") != "subnet" {
                continue;
            }
            let (name, within) = (&application.key, within(*vdom));
            let what = match self.profile {
                Profile::Compatible => {
                    format!("application '{name}'{within} is known by its address alone")
                }
                Profile::Strict => format!(
                    "application '{name}'{within} has its address alone as credentials, and is not \
                     answered"
                ),
            };
            all.push(Deviation {
                what,
                standard: CREDENTIALS,
                mend: in_vdom(
                    *vdom,
                    &format!(
                        "config user verification-client / edit \"{name}\" / set secret SECRET / \
                         set credentials secret / end"
                    ),
                ),
            });
        }
    }

    pub(super) fn code_only(&self, all: &mut Vec<Deviation>) {
        let radius = self.clients.iter().map(|it| ("RADIUS client", it));
        let applications = self.applications.iter().map(|it| ("application", it));
        for (kind, (vdom, client)) in radius.chain(applications) {
            if client.text("code-position") == "code-only" {
                all.push(code_only(kind, (*vdom, client)));
            }
        }
    }
}

fn code_only(kind: &str, (vdom, client): Standing<'_>) -> Deviation {
    let (path, name) = (client.table.path, &client.key);
    Deviation {
        what: format!(
            "{kind} '{name}'{} has codes alone checked: whoever gets past it guesses them with \
             delays between",
            within(vdom)
        ),
        standard: CODE_ONLY,
        mend: in_vdom(
            vdom,
            &format!("config {path} / edit \"{name}\" / set code-position challenge / end"),
        ),
    }
}
