//! How many connections may be open at once, altogether and from one address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The places for connections. Clones share them.
#[derive(Clone, Debug)]
pub struct Slots {
    most: usize,
    most_from_one_network: usize,
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_network: HashMap<IpAddr, usize>,
}

/// The place of one connection, which is free again when this is dropped.
#[derive(Debug)]
pub struct Slot {
    network: IpAddr,
    open: Arc<Mutex<Open>>,
}

impl Slots {
    /// For `most` connections (at least 1). One address gets half of them, so that it cannot shut out the others;
    /// this machine gets all of them, since a reverse proxy brings everybody from here.
    #[must_use]
    pub fn new(most: usize) -> Self {
        let most = most.max(1);
        Self { most, most_from_one_network: most.div_ceil(2), open: Arc::default() }
    }

    /// A place for a connection from this address, if there is one.
    #[must_use]
    pub fn take(&self, from: IpAddr) -> Option<Slot> {
        let network = network(from);
        let mut open = lock(&self.open);
        let from_here = open.by_network.get(&network).copied().unwrap_or_default();
        let allowed = if network.is_loopback() { self.most } else { self.most_from_one_network };
        if open.all >= self.most || from_here >= allowed {
            return None;
        }
        open.all += 1;
        open.by_network.insert(network, from_here + 1);
        Some(Slot { network, open: self.open.clone() })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = lock(&self.open);
        open.all -= 1;
        if let Some(count) = open.by_network.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                open.by_network.remove(&self.network);
            }
        }
    }
}

/// What counts as one address. Whoever has an IPv6 address has the 2^64 of its network too.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

fn lock(open: &Mutex<Open>) -> MutexGuard<'_, Open> {
    // Nothing between the two counts can panic, so that both are right.
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(slots: &Slots, from: &str, count: usize) -> Vec<Slot> {
        (0..count).filter_map(|_| slots.take(from.parse().unwrap())).collect()
    }

    #[test]
    fn one_address_gets_half_of_the_places_and_this_machine_all() {
        let slots = Slots::new(10);
        let strangers = take(&slots, "192.0.2.1", 20);
        assert_eq!(strangers.len(), 5);
        assert_eq!(take(&slots, "192.0.2.2", 20).len(), 5);
        assert_eq!(take(&slots, "127.0.0.1", 20).len(), 5);
        drop(strangers);
        assert_eq!(take(&slots, "::1", 20).len(), 10);
    }

    #[test]
    fn a_place_is_free_again_when_its_connection_is_gone() {
        let slots = Slots::new(2);
        for _ in 0..5 {
            let held = take(&slots, "192.0.2.1", 2);
            assert_eq!(held.len(), 1);
        }
        assert!(lock(&slots.open).by_network.is_empty());
        assert_eq!(lock(&slots.open).all, 0);
    }

    #[test]
    fn the_addresses_of_one_ipv6_network_count_together() {
        let slots = Slots::new(4);
        let held = (take(&slots, "2001:db8::1", 1), take(&slots, "2001:db8::ffff:2", 9));
        assert_eq!((held.0.len(), held.1.len()), (1, 1));
        assert_eq!(take(&slots, "2001:db8:0:1::1", 9).len(), 2);
        // An IPv4 address is one, whichever way it is written.
        let mapped = take(&slots, "::ffff:192.0.2.1", 1);
        assert_eq!((mapped.len(), take(&slots, "192.0.2.1", 9).len()), (1, 1));
    }

    #[test]
    fn there_is_room_for_one_at_least() {
        assert_eq!(take(&Slots::new(0), "192.0.2.1", 3).len(), 1);
    }
}
