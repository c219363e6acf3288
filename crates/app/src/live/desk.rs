//! The open screen: what it shows, and what a key, a login or the time makes of it. No I/O: what is to
//! be done leaves as an [`Effect`], and its outcome comes back.

use super::effect::Effect;
use super::field::{Field, Typed};
use super::key::Key;
use super::lock::MAX_TYPED;
use super::logins::{Coming, Going, LoginStep, Logins};
use super::moving::{Change, Moving};
use super::notice::Notice;
use super::search::matches;
use crate::contents::{Contents, ContentsError, TakenIn, Token, TokenName};
use crate::pin::Pin;
use crate::transfer::Answered;
use ident::TokenSerial;
use otp::{Kind, Step};
use softtoken::address::ServerUrl;
use softtoken::push::{Decision, LoginRequest, PushSession};
use softtoken::transfer::Action;
use zeroize::Zeroizing;

/// How long a hidden code stays once it is asked for: longer than it takes to type it.
const REVEALED_S: u64 = 30;
/// Tokens of a page, for the keys that turn pages.
const PAGE: usize = 8;
/// What has to be typed before a token is deleted, or a token server believed anew.
const WORD: &str = "yes";

/// What is typed to add a token: a link has a few hundred octets, a path may have so many.
const OFFER_BYTES: usize = 4096;

/// The screen while the vault is open.
#[derive(Debug)]
pub struct Desk {
    search: Field,
    chosen: Option<TokenName>,
    codes: Codes,
    revealed: Option<Revealed>,
    panel: Panel,
    offer: Typed,
    adding: Adding,
    moving: Option<Moving>,
    proof: Proof,
    logins: Logins,
    pushes: Pushing,
    clock: Option<String>,
    notice: Option<Notice>,
    lock_after_s: u64,
    last_key_unix: u64,
}

/// Whether codes are shown before they are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Codes {
    /// All of them.
    Shown,
    /// None.
    Hidden,
}

/// What fills the screen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Panel {
    /// The tokens.
    List,
    /// The tokens, while words to search for are typed.
    Search,
    /// All that is known of the chosen token.
    Details,
    /// Its new name.
    Rename(Field),
    /// The word that deletes it.
    Delete(Field),
    /// The code, link or picture of a token to be added.
    Add,
    /// The word for a token server that is known by another authority.
    Authority(ServerUrl, Field),
    /// The chosen token's way to another device.
    Transfer,
    /// The PIN, before a transfer begins.
    Prove,
    /// The login that waits.
    Login,
    /// The keys.
    Help,
}

/// Whether a token is on its way here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Adding {
    /// Its code is typed.
    Typing,
    /// It was asked for.
    Asked,
}

/// How it stands with logins that wait.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Pushing {
    /// The relay is being looked for.
    Connecting,
    /// They come.
    On,
    /// Those of some token servers come, and why not the others.
    Partly(String),
    /// They do not come, and why.
    Off(String),
}

/// The PIN that a transfer waits for, as far as it is typed.
#[derive(Debug)]
struct Proof {
    begins: Action,
    typed: Typed,
    /// Its key takes a moment to compute.
    is_tried: bool,
}

/// A code that was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Revealed {
    token: TokenName,
    /// Of an event-based token.
    step: Option<Step>,
    until_unix: u64,
}

/// What a token shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shown {
    /// The code of this step.
    Code(Step),
    /// Nothing until it is asked for.
    Nothing,
}

impl Desk {
    /// The screen of a vault that has just been opened.
    pub fn new(contents: &Contents, codes: Codes, lock_after_s: u64, now_unix: u64) -> Self {
        Self {
            search: Field::default(),
            chosen: contents.tokens().first().map(|token| token.name().clone()),
            codes,
            revealed: None,
            panel: Panel::List,
            offer: Typed::with_room(OFFER_BYTES),
            adding: Adding::Typing,
            moving: None,
            proof: Proof::of(Action::BeginMailed),
            logins: Logins::default(),
            pushes: Pushing::Connecting,
            clock: None,
            notice: None,
            lock_after_s,
            last_key_unix: now_unix,
        }
    }

