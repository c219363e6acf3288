//! Addresses with masks.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

/// An address with the number of bits that count.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Subnet {
    address: IpAddr,
    bits: u8,
}

impl Subnet {
    /// `ADDRESS`, `ADDRESS/BITS` or `ADDRESS/MASK`; bits beyond the prefix are cleared.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address.parse::<IpAddr>().ok()?, Some(prefix)),
            None => (text.parse::<IpAddr>().ok()?, None),
        };
        let width: u8 = if address.is_ipv4() { 32 } else { 128 };
        let bits = match prefix {
            None => width,
            Some(prefix) => match prefix.parse::<u8>() {
                Ok(bits) => Some(bits).filter(|bits| *bits <= width)?,
                Err(_) => mask_bits(prefix)?,
            },
        };
        Some(Self {
            address: masked(address, bits),
            bits,
        })
    }

    /// Whether an address lies in the network. An IPv4 address that arrives mapped into IPv6 is the
    /// IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && masked(address, self.bits) == self.address
    }

    /// Whether some address lies in both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.contains(other.address) || other.contains(self.address)
    }

    /// How many bits count: the longer prefix is the more specific client.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// The address; bits beyond the prefix are zero.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Whether every address of one family lies in it.
    pub fn is_everything(&self) -> bool {
        self.bits == 0
    }
}

fn mask_bits(mask: &str) -> Option<u8> {
    let mask = u32::from(mask.parse::<Ipv4Addr>().ok()?);
    let ones = mask.leading_ones();
    (ones == mask.count_ones())
        .then(|| u8::try_from(ones).ok())
        .flatten()
}

fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX
                .checked_shl(32 - u32::from(bits.min(32)))
                .unwrap_or(0);
            IpAddr::V4((u32::from(v4) & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX
                .checked_shl(128 - u32::from(bits.min(128)))
                .unwrap_or(0);
            IpAddr::V6((u128::from(v6) & mask).into())
        }
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// An IPv4 network as FortiOS writes it: `192.0.2.0 255.255.255.0`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Netmask(Subnet);

impl Netmask {
    /// `ADDRESS MASK`, or any form that [`Subnet::parse`] takes for IPv4.
    pub fn parse(text: &str) -> Option<Self> {
        Subnet::parse(&text.replacen(' ', "/", 1))
            .filter(|subnet| subnet.address.is_ipv4())
            .map(Self)
    }

    /// The network.
    pub fn subnet(&self) -> Subnet {
        self.0
    }
}

impl fmt::Display for Netmask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shift = 32 - u32::from(self.0.bits.min(32));
        let mask = Ipv4Addr::from(u32::MAX.checked_shl(shift).unwrap_or(0));
        write!(f, "{} {mask}", self.0.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_in_every_usual_form() {
        let subnet = Subnet::parse("192.0.2.77/255.255.255.0").unwrap();
        assert_eq!(subnet.to_string(), "192.0.2.0/24");
        assert!(subnet.contains("192.0.2.1".parse().unwrap()));
        assert!(subnet.contains("::ffff:192.0.2.1".parse().unwrap()));
        assert!(!subnet.contains("192.0.3.1".parse().unwrap()));
        assert_eq!(Subnet::parse("::1").unwrap().to_string(), "::1/128");
        assert!(
            Subnet::parse("0.0.0.0/0")
                .unwrap()
                .contains("203.0.113.9".parse().unwrap())
        );
        for wrong in ["", "192.0.2.0/33", "192.0.2.0/255.0.255.0", "a", "::/129"] {
            assert_eq!(Subnet::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_netmask_is_written_out() {
        for (typed, shown) in [
            ("192.0.2.7 255.255.255.0", "192.0.2.0 255.255.255.0"),
            ("192.0.2.7", "192.0.2.7 255.255.255.255"),
            ("0.0.0.0 0.0.0.0", "0.0.0.0 0.0.0.0"),
            ("10.1.2.3/8", "10.0.0.0 255.0.0.0"),
        ] {
            assert_eq!(Netmask::parse(typed).unwrap().to_string(), shown);
        }
        assert_eq!(Netmask::parse("::/0"), None);
    }
}
