//! Files of hardware tokens: some in the unit, one on a TFTP server.

use cli::render::{self, MovedIn, MovedOut};
use cli::{MoveStep, RestoreSource, SeedKey, TakeIn, Told};
use domain::admin::{AdminError, NotMovedIn, Operation, Remark};
use domain::intake::{self, NotTaken, Way};
use ident::{ProductSerial, TokenSerial};

use super::World;

/// Two tokens, one of which is here already.
const TABLE: &str = "FTK2000BHV1KRZCC,3132333435363738393031323334353637383930\n\
                     2600124809787,3132333435363738393031323334353637383930,totp,6,30\n";

const BAD: &str = "FTK2000000000301,3132333435363738393031323334353637383930\nFTK2000000000302\n\
                   FTKMOB83F91CD33B,3132333435363738393031323334353637383930\n";

/// Two new tokens, and one that the token server does not know.
const SERIALS: &str = "# spare tokens\nFTK2000000000401\nFTK2000000000402\nFTK2000000000112\n";

/// Figure 6 of RFC 6030: encrypted with a shared key.
const ENCRYPTED: &str = include_str!("../../../otp/tests/pskc/rfc6030-figure-6.xml");

impl World {
    pub(super) fn take_in_tokens(&mut self, asked: &TakeIn) -> String {
        let (said, octets) = match file(&asked.from) {
            Ok(found) => found,
            Err(said) => return said,
        };
        match read(asked, octets) {
            Ok((operation, serials)) => said + &self.taken(operation, &serials),
            Err(why) => said + &render::not_taken(&why),
        }
    }

    fn taken(&mut self, operation: Operation, serials: &[TokenSerial]) -> String {
        let has_seeds = matches!(operation, Operation::ImportHardware { .. });
        let remarks = match self.plan(operation) {
            Ok(remarks) => remarks,
            Err(error) => return render::refusal(error),
        };
        let stayed = remarks.len();
        let is_stay = |remark: &Remark| matches!(remark, Remark::Stays(_));
        assert!(remarks.iter().all(is_stay), "{remarks:?}");
        if has_seeds {
            return render::seeds_taken(serials.len() - stayed, stayed);
        }
        render::serials_taken(serials.len() - stayed, stayed) + &self.activated(serials)
    }
}

fn file(from: &RestoreSource) -> Result<(String, &'static str), String> {
    match from {
        RestoreSource::File(name) => match name.as_str() {
            "tokens.csv" => Ok((String::new(), TABLE)),
            "bad.csv" => Ok((String::new(), BAD)),
            "serials.txt" => Ok((String::new(), SERIALS)),
            "tokens.xml" => Ok((String::new(), ENCRYPTED)),
            other => {
                let why = format!("there is no file '{other}' in this unit");
                Err(render::not_kept(&why))
            }
        },
        RestoreSource::Tftp(remote) => {
            let text = match &*remote.file {
                "tokens.xml" => ENCRYPTED,
                "serials.txt" => SERIALS,
                _ => TABLE,
            };
            let said = render::connecting(&remote.server) + render::FILE_FETCHED;
            Ok((said, text))
        }
        RestoreSource::Flash(_) => unreachable!("revisions hold no tokens"),
    }
}

fn read(asked: &TakeIn, text: &str) -> Result<(Operation, Vec<TokenSerial>), NotTaken> {
    let vdom = asked.vdom;
    let way = match asked.from {
        RestoreSource::Tftp(_) => Way::Open,
        _ => Way::Local,
    };
    match &asked.told {
        Told::Seeds(key) => {
            let key = key.as_ref().map(SeedKey::expose);
            let tokens = intake::seed_file(text.as_bytes(), key, way)?;
            let serials = tokens.iter().map(|token| token.serial).collect();
            let origin = "from file".into();
            let operation = Operation::ImportHardware {
                vdom,
                tokens,
                origin,
            };
            Ok((operation, serials))
        }
        Told::Serials => {
            let tokens = intake::serial_file(text.as_bytes())?;
            let serials = tokens.clone();
            Ok((Operation::AddHardware { vdom, tokens }, serials))
        }
    }
}

impl World {
    /// Another gateway is nowhere here: one token goes there and comes back, and a file once.
    pub(super) fn move_tokens(&mut self, step: &MoveStep) -> String {
        match step {
            MoveStep::Request => {
                render::move_request("FGT0000000000042.TIME.KEY.CERTIFICATE.SIGNATURE")
            }
            MoveStep::Export { to, file, .. } => render::moved_out(&MovedOut {
                from: ProductSerial::parse("FGT0000000000041").unwrap(),
                to: *to,
                tokens: 1,
                staying: 4,
                file: file.as_str(),
            }),
            MoveStep::Import { file, .. } if file.as_str() == "again.move" => {
                self.seen
                    .insert(super::seen::refused(&AdminError::NotMovedIn(
                        NotMovedIn::Again,
                    )));
                render::refusal(AdminError::NotMovedIn(NotMovedIn::Again))
            }
            MoveStep::Import { from, .. } => render::moved_in(MovedIn {
                from: *from,
                tokens: 1,
                stayed: vec![],
                new: vec![TokenSerial::mobile([2; 5])],
            }),
        }
    }
}