    /// What fills the screen.
    pub fn panel(&self) -> &Panel {
        &self.panel
    }

    /// The words that are searched for.
    pub fn search(&self) -> &str {
        self.search.as_str()
    }

    /// What was typed to add a token.
    pub fn offer(&self) -> &Typed {
        &self.offer
    }

    /// Whether it was asked for.
    pub fn adding(&self) -> Adding {
        self.adding
    }

    /// The token that is given away.
    pub fn moving(&self) -> Option<&Moving> {
        self.moving.as_ref()
    }

    /// The logins that wait.
    pub fn logins(&self) -> &Logins {
        &self.logins
    }

    /// How it stands with them.
    pub fn pushing(&self) -> &Pushing {
        &self.pushes
    }

    /// That this computer's clock is wrong, if it is.
    pub fn clock(&self) -> Option<&str> {
        self.clock.as_deref()
    }

    /// What is told for a while.
    pub fn notice(&self) -> Option<&Notice> {
        self.notice.as_ref()
    }

    /// The tokens that are listed.
    pub fn listed<'a>(&self, contents: &'a Contents) -> Vec<&'a Token> {
        let tokens = contents.tokens().iter();
        tokens
            .filter(|token| matches(token, self.search.as_str()))
            .collect()
    }

    /// Which of the listed tokens is chosen.
    pub fn chosen_of(&self, listed: &[&Token]) -> Option<usize> {
        let chosen = self.chosen.as_ref();
        let found = listed.iter().position(|it| Some(it.name()) == chosen);
        found.or_else(|| (!listed.is_empty()).then_some(0))
    }

    /// What a token shows now.
    pub fn shown(&self, token: &Token, now_unix: u64) -> Shown {
        let revealed = self.revealed.as_ref();
        let revealed = revealed.filter(|it| it.token == *token.name() && now_unix < it.until_unix);
        match (token.step_at(now_unix), revealed) {
            (Some(step), Some(_)) => Shown::Code(step),
            (Some(step), None) if self.codes == Codes::Shown => Shown::Code(step),
            (None, Some(Revealed { step, .. })) => step.map_or(Shown::Nothing, Shown::Code),
            (_, None) => Shown::Nothing,
        }
    }

    /// Takes a key.
    pub fn key(&mut self, key: Key, contents: &Contents, now_unix: u64) -> Option<Effect> {
        self.last_key_unix = now_unix;
        self.notice = None;
        if matches!(key, Key::Ctrl('c' | 'q')) {
            return Some(Effect::Quit);
        }
        if key == Key::Ctrl('l') {
            return Some(Effect::Lock(None));
        }
        match self.panel.clone() {
            Panel::List => self.key_in_list(key, contents, now_unix),
            Panel::Search => self.key_in_search(key),
            Panel::Details | Panel::Help => self.key_in_text(key),
            Panel::Rename(field) => self.key_in_name(key, field, contents, now_unix),
            Panel::Delete(field) => self.key_in_delete(key, field, contents, now_unix),
            Panel::Add => self.key_in_offer(key),
            Panel::Authority(url, field) => self.key_in_authority(key, url, field, now_unix),
            Panel::Transfer => self.key_in_transfer(key),
            Panel::Prove => self.key_in_proof(key, now_unix),
            Panel::Login => self.key_in_login(key, now_unix),
        }
    }

    /// Lets time pass.
    pub fn tick(&mut self, now_unix: u64) -> Option<Effect> {
        // A clock that was set back must not keep the screen open.
        if now_unix.abs_diff(self.last_key_unix) >= self.lock_after_s {
            return Some(Effect::Lock(Some(
                "Locked while it was not used.".to_owned(),
            )));
        }
        self.notice = self.notice.take().filter(|it| !it.is_over(now_unix));
        if self.logins.expire(now_unix) == Going::Shown {
            self.login_over("The time for this login is over.", now_unix);
        }
        let moving = self.moving.as_mut()?;
        let action = moving.tick(now_unix)?;
        Some(Effect::Transfer(moving.token().clone(), action))
    }

    /// A login waits. Whoever is typing is not interrupted: a key meant for a name could answer it.
    pub fn login_came(&mut self, request: LoginRequest, closes_unix: u64) -> Option<Effect> {
        if self.logins.came(request, closes_unix) == Coming::PassedOver {
            return None;
        }
        if matches!(
            self.panel,
            Panel::List | Panel::Details | Panel::Transfer | Panel::Help
        ) {
            self.panel = Panel::Login;
        }
        Some(Effect::Ring)
    }

    /// A login needs no answer any more.
    pub fn login_withdrawn(&mut self, session: PushSession, now_unix: u64) {
        if self.logins.gone(session) == Going::Shown {
            self.login_over("The login waits no longer.", now_unix);
        }
    }

    /// An answer has arrived.
    pub fn answered(&mut self, session: PushSession, decision: Decision, now_unix: u64) {
        let told = match decision {
            Decision::Approve(_) => "Approved. The login goes on if the number is right.",
            Decision::Deny => "Denied.",
            Decision::NotMe => "Denied and reported: the administrator is warned.",
        };
        self.logins.gone(session);
        self.next_login();
        self.notice = Some(Notice::good(told, now_unix));
    }

    /// An answer has not arrived.
    pub fn unanswered(&mut self, session: PushSession, why: String, now_unix: u64) {
        self.logins.failed(session);
        self.notice = Some(Notice::bad(why, now_unix));
    }

    /// The relays of these tokens are asked anew: what became of an answer that was on its way is not known.
    pub fn unsent(&mut self, tokens: &[TokenSerial], now_unix: u64) {
        if self.logins.unsent(tokens) {
            let told = "Whether the answer to the login arrived is not known. Answer again.";
            self.notice = Some(Notice::bad(told, now_unix));
        }
    }

    /// How it stands with logins has changed.
    pub fn set_pushing(&mut self, pushing: Pushing) {
        self.pushes = pushing;
    }

    /// What the token server says of this computer's clock.
    pub fn set_clock(&mut self, wrong: Option<String>) {
        self.clock = wrong;
    }

    /// A code was given to the terminal.
    pub fn copied(&mut self, now_unix: u64) {
        let told = "Copied, where the terminal allows it (OSC 52).";
        self.notice = Some(Notice::good(told, now_unix));
    }

    /// An event-based token has moved on, and the vault knows.
    pub fn advanced(&mut self, token: TokenName, step: Step, now_unix: u64) {
        self.revealed = Some(Revealed {
            token,
            step: Some(step),
            until_unix: now_unix + REVEALED_S,
        });
    }

    /// A token has another name, and the vault knows.
    pub fn renamed(&mut self, to: TokenName, now_unix: u64) {
        self.notice = Some(Notice::good(format!("It is called {to} now."), now_unix));
        self.chosen = Some(to);
        self.back();
    }

    /// A token is deleted, and the vault knows. Its logins are not this device's any more.
    pub fn removed(&mut self, token: &Token, now_unix: u64) {
        if let Some(serial) = token.serial() {
            self.logins.gone_with(&serial);
        }
        let told = format!("{} is deleted.", token.name());
        self.notice = Some(Notice::good(told, now_unix));
        self.back();
    }

    /// Tokens have arrived, and the vault knows. That a token server is still to be told stands above the list.
    pub fn added(&mut self, taken_in: TakenIn, now_unix: u64) {
        let TakenIn { added, progress } = taken_in;
        self.adding = Adding::Typing;
        self.offer.take();
        let stored = match added.as_slice() {
            [] => "Its tokens are here already.".to_owned(),
            [token] => format!("{token} is stored. r gives it another name."),
            [token, others @ ..] => format!(
                "{token} and {} more are stored. r gives them other names.",
                others.len()
            ),
        };
        let told = match progress {
            Some(progress) => format!("{progress} {stored}"),
            None => stored,
        };
        self.notice = Some(Notice::good(told, now_unix));
        // Whoever went on to another token's name, or its end, stays with that token.
        if matches!(self.panel, Panel::List | Panel::Add) {
            self.search = Field::default();
            self.chosen = added.into_iter().next().or(self.chosen.take());
            self.back();
        }
    }

    /// A token has not arrived. What was typed stays where it is seen, to be mended.
    pub fn not_added(&mut self, why: String, now_unix: u64) {
        self.adding = Adding::Typing;
        if self.panel != Panel::Add {
            self.offer.take();
        }
        self.notice = Some(Notice::bad(why, now_unix));
    }

    /// The certificate of the token that was typed is to be another authority's than its tokens here know. Whoever went
    /// on to something else types it again.
    pub fn asks_about(&mut self, url: &ServerUrl, now_unix: u64) {
        if self.panel == Panel::Add {
            self.panel = Panel::Authority(url.clone(), Field::default());
        } else {
            let why = ContentsError::OtherAuthority(url.clone());
            self.not_added(format!("{why}. Nothing was added."), now_unix);
        }
    }

    /// The PIN was right: the transfer begins that waited for it.
    pub fn proven(&mut self) -> Option<Effect> {
        self.leave_proof();
        let token = self.moving.as_ref()?.token().clone();
        self.wish(token, self.proof.begins)
    }

    /// The PIN was wrong: another may be typed.
    pub fn not_proven(&mut self, why: String, now_unix: u64) {
        self.proof.is_tried = false;
        self.failed(why, now_unix);
    }

    /// Whether a PIN is being tried.
    pub fn is_proving(&self) -> bool {
        self.proof.is_tried
    }

    /// A token's gateway has said how its transfer stands.
    pub fn stands(&mut self, token: &TokenName, answered: Answered, now_unix: u64) {
        let Some(moving) = self.moving.as_mut().filter(|it| it.token() == token) else {
            return;
        };
        let told = match moving.answered(answered, now_unix) {
            Change::None => return,
            Change::Ended => Notice::bad(
                format!("The transfer was not completed: {token} stays here."),
                now_unix,
            ),
            Change::TakenBack => Notice::good(
                format!("{token} stays on this device. The transfer code is of no use any more."),
                now_unix,
            ),
        };
        self.notice = Some(told);
    }

    /// A token's gateway was not asked.
    pub fn not_asked(&mut self, token: &TokenName, why: String, now_unix: u64) {
        self.not_moving(token, why, now_unix, Moving::unanswered);
    }

    /// A token's gateway has refused.
    pub fn refused(&mut self, token: &TokenName, why: String, now_unix: u64) {
        self.not_moving(token, why, now_unix, Moving::refused);
    }

    fn not_moving(
        &mut self,
        token: &TokenName,
        why: String,
        now_unix: u64,
        outcome: impl FnOnce(&mut Moving),
    ) {
        let Some(moving) = self.moving.as_mut().filter(|it| it.token() == token) else {
            return;
        };
        outcome(moving);
        self.notice = Some(Notice::bad(why, now_unix));
    }

    /// Something that was wished could not be done.
    pub fn failed(&mut self, why: String, now_unix: u64) {
        self.notice = Some(Notice::bad(why, now_unix));
    }

    fn key_in_list(&mut self, key: Key, contents: &Contents, now_unix: u64) -> Option<Effect> {
        let listed = self.listed(contents);
        let at = self.chosen_of(&listed);
        let chosen = at.map(|at| listed[at]);
        let last = listed.len().saturating_sub(1);
        match key {
            Key::Up | Key::Char('k') => self.choose(&listed, at?.saturating_sub(1)),
            Key::Down | Key::Char('j') => self.choose(&listed, (at? + 1).min(last)),
            Key::PageUp => self.choose(&listed, at?.saturating_sub(PAGE)),
            Key::PageDown => self.choose(&listed, (at? + PAGE).min(last)),
            Key::Home => self.choose(&listed, 0),
            Key::End => self.choose(&listed, last),
            Key::Enter | Key::Char(' ') => return self.enter(chosen?, now_unix),
            Key::Char('c') => return Some(self.copy(chosen?, now_unix)),
            Key::Char('n') => return next_code(chosen?),
            Key::Char('h') => self.toggle_codes(),
            Key::Char('K') => return moved(contents, chosen?, listed[at?.checked_sub(1)?]),
            Key::Char('J') => return moved(contents, chosen?, listed.get(at? + 1)?),
            Key::Char('/') => self.panel = Panel::Search,
            Key::Char('d') => self.open(chosen?, |_| Panel::Details),
            Key::Char('r') => {
                self.open(chosen?, |it| Panel::Rename(Field::with(it.name().as_str())));
            }
            Key::Char('x') => self.open(chosen?, |_| Panel::Delete(Field::default())),
            Key::Char('+') => self.panel = Panel::Add,
            Key::Char('t') => return self.transfer(chosen?, now_unix),
            Key::Char('a') => self.next_login(),
            Key::Char('?') => self.panel = Panel::Help,
            Key::Char('l') => return Some(Effect::Lock(None)),
            Key::Char('q') => return Some(Effect::Quit),
            Key::Esc => self.search = Field::default(),
            _ => {}
        }
        None
    }

    fn choose(&mut self, listed: &[&Token], at: usize) {
        self.chosen = listed.get(at).map(|token| token.name().clone());
        self.revealed = None;
    }

    fn open(&mut self, token: &Token, panel: impl FnOnce(&Token) -> Panel) {
        self.chosen = Some(token.name().clone());
        self.panel = panel(token);
    }

    /// Shows a token's way to another device; what is on its way is asked first.
    fn transfer(&mut self, token: &Token, now_unix: u64) -> Option<Effect> {
        if self.is_asking(now_unix) {
            return None;
        }
        if let Err(error) = token.issued() {
            self.failed(error.to_string(), now_unix);
            return None;
        }
        let name = token.name().clone();
        self.moving = Some(Moving::asking(name.clone(), now_unix));
        self.open(token, |_| Panel::Transfer);
        Some(Effect::Transfer(name, Action::Look))
    }

    /// Whether the token server is asked for a token, which nothing else interrupts.
    fn is_asking(&mut self, now_unix: u64) -> bool {
        let is_asking = self.adding == Adding::Asked;
        if is_asking {
            let told = "The token server is being asked for a token: wait for it.";
            self.failed(told.to_owned(), now_unix);
        }
        is_asking
    }

    /// Shows what is hidden; copies what is shown.
    fn enter(&mut self, token: &Token, now_unix: u64) -> Option<Effect> {
        match (self.shown(token, now_unix), token.parameters().kind) {
            (Shown::Code(step), _) => Some(copied_code(token, step)),
            (Shown::Nothing, Kind::Hotp) => Some(Effect::Advance(token.name().clone())),
            (Shown::Nothing, Kind::Totp(_)) => {
                self.revealed = Some(Revealed {
                    token: token.name().clone(),
                    step: None,
                    until_unix: now_unix + REVEALED_S,
                });
                None
            }
        }
    }

    /// A code that is hidden can be copied all the same. One of an event-based token is made first.
    fn copy(&self, token: &Token, now_unix: u64) -> Effect {
        match (self.shown(token, now_unix), token.step_at(now_unix)) {
            (Shown::Code(step), _) | (Shown::Nothing, Some(step)) => copied_code(token, step),
            (Shown::Nothing, None) => Effect::Advance(token.name().clone()),
        }
    }

    fn toggle_codes(&mut self) {
        self.revealed = None;
        self.codes = match self.codes {
            Codes::Shown => Codes::Hidden,
            Codes::Hidden => Codes::Shown,
        };
    }

    fn key_in_search(&mut self, key: Key) -> Option<Effect> {
        match key {
            Key::Esc => {
                self.search = Field::default();
                self.back();
            }
            Key::Enter | Key::Up | Key::Down => self.back(),
            key => self.search.press(key),
        }
        None
    }

    fn key_in_text(&mut self, key: Key) -> Option<Effect> {
        match key {
            Key::Char('q') => return Some(Effect::Quit),
            Key::Char('l') => return Some(Effect::Lock(None)),
            _ => self.back(),
        }
        None
    }

    fn key_in_name(
        &mut self,
        key: Key,
        mut field: Field,
        contents: &Contents,
        now_unix: u64,
    ) -> Option<Effect> {
        match key {
            Key::Esc => self.back(),
            Key::Enter => {
                let token = self.chosen_token(contents)?.name().clone();
                match TokenName::parse(field.as_str()) {
                    Ok(to) => return Some(Effect::Rename { token, to }),
                    Err(error) => self.failed(error.to_string(), now_unix),
                }
            }
            key => {
                field.press(key);
                self.panel = Panel::Rename(field);
            }
        }
        None
    }

    fn key_in_delete(
        &mut self,
        key: Key,
        mut field: Field,
        contents: &Contents,
        now_unix: u64,
    ) -> Option<Effect> {
        match key {
            Key::Esc => self.back(),
            Key::Enter if field.as_str() == WORD => {
                let token = self.chosen_token(contents)?.name().clone();
                return Some(Effect::Remove(token));
            }
            Key::Enter => {
                let told = format!("Nothing is deleted. Type {WORD}, or press Esc.");
                self.failed(told, now_unix);
            }
            key => {
                field.press(key);
                self.panel = Panel::Delete(field);
            }
        }
        None
    }

    fn key_in_offer(&mut self, key: Key) -> Option<Effect> {
        match key {
            // What was asked for is on its way, and comes also where it is not waited for.
            Key::Esc if self.adding == Adding::Asked => self.back(),
            _ if self.adding == Adding::Asked => {}
            Key::Esc => {
                self.offer.take();
                self.back();
            }
            Key::Enter if self.offer.as_str().trim().is_empty() => {}
            Key::Enter => {
                self.adding = Adding::Asked;
                return Some(Effect::Add);
            }
            key => self.offer.press(key),
        }
        None
    }

    fn key_in_authority(
        &mut self,
        key: Key,
        url: ServerUrl,
        mut field: Field,
        now_unix: u64,
    ) -> Option<Effect> {
        match key {
            Key::Esc => {
                self.adding = Adding::Typing;
                self.offer.take();
                self.back();
            }
            Key::Enter if field.as_str() == WORD => {
                self.panel = Panel::Add;
                return Some(Effect::Believe);
            }
            Key::Enter => {
                let told = format!("Nothing is added. Type {WORD}, or press Esc.");
                self.failed(told, now_unix);
            }
            key => {
                field.press(key);
                self.panel = Panel::Authority(url, field);
            }
        }
        None
    }

    fn key_in_transfer(&mut self, key: Key) -> Option<Effect> {
        let action = match key {
            Key::Char('q') => return Some(Effect::Quit),
            Key::Char('l') => return Some(Effect::Lock(None)),
            Key::Esc => {
                self.moving = None;
                self.back();
                return None;
            }
            Key::Char('m') => Action::BeginMailed,
            Key::Char('s') => Action::BeginShown,
            Key::Char('c') => Action::Cancel,
            _ => return None,
        };
        let moving = self.moving.as_ref().filter(|it| it.may_wish(action))?;
        match action {
            Action::BeginMailed | Action::BeginShown => {
                self.proof = Proof::of(action);
                self.panel = Panel::Prove;
                None
            }
            Action::Look | Action::Cancel => {
                let token = moving.token().clone();
                self.wish(token, action)
            }
        }
    }

    fn wish(&mut self, token: TokenName, action: Action) -> Option<Effect> {
        let action = self.moving.as_mut()?.wish(action)?;
        Some(Effect::Transfer(token, action))
    }

    /// A screen that was left open gives nothing away: the PIN is asked for. A text that is none uses up no try.
    fn key_in_proof(&mut self, key: Key, now_unix: u64) -> Option<Effect> {
        match key {
            _ if self.proof.is_tried => {}
            Key::Esc => self.leave_proof(),
            Key::Enter => {
                let typed = self.proof.typed.take();
                if typed.as_str().is_empty() {
                    return None;
                }
                match Pin::parse(typed.as_str()) {
                    Ok(pin) => {
                        self.proof.is_tried = true;
                        return Some(Effect::Prove(pin));
                    }
                    Err(error) => self.failed(format!("{error}. No try was used up."), now_unix),
                }
            }
            key => self.proof.typed.press(key),
        }
        None
    }

    /// Back to the transfer, or to a login that came meanwhile.
    fn leave_proof(&mut self) {
        self.proof.typed.take();
        self.proof.is_tried = false;
        self.panel = if self.logins.is_empty() {
            self.beneath()
        } else {
            Panel::Login
        };
    }

    fn key_in_login(&mut self, key: Key, now_unix: u64) -> Option<Effect> {
        if key == Key::Esc {
            // It goes on waiting.
            self.panel = self.beneath();
            return None;
        }
        match self.logins.first_mut()?.key(key) {
            LoginStep::Stay => None,
            LoginStep::Hint(hint) => {
                self.failed(hint.to_owned(), now_unix);
                None
            }
            LoginStep::Answer(request, decision) => Some(Effect::Answer(request, decision)),
        }
    }

    /// The token that a panel is about.
    pub fn chosen_token<'a>(&self, contents: &'a Contents) -> Option<&'a Token> {
        let chosen = self.chosen.as_ref()?;
        contents.token(chosen.as_str()).ok()
    }

    /// Back to the list, or to a login that came meanwhile.
    fn back(&mut self) {
        self.panel = Panel::List;
        self.next_login();
    }

    fn next_login(&mut self) {
        match (&self.panel, self.logins.is_empty()) {
            (Panel::List, false) => self.panel = Panel::Login,
            (Panel::Login, true) => self.panel = self.beneath(),
            _ => {}
        }
    }

    /// What a login has taken the place of.
    fn beneath(&self) -> Panel {
        match self.moving {
            Some(_) => Panel::Transfer,
            None => Panel::List,
        }
    }

    fn login_over(&mut self, told: &str, now_unix: u64) {
        if self.panel == Panel::Login {
            self.notice = Some(Notice::bad(told, now_unix));
        }
        self.next_login();
    }
}

impl Proof {
    fn of(begins: Action) -> Self {
        Self {
            begins,
            typed: Typed::with_room(MAX_TYPED),
            is_tried: false,
        }
    }
}

fn copied_code(token: &Token, step: Step) -> Effect {
    Effect::Copy(Zeroizing::new(token.code(step).as_str().to_owned()))
}

fn next_code(token: &Token) -> Option<Effect> {
    (token.parameters().kind == Kind::Hotp).then(|| Effect::Advance(token.name().clone()))
}

/// To the place of a neighbour, which may be further away where a search hides what lies between.
fn moved(contents: &Contents, token: &Token, neighbour: &Token) -> Option<Effect> {
    let mut tokens = contents.tokens().iter();
    let place = tokens.position(|it| it.name() == neighbour.name())?;
    let token = token.name().clone();
    Some(Effect::Move { token, place })
}
