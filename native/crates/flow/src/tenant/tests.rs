use super::*;

fn tenants(quota: Quota, overrides: &[(&str, Quota)]) -> (Arc<Tenants>, Metrics) {
    let metrics = Metrics::new();
    let settings = TenantSettings {
        header: Some("x-tenant".into()),
        trusted_proxies: vec![Network::parse("10.0.0.0/8").unwrap(), Network::parse("::1").unwrap()],
        quota,
        overrides: overrides.iter().map(|(name, quota)| ((*name).into(), *quota)).collect(),
        ..TenantSettings::default()
    };
    (Tenants::new(settings, &TenantTable::new(&metrics)), metrics)
}

const SECOND: Duration = Duration::from_secs(1);

/// Bytes and items of a request that is over at once.
fn send(tenants: &Arc<Tenants>, name: Option<&str>, bytes: u64, items: u64) -> Result<(), Fault> {
    let mut visit = tenants.admit(name)?;
    visit.charge(bytes)?;
    visit.count(items);
    Ok(())
}

#[test]
fn only_a_proxy_that_is_listed_is_believed() {
    let (tenants, _) = tenants(Quota::default(), &[]);
    let header = |peer: &str| tenants.header_from(Some(peer.parse().unwrap()));
    assert_eq!((header("10.3.2.1:5"), header("[::1]:5")), (Some("x-tenant"), Some("x-tenant")));
    assert_eq!((header("192.0.2.1:5"), tenants.header_from(None)), (None, None));
}

#[tokio::test(start_paused = true)]
async fn a_tenant_over_its_rate_is_told_when_its_debt_is_paid_and_others_go_on() {
    let quota = Quota { bytes_per_second: 100, items_per_second: 10, burst: SECOND, in_flight_bytes: 0 };
    let (tenants, metrics) = tenants(quota, &[("b", quota)]);
    send(&tenants, Some("a"), 600, 1).unwrap();
    let fault = send(&tenants, Some("a"), 1, 1).unwrap_err();
    let Retry::After(wait) = fault.retry else { panic!("{fault:?}") };
    assert!((5 * SECOND..8 * SECOND).contains(&wait), "{wait:?}");
    assert_eq!((fault.code, fault.http_status(), fault.is_permanent()), (FaultCode::OverQuota, 429, false));
    send(&tenants, Some("b"), 1, 20).unwrap();
    assert!(send(&tenants, Some("b"), 1, 1).is_err(), "by items");
    tokio::time::sleep(5 * SECOND + Duration::from_millis(1)).await;
    send(&tenants, Some("a"), 1, 1).unwrap();
    let value = |name, tenant| metrics.value(name, &[("tenant", tenant)]);
    assert_eq!(value("teleferric_tenant_bytes_total", OTHER), Some(601.0));
    assert_eq!(value("teleferric_tenant_items_total", "b"), Some(20.0));
    assert_eq!(value("teleferric_tenant_refused_requests_total", OTHER), Some(1.0));
    assert_eq!(value("teleferric_tenant_refused_requests_total", "a"), None, "only those with a quota have a name");
}

#[tokio::test(start_paused = true)]
async fn bytes_let_in_keep_to_the_rate_whatever_the_sizes() {
    let (tenants, _) = tenants(Quota { bytes_per_second: 1000, burst: SECOND, ..Quota::default() }, &[]);
    let mut bytes = 0;
    for step in 0..10_000 {
        let size = [10, 300, 70, 2500][step % 4];
        bytes += send(&tenants, None, size, 1).map_or(0, |()| size);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!((98_000..=103_500).contains(&bytes), "{bytes} bytes in 100 s");
}

#[test]
fn bytes_in_flight_are_bounded_and_come_back_and_one_request_always_passes() {
    let (tenants, metrics) = tenants(Quota { in_flight_bytes: 100, ..Quota::default() }, &[]);
    let mut large = tenants.admit(Some("a")).unwrap();
    large.charge(500).unwrap();
    assert_eq!(tenants.admit(Some("a")).map(drop).unwrap_err().retry, Retry::Backoff);
    tenants.admit(Some("b")).unwrap().charge(100).unwrap();
    let in_flight = || metrics.value("teleferric_tenant_in_flight_bytes", &[("tenant", OTHER)]);
    assert_eq!(in_flight(), Some(500.0));
    drop(large);
    assert_eq!(in_flight(), Some(0.0));
    // Two that were let in together: the second does not fit any more.
    let [mut first, mut second] = [(), ()].map(|()| tenants.admit(Some("a")).unwrap());
    first.charge(60).unwrap();
    assert_eq!(second.charge(41).unwrap_err().code, FaultCode::OverQuota);
    second.charge(40).unwrap();
    second.cover(90);
    assert_eq!(in_flight(), Some(150.0), "what is there is counted, allowed or not");
}

#[test]
fn another_configuration_goes_on_with_what_was_used() {
    let quota = Quota { bytes_per_second: 100, burst: SECOND, ..Quota::default() };
    let (tenants, metrics) = tenants(quota, &[("a", quota)]);
    send(&tenants, Some("a"), 1000, 1).unwrap();
    let twice = Quota { bytes_per_second: 200, ..quota };
    let settings = TenantSettings { overrides: vec![("a".into(), twice)], ..tenants.settings.clone() };
    let after = Tenants::new(settings, &tenants.table);
    assert!(after.admit(Some("a")).is_err());
    drop(tenants);
    assert_eq!(metrics.value("teleferric_tenant_bytes_total", &[("tenant", "a")]), Some(1000.0));
    let after = Tenants::new(TenantSettings::default(), &after.table);
    send(&after, Some("a"), 1000, 1).unwrap();
}

#[test]
fn no_more_tenants_are_remembered_than_the_bound_and_the_last_ones_stay() {
    let (tenants, _) = tenants(Quota::default(), &[]);
    let faithful = tenants.table.find(Some("faithful"));
    for number in 0..3 * TENANTS_MAX {
        tenants.table.find(Some(&number.to_string()));
        assert!(Arc::ptr_eq(&faithful, &tenants.table.find(Some("faithful"))));
        assert!(tenants.table.known.lock().tenants.len() <= TENANTS_MAX);
    }
}
