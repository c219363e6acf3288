//! What a customer's tasks send, and what their answers must be.

use std::collections::BTreeSet;

use domain::time::Timestamp;
use ident::{LicenceCode, LicenceSerial, OpaqueCode, PinPolicy, TokenSerial};
use otp::{Parameters, Seed};
use serde_json::Value;
use softtoken::address::ServerName;
use softtoken::device::{SealContext, open_seed};
use softtoken::mobile::SealedToken;
use softtoken::process::{
    ActivationLicenseRequest, HardwareActivationRequest, HardwareAnswer, PollingRequest,
    ProvisionRequest, Request, Response, TokenState, TokenToProvision,
};
use softtoken::{Echo, ServerError, TypedLicenceCode};
use zeroize::Zeroizing;

use super::customer::{Customer, Task, UNITS};
use super::line::Cut;
use super::phone::{claim, confirm, opened};
use super::world::{Acknowledged, Given, Holder, Licence, Resumed, Token};
use crate::common::Home;

/// Life of an activation code: longer than a run.
const CODE_EXPIRE_MIN: u32 = 4_320;

/// Tokens of one poll: the latest.
const POLLED_MAX: usize = 200;

/// One request of so many is sent twice at once.
const TWICE: usize = 4;

/// What the desk's command says when the process that it asks has ended.
const DESK_CUT: [&str; 4] = [
    "cannot connect to",
    "ended before it answered",
    "Broken pipe",
    "reset by peer",
];

impl Customer {
    pub(super) async fn carry_out(&mut self, home: &Home, task: &Task) -> Result<(), Cut> {
        match task {
            Task::Issue { size } => self.issue_licence(home, *size),
            Task::Move { licence } => self.move_licence(home, *licence),
            Task::Import { licence, id } => self.import(*licence, id).await,
            Task::Provision {
                licence,
                tokens,
                id,
            } => self.provision(*licence, tokens, id).await,
            Task::Activate { token, phones } => self.activate(*token, *phones).await,
            Task::ActivateAgain { token } => self.activate_again(*token).await,
            Task::DeadCode { token, phone } => self.try_dead_code(*token, *phone).await,
            Task::Confirm { token } => self.confirm(*token).await,
            Task::Poll { unit, id } => self.poll(*unit, id).await,
            Task::Seeds { devices, ids } => self.ask_seeds(devices, ids).await,
            Task::Reset { device } => self.reset(home, *device),
            Task::Repeat { acknowledged } => self.repeat(*acknowledged).await,
        }
    }

    /// The serials of what a task changes; its history names them.
    pub(super) fn subjects(&self, task: &Task) -> Vec<String> {
        let licence = |number: &usize| self.licences[*number].serial.to_string();
        let token = |number: &usize| self.tokens[*number].serial.to_string();
        let device = |number: &usize| self.devices[*number].serial.to_string();
        match task {
            Task::Import { licence: it, .. } | Task::Move { licence: it } => vec![licence(it)],
            Task::Provision { tokens, .. } => tokens.iter().map(|(it, _)| token(it)).collect(),
            Task::Activate { token: it, .. } => vec![token(it)],
            Task::Seeds { devices, .. } => devices.iter().map(device).collect(),
            Task::Reset { device: it } => vec![device(it)],
            _ => Vec::new(),
        }
    }

    /// A task that needed two lives.
    pub(super) fn remember_resumed(&mut self, task: &Task, asked: Timestamp, reborn: Timestamp) {
        let action = match task {
            Task::Import { .. } => "import",
            Task::Move { .. } => "move-licence",
            Task::Provision { .. } => "provision",
            Task::Activate { .. } => "activate",
            Task::Seeds { .. } => "activate-hardware",
            Task::Reset { .. } => "reset-activation",
            _ => return,
        };
        let subjects = self.subjects(task);
        self.resumed.push(Resumed {
            subject: subjects[0].clone(),
            action,
            asked,
            reborn,
        });
    }

    fn issue_licence(&mut self, home: &Home, size: usize) -> Result<(), Cut> {
        let tokens = size.to_string();
        let words = [
            "issue-licence",
            "--tokens",
            &tokens,
            "--account",
            &self.account,
        ];
        let answer = desk(home, &words)?.unwrap();
        let text = |field: &str| answer[field].as_str().unwrap().to_owned();
        self.licences.push(Licence {
            serial: LicenceSerial::parse(&text("licence")).unwrap(),
            code: LicenceCode::parse(&text("code")).unwrap(),
            size,
            unit: self.chance.below(UNITS),
            is_imported: false,
            tokens: Vec::new(),
            imports: 0,
            moves: 0,
        });
        Ok(())
    }

