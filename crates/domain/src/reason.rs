//! Why a login was refused: one stable reason each, with its cause and the next step.
//!
//! The peer is told nothing; these texts are for administrators (`diagnose login show`, the event
//! log, later `explain` and the web pages).

use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $id:literal, $cause:literal, $next:literal;)+) => {
        /// A stable reason. Its identifier never changes; scripts and searches rely on it.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Reason { $($(#[$doc])* $name,)+ }

        impl Reason {
            /// Every reason, for references and tests.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The identifier in logs.
            pub const fn id(self) -> &'static str {
                match self { $(Self::$name => $id,)+ }
            }

            /// What is wrong, in plain words.
            pub const fn cause(self) -> &'static str {
                match self { $(Self::$name => $cause,)+ }
            }

            /// What the administrator does about it.
            pub const fn next_step(self) -> &'static str {
                match self { $(Self::$name => $next,)+ }
            }
        }
    };
}

reasons! {
    /// No user of this name.
    UserUnknown = "user-unknown",
        "no user of this name exists here",
        "check the name in 'show user local'; case, domain and realm do not matter. Users without an entry are let in by remote-groups of the RADIUS client alone, and not where a second factor is mandatory";
    /// `set status disable`.
    UserDisabled = "user-disabled",
        "the user is disabled",
        "config user local / edit NAME / set status enable";
    /// The first factor failed.
    PasswordWrong = "password-wrong",
        "the password is wrong",
        "the user tries again, or set a new one: config user local / edit NAME / set passwd (of users of a directory or RADIUS server: there)";
    /// No server of the person's backend decided.
    BackendUnreachable = "backend-unreachable",
        "no directory or RADIUS server that knows the user's password gave an answer that decides; nothing was counted, and the client heard nothing",
        "diagnose test authserver ldap NAME USER PASSWORD (or: radius NAME pap USER PASSWORD); 'diagnose debug application fnbamd -1' shows each step";
    /// The upstream RADIUS server asks for more than the password.
    BackendChallenge = "backend-challenge",
        "the RADIUS server that knows the user's password asks for a second factor of its own",
        "have that server check the password alone for this unit: the second factor is checked here";
    /// No record here, and in none of the groups that let in without one.
    GroupMissing = "group-missing",
        "the user has no entry here, and the server that knows the password says of none of the groups that decide that the user is in it",
        "'show user group' lists the groups and their 'config match', 'show user radius-client' those of the client (remote-groups); or give the user an entry here";
    /// The server knows the person by a name that is somebody's here, or not by the one that was presented.
    NameOfAnother = "name-of-another",
        "the server that knows the password knows the user by another name than the one typed, or by one that has an entry here",
        "the user logs in by the name of the entry here, with its token; or gets an entry by the name typed";
    /// CHAP or MS-CHAPv2, and the password itself is not kept.
    MethodNeedsLegacySecret = "method-needs-legacy-secret",
        "the method needs a stored legacy secret: CHAP and MS-CHAPv2 are checked against the password itself, and none is kept of this user",
        "have the client use PAP, or config user local / edit NAME / set radius-legacy enable / set passwd (kept from the next password on; passwords of directories and RADIUS servers never are)";
    /// `config user radius-client`, `auth-methods`.
    MethodNotAllowed = "method-not-allowed",
        "the client may not use this method",
        "set the client to another method, or: config user radius-client / edit NAME / append auth-methods pap ('set' in its place would take away the others; code-position code-only takes no EAP)";
    /// No tunnel, or nothing in it that could be judged.
    EapFailed = "eap-failed",
        "the EAP conversation ended before a password came",
        "what is shown says where it ended; 'TLS: received fatal alert' is the device's refusal of the certificate: have it trust that of 'radius-identity' in symbolon.toml";
    /// The login is on record as accepted, and the Accept never left.
    EapUnfinished = "eap-unfinished",
        "the login was accepted, and the device ended the EAP conversation before it heard so",
        "what is shown says where it ended; where it is the device's own refusal, have it trust the certificate of 'radius-identity', and switch off what it demands beyond the method";
    /// `config user password-policy`, `expire-days`; or a directory says so.
    PasswordExpired = "password-expired",
        "the password has expired, by the user's password policy or at the directory",
        "set a new one: config user local / edit NAME / set passwd, or at the directory; to have its owner asked for one at a login: config user password-policy / edit NAME / set expired-password-renewal enable, or: config user ldap / edit NAME / set password-renewal enable";
    /// A directory does not say whether the password is right.
    AccountLockedElsewhere = "account-locked-elsewhere",
        "the directory that knows the user's password lets the account not log in now, whatever the password",
        "what is shown says what it holds against the account: disabled, locked, expired or outside its hours; mend that at the directory";
    /// Too many wrong passwords from this source.
    SourceThrottled = "source-throttled",
        "too many wrong passwords for this name from this source",
        "wait until the time shown; others who use the name are not affected";
    /// Too many wrong passwords from many sources.
    NameThrottled = "name-throttled",
        "too many wrong passwords for this name, from many sources",
        "find out who guesses: diagnose login show user NAME. Where the user has logged in from before, all passwords are looked at; elsewhere one more each minute, those of sources that guess last. Or clear it: diagnose login unlock NAME";
    /// Too many wrong logins of any names from this source.
    SourceBlackout = "source-blackout",
        "too many wrong logins from this source within one minute, of whatever names",
        "find out who guesses (diagnose login show last 50); it ends at the time shown, or: config user setting / set auth-blackout-time 0";
    /// The address is none of the administrator's trusted hosts.
    UntrustedHost = "untrusted-host",
        "the administrator may not log in from this address",
        "log in from a trusted host, or: config system admin / edit NAME / set trusthost1 ADDRESS MASK";
    /// No key of the administrator made this signature.
    KeyUnknown = "key-unknown",
        "the public key is none of the administrator's",
        "config system admin / edit NAME / set ssh-public-key1 \"ssh-ed25519 AAAA...\"";
    /// All places for administrators are taken.
    SessionsFull = "sessions-full",
        "too many sessions are open, of this administrator or of all",
        "end a session: diagnose sys admin-session list; diagnose sys admin-session kill ID";
    /// The code could not be sent.
    CodeNotSent = "code-not-sent",
        "the code could not be sent by mail or SMS",
        "diagnose debug application alertmail -1 shows why; see also: config system email-server, config system sms-server";
    /// `two-factor email | sms` and nowhere to send the code.
    AddressMissing = "address-missing",
        "the user's codes are to be sent, and there is no address or number for them",
        "config user local / edit NAME / set email-to ADDRESS, or: set sms-phone NUMBER";
    /// `set profile strict`.
    SentCodesRefused = "sent-codes-refused",
        "codes by mail and SMS are not taken under the security profile strict",
        "give the user a token: config user local / edit NAME / set two-factor fortitoken / set fortitoken SERIAL";
    /// The client appends the code, and it would have to be known before it is asked for.
    SentCodeUnasked = "sent-code-unasked",
        "the user's codes are sent when they are asked for, and the client brought one, or was set to append one, without asking",
        "config user radius-client / edit NAME / set code-position challenge (an application asks with /validate/triggerchallenge first); or give the user a token";
    /// Three that are valid, or ten in an hour.
    SentCodesTooMany = "sent-codes-too-many",
        "so many codes were sent to the user that no other is for a while",
        "the user types the code of the latest message; if the user asked for none, somebody knows the password: change it";
    /// Not the code of this challenge.
    SentCodeWrong = "sent-code-wrong",
        "the code is not the one that was sent for this login",
        "the user logs in again and types the code of the latest message; each is good once";
    /// It came too late.
    SentCodeExpired = "sent-code-expired",
        "the code that was sent had expired when it was typed",
        "the user logs in again; raise it with: config system global / set two-factor-email-expiry, or: set two-factor-sms-expiry";
    /// No relay, no answer of it, or nothing configured.
    PushUnavailable = "push-unavailable",
        "a push was asked for, and none could be sent",
        "'diagnose debug application ftm-push -1' shows each step; the user logs in again with the token's code";
    /// The phone that activated the token never listened at the relay.
    PushDeviceUnknown = "push-device-unknown",
        "the push relay does not know the phone that has the token",
        "the user opens the app on the phone once; if the app was installed again: execute fortitoken-mobile provision SERIAL";
    /// One at a time.
    PushOutstanding = "push-outstanding",
        "another login of the user waits for an answer on the phone",
        "the user answers it, or types the token's code; if it is not the user's: diagnose login show user NAME, and change the password";
    /// Five in ten minutes, twenty until a success.
    PushTooMany = "push-too-many",
        "the user was asked on the phone so often that no other push is sent for a while",
        "the user types the token's code; if the user asked for none, somebody knows the password: change it";
    /// The user said of this source: not me.
    PushSourceReported = "push-source-reported",
        "the user has said of this source that it is somebody else",
        "find out who it is; the user types the token's code, or waits until the time shown";
    /// No.
    PushDenied = "push-denied",
        "the user denied the login on the phone",
        "if the user did not mean to, the user logs in again";
    /// No, and it was somebody else.
    PushNotMe = "push-not-me",
        "the user says that this login is somebody else's",
        "somebody knows the user's password: change it (config user local / edit NAME / set passwd), and look where it comes from: diagnose login show user NAME";
    /// Not the two digits of this login.
    PushNumberWrong = "push-number-wrong",
        "the number typed on the phone is not the one that this login shows",
        "the user logs in again and types the number shown there; if the user had no login before the eyes, it was somebody else's";
    /// Nobody answered.
    PushExpired = "push-expired",
        "nobody answered on the phone in time",
        "the user opens the app and logs in again, or types the token's code; raise the time with: config system global / set two-factor-ftk-expiry";
    /// An approval lets in once.
    PushReplayed = "push-replayed",
        "this approval let somebody in already",
        "the user logs in again; if it stays so, report it: an approval cannot come twice";
    /// `set multi-factor-authentication mandatory`.
    SecondFactorRequired = "second-factor-required",
        "the user has no second factor, and nobody may log in without one",
        "give the user a token: config user local / edit NAME / set two-factor fortitoken / set fortitoken SERIAL; or: config system global / set multi-factor-authentication optional";
    /// The client checks the first factor itself, and there is no other.
    SecondFactorMissing = "second-factor-missing",
        "the client has codes alone checked here, and the user has no second factor",
        "give the user a token: config user local / edit NAME / set two-factor fortitoken / set fortitoken SERIAL; or set the client to another code-position: then the password is checked here";
    /// Password and code in one, and the user has no second factor.
    CodeUnneeded = "code-unneeded",
        "a code was sent beside the password, which is right, and the user has no second factor that could tell whether it is one",
        "leave 'token_code' away for this user; or give the user a token: config user local / edit NAME / set two-factor fortitoken / set fortitoken SERIAL";
    /// `two-factor fortitoken` and no token. The user reads what every refusal says.
    TokenMissing = "token-missing",
        "the user needs a token and none is assigned",
        "config user local / edit NAME / set fortitoken SERIAL";
    /// `set status lock`.
    TokenLocked = "token-locked",
        "the token is locked",
        "config user fortitoken / edit SERIAL / set status active";
    /// The phone has not activated the token.
    TokenNotActivated = "token-not-activated",
        "the token was never activated on a phone",
        "the user activates it with the code sent; a new code: execute fortitoken-mobile provision SERIAL";
    /// A backup of another unit brought it, and the token server does not take this unit for that.
    TokenOfAnotherUnit = "token-of-another-unit",
        "a backup brought the token with its phone, and the token server says that it is another unit's",
        "put this unit in that one's place: symbolon desk replace-unit (or move-licence); the next poll takes the phone back: execute fortitoken-mobile poll";
    /// The activation code expired unused.
    TokenProvisionTimeout = "token-provision-timeout",
        "the activation code expired before the token was activated",
        "execute fortitoken-mobile provision SERIAL";
    /// The token has no seed here.
    TokenWithoutSeed = "token-without-seed",
        "no seed of this token is stored here, so its codes cannot be checked",
        "execute fortitoken activate SERIAL for hardware tokens, else execute fortitoken-mobile provision SERIAL";
    /// The client appends no code and the challenge is not answered.
    CodeMissing = "code-missing",
        "a code was needed and none came: beside the password, where neither client nor method can be asked for one, or in the answer to the question for it",
        "the user types the code where it is asked for; where nothing asks, append the code to the password, or: config user radius-client / edit NAME / set code-position challenge. MS-CHAPv2 within EAP has no place for a code: have the device use EAP-GTC, or EAP-TTLS with PAP";
    /// CHAP or MS-CHAPv2 in the answer to a challenge.
    CodeByResponse = "code-by-response",
        "the code came by CHAP or MS-CHAPv2, which do not show it",
        "set the client to answer challenges by PAP, or have the user log in by PAP";
    /// Not a code: wrong length, blanks, letters.
    CodeMalformed = "code-malformed",
        "what was typed is not a code of this token",
        "type the digits of the code only, without blanks";
    /// In the form of a recovery code or pass, and none of the person's.
    RecoveryCodeWrong = "recovery-code-wrong",
        "what was typed has the form of a recovery code or pass, and the user has none like it: it is mistyped, or was replaced or taken back",
        "the user types it again; new ones: execute recovery-code generate NAME, or: execute recovery-pass issue NAME";
    /// Each is good once.
    RecoveryCodeUsed = "recovery-code-used",
        "this recovery code or pass was used already",
        "the user takes the next one; if the user did not use it, somebody else did: change the password, then execute recovery-code generate NAME";
    /// `execute recovery-pass issue`.
    RecoveryPassEnded = "recovery-pass-ended",
        "the pass was good until a moment that is over",
        "find out who asks, then: execute recovery-pass issue NAME HOURS";
    /// No step near matches.
    CodeWrong = "code-wrong",
        "the code belongs to no step near this time",
        "the user types the code that the app shows now; if it stays wrong, the token on the phone is another one: provision again";
    /// This step, or a later one, was spent.
    CodeReplayed = "code-replayed",
        "this code, or a later one, was used already",
        "wait for the next code; if the user did not use it, somebody else did: change the password";
    /// The token's clock is behind.
    ClockSlow = "clock-slow",
        "the clock of this token is slow: its code is right for an earlier time",
        "set the phone's clock to automatic; the user types the next code where it is asked for, or: execute fortitoken sync SERIAL CODE NEXT-CODE";
    /// The token's clock is ahead.
    ClockFast = "clock-fast",
        "the clock of this token is fast: its code is right for a later time",
        "set the phone's clock to automatic; the user types the next code where it is asked for, or: execute fortitoken sync SERIAL CODE NEXT-CODE";
    /// What the same person had before shows this code.
    OtherToken = "code-of-other-token",
        "the code belongs to a token, or to a seed of this token, that the same person had before",
        "the user deletes it where it is shown and opens the token that 'show user local NAME' names; if the phone lacks that one: execute fortitoken-mobile provision SERIAL";
    /// Right for other parameters.
    OtherParameters = "code-of-other-parameters",
        "the code is right for another period, digest or number of digits: the app ignores what it was told",
        "use an app that honours period, digits and digest, or set the token to what the app does";
    /// Delayed after repeated wrong codes.
    CodeThrottled = "code-throttled",
        "too many wrong codes; the next one is not looked at before the time shown",
        "wait until then, or clear it: diagnose login unlock NAME";
    /// Blocked after 30 wrong codes in 31 days, or fewer: see [`crate::throttle::CodeCounter`].
    CodeBlocked = "code-blocked",
        "too many wrong codes in 31 days, at all clients together: codes of this person are not looked at any more",
        "find out who guesses (diagnose login show user NAME), then: diagnose login unlock NAME";
    /// Disabled, locked, unassigned, provisioned again or given another password between the check of
    /// the password and the record.
    ChangedMeanwhile = "changed-meanwhile",
        "the user or the token was changed while this login was under way",
        "the user logs in again; 'show user local' and 'show user fortitoken' say how it stands now";
    /// The answer to a challenge came twice, was never asked for, or is somebody else's.
    ChallengeUnknown = "challenge-unknown",
        "the answer belongs to no open challenge of this user at this client: it came a second time or after a restart, or others that were opened since took its place",
        "the user logs in again; what is shown says if the challenge is another user's or another client's";
    /// It came late.
    ChallengeExpired = "challenge-expired",
        "the answer came when the time for it was over",
        "the user logs in again, and answers sooner. For a token's code there is more time with: config system global / set two-factor-ftk-expiry; for the next code, and for a new password, it is always the same";
}

