//! OTLP on the wire: check, count, split, edit, filter and transcode borrowed bytes.
//!
//! No async, no input or output, no `unsafe`. Bytes come from peers, so nothing here trusts them: every function
//! returns an error or a result for any input, in time linear in its length.

#![forbid(unsafe_code)]

mod check;
pub mod cursor;
pub mod edit;
pub mod encoding;
pub mod error;
pub mod filter;
pub mod json;
pub mod limits;
mod numbers;
pub mod ottl;
pub mod response;
pub mod schema;
pub mod signal;
mod splice;
pub mod split;
pub mod view;

pub use check::{Counts, ValidRequest, check};
pub use encoding::Encoding;
pub use error::WireError;
pub use limits::Limits;
pub use signal::Signal;
