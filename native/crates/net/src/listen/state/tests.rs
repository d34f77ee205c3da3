use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn clocks() -> Clocks {
    Clocks {
        head: Some(SECOND),
        write_stall: Some(2 * SECOND),
        idle: Some(5 * SECOND),
        age: Some(20 * SECOND),
        age_grace: Some(3 * SECOND),
    }
}

async fn after(conn: &ConnState, time: Duration) -> Due {
    tokio::time::advance(time).await;
    conn.due(Instant::now())
}

#[tokio::test(start_paused = true)]
async fn a_head_has_its_time_from_its_first_byte() {
    let conn = ConnState::new(None, clocks());
    conn.speaks(true);
    assert_eq!(after(&conn, SECOND / 2).await, Due::Later(Some(Instant::now() + SECOND / 2)));
    drop(conn.begin());
    assert_eq!(after(&conn, 2 * SECOND).await, Due::Later(Some(Instant::now() + 3 * SECOND)));
    conn.has_read();
    assert_eq!(after(&conn, SECOND).await, Due::Abort(AbortReason::SlowHead));
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_has_its_time() {
    let conn = ConnState::new(None, clocks());
    conn.speaks(false);
    conn.is_blocked();
    tokio::time::advance(SECOND).await;
    conn.is_blocked();
    assert_eq!(after(&conn, SECOND).await, Due::Abort(AbortReason::WriteStall));
    conn.has_written();
    assert!(matches!(after(&conn, SECOND).await, Due::Later(_)));
}

#[tokio::test(start_paused = true)]
async fn a_shut_window_is_a_stall_though_bytes_go_out() {
    let conn = ConnState::new(None, clocks());
    conn.speaks(false);
    let answer = conn.answer();
    tokio::time::advance(SECOND).await;
    conn.has_written();
    let second = conn.answer();
    assert_eq!(after(&conn, SECOND).await, Due::Abort(AbortReason::WriteStall));
    drop(second);
    assert!(matches!(conn.due(Instant::now()), Due::Later(_)));
    drop(answer);
}

#[tokio::test(start_paused = true)]
async fn idles_only_without_requests_and_ages_with_them() {
    let conn = ConnState::new(None, clocks());
    conn.speaks(false);
    let active = conn.begin();
    assert!(matches!(after(&conn, 10 * SECOND).await, Due::Later(_)));
    drop(active);
    assert_eq!(after(&conn, 5 * SECOND).await, Due::Close(CloseReason::Idle));
    let active = conn.begin();
    assert_eq!(after(&conn, 5 * SECOND).await, Due::Close(CloseReason::Age));
    assert!(conn.begin_close(Some(CloseReason::Age)));
    assert!(!conn.begin_close(None));
    assert_eq!(after(&conn, 2 * SECOND).await, Due::Later(Some(Instant::now() + SECOND)));
    assert_eq!(after(&conn, SECOND).await, Due::Abort(AbortReason::AgeGrace));
    drop(active);
}

#[tokio::test(start_paused = true)]
async fn without_limits_nothing_is_ever_due() {
    let conn = ConnState::new(None, Clocks::default());
    conn.speaks(true);
    conn.is_blocked();
    assert_eq!(after(&conn, 1_000_000 * SECOND).await, Due::Later(None));
}