impl Reason {
    /// Whether somebody who does not know a name, its password or its code would be refused for it.
    pub const fn is_wrong_guess(self) -> bool {
        // The last nobody can guess their way past, and a name that is nobody's would count.
        matches!(
            self,
            Self::UserUnknown | Self::PasswordWrong | Self::MethodNeedsLegacySecret
        ) || self.is_wrong_code()
    }

    /// Whether it counts as a wrong code of a person whose first factor was right: so does what a person denies.
    pub const fn is_wrong_code(self) -> bool {
        matches!(
            self,
            Self::CodeWrong
                | Self::ClockSlow
                | Self::ClockFast
                | Self::CodeMalformed
                | Self::SentCodeWrong
                | Self::PushDenied
                | Self::PushNotMe
                | Self::PushNumberWrong
                | Self::RecoveryCodeWrong
        )
    }

    /// The reason with this identifier.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.id() == id)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_unique_and_lead_back() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_id(reason.id()), Some(*reason));
            assert!(!reason.cause().is_empty() && !reason.next_step().is_empty());
        }
        assert_eq!(Reason::from_id("no-such-reason"), None);
    }

    /// All refusals say the same to the user.
    #[test]
    fn an_explanation_is_nothing_that_the_user_reads() {
        for reason in Reason::ALL {
            assert!(!reason.cause().contains("reads:"), "{reason}");
        }
    }
}
