//! Wishes to move tokens, as phones post them.

use softtoken::address::ServerName;
use softtoken::transfer::{TransferRequest, TransferResponse};

use super::{Home, run, tool};

/// A token server's name, as its phones sign it.
pub(crate) fn server_name(tokens: &Home) -> ServerName {
    ServerName::parse(&tokens.https.to_string()).unwrap()
}

/// What a token server or a gateway says.
pub(crate) fn posted(server: &str, request: &TransferRequest) -> TransferResponse {
    let mut curl = tool("curl", "curl");
    curl.args(["--silent", "--show-error", "--insecure", "--noproxy", "*"]);
    curl.args(["--data", request.to_json().as_str()]);
    curl.arg(format!("{server}/SoftToken/Transfer"));
    TransferResponse::parse(run(&mut curl, "").ok().as_bytes()).unwrap()
}
