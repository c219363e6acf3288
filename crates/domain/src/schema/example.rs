//! What fields may hold, by example: for the manual.

use super::{Effect, Field, Kind, Table, Value};

impl Field {
    /// The field with what it typically holds.
    pub(super) const fn such_as(self, sample: &'static str) -> Self {
        Self { sample, ..self }
    }

    /// Something that the field takes: its sample, else what its kind suggests. A secret is open here.
    pub fn example(&self) -> Value {
        let text = match self.sample {
            "" if matches!(self.effect, Effect::Fixed(_)) => self.default.to_owned(),
            "" => suggested(&self.kind, self.default),
            sample => sample.to_owned(),
        };
        match self.kind {
            Kind::List(_) => Value::List(vec![text.into()]),
            _ => Value::Text(text.into()),
        }
    }

    #[cfg(test)]
    pub(super) fn example_is_valid(&'static self) -> bool {
        let example = self.example();
        let texts = example.texts().iter();
        let is_settable = self.access == super::Access::Administrator;
        !is_settable
            || self
                .parse(&texts.map(ToString::to_string).collect::<Vec<_>>())
                .is_ok()
    }
}

impl Table {
    /// A key that an entry may have: one by which another table refers to it, or its name with a number.
    pub fn example_key(&self) -> String {
        let referring = super::ALL.iter().flat_map(|table| table.with_children());
        let mut samples = referring
            .flat_map(|table| table.fields)
            .filter(|field| field.kind.references().first() == Some(&self.path))
            .map(|field| field.sample)
            .filter(|sample| !sample.is_empty());
        match (samples.next(), self.key().map(|key| key.form)) {
            (Some(sample), _) => sample.to_owned(),
            (None, Some(super::KeyForm::Number(_))) => "1".to_owned(),
            (None, _) => format!("{}1", self.name()),
        }
    }

    /// The table and those inside its entries.
    pub fn with_children(&'static self) -> impl Iterator<Item = &'static Self> {
        std::iter::once(self).chain(self.children.iter().copied())
    }
}

fn suggested(kind: &Kind, default: &str) -> String {
    match kind {
        Kind::Choice(choices) => {
            let mut words = choices.iter().map(|choice| choice.word);
            let other = words.find(|word| *word != default);
            other.unwrap_or(default).to_owned()
        }
        Kind::Integer(min, _) if default.is_empty() => min.to_string(),
        Kind::Integer(..) => default.to_owned(),
        Kind::Reference(paths) => {
            let table = paths.first().and_then(|path| Table::at(path));
            table.map_or_else(String::new, Table::example_key)
        }
        Kind::List(kind) => suggested(kind, ""),
        Kind::Text(_) => "text".to_owned(),
        Kind::Secret(_) => "a long pass phrase".to_owned(),
        Kind::Pem(_) => "-----BEGIN CERTIFICATE-----\n...\n-----END CERTIFICATE-----".to_owned(),
        Kind::SecretPem(_) => {
            "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----".to_owned()
        }
        Kind::Moment => "1795334400".to_owned(),
        Kind::DateTime => "2027-01-31 08:00:00".to_owned(),
        Kind::Host(_) => "server.example.net".to_owned(),
        Kind::Address => "192.0.2.7".to_owned(),
        Kind::Address6 => "2001:db8::7".to_owned(),
        Kind::Subnet => "192.0.2.0/24".to_owned(),
        Kind::Netmask => "192.0.2.0 255.255.255.0".to_owned(),
        Kind::Prefix6 => "2001:db8::/32".to_owned(),
    }
}
