//! `symbolon demo`: one token from its licence to a login, each step as the administrator and the
//! user see it, on a system of its own. Nothing is played: every answer comes from the running parts.

mod mailbox;
mod vpn;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, FromArgMatches};
use domain::audit::Actor;
use domain::licensing::{AccountName, LicenceSize};
use domain::time::Span;
use gateway::clock;
use radius::Code;
use store::gateway::ClockTrust;
use store::registry::NewLicence;
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{self, Config};
use crate::console;
use crate::now_unix;
use crate::roles;
use crate::up::System;
use mailbox::Mailbox;
use vpn::{Answer, Vpn};

/// Shared with the demonstration's RADIUS client, which is on this machine.
const RADIUS_SECRET: &str = "demonstration-secret";
const PASSWORD: &str = "correct horse";
const PIN: &str = "2741";

/// How slow the second phone's clock is: fifteen steps of a minute.
const SLOW_S: u64 = 15 * 60;
const STEP_S: u64 = 60;

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// End after the last step
    #[arg(long)]
    once: bool,

    /// Where the demonstration's system keeps its data [default: a directory that is removed]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// Walks the steps; then stays until SIGTERM or SIGINT, or ends.
pub(crate) async fn run(args: DemoArgs) -> Result<ExitCode> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let temporary = TempDir::with_prefix("symbolon-demo-")?;
    let data = args.data.unwrap_or_else(|| temporary.path().join("data"));
    roles::prepare(&data)?;
    let config = configuration(&data)?;
    let system = System::start(&data, &config, ClockTrust::Records).await?;
    let mut demo = Demo {
        vpn: Vpn::new(radius_address(&system)?, RADIUS_SECRET),
        mailbox: Mailbox::open().await?,
        phones: temporary.path().to_owned(),
        system,
        step: 0,
    };
    let mut walked = tokio::select! {
        walked = demo.walk() => walked,
        _ = terminate.recv() => Err(anyhow::anyhow!("ended by a signal")),
        _ = interrupt.recv() => Err(anyhow::anyhow!("ended by a signal")),
    };
    if walked.is_ok() && !args.once {
        println!(
            "\nThe system stays up. End it with Ctrl-C.\n{}",
            demo.system.addresses()
        );
        println!(
            "console command  symbolon console --data {}",
            data.display()
        );
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            ending = demo.system.gateway.ended() => {
                walked = ending.map(drop).context("the gateway ends");
            }
        }
    }
    demo.system.stop().await;
    walked.map(|()| ExitCode::SUCCESS)
}

