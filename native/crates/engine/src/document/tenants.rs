//! `service.tenants` in the document.

use std::time::Duration;

use serde::Deserialize;
use teleferric_flow::{CertificateName, Network, Quota, TenantSettings};
use teleferric_parts::component::StartError;

use super::nanoseconds;

/// Who may send how much.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TenantControl {
    /// The header that names the tenant, in lower case; none: no header does.
    pub header: Option<String>,
    /// Addresses and networks whose header is believed.
    pub trusted_proxies: Vec<String>,
    /// `common_name`, `dns_name` or `uri`: what in a client's certificate names the tenant; none: nothing does.
    pub client_certificate: Option<String>,
    /// What each may send, and all without a name together.
    pub quota: TenantQuota,
    /// What these may send instead.
    pub overrides: Vec<TenantOverride>,
}

/// What one tenant may send; 0 is without limit.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TenantQuota {
    /// Uncompressed bytes a second.
    pub bytes_per_second: u64,
    /// Items a second.
    pub items_per_second: u64,
    /// How much of both rates may add up, nanoseconds.
    #[serde(deserialize_with = "nanoseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub burst: Duration,
    /// Bytes in the collector at one time.
    pub in_flight_bytes: u64,
}

/// What the tenant with this name may send.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TenantOverride {
    /// The name.
    pub name: String,
    /// Its quota.
    pub quota: TenantQuota,
}

impl TenantControl {
    /// The settings as the quotas take them.
    ///
    /// # Errors
    /// A network that cannot be read, or a name in a certificate that there is not.
    pub fn settings(&self) -> Result<TenantSettings, StartError> {
        let refuse = |what: &str, word: &str| StartError::new(format!("service::tenants: invalid {what} \"{word}\""));
        let network = |text: &String| Network::parse(text).ok_or_else(|| refuse("network", text));
        let certificate = |word: &String| match &**word {
            "common_name" => Ok(CertificateName::CommonName),
            "dns_name" => Ok(CertificateName::DnsName),
            "uri" => Ok(CertificateName::Uri),
            other => Err(refuse("client_certificate", other)),
        };
        Ok(TenantSettings {
            header: self.header.as_deref().map(Box::from),
            trusted_proxies: self.trusted_proxies.iter().map(network).collect::<Result<_, _>>()?,
            certificate: self.client_certificate.as_ref().map(certificate).transpose()?,
            quota: self.quota.settings(),
            overrides: self.overrides.iter().map(|own| (own.name.as_str().into(), own.quota.settings())).collect(),
        })
    }
}

impl TenantQuota {
    fn settings(&self) -> Quota {
        Quota {
            bytes_per_second: self.bytes_per_second,
            items_per_second: self.items_per_second,
            burst: self.burst,
            in_flight_bytes: self.in_flight_bytes,
        }
    }
}
