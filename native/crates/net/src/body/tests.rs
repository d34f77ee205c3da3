use super::*;

async fn read(body: Body, max: usize, budget: u64) -> (Result<usize, BodyError>, u64) {
    let ledger = Ledger::new(budget);
    let outcome = body.read(&BodyLimits::new(max), &ledger, &Pool::new()).await.map(|(bytes, permit)| {
        assert_eq!(permit.bytes(), bytes.len() as u64);
        bytes.len()
    });
    assert_eq!(ledger.used(), 0);
    (outcome, ledger.peak())
}

fn undeclared(bytes: &'static [u8]) -> Body {
    Body { declared: None, ..Body::full(Bytes::from_static(bytes)) }
}

#[tokio::test]
async fn a_declared_length_decides_before_anything_is_read() {
    let large = Body::full(Bytes::from_static(&[0; 11]));
    assert_eq!(read(large, 10, 100).await, (Err(BodyError::TooLarge { limit: 10, declared: Some(11) }), 0));
    let exact = Body::full(Bytes::from_static(&[0; 10]));
    assert_eq!(read(exact, 10, 100).await, (Ok(10), 10));
    let exhausted = Body::full(Bytes::from_static(&[0; 10]));
    assert!(matches!(read(exhausted, 10, 9).await, (Err(BodyError::Exhausted(_)), 0)));
}

#[tokio::test]
async fn an_undeclared_length_is_paid_for_as_it_comes() {
    assert_eq!(read(undeclared(&[0; 10]), 10, 100).await, (Ok(10), 10));
    assert_eq!(read(undeclared(&[0; 11]), 10, 100).await, (Err(BodyError::TooLarge { limit: 10, declared: None }), 0));
    assert_eq!(read(undeclared(&[0; 10]), 1 << 20, 1 << 20).await, (Ok(10), PERMIT_STEP_BYTES));
    assert_eq!(read(undeclared(b""), 10, 100).await, (Ok(0), 0));
}

#[tokio::test]
async fn a_body_shorter_than_declared_is_an_error() {
    let short = Body { declared: Some(5), ..Body::full(Bytes::from_static(b"abc")) };
    assert_eq!(read(short, 10, 100).await.0, Err(BodyError::LengthMismatch { received: 3, declared: 5 }));
    let none = Body { declared: Some(5), ..Body::full(Bytes::new()) };
    assert_eq!(read(none, 10, 100).await.0, Err(BodyError::LengthMismatch { received: 0, declared: 5 }));
}

#[test]
fn a_permit_grows_by_steps_and_not_past_the_limit() {
    let ledger = Ledger::new(1 << 20);
    let mut permit = ledger.try_reserve(0).expect("empty");
    cover(&mut permit, 1, 100_000).expect("room");
    assert_eq!(permit.bytes(), PERMIT_STEP_BYTES);
    cover(&mut permit, 1000, 100_000).expect("room");
    assert_eq!(permit.bytes(), PERMIT_STEP_BYTES);
    cover(&mut permit, 70_000, 100_000).expect("room");
    assert_eq!(permit.bytes(), 100_000);
    assert!(matches!(cover(&mut permit, 2 << 20, 4 << 20), Err(BodyError::Exhausted(_))));
    assert_eq!(permit.bytes(), 100_000);
}
