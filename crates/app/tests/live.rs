#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    reason = "a test fails by panicking, and this one reads files"
)]
//! The live screen as a person has it, without a terminal: `screens/*.txt` say what is typed (`>`), what
//! happens (`!`), what the screen wishes then (`=`), and what it shows (`?`, then `|` lines).
//! `SCREENS=write cargo test -p app --test live` writes them anew.

use app::contents::{
    Contents, ExportProgress, NewToken, Origin, OwedReceipt, ReceiptState, Server, TakenIn,
    TokenName, Trust,
};
use app::device::Device;
use app::live::view::{Colours, Sight, draw_desk, draw_lock};
use app::live::{Codes, Desk, Effect, Key, Lock, LockStep, Pushing};
use app::transfer::Answered;
use data_encoding::BASE64;
use ident::{ProductSerial, TokenSerial};
use jiff::tz::TimeZone;
use otp::{Kind, Parameters, Seed};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Cell;
use softtoken::address::ServerUrl;
use softtoken::device::{AnswerHash, SealingPrivateKey};
use softtoken::link::SpkiPin;
use softtoken::push::{Approval, Decision, LoginRequest, MailboxSecret, PushSession, ShownText};
use softtoken::transfer::{Open, Standing};
use softtoken::{Echo, IssuerName};
use std::fmt::Write;
use std::fs;
use unicode_width::UnicodeWidthStr;
use zeroize::Zeroizing;

/// 2022-10-16T19:58:04Z
const NOW: u64 = 1_665_950_284;
const LOCK_AFTER_S: u64 = 120;
/// A device that is always the same.
const SIGNING_KEY: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgI7aNe+Ze1OMzlUuYdtzXXwP4uryHb+LwLuT/\
    JThaMdihRANCAARNcL518adw+1ix3zrQioswu7JPPjgRwfEEjd4BBYu1SZJvtYtQNiOLbuAG2w139XpWyD8JTq3Q2CrUOaearSA9";

fn server() -> Server {
    Server {
        url: ServerUrl::parse("https://tokens.example.org").unwrap(),
        trust: Trust::Pin(SpkiPin::of_spki(b"a key")),
    }
}

/// As a token server writes it, at its usual length.
const LINK: &str = "symbolon://activate?v=1&c=EEIMCUO6X6DF4BL3&k=4HROHZHF43T6R2PK5PWO33XP6A\
    &s=https://tokens.example.org:8443&p=ERERERERERERERERERERERERERERERERERERERERERE";

/// A screen, the vault behind it, and a clock.
struct World {
    contents: Contents,
    shown: Shown,
    terminal: Terminal<TestBackend>,
    sight: Sight,
}

enum Shown {
    Lock(Lock),
    Desk(Box<Desk>),
}

impl World {
    fn new() -> Self {
        let key = BASE64.decode(SIGNING_KEY.as_bytes()).unwrap();
        let device = Device::from_stored(&key, &[7; 32]).unwrap();
        Self {
            contents: Contents::new(device),
            shown: Shown::Lock(Lock::new(None)),
            terminal: Terminal::new(TestBackend::new(80, 14)).unwrap(),
            sight: Sight {
                now_unix: NOW,
                zone: TimeZone::UTC,
                colours: Colours::Off,
            },
        }
    }

    fn desk(&mut self) -> &mut Desk {
        match &mut self.shown {
            Shown::Desk(desk) => desk,
            Shown::Lock(_) => panic!("the screen is locked"),
        }
    }

