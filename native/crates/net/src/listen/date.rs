//! The `date` of answers (RFC 9110, section 6.6.1), made once a second.

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

struct Kept {
    text: String,
    until: Instant,
}

thread_local! {
    static KEPT: RefCell<Option<Kept>> = const { RefCell::new(None) };
}

/// Hands the present time to `put`, as an IMF-fixdate.
pub(super) fn with_now(put: impl FnOnce(&[u8])) {
    KEPT.with_borrow_mut(|kept| {
        let now = Instant::now();
        let fresh = kept.take().filter(|kept| kept.until > now);
        let fresh = fresh.unwrap_or_else(|| {
            let wall = SystemTime::now();
            let passed = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().subsec_nanos();
            let left = Duration::from_secs(1) - Duration::from_nanos(passed.into());
            Kept { text: httpdate::fmt_http_date(wall), until: now + left }
        });
        put(kept.insert(fresh).text.as_bytes());
    });
}
