//! What a connection is about to send: small pieces that are gathered, and slices of the ring that are not copied.

use std::io::{self, IoSlice};
use std::ops::Range;
use std::os::fd::OwnedFd;

use super::ring::Ring;
use crate::net;

/// A queue of bytes for one socket.
#[derive(Debug, Default)]
pub struct OutQueue {
    gathered: Vec<u8>,
    pieces: Vec<Piece>,
    /// Pieces that are sent.
    done: usize,
    /// Bytes of the next piece that are sent.
    sent: usize,
}

#[derive(Debug)]
enum Piece {
    /// A range of `gathered`.
    Gathered(Range<usize>),
    /// A range of an entry of the ring.
    Entry(u32, Range<usize>),
}

impl OutQueue {
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Appends what `write` appends to the vector it is given.
    #[inline]
    pub fn write(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.gathered.len();
        write(&mut self.gathered);
        let end = self.gathered.len();
        match self.pieces.last_mut() {
            Some(Piece::Gathered(range)) if range.end == start => range.end = end,
            _ => self.pieces.push(Piece::Gathered(start..end)),
        }
    }

    /// Appends a range of an entry of the ring.
    #[inline]
    pub fn entry(&mut self, ring: &Ring, entry: u32, range: Range<usize>) {
        if range.len() <= GATHER_BYTES_MAX {
            self.write(|out| out.extend_from_slice(&ring.entry(entry).bytes[range]));
        } else {
            self.pieces.push(Piece::Entry(entry, range));
        }
    }

    /// Everything that is to be sent.
    #[cfg(test)]
    pub fn bytes(&self, ring: &Ring) -> Vec<u8> {
        let of = |piece: &Piece| match piece {
            Piece::Gathered(range) => self.gathered[range.clone()].to_vec(),
            Piece::Entry(entry, range) => ring.entry(*entry).bytes[range.clone()].to_vec(),
        };
        self.pieces.iter().flat_map(of).collect()
    }

    /// Sends until everything is gone or the socket is full, which `false` tells. `sent` grows by the bytes taken.
    pub fn send(&mut self, socket: &OwnedFd, ring: &Ring, sent: &mut u64) -> io::Result<bool> {
        while self.done < self.pieces.len() {
            let count = self.send_some(socket, ring)?;
            *sent += count as u64;
            if count == 0 {
                self.compact();
                return Ok(false);
            }
            self.advance(count);
        }
        self.pieces.clear();
        self.gathered.clear();
        self.done = 0;
        Ok(true)
    }

    fn send_some(&self, socket: &OwnedFd, ring: &Ring) -> io::Result<usize> {
        let left = &self.pieces[self.done..];
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let count = left.len().min(SLICES_MAX);
        let mut skip = self.sent;
        for (slice, piece) in slices.iter_mut().zip(left) {
            let bytes = match piece {
                Piece::Gathered(range) => &self.gathered[range.clone()],
                Piece::Entry(entry, range) => &ring.entry(*entry).bytes[range.clone()],
            };
            *slice = IoSlice::new(&bytes[skip..]);
            skip = 0;
        }
        net::send(socket, &slices[..count])
    }

    fn advance(&mut self, mut count: usize) {
        while count > 0 {
            let length = match &self.pieces[self.done] {
                Piece::Gathered(range) | Piece::Entry(_, range) => range.len(),
            };
            let taken = count.min(length - self.sent);
            self.sent += taken;
            count -= taken;
            if self.sent == length {
                self.done += 1;
                self.sent = 0;
            }
        }
    }

    /// Forgets what is sent, which a queue that never runs empty would keep for ever.
    fn compact(&mut self) {
        if self.gathered.len() + self.done * size_of::<Piece>() < COMPACT_BYTES_MIN {
            return;
        }
        self.pieces.drain(..self.done);
        self.done = 0;
        if let Some(Piece::Gathered(range) | Piece::Entry(_, range)) = self.pieces.first_mut() {
            range.start += std::mem::take(&mut self.sent);
        }
        let mut kept = self.gathered.len();
        for piece in self.pieces.iter().rev() {
            if let Piece::Gathered(range) = piece {
                kept = range.start;
            }
        }
        self.gathered.drain(..kept);
        for piece in &mut self.pieces {
            if let Piece::Gathered(range) = piece {
                *range = range.start - kept..range.end - kept;
            }
        }
    }
}

/// Pieces up to this size are cheaper to copy than to name to the kernel.
const GATHER_BYTES_MAX: usize = 4096;
const SLICES_MAX: usize = 64;
const COMPACT_BYTES_MIN: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    use clap::Parser;

    use super::*;
    use crate::cli::{Command, Flags};

    fn ring() -> Ring {
        let flags = "teleferric-load send --target 127.0.0.1:1 --items 100 --ring 2";
        match Flags::parse_from(flags.split_whitespace()).command {
            Command::Send(flags) => Ring::new(&flags),
            Command::Sink(_) => unreachable!(),
        }
    }

    #[test]
    fn sends_everything_in_order_through_a_socket_that_is_often_full() {
        let ring = ring();
        let (ours, mut theirs) = UnixStream::pair().expect("sockets");
        ours.set_nonblocking(true).expect("a flag");
        theirs.set_nonblocking(true).expect("a flag");
        let socket = OwnedFd::from(ours);
        let (mut queue, mut expected, mut received, mut sent) = (OutQueue::default(), Vec::new(), Vec::new(), 0);
        let (mut buffer, mut emptied) = (vec![0; 50_000], 0);
        for round in 0..600usize {
            let head = round.to_le_bytes();
            queue.write(|out| out.extend_from_slice(&head));
            expected.extend_from_slice(&head);
            // Small ranges are gathered, large ones are not.
            let range = round..round + [10, 3000, 20_000][round % 3];
            queue.entry(&ring, round as u32 % 2, range.clone());
            expected.extend_from_slice(&ring.entry(round as u32 % 2).bytes[range]);
            emptied += usize::from(queue.send(&socket, &ring, &mut sent).expect("the socket is open"));
            if let Ok(count) = theirs.read(&mut buffer[..7_000]) {
                received.extend_from_slice(&buffer[..count]);
            }
        }
        while received.len() < expected.len() {
            queue.send(&socket, &ring, &mut sent).expect("the socket is open");
            let count = theirs.read(&mut buffer).expect("there is more");
            received.extend_from_slice(&buffer[..count]);
        }
        assert!(received == expected && sent == expected.len() as u64);
        assert!(emptied < 500, "the socket was hardly ever full");
        assert!(queue.send(&socket, &ring, &mut sent).expect("the socket is open") && queue.is_empty());
    }

    #[test]
    fn forgets_what_is_sent_though_it_never_runs_empty() {
        let ring = ring();
        let (ours, mut theirs) = UnixStream::pair().expect("sockets");
        ours.set_nonblocking(true).expect("a flag");
        let socket = OwnedFd::from(ours);
        let (mut queue, mut sent, mut buffer) = (OutQueue::default(), 0, vec![0; 1000]);
        // Fill the socket, then keep as much coming as is taken away.
        while queue.is_empty() {
            queue.write(|out| out.extend_from_slice(&[1; 1000]));
            queue.send(&socket, &ring, &mut sent).expect("the socket is open");
        }
        for _ in 0..5_000 {
            queue.write(|out| out.extend_from_slice(&[1; 1000]));
            theirs.read_exact(&mut buffer).expect("there is more");
            queue.send(&socket, &ring, &mut sent).expect("the socket is open");
            assert!(queue.gathered.len() < 1_000_000);
        }
    }
}
