use super::*;

fn text(config: TlsConfig) -> String {
    config.validate().expect_err("refused").to_string()
}

fn some(value: &str) -> Option<String> {
    Some(value.to_owned())
}

#[test]
fn refuses_a_file_and_a_text_for_the_same_thing() {
    let config = TlsConfig { ca_file: some("a"), ca_pem: some("b"), ..TlsConfig::default() };
    assert_eq!(text(config), "provide either a CA file or the PEM-encoded string, but not both");
    let config = TlsConfig { cert_file: some("a"), cert_pem: some("b"), ..TlsConfig::default() };
    assert_eq!(text(config), "provide either a certificate or the PEM-encoded string, but not both");
    let config = TlsConfig { key_file: some("a"), key_pem: some("b"), ..TlsConfig::default() };
    assert_eq!(text(config), "provide either a key or the PEM-encoded string, but not both");
    assert_eq!(TlsConfig { key_file: some("a"), key_pem: some(""), ..TlsConfig::default() }.validate(), Ok(()));
}

#[test]
fn refuses_half_an_identity() {
    let config = TlsConfig { cert_file: some("a"), ..TlsConfig::default() };
    assert_eq!(
        config.identity().expect_err("refused").to_string(),
        "TLS configuration must include both certificate and key (CertFile/CertPem and KeyFile/KeyPem)"
    );
    assert_eq!(TlsConfig::default().identity(), Ok(None));
}

#[test]
fn checks_versions_in_the_collectors_words() {
    let config = TlsConfig { min_version: some("1.4"), ..TlsConfig::default() };
    assert_eq!(text(config), "invalid TLS min_version: unsupported TLS version: \"1.4\"");
    let config = TlsConfig { max_version: some("tls"), ..TlsConfig::default() };
    assert_eq!(text(config), "invalid TLS max_version: unsupported TLS version: \"tls\"");
    let config = TlsConfig { min_version: some("1.3"), max_version: some("1.2"), ..TlsConfig::default() };
    assert_eq!(text(config), "invalid TLS configuration: min_version cannot be greater than max_version");
}

#[test]
fn says_that_the_oldest_versions_do_not_exist_here() {
    let config = TlsConfig { min_version: some("1.0"), ..TlsConfig::default() };
    assert!(text(config).contains("the lowest version offered is 1.2"));
    let config = TlsConfig { min_version: some("1.0"), max_version: some("1.1"), ..TlsConfig::default() };
    assert!(text(config).contains("the lowest version offered is 1.2"));
}

#[test]
fn narrows_versions_suites_and_groups() {
    let config = TlsConfig {
        min_version: some("1.3"),
        cipher_suites: vec!["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256".into()],
        curve_preferences: vec!["P384".into(), "X25519MLKEM768".into()],
        ..TlsConfig::default()
    };
    let suite = config.suite().expect("suite");
    assert_eq!(suite.versions.iter().map(|v| v.version).collect::<Vec<_>>(), [rustls::ProtocolVersion::TLSv1_3]);
    assert_eq!(suite.provider.cipher_suites.len(), 4);
    assert_eq!(suite.provider.kx_groups.len(), 1);
    assert_eq!(config.notes(), ["curve X25519MLKEM768 is not available and will not be offered"]);
}

#[test]
fn refuses_unknown_and_insecure_suites_and_lists_the_others() {
    let config = TlsConfig { cipher_suites: vec!["TLS_NOPE".into()], ..TlsConfig::default() };
    let said = text(config);
    assert!(said.starts_with("invalid TLS cipher suite: \"TLS_NOPE\"; available: TLS_AES_128_GCM_SHA256, "), "{said}");
    let insecure = TlsConfig { cipher_suites: vec!["TLS_RSA_WITH_RC4_128_SHA".into()], ..TlsConfig::default() };
    assert!(text(insecure.clone()).contains("is insecure"));
    let included = TlsConfig { include_insecure_cipher_suites: true, ..insecure };
    assert_eq!(included.validate(), Ok(()));
    assert_eq!(included.notes().len(), 1);
    let nothing_left = TlsConfig { max_version: some("1.2"), ..included };
    assert!(text(nothing_left).contains("none of the listed TLS cipher suites is available"));
}

#[test]
fn refuses_unknown_groups_and_a_list_with_nothing_to_offer() {
    let config = TlsConfig { curve_preferences: vec!["P999".into()], ..TlsConfig::default() };
    assert_eq!(text(config), "invalid curve type: P999. Expected values are [P256 P384 P521 X25519 X25519MLKEM768]");
    let config = TlsConfig { curve_preferences: vec!["P521".into()], ..TlsConfig::default() };
    assert!(text(config).contains("none of the listed curve_preferences is available"));
}

#[test]
fn never_prints_pem_text() {
    let config = TlsConfig { key_pem: some("SECRET"), cert_pem: some("SECRET"), ..TlsConfig::default() };
    let identity = config.identity().expect("both").expect("set");
    let printed = format!("{config:?} {identity:?} {:?}", identity.load().expect_err("not PEM"));
    assert!(!printed.contains("SECRET"), "{printed}");
}