    /// What happens; what the screen wishes then.
    fn happen(&mut self, event: &str) -> String {
        let now_unix = self.sight.now_unix;
        let (what, rest) = event.split_once(' ').unwrap_or((event, ""));
        let words: Vec<&str> = rest.split(' ').collect();
        let effect = match what {
            "size" => {
                let (width, height) = rest.split_once('x').unwrap();
                let size = (width.parse().unwrap(), height.parse().unwrap());
                self.terminal = Terminal::new(TestBackend::new(size.0, size.1)).unwrap();
                None
            }
            "token" => {
                self.token(&words);
                None
            }
            "open" => {
                let codes = if rest == "hidden" {
                    Codes::Hidden
                } else {
                    Codes::Shown
                };
                let desk = Desk::new(&self.contents, codes, LOCK_AFTER_S, now_unix);
                self.shown = Shown::Desk(Box::new(desk));
                None
            }
            "refused" => match &mut self.shown {
                Shown::Lock(lock) => {
                    lock.refused(rest.to_owned());
                    None
                }
                Shown::Desk(_) => panic!("the screen is open"),
            },
            "wait" => {
                self.sight.now_unix += rest.parse::<u64>().unwrap();
                let now_unix = self.sight.now_unix;
                self.desk().tick(now_unix)
            }
            "back" => {
                self.sight.now_unix -= rest.parse::<u64>().unwrap();
                let now_unix = self.sight.now_unix;
                self.desk().tick(now_unix)
            }
            "login" => {
                let request = asked(words[0].parse().unwrap(), words[1], now_unix);
                let closes_unix = request.expires_unix;
                self.desk().login_came(request, closes_unix)
            }
            "long" => {
                let mut request = asked(rest.parse().unwrap(), "number", now_unix);
                request.service = ShownText::parse(&"vpn.example.org/".repeat(4)).unwrap();
                let closes_unix = request.expires_unix;
                self.desk().login_came(request, closes_unix)
            }
            "withdrawn" => {
                let session = PushSession::from_bytes([rest.parse().unwrap(); 16]);
                self.desk().login_withdrawn(session, now_unix);
                None
            }
            "answered" => {
                let session = PushSession::from_bytes([words[0].parse().unwrap(); 16]);
                let decision = match words[1] {
                    "approve" => Decision::Approve(None),
                    "deny" => Decision::Deny,
                    _ => Decision::NotMe,
                };
                self.desk().answered(session, decision, now_unix);
                None
            }
            "unanswered" => {
                let (number, why) = rest.split_once(' ').unwrap();
                let session = PushSession::from_bytes([number.parse().unwrap(); 16]);
                self.desk().unanswered(session, why.to_owned(), now_unix);
                None
            }
            "pushes" => {
                let pushing = match rest.split_once(' ') {
                    None => Pushing::On,
                    Some(("partly", why)) => Pushing::Partly(why.to_owned()),
                    Some((_, why)) => Pushing::Off(why.to_owned()),
                };
                self.desk().set_pushing(pushing);
                None
            }
            "right" => self.desk().proven(),
            "wrong" => {
                let why = "the PIN is wrong; 9 tries are left.";
                self.desk().not_proven(why.to_owned(), now_unix);
                None
            }
            "clock" => {
                self.desk().set_clock(Some(rest.to_owned()));
                None
            }
            other => {
                self.answer(other, rest);
                None
            }
        };
        self.done(effect)
    }

    /// What a token server or a gateway has said, or what is not known to have reached one.
    fn answer(&mut self, what: &str, rest: &str) {
        let now_unix = self.sight.now_unix;
        let about = || {
            let (token, said) = rest.split_once(' ').unwrap();
            (TokenName::parse(token).unwrap(), said)
        };
        match what {
            "added" => {
                let taken_in = TakenIn {
                    added: names(rest),
                    progress: None,
                };
                self.desk().added(taken_in, now_unix);
            }
            "exported" => {
                let words: Vec<&str> = rest.splitn(4, ' ').collect();
                let number = |text: &str| text.parse().unwrap();
                let progress = ExportProgress {
                    number: number(words[0]),
                    size: number(words[1]),
                    missing: words[2].split(',').map(number).collect(),
                };
                let taken_in = TakenIn {
                    added: words.get(3).map_or(Vec::new(), |rest| names(rest)),
                    progress: Some(progress),
                };
                self.desk().added(taken_in, now_unix);
            }
            "owed" => self.contents.owe_receipt(self.receipt(rest)),
            "settled" => {
                let words: Vec<&str> = rest.split(' ').collect();
                let receipt = self.receipt(words[0]);
                let state = match words.get(1) {
                    Some(&"refused") => ReceiptState::Refused,
                    _ => ReceiptState::Confirmed,
                };
                self.contents.settle_receipt(&receipt.answer_hash, state);
            }
            "unsent" => {
                let tokens = [TokenSerial::mobile([rest.parse().unwrap(); 5])];
                self.desk().unsent(&tokens, now_unix);
            }
            "stranger" => {
                let url = ServerUrl::parse(rest).unwrap();
                self.desk().asks_about(&url, now_unix);
            }
            "unadded" => self.desk().not_added(rest.to_owned(), now_unix),
            "stands" => {
                let (token, word) = about();
                self.desk()
                    .stands(&token, standing(word, now_unix), now_unix);
            }
            "unasked" => {
                let (token, why) = about();
                self.desk().not_asked(&token, why.to_owned(), now_unix);
            }
            "forbidden" => {
                let (token, why) = about();
                self.desk().refused(&token, why.to_owned(), now_unix);
            }
            other => panic!("what is {other}?"),
        }
    }

