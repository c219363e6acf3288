//! What became of a file of hardware tokens.

use domain::intake::{BadLine, NotTaken};
use otp::seed_file::FileError;
use otp::seed_file::pskc::ContainerError;

/// A server has sent the file.
pub const FILE_FETCHED: &str = "\nGet file from tftp server OK.\n";

/// Tokens that came with their seeds; `stayed` were here already.
pub fn seeds_taken(taken: usize, stayed: usize) -> String {
    let done = match taken {
        1 => "1 token imported with its seed\n".to_owned(),
        _ => format!("{taken} tokens imported with their seeds\n"),
    };
    done + &match stayed {
        0 => String::new(),
        1 => "1 has its seed already and stays as it is\n".to_owned(),
        _ => format!("{stayed} have their seeds already and stay as they are\n"),
    }
}

/// Tokens that were added and are activated now; `stayed` were here already.
pub fn serials_taken(taken: usize, stayed: usize) -> String {
    let done = match taken {
        1 => "1 token added\n".to_owned(),
        _ => format!("{taken} tokens added\n"),
    };
    done + &match stayed {
        0 => String::new(),
        1 => "1 is here already and stays as it is\n".to_owned(),
        _ => format!("{stayed} are here already and stay as they are\n"),
    }
}

/// The token server does not answer: so many requests for activation are sent later.
pub fn activated_later(requests: usize) -> String {
    let wait = match requests {
        1 => "1 more request waits".to_owned(),
        _ => format!("{requests} more requests wait"),
    };
    format!("{wait} in the outbox for the token server: diagnose outbox list\n")
}

/// Nothing of a file was taken, and why. Each line of it that is wrong is named.
pub fn not_taken(why: &NotTaken) -> String {
    let mut text = format!("import fortitoken error: {why}\nCommand fail. Return code -1\n");
    if let NotTaken::Lines(lines) = why {
        for BadLine { line, why } in lines {
            text += &format!("line {line}: {why}\n");
        }
    }
    text + next_step(why) + "\n"
}

fn next_step(why: &NotTaken) -> &'static str {
    match why {
        NotTaken::File(FileError::Container(ContainerError::NeedsKey)) => {
            "type the shared key behind the file's name, in hexadecimal"
        }
        NotTaken::File(FileError::Container(ContainerError::NeedsPassword)) => {
            "type the password behind the file's name"
        }
        NotTaken::Lines(_) => "nothing was imported: mend the file and import it again",
        NotTaken::File(_) | NotTaken::InTheClear => "nothing was imported",
    }
}
