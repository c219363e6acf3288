//! `execute fortitoken-mobile move`.

use domain::vdom::Vdom;
use ident::{LicenceSerial, ProductSerial};

use super::arguments::bad_word;
use super::keeping::{FileName, file_name};
use super::{Complaint, Session};
use crate::session::Command;
use crate::tree::Moving;

/// A step of mobile tokens' way to another gateway.
#[derive(Debug)]
pub struct MoveTokens {
    /// Where the administrator stands.
    pub vdom: Vdom,
    /// Which step.
    pub step: MoveStep,
}

/// What is done.
#[derive(Debug)]
pub enum MoveStep {
    /// This gateway says what another has to be told to give it tokens.
    Request,
    /// Tokens are given away.
    Export {
        /// The licence with which they came.
        licence: LicenceSerial,
        /// Who gets them.
        to: ProductSerial,
        /// What that gateway said.
        request: Box<str>,
        /// Where they go.
        file: FileName,
    },
    /// Tokens are taken in.
    Import {
        /// Who gave them.
        from: ProductSerial,
        /// Where they are.
        file: FileName,
    },
}

impl Session {
    pub(super) fn move_tokens(
        &self,
        moving: Moving,
        words: &[String],
    ) -> Result<Command, Complaint> {
        let step = match (moving, words) {
            (Moving::Request, _) => MoveStep::Request,
            (Moving::Export, [licence, to, request, file, ..]) => MoveStep::Export {
                licence: LicenceSerial::parse(licence).map_err(bad_word(licence))?,
                to: ProductSerial::parse(to).map_err(bad_word(to))?,
                request: request.as_str().into(),
                file: file_name(file)?,
            },
            (Moving::Import, [from, file, ..]) => MoveStep::Import {
                from: ProductSerial::parse(from).map_err(bad_word(from))?,
                file: file_name(file)?,
            },
            _ => return Err(Complaint::incomplete("the name of a file must follow")),
        };
        let vdom = self.vdom();
        Ok(Command::MoveTokens(MoveTokens { vdom, step }))
    }
}