/// A configuration with free ports, so that nothing that runs already is in the way.
fn configuration(data: &Path) -> Result<Config> {
    if !data.join(config::FILE).exists() {
        let udp = UdpSocket::bind("127.0.0.1:0")?.local_addr()?;
        let [tcp, relay] = [
            TcpListener::bind("127.0.0.1:0")?,
            TcpListener::bind("127.0.0.1:0")?,
        ];
        let (tcp, relay) = (tcp.local_addr()?, relay.local_addr()?);
        Config::create(data, |text| {
            text.replace("127.0.0.1:1812", &udp.to_string())
                .replace("127.0.0.1:8443", &tcp.to_string())
                .replace("127.0.0.1:8445", &relay.to_string())
                .replace(r#"ssh = ["127.0.0.1"]"#, "ssh = []")
        })?;
    }
    Config::load(data)
}

fn radius_address(system: &System) -> Result<SocketAddr> {
    system
        .gateway
        .radius_addresses()
        .first()
        .copied()
        .context("RADIUS is not configured")
}

/// The demonstration's people: an administrator, two users with phones, a VPN server.
struct Demo {
    system: System,
    vpn: Vpn,
    mailbox: Mailbox,
    phones: PathBuf,
    step: usize,
}

/// A phone with its own vault and its own clock.
struct Phone {
    data: PathBuf,
    pin: PathBuf,
    slow_s: u64,
}

impl Demo {
    async fn walk(&mut self) -> Result<()> {
        self.heading("A licence for five tokens is issued and registered for this gateway");
        let code = self.issue_licence().await?;

        self.heading("The administrator imports it");
        self.console(&format!("execute fortitoken-mobile import {code}"))?;
        let tokens = self.tokens()?;
        let (alice, bob) = match tokens.as_slice() {
            [alice, bob, ..] => (alice.clone(), bob.clone()),
            _ => bail!("the licence brought {} tokens", tokens.len()),
        };

        self.heading("A VPN server may ask, mail can be sent, and alice gets a token");
        let mail_server = self.mailbox.address;
        self.console(&format!(
            "config user radius-client\nedit vpn1\nset subnet 127.0.0.1/32\nset secret {RADIUS_SECRET}\nend\n\
             config system email-server\nset server {}\nset port {}\nset reply-to tokens@example.org\nend\n\
             config user local\nedit alice\nset passwd \"{PASSWORD}\"\nset email-to alice@example.org\n\
             set two-factor fortitoken\nset fortitoken {alice}\nend",
            mail_server.ip(),
            mail_server.port()
        ))?;
        self.console("diagnose fortitoken info")?;

        self.heading("The mail that alice receives");
        let qr = self.read_mail().await?;

        self.heading("Alice scans the QR code with the app");
        let phone = self.phone("alice", 0)?;
        let scanned = qr.to_string_lossy().into_owned();
        phone
            .app(&["add", "--qr", &scanned, "--name", "Work VPN"])
            .await?;
        self.console(&format!(
            "execute fortitoken-mobile poll\ndiagnose fortitoken info\nshow user fortitoken {alice}"
        ))?;

        self.heading("Alice logs in: her password first, then the code of her phone");
        let code = phone.code(now_unix()).await?;
        let challenge = self.ask("alice", PASSWORD, None).await?;
        ensure!(
            challenge.code == Code::AccessChallenge,
            "no challenge, but {}",
            challenge.code
        );
        let accepted = self.ask("alice", &code, challenge.state.as_deref()).await?;
        ensure!(
            accepted.code == Code::AccessAccept,
            "not accepted, but {}",
            accepted.code
        );

        self.heading("Somebody who looked over her shoulder uses the same code again");
        let challenge = self.ask("alice", PASSWORD, None).await?;
        let refused = self.ask("alice", &code, challenge.state.as_deref()).await?;
        ensure!(
            refused.code == Code::AccessReject,
            "not refused, but {}",
            refused.code
        );
        self.explained("alice", "code-replayed").await?;

        self.slow_clock(&bob).await?;
        println!("\nDone: {} steps.", self.step);
        Ok(())
    }

    /// Bob's phone loses fifteen minutes: two codes in a row let him in and cure it.
    async fn slow_clock(&mut self, serial: &str) -> Result<()> {
        self.heading(
            "Bob has no mail address: the administrator hands him his code, and he types it",
        );
        let shown = self.console(&format!(
            "config user local\nedit bob\nset passwd \"{PASSWORD}\"\nset two-factor fortitoken\n\
             set fortitoken {serial}\nend"
        ))?;
        let typed = activation_code(&shown).context("no activation code was shown")?;
        let mut phone = self.phone("bob", 0)?;
        let authority = self.authority()?;
        let server = format!("https://{}", self.system.server.address);
        phone
            .app(&["add", &typed, "--server", &server, "--ca", &authority])
            .await?;
        self.console("execute fortitoken-mobile poll")?;

        self.heading(
            "His phone has lost fifteen minutes: he is asked for the next code, and the administrator reads why",
        );
        phone.slow_s = SLOW_S;
        let now = now_unix();
        let challenge = self.ask("bob", PASSWORD, None).await?;
        let asked = self
            .ask("bob", &phone.code(now).await?, challenge.state.as_deref())
            .await?;
        ensure!(
            asked.code == Code::AccessChallenge,
            "not asked for the next code, but {}",
            asked.code
        );
        self.explained("bob", "clock-slow").await?;

        self.heading("Two codes in a row let him in and teach the gateway how slow it is");
        let next = phone.code(now + STEP_S).await?;
        let accepted = self.ask("bob", &next, asked.state.as_deref()).await?;
        ensure!(
            accepted.code == Code::AccessAccept,
            "not accepted, but {}",
            accepted.code
        );
        self.console("diagnose fortitoken info")?;
        Ok(())
    }

    fn heading(&mut self, text: &str) {
        self.step += 1;
        println!("\n=== {}. {text}\n", self.step);
    }

    async fn issue_licence(&self) -> Result<String> {
        let licence = NewLicence {
            account: AccountName::parse("local")?,
            product: Some(self.system.serial),
            size: LicenceSize::new(5)?,
            redeem_until: clock::now().after(Span::from_days(365)),
        };
        let issued = self
            .system
            .server
            .desk
            .issue_licence(Actor::system("demo"), licence)
            .await?;
        println!(
            "$ symbolon desk issue-licence --tokens 5 --product {}",
            self.system.serial
        );
        print!("{}", self.system.server.desk.licence(issued.serial).await?);
        println!("\nCode: {}", issued.code.as_str());
        Ok(issued.code.as_str().to_owned())
    }

    /// Types lines at the console's prompt and shows the terminal.
    fn console(&self, lines: &str) -> Result<String> {
        let mut stream = UnixStream::connect(&self.system.console)?;
        let typed = format!("{lines}\nexit\n");
        stream.write_all(&console::at_terminal(&typed))?;
        let mut terminal = String::new();
        stream.read_to_string(&mut terminal)?;
        let shown = terminal.replace('\r', "");
        let shown = shown.strip_suffix("symbolon # exit\n").unwrap_or(&shown);
        print!("{shown}");
        ensure!(
            !shown.contains("Command fail"),
            "the console refused a line"
        );
        Ok(shown.to_owned())
    }

    /// The serials that `diagnose fortitoken info` lists.
    fn tokens(&self) -> Result<Vec<String>> {
        let shown = self.console("diagnose fortitoken info")?;
        let serials = shown.lines().filter(|line| line.starts_with("FTK"));
        Ok(serials
            .filter_map(|line| line.split(' ').next())
            .map(str::to_owned)
            .collect())
    }

    /// The next mail, shown; its picture as a file.
    async fn read_mail(&mut self) -> Result<PathBuf> {
        let mail = self.mailbox.next().await?;
        println!(
            "From: {}\nTo: {}\nSubject: {}\n",
            mail.from, mail.to, mail.subject
        );
        println!("{}", mail.text);
        let picture = self.phones.join("activation.png");
        std::fs::write(&picture, &mail.picture)?;
        println!("Attached: activation.png ({} octets)", mail.picture.len());
        Ok(picture)
    }

    fn phone(&self, owner: &str, slow_s: u64) -> Result<Phone> {
        let pin = self.phones.join(format!("{owner}.pin"));
        std::fs::write(&pin, format!("{PIN}\n"))?;
        Ok(Phone {
            data: self.phones.join(owner),
            pin,
            slow_s,
        })
    }

    /// The token server's certificate, as a file that the app is told to trust.
    fn authority(&self) -> Result<String> {
        let path = self.phones.join("token-server-ca.pem");
        std::fs::write(&path, self.system.authority_pem())?;
        Ok(path.to_string_lossy().into_owned())
    }

    async fn ask(&self, user: &str, password: &str, state: Option<&str>) -> Result<Answer> {
        let what = if state.is_some() { "code" } else { "password" };
        let answer = self.vpn.ask(user, password, state).await?;
        print!("{}: {user}'s {what} -> {}", self.vpn.name(), answer.code);
        match &answer.message {
            Some(message) => println!(" \"{message}\""),
            None => println!(),
        }
        Ok(answer)
    }

    /// Waits for the explanation, which is worked out after the reply, and shows it.
    async fn explained(&self, user: &str, reason: &str) -> Result<()> {
        for _ in 0..50 {
            let recorded = self
                .system
                .gateway
                .store()
                .logins_before(i64::MAX, 1)
                .await?;
            let newest = recorded.first().map_or(0, |newest| newest.id);
            if !self
                .system
                .gateway
                .store()
                .explanations(newest, newest)
                .await?
                .is_empty()
            {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let shown = self.console(&format!("diagnose login show user {user}"))?;
        ensure!(shown.contains(reason), "the reason is not {reason}");
        Ok(())
    }
}

impl Phone {
    /// Runs the app with these words and shows what it says.
    async fn app(&self, words: &[&str]) -> Result<String> {
        let typed: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        println!("$ symbolon app {}", typed.join(" "));
        let shown = self.run(words, now_unix()).await?;
        print!("{shown}");
        Ok(shown)
    }

    /// The code that the phone shows at `moment`, in seconds after the epoch.
    async fn code(&self, moment: u64) -> Result<String> {
        let shown = self.run(&["code"], moment).await?;
        println!("$ symbolon app code");
        print!("{shown}");
        shown
            .split_whitespace()
            .find(|word| word.len() == 6 && word.bytes().all(|octet| octet.is_ascii_digit()))
            .map(str::to_owned)
            .context("the app shows no code")
    }

    async fn run(&self, words: &[&str], moment: u64) -> Result<String> {
        let secrets = self.data.with_extension("secrets");
        let places = ["--data", "--secrets", "--pin-file"].into_iter().zip([
            self.data.as_os_str(),
            secrets.as_os_str(),
            self.pin.as_os_str(),
        ]);
        let mut line = vec![std::ffi::OsString::from("app")];
        line.extend(words.iter().map(Into::into));
        line.extend(places.flat_map(|(name, value)| [name.into(), value.to_owned()]));
        let parser = app::Args::augment_args(clap::Command::new("app"));
        let args = app::Args::from_arg_matches(&parser.try_get_matches_from(line)?)?;
        let mut out = Vec::new();
        let clock = || moment - self.slow_s;
        let world = app::Surroundings {
            out: &mut out,
            notes: &mut std::io::sink(),
            now_unix: &clock,
            effort: app::vault::Effort::RECOMMENDED,
            machine_id: PathBuf::from("/etc/machine-id"),
        };
        app::run(args, world).await?;
        Ok(String::from_utf8(out)?)
    }
}

/// A word as a person types it into a shell.
fn quoted(word: &str) -> String {
    if word.contains(' ') {
        format!("\"{word}\"")
    } else {
        word.to_owned()
    }
}

/// The activation code among what the console shows: 16 characters of base32 that begin with `EE`.
fn activation_code(shown: &str) -> Option<String> {
    shown
        .split_whitespace()
        .find(|word| ident::ActivationCode::parse(word).is_ok())
        .map(str::to_owned)
}
