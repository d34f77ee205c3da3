//! What the host found out about a request that it hands over: its own TLS, authentication and routing were in charge.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, de};
use teleferric_flow::Class;
use teleferric_flow::tenant::NAME_BYTES_MAX;

/// Among the extensions of a request's head. As JSON `{tenant, principal, priority}`, of which each may be null.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verdict {
    /// Whose request it is.
    #[serde(deserialize_with = "name")]
    pub tenant: Option<Arc<str>>,
    /// Who has authenticated.
    #[serde(deserialize_with = "name")]
    pub principal: Option<Arc<str>>,
    /// How much the request matters.
    #[serde(rename = "priority", deserialize_with = "class")]
    pub class: Option<Class>,
}

impl Verdict {
    /// What the host has said; of a request that came over a socket of the collector's own, nothing.
    pub fn of(head: &http::request::Parts) -> &Verdict {
        head.extensions.get().unwrap_or(&NOTHING)
    }
}

static NOTHING: Verdict = Verdict { tenant: None, principal: None, class: None };

fn name<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Arc<str>>, D::Error> {
    let name = Option::<String>::deserialize(from)?;
    if name.as_ref().is_some_and(|name| name.is_empty() || name.len() > NAME_BYTES_MAX) {
        return Err(de::Error::custom(format!("a name has 1 to {NAME_BYTES_MAX} bytes")));
    }
    Ok(name.map(Arc::from))
}

fn class<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Class>, D::Error> {
    let number = Option::<u8>::deserialize(from)?;
    let class = |number| Class::new(number).ok_or_else(|| de::Error::custom("a priority is 0, 1, 2 or 3"));
    number.map(class).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Verdict, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn what_the_host_says_is_read_strictly() {
        let verdict = parse(r#"{"tenant": "a", "principal": null, "priority": 3}"#).expect("valid");
        assert_eq!(verdict, Verdict { tenant: Some("a".into()), principal: None, class: Class::new(3) });
        for (text, why) in [
            (r#"{"tenant": "", "principal": null, "priority": null}"#, "a name has 1 to 256 bytes"),
            (r#"{"tenant": null, "principal": null, "priority": 4}"#, "a priority is 0, 1, 2 or 3"),
            (r#"{"tenant": null, "principal": null}"#, "missing field `priority`"),
        ] {
            assert!(parse(text).is_err_and(|error| error.contains(why)), "{text}");
        }
    }
}
