//! What is kept in the log beside a request's bytes: its signal and who sent it.
//!
//! ```text
//! version u8 │ signal u8 │ peer: length u8, text │ count u16 │ name: length u16, text; value: length u32, text │ …
//! │ tenant: length u16, text
//! ```
//! All little-endian. The tenant is there from version 2 on; without one version 1 is written, which says the same.

use std::net::SocketAddr;
use std::sync::Arc;

use teleferric_wire::Signal;

use crate::parcel::Context;

const VERSION: u8 = 1;
const VERSION_WITH_TENANT: u8 = 2;

pub(super) fn encode(signal: Signal, context: &Context) -> Vec<u8> {
    let tenant = context.tenant.as_deref().filter(|tenant| tenant.len() <= TEXT_BYTES_MAX);
    let version = if tenant.is_some() { VERSION_WITH_TENANT } else { VERSION };
    let mut head = vec![version, signal.index() as u8];
    let peer = context.peer.map(|peer| peer.to_string()).unwrap_or_default();
    head.push(peer.len() as u8);
    head.extend_from_slice(peer.as_bytes());
    let kept = || context.metadata.iter().take(usize::from(u16::MAX)).filter(|(name, _)| name.len() <= TEXT_BYTES_MAX);
    head.extend_from_slice(&(kept().count() as u16).to_le_bytes());
    for (name, value) in kept() {
        head.extend_from_slice(&(name.len() as u16).to_le_bytes());
        head.extend_from_slice(name.as_bytes());
        head.extend_from_slice(&(value.len() as u32).to_le_bytes());
        head.extend_from_slice(value.as_bytes());
    }
    if let Some(tenant) = tenant {
        head.extend_from_slice(&(tenant.len() as u16).to_le_bytes());
        head.extend_from_slice(tenant.as_bytes());
    }
    head
}

pub(super) fn decode(mut head: &[u8]) -> Option<(Signal, Arc<Context>)> {
    let head = &mut head;
    let [version, signal, peer_length] = take(head, 3)? else { return None };
    if !matches!(*version, VERSION | VERSION_WITH_TENANT) {
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
    let mut tenant = None;
    if *version == VERSION_WITH_TENANT {
        let length = u16::from_le_bytes(*take(head, 2)?.first_chunk()?);
        tenant = Some(text(head, usize::from(length))?.into());
    }
    Some((signal, Arc::new(Context { metadata, peer, tenant, ..Context::default() })))
}

/// The names of headers and tenants are shorter than what servers take of all headers together.
const TEXT_BYTES_MAX: usize = u16::MAX as usize;

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
        let tenants = [None, Some("acme".into())];
        let whos = peers.into_iter().flat_map(|peer| tenants.clone().map(|tenant| (peer, tenant)));
        for (signal, (peer, tenant)) in Signal::ALL.into_iter().cycle().zip(whos) {
            let context = Context { metadata: metadata.clone(), peer, tenant, ..Context::default() };
            let head = encode(signal, &context);
            assert_eq!(decode(&head), Some((signal, Arc::new(context))));
            for end in 0..head.len() {
                assert_eq!(decode(&head[..end]), None);
            }
        }
        assert_eq!(decode(&[9; 40]), None);
        assert_eq!(encode(Signal::Logs, &Context::default()), [1, 2, 0, 0, 0], "an earlier version reads it");
    }
}
