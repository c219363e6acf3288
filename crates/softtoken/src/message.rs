/// Declares one side of an endpoint: an enum over its message types, read and written by `__type`.
///
/// Each message type has `write(&self, &mut Object)` and `read(&mut Fields)` for what follows
/// `__type` and `__version`.
macro_rules! messages {
    (
        $(#[$doc:meta])*
        pub enum $name:ident($limit:expr, $debug:expr) {
            $($(#[$variant_doc:meta])* $variant:ident($message:ty) = $type:literal,)+
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {
            $($(#[$variant_doc])* $variant($message),)+
        }

        impl $name {
            /// The most bytes that [`Self::parse`] looks at.
            pub const MAX_BYTES: usize = $limit;

            /// Reads one message to its last byte.
            pub fn parse(bytes: &[u8]) -> Result<Self, crate::MessageError> {
                let mut fields = crate::json::parse(bytes, Self::MAX_BYTES)?;
                let name = fields.text("__type")?;
                let read = match name.as_str() {
                    $($type => |fields: &mut _| <$message>::read(fields).map(Self::$variant),)+
                    unknown => return Err(crate::json::unknown_type(unknown)),
                };
                fields.version()?;
                let message = read(&mut fields)?;
                fields.finish()?;
                Ok(message)
            }

            /// The bytes for the wire, secrets and all.
            pub fn to_json(&self) -> zeroize::Zeroizing<String> {
                self.write(crate::json::Form::Wire)
            }

            /// The debug log's form, in which `<sealed>` or `X` stand for what is secret.
            pub fn debug_text(&self) -> String {
                std::mem::take(&mut *self.write($debug))
            }

            fn write(&self, form: crate::json::Form) -> zeroize::Zeroizing<String> {
                crate::json::Object::envelope(form, |object| match self {
                    $(Self::$variant(message) => {
                        object.text("__type", $type);
                        object.text("__version", crate::VERSION);
                        message.write(object);
                    })+
                })
            }
        }

        $(impl From<$message> for $name {
            fn from(message: $message) -> Self {
                Self::$variant(message)
            }
        })+
    };
}

pub(crate) use messages;
