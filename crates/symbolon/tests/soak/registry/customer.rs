//! One customer with two gateways, four phones and a stock of hardware tokens: does one thing after
//! another, repeats what was not answered before anything else, and holds every answer against the
//! answers before.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};

use app::device::Device as Phone;
use domain::time::Timestamp;
use ident::ProductSerial;
use registry::pki::Pki;

use super::line::{Cut, Line, Unit};
use super::world::{Acknowledged, Device, Licence, Resumed, Token};
use crate::common::Home;
use crate::soak::{Chance, block_on, now};

pub(super) const UNITS: usize = 2;
pub(super) const PHONES: usize = 4;

/// Tokens of a licence at most: many small ones cross more transactions than few large ones.
const LICENCE_MAX: usize = 5;

/// Tokens of one provisioning at most.
const BATCH_MAX: usize = 8;

/// Hardware tokens that are asked for at once.
const DEVICES_MAX: usize = 4;

/// Answers that are remembered, to ask for them again.
const ACKNOWLEDGED_MAX: usize = 16;

/// Answers of the last life that the next is asked for first.
const ASKED_AGAIN: usize = 3;

/// One thing to do. It says all that its requests say, so that they can be repeated.
#[derive(Clone, Debug)]
pub(super) enum Task {
    /// The desk issues a licence. It has no id: what is not answered is not repeated.
    Issue { size: usize },
    /// The desk moves a licence to the other unit.
    Move { licence: usize },
    /// A unit imports its licence.
    Import { licence: usize, id: String },
    /// A unit has tokens of a licence made ready for phones, whether they were before or not.
    Provision {
        licence: usize,
        tokens: Vec<(usize, [u8; 20])>,
        id: String,
    },
    /// Two phones ask for the same token at the same time.
    Activate { token: usize, phones: [usize; 2] },
    /// The phone that has a token asks for it again.
    ActivateAgain { token: usize },
    /// A phone tries the code before the last.
    DeadCode { token: usize, phone: usize },
    /// The phone says that it has the token.
    Confirm { token: usize },
    /// A unit asks what became of its tokens.
    Poll { unit: usize, id: String },
    /// Both units ask for the seeds of the same hardware tokens at the same time.
    Seeds {
        devices: Vec<usize>,
        ids: [String; UNITS],
    },
    /// The desk lets a seed be given once more.
    Reset { device: usize },
    /// A message that was answered is sent again.
    Repeat { acknowledged: usize },
}

/// Something that is not answered yet.
struct Pending {
    task: Task,
    asked: Timestamp,
}

/// What a customer did.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Tally {
    pub(crate) tasks: usize,
    /// Requests that a kill left without an answer and that were repeated.
    pub(crate) over_a_kill: usize,
    /// Answers that were asked for again.
    pub(crate) repeated: usize,
    /// Issues that were not answered.
    pub(crate) unheard_issues: usize,
}

/// A customer.
pub(crate) struct Customer {
    pub(crate) account: String,
    pub(crate) units: [Unit; UNITS],
    pub(crate) phones: [Phone; PHONES],
    pub(super) phone_line: Line,
    /// From where dead codes are tried: the token server hears nobody for long who tries many.
    pub(super) guesser_line: Line,
    pub(super) chance: Chance,
    /// In what is asked next, the number of it.
    pub(super) asked: usize,
    pub(crate) licences: Vec<Licence>,
    pub(crate) tokens: Vec<Token>,
    pub(crate) devices: Vec<Device>,
    pub(super) acknowledged: VecDeque<Acknowledged>,
    pending: Option<Pending>,
    /// What this life is asked before anything is left to chance.
    first: Vec<Task>,
    pub(crate) resumed: Vec<Resumed>,
    pub(crate) tally: Tally,
}

