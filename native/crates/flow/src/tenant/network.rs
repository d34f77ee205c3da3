//! Ranges of addresses.

use std::net::IpAddr;

/// A range of addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u32,
}

impl Network {
    /// Reads `10.0.0.0/8`, `fd00::/8` or a single address.
    pub fn parse(text: &str) -> Option<Network> {
        let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
        let address: IpAddr = address.parse().ok()?;
        let bits_max = if address.is_ipv4() { u32::BITS } else { u128::BITS };
        let prefix_bits = prefix.map_or(Some(bits_max), |prefix| prefix.parse().ok())?;
        (prefix_bits <= bits_max).then_some(Network { address, prefix_bits })
    }

    /// Whether `address` is in it. A version 4 address is the same one mapped into version 6.
    pub fn contains(&self, address: IpAddr) -> bool {
        // All bits shifted out is no difference.
        let same = |difference: u128, width: u32| difference.checked_shr(width - self.prefix_bits).unwrap_or(0) == 0;
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => same((own.to_bits() ^ other.to_bits()).into(), u32::BITS),
            (IpAddr::V6(own), IpAddr::V6(other)) => same(own.to_bits() ^ other.to_bits(), u128::BITS),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_the_addresses_that_begin_like_them() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("10.1.2.3", "10.1.2.3", "10.1.2.4"),
            ("0.0.0.0/0", "200.1.1.1", "::1"),
            ("10.0.0.0/8", "::ffff:10.0.0.1", "::ffff:11.0.0.1"),
            ("fd00::/8", "fdff::1", "fe00::1"),
            ("::/0", "fe80::1", "10.0.0.1"),
        ] {
            let network = Network::parse(network).unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{inside} in {network:?}");
            assert!(!network.contains(outside.parse().unwrap()), "{outside} in {network:?}");
        }
        for bad in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/x", "10.0.0.0/", "host"] {
            assert_eq!(Network::parse(bad), None, "{bad}");
        }
    }
}
