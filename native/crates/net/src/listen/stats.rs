//! A listener's counts, added to by all workers and read by anybody.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! stats {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// A listener's counts at one moment. All but `open` only grow.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct ServerStats {
            $($(#[$doc])* pub $name: u64,)+
        }

        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Count,)+
        }

        impl Counters {
            pub(crate) fn read(&self) -> ServerStats {
                ServerStats { $($name: self.$name.get(),)+ }
            }
        }
    };
}

stats! {
    /// Connections open now.
    open,
    /// Connections accepted, refused ones included.
    accepted,
    /// Connections closed at once because too many were open.
    refused,
    /// Failures of the accept call itself, for instance for want of file descriptors.
    accept_errors,
    /// TLS handshakes that failed or took too long.
    handshake_failures,
    /// Connections that spoke another protocol or ended before they spoke.
    greeting_failures,
    /// Connections broken off because a request's head came too slowly.
    slow_heads,
    /// Connections broken off because the peer took no bytes.
    write_stalls,
    /// Connections closed for being idle.
    idle_closed,
    /// Connections closed for their age.
    aged,
    /// Connections whose requests were broken off when the grace after their age had passed.
    age_cut,
    /// Connections whose requests were broken off at a drain's deadline.
    drain_cut,
    /// Connections closed with ENHANCE_YOUR_CALM for pinging too often.
    ping_abuse,
    /// Connections closed with ENHANCE_YOUR_CALM for sending too many frames without use.
    frame_abuse,
    /// Connections that ended with a protocol error or a reset.
    connection_errors,
    /// Requests begun.
    requests,
    /// Requests refused for too many or too large headers.
    oversized_heads,
    /// Panics caught in the service.
    panics,
}

#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn sub(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
