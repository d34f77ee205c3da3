//! The key that a storage is encrypted with: where it is, and how it is written there.

use serde::Deserialize;
use teleferric_flow::{KEY_BYTES, Key};

/// `file_storage.encryption`.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Encryption {
    /// The file with the key.
    pub key_file: Option<String>,
    /// The variable of the environment with the key, if it is not in a file.
    pub key_env: Option<String>,
}

impl Encryption {
    /// Reads the key.
    ///
    /// # Errors
    /// It is not there, or is none; the key itself is not told.
    pub fn key(&self) -> Result<Key, String> {
        let (place, text) = match (&self.key_file, &self.key_env) {
            (Some(file), _) => {
                (file, std::fs::read(file).map_err(|error| format!("cannot read the key in {file}: {error}"))?)
            }
            (None, Some(name)) => {
                let text = std::env::var(name).map_err(|_| format!("the environment has no key in {name}"))?;
                (name, text.into_bytes())
            }
            (None, None) => return Err("there is no key to encrypt with".to_owned()),
        };
        let secret = secret(&text);
        let secret =
            secret.ok_or_else(|| format!("the key in {place} must be {KEY_BYTES} bytes or as many in hexadecimal"))?;
        Ok(Key::new(&secret))
    }
}

/// A key as bytes or as hexadecimal digits, with blanks around those.
fn secret(text: &[u8]) -> Option<[u8; KEY_BYTES]> {
    if let Ok(secret) = text.try_into() {
        return Some(secret);
    }
    let digits = text.trim_ascii();
    let mut secret = [0; KEY_BYTES];
    if digits.len() != 2 * KEY_BYTES {
        return None;
    }
    for (byte, pair) in secret.iter_mut().zip(digits.chunks(2)) {
        let pair = std::str::from_utf8(pair).ok().filter(|pair| !pair.starts_with('+'))?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_bytes_or_hexadecimal_and_nothing_else() {
        let bytes: [u8; KEY_BYTES] = std::array::from_fn(|at| at as u8 * 7);
        let hexadecimal: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        for text in [&bytes[..], hexadecimal.as_bytes(), format!(" {hexadecimal}\n").to_uppercase().as_bytes()] {
            assert_eq!(secret(text), Some(bytes));
        }
        for text in ["", "secret", &hexadecimal[1..], &hexadecimal.replace('0', "g"), &hexadecimal.replace("07", "+7")]
        {
            assert_eq!(secret(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_key_that_is_not_there_is_named() {
        let error = |key_file: Option<&str>, key_env: Option<&str>| {
            let encryption = Encryption { key_file: key_file.map(str::to_owned), key_env: key_env.map(str::to_owned) };
            encryption.key().unwrap_err()
        };
        assert!(error(Some("/missing/key"), None).starts_with("cannot read the key in /missing/key: "));
        assert_eq!(error(None, Some("TELEFERRIC_NO_SUCH_KEY")), "the environment has no key in TELEFERRIC_NO_SUCH_KEY");
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, "short").unwrap();
        let told = error(file.to_str(), None);
        assert_eq!(told, format!("the key in {} must be 32 bytes or as many in hexadecimal", file.display()));
    }
}