    fn receipt(&self, token: &str) -> OwedReceipt {
        let token = self.contents.token(token).unwrap().serial().unwrap();
        OwedReceipt {
            token,
            answer_hash: AnswerHash::from_bytes([7; 32]),
            server: server(),
        }
    }

    fn token(&mut self, words: &[&str]) {
        let [number, issuer, kind, name @ ..] = words else {
            panic!("number, issuer, kind and name");
        };
        let kind = match *kind {
            "hotp" => Kind::Hotp,
            _ => Parameters::default().kind,
        };
        let token = NewToken {
            name: TokenName::parse(&name.join(" ")).unwrap(),
            origin: Origin::Issued {
                serial: TokenSerial::mobile([number.parse().unwrap(); 5]),
                server: server(),
            },
            issuer: IssuerName::parse(issuer).unwrap(),
            // RFC 4226 appendix D, and RFC 6238's for SHA-1.
            seed: Seed::from_bytes(b"12345678901234567890".to_vec().into()).unwrap(),
            parameters: Parameters {
                kind,
                ..Parameters::default()
            },
            pin_policy: None,
            counter: 0,
            added_unix: NOW - 86_400,
        };
        self.contents.put(token).unwrap();
    }

    /// Types keys; what the screen wishes then.
    fn type_in(&mut self, keys: &str) -> String {
        let mut said = String::new();
        for key in keys.split(' ') {
            let key = key_of(key);
            said += &match &mut self.shown {
                Shown::Lock(lock) => match lock.key(key) {
                    LockStep::Stay => String::new(),
                    LockStep::Quit => "= quit\n".to_owned(),
                    LockStep::Try(pin) => format!("= try a PIN of {} digits\n", pin.digits()),
                },
                Shown::Desk(desk) => {
                    let effect = desk.key(key, &self.contents, self.sight.now_unix);
                    self.done(effect)
                }
            };
        }
        said
    }

    /// Does what the screen wishes, as the program does it, but on no disk.
    fn done(&mut self, effect: Option<Effect>) -> String {
        let now_unix = self.sight.now_unix;
        let Some(effect) = effect else {
            return String::new();
        };
        match effect {
            Effect::Quit => "= quit\n".to_owned(),
            Effect::Lock(told) => {
                self.shown = Shown::Lock(Lock::new(told));
                "= lock\n".to_owned()
            }
            Effect::Copy(code) => {
                self.desk().copied(now_unix);
                format!("= copy {}\n", *code)
            }
            Effect::Ring => "= ring\n".to_owned(),
            Effect::Advance(token) => {
                let step = self.contents.advance(token.as_str()).unwrap();
                let said = format!("= advance {token} to {}\n", step.0);
                self.desk().advanced(token, step, now_unix);
                said
            }
            Effect::Rename { token, to } => {
                match self.contents.rename(token.as_str(), to.clone()) {
                    Ok(()) => self.desk().renamed(to.clone(), now_unix),
                    Err(error) => self.desk().failed(error.to_string(), now_unix),
                }
                format!("= rename {token} to {to}\n")
            }
            Effect::Move { token, place } => {
                self.contents.move_to(token.as_str(), place).unwrap();
                format!("= move {token} to {place}\n")
            }
            Effect::Remove(token) => {
                let removed = self.contents.remove(token.as_str()).unwrap();
                self.desk().removed(&removed, now_unix);
                format!("= remove {token}\n")
            }
            Effect::Add => format!("= add {}\n", self.desk().offer().as_str()),
            Effect::Believe => "= believe it\n".to_owned(),
            Effect::Prove(pin) => format!("= try a PIN of {} digits\n", pin.digits()),
            Effect::Transfer(token, action) => format!("= ask {} of {token}\n", action.as_str()),
            Effect::Answer(request, decision) => {
                let said = match decision {
                    Decision::Approve(None) => "yes".to_owned(),
                    Decision::Approve(Some(number)) => format!("yes, {}", number.as_str()),
                    Decision::Deny => "no".to_owned(),
                    Decision::NotMe => "not me".to_owned(),
                };
                format!("= answer {}: {said}\n", request.service.as_str())
            }
        }
    }

    fn screen(&mut self) -> String {
        let Self {
            contents,
            shown,
            terminal,
            sight,
        } = self;
        terminal
            .draw(|frame| match shown {
                Shown::Lock(lock) => draw_lock(frame, lock, sight),
                Shown::Desk(desk) => draw_desk(frame, desk, contents, sight),
            })
            .unwrap();
        let buffer = terminal.backend().buffer();
        let mut screen = String::new();
        for row in buffer.content().chunks(usize::from(buffer.area.width)) {
            writeln!(screen, "|{}", text_of(row).trim_end()).unwrap();
        }
        screen
    }
}

