//! Why a request was refused, told once: what happened, whose fault it is, whether to try again, and where.
//!
//! One table turns a [`FaultCode`] into gRPC status, HTTP status, blame and metric label; the contract it follows
//! is section 5 of the OTLP protocol contract and the response table of the reliability design.

use std::borrow::Cow;
use std::time::Duration;

/// A gRPC status code (grpc.io, "Status codes and their use in gRPC").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum GrpcCode {
    Ok = 0,
    Cancelled = 1,
    Unknown = 2,
    InvalidArgument = 3,
    DeadlineExceeded = 4,
    NotFound = 5,
    AlreadyExists = 6,
    PermissionDenied = 7,
    ResourceExhausted = 8,
    FailedPrecondition = 9,
    Aborted = 10,
    OutOfRange = 11,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
    DataLoss = 15,
    Unauthenticated = 16,
}

impl GrpcCode {
    /// The code for a number from the wire; anything unknown is `Unknown`.
    pub fn from_number(number: u32) -> Self {
        const ALL: [GrpcCode; 17] = [
            GrpcCode::Ok,
            GrpcCode::Cancelled,
            GrpcCode::Unknown,
            GrpcCode::InvalidArgument,
            GrpcCode::DeadlineExceeded,
            GrpcCode::NotFound,
            GrpcCode::AlreadyExists,
            GrpcCode::PermissionDenied,
            GrpcCode::ResourceExhausted,
            GrpcCode::FailedPrecondition,
            GrpcCode::Aborted,
            GrpcCode::OutOfRange,
            GrpcCode::Unimplemented,
            GrpcCode::Internal,
            GrpcCode::Unavailable,
            GrpcCode::DataLoss,
            GrpcCode::Unauthenticated,
        ];
        usize::try_from(number).ok().and_then(|index| ALL.get(index).copied()).unwrap_or(GrpcCode::Unknown)
    }

    /// The name as gRPC libraries for Go print it.
    pub fn name(self) -> &'static str {
        match self {
            GrpcCode::Ok => "OK",
            GrpcCode::Cancelled => "Canceled",
            GrpcCode::Unknown => "Unknown",
            GrpcCode::InvalidArgument => "InvalidArgument",
            GrpcCode::DeadlineExceeded => "DeadlineExceeded",
            GrpcCode::NotFound => "NotFound",
            GrpcCode::AlreadyExists => "AlreadyExists",
            GrpcCode::PermissionDenied => "PermissionDenied",
            GrpcCode::ResourceExhausted => "ResourceExhausted",
            GrpcCode::FailedPrecondition => "FailedPrecondition",
            GrpcCode::Aborted => "Aborted",
            GrpcCode::OutOfRange => "OutOfRange",
            GrpcCode::Unimplemented => "Unimplemented",
            GrpcCode::Internal => "Internal",
            GrpcCode::Unavailable => "Unavailable",
            GrpcCode::DataLoss => "DataLoss",
            GrpcCode::Unauthenticated => "Unauthenticated",
        }
    }

    /// Whether OTLP lets a client retry after this code. `ResourceExhausted` is retryable only with a RetryInfo
    /// detail, which this answer leaves out.
    pub fn is_retryable(self) -> bool {
        use GrpcCode::{Aborted, Cancelled, DataLoss, DeadlineExceeded, OutOfRange, Unavailable};
        matches!(self, Cancelled | DeadlineExceeded | Aborted | OutOfRange | Unavailable | DataLoss)
    }

    /// The HTTP status the Collector answers for this code.
    pub fn http_status(self) -> u16 {
        use GrpcCode::*;
        match self {
            Ok => 200,
            Cancelled | DeadlineExceeded | Aborted | OutOfRange | Unavailable | DataLoss => 503,
            ResourceExhausted => 429,
            InvalidArgument => 400,
            Unauthenticated => 401,
            PermissionDenied => 403,
            Unimplemented => 404,
            Unknown | NotFound | AlreadyExists | FailedPrecondition | Internal => 500,
        }
    }
}

