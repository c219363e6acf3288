//! The console as an administrator has it: a terminal, a prompt, keys.
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

use std::process::Command;
use std::thread;
use std::time::Duration;

use common::ssh::first_login;
use common::terminal::Terminal;
use common::{Home, Running, run, symbolon};

const PROMPT: &str = "symbolon # ";
const UP: &str = "\x1b[A";
const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";

/// An administrator who sits down at the console of a running system.
fn sit_down(home: &Home) -> Terminal {
    let mut command = symbolon();
    command.arg("console").arg("--data").arg(home.data());
    let mut terminal = Terminal::open(&mut command);
    terminal.expect(PROMPT);
    terminal
}

#[test]
fn keys_do_what_they_do_on_every_command_line() {
    let home = Home::new();
    let up = Running::up(&home);
    let tokens = home.import(2);
    let mut terminal = sit_down(&home);
    assert!(!terminal.is_cooked(), "the line is edited twice");

    // Tab completes words, then shows what may follow; a key of a table too.
    terminal.type_in("sh\t");
    terminal.expect("show ");
    terminal.type_in("us\tfortit\t\t\t");
    let shown = terminal.expect(&tokens[1]);
    assert!(shown.contains(&tokens[0]), "{shown}");
    terminal.type_in(CTRL_C);
    terminal.expect(PROMPT);

    // '?' helps at once and leaves the line as it is.
    terminal.type_in("execute fortitoken-mobile ?");
    let help = terminal.expect("execute fortitoken-mobile ");
    terminal.expect("Renew a locked mobile token.");
    terminal.expect(&format!("{PROMPT}execute fortitoken-mobile "));
    assert!(!help.contains("Command fail"), "{help}");
    terminal.type_in("frobnicate\r");
    terminal.expect("Command fail. Return code");
    terminal.expect(PROMPT);

    // The history, and a line that is given up.
    terminal.type_in("get system status\r");
    terminal.expect("Serial-Number: SYMBVM");
    terminal.expect(PROMPT);
    terminal.type_in(UP);
    terminal.expect("get system status");
    terminal.type_in("\r");
    terminal.expect("Serial-Number: SYMBVM");
    terminal.expect(PROMPT);
    terminal.type_in("delete everything");
    terminal.expect("everything");
    terminal.type_in(CTRL_C);
    terminal.expect(PROMPT);

    // Editing: the word is put right before it is run.
    terminal
        .type_in("get sytem status\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[D\x1b[Ds\r");
    terminal.expect("Serial-Number: SYMBVM");
    terminal.expect(PROMPT);

    // Modes show in the prompt, and exit goes back through them.
    terminal.type_in("config user local\r");
    terminal.expect("symbolon (local) # ");
    terminal.type_in("edit alice\r");
    terminal.expect("symbolon (alice) # ");
    terminal.type_in("abort\r");
    terminal.expect(PROMPT);
    terminal.type_in("exit\r");
    assert!(terminal.ended().success());
    assert!(terminal.is_cooked(), "the terminal stays raw");
    up.stop();
}

#[test]
fn pages_follow_the_size_of_the_terminal() {
    let home = Home::with_ssh();
    let up = Running::up(&home);
    let admin = first_login(&home, &up);
    let mut terminals = [sit_down(&home), admin.terminal()];
    terminals[1].expect(PROMPT);
    for terminal in &mut terminals {
        terminal.type_in("show full-configuration\r");
        let page = terminal.expect("--More--");
        assert_eq!(page.matches('\n').count(), 24, "{page}");
        terminal.resize(11);
        // The size is told by a way of its own.
        thread::sleep(Duration::from_millis(500));
        terminal.type_in(" ");
        let page = terminal.expect("--More--");
        assert_eq!(page.matches('\n').count(), 10, "{page}");
        terminal.type_in("q");
        terminal.expect(PROMPT);
    }
    up.stop();
}

#[test]
fn who_reads_only_the_beginning_is_told_of_no_error() {
    let home = Home::new();
    let up = Running::up(&home);
    let lines = "show full-configuration\n".repeat(20);
    let command = format!(
        "printf '{lines}' | {} console --data '{}' | head -n 1",
        common::SYMBOLON,
        home.data().display()
    );
    let said = run(Command::new("sh").args(["-c", &command]), "");
    assert_eq!(said.err, "");
    assert_eq!(said.out.lines().count(), 1, "{}", said.out);
    up.stop();
}

