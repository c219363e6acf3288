//! A new password before anything else: `force-password-change`.

use std::io;
use std::sync::Arc;

use cli::editor::{Editor, Event, Limits, Secret};
use domain::admin::{Edit, Operation};
use domain::administrator;
use domain::schema::{ADMIN, Place, Value};
use domain::vdom::Vdom;
use store::Failure;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
use zeroize::Zeroizing;

use super::executor::Executor;
use super::input::{Reader, Writer};
use super::sessions::LoggedIn;
use crate::clock;

const FORCED: &str = "You are forced to change your password. Please input a new password.";

/// What a script reads, which cannot be asked.
pub(crate) const TERMINAL_NEEDED: &str =
    "The password must be changed before anything else: log in once with a terminal.\n";

/// Fewer characters are guessed: NIST SP 800-63B-4, 3.1.1.2 asks for 8 beside a second factor.
const CHARACTERS_MIN: usize = 8;

impl Executor {
    /// Whether this administrator has to set another password first.
    pub(crate) async fn needs_new_password(&self, session: &LoggedIn) -> io::Result<bool> {
        let stored = self.store.object(own_place(session)).await;
        let administrator = stored.map_err(io::Error::other)?;
        Ok(administrator.is_some_and(|object| object.is_enabled("force-password-change")))
    }

    /// Sets the password, or says why not.
    async fn set_own_password(&self, session: &LoggedIn, new: &Secret) -> Result<(), String> {
        if new.expose().chars().count() < CHARACTERS_MIN {
            return Err(format!(
                "The new password needs at least {CHARACTERS_MIN} characters."
            ));
        }
        if self.is_own_password(session, new).await? {
            return Err("The new password must not be the old one.".to_owned());
        }
        let password = Value::Secret(Zeroizing::new(new.expose().to_owned()));
        let edits = [
            ("password", Some(password)),
            ("force-password-change", None),
        ];
        let edits = edits.into_iter().filter_map(|(name, value)| {
            let field = ADMIN.field(name)?;
            Some(value.map_or(Edit::Unset(field), |value| Edit::Set(field, value)))
        });
        let operation = Operation::Configure {
            place: own_place(session),
            edits: edits.collect(),
        };
        let entropy = clock::entropy().map_err(|error| error.to_string())?;
        let (by, now) = (session.authority().as_ref().clone(), clock::now());
        let done = self.store.administer(operation, entropy, by, now, None);
        done.await.map(drop).map_err(|failure| match failure {
            Failure::Refused(error) => format!("{error}: {}.", error.next_step()),
            Failure::Undecided(why) => why.to_string(),
        })
    }

    async fn is_own_password(&self, session: &LoggedIn, new: &Secret) -> Result<bool, String> {
        let name = administrator::person(&session.actor().name).map_err(|it| it.to_string())?;
        let (store, new) = (
            Arc::clone(&self.store),
            Zeroizing::new(new.expose().to_owned()),
        );
        let is_own = tokio::task::spawn_blocking(move || {
            let hash = store.password_hash(&name)?;
            Ok(hash.is_some_and(|hash| hash.is_of(&new)))
        });
        let is_own = is_own.await.map_err(|error| error.to_string())?;
        is_own.map_err(|why: store::Undecided| why.to_string())
    }
}

fn own_place(session: &LoggedIn) -> Place {
    Place::new(Vdom::ROOT, &ADMIN, session.actor().name.clone())
}

/// Asks until a password is set; whether it was.
pub(crate) async fn new_password(
    reader: &mut Reader,
    writer: &mut Writer,
    executor: &Executor,
    session: &LoggedIn,
) -> io::Result<bool> {
    let mut asking = Asking {
        reader,
        writer,
        session,
        editor: Editor::new(Limits::default()),
    };
    asking.print(FORCED).await?;
    loop {
        let Some(new) = asking.secret("New Password: ").await? else {
            return Ok(false);
        };
        let Some(again) = asking.secret("Confirm Password: ").await? else {
            return Ok(false);
        };
        let refusal = if new == again {
            executor.set_own_password(session, &new).await.err()
        } else {
            Some("The two passwords are not the same.".to_owned())
        };
        match refusal {
            None => return Ok(true),
            Some(refusal) => asking.print(&refusal).await?,
        }
    }
}

struct Asking<'a> {
    reader: &'a mut Reader,
    writer: &'a mut Writer,
    session: &'a LoggedIn,
    editor: Editor,
}

impl Asking<'_> {
    async fn print(&mut self, line: &str) -> io::Result<()> {
        self.writer
            .write_all(format!("{line}\r\n").as_bytes())
            .await
    }

    /// What is typed without echo; `None` if the person gives up.
    async fn secret(&mut self, prompt: &str) -> io::Result<Option<Secret>> {
        let mut output = Vec::new();
        self.editor.read_secret(prompt, &mut output);
        loop {
            self.writer.write_all(&output).await?;
            output.clear();
            let mut keys = self.reader.fill_buf().await?;
            let got = keys.len();
            if got == 0 {
                return Ok(None);
            }
            let event = self.editor.feed(&mut keys, &mut output);
            let taken = got - keys.len();
            self.reader.consume(taken);
            self.session.touch();
            match event {
                Some(Event::Secret(secret)) => {
                    self.writer.write_all(&output).await?;
                    return Ok(Some(secret));
                }
                Some(Event::Interrupt | Event::EndOfInput) => return Ok(None),
                Some(Event::TooLong) => self.editor.read_secret(prompt, &mut output),
                _ => {}
            }
        }
    }
}