/// Whose doing a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The sender's request is at fault.
    Caller,
    /// The next hop refused or could not be reached.
    Downstream,
    /// This collector is short of something or broken.
    Us,
}

/// Whether, and when, the same request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Never: the same bytes will be refused again.
    Never,
    /// Yes, after what whoever answers the sender knows to be a good time, or by the sender's own backoff.
    Backoff,
    /// Yes, no earlier than this from now.
    After(Duration),
}

/// What happened. Each code has one row in [`FaultCode::row`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultCode {
    /// The bytes are no request of the stated signal and encoding.
    Malformed,
    /// AnyValue nesting, item count or attribute count is over its limit.
    LimitExceeded,
    /// The message is over the size limit, on the wire or inflated.
    TooLarge,
    /// Compressed bytes are damaged or use an unknown encoding.
    BadCompression,
    /// The byte ledger is spent, or a memory limiter refuses.
    MemoryPressure,
    /// Load is shed, and this request matters less than others.
    Overloaded,
    /// The tenant sends more than its quota.
    OverQuota,
    /// The sending queue has no room.
    QueueFull,
    /// One request is larger than the whole queue.
    LargerThanQueue,
    /// The storage of a queue cannot be written.
    StorageFailed,
    /// The collector is stopping or swapping its graph.
    Draining,
    /// More distinct metadata values than the batcher may hold.
    TooManyPartitions,
    /// The next hop refused for good.
    DownstreamPermanent,
    /// The next hop is away, slow or overloaded; retries ended without success.
    DownstreamTemporary,
    /// The sender has gone away without waiting for its answer.
    CallerGone,
    /// A plugin failed on the request.
    PluginFailed,
    /// A component panicked while it held the request.
    Panicked,
    /// A parcel was dropped without an outcome: a bug, counted so that it shows.
    Abandoned,
}

/// One row of the fault table.
#[derive(Clone, Copy, Debug)]
pub struct FaultRow {
    /// Stable name in metrics, logs and JavaScript errors.
    pub label: &'static str,
    /// Status on gRPC, and through [`GrpcCode::http_status`] on HTTP unless `http` says otherwise.
    pub grpc: GrpcCode,
    /// Status on HTTP.
    pub http: u16,
    /// Whose doing it is.
    pub blame: Blame,
    /// Whether the same request may be sent again.
    pub retry: Retry,
}

impl FaultCode {
    /// The row of this code: the one place that says how a fault is answered.
    pub fn row(self) -> FaultRow {
        use Blame::{Caller, Downstream, Us};
        use GrpcCode::{Cancelled, Internal, InvalidArgument, ResourceExhausted, Unavailable};
        use Retry::{Backoff, Never};
        let (label, grpc, http, blame, retry) = match self {
            FaultCode::Malformed => ("malformed", InvalidArgument, 400, Caller, Never),
            FaultCode::LimitExceeded => ("limit_exceeded", InvalidArgument, 400, Caller, Never),
            FaultCode::TooLarge => ("too_large", ResourceExhausted, 413, Caller, Never),
            FaultCode::BadCompression => ("bad_compression", InvalidArgument, 400, Caller, Never),
            FaultCode::MemoryPressure => ("memory_pressure", Unavailable, 503, Us, Backoff),
            FaultCode::Overloaded => ("overloaded", Unavailable, 503, Us, Backoff),
            FaultCode::OverQuota => ("over_quota", ResourceExhausted, 429, Caller, Backoff),
            FaultCode::QueueFull => ("queue_full", Unavailable, 503, Us, Backoff),
            FaultCode::LargerThanQueue => ("larger_than_queue", Internal, 500, Us, Never),
            FaultCode::StorageFailed => ("storage_failed", Unavailable, 503, Us, Backoff),
            FaultCode::Draining => ("draining", Unavailable, 503, Us, Backoff),
            FaultCode::TooManyPartitions => ("too_many_partitions", Internal, 500, Us, Never),
            FaultCode::DownstreamPermanent => ("downstream_permanent", Internal, 500, Downstream, Never),
            FaultCode::DownstreamTemporary => ("downstream_temporary", Unavailable, 503, Downstream, Backoff),
            FaultCode::CallerGone => ("caller_gone", Cancelled, 503, Caller, Never),
            FaultCode::PluginFailed => ("plugin_failed", Unavailable, 503, Us, Backoff),
            FaultCode::Panicked => ("panicked", Internal, 500, Us, Never),
            FaultCode::Abandoned => ("abandoned", Unavailable, 503, Us, Backoff),
        };
        FaultRow { label, grpc, http, blame, retry }
    }
}

