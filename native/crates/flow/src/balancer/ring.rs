//! A consistent hash ring: which backend has a key. When a backend comes or goes, only the keys that it gets or had move.
//!
//! Hash, points and order are the Collector's, so that collectors of both kinds beside each other send a key to the same
//! backend.

/// Points of each backend.
const POINTS: u8 = 100;
/// Positions on the ring: hundredths of a degree.
const POSITIONS: u32 = 36_000;

/// The points of some backends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ring {
    /// By position, each with the index of a backend.
    points: Vec<(u32, usize)>,
}

impl Ring {
    /// A ring of `backends`, which are sorted. Where two have one position, the first keeps it.
    pub(super) fn new<S: AsRef<str>>(backends: &[S]) -> Self {
        Ring::with_points(backends, POINTS)
    }

    fn with_points<S: AsRef<str>>(backends: &[S], count: u8) -> Self {
        let mut points = Vec::with_capacity(backends.len().saturating_mul(usize::from(count)));
        for (index, name) in backends.iter().enumerate() {
            points.extend((0..count).map(|point| (position(&[name.as_ref().as_bytes(), &[point]]), index)));
        }
        points.sort_unstable();
        points.dedup_by_key(|(position, _)| *position);
        Ring { points }
    }

    /// The index of the backend that has `key`; none if there are no backends.
    pub(super) fn find(&self, key: &[u8]) -> Option<usize> {
        let position = position(&[key]);
        let next = self.points.partition_point(|(point, _)| *point < position);
        self.points.get(next).or_else(|| self.points.first()).map(|(_, index)| *index)
    }
}

fn position(parts: &[&[u8]]) -> u32 {
    crc32(parts) % POSITIONS
}

/// CRC-32 as in IEEE 802.3, over `parts` one after another.
fn crc32(parts: &[&[u8]]) -> u32 {
    let mut state = u32::MAX;
    for byte in parts.iter().copied().flatten() {
        let slot = (state ^ u32::from(*byte)) & 0xff;
        state = TABLE.get(slot as usize).copied().unwrap_or_default() ^ (state >> 8);
    }
    !state
}

static TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < table.len() {
        let mut value = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 { (value >> 1) ^ 0xedb8_8320 } else { value >> 1 };
            bit += 1;
        }
        table[byte] = value;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn checksum_is_that_of_the_standard() {
        assert_eq!(crc32(&[b"1234", b"56789"]), 0xcbf4_3926);
        assert_eq!(crc32(&[]), 0);
    }

    #[test]
    fn points_and_choices_are_those_of_the_collector() {
        let ring = Ring::with_points(&["endpoint-1", "endpoint-2"], 5);
        let expected = [
            (1401, 0),
            (4175, 0),
            (10240, 1),
            (14133, 0),
            (15002, 1),
            (17836, 0),
            (21263, 1),
            (21667, 0),
            (26806, 1),
            (27020, 1),
        ];
        assert_eq!(ring.points, expected);
        let ring = Ring::new(&["endpoint-1", "endpoint-2"]);
        let mut trace = [0; 16];
        trace[..2].copy_from_slice(&[1, 2]);
        assert_eq!(ring.find(&trace), Some(0));
        trace[..2].copy_from_slice(&[128, 128]);
        assert_eq!(ring.find(&trace), Some(1));
        assert_eq!(Ring::default().find(b"any"), None);
    }

    #[test]
    fn keys_spread_over_all_backends() {
        let backends: Vec<_> = (0..5).map(|number| format!("backend-{number}:4317")).collect();
        let ring = Ring::new(&backends);
        let mut counts = [0_u32; 5];
        for key in 0..10_000_u32 {
            counts[ring.find(&key.to_be_bytes()).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (1_000..3_500).contains(count)), "{counts:?}");
    }

    proptest! {
        /// One that is taken out gives its keys to others, and no other key moves. Where two have one position the ring
        /// differs by that point alone, so a few more may.
        #[test]
        fn only_the_keys_of_a_backend_that_goes_move(count in 2_usize..12, gone in 0_usize..12, seed in any::<u64>()) {
            let gone = gone % count;
            let all: Vec<_> = (0..count).map(|number| format!("b{seed}-{number:02}")).collect();
            let mut left = all.clone();
            left.remove(gone);
            let (before, after) = (Ring::new(&all), Ring::new(&left));
            let mut strays = 0;
            for key in 0..2_000_u32 {
                let key = key.to_le_bytes();
                let (was, is) = (before.find(&key).unwrap(), after.find(&key).unwrap());
                if was != gone && all[was] != left[is] {
                    strays += 1;
                }
            }
            prop_assert!(strays <= 20, "{strays} keys of others moved");
        }
    }
}
