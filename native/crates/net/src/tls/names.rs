//! The names in a client's certificate, which say who it is once the certificate is verified.

use rustls_pki_types::CertificateDer;
use webpki::EndEntityCert;

/// Names in a certificate, each where it has one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CertificateNames {
    /// The last common name of the subject, which is the most specific.
    pub common_name: Option<Box<str>>,
    /// The first DNS name among the subject's alternative names.
    pub dns_name: Option<Box<str>>,
    /// The first URI among them.
    pub uri: Option<Box<str>>,
}

impl CertificateNames {
    /// Reads them; none of one that cannot be read.
    pub fn of(certificate: &CertificateDer<'_>) -> CertificateNames {
        let Ok(certificate) = EndEntityCert::try_from(certificate) else { return CertificateNames::default() };
        CertificateNames {
            common_name: common_name(certificate.subject()).map(Box::from),
            dns_name: certificate.valid_dns_names().next().map(Box::from),
            uri: certificate.valid_uri_names().next().map(Box::from),
        }
    }
}

/// The last common name in the content of an `RDNSequence` (RFC 5280, section 4.1.2.4). Those that are neither UTF-8 nor
/// ASCII are passed over.
fn common_name(mut subject: &[u8]) -> Option<&str> {
    let mut found = None;
    while let Some((SET, mut attributes)) = element(&mut subject) {
        while let Some((SEQUENCE, mut attribute)) = element(&mut attributes) {
            let kind = element(&mut attribute);
            let value = element(&mut attribute);
            if let (Some((OBJECT_IDENTIFIER, COMMON_NAME)), Some((UTF8 | PRINTABLE | IA5, value))) = (kind, value) {
                found = std::str::from_utf8(value).ok().or(found);
            }
        }
    }
    found
}

/// Takes one element of DER off the front: its tag and content.
fn element<'a>(der: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let [tag, length, rest @ ..] = *der else { return None };
    let (length, rest) = match *length {
        short @ 0..0x80 => (usize::from(short), rest),
        // As many bytes hold the length; more than two are more than a name may be long.
        long => {
            let (length, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            (length.len() <= 2)
                .then(|| length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
                .map(|n| (n, rest))?
        }
    };
    let (content, rest) = rest.split_at_checked(length)?;
    *der = rest;
    Some((*tag, content))
}

const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8: u8 = 0x0c;
const PRINTABLE: u8 = 0x13;
const IA5: u8 = 0x16;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;

/// 2.5.4.3
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::string::Ia5String;
    use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, KeyPair, SanType};

    fn certificate(subject: &[(DnType, DnValue)], alternatives: Vec<SanType>) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = DistinguishedName::new();
        subject.iter().for_each(|(kind, value)| params.distinguished_name.push(kind.clone(), value.clone()));
        params.subject_alt_names = alternatives;
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().clone()
    }

    #[test]
    fn names_are_read_from_where_they_stand() {
        let text = |text: &str| DnValue::Utf8String(text.into());
        let uri = |text: &str| SanType::URI(Ia5String::try_from(text).unwrap());
        let dns = |text: &str| SanType::DnsName(Ia5String::try_from(text).unwrap());
        let long = "a".repeat(300);
        let subject = [(DnType::OrganizationName, text("Acme & Söhne")), (DnType::CommonName, text(&long))];
        let found =
            CertificateNames::of(&certificate(&subject, vec![uri("spiffe://a/b"), dns("one.test"), dns("two.test")]));
        let expected = CertificateNames {
            common_name: Some(long.into()),
            dns_name: Some("one.test".into()),
            uri: Some("spiffe://a/b".into()),
        };
        assert_eq!(found, expected);
        assert_eq!(CertificateNames::of(&certificate(&[], vec![])), CertificateNames::default());
        assert_eq!(CertificateNames::of(&CertificateDer::from(vec![0x30, 1])), CertificateNames::default());
    }

    #[test]
    fn anything_else_than_names_is_passed_over() {
        let named = |tag: u8, text: &[u8]| {
            let value = [&[tag, text.len() as u8], text].concat();
            let attribute = [&[OBJECT_IDENTIFIER, 3], COMMON_NAME, &value].concat();
            let attribute = [&[SEQUENCE, attribute.len() as u8], &attribute[..]].concat();
            [&[SET, attribute.len() as u8], &attribute[..]].concat()
        };
        let two = [named(UTF8, b"first"), named(PRINTABLE, b"last")].concat();
        assert_eq!(common_name(&two), Some("last"));
        assert_eq!(common_name(&[named(IA5, b"ok"), named(UTF8, &[0xff]), named(0x1e, b"no")].concat()), Some("ok"));
        for end in 0..two.len() {
            // Whatever is cut off, what is whole is read and nothing panics.
            assert!(common_name(&two[..end]).is_none_or(|name| name == "first"));
        }
        for bad in [&[0x31, 0x80][..], &[0x31, 0x84, 0xff, 0xff, 0xff, 0xff], &[0x31, 0x83, 0, 0], &[0x31, 2, 0x30]] {
            assert_eq!(common_name(bad), None);
        }
    }
}
