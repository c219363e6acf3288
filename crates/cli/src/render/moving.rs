//! What became of tokens that go to another gateway.

use domain::admin::{MOVE_REQUEST_DAYS, Serials};
use ident::{ProductSerial, TokenSerial};

/// What the administrator of the other gateway types.
pub fn move_request(request: &str) -> String {
    format!(
        "{request}\n\nIn the next {MOVE_REQUEST_DAYS} days, on the gateway that has the tokens: \
         execute fortitoken-mobile move export LICENSE SERIAL REQUEST FILE\n\
         SERIAL is this gateway's.\n"
    )
}

/// What was given away.
#[derive(Debug)]
pub struct MovedOut<'a> {
    /// The gateway that gave.
    pub from: ProductSerial,
    /// The gateway that gets.
    pub to: ProductSerial,
    /// Tokens in the file.
    pub tokens: usize,
    /// Tokens of the licence that are not.
    pub staying: u64,
    /// The file.
    pub file: &'a str,
}

/// The tokens are in the file.
pub fn moved_out(moved: &MovedOut<'_>) -> String {
    let MovedOut {
        from,
        to,
        tokens,
        staying,
        file,
    } = moved;
    let (are, their) = match tokens {
        1 => ("1 token is".to_owned(), "its"),
        tokens => (format!("{tokens} tokens are"), "their"),
    };
    let staying = match staying {
        0 => String::new(),
        staying => format!("On no phone, and so not in the file: {staying} of the license.\n"),
    };
    format!(
        "{are} in file '{file}', which {to} alone opens; here {their} codes are refused from now on.\n{staying}\
         Copy it into the directory gateway/backup there, bring the users, and type: \
         execute fortitoken-mobile move import {from} {file}\n"
    )
}

/// What was taken in.
#[derive(Debug)]
pub struct MovedIn {
    /// The gateway that gave.
    pub from: ProductSerial,
    /// Tokens that go on with their phones.
    pub tokens: usize,
    /// Those that stayed as they were.
    pub stayed: Vec<TokenSerial>,
    /// Those that are new, for the token server names other phones.
    pub new: Vec<TokenSerial>,
}

/// The tokens are here.
pub fn moved_in(moved: MovedIn) -> String {
    let MovedIn {
        from,
        tokens,
        stayed,
        new,
    } = moved;
    let used = "Codes that may have been used are refused: the one shown now and the next.";
    let taken = match tokens {
        0 => format!("No token of {from} goes on with its phone."),
        1 => format!("1 token of {from} goes on with its phone. {used}"),
        tokens => format!("{tokens} tokens of {from} go on with their phones. {used}"),
    };
    let named = |said: &str, serials: Vec<TokenSerial>| match &serials[..] {
        [] => String::new(),
        _ => format!("{said}: {}.\n", Serials(serials.into())),
    };
    let stayed = named(
        "Left as they are, on the phones for which they were provisioned here",
        stayed,
    );
    let new = named(
        "New, for the token server names another phone or none ('execute fortitoken-mobile provision' for each)",
        new,
    );
    format!("{taken}\n{stayed}{new}")
}
