//! The settings that decisions need, taken from the single-object tables.

use std::collections::HashMap;
use std::sync::Arc;

use ident::{PinLength, PinPolicy, PinRequirement};

use crate::contact::{Channel, Language};
use crate::schema::{CONSOLE, FTM_PUSH, GLOBAL, Object, SECURITY, SETTING};
use crate::security::Profile;
use crate::throttle::{BlackoutLimit, PasswordLimit};
use crate::time::Span;
use crate::user::Switch;

/// `config system console`, `set output`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ConsoleOutput {
    /// A page at a time, with `--More--`.
    #[default]
    More,
    /// As it comes.
    Standard,
}

/// `set vdom-mode`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum VdomMode {
    /// One set of users and tokens.
    #[default]
    None,
    /// One in each virtual domain.
    Multi,
}
use crate::vdom::Vdom;

/// `set multi-factor-authentication`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum SecondFactor {
    /// Who has none logs in by the first factor alone.
    #[default]
    Optional,
    /// Nobody does.
    Mandatory,
}

/// `system global` and `user setting`, as far as logins and tokens depend on them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Name of this unit.
    pub hostname: Box<str>,
    /// Whether there are virtual domains.
    pub vdom_mode: VdomMode,
    /// Whether long output stops after each page.
    pub console_output: ConsoleOutput,
    /// Whether anybody may do without a second factor.
    pub second_factor: SecondFactor,
    /// How long a challenge stays open: `two-factor-ftk-expiry`.
    pub challenge_lifetime: Span,
    /// How long an activation code is valid: `two-factor-ftm-expiry`.
    pub code_lifetime: Span,
    /// How apps with tokens of this unit are locked: `two-factor-ftm-require-pin` and `-pin-length`.
    pub pin_policy: PinPolicy,
    /// The language of messages to people who have none of their own: `language`.
    pub language: Language,
    /// How long a code by mail is valid: `two-factor-email-expiry`.
    pub email_lifetime: Span,
    /// How long a code by SMS is valid: `two-factor-sms-expiry`.
    pub sms_lifetime: Span,
    /// When wrong passwords make a source wait.
    pub password_limit: PasswordLimit,
    /// When a source is not listened to: `auth-invalid-max` and `auth-blackout-time`.
    pub blackout: BlackoutLimit,
    /// How long a verified password is remembered: `auth-password-memory`.
    pub password_memory: Span,
    /// How long directories and RADIUS servers have to answer: `remoteauthtimeout`.
    pub backend_timeout: Span,
    /// Port of RADIUS servers whose entry names none: `radius-port`.
    pub radius_port: u16,
    /// The password policy of users who have none of their own: `default-user-password-policy`.
    pub default_password_policy: Option<Box<str>>,
    /// When a refusal leaves, after the request came: `reject-delay`.
    pub reject_delay: Span,
    /// What concerns administrators.
    pub administration: Administration,
    /// `system security`.
    pub profile: Profile,
    /// `system ftm-push`.
    pub push: Arc<PushSettings>,
}

/// `system ftm-push`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PushSettings {
    /// Whether people are asked on their phones.
    pub status: Switch,
    /// Whether the number is typed that the login shows.
    pub number_entry: Switch,
    /// Whether the push relay is asked through the proxy of `system fortiguard`.
    pub proxy: Switch,
    /// Whether tokens move at the wish of their phones.
    pub transfer: Switch,
    /// Whether a login by a recovery code or pass gets the token onto another phone.
    pub recovery: Switch,
    /// Where phones reach this unit, `host:port`, if they do.
    pub server: Option<Box<str>>,
    /// The port of it, where this unit listens.
    pub port: u16,
}

impl PushSettings {
    /// The settings of this object.
    pub fn from_object(push: &Object) -> Self {
        let switch = |name| {
            if push.is_enabled(name) {
                Switch::Enable
            } else {
                Switch::Disable
            }
        };
        let port = u16::try_from(push.number("server-port")).unwrap_or(4433);
        let named = [push.text("server"), push.text("server-ip")]
            .into_iter()
            .find(|server| !server.is_empty() && *server != "0.0.0.0");
        Self {
            status: switch("status"),
            number_entry: switch("number-entry"),
            proxy: switch("proxy"),
            transfer: switch("token-transfer"),
            recovery: switch("token-recovery"),
            server: named.map(|server| format!("{server}:{port}").into()),
            port,
        }
    }