impl Customer {
    /// A customer that the desk knows, with units that it has registered.
    pub(crate) fn new(
        home: &Home,
        pki: &Pki,
        number: usize,
        devices: Vec<Device>,
        chance: &mut Chance,
    ) -> Self {
        let mut chance = chance.split();
        let account = format!("Customer {number}");
        home.desk(&["register-account", &account]).ok();
        let units = [1, 2].map(|unit| {
            let serial = format!("FGT{:013}", number * 10 + unit);
            home.desk(&["register-product", &serial, "--account", &account])
                .ok();
            let serial = ProductSerial::parse(&serial).unwrap();
            Unit::new(home, pki, serial, chance.octets())
        });
        let guesser = u8::try_from(number).unwrap();
        Self {
            account,
            units,
            phones: std::array::from_fn(|_| Phone::generate().unwrap()),
            phone_line: Line::new(home, pki, None, Ipv4Addr::LOCALHOST),
            guesser_line: Line::new(home, pki, None, Ipv4Addr::new(127, 1, 0, guesser)),
            chance,
            asked: 0,
            licences: Vec::new(),
            tokens: Vec::new(),
            devices,
            acknowledged: VecDeque::new(),
            pending: None,
            first: Vec::new(),
            resumed: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// Does one thing after another until the process is killed, of which `over` knows before.
    pub(crate) fn live(&mut self, home: &Home, over: &AtomicBool) {
        self.units.iter_mut().for_each(|unit| unit.line.renew());
        self.phone_line.renew();
        self.guesser_line.renew();
        self.first = self.questions_to_a_new_life();
        let reborn = now();
        block_on(async { while let Ok(()) = self.step(home, reborn).await {} });
        assert!(
            over.load(Ordering::Acquire),
            "{} lost its connection before the kill: {:?}",
            self.account,
            self.pending.as_ref().map(|pending| &pending.task),
        );
    }

    /// Whether something that concerns this licence, token or device was asked and not answered.
    pub(crate) fn pending_on(&self, subject: &str) -> bool {
        let pending = self.pending.as_ref();
        pending.is_some_and(|pending| self.subjects(&pending.task).iter().any(|it| it == subject))
    }

    async fn step(&mut self, home: &Home, reborn: Timestamp) -> Result<(), Cut> {
        let pending = self.pending.take();
        self.tally.over_a_kill += usize::from(pending.is_some());
        let Pending { task, asked } = pending.unwrap_or_else(|| Pending {
            task: self.next_task(),
            asked: now(),
        });
        let done = self.carry_out(home, &task).await;
        match done {
            Ok(()) => {
                self.tally.tasks += 1;
                if asked < reborn {
                    self.remember_resumed(&task, asked, reborn);
                }
            }
            Err(Cut) => self.leave(Pending { task, asked }),
        }
        done
    }

    fn leave(&mut self, pending: Pending) {
        if matches!(pending.task, Task::Issue { .. }) {
            self.tally.unheard_issues += 1;
        } else {
            self.pending = Some(pending);
        }
    }

    /// What the life before acknowledged is the same in this one.
    fn questions_to_a_new_life(&mut self) -> Vec<Task> {
        let known = self.acknowledged.len();
        let latest = known.saturating_sub(ASKED_AGAIN)..known;
        let mut first: Vec<Task> = latest
            .map(|acknowledged| Task::Repeat { acknowledged })
            .collect();
        first.extend((0..UNITS).map(|unit| Task::Poll {
            unit,
            id: self.new_id(),
        }));
        first
    }

    fn next_task(&mut self) -> Task {
        if let Some(task) = self.first.pop() {
            return task;
        }
        for _ in 0..64 {
            if let Some(task) = self.drawn_task() {
                return task;
            }
        }
        self.issue()
    }

    fn drawn_task(&mut self) -> Option<Task> {
        match self.chance.below(100) {
            0..=1 => Some(self.issue()),
            2..=3 => self.movable(),
            4..=13 => self.importable(),
            14..=43 => self.provisionable(),
            44..=64 => self.activatable(),
            65..=69 => self.held().map(|token| Task::ActivateAgain { token }),
            70..=74 => self.held().map(|token| Task::Confirm { token }),
            75..=77 => self.dead_code(),
            78..=83 => Some(Task::Poll {
                unit: self.chance.below(UNITS),
                id: self.new_id(),
            }),
            84..=91 => Some(self.seeds()),
            92..=94 => self.resettable(),
            _ => self.repeatable(),
        }
    }

    fn issue(&mut self) -> Task {
        let size = 1 + self.chance.below(LICENCE_MAX);
        Task::Issue { size }
    }

    fn movable(&mut self) -> Option<Task> {
        let licence = self.some(self.licences.len())?;
        self.licences[licence]
            .is_imported
            .then_some(Task::Move { licence })
    }

    fn importable(&mut self) -> Option<Task> {
        let licence = self.licences.iter().position(|it| !it.is_imported)?;
        let id = self.new_id();
        Some(Task::Import { licence, id })
    }

    fn provisionable(&mut self) -> Option<Task> {
        let licence = self.some(self.licences.len())?;
        if !self.licences[licence].is_imported {
            return None;
        }
        let mut tokens: Vec<usize> = (0..self.tokens.len())
            .filter(|token| self.tokens[*token].licence == licence)
            .collect();
        self.chance.shuffle(&mut tokens);
        tokens.truncate(1 + self.chance.below(BATCH_MAX));
        let tokens = tokens
            .into_iter()
            .map(|token| (token, self.chance.octets()))
            .collect();
        let id = self.new_id();
        Some(Task::Provision {
            licence,
            tokens,
            id,
        })
    }

    fn activatable(&mut self) -> Option<Task> {
        let token = self.some(self.tokens.len())?;
        let it = &self.tokens[token];
        let waits = it.link.is_some() && it.holder.is_none();
        let first = self.chance.below(PHONES);
        let second = (first + 1 + self.chance.below(PHONES - 1)) % PHONES;
        let phones = [first, second];
        waits.then_some(Task::Activate { token, phones })
    }

    /// A token on a phone that has not confirmed it.
    fn held(&mut self) -> Option<usize> {
        let token = self.some(self.tokens.len())?;
        let holder = self.tokens[token].holder.as_ref()?;
        (!holder.has_confirmed).then_some(token)
    }

    fn dead_code(&mut self) -> Option<Task> {
        let token = self.some(self.tokens.len())?;
        let phone = self.chance.below(PHONES);
        let has_one = self.tokens[token].dead.is_some();
        has_one.then_some(Task::DeadCode { token, phone })
    }

    fn seeds(&mut self) -> Task {
        let count = 1 + self.chance.below(DEVICES_MAX);
        let first = self.chance.below(self.devices.len() - count);
        Task::Seeds {
            devices: (first..first + count).collect(),
            ids: [self.new_id(), self.new_id()],
        }
    }

    fn resettable(&mut self) -> Option<Task> {
        let device = self.chance.below(self.devices.len());
        let is_given = self.devices[device].given.is_some();
        is_given.then_some(Task::Reset { device })
    }

    fn repeatable(&mut self) -> Option<Task> {
        let acknowledged = self.some(self.acknowledged.len())?;
        Some(Task::Repeat { acknowledged })
    }

    fn some(&mut self, of: usize) -> Option<usize> {
        (of > 0).then(|| self.chance.below(of))
    }

    /// An id that this customer's units have not used.
    fn new_id(&mut self) -> String {
        self.asked += 1;
        format!("soak-{}", self.asked)
    }

    pub(super) fn acknowledge(&mut self, acknowledged: Acknowledged) {
        self.acknowledged.push_back(acknowledged);
        if self.acknowledged.len() > ACKNOWLEDGED_MAX {
            self.acknowledged.pop_front();
        }
    }
}
