//! What falls short in how codes get to people.

use super::{Deviation, Posture, Profile};
use crate::user::TwoFactor;

const MAIL: &str = "RFC 8314: mail is handed in over TLS";
const CLEAR: &str = "OWASP ASVS 5, 12.3.1: what this unit tells others goes through TLS";
const SENT_CODES: &str = "NIST SP 800-63B-4, 3.1.3: mail proves no possession of a device, and \
                          the telephone network is restricted";

impl Posture<'_> {
    pub(super) fn sent_codes(&self, all: &mut Vec<Deviation>) {
        for administrator in self.administrators {
            let name = &administrator.key;
            if let Some(TwoFactor::Sent(channel)) =
                TwoFactor::parse(administrator.text("two-factor"))
            {
                all.push(Deviation {
                    what: match self.profile {
                        Profile::Compatible => {
                            format!("administrator '{name}' logs in with codes by {channel}")
                        }
                        Profile::Strict => format!(
                            "administrator '{name}' has codes by {channel}, and is not let in"
                        ),
                    },
                    standard: SENT_CODES,
                    mend: format!(
                        "config system admin / edit \"{name}\" / set two-factor fortitoken / \
                         set fortitoken SERIAL / end"
                    ),
                });
            }
        }
        if self.users_with_sent_codes > 0 {
            let (count, has, are) = match self.users_with_sent_codes {
                1 => ("1 user".to_owned(), "has", "is"),
                count => (format!("{count} users"), "have", "are"),
            };
            let and = match self.profile {
                Profile::Compatible => String::new(),
                Profile::Strict => format!(", and {are} not let in"),
            };
            all.push(Deviation {
                what: format!("{count} {has} codes by mail or SMS as second factor{and}"),
                standard: SENT_CODES,
                mend: "config user local / edit NAME / set two-factor fortitoken / \
                       set fortitoken SERIAL / end"
                    .to_owned(),
            });
        }
    }

    pub(super) fn mail(&self, all: &mut Vec<Deviation>) {
        if self.mail.text("server").is_empty() {
            return;
        }
        let is_clear = self.mail.text("security") == "none";
        if is_clear || self.mail.text("validate-server") == "disable" {
            all.push(Deviation {
                what: if is_clear {
                    "codes are mailed in clear".to_owned()
                } else {
                    "codes are mailed to whoever answers for the mail server".to_owned()
                },
                standard: MAIL,
                mend: "config system email-server / set security starttls / \
                       set validate-server enable / end"
                    .to_owned(),
            });
        }
    }

    pub(super) fn sms(&self, all: &mut Vec<Deviation>) {
        for server in self.sms_servers {
            let name = &server.key;
            if server.text("url").starts_with("http://") {
                all.push(Deviation {
                    what: format!("SMS server '{name}' is told codes in clear"),
                    standard: CLEAR,
                    mend: format!(
                        "config system sms-server / edit \"{name}\" / set url https://HOST/PATH / \
                         end"
                    ),
                });
            }
        }
    }
}