    /// The same under a security profile: under `strict` a tap is never enough.
    #[must_use]
    pub fn under(self, profile: Profile) -> Self {
        match profile {
            Profile::Compatible => self,
            Profile::Strict => Self {
                number_entry: Switch::Enable,
                ..self
            },
        }
    }

    /// Whether people are asked on their phones.
    pub fn is_enabled(&self) -> bool {
        self.status == Switch::Enable
    }
}

impl Default for PushSettings {
    fn default() -> Self {
        Self::from_object(&Object::new(&FTM_PUSH, ""))
    }
}

/// `system global`, as far as administrators' logins and sessions depend on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Administration {
    /// When failures lock out: `admin-lockout-threshold` and `-duration`.
    pub lockout: PasswordLimit,
    /// How long a session may be idle: `admintimeout`.
    pub idle: Span,
    /// Sessions over the network at once: `admin-login-max`.
    pub sessions_max: usize,
    /// `admin-ssh-port`.
    pub ssh_port: u16,
    /// How long an SSH connection may take to log in: `admin-ssh-grace-time`.
    pub ssh_grace: Span,
    /// Whether passwords are asked for over SSH: `admin-ssh-password`.
    pub ssh_password: Switch,
}

impl Administration {
    fn from_object(global: &Object) -> Self {
        Self {
            lockout: PasswordLimit {
                threshold: u32::try_from(global.number("admin-lockout-threshold")).unwrap_or(1),
                duration: seconds(global.number("admin-lockout-duration")),
            },
            idle: seconds(global.number("admintimeout").saturating_mul(60)),
            sessions_max: usize::try_from(global.number("admin-login-max")).unwrap_or(usize::MAX),
            ssh_port: u16::try_from(global.number("admin-ssh-port")).unwrap_or(22),
            ssh_grace: seconds(global.number("admin-ssh-grace-time")),
            ssh_password: if global.is_enabled("admin-ssh-password") {
                Switch::Enable
            } else {
                Switch::Disable
            },
        }
    }
}

fn seconds(number: u64) -> Span {
    Span::from_secs(i64::try_from(number).unwrap_or(i64::MAX))
}

/// What `system global` demands of the app's PIN, whatever the profile.
pub(crate) fn pin_policy(global: &Object) -> PinPolicy {
    PinPolicy {
        requirement: match global.text("two-factor-ftm-require-pin") {
            "not-require" => PinRequirement::NotRequired,
            "enforce" => PinRequirement::Enforce,
            _ => PinRequirement::Require,
        },
        length: match global.text("two-factor-ftm-pin-length") {
            "8" => PinLength::Eight,
            "6" => PinLength::Six,
            _ => PinLength::Four,
        },
    }
}

impl Settings {
    /// The same with the console's settings.
    #[must_use]
    pub fn with_console(self, console: &Object) -> Self {
        let console_output = match console.text("output") {
            "standard" => ConsoleOutput::Standard,
            _ => ConsoleOutput::More,
        };
        Self {
            console_output,
            ..self
        }
    }

    /// How long a code that goes this way is valid.
    pub fn sent_lifetime(&self, channel: Channel) -> Span {
        match channel {
            Channel::Email => self.email_lifetime,
            Channel::Sms => self.sms_lifetime,
        }
    }