    fn move_licence(&mut self, home: &Home, licence: usize) -> Result<(), Cut> {
        let to = 1 - self.licences[licence].unit;
        let serial = self.licences[licence].serial.to_string();
        let unit = self.units[to].serial.to_string();
        let words = ["move-licence", &serial, "--to", &unit, "--reason", "soak"];
        desk(home, &words)?.unwrap();
        let licence = &mut self.licences[licence];
        licence.unit = to;
        licence.is_imported = false;
        licence.moves += 1;
        Ok(())
    }

    async fn import(&mut self, number: usize, id: &str) -> Result<(), Cut> {
        let unit = self.licences[number].unit;
        let request = Request::ActivationLicense(ActivationLicenseRequest {
            code: TypedLicenceCode::from(&self.licences[number].code),
            product: self.units[unit].product(),
        });
        let Response::ActivationLicense(answer) = self.ask(unit, id, &request).await? else {
            panic!("not the answer to an import");
        };
        let imported = answer.outcome.unwrap();
        let licence = &mut self.licences[number];
        licence.is_imported = true;
        licence.imports += 1;
        assert_eq!(imported.serial, licence.serial);
        assert_eq!(imported.tokens.len(), licence.size);
        if licence.tokens.is_empty() {
            licence.tokens.clone_from(&imported.tokens);
            let new = |serial| Token {
                serial,
                licence: number,
                seed: [0; 20],
                link: None,
                dead: None,
                holder: None,
                provisionings: 0,
                activations: 0,
            };
            self.tokens.extend(imported.tokens.into_iter().map(new));
        } else {
            assert_eq!(imported.tokens, licence.tokens, "moved, with other tokens");
        }
        Ok(())
    }

    async fn provision(
        &mut self,
        licence: usize,
        tokens: &[(usize, [u8; 20])],
        id: &str,
    ) -> Result<(), Cut> {
        let unit = self.licences[licence].unit;
        let wanted = |(token, seed): &(usize, [u8; 20])| TokenToProvision {
            token: Echo::from(self.tokens[*token].serial),
            seed: seed_of(seed),
            code_expire_min: CODE_EXPIRE_MIN,
            parameters: Parameters::default(),
            pin_policy: PinPolicy::default(),
        };
        let request = Request::Provision(ProvisionRequest {
            product: self.units[unit].product(),
            tokens: tokens.iter().map(wanted).collect(),
        });
        let Response::Provision(answer) = self.ask(unit, id, &request).await? else {
            panic!("not the answer to a provisioning");
        };
        assert_eq!(answer.tokens.len(), tokens.len());
        for ((token, seed), answer) in tokens.iter().zip(answer.tokens) {
            let token = &mut self.tokens[*token];
            assert_eq!(answer.token, Echo::from(token.serial));
            let provisioned = answer.outcome.unwrap();
            assert_eq!(provisioned.licence, self.licences[licence].serial);
            let before = token.link.replace(provisioned.link);
            token.dead = before.map(|link| copied(link.code.opaque()));
            token.seed = *seed;
            token.holder = None;
            token.provisionings += 1;
        }
        Ok(())
    }

    /// Of two phones one gets the token, and the same one however often they ask.
    async fn activate(&mut self, number: usize, phones: [usize; 2]) -> Result<(), Cut> {
        let [first, second] = phones;
        let ask = |phone: usize| self.claimed(number, phone);
        let (one, other) = tokio::join!(ask(first), ask(second));
        // What one got before the kill counts, although the other has to ask again.
        let mut answers = Vec::new();
        let mut cut = Ok(());
        for (phone, answer) in [(first, one), (second, other)] {
            match answer {
                Ok(answer) => answers.push((phone, answer)),
                Err(Cut) => cut = Err(Cut),
            }
        }
        for (phone, answer) in answers {
            match answer {
                Ok(given) => self.hold(number, phone, given),
                Err(code) => assert_eq!(code, ServerError::ActivationCodeUsed.code()),
            }
        }
        cut?;
        let serial = self.tokens[number].serial;
        assert!(self.tokens[number].holder.is_some(), "nobody got {serial}");
        Ok(())
    }

    async fn claimed(&self, token: usize, phone: usize) -> Result<Result<SealedToken, i32>, Cut> {
        let link = self.tokens[token].link.as_ref().unwrap();
        let (code, secret) = (link.code.opaque(), &link.secret);
        let (line, phone) = (&self.phone_line, &self.phones[phone]);
        claim(line, phone, self.server_of(token), code, Some(secret)).await
    }

    /// As what the link of a token names the token server.
    fn server_of(&self, token: usize) -> &ServerName {
        self.tokens[token].link.as_ref().unwrap().server.name()
    }

