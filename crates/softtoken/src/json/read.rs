use crate::VERSION;
use crate::limits::{MAX_DEPTH, MAX_FIELDS, MAX_ITEMS};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use std::fmt;
use zeroize::Zeroizing;

/// Why bytes are not a message of this protocol. The sender is at fault: HTTP 400.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Longer than the endpoint takes. HTTP 413.
    #[error("the message has {got} bytes; the limit is {limit}")]
    TooLarge {
        /// Bytes that came.
        got: usize,
        /// Bytes that are taken.
        limit: usize,
    },
    /// Not JSON, or JSON that no message has: a key twice, too deep, a fraction. Names line and column.
    #[error("not a message: {0}")]
    Json(String),
    /// A `__type` that this endpoint does not know.
    #[error("{0:?} is not a message type of this endpoint")]
    UnknownType(String),
    /// Another `__version` than "4".
    #[error("version {0:?} of the protocol is not spoken here; use \"4\"")]
    Version(String),
    /// A field is missing, unknown or wrong.
    #[error("{path}: {problem}")]
    Field {
        /// Where, such as `d.tokens[3].seed`.
        path: String,
        /// What.
        problem: FieldProblem,
    },
}

/// What is wrong with a field. Never repeats its value, which may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldProblem {
    /// It is not there.
    #[error("is missing")]
    Missing,
    /// No such field belongs there.
    #[error("is not a field of this message")]
    Unknown,
    /// Another JSON type.
    #[error("should be {wanted}, not {found}")]
    Type {
        /// What it should be.
        wanted: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// The right type with a wrong value.
    #[error("{0}")]
    Value(String),
}

