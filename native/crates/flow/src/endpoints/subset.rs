//! Some of the endpoints of a pool, by their place in it.

use super::ENDPOINTS_MAX;

/// A set of places, each below [`ENDPOINTS_MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subset(u64);

const _: () = assert!(ENDPOINTS_MAX == u64::BITS as usize);

impl Subset {
    pub(crate) const EMPTY: Subset = Subset(0);

    pub(crate) fn insert(&mut self, place: usize) {
        self.0 |= bit(place);
    }

    #[cfg(test)]
    pub(crate) fn contains(self, place: usize) -> bool {
        self.0 & bit(place) != 0
    }

    pub(crate) fn and(self, other: Subset) -> Subset {
        Subset(self.0 & other.0)
    }

    pub(crate) fn without(self, other: Subset) -> Subset {
        Subset(self.0 & !other.0)
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn count(self) -> u32 {
        self.0.count_ones()
    }

    /// The places, lowest first.
    pub(crate) fn places(self) -> impl Iterator<Item = usize> {
        let mut left = self.0;
        std::iter::from_fn(move || {
            let place = (left != 0).then(|| left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some(place)
        })
    }
}

impl FromIterator<usize> for Subset {
    fn from_iter<I: IntoIterator<Item = usize>>(places: I) -> Self {
        places.into_iter().fold(Subset::EMPTY, |mut set, place| {
            set.insert(place);
            set
        })
    }
}

/// A place too high is no member of any set.
fn bit(place: usize) -> u64 {
    u32::try_from(place).ok().and_then(|place| 1_u64.checked_shl(place)).unwrap_or(0)
}