/// What is seen: a wide character covers the cell behind it.
fn text_of(row: &[Cell]) -> String {
    let mut text = String::new();
    let mut covered = 0;
    for cell in row {
        if covered == 0 {
            text += cell.symbol();
            covered = cell.symbol().width().max(1);
        }
        covered -= 1;
    }
    text
}

fn asked(number: u8, approval: &str, now_unix: u64) -> LoginRequest {
    let shown = |text: &str| ShownText::parse(text).unwrap();
    let secret = MailboxSecret::from_random(Zeroizing::new([number; 32]));
    LoginRequest {
        gateway: ProductSerial::parse("FGT3HD3915801657").unwrap(),
        session: PushSession::from_bytes([number; 16]),
        token: TokenSerial::mobile([1; 5]),
        user: shown("alice"),
        service: shown(&format!("vpn{number}")),
        source: shown("198.51.100.7"),
        at_unix: now_unix - 3,
        expires_unix: now_unix + 57,
        approval: match approval {
            "tap" => Approval::Tap,
            _ => Approval::Number,
        },
        answer_to: None,
        mailbox: secret.mailbox(),
        answer_key: SealingPrivateKey::from_random(&[number; 32]).public(),
    }
}

/// What a token's gateway says of its transfer.
fn standing(word: &str, now_unix: u64) -> Answered {
    let open = |link: Option<&str>, sent_to: Option<&'static str>| {
        Standing::Open(Open {
            expires_unix: now_unix + 3_600,
            link: link.map(|link| Zeroizing::new(link.to_owned())),
            sent_to: sent_to.map(Echo::from),
        })
    };
    Answered::Stands(match word {
        "none" => Standing::None,
        "asked" => Standing::Asked,
        "sent" => open(None, Some("a***@example.org")),
        "shown" => open(Some(LINK), None),
        "moved" => return Answered::Moved,
        other => panic!("how is {other}?"),
    })
}

fn key_of(text: &str) -> Key {
    let mut characters = text.chars();
    match (characters.next().unwrap(), characters.next()) {
        (c, None) => return Key::Char(c),
        ('^', Some(c)) => return Key::Ctrl(c),
        _ => {}
    }
    match text {
        "Enter" => Key::Enter,
        "Esc" => Key::Esc,
        "Backspace" => Key::Backspace,
        "Space" => Key::Char(' '),
        "Tab" => Key::Tab,
        "Up" => Key::Up,
        "Down" => Key::Down,
        "Left" => Key::Left,
        "Right" => Key::Right,
        "PageUp" => Key::PageUp,
        "PageDown" => Key::PageDown,
        "Home" => Key::Home,
        "End" => Key::End,
        other => panic!("which key is {other}?"),
    }
}

fn replay(name: &str) {
    let path = format!("{}/tests/screens/{name}.txt", env!("CARGO_MANIFEST_DIR"));
    let expected = fs::read_to_string(&path).unwrap();
    let mut world = World::new();
    let mut actual = String::new();
    for line in expected.lines() {
        let follows = if let Some(keys) = line.strip_prefix("> ") {
            world.type_in(keys)
        } else if let Some(event) = line.strip_prefix("! ") {
            world.happen(event)
        } else if line == "?" {
            world.screen()
        } else if line.starts_with(';') || line.is_empty() {
            String::new()
        } else {
            continue;
        };
        writeln!(actual, "{line}").unwrap();
        actual += &follows;
    }
    if std::env::var_os("SCREENS").is_some_and(|mode| mode == "write") {
        fs::write(&path, &actual).unwrap();
        return;
    }
    assert!(actual == expected, "{name} went like this:\n{actual}");
}

/// One test for each file.
macro_rules! screens {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            replay(stringify!($name));
        })*

        #[test]
        fn every_file_is_replayed() {
            let mut files: Vec<_> = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/screens"))
                .unwrap()
                .map(|file| file.unwrap().file_name().into_string().unwrap())
                .collect();
            files.sort();
            assert_eq!(files, [$(concat!(stringify!($name), ".txt")),*]);
        }
    };
}

fn names(text: &str) -> Vec<TokenName> {
    let names = text.split(' ').map(TokenName::parse);
    names.map(Result::unwrap).collect()
}

screens! { add codes list lock login narrow one_token transfer }