/// A JSON value as the messages use them: no fractions, no booleans.
pub(crate) enum Node {
    Null,
    Integer(i64),
    Text(Zeroizing<String>),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

/// The fields of one object, taken one by one; what is left over is an error.
pub(crate) struct Fields {
    path: String,
    entries: Vec<(String, Node)>,
}

/// Reads `{"d":{…}}` and returns the fields of `d`.
pub(crate) fn parse(bytes: &[u8], limit: usize) -> Result<Fields, MessageError> {
    if bytes.len() > limit {
        return Err(MessageError::TooLarge {
            got: bytes.len(),
            limit,
        });
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let node = Level(MAX_DEPTH)
        .deserialize(&mut json)
        .and_then(|node| json.end().map(|()| node))
        .map_err(|error| MessageError::Json(error.to_string()))?;
    let mut envelope = Fields::from_node(String::new(), node)?;
    let message = envelope.object("d")?;
    envelope.finish()?;
    Ok(message)
}

/// The error for a `__type` that the endpoint does not know; shows so much of it as a log line takes.
pub(crate) fn unknown_type(name: &str) -> MessageError {
    MessageError::UnknownType(name.chars().take(MAX_SHOWN_CHARS).collect())
}

/// Characters of a peer's text in an error.
const MAX_SHOWN_CHARS: usize = 64;

impl Fields {
    /// Takes `__version`, which must be [`VERSION`].
    pub(crate) fn version(&mut self) -> Result<(), MessageError> {
        let version = self.text("__version")?;
        if *version == VERSION {
            Ok(())
        } else {
            Err(MessageError::Version(
                version.chars().take(MAX_SHOWN_CHARS).collect(),
            ))
        }
    }

    /// Whether there is such a field: few are left out where they say nothing.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|(key, _)| key == name)
    }

    /// A field that must be null.
    pub(crate) fn null(&mut self, name: &str) -> Result<(), MessageError> {
        match self.take(name)? {
            Node::Null => Ok(()),
            other => Err(self.wrong_type(name, "null", &other)),
        }
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<Zeroizing<String>, MessageError> {
        match self.take(name)? {
            Node::Text(text) => Ok(text),
            other => Err(self.wrong_type(name, "text", &other)),
        }
    }

    pub(crate) fn optional_text(
        &mut self,
        name: &str,
    ) -> Result<Option<Zeroizing<String>>, MessageError> {
        match self.take(name)? {
            Node::Null => Ok(None),
            Node::Text(text) => Ok(Some(text)),
            other => Err(self.wrong_type(name, "text or null", &other)),
        }
    }

    /// A text, read by `read`.
    pub(crate) fn parsed<T, E: fmt::Display>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, MessageError> {
        let text = self.text(name)?;
        read(&text).map_err(|error| self.wrong_value(name, error))
    }

    /// A text, read by `read`, or null.
    pub(crate) fn optional<T, E: fmt::Display>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, MessageError> {
        let text = self.optional_text(name)?;
        text.map(|text| read(&text))
            .transpose()
            .map_err(|error| self.wrong_value(name, error))
    }

    /// A whole number that fits into `T`.
    pub(crate) fn integer<T: TryFrom<i64>>(&mut self, name: &str) -> Result<T, MessageError> {
        match self.take(name)? {
            Node::Integer(number) => number
                .try_into()
                .map_err(|_| self.wrong_value(name, "is out of range")),
            other => Err(self.wrong_type(name, "a whole number", &other)),
        }
    }

    pub(crate) fn object(&mut self, name: &str) -> Result<Self, MessageError> {
        let node = self.take(name)?;
        Self::from_node(self.path_of(name), node)
    }

    pub(crate) fn optional_object(&mut self, name: &str) -> Result<Option<Self>, MessageError> {
        match self.take(name)? {
            Node::Null => Ok(None),
            node => Self::from_node(self.path_of(name), node).map(Some),
        }
    }

    /// An array of at most `limit` objects; each is read to its last field.
    pub(crate) fn objects<T>(
        &mut self,
        name: &str,
        limit: usize,
        read: impl Fn(&mut Self) -> Result<T, MessageError>,
    ) -> Result<Vec<T>, MessageError> {
        let path = self.path_of(name);
        let read_one = |(index, node)| {
            let mut item = Self::from_node(format!("{path}[{index}]"), node)?;
            let value = read(&mut item)?;
            item.finish()?;
            Ok(value)
        };
        let node = self.take(name)?;
        self.items(name, node, limit)?
            .into_iter()
            .enumerate()
            .map(read_one)
            .collect()
    }

    /// An array of at most `limit` texts, each read by `read`.
    pub(crate) fn texts<T, E: fmt::Display>(
        &mut self,
        name: &str,
        limit: usize,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Vec<T>, MessageError> {
        let node = self.take(name)?;
        let read_one = |(index, node)| {
            let name = format!("{name}[{index}]");
            match node {
                Node::Text(text) => read(&text).map_err(|error| self.wrong_value(&name, error)),
                other => Err(self.wrong_type(&name, "text", &other)),
            }
        };
        self.items(name, node, limit)?
            .into_iter()
            .enumerate()
            .map(read_one)
            .collect()
    }

    /// Every field must have been taken.
    pub(crate) fn finish(self) -> Result<(), MessageError> {
        match self.entries.first() {
            None => Ok(()),
            Some((name, _)) => Err(self.problem(name, FieldProblem::Unknown)),
        }
    }

    pub(crate) fn wrong_value(&self, name: &str, reason: impl fmt::Display) -> MessageError {
        self.problem(name, FieldProblem::Value(reason.to_string()))
    }

    fn from_node(path: String, node: Node) -> Result<Self, MessageError> {
        match node {
            Node::Object(entries) => Ok(Self { path, entries }),
            other => Err(MessageError::Field {
                path: if path.is_empty() {
                    "the message".to_owned()
                } else {
                    path
                },
                problem: FieldProblem::Type {
                    wanted: "an object",
                    found: other.kind(),
                },
            }),
        }
    }

    fn items(&self, name: &str, node: Node, limit: usize) -> Result<Vec<Node>, MessageError> {
        match node {
            Node::Array(items) if items.len() <= limit => Ok(items),
            Node::Array(items) => {
                let got = items.len();
                Err(self.wrong_value(name, format_args!("has {got} items; the limit is {limit}")))
            }
            other => Err(self.wrong_type(name, "an array", &other)),
        }
    }

    fn take(&mut self, name: &str) -> Result<Node, MessageError> {
        match self.entries.iter().position(|(key, _)| key == name) {
            Some(index) => Ok(self.entries.remove(index).1),
            None => Err(self.problem(name, FieldProblem::Missing)),
        }
    }

    fn wrong_type(&self, name: &str, wanted: &'static str, node: &Node) -> MessageError {
        self.problem(
            name,
            FieldProblem::Type {
                wanted,
                found: node.kind(),
            },
        )
    }

    fn problem(&self, name: &str, problem: FieldProblem) -> MessageError {
        MessageError::Field {
            path: self.path_of(name),
            problem,
        }
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }
}

impl Node {
    fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Integer(_) => "a number",
            Self::Text(_) => "text",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }
}

/// Reads one value with so many levels left below and including it.
struct Level(usize);

impl Level {
    fn below<E: serde::de::Error>(&self) -> Result<Self, E> {
        match self.0.checked_sub(1) {
            Some(levels) => Ok(Self(levels)),
            None => Err(E::custom(format_args!(
                "nested deeper than {MAX_DEPTH} levels"
            ))),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Level {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object, an array, text, a whole number or null")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Integer(number))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Node, E> {
        i64::try_from(number)
            .map(Node::Integer)
            .map_err(|_| E::custom("number out of range"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(Zeroizing::new(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut array = Vec::new();
        while let Some(node) = items.next_element_seed(self.below()?)? {
            if array.len() == MAX_ITEMS {
                return Err(A::Error::custom(format_args!(
                    "more than {MAX_ITEMS} items"
                )));
            }
            array.push(node);
        }
        Ok(Node::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut object: Vec<(String, Node)> = Vec::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.len() == MAX_FIELDS {
                return Err(A::Error::custom(format_args!(
                    "more than {MAX_FIELDS} fields"
                )));
            }
            if object.iter().any(|(known, _)| *known == key) {
                return Err(A::Error::custom(format_args!(
                    "the key {key:?} stands twice"
                )));
            }
            object.push((key, entries.next_value_seed(self.below()?)?));
        }
        Ok(Node::Object(object))
    }
}
