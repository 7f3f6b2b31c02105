//! Independent random streams, one for each (seed, replication, purpose).

use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

/// The generator behind every stream: xoshiro256++.
pub type Stream = Xoshiro256PlusPlus;

/// What a stream's numbers are used for.
///
/// A purpose of its own keeps the draws of one thing (say, arrivals) the same
/// whatever happens to another (say, backoff): common random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Arrivals = 1,
    Service = 2,
    Network = 3,
    Backoff = 4,
    Faults = 5,
    Actions = 6,
    Balance = 7,
}

/// The streams of one replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streams {
    pub seed: u64,
    pub replication: u64,
}

impl Streams {
    /// A stream that depends on (seed, replication, purpose) alone.
    pub fn stream(&self, purpose: Purpose) -> Stream {
        self.stream_at(purpose, 0)
    }

    /// The stream of a service further down a chain, at place 1, 2, ….
    pub fn stream_at(&self, purpose: Purpose, place: u64) -> Stream {
        let mut state = mix(self.seed);
        state = mix(state ^ self.replication.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        state = mix(state ^ (purpose as u64 + (place << 8)).wrapping_mul(0xd1b5_4a32_d192_ed03));
        // Fills the 256 bits of state by SplitMix64.
        Stream::seed_from_u64(state)
    }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection that mixes all bits.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
