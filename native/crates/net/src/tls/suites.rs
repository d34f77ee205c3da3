//! Versions, cipher suites and groups: the names of Go's crypto/tls, and what of them ring can offer.

use std::sync::Arc;

use rustls::crypto::ring::{cipher_suite, default_provider, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::version::{TLS12, TLS13};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};

use super::{Suite, TlsConfig, TlsError, set};

pub(super) fn build(config: &TlsConfig) -> Result<Suite, TlsError> {
    let mut provider = default_provider();
    choose_suites(config, &mut provider)?;
    choose_groups(config, &mut provider)?;
    Ok(Suite { provider: Arc::new(provider), versions: versions(config)? })
}

pub(super) fn notes(config: &TlsConfig) -> Vec<String> {
    let suites = config.cipher_suites.iter().filter(|name| {
        let known = suite(name);
        known.is_some_and(|suite| suite.offered.is_none())
    });
    let groups = config.curve_preferences.iter().filter(|name| matches!(group(name), Some(None)));
    let word =
        |kind: &'static str| move |name: &String| format!("{kind} {name} is not available and will not be offered");
    suites.map(word("cipher suite")).chain(groups.map(word("curve"))).collect()
}

fn versions(config: &TlsConfig) -> Result<Vec<&'static SupportedProtocolVersion>, TlsError> {
    let parse = |key: &str, value: &Option<String>, default: u8| match set(value) {
        None => Ok(default),
        Some("1.0") => Ok(10),
        Some("1.1") => Ok(11),
        Some("1.2") => Ok(12),
        Some("1.3") => Ok(13),
        Some(other) => Err(TlsError::Config(format!("invalid TLS {key}: unsupported TLS version: {other:?}"))),
    };
    let min = parse("min_version", &config.min_version, 12)?;
    let max = parse("max_version", &config.max_version, 13)?;
    if min > max {
        return Err(TlsError::Config(
            "invalid TLS configuration: min_version cannot be greater than max_version".into(),
        ));
    }
    let offered: Vec<_> =
        [(13, &TLS13), (12, &TLS12)].into_iter().filter(|(v, _)| (min..=max).contains(v)).map(|(_, v)| v).collect();
    if offered.is_empty() {
        return Err(TlsError::Config(format!(
            "invalid TLS max_version: {:?} is not available, the lowest version offered is 1.2",
            config.max_version.as_deref().unwrap_or_default()
        )));
    }
    if min < 12 {
        return Err(TlsError::Config(format!(
            "invalid TLS min_version: {:?} is not available, the lowest version offered is 1.2",
            config.min_version.as_deref().unwrap_or_default()
        )));
    }
    Ok(offered)
}

fn choose_suites(config: &TlsConfig, provider: &mut CryptoProvider) -> Result<(), TlsError> {
    if config.cipher_suites.is_empty() {
        return Ok(());
    }
    let mut chosen = TLS13_SUITES.to_vec();
    let mut bad = Vec::new();
    for name in &config.cipher_suites {
        match suite(name) {
            None => bad.push(format!("invalid TLS cipher suite: {name:?}")),
            Some(suite) if suite.insecure && !config.include_insecure_cipher_suites => {
                bad.push(format!("invalid TLS cipher suite: {name:?} is insecure"));
            }
            Some(suite) => chosen.extend(suite.offered.filter(|offered| !chosen.contains(offered))),
        }
    }
    let only_tls12 = set(&config.max_version) == Some("1.2");
    if only_tls12 && chosen.len() == TLS13_SUITES.len() && bad.is_empty() {
        bad.push("none of the listed TLS cipher suites is available".to_owned());
    }
    if bad.is_empty() {
        provider.cipher_suites = chosen;
        return Ok(());
    }
    let available: Vec<_> = SUITES.iter().filter(|suite| suite.offered.is_some()).map(|suite| suite.name).collect();
    Err(TlsError::Config(format!("{}; available: {}", bad.join("; "), available.join(", "))))
}

fn choose_groups(config: &TlsConfig, provider: &mut CryptoProvider) -> Result<(), TlsError> {
    if config.curve_preferences.is_empty() {
        return Ok(());
    }
    let mut chosen = Vec::new();
    for name in &config.curve_preferences {
        let found = group(name).ok_or_else(|| {
            let known: Vec<_> = GROUPS.iter().map(|(name, _)| *name).collect();
            TlsError::Config(format!("invalid curve type: {name}. Expected values are [{}]", known.join(" ")))
        })?;
        chosen.extend(found);
    }
    if chosen.is_empty() {
        return Err(TlsError::Config(
            "none of the listed curve_preferences is available: use P256, P384 or X25519".into(),
        ));
    }
    provider.kx_groups = chosen;
    Ok(())
}

fn suite(name: &str) -> Option<&'static Named> {
    SUITES.iter().find(|suite| suite.name == name)
}

fn group(name: &str) -> Option<Option<&'static dyn SupportedKxGroup>> {
    GROUPS.iter().find(|(known, _)| *known == name).map(|(_, group)| *group)
}

struct Named {
    name: &'static str,
    offered: Option<SupportedCipherSuite>,
    insecure: bool,
}

const fn offered(name: &'static str, suite: SupportedCipherSuite) -> Named {
    Named { name, offered: Some(suite), insecure: false }
}

const fn known(name: &'static str) -> Named {
    Named { name, offered: None, insecure: false }
}

const fn insecure(name: &'static str) -> Named {
    Named { name, offered: None, insecure: true }
}

const TLS13_SUITES: [SupportedCipherSuite; 3] = [
    cipher_suite::TLS13_AES_128_GCM_SHA256,
    cipher_suite::TLS13_AES_256_GCM_SHA384,
    cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
];

/// Every name Go's crypto/tls knows: what ring has, what only Go has, and what Go calls insecure.
static SUITES: [Named; 23] = [
    offered("TLS_AES_128_GCM_SHA256", cipher_suite::TLS13_AES_128_GCM_SHA256),
    offered("TLS_AES_256_GCM_SHA384", cipher_suite::TLS13_AES_256_GCM_SHA384),
    offered("TLS_CHACHA20_POLY1305_SHA256", cipher_suite::TLS13_CHACHA20_POLY1305_SHA256),
    offered("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256),
    offered("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", cipher_suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
    offered("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", cipher_suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
    offered("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", cipher_suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    offered("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", cipher_suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256),
    offered(
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    known("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"),
    known("TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"),
    known("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    known("TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
    insecure("TLS_RSA_WITH_RC4_128_SHA"),
    insecure("TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
    insecure("TLS_RSA_WITH_AES_128_CBC_SHA"),
    insecure("TLS_RSA_WITH_AES_256_CBC_SHA"),
    insecure("TLS_RSA_WITH_AES_128_CBC_SHA256"),
    insecure("TLS_RSA_WITH_AES_128_GCM_SHA256"),
    insecure("TLS_RSA_WITH_AES_256_GCM_SHA384"),
    insecure("TLS_ECDHE_RSA_WITH_RC4_128_SHA"),
    insecure("TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    insecure("TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"),
];

/// The Collector's names of groups; `None` where ring has no such group.
static GROUPS: [(&str, Option<&dyn SupportedKxGroup>); 5] = [
    ("P256", Some(kx_group::SECP256R1)),
    ("P384", Some(kx_group::SECP384R1)),
    ("P521", None),
    ("X25519", Some(kx_group::X25519)),
    ("X25519MLKEM768", None),
];
