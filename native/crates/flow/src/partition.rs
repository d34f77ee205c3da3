//! Which requests may travel together: those with the same values of the chosen metadata keys.

use std::sync::Arc;

use crate::parcel::Context;

/// The metadata keys a batcher keeps apart, in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partitioning {
    keys: Vec<Box<str>>,
}

/// The values of one partition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Key(Box<[u8]>);

impl Partitioning {
    /// Partitions by these keys, whatever their case; by none, there is one partition.
    pub fn new<S: AsRef<str>>(keys: impl IntoIterator<Item = S>) -> Self {
        let keys = keys.into_iter().map(|key| key.as_ref().to_ascii_lowercase().into_boxed_str()).collect();
        Partitioning { keys }
    }

    /// Whether all requests are in one partition.
    pub(crate) fn is_one(&self) -> bool {
        self.keys.is_empty()
    }

    /// The partition of requests with this context. Every value is told apart from every list of others.
    pub(crate) fn key(&self, context: &Context) -> Key {
        if self.keys.is_empty() {
            return Key::default();
        }
        let mut bytes = Vec::new();
        for key in &self.keys {
            let values: Vec<&str> = context.values(key).collect();
            bytes.extend_from_slice(&(values.len() as u64).to_le_bytes());
            for value in values {
                bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
                bytes.extend_from_slice(value.as_bytes());
            }
        }
        Key(bytes.into_boxed_slice())
    }

    /// What batches of the partition carry: the chosen keys, and when their senders are answered.
    pub(crate) fn context(&self, context: &Context) -> Arc<Context> {
        let chosen = |(name, _): &&(Box<str>, Box<str>)| self.keys.contains(name);
        let metadata = context.metadata.iter().filter(chosen).cloned().collect();
        Arc::new(Context { metadata, ack: context.ack, ..Context::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(pairs: &[(&str, &str)]) -> Context {
        let metadata = pairs.iter().map(|(name, value)| (Box::from(*name), Box::from(*value))).collect();
        Context { metadata, ..Context::default() }
    }

    #[test]
    fn values_are_told_apart_however_they_are_cut() {
        let by = Partitioning::new(["Tenant", "x-zone"]);
        let one = context(&[("tenant", "ab"), ("x-zone", "c"), ("other", "1")]);
        let two = context(&[("tenant", "a"), ("x-zone", "bc")]);
        let many = context(&[("tenant", "ab"), ("tenant", "c")]);
        assert_ne!(by.key(&one), by.key(&two));
        assert_ne!(by.key(&one), by.key(&many));
        assert_eq!(by.key(&one), by.key(&context(&[("x-zone", "c"), ("tenant", "ab")])));
        assert_eq!(by.context(&one).metadata.len(), 2);
        assert_eq!(Partitioning::default().key(&one), Partitioning::default().key(&two));
    }
}