/// A refusal: what, whose, again, where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What happened.
    pub code: FaultCode,
    /// Plain text for the sender's log: lower case, no full stop.
    pub message: Cow<'static, str>,
    /// Whether and when to try again; starts as the table's answer.
    pub retry: Retry,
    /// A status that came from downstream and is passed on as it was.
    pub status: Option<GrpcCode>,
    /// Whether downstream finds fault with the request and is itself well, where `status` does not say so.
    pub blames_request: bool,
}

impl Fault {
    /// A fault with the table's retry advice.
    pub fn new(code: FaultCode, message: impl Into<Cow<'static, str>>) -> Self {
        Fault { code, message: message.into(), retry: code.row().retry, status: None, blames_request: false }
    }

    /// The same fault with the retry advice replaced.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// The same fault carrying a status received from downstream.
    #[must_use]
    pub fn with_status(mut self, status: GrpcCode) -> Self {
        self.status = Some(status);
        self
    }

    /// The same fault, found by downstream in the request and not in itself.
    #[must_use]
    pub fn blaming_request(mut self) -> Self {
        self.blames_request = true;
        self
    }

    /// Whether no retry can help.
    pub fn is_permanent(&self) -> bool {
        self.retry == Retry::Never
    }

    /// Whether the bytes themselves may be why the next hop refused for good, so that other requests merged with
    /// them, or a smaller one, may pass. Refusals of the sender or of the method are not: they would meet every part.
    pub fn blames_data(&self) -> bool {
        use GrpcCode::{FailedPrecondition, InvalidArgument, OutOfRange, ResourceExhausted};
        let coded = matches!(self.code, FaultCode::Malformed | FaultCode::LimitExceeded | FaultCode::TooLarge);
        let answered =
            matches!(self.status, Some(InvalidArgument | ResourceExhausted | FailedPrecondition | OutOfRange));
        self.is_permanent() && (coded || answered)
    }

    /// The same fault with `words` in front of its message.
    #[must_use]
    pub fn prefixed(mut self, words: &str) -> Self {
        self.message = format!("{words}: {}", self.message).into();
        self
    }

    /// The same fault in other words.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.message = message.into();
        self
    }

    /// The gRPC status a sender sees.
    pub fn grpc_status(&self) -> GrpcCode {
        self.status.unwrap_or(self.code.row().grpc)
    }

    /// The HTTP status a sender sees.
    pub fn http_status(&self) -> u16 {
        self.status.map_or(self.code.row().http, GrpcCode::http_status)
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_large_is_never_retryable_on_either_transport() {
        let fault = Fault::new(FaultCode::TooLarge, "message too large");
        assert!(fault.is_permanent());
        assert_eq!(fault.grpc_status(), GrpcCode::ResourceExhausted);
        assert_eq!(fault.http_status(), 413);
    }

    #[test]
    fn status_from_downstream_wins_over_the_table() {
        let fault = Fault::new(FaultCode::DownstreamPermanent, "no").with_status(GrpcCode::PermissionDenied);
        assert_eq!(fault.grpc_status(), GrpcCode::PermissionDenied);
        assert_eq!(fault.http_status(), 403);
    }

    #[test]
    fn codes_outside_the_list_read_as_unknown() {
        assert_eq!(GrpcCode::from_number(99), GrpcCode::Unknown);
        assert_eq!(GrpcCode::from_number(14), GrpcCode::Unavailable);
    }
}
