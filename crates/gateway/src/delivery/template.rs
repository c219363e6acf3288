//! Texts with places that are filled in: `%%NAME%%`, as the described system writes them.

/// What stands around a name.
const MARK: &str = "%%";

/// Puts each value in place of its name, escaped for where it comes to stand. What is filled in is not
/// looked at again; a name that is none stays.
pub(super) fn fill(
    template: &str,
    values: &[(&str, impl AsRef<str>)],
    escape: impl Fn(&str) -> String,
) -> String {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once(MARK) {
        filled.push_str(before);
        let named = after.split_once(MARK).and_then(|(name, behind)| {
            let (_, value) = values.iter().find(|(known, _)| *known == name)?;
            Some((value, behind))
        });
        match named {
            Some((value, behind)) => {
                filled.push_str(&escape(value.as_ref()));
                rest = behind;
            }
            None => {
                filled.push_str(MARK);
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// As it is.
pub(super) fn plain(text: &str) -> String {
    text.to_owned()
}

/// Within HTML, also within the quotes of an attribute.
pub(super) fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Within the quotes of a JSON string (RFC 8259, 7).
pub(super) fn json(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// Within a URL or a form: all but the unreserved characters is encoded (RFC 3986, 2.3).
pub(super) fn percent(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for octet in text.bytes() {
        match octet {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(octet));
            }
            _ => encoded.push_str(&format!("%{octet:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: &[(&str, &str)] = &[("PHONE", "+49 170"), ("MESSAGE", "a \"b\" %%PHONE%% <c>")];

    #[test]
    fn values_are_escaped_for_where_they_stand_and_not_looked_at_again() {
        for (template, escape, filled) in [
            (
                "%%PHONE%%: %%MESSAGE%%",
                plain as fn(&str) -> String,
                "+49 170: a \"b\" %%PHONE%% <c>",
            ),
            (
                r#"{"t":"%%MESSAGE%%"}"#,
                json,
                r#"{"t":"a \"b\" %%PHONE%% <c>"}"#,
            ),
            ("to=%%PHONE%%&x=1", percent, "to=%2B49%20170&x=1"),
            (
                "<p>%%MESSAGE%%</p>",
                html,
                "<p>a &quot;b&quot; %%PHONE%% &lt;c&gt;</p>",
            ),
        ] {
            assert_eq!(fill(template, VALUES, escape), filled);
        }
    }

    #[test]
    fn marks_that_name_nothing_stay() {
        for text in ["100%% of %%", "%%OTHER%% x", "%%", "%%PHONE"] {
            assert_eq!(fill(text, VALUES, plain), text);
        }
        assert_eq!(fill("%%OTHER%%PHONE%%", VALUES, plain), "%%OTHER+49 170");
    }
}
