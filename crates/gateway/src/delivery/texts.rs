//! What people are told, in the languages that they may read. Lines of an SMS hold to the GSM alphabet
//! (3GPP TS 23.038, 6.2.1): another would halve what fits into one.

use domain::contact::Language;

/// The texts of a language, with places for what is filled in.
pub(super) struct Texts {
    pub(super) activation_subject: &'static str,
    pub(super) activation: &'static str,
    pub(super) activation_page: &'static str,
    pub(super) activation_sms: &'static str,
    pub(super) transfer_subject: &'static str,
    pub(super) transfer: &'static str,
    pub(super) transfer_page: &'static str,
    pub(super) transfer_sms: &'static str,
    pub(super) moved_subject: &'static str,
    pub(super) moved: &'static str,
    pub(super) moved_sms: &'static str,
    pub(super) login_subject: &'static str,
    pub(super) login: &'static str,
    pub(super) login_sms: &'static str,
}

impl Texts {
    /// Those of a language.
    pub(super) fn of(language: Language) -> &'static Self {
        match language {
            Language::English => &ENGLISH,
            Language::French => &FRENCH,
        }
    }
}

static ENGLISH: Texts = Texts {
    activation_subject: "Activate your token",
    activation: include_str!("texts/en/activation.txt"),
    activation_page: include_str!("texts/en/activation.html"),
    activation_sms: include_str!("texts/en/activation.sms.txt"),
    transfer_subject: "Your token's transfer code",
    transfer: include_str!("texts/en/transfer.txt"),
    transfer_page: include_str!("texts/en/transfer.html"),
    transfer_sms: include_str!("texts/en/transfer.sms.txt"),
    moved_subject: "Your token is on another phone",
    moved: include_str!("texts/en/moved.txt"),
    moved_sms: include_str!("texts/en/moved.sms.txt"),
    login_subject: "Your login code",
    login: include_str!("texts/en/login.txt"),
    login_sms: include_str!("texts/en/login.sms.txt"),
};

static FRENCH: Texts = Texts {
    activation_subject: "Activez votre jeton",
    activation: include_str!("texts/fr/activation.txt"),
    activation_page: include_str!("texts/fr/activation.html"),
    activation_sms: include_str!("texts/fr/activation.sms.txt"),
    transfer_subject: "Code de transfert de votre jeton",
    transfer: include_str!("texts/fr/transfer.txt"),
    transfer_page: include_str!("texts/fr/transfer.html"),
    transfer_sms: include_str!("texts/fr/transfer.sms.txt"),
    moved_subject: "Votre jeton est sur un autre téléphone",
    moved: include_str!("texts/fr/moved.txt"),
    moved_sms: include_str!("texts/fr/moved.sms.txt"),
    login_subject: "Votre code de connexion",
    login: include_str!("texts/fr/login.txt"),
    login_sms: include_str!("texts/fr/login.sms.txt"),
};