    fn hold(&mut self, number: usize, phone: usize, given: SealedToken) {
        let seed = opened(&self.phones[phone], self.server_of(number), &given);
        let token = &mut self.tokens[number];
        assert_eq!(
            seed.expose(),
            token.seed,
            "another seed for {}",
            token.serial
        );
        if let Some(holder) = &token.holder {
            assert_eq!(holder.phone, phone, "{} is on two phones", token.serial);
            assert_eq!(holder.answer, given, "{} is sealed twice", token.serial);
            return;
        }
        token.activations += 1;
        token.holder = Some(Holder {
            phone,
            answer: given,
            has_confirmed: false,
        });
    }

    async fn activate_again(&mut self, token: usize) -> Result<(), Cut> {
        let phone = self.tokens[token].holder.as_ref().unwrap().phone;
        let given = self.claimed(token, phone).await?;
        self.hold(token, phone, given.unwrap());
        Ok(())
    }

    async fn try_dead_code(&mut self, token: usize, phone: usize) -> Result<(), Cut> {
        let code = self.tokens[token].dead.as_ref().unwrap();
        let phone = &self.phones[phone];
        let answer = claim(&self.guesser_line, phone, self.server_of(token), code, None).await?;
        let refused = answer.expect_err("a code that was replaced gives a token");
        let texts = [
            ServerError::ActivationCodeUnknown,
            ServerError::TooManyTries,
        ];
        assert!(texts.map(ServerError::code).contains(&refused), "{refused}");
        Ok(())
    }

    async fn confirm(&mut self, token: usize) -> Result<(), Cut> {
        let holder = self.tokens[token].holder.as_ref().unwrap();
        let phone = &self.phones[holder.phone];
        confirm(
            &self.phone_line,
            phone,
            self.server_of(token),
            &holder.answer,
        )
        .await?;
        self.tokens[token].holder.as_mut().unwrap().has_confirmed = true;
        Ok(())
    }

    async fn poll(&mut self, unit: usize, id: &str) -> Result<(), Cut> {
        let from = self.tokens.len().saturating_sub(POLLED_MAX);
        let tokens: Vec<usize> = (from..self.tokens.len()).collect();
        let serial = |token: &usize| Echo::from(self.tokens[*token].serial);
        let request = Request::Polling(PollingRequest {
            product: self.units[unit].product(),
            tokens: tokens.iter().map(serial).collect(),
        });
        let body = request.to_json();
        let answer = self.units[unit].ask(id, &body).await?;
        let Response::Polling(answer) = Response::parse(answer.as_bytes()).unwrap() else {
            panic!("not the answer to a poll");
        };
        assert_eq!(answer.tokens.len(), tokens.len());
        for (token, answer) in tokens.iter().zip(answer.tokens) {
            let token = &self.tokens[*token];
            let told = answer
                .outcome
                .map(|it| (it.state, it.registration.map(|it| it.id)));
            let told = told.map_err(|error| error.code);
            assert_eq!(told, self.expected_state(token, unit), "{}", token.serial);
        }
        Ok(())
    }

    fn expected_state(
        &self,
        token: &Token,
        unit: usize,
    ) -> Result<(TokenState, Option<ident::RegistrationId>), i32> {
        if self.licences[token.licence].unit != unit {
            return Err(ServerError::TokenNotOfProduct.code());
        }
        Ok(match (&token.holder, &token.link) {
            (Some(holder), _) => {
                let id = self.phones[holder.phone].registration_id();
                (TokenState::Provisioned, Some(id))
            }
            (None, Some(_)) => (TokenState::Provisioning, None),
            (None, None) => (TokenState::New, None),
        })
    }

    /// Of two units one gets each seed, until the desk lets it be given once more.
    async fn ask_seeds(&mut self, devices: &[usize], ids: &[String; UNITS]) -> Result<(), Cut> {
        let bodies = [0, 1].map(|unit| self.seeds_request(unit, devices).to_json());
        let ask = |unit: usize| self.units[unit].ask(&ids[unit], &bodies[unit]);
        let (one, other) = tokio::join!(ask(0), ask(1));
        let mut cut = Ok(());
        for (unit, answer) in [one, other].into_iter().enumerate() {
            match answer {
                Ok(answer) => self.take_seeds(unit, devices, &ids[unit], &answer),
                Err(Cut) => cut = Err(Cut),
            }
        }
        cut?;
        for device in devices.iter().map(|device| &self.devices[*device]) {
            assert!(device.given.is_some(), "nobody got {}", device.serial);
        }
        Ok(())
    }

