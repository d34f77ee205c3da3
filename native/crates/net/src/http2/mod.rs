//! HTTP/2 as both sides speak it: frames, header compression, and the rules that hold for either (RFC 9113, RFC 7541).
//! The server is in `listen::http2`, the client in `client::http2`.

pub(crate) mod blocks;
pub(crate) mod conduct;
pub(crate) mod encoder;
pub(crate) mod frame;
pub mod hpack;
mod huffman;
pub(crate) mod pings;
pub(crate) mod reader;
mod static_table;
pub(crate) mod streams;