#[test]
fn a_secret_is_in_no_history() {
    let home = Home::new();
    let up = Running::up(&home);
    let mut terminal = sit_down(&home);
    for (line, prompt) in [
        ("config user local", "symbolon (local) # "),
        ("edit alice", "symbolon (alice) # "),
        ("set passwd very-secret", "symbolon (alice) # "),
    ] {
        terminal.type_in(&format!("{line}\r"));
        terminal.expect(prompt);
    }
    terminal.type_in(UP);
    terminal.expect("edit alice");
    terminal.type_in(CTRL_C);
    terminal.type_in("end\r");
    terminal.expect(PROMPT);
    terminal.type_in("show user local\r");
    let shown = terminal.expect(PROMPT);
    assert!(shown.contains("set passwd ENC "), "{shown}");
    assert!(!shown.contains("very-secret"), "{shown}");
    terminal.type_in(CTRL_D);
    assert!(terminal.ended().success());
    assert!(terminal.is_cooked());
    up.stop();
}

#[test]
fn debug_lines_come_above_the_line_that_is_typed() {
    let home = Home::new();
    let up = Running::up(&home);
    let mut terminal = sit_down(&home);
    for line in ["diagnose fortitoken debug enable", "diagnose debug enable"] {
        terminal.type_in(&format!("{line}\r"));
        terminal.expect(PROMPT);
    }
    terminal.type_in("get system st");
    terminal.expect("get system st");
    // Another administrator works meanwhile.
    home.import(1);
    terminal.expect("SoftToken.ActivationLicenseRequest");
    terminal.expect("receive packet success.");
    terminal.expect(&format!("{PROMPT}get system st"));
    terminal.rest();
    terminal.type_in("atus\r");
    terminal.expect("Serial-Number: SYMBVM");
    terminal.expect(PROMPT);
    terminal.type_in("exit\r");
    assert!(terminal.ended().success());
    up.stop();
}

#[test]
fn ctrl_c_during_a_change_says_that_nobody_knows_what_became_of_it() {
    let home = Home::new();
    let up = Running::up(&home);
    let mut terminal = sit_down(&home);
    let within = |entry: &str| format!("symbolon ({entry}) # ");
    terminal.type_in("config user local\r");
    terminal.expect(&within("local"));
    for (user, leave, prompt) in [
        ("alice", "next", within("local")),
        ("bob", "end", PROMPT.to_owned()),
    ] {
        terminal.type_in(&format!("edit {user}\r"));
        terminal.expect(&within(user));
        terminal.type_in("set passwd correct-horse\r");
        terminal.expect(&within(user));
        // It is there before the change is done.
        terminal.type_in(&format!("{leave}\r{CTRL_C}"));
        terminal.expect("^C");
        terminal.expect("Command fail. Return code -1");
        terminal.expect("it is not known whether the change was saved: look at it with 'show'");
        terminal.expect(&prompt);
    }
    // What was asked for next is done, and not what was given up.
    terminal.type_in("config user local\r");
    terminal.expect(&within("local"));
    terminal.type_in("edit carol\r");
    terminal.expect("new entry 'carol' added");
    terminal.expect(&within("carol"));
    terminal.type_in("set passwd correct-horse\r");
    terminal.expect(&within("carol"));
    terminal.type_in("end\r");
    terminal.expect(PROMPT);
    terminal.type_in("show user local carol\r");
    terminal.expect("edit \"carol\"");
    terminal.expect(PROMPT);
    terminal.type_in("exit\r");
    assert!(terminal.ended().success());
    up.stop();
}

#[test]
fn the_end_of_the_gateway_gives_the_terminal_back() {
    let home = Home::new();
    let up = Running::up(&home);
    let mut terminal = sit_down(&home);
    up.stop();
    terminal.ended();
    assert!(terminal.is_cooked(), "the terminal stays raw");
}

#[test]
fn a_killed_gateway_gives_the_terminal_back() {
    let home = Home::new();
    let up = Running::up(&home);
    let mut terminal = sit_down(&home);
    up.kill();
    terminal.ended();
    assert!(terminal.is_cooked(), "the terminal stays raw");
}

