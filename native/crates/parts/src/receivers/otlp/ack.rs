//! When the senders of a receiver are answered: as its `ack` says or, where it lets them, as a header asks. Which levels
//! the way behind a receiver can give is found out by the control plane, before anything starts.

use std::borrow::Cow;

use http::HeaderMap;
use serde::Deserialize;
use teleferric_flow::{AckLevel, Fault, FaultCode};
use teleferric_wire::Signal;

use crate::component::StartError;

/// The header, and the key of metadata, by which a sender asks for a level.
pub const ACK_HEADER: &str = "x-teleferric-ack";

/// `ack` and `ack_header`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AckConfig {
    /// received, persisted or delivered; none: each stage on the way answers by itself.
    pub level: Option<String>,
    /// What senders may choose by header; none: the header is not read.
    pub choices: Option<AckChoices>,
    /// How many exporters must have a request at level delivered; none: all.
    pub quorum: Option<u64>,
}

/// Levels by signal.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AckChoices {
    /// For traces.
    pub traces: Vec<String>,
    /// For metrics.
    pub metrics: Vec<String>,
    /// For logs.
    pub logs: Vec<String>,
    /// For profiles.
    pub profiles: Vec<String>,
}

/// The levels of one receiver.
#[derive(Debug, Default)]
pub struct Acks {
    level: Option<AckLevel>,
    choices: Option<[Vec<AckLevel>; Signal::ALL.len()]>,
    quorum: Option<usize>,
}

impl Acks {
    /// The levels that `config` asks for.
    ///
    /// # Errors
    /// A word that is no level.
    pub fn new(config: &AckConfig) -> Result<Acks, StartError> {
        let choices = config.choices.as_ref().map(|choices| {
            let of = |words: &[String]| words.iter().map(|word| level(word)).collect::<Result<Vec<_>, _>>();
            Ok([of(&choices.traces)?, of(&choices.metrics)?, of(&choices.logs)?, of(&choices.profiles)?])
        });
        let quorum = config.quorum.map(|quorum| usize::try_from(quorum).unwrap_or(usize::MAX));
        Ok(Acks { level: config.level.as_deref().map(level).transpose()?, choices: choices.transpose()?, quorum })
    }

    /// How many exporters must have a request whose sender is answered at this level, if not all.
    pub(super) fn quorum(&self, level: Option<AckLevel>) -> Option<usize> {
        self.quorum.filter(|_| level == Some(AckLevel::Delivered))
    }

    /// The level of a request of `signal`; `word` finds what it asks for, and is not called where it may not ask.
    ///
    /// # Errors
    /// The refusal of a word that is no level, or a level that the way cannot give.
    pub fn of<'a>(
        &self,
        signal: Signal,
        word: impl FnOnce() -> Option<Cow<'a, str>>,
    ) -> Result<Option<AckLevel>, Fault> {
        let Some(choices) = &self.choices else { return Ok(self.level) };
        let Some(word) = word() else { return Ok(self.level) };
        let Some(level) = AckLevel::from_name(&word) else {
            let word = word.chars().take(WORD_CHARS_MAX).collect::<String>();
            return Err(refusal(format!("\"{word}\" is none of {}", names(&AckLevel::ALL))));
        };
        let choices = choices.get(signal.index()).map_or(&[][..], Vec::as_slice);
        if choices.contains(&level) {
            return Ok(Some(level));
        }
        Err(refusal(format!("{} cannot be had for {signal} here; ask for one of {}", level.name(), names(choices))))
    }

    /// As [`Acks::of`], for a request with these headers.
    pub(super) fn of_headers(&self, signal: Signal, headers: &HeaderMap) -> Result<Option<AckLevel>, Fault> {
        self.of(signal, || headers.get(ACK_HEADER).map(|value| String::from_utf8_lossy(value.as_bytes())))
    }
}

/// How much of a sender's word is repeated to it.
const WORD_CHARS_MAX: usize = 64;

fn level(word: &str) -> Result<AckLevel, StartError> {
    AckLevel::from_name(word).ok_or_else(|| StartError::new(format!("invalid ack: \"{word}\"")))
}

fn names(levels: &[AckLevel]) -> String {
    levels.iter().map(|level| level.name()).collect::<Vec<_>>().join(", ")
}

fn refusal(what: String) -> Fault {
    Fault::new(FaultCode::Malformed, format!("{ACK_HEADER}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_get_the_level_they_ask_for_or_are_told_which_there_are() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let choices = AckChoices { logs: words(&["received", "delivered"]), ..AckChoices::default() };
        let config = AckConfig { level: Some("received".into()), choices: Some(choices), quorum: None };
        let acks = Acks::new(&config).unwrap();
        let of = |word: Option<&'static str>| acks.of(Signal::Logs, || word.map(Cow::from));
        assert_eq!(of(None), Ok(Some(AckLevel::Received)));
        assert_eq!(of(Some("delivered")), Ok(Some(AckLevel::Delivered)));
        for (word, says) in [
            ("persisted", "persisted cannot be had for logs here; ask for one of received, delivered"),
            ("Delivered", "\"Delivered\" is none of received, persisted, delivered"),
            ("", "\"\" is none of received, persisted, delivered"),
        ] {
            let fault = of(Some(word)).unwrap_err();
            assert_eq!(fault.message, format!("x-teleferric-ack: {says}"));
            assert_eq!((fault.http_status(), fault.is_permanent()), (400, true));
        }
        assert!(Acks::new(&AckConfig { level: Some("kept".into()), choices: None, quorum: None }).is_err());
    }
}
