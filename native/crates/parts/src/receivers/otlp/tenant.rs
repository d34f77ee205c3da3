//! Whose a request is, as far as that is certain, and the memory for its body, in which its tenant's quota has a say.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use http::HeaderMap;
use teleferric_buf::{Exhausted, Ledger, Permit};
use teleferric_flow::tenant::NAME_BYTES_MAX;
use teleferric_flow::{CertificateName, Fault, FaultCode, Tenants, Visit};
use teleferric_net::{Admit, Request, TlsInfo};

use super::verdict::Verdict;

/// Lets in a request that came over the network, or that the host has received. What the host says wins, then the header
/// of a trusted proxy, then a certificate, which may be the proxy's own.
///
/// # Errors
/// Its tenant is over its quota, or a trusted proxy names none that could be.
pub(super) fn admit(tenants: &Arc<Tenants>, request: &Request) -> Result<Visit, Fault> {
    if let Some(tenant) = &Verdict::of(&request.head).tenant {
        return tenants.admit(Some(tenant));
    }
    let header = tenants.header_from(request.peer);
    let named = header.map(|header| named_by_header(header, &request.head.headers)).transpose()?.flatten();
    let verified = || named_by_certificate(tenants.certificate()?, request.tls.as_deref()?);
    tenants.admit(named.or_else(verified))
}

/// Lets in a request that the host hands over with this metadata; the host is trusted, and what it says wins.
///
/// # Errors
/// As [`admit`].
pub(super) fn admit_from_host(
    tenants: &Arc<Tenants>,
    metadata: &[(Box<str>, Box<str>)],
    verdict: &Verdict,
) -> Result<Visit, Fault> {
    if let Some(tenant) = &verdict.tenant {
        return tenants.admit(Some(tenant));
    }
    let header = tenants.header();
    let named = header.and_then(|header| metadata.iter().find(|(key, _)| **key == *header));
    let named = named.map(|(key, name)| checked(key, name)).transpose()?;
    tenants.admit(named.flatten())
}

/// The one tenant that `header` names. A proxy that adds its own beside the client's would let clients choose.
fn named_by_header<'a>(header: &str, headers: &'a HeaderMap) -> Result<Option<&'a str>, Fault> {
    let mut values = headers.get_all(header).iter();
    let Some(value) = values.next() else { return Ok(None) };
    match (value.to_str(), values.next()) {
        (Ok(name), None) => checked(header, name),
        (Ok(_), Some(_)) => Err(malformed(header, "names more than one tenant")),
        (Err(_), _) => Err(malformed(header, "is not text")),
    }
}

fn named_by_certificate(which: CertificateName, tls: &TlsInfo) -> Option<&str> {
    let names = &tls.client_names;
    let name = match which {
        CertificateName::CommonName => &names.common_name,
        CertificateName::DnsName => &names.dns_name,
        CertificateName::Uri => &names.uri,
    };
    name.as_deref().filter(|name| !name.is_empty() && name.len() <= NAME_BYTES_MAX)
}

/// A name that may be one; an empty one is none.
fn checked<'a>(header: &str, name: &'a str) -> Result<Option<&'a str>, Fault> {
    if name.len() > NAME_BYTES_MAX {
        return Err(malformed(header, &format!("is longer than {NAME_BYTES_MAX} bytes")));
    }
    Ok(Some(name).filter(|name| !name.is_empty()))
}

#[cold]
fn malformed(header: &str, what: &str) -> Fault {
    Fault::new(FaultCode::Malformed, format!("{header}: {what}"))
}

/// Where the memory for a body comes from.
pub(super) struct Allowance<'a> {
    ledger: &'a Arc<Ledger>,
    visit: RefCell<Option<Visit>>,
    refusal: Cell<Option<Box<Fault>>>,
}

impl<'a> Allowance<'a> {
    pub(super) fn new(ledger: &'a Arc<Ledger>, visit: Option<Visit>) -> Self {
        Allowance { ledger, visit: RefCell::new(visit), refusal: Cell::new(None) }
    }

    /// Why there was none, if the tenant's quota was the reason.
    pub(super) fn refusal(&self) -> Option<Fault> {
        self.refusal.take().map(|fault| *fault)
    }

    /// The place in the tenant's quota, charged with what was reserved.
    pub(super) fn into_visit(self) -> Option<Visit> {
        self.visit.into_inner()
    }
}