    fn seeds_request(&self, unit: usize, devices: &[usize]) -> Request {
        let serial = |device: &usize| Echo::from(self.devices[*device].serial);
        Request::HardwareActivation(HardwareActivationRequest {
            product: self.units[unit].product(),
            sealing_key: self.units[unit].key.public(),
            tokens: devices.iter().map(serial).collect(),
        })
    }

    fn take_seeds(&mut self, unit: usize, devices: &[usize], id: &str, answer: &str) {
        let Response::HardwareActivation(answer) = Response::parse(answer.as_bytes()).unwrap()
        else {
            panic!("not the answer to a hardware activation");
        };
        assert_eq!(answer.tokens.len(), devices.len());
        for (device, answer) in devices.iter().zip(answer.tokens) {
            self.take_seed(unit, *device, id, answer);
        }
    }

    fn take_seed(&mut self, unit: usize, device: usize, id: &str, answer: HardwareAnswer) {
        let (unit, device) = (&self.units[unit], &mut self.devices[device]);
        let serial = device.serial;
        let given = match answer.outcome {
            Ok(given) => given,
            Err(error) => {
                assert_eq!(error.code, ServerError::SeedAlreadyGiven.code(), "{serial}");
                return;
            }
        };
        let context = SealContext::gateway(&unit.serial, &serial, given.parameters);
        let seed = open_seed(&given.sealed_seed, &unit.key, &context).unwrap();
        assert_eq!(*seed.to_hex(), device.seed_hex, "another seed for {serial}");
        let sealed = given.sealed_seed.as_bytes().to_vec();
        if let Some(before) = &device.given {
            assert_eq!(before.message, id, "the seed of {serial} was given twice");
            assert_eq!(
                before.sealed, sealed,
                "the seed of {serial} was sealed twice"
            );
            return;
        }
        device.activations += 1;
        device.given = Some(Given {
            message: id.to_owned(),
            sealed,
        });
    }

    fn reset(&mut self, home: &Home, device: usize) -> Result<(), Cut> {
        let device = &mut self.devices[device];
        let serial = device.serial.to_string();
        let words = ["reset-activation", &serial, "--reason", "soak"];
        if let Err(refused) = desk(home, &words)? {
            // It was done before the kill, and has no id by which it could be told so.
            assert!(refused.contains("is not activated"), "{refused}");
        }
        device.given = None;
        device.resets += 1;
        Ok(())
    }

    async fn repeat(&mut self, number: usize) -> Result<(), Cut> {
        let Acknowledged {
            unit,
            id,
            body,
            answer,
        } = &self.acknowledged[number];
        let again = self.units[*unit].ask(id, body).await?;
        assert_eq!(again, *answer, "another answer to {id}");
        self.tally.repeated += 1;
        Ok(())
    }

    /// The answer to a message that changes something. It is remembered.
    async fn ask(&mut self, unit: usize, id: &str, request: &Request) -> Result<Response, Cut> {
        let body = request.to_json().as_str().to_owned();
        let from = &self.units[unit];
        let answer = if self.chance.one_in(TWICE) {
            let (one, other) = tokio::join!(from.ask(id, &body), from.ask(id, &body));
            let (one, other) = (one?, other?);
            assert_eq!(one, other, "two answers to {id}");
            one
        } else {
            from.ask(id, &body).await?
        };
        let response = Response::parse(answer.as_bytes()).unwrap();
        self.acknowledge(Acknowledged {
            unit,
            id: id.to_owned(),
            body,
            answer,
        });
        Ok(response)
    }

    /// All serials that this customer was ever told.
    pub(crate) fn serials(&self) -> BTreeSet<TokenSerial> {
        self.tokens.iter().map(|token| token.serial).collect()
    }
}

fn seed_of(octets: &[u8; 20]) -> Seed {
    Seed::from_bytes(Zeroizing::new(octets.to_vec())).unwrap()
}

fn copied(code: &OpaqueCode) -> OpaqueCode {
    OpaqueCode::from_bytes(*code.as_bytes())
}

/// What the desk's command answers, or why it refuses.
fn desk(home: &Home, words: &[&str]) -> Result<Result<Value, String>, Cut> {
    let said = home.desk(&[words, &["--json"]].concat());
    let answer: Value = serde_json::from_str(&said.out)
        .unwrap_or_else(|error| panic!("{words:?}: {error}: {}{}", said.out, said.err));
    if said.status.success() {
        return Ok(Ok(answer));
    }
    let why = answer["error"]["message"].as_str().unwrap().to_owned();
    if DESK_CUT.iter().any(|text| why.contains(text)) {
        return Err(Cut);
    }
    Ok(Err(why))
}