#[test]
fn a_pipe_gets_output_alone_and_an_exit_status() {
    let home = Home::new();
    let up = Running::up(&home);
    let said = home.console("get system status | grep Serial\nconfig user local\nend");
    assert!(said.status.success());
    assert!(
        said.out.starts_with("Serial-Number: SYMBVM"),
        "{}",
        said.out
    );
    assert_eq!(said.out.lines().count(), 1, "{}", said.out);
    let said = home.console("frobnicate\nget system status");
    assert_eq!(said.status.code(), Some(1));
    assert!(said.out.contains("Serial-Number: SYMBVM"), "{}", said.out);
    up.stop();
}

#[test]
fn a_script_that_is_cut_off_says_what_was_not_done() {
    let home = Home::new();
    let up = Running::up(&home);
    for (lines, undone) in [
        (
            "config user local\nedit u9",
            "u9 was not saved: 'end' is missing\n",
        ),
        (
            "config system global\nset hostname x\n",
            "system global was not saved: 'end' is missing\n",
        ),
        (
            "execute log delete-all\n",
            "the question was not answered: nothing was done\n",
        ),
        ("show \"user\nlocal\n", "the quote is not closed\n"),
    ] {
        let said = home.console(lines);
        assert_eq!(said.status.code(), Some(1), "{lines:?}: {}", said.out);
        assert!(said.out.ends_with(undone), "{lines:?}: {}", said.out);
    }
    assert!(home.console("execute log delete-all\ny").status.success());
    up.stop();
}

#[test]
fn of_a_line_beyond_the_limit_and_what_follows_nothing_is_done() {
    let home = Home::new();
    let up = Running::up(&home);
    let lines = format!(
        "config system admin\nedit eve\nset accprofile super_admin\nset password Eve-12345\nset vdom {}\nnext\n",
        "root ".repeat(cli::LINE_MAX / 4)
    );
    let long = home.console(&lines).refused();
    assert!(
        long.contains("Command fail. Return code -61\na line has at most"),
        "{long}"
    );
    assert!(!home.console("show system admin").ok().contains("eve"));
    up.stop();
}

#[test]
fn the_whole_configuration_can_be_typed_again() {
    let home = Home::new();
    let up = Running::up(&home);
    let names: Vec<String> = (0..500).map(|number| format!("user{number}")).collect();
    let users = names.iter().fold(String::new(), |users, name| {
        users + &format!("edit {name}\nset type ldap\nset ldap-server corp\nnext\n")
    });
    let server = "config user ldap\nedit corp\nset server ldap.example.com\nset cnid uid\nset dn dc=example\nend\n";
    let group = format!(
        "config user group\nedit all\nset member {}\nend\n",
        names.join(" ")
    );
    home.console(&format!("{server}config user local\n{users}end\n{group}"))
        .ok();
    let shown = home.console("show full-configuration").ok();
    assert!(shown.lines().any(|line| line.len() > 4_096));
    let said = home.console(&shown);
    assert!(said.status.success(), "{}", said.out);
    up.stop();
}

#[test]
fn long_output_stops_at_each_page_until_that_is_switched_off() {
    let home = Home::new();
    let _up = Running::up(&home);
    let mut terminal = sit_down(&home);
    terminal.type_in("show full-configuration\r");
    let page = terminal.expect("--More-- ");
    assert_eq!(page.matches("\r\n").count(), 1 + 23, "{page}");
    terminal.type_in(" ");
    let page = terminal.expect("--More-- ");
    assert_eq!(page.matches("\r\n").count(), 23, "{page}");
    terminal.type_in("\r");
    let line = terminal.expect("--More-- ");
    assert_eq!(line.matches("\r\n").count(), 1, "{line}");
    terminal.type_in("q");
    terminal.expect(PROMPT);

    terminal.type_in("config system console\rset output standard\rend\r");
    terminal.expect("(console) # end\r\n");
    terminal.expect(PROMPT);
    terminal.type_in("show full-configuration\r");
    let all = terminal.expect(&format!("end\r\n{PROMPT}"));
    assert!(!all.contains("--More--"), "{all}");
}
