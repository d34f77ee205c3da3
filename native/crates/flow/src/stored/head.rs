//! What is kept in the log beside a request's bytes: its signal and who sent it.
//!
//! ```text
//! version u8 │ signal u8 │ peer: length u8, text │ count u16 │ name: length u16, text; value: length u32, text │ …
//! ```
//! All little-endian.

use std::net::SocketAddr;
use std::sync::Arc;

use teleferric_wire::Signal;

use crate::parcel::Context;

const VERSION: u8 = 1;

pub(super) fn encode(signal: Signal, context: &Context) -> Vec<u8> {
    let mut head = vec![VERSION, signal.index() as u8];
    let peer = context.peer.map(|peer| peer.to_string()).unwrap_or_default();
    head.push(peer.len() as u8);
    head.extend_from_slice(peer.as_bytes());
    let kept = || context.metadata.iter().take(usize::from(u16::MAX)).filter(|(name, _)| name.len() <= NAME_BYTES_MAX);
    head.extend_from_slice(&(kept().count() as u16).to_le_bytes());
    for (name, value) in kept() {
        head.extend_from_slice(&(name.len() as u16).to_le_bytes());
        head.extend_from_slice(name.as_bytes());
        head.extend_from_slice(&(value.len() as u32).to_le_bytes());
        head.extend_from_slice(value.as_bytes());
    }
    head
}

pub(super) fn decode(mut head: &[u8]) -> Option<(Signal, Arc<Context>)> {
    let head = &mut head;
    let [version, signal, peer_length] = take(head, 3)? else { return None };
    if *version != VERSION {
        return None;
    }
    let signal = Signal::ALL.into_iter().find(|known| known.index() == usize::from(*signal))?;
    let peer = text(head, usize::from(*peer_length))?;
    let peer = if peer.is_empty() { None } else { Some(peer.parse::<SocketAddr>().ok()?) };
    let count = u16::from_le_bytes(*take(head, 2)?.first_chunk()?);
    let mut metadata = Vec::new();
    for _ in 0..count {
        let length = u16::from_le_bytes(*take(head, 2)?.first_chunk()?);
        let name = text(head, usize::from(length))?;
        let length = u32::from_le_bytes(*take(head, 4)?.first_chunk()?);
        metadata.push((name, text(head, length as usize)?));
    }
    Some((signal, Arc::new(Context { metadata, peer, ..Context::default() })))
}

/// A header name is shorter than what servers take of all headers together.
const NAME_BYTES_MAX: usize = u16::MAX as usize;

pub(super) fn take<'a>(head: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = head.split_at_checked(count)?;
    *head = rest;
    Some(taken)
}

fn text(head: &mut &[u8], length: usize) -> Option<Box<str>> {
    std::str::from_utf8(take(head, length)?).ok().map(Box::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sent_it_is_read_as_it_was_written_and_anything_else_is_not_read() {
        let metadata = vec![("x-tenant".into(), "a".into()), ("x-tenant".into(), "ü".into()), ("e".into(), "".into())];
        let peers = [None, Some("127.0.0.1:4317".parse().unwrap()), Some("[::1]:9".parse().unwrap())];
        for (signal, peer) in Signal::ALL.into_iter().zip(peers.into_iter().cycle()) {
            let context = Context { metadata: metadata.clone(), peer, ..Context::default() };
            let head = encode(signal, &context);
            assert_eq!(decode(&head), Some((signal, Arc::new(context))));
            for end in 0..head.len() {
                assert_eq!(decode(&head[..end]), None);
            }
        }
        assert_eq!(decode(&[9; 40]), None);
    }
}
