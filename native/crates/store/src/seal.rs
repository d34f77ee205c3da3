//! Sealing: what keeps the records of a log from being read, or changed unnoticed, without its key.
//!
//! Each segment has a key of its own, derived from the log's key and what the segment's header says: the log, the number, and
//! four random bytes. The nonce of a record is its sequence, which no other record of the segment has, and four random
//! bytes of the opening that wrote it, for what a crash took back with its sequence. Everything in front of the head is
//! authenticated with it. AES-256-GCM, HKDF with SHA-256.

use std::fmt;
use std::io;
use std::sync::Arc;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::error::Unspecified;
use ring::hkdf::{HKDF_SHA256, KeyType, Prk, Salt};
use ring::rand::{SecureRandom as _, SystemRandom};

/// Bytes of the key of a log.
pub const KEY_BYTES: usize = 32;
/// What a sealed record is longer by.
pub(crate) const TAG_BYTES: usize = 16;

/// Tells keys apart and says nothing else of them.
pub(crate) type KeyId = [u8; 8];

/// What the header of a sealed segment says beside the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    pub(crate) key: KeyId,
    pub(crate) salt: [u8; 4],
}

/// The key of a log. Clones are the same one.
#[derive(Clone)]
pub struct Key(Arc<Secret>);

struct Secret {
    root: Prk,
    id: KeyId,
}

impl Key {
    /// A key of random bytes, such as `openssl rand` makes.
    pub fn new(secret: &[u8; KEY_BYTES]) -> Key {
        let root = Salt::new(HKDF_SHA256, b"teleferric log 2").extract(secret);
        let mut id = KeyId::default();
        let filled = root.expand(&[b"id"], Length(id.len())).and_then(|okm| okm.fill(&mut id));
        filled.expect("eight bytes are less than what can be derived");
        Key(Arc::new(Secret { root, id }))
    }

    pub(crate) fn id(&self) -> KeyId {
        self.0.id
    }

    /// A seal that no other segment has.
    pub(crate) fn seal(&self) -> io::Result<Seal> {
        Ok(Seal { key: self.id(), salt: random()? })
    }

    /// What seals the records of one segment; `context` says which.
    pub(crate) fn sealer(&self, context: &[u8]) -> Sealer {
        let key = self.0.root.expand(&[context], &AES_256_GCM).map(UnboundKey::from);
        Sealer(LessSafeKey::new(key.expect("a key is less than what can be derived")))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Key").field(&self.0.id).finish()
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Key {}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// Four bytes that nobody can foretell.
pub(crate) fn random() -> io::Result<[u8; 4]> {
    let mut bytes = [0; 4];
    SystemRandom::new().fill(&mut bytes).map_err(|Unspecified| io::Error::other("there are no random numbers"))?;
    Ok(bytes)
}

/// Seals and opens the records of one segment.
pub(crate) struct Sealer(LessSafeKey);

impl Sealer {
    /// Makes what stands in `record` behind `front` unreadable, and adds the tag.
    pub(crate) fn seal(&self, sequence: u64, opening: [u8; 4], record: &mut Vec<u8>, front: usize) -> io::Result<()> {
        let (associated, content) = record.split_at_mut(front);
        let sealed = self.0.seal_in_place_separate_tag(nonce(sequence, opening), Aad::from(&*associated), content);
        let tag = sealed.map_err(|Unspecified| io::Error::other("the record cannot be encrypted"))?;
        record.extend_from_slice(tag.as_ref());
        Ok(())
    }

    /// Makes what stands in `record` behind `front` readable again, without the tag; none if somebody has changed it.
    pub(crate) fn open(&self, sequence: u64, opening: [u8; 4], record: &mut [u8], front: usize) -> Option<()> {
        let (associated, content) = record.split_at_mut_checked(front)?;
        self.0.open_in_place(nonce(sequence, opening), Aad::from(&*associated), content).ok().map(drop)
    }
}

fn nonce(sequence: u64, opening: [u8; 4]) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    nonce[..8].copy_from_slice(&sequence.to_le_bytes());
    nonce[8..].copy_from_slice(&opening);
    Nonce::assume_unique_for_key(nonce)
}