    /// The settings of these two objects.
    pub fn from_objects(global: &Object, setting: &Object) -> Self {
        let hours = i64::try_from(global.number("two-factor-ftm-expiry")).unwrap_or(i64::MAX);
        Self {
            hostname: Box::from(global.text("hostname")),
            console_output: ConsoleOutput::default(),
            vdom_mode: match global.text("vdom-mode") {
                "multi-vdom" => VdomMode::Multi,
                _ => VdomMode::None,
            },
            second_factor: match global.text("multi-factor-authentication") {
                "mandatory" => SecondFactor::Mandatory,
                _ => SecondFactor::Optional,
            },
            challenge_lifetime: seconds(global.number("two-factor-ftk-expiry")),
            code_lifetime: Span::from_hours(hours),
            pin_policy: pin_policy(global),
            language: Language::parse(global.text("language")).unwrap_or_default(),
            email_lifetime: seconds(global.number("two-factor-email-expiry")),
            sms_lifetime: seconds(global.number("two-factor-sms-expiry")),
            password_limit: PasswordLimit {
                threshold: u32::try_from(setting.number("auth-lockout-threshold")).unwrap_or(1),
                duration: seconds(setting.number("auth-lockout-duration")),
            },
            blackout: BlackoutLimit {
                failures: usize::try_from(setting.number("auth-invalid-max")).unwrap_or(1),
                duration: seconds(setting.number("auth-blackout-time")),
            },
            default_password_policy: Some(setting.text("default-user-password-policy"))
                .filter(|name| !name.is_empty())
                .map(Box::from),
            password_memory: seconds(setting.number("auth-password-memory")),
            backend_timeout: seconds(global.number("remoteauthtimeout")),
            radius_port: u16::try_from(global.number("radius-port")).unwrap_or(1812),
            reject_delay: Span::from_millis(
                i64::try_from(setting.number("reject-delay")).unwrap_or(i64::MAX),
            ),
            administration: Administration::from_object(global),
            profile: Profile::Compatible,
            push: Arc::default(),
        }
    }

    /// The same with the settings of pushes.
    #[must_use]
    pub fn pushing(self, push: &Arc<PushSettings>) -> Self {
        Self {
            push: Arc::clone(push),
            ..self
        }
    }

    /// The same under a security profile.
    #[must_use]
    pub fn under(self, profile: Profile) -> Self {
        let limit = self.password_limit;
        Self {
            profile,
            code_lifetime: profile.activation_max().unwrap_or(self.code_lifetime),
            pin_policy: profile.pin_policy(self.pin_policy),
            password_limit: PasswordLimit {
                duration: limit.duration.max(profile.lockout_min()),
                ..limit
            },
            ..self
        }
    }
}

/// The settings in each virtual domain.
#[derive(Clone, Debug)]
pub struct VdomSettings {
    /// Where nothing of its own was set.
    unset: Arc<Settings>,
    /// By far the most logins are the root's.
    root: Arc<Settings>,
    others: HashMap<Vdom, Arc<Settings>>,
}

impl VdomSettings {
    /// The settings that these objects of the unit make with the `user setting` of each virtual domain
    /// that has one.
    pub fn from_objects(
        global: &Object,
        console: &Object,
        security: &Object,
        push: &Object,
        of_vdoms: &[Object],
    ) -> Self {
        let profile = Profile::of(security);
        let push = Arc::new(PushSettings::from_object(push).under(profile));
        let with = |setting: &Object| {
            let settings = Settings::from_objects(global, setting);
            let settings = settings.with_console(console).pushing(&push);
            Arc::new(settings.under(profile))
        };
        let unset = with(&Object::new(&SETTING, ""));
        let each = of_vdoms.iter().map(|setting| (setting.vdom, with(setting)));
        let mut others: HashMap<Vdom, Arc<Settings>> = each.collect();
        Self {
            root: others
                .remove(&Vdom::ROOT)
                .unwrap_or_else(|| Arc::clone(&unset)),
            unset,
            others,
        }
    }

    /// The settings in force in a virtual domain.
    pub fn of(&self, vdom: Vdom) -> &Arc<Settings> {
        if vdom.is_root() {
            &self.root
        } else {
            self.others.get(&vdom).unwrap_or(&self.unset)
        }
    }
}

impl Default for VdomSettings {
    fn default() -> Self {
        let [global, console, security, push] =
            [&GLOBAL, &CONSOLE, &SECURITY, &FTM_PUSH].map(|table| Object::new(table, ""));
        Self::from_objects(&global, &console, &security, &push, &[])
    }
}

/// As if nothing was configured.
impl Default for Settings {
    fn default() -> Self {
        Self::from_objects(&Object::new(&GLOBAL, ""), &Object::new(&SETTING, ""))
    }
}