impl Admit for Allowance<'_> {
    #[inline]
    fn try_reserve(&self, bytes: u64) -> Result<Permit, Exhausted> {
        let permit = self.ledger.try_reserve(bytes)?;
        if let Some(visit) = &mut *self.visit.borrow_mut() {
            visit.charge(bytes).map_err(|fault| {
                self.refusal.set(Some(Box::new(fault)));
                Exhausted { wanted: bytes, free: 0 }
            })?;
        }
        Ok(permit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    use http::HeaderValue;
    use teleferric_buf::metrics::Metrics;
    use teleferric_flow::{Network, Quota, TenantSettings, TenantTable};
    use teleferric_net::Body;
    use teleferric_net::tls::CertificateNames;

    fn tenants(quota: Quota) -> Arc<Tenants> {
        let settings = TenantSettings {
            header: Some("x-scope-orgid".into()),
            trusted_proxies: Network::parse("10.0.0.0/8").into_iter().collect(),
            certificate: Some(CertificateName::CommonName),
            quota,
            overrides: Vec::new(),
        };
        Tenants::new(settings, &TenantTable::new(&Metrics::new()))
    }

    fn request(peer: &str, names: &[&str], common_name: Option<&str>) -> Request {
        let (mut head, ()) = http::Request::new(()).into_parts();
        for name in names {
            head.headers.append("x-scope-orgid", HeaderValue::from_bytes(name.as_bytes()).unwrap());
        }
        let client_names = CertificateNames { common_name: common_name.map(Box::from), ..Default::default() };
        let tls = TlsInfo { version: "1.3", server_name: None, client_chain: Vec::new(), client_names };
        Request {
            head: Rc::new(head),
            timeout: Ok(None),
            peer: Some(peer.parse().unwrap()),
            tls: common_name.map(|_| Rc::new(tls)),
            body: Body::full(bytes::Bytes::new()),
        }
    }

    #[test]
    fn a_name_counts_only_from_a_trusted_proxy_or_a_certificate() {
        const PROXY: &str = "10.0.0.1:9";
        const OTHER: &str = "192.0.2.1:9";
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        let tenants = tenants(Quota::default());
        for (request, expected) in [
            (request(PROXY, &["acme"], None), Ok(Some("acme"))),
            (request(PROXY, &["acme"], Some("proxy")), Ok(Some("acme"))),
            (request(PROXY, &[], Some("proxy")), Ok(Some("proxy"))),
            (request(PROXY, &[""], None), Ok(None)),
            (request(OTHER, &["acme"], None), Ok(None)),
            (request(OTHER, &["acme", "b"], Some("client")), Ok(Some("client"))),
            (request(OTHER, &[], Some(&long)), Ok(None)),
            (request(PROXY, &["acme", "b"], None), Err("x-scope-orgid: names more than one tenant")),
            (request(PROXY, &[&long], None), Err("x-scope-orgid: is longer than 256 bytes")),
            (request(PROXY, &["\u{fc}"], None), Err("x-scope-orgid: is not text")),
        ] {
            let found = admit(&tenants, &request).map(|visit| visit.name());
            assert_eq!(found, expected.map(|name| name.map(Arc::from)).map_err(malformed_as));
        }
        let metadata = [("x-scope-orgid".into(), "acme".into())];
        let from_host = |metadata, verdict| admit_from_host(&tenants, metadata, verdict).map(|visit| visit.name());
        let nothing = Verdict::default();
        assert_eq!(from_host(&metadata, &nothing), Ok(Some("acme".into())));
        assert_eq!(from_host(&[], &nothing), Ok(None));
        let named = Verdict { tenant: Some("b".into()), ..Verdict::default() };
        assert_eq!(from_host(&metadata, &named), Ok(Some("b".into())));
    }

    fn malformed_as(text: &str) -> Fault {
        Fault::new(FaultCode::Malformed, text.to_owned())
    }

    #[test]
    fn memory_is_refused_and_given_back_where_the_tenant_may_have_no_more() {
        let ledger = Ledger::new(1000);
        let tenants = tenants(Quota { in_flight_bytes: 100, ..Quota::default() });
        let allowance = || Allowance::new(&ledger, Some(tenants.admit(Some("a")).unwrap()));
        let (first, second) = (allowance(), allowance());
        let permit = first.try_reserve(90).unwrap();
        assert!(second.try_reserve(20).is_err());
        assert_eq!((second.refusal().unwrap().code, ledger.used()), (FaultCode::OverQuota, 90));
        assert_eq!((second.try_reserve(2000).unwrap_err().wanted, second.refusal()), (2000, None), "the ledger's own");
        drop((first.into_visit(), permit));
        assert!(second.try_reserve(20).is_ok());
    }
}
