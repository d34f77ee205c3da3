//! OTLP on the wire: check, count, split, edit and transcode borrowed bytes.
//!
//! No async, no input or output, no `unsafe`. Bytes come from peers, so nothing here trusts them: every function
//! returns an error or a result for any input, in time linear in its length.

#![forbid(unsafe_code)]

pub mod cursor;
pub mod error;
pub mod limits;
pub mod schema;
pub mod signal;

pub use error::WireError;
pub use limits::Limits;
pub use signal::Signal;
