//! Tokens of several token servers: what one of them is asked, or told, another has nothing to do with.

use super::{Contents, Server, StoredError, Token};
use softtoken::address::ServerUrl;

impl Contents {
    /// The token servers of the tokens here, each once; one that is believed for two reasons, twice.
    pub fn servers(&self) -> Vec<&Server> {
        let mut servers: Vec<&Server> = Vec::new();
        for server in self.tokens.iter().filter_map(Token::server) {
            if !servers.contains(&server) {
                servers.push(server);
            }
        }
        servers
    }

    /// The contents, a part for each token server: the device, that server and its tokens with their receipts. Without
    /// tokens of any, the contents as they are.
    pub fn parts(&self) -> Result<Vec<Self>, StoredError> {
        let urls = self.urls();
        if urls.is_empty() {
            return Ok(vec![self.twin()?]);
        }
        urls.into_iter().map(|url| self.part_of(url)).collect()
    }

    /// Whether tokens of more than one token server are here.
    pub fn is_of_several_servers(&self) -> bool {
        self.urls().len() > 1
    }

    fn urls(&self) -> Vec<&ServerUrl> {
        let mut urls: Vec<&ServerUrl> = Vec::new();
        for server in self.servers() {
            if !urls.contains(&&server.url) {
                urls.push(&server.url);
            }
        }
        urls
    }

    /// The token server for a typed code, which does not name one: nothing where none is known, or several are. A code
    /// is of use to whoever hears it.
    pub fn only_server(&self) -> Option<&Server> {
        let mut others = self.servers();
        let own = self.server.as_ref()?;
        others.retain(|server| server.url != own.url);
        others.is_empty().then_some(own)
    }

    /// The part of one token server.
    pub(crate) fn part_of(&self, url: &ServerUrl) -> Result<Self, StoredError> {
        let mut part = self.twin()?;
        let is_its = |server: &Server| server.url == *url;
        part.tokens
            .retain(|token| token.server().is_some_and(is_its));
        part.receipts.retain(|receipt| is_its(&receipt.server));
        // Which of several reasons to believe it holds is shown by the token that came last.
        let newest = part.tokens.iter().filter_map(Token::server).next_back();
        let newest = newest.cloned();
        part.server = part.server.filter(is_its).or(newest);
        Ok(part)
    }
}
