//! Guests: connections whose peer has not proven yet who it is.
//!
//! Anybody may connect, and many who do never say a word. So there is room for only so many of them, and a newcomer
//! always gets in: where the room is full, the guest that has waited longest of the busiest address has to go. A
//! phone proves itself within a few round trips, so an honest one is gone from here before its turn comes, even
//! behind an address that it shares with a thousand others.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use metrics::counter;
use tokio::sync::Notify;

use crate::telemetry;

/// Bits of an IPv6 address that name one subscriber.
const SUBSCRIBER: u128 = !0 << 64;

/// All guests. Cheap to clone.
#[derive(Clone)]
pub struct Guests {
    room: usize,
    list: Arc<Mutex<List>>,
}

#[derive(Default)]
struct List {
    next: u64,
    /// By address, the longest there first.
    waiting: HashMap<IpAddr, BTreeMap<u64, Arc<Notify>>>,
    count: usize,
}

/// One connection, for as long as it stands. Cheap to clone; it leaves with its last clone.
#[derive(Clone)]
pub struct Guest(Arc<Place>);

struct Place {
    guests: Guests,
    address: IpAddr,
    number: Mutex<u64>,
    out: Arc<Notify>,
}

impl Guests {
    /// With room for so many.
    pub fn new(room: usize) -> Self {
        Self { room, list: Arc::default() }
    }

    /// Lets a connection in. Where there is no room, another has to go.
    pub fn enter(&self, address: IpAddr) -> Guest {
        let (address, out) = (subscriber(address), Arc::new(Notify::new()));
        let number = self.sit_down(address, &out);
        Guest(Arc::new(Place { guests: self.clone(), address, number: Mutex::new(number), out }))
    }

    /// Shows one guest out: the system itself has no room for more. Says whether there was one.
    pub fn make_room(&self) -> bool {
        self.list.lock().unwrap_or_else(PoisonError::into_inner).show_out()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.list.lock().unwrap_or_else(PoisonError::into_inner).count
    }

    fn sit_down(&self, address: IpAddr, out: &Arc<Notify>) -> u64 {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        list.next += 1;
        let number = list.next;
        list.waiting.entry(address).or_default().insert(number, Arc::clone(out));
        list.count += 1;
        while list.count > self.room && list.show_out() {}
        number
    }

    fn get_up(&self, address: IpAddr, number: u64) {
        self.list.lock().unwrap_or_else(PoisonError::into_inner).remove(address, number);
    }
}

impl List {
    /// The longest waiting guest of the busiest address goes.
    fn show_out(&mut self) -> bool {
        let busiest = self.waiting.iter().max_by_key(|(_, there)| there.len()).map(|(address, _)| *address);
        let Some(address) = busiest else { return false };
        let oldest = self.waiting.get(&address).and_then(|there| there.first_key_value());
        let Some((number, out)) = oldest.map(|(number, out)| (*number, Arc::clone(out))) else {
            return false;
        };
        self.remove(address, number);
        out.notify_one();
        counter!(telemetry::GUESTS_OUT).increment(1);
        true
    }

    fn remove(&mut self, address: IpAddr, number: u64) {
        if let Some(there) = self.waiting.get_mut(&address) {
            if there.remove(&number).is_some() {
                self.count -= 1;
            }
            if there.is_empty() {
                self.waiting.remove(&address);
            }
        }
    }
}

impl Guest {
    /// Where it comes from: a subscriber's name, which may stand for many.
    pub fn address(&self) -> IpAddr {
        self.0.address
    }

    /// It has proven who it is, and is no guest any more.
    pub fn is_known(&self) {
        let number = *self.0.number.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.guests.get_up(self.0.address, number);
    }

    /// What it was let in for is done: it is a guest again, the last to have come.
    pub fn is_done(&self) {
        let mut number = self.0.number.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.guests.get_up(self.0.address, *number);
        *number = self.0.guests.sit_down(self.0.address, &self.0.out);
    }

    /// Ready when it has to go.
    pub async fn shown_out(&self) {
        self.0.out.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let number = *self.number.lock().unwrap_or_else(PoisonError::into_inner);
        self.guests.get_up(self.address, number);
    }
}

/// What one subscriber has of addresses, under one name.
fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from(u128::from(six) & SUBSCRIBER)),
        four => four,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use std::time::Duration;

    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    /// Whether it has been told to go.
    async fn is_out(guest: &Guest) -> bool {
        tokio::time::timeout(Duration::ZERO, guest.shown_out()).await.is_ok()
    }

    #[tokio::test]
    async fn the_longest_waiting_of_the_busiest_address_goes() {
        let guests = Guests::new(4);
        let honest = guests.enter(address(1));
        let crowd: Vec<Guest> = (0..10).map(|_| guests.enter(address(2))).collect();
        assert_eq!(guests.count(), 4);
        assert!(!is_out(&honest).await);
        for (at, one) in crowd.iter().enumerate() {
            assert_eq!(is_out(one).await, at < 7, "{at}");
        }
        drop((honest, crowd));
        assert_eq!(guests.count(), 0);
    }

    #[tokio::test]
    async fn who_is_known_stays_and_makes_room() {
        let guests = Guests::new(2);
        let known = guests.enter(address(1));
        known.is_known();
        assert_eq!(guests.count(), 0);
        let others: Vec<Guest> = (0..5).map(|_| guests.enter(address(1))).collect();
        assert!(!is_out(&known).await);
        assert_eq!(guests.count(), 2);
        // Having done what it came for, it is the last of the guests.
        known.is_done();
        assert!(!is_out(&known).await);
        assert!(is_out(&others[3]).await && !is_out(&others[4]).await);
        assert!(guests.make_room() && is_out(&others[4]).await);
        assert!(guests.make_room() && is_out(&known).await);
        assert!(!guests.make_room());
    }

    #[test]
    fn one_subscriber_has_one_name() {
        let of = |text: &str| subscriber(text.parse().unwrap());
        assert_eq!(of("::ffff:192.0.2.1"), address(1));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    }
}
