use super::*;

fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
    let mut frame = vec![0, (payload >> 8) as u8, payload as u8, kind, flags, 0, 0, 0, 0];
    frame.resize(HEADER_BYTES + payload, 0xff);
    frame
}

fn greeted(enforcement: Option<Enforcement>) -> Watch {
    let mut watch = Watch::new(enforcement);
    assert_eq!(watch.inbound(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0), None);
    watch
}

fn pings(min_time: Duration, permit_without_stream: bool) -> Option<Enforcement> {
    Some(Enforcement { min_time, permit_without_stream })
}

#[test]
fn sees_the_same_frames_however_the_bytes_are_cut() {
    let bytes = [frame(DATA, 0, 300), frame(PING, 0, 8), frame(HEADERS, 4, 0), frame(PING, ACK, 8)].concat();
    for size in [1, 2, 7, 9, 10, 64, bytes.len()] {
        let (mut cursor, mut seen) = (Cursor::default(), Vec::new());
        for part in bytes.chunks(size) {
            cursor.walk(part, |frame| seen.push((frame.kind, frame.flags, frame.length)));
        }
        assert_eq!(seen, [(DATA, 0, 300), (PING, 0, 8), (HEADERS, 4, 0), (PING, ACK, 8)], "{size}");
        assert_eq!((cursor.have, cursor.skip), (0, 0));
    }
}

#[test]
fn knows_where_an_outbound_frame_ends() {
    let mut watch = greeted(None);
    let bytes = frame(DATA, 0, 20);
    let (first, second) = bytes.split_at(15);
    watch.outbound(first);
    assert!(!watch.at_outbound_frame_end());
    watch.outbound(second);
    assert!(watch.at_outbound_frame_end());
}

#[tokio::test(start_paused = true)]
async fn strikes_pings_that_come_too_soon_and_forgets_after_an_answer() {
    let mut watch = greeted(pings(Duration::from_secs(10), true));
    for _ in 0..3 {
        assert_eq!(watch.inbound(&frame(PING, 0, 8), 1), None);
    }
    watch.outbound(&frame(DATA, 0, 3));
    for _ in 0..3 {
        assert_eq!(watch.inbound(&frame(PING, 0, 8), 1), None);
    }
    assert_eq!(watch.inbound(&frame(PING, 0, 8), 1), Some(Violation::Pings));
}

#[tokio::test(start_paused = true)]
async fn patient_pings_are_no_strikes_and_acknowledgements_no_pings() {
    let mut watch = greeted(pings(Duration::from_secs(10), true));
    for _ in 0..20 {
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(watch.inbound(&frame(PING, 0, 8), 0), None);
        assert_eq!(watch.inbound(&frame(PING, ACK, 8), 0), None);
    }
    let mut watch = greeted(pings(Duration::from_secs(10), false));
    let mut count = 0;
    while watch.inbound(&frame(PING, 0, 8), 0).is_none() {
        tokio::time::advance(Duration::from_secs(10)).await;
        count += 1;
    }
    assert_eq!(count, 3);
}

#[tokio::test(start_paused = true)]
async fn frames_without_use_are_paid_for_by_requests_and_time() {
    let mut watch = greeted(None);
    for _ in 0..10 * USELESS_FRAMES_MAX {
        assert_eq!(watch.inbound(&frame(8, 0, 4), 1), None);
        assert_eq!(watch.inbound(&frame(HEADERS, 4, 10), 1), None);
    }
    // A ping a second for hours.
    for _ in 0..20_000 {
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(watch.inbound(&frame(PING, ACK, 8), 0), None);
    }
    let mut watch = greeted(None);
    let mut count = 0;
    while watch.inbound(&frame(DATA, 0, 0), 1).is_none() {
        count += 1;
    }
    assert_eq!(count, USELESS_FRAMES_MAX);
    assert_eq!(watch.violation(), Some(Violation::UselessFrames));
}

#[test]
fn writes_a_goaway_frame() {
    let frame = goaway_calm(Violation::Pings);
    let (mut cursor, mut seen) = (Cursor::default(), Vec::new());
    cursor.walk(&frame, |frame| seen.push((frame.kind, frame.length as usize)));
    assert_eq!(seen, [(GOAWAY, frame.len() - HEADER_BYTES)]);
    assert_eq!((cursor.have, cursor.skip), (0, 0));
    assert!(frame.ends_with(b"\x7f\xff\xff\xff\0\0\0\x0btoo_many_pings"));
}
