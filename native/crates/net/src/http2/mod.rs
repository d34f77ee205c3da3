//! HTTP/2 on the wire: frames and header compression (RFC 9113, RFC 7541). Knows no connection and no stream; the
//! server that speaks it is in `listen::http2`.

pub(crate) mod frame;
pub mod hpack;
mod huffman;
mod static_table;
