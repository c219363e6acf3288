//! Hardware tokens from a maker's file to a login, and the symptoms of docs/symptoms.md on the way: the
//! cause, the text as it is seen, the next step, the cure.
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
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use common::radius::{Answer, Vpn};
use common::{Home, Running, after, free_port, run, script, symbolon};

const TOKEN: &str = "FTK2000BHV1KRZCC";
const SEED: &str = "3132333435363738393031323334353637383930";
const CLIENT: &str = "127.0.0.1";

fn system() -> (Home, Running) {
    let home = Home::new();
    let up = Running::up(&home);
    (home, up)
}

/// A file as a maker delivers it; its path.
fn file(home: &Home, name: &str, content: &str) -> String {
    let path = home.path(name);
    fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Takes a table into stock; what the desk said.
fn stock(home: &Home, table: &str) -> String {
    let path = file(home, "tokens.csv", table);
    home.desk(&["import-hardware", &path]).ok()
}

/// The debug lines of the token server on, then a command.
fn watched(command: &str) -> String {
    format!("diagnose fortitoken debug enable\ndiagnose debug enable\n{command}")
}

fn add(home: &Home, token: &str) -> String {
    let said = home.console(&watched(&format!(
        "config user fortitoken\nedit {token}\nend"
    )));
    said.out + &said.err
}

fn delete(home: &Home, token: &str) {
    home.console(&format!("config user fortitoken\ndelete {token}\nend"))
        .ok();
}

/// The code that a device with this seed shows now.
fn code(period_s: u32, digits: u8, seed_hex: &str) -> String {
    let mut oathtool = Command::new("oathtool");
    oathtool.args(["--totp=sha1", "-s", &format!("{period_s}s"), "-d"]);
    oathtool.args([&digits.to_string(), seed_hex]);
    run(&mut oathtool, "").ok().trim().to_owned()
}

/// A user of the token logs in with a code of the seed.
fn logs_in(home: &Home, user: &str, token: &str, code: impl Fn() -> String) {
    home.radius_client("vpn", CLIENT, "");
    home.user(user, token);
    let vpn = Vpn::new(home, CLIENT);
    assert_eq!(vpn.log_in(user, &code()), Answer::Accept);
}

#[test]
fn symptom_05_a_token_without_a_seed_is_activated() {
    let (home, up) = system();
    // Added before the token server has it: no seed.
    let said = add(&home, TOKEN);
    assert!(
        said.contains("received error from forticare [-7662]"),
        "{said}"
    );
    let shown = home.console("show user fortitoken").ok();
    assert!(!shown.contains("set seed"), "{shown}");

    assert_eq!(
        stock(&home, &format!("{TOKEN},{SEED}\n")),
        format!("1 token is taken into stock, {TOKEN}\n")
    );
    let activated = home.console(&watched(&format!("execute fortitoken activate {TOKEN}")));
    let said = activated.ok();
    assert!(!said.to_lowercase().contains(SEED), "{said}");
    let shown = home.console("show user fortitoken").ok();
    assert!(shown.contains("set seed ENC "), "{shown}");
    assert_eq!(home.status(TOKEN), "active");
    logs_in(&home, "alice", TOKEN, || code(60, 6, SEED));
    up.stop();
    // Neither side wrote the seed down.
    for path in files_below(&home.data()) {
        let octets = fs::read(&path).unwrap();
        for written in [SEED.as_bytes(), b"12345678901234567890"] {
            let is_there = octets
                .windows(written.len())
                .any(|window| window == written);
            assert!(!is_there, "{}", path.display());
        }
    }
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let (directories, mut files): (Vec<_>, Vec<_>) = paths.partition(|path| path.is_dir());
    files.extend(directories.iter().flat_map(|path| files_below(path)));
    files
}

#[test]
fn symptom_06_a_token_is_locked_after_its_first_activation_until_the_desk_releases_it() {
    let (home, up) = system();
    stock(&home, &format!("{TOKEN},{SEED}\n"));
    add(&home, TOKEN);
    assert_eq!(home.status(TOKEN), "active");
    let shown = home.desk(&["show", TOKEN]).ok();
    assert_eq!(
        after(&shown, "Status:"),
        "activated; its seed is not given again"
    );
    let looked = home.desk(&["look", TOKEN]).ok();
    assert!(
        looked.contains(&format!("symbolon desk reset-activation {TOKEN}")),
        "{looked}"
    );

    let reset = [
        "reset-activation",
        TOKEN,
        "--reason",
        "gateway was replaced",
    ];
    let said = home.desk(&reset).ok();
    assert!(
        said.contains(&format!("execute fortitoken activate {TOKEN}")),
        "{said}"
    );
    let said = home.desk(&reset).refused();
    assert!(
        said.contains(&format!("{TOKEN} is not activated")),
        "{said}"
    );

    // One activation is possible, and no second.
    for (expected, asked) in [("active", 1), (LOCKED, 2)] {
        delete(&home, TOKEN);
        add(&home, TOKEN);
        assert_eq!(home.status(TOKEN), expected, "activation {asked}");
    }
    let history = home.desk(&["history", TOKEN]).ok();
    let actions: Vec<&str> = history
        .lines()
        .map(|line| line.split("  ").nth(2).unwrap())
        .collect();
    assert_eq!(
        actions,
        [
            "import-hardware",
            "activate-hardware",
            "reset-activation",
            "activate-hardware"
        ]
    );
    assert!(history.contains("gateway was replaced"), "{history}");
    up.stop();
}

const LOCKED: &str = "token already activated, and seed won't be returned";

#[test]
fn symptom_07_a_token_that_was_removed_and_added_again_is_released_by_the_desk() {
    let (home, up) = system();
    stock(&home, &format!("{TOKEN},{SEED}\n"));
    add(&home, TOKEN);
    delete(&home, TOKEN);
    let said = add(&home, TOKEN);
    for text in [
        "\"error_code\":111",
        &format!("\"error_message\":\"{LOCKED}\""),
        "received error from forticare [-7661]",
    ] {
        assert!(
            said.replace(": ", ":").contains(&text.replace(": ", ":")),
            "no '{text}' in:\n{said}"
        );
    }
    assert_eq!(home.status(TOKEN), LOCKED);
    let activate = format!("execute fortitoken activate {TOKEN}");
    let said = home.console(&activate).refused();
    assert!(
        said.contains(&format!("activate fortitoken {TOKEN} error: -7661")),
        "{said}"
    );
    assert!(
        said.contains("Have customer service reset the token's activation flag"),
        "{said}"
    );

    home.desk(&["reset-activation", TOKEN, "--reason", "removed by mistake"])
        .ok();
    home.console(&activate).ok();
    assert_eq!(home.status(TOKEN), "active");
    logs_in(&home, "alice", TOKEN, || code(60, 6, SEED));
    up.stop();
}

#[test]
fn symptom_08_a_serial_that_was_mistyped_is_compared_and_added_again() {
    const MISTYPED: &str = "FTK2000BHV1KRZCO";
    let (home, up) = system();
    stock(&home, &format!("{TOKEN},{SEED}\n"));
    let said = add(&home, MISTYPED);
    assert!(said.contains("token not exist in FortiGuard"), "{said}");
    assert_eq!(
        home.status(MISTYPED),
        "activation error (token not exist in FortiGuard)"
    );
    let said = home.desk(&["show", MISTYPED]).refused();
    assert!(
        said.contains(&format!("no token {MISTYPED} in stock")),
        "{said}"
    );
    delete(&home, MISTYPED);
    add(&home, TOKEN);
    assert_eq!(home.status(TOKEN), "active");
    logs_in(&home, "alice", TOKEN, || code(60, 6, SEED));
    up.stop();
}

#[test]
fn twenty_tokens_are_activated_at_once() {
    let (home, up) = system();
    let tokens: Vec<String> = (1..=20).map(|n| format!("FTK20000000000{n:02}")).collect();
    // Added before the token server has them, so that one command activates all.
    let edits: Vec<String> = tokens
        .iter()
        .map(|token| format!("edit {token}\nnext"))
        .collect();
    home.console(&format!(
        "config user fortitoken\n{}\nend",
        edits.join("\n")
    ))
    .refused();
    let table = tokens.join(&format!(",{SEED}\n")) + "," + SEED;
    assert_eq!(
        stock(&home, &table),
        "20 tokens are taken into stock, FTK2000000000001 to FTK2000000000020\n"
    );
    home.console(&format!("execute fortitoken activate {}", tokens.join(" ")))
        .ok();
    for token in &tokens {
        assert_eq!(home.status(token), "active");
    }
    up.stop();
}

#[test]
fn a_file_with_a_bad_line_is_refused_as_a_whole_unless_asked() {
    let (home, up) = system();
    let path = file(
        &home,
        "mixed.csv",
        &format!("{TOKEN},{SEED}\nFTK2000BHV1KRZCD\nFTKMOB83F91CD33B,{SEED}\n"),
    );
    let said = home.desk(&["import-hardware", &path]).refused();
    assert!(
        said.contains("nothing was taken: 2 lines cannot be used"),
        "{said}"
    );
    assert!(
        said.contains("line 3: FTKMOB83F91CD33B is a mobile token's serial"),
        "{said}"
    );
    // Its second line alone is no table's.
    assert!(said.contains("line 2: `seed` is missing"), "{said}");
    home.desk(&["show", TOKEN]).refused();
    let said = home.desk(&["import-hardware", &path, "--skip-bad"]).ok();
    assert!(said.contains("line 2 is left out"), "{said}");
    assert!(
        said.ends_with(&format!("1 token is taken into stock, {TOKEN}\n")),
        "{said}"
    );

    // A list says whose tokens of the stock are.
    let list = file(&home, "serials.txt", &format!("{TOKEN}\n"));
    let said = home.desk(&["import-hardware", &list]).refused();
    assert!(said.contains("give --account"), "{said}");
    home.desk(&["register-account", "Example Ltd"]).ok();
    let assign = ["import-hardware", &list, "--account", "Example Ltd"];
    let said = home.desk(&assign).ok();
    assert_eq!(said, format!("1 token is assigned, {TOKEN}\n"));
    let back = ["import-hardware", &list, "--account", "local"];
    let said = home.desk(&back).refused();
    let says = format!("line 1: {TOKEN} belongs to account \"Example Ltd\"");
    assert!(said.contains(&says), "{said}");
    // To this gateway, another account's, it is now unknown.
    add(&home, TOKEN);
    assert_eq!(
        home.status(TOKEN),
        "activation error (token not exist in FortiGuard)"
    );
    up.stop();
}

#[test]
fn files_that_cannot_be_used_are_named_with_the_next_step() {
    let (home, up) = system();
    let binary = home.path("seeds.ftk");
    fs::write(&binary, [0x46, 0x54, 0x4b, 0, 1, 2, 0xff]).unwrap();
    let xml = fs::read_to_string(figure("6")).unwrap();
    let typed = format!(
        "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>{}",
        xml.split_once("?>").unwrap().1
    );
    let typed = file(&home, "typed.xml", &typed);
    let short = file(&home, "short.key", "1234");
    for (words, says) in [
        (vec![binary.to_str().unwrap()], "the file is no text"),
        (
            vec!["/nowhere/tokens.csv"],
            "cannot read /nowhere/tokens.csv",
        ),
        (vec![&typed], "the file declares a document type"),
        (
            vec![&figure("6")],
            "encrypted with a shared key; give it with --key-file FILE",
        ),
        (
            vec![&figure("7")],
            "encrypted with a password; give it with --password-file FILE",
        ),
        (
            vec![&figure("6"), "--key-file", &short],
            "16, 24 or 32 octets",
        ),
    ] {
        let mut command = vec!["import-hardware"];
        command.extend(words);
        let said = home.desk(&command).refused();
        assert!(said.contains(says), "no '{says}' in:\n{said}");
    }
    up.stop();
}

/// A figure of RFC 6030.
fn figure(number: &str) -> String {
    let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/../otp/tests/pskc");
    format!("{tests}/rfc6030-figure-{number}.xml")
}

/// Tokens of another maker, in key containers that another system's tool has encrypted.
#[test]
fn containers_that_another_tool_encrypted_are_imported_and_their_tokens_log_in() {
    const MAKER: &str = "2600124809787";
    const HERE: &str = "FTK2600124809787";
    const KEY: &str = "00112233445566778899aabbccddeeff";
    for (protection, secret) in [("aes", KEY), ("pbkdf2", "correct horse battery")] {
        let (home, up) = system();
        let path = home.path("tokens.xml");
        let made = run(
            common::python()
                .arg(script("write_pskc.py"))
                .arg(&path)
                .args([protection, secret, MAKER, SEED, "30", "8"]),
            "",
        );
        made.ok();
        let path = path.to_str().unwrap();
        let option = match protection {
            "aes" => "--key-file",
            _ => "--password-file",
        };
        let wrong = file(&home, "wrong", &secret.replace(['0', 'c'], "1"));
        let said = home
            .desk(&["import-hardware", path, option, &wrong])
            .refused();
        assert!(
            said.contains("the key or password is not the file's"),
            "{said}"
        );
        let secret = file(&home, "secret", &format!("{secret}\n"));
        let said = home.desk(&["import-hardware", path, option, &secret]).ok();
        assert_eq!(said, format!("1 token is taken into stock, {HERE}\n"));
        let shown = home.desk(&["show", MAKER]).ok();
        assert_eq!(after(&shown, "Maker serial:"), MAKER);
        assert_eq!(after(&shown, "Codes:"), "8 digits, new every 30 s");

        add(&home, HERE);
        assert_eq!(home.status(HERE), "active");
        logs_in(&home, "alice", HERE, || code(30, 8, SEED));
        up.stop();
    }
}

/// An event-based token counts its presses; one that was used before is found by two codes.
#[test]
fn an_event_based_token_logs_in_with_its_next_code() {
    const USED: &str = "FTK0000000508326";
    let (home, up) = system();
    stock(
        &home,
        &format!("serial,seed,type,counter\n{TOKEN},{SEED},hotp,0\n508326,{SEED},hotp,60\n"),
    );
    let pressed = |counter: &str| {
        let mut oathtool = Command::new("oathtool");
        oathtool.args(["--hotp", "-c", counter, SEED]);
        run(&mut oathtool, "").ok().trim().to_owned()
    };
    add(&home, TOKEN);
    assert_eq!(home.status(TOKEN), "active");
    logs_in(&home, "alice", TOKEN, || pressed("0"));
    let vpn = Vpn::new(&home, CLIENT);
    assert_eq!(vpn.log_in("alice", &pressed("0")), Answer::Reject);
    assert_eq!(vpn.log_in("alice", &pressed("2")), Answer::Accept);

    add(&home, USED);
    home.user("bob", USED);
    let asked = vpn.log_in("bob", &pressed("60"));
    assert!(matches!(asked, Answer::Challenge(..)), "{asked:?}");
    assert_eq!(vpn.answer("bob", &pressed("61"), &asked), Answer::Accept);
    // Pressed again and again, it is brought back by the administrator.
    let (first, second) = (pressed("101"), pressed("102"));
    home.console(&format!("execute fortitoken sync {USED} {first} {second}"))
        .ok();
    assert_eq!(vpn.log_in("bob", &pressed("103")), Answer::Accept);
    up.stop();
}

#[test]
fn the_desk_says_what_its_commands_take() {
    let said = run(symbolon().args(["desk", "import-hardware", "--help"]), "").ok();
    for word in [
        "--format",
        "--key-file",
        "--password-file",
        "--skip-bad",
        "--account",
    ] {
        assert!(said.contains(word), "no '{word}' in:\n{said}");
    }
}

// ---------------------------------------------------------------- files on the gateway

/// Puts a file where the gateway's commands find it.
fn in_unit(home: &Home, name: &str, content: &str) {
    fs::write(home.data().join("gateway/backup").join(name), content).unwrap();
}

#[test]
fn a_gateway_takes_seeds_from_a_makers_file_without_a_token_server() {
    const HERE: &str = "FTK2600124809787";
    const PASSWORD: &str = "correct horse battery";
    let (home, up) = system();
    // The directory is made by the first backup.
    home.console("execute backup config file first.conf").ok();
    let path = home.path("tokens.xml");
    let mut write = common::python();
    write.arg(script("write_pskc.py")).arg(&path);
    write.args(["pbkdf2", PASSWORD, "2600124809787", SEED, "30", "6"]);
    run(&mut write, "").ok();
    in_unit(&home, "tokens.xml", &fs::read_to_string(&path).unwrap());

    let said = home
        .console("execute fortitoken import file tokens.xml")
        .refused();
    assert!(
        said.contains("type the password behind the file's name"),
        "{said}"
    );
    let import = format!("execute fortitoken import file tokens.xml \"{PASSWORD}\"");
    let said = home.console(&import).ok();
    assert!(said.contains("1 token imported with its seed"), "{said}");
    assert_eq!(home.status(HERE), "active");
    let shown = home.console("show user fortitoken").ok();
    assert!(shown.contains("set seed ENC "), "{shown}");
    let seen = home
        .console("execute log filter category event\nexecute log display")
        .ok();
    assert!(seen.contains("file tokens.xml"), "{seen}");
    for text in [said, shown, seen, home.log()] {
        assert!(!text.contains(SEED) && !text.contains(PASSWORD), "{text}");
    }
    logs_in(&home, "alice", HERE, || code(30, 6, SEED));

    // Taken away and imported again, it takes no code a second time.
    let used = code(30, 6, SEED);
    let vpn = Vpn::new(&home, CLIENT);
    vpn.log_in("alice", &used);
    home.console("config user local\ndelete alice\nend").ok();
    delete(&home, HERE);
    home.console(&import).ok();
    home.user("alice", HERE);
    assert_eq!(vpn.log_in("alice", &used), Answer::Reject);
    up.stop();
}

#[test]
fn a_list_of_serials_adds_and_activates_what_the_token_server_has() {
    let (home, up) = system();
    home.console("execute backup config file first.conf").ok();
    let tokens: Vec<String> = (1..=25).map(|n| format!("FTK20000000000{n:02}")).collect();
    stock(
        &home,
        &(tokens[..24].join(&format!(",{SEED}\n")) + "," + SEED),
    );
    in_unit(&home, "serials.txt", &tokens.join("\n"));
    let import = "execute fortitoken import-sn-file file serials.txt";
    let said = home.console(import).refused();
    assert!(said.contains("25 tokens added"), "{said}");
    assert!(
        said.contains(&format!("activate fortitoken {} error: -7662", tokens[24])),
        "{said}"
    );
    for token in &tokens[..24] {
        assert_eq!(home.status(token), "active");
    }
    let said = home.console(import).ok();
    assert!(
        said.contains("0 tokens added\n25 are here already"),
        "{said}"
    );
    up.stop();
}

/// Hands out a file once for each of `requests`, as a TFTP server without options does (RFC 1350).
fn tftp_server(content: Vec<u8>, requests: usize) -> u16 {
    let port = free_port();
    let socket = UdpSocket::bind(("127.0.0.1", port)).unwrap();
    thread::spawn(move || {
        let mut datagram = [0; 600];
        for _ in 0..requests {
            let (_, client) = socket.recv_from(&mut datagram).unwrap();
            let own = UdpSocket::bind("127.0.0.1:0").unwrap();
            // The last block is shorter than 512 octets, if need be empty.
            for block in 0..=content.len() / 512 {
                let octets = &content[block * 512..content.len().min((block + 1) * 512)];
                let number = u16::try_from(block + 1).unwrap().to_be_bytes();
                let packet = [&[0, 3], &number[..], octets].concat();
                own.send_to(&packet, client).unwrap();
                own.recv(&mut datagram).unwrap();
            }
        }
    });
    port
}

#[test]
fn over_tftp_only_encrypted_seeds_come_in() {
    let (home, up) = system();
    let port = tftp_server(fs::read(figure("6")).unwrap(), 2);
    let import = format!("execute fortitoken import tftp tokens.xml 127.0.0.1:{port}");
    let said = home.console(&import).refused();
    assert!(
        said.contains("type the shared key behind the file's name"),
        "{said}"
    );
    let said = home
        .console(&format!("{import} 12345678901234567890123456789012"))
        .ok();
    assert!(said.contains("Get file from tftp server OK."), "{said}");
    assert!(said.contains("1 token imported with its seed"), "{said}");
    assert_eq!(home.status("FTK0000987654321"), "active");

    let table = format!("{TOKEN},{SEED}\n").into_bytes();
    let port = tftp_server(table, 1);
    let said = home
        .console(&format!(
            "execute fortitoken import-seed-file tftp tokens.csv 127.0.0.1:{port}"
        ))
        .refused();
    assert!(
        said.contains("seeds in the clear are not taken over the network"),
        "{said}"
    );
    let port = tftp_server(format!("{TOKEN}\n").into_bytes(), 1);
    stock(&home, &format!("{TOKEN},{SEED}\n"));
    home.console(&format!(
        "execute fortitoken import-sn-file tftp serials.txt 127.0.0.1:{port}"
    ))
    .ok();
    assert_eq!(home.status(TOKEN), "active");
    up.stop();
}
