//! `diagnose login test`: a login that is tried out for a user. Password and code are asked for without echo
//! where they do not stand in the line.

use std::fmt;

use domain::name::CanonicalName;
use domain::vdom::Vdom;
use zeroize::Zeroizing;

use super::{Command, Complaint, Session, Step, arguments, run_into};
use crate::filter::Output;

/// A login to try out.
pub struct TestLogin {
    /// The name as it was typed.
    pub typed: Box<str>,
    /// By which it is looked up.
    pub person: CanonicalName,
    /// The password.
    pub password: Zeroizing<String>,
    /// The code, if there is one.
    pub code: Option<Zeroizing<String>>,
}

impl fmt::Debug for TestLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestLogin")
            .field("person", &self.person)
            .finish_non_exhaustive()
    }
}

/// A login to try out of which something is still to be typed.
pub(super) struct Untyped {
    typed: Box<str>,
    person: CanonicalName,
    password: Option<Zeroizing<String>>,
    output: Output,
}

impl fmt::Debug for Untyped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Untyped")
            .field("person", &self.person)
            .finish_non_exhaustive()
    }
}

impl Untyped {
    /// What stands in place of the prompt.
    pub(super) fn question(&self) -> &'static str {
        match self.password {
            None => "Password: ",
            Some(_) => "Token code (empty for none): ",
        }
    }
}

impl Session {
    /// Reads what follows `diagnose login test`.
    pub(super) fn test_login(
        &mut self,
        vdom: Vdom,
        words: &[String],
        output: Output,
    ) -> Result<Step, Complaint> {
        let secret = |at: usize| words.get(at).map(|word| Zeroizing::new(word.clone()));
        let name = words.first().map_or("", String::as_str);
        let untyped = Untyped {
            typed: name.into(),
            person: arguments::person(vdom, name)?,
            password: secret(1),
            output,
        };
        Ok(self.test_login_with(untyped, secret(2)))
    }

    /// Takes the answer to [`Untyped::question`].
    pub(super) fn typed_secret(&mut self, untyped: Untyped, answer: &str) -> Step {
        let answer = Some(Zeroizing::new(answer.to_owned()));
        match untyped.password {
            None => {
                let password = answer;
                self.test_login_with(
                    Untyped {
                        password,
                        ..untyped
                    },
                    None,
                )
            }
            Some(_) => self.test_login_with(untyped, answer),
        }
    }

    fn test_login_with(&mut self, untyped: Untyped, code: Option<Zeroizing<String>>) -> Step {
        let Untyped {
            typed,
            person,
            password: Some(password),
            output,
        } = untyped
        else {
            return self.ask_secret(untyped);
        };
        let Some(code) = code else {
            let password = Some(password);
            return self.ask_secret(Untyped {
                typed,
                person,
                password,
                output,
            });
        };
        let code = Some(code).filter(|code| !code.is_empty());
        let asked = TestLogin {
            typed,
            person,
            password,
            code,
        };
        run_into(Command::TestLogin(asked), output)
    }

    fn ask_secret(&mut self, untyped: Untyped) -> Step {
        self.untyped = Some(untyped);
        Step::Ask(String::new())
    }
}
