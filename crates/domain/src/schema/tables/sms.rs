//! `config system sms-server`, and the fields that say how a person is reached.

use super::{choice, field};
use crate::access::Area;
use crate::schema::{Field, Key, KeyForm, Kind, Scope, Shape, Table};

/// `config system sms-server`. Behind `mail-server` stand the fields of an HTTP gateway, which the
/// described system does not have.
pub static SMS_SERVER: Table = Table {
    path: "system sms-server",
    help: "Configure SMS server for sending SMS messages to support user authentication.",
    scope: Scope::Global,
    area: Area::System,
    shape: Shape::Keyed(Key {
        name: "name",
        help: "Name of SMS server.",
        form: KeyForm::Name(35),
    }),
    fields: &[
        field(
            "mail-server",
            Kind::Host(63),
            "",
            "Email-to-SMS server domain name: the message goes by mail to NUMBER@DOMAIN.",
        )
        .such_as("sms.example.net"),
        field(
            "url",
            Kind::Text(255),
            "",
            "HTTP gateway in place of a domain; %%PHONE%%, %%MESSAGE%% and %%KEY%% are filled in.",
        )
        .such_as("https://sms.example.net/send"),
        field(
            "method",
            Kind::Choice(&[
                choice("post", "POST, with a body."),
                choice("put", "PUT, with a body."),
                choice("get", "GET, all in the URL."),
            ]),
            "post",
            "How the HTTP gateway is asked.",
        ),
        field(
            "header",
            Kind::List(&Kind::Text(255)),
            "",
            "Header lines of the request, NAME: VALUE each; filled in as the URL is.",
        )
        .such_as("Authorization: Bearer %%KEY%%"),
        field(
            "content",
            Kind::Choice(&[
                choice(
                    "json",
                    "JSON: what is filled in is escaped within its quotes.",
                ),
                choice("form", "Form: what is filled in is percent-encoded."),
                choice("text", "Plain text: what is filled in stands as it is."),
            ]),
            "json",
            "What the body is.",
        ),
        field(
            "body",
            Kind::Text(1_023),
            "",
            "Body of the request; filled in as the URL is.",
        )
        .such_as("to=%%PHONE%%&text=%%MESSAGE%%"),
        field(
            "key",
            Kind::Secret(255),
            "",
            "What lets this unit in: filled in for %%KEY%%, and never shown.",
        ),
    ],
    children: &[],
};

pub(super) const LANGUAGES: Kind =
    Kind::Choice(&[choice("english", "English."), choice("french", "French.")]);

pub(super) const NOTIFICATION: Field = field(
    "two-factor-notification",
    Kind::Choice(&[
        choice("email", "Activation codes go by mail."),
        choice("sms", "Activation codes go by SMS."),
    ]),
    "",
    "Notification method for user activation; by mail if there is an address, else by SMS, unless set.",
);

pub(super) const SERVER: Field = field(
    "sms-server",
    Kind::Choice(&[
        choice(
            "fortiguard",
            "Send SMS by the SMS server that is called fortiguard here.",
        ),
        choice("custom", "Send SMS by custom server."),
    ]),
    "fortiguard",
    "Send SMS through FortiGuard or other external server.",
);

pub(super) const CUSTOM_SERVER: Field = field(
    "sms-custom-server",
    Kind::Reference(&["system sms-server"]),
    "",
    "Two-factor recipient's SMS server.",
);

pub(super) const PHONE: Field = field(
    "sms-phone",
    Kind::Text(15),
    "",
    "Two-factor recipient's mobile phone number.",
)
.such_as("+491701234567");
