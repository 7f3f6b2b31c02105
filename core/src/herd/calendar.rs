//! Entries by their time, in order, of which new ones come in no order.

/// What has a time, in ns.
pub trait Timed: Copy {
    fn time(&self) -> u64;
}

impl Timed for u64 {
    fn time(&self) -> u64 {
        *self
    }
}

/// Later than any horizon (36 years): the time of what never happens.
pub const NEVER: u64 = 1 << 60;

/// A hierarchical timing wheel (Varghese and Lauck 1987) that keeps exact
/// order: a monotone priority queue in which nothing may be pushed before the
/// last [`Calendar::bound`] that was settled.
///
/// Time is read as grains of 2ᵍ ns and digits of 11 bits above them. An entry waits,
/// unsorted, in the slot of the highest digit in which its time differs from the running
/// grain, and of its value there. Only the lowest slot in use is ever taken apart or sorted,
/// stably, so equal times leave in order of arrival, and only once its turn has come: until
/// then all that is known of it is when it begins. An entry moves once per digit at most,
/// which is once where delays are shorter than 2¹¹ grains.
#[derive(Clone)]
pub struct Calendar<T> {
    grain: u32,
    levels: Vec<Level<T>>,
    /// When the running grain begins.
    running: u64,
    /// Nothing that is not in the running grain is earlier.
    rest: u64,
    /// Entries of the running grain, sorted; the first `taken` have left.
    current: Vec<T>,
    taken: usize,
    spare: Vec<T>,
}

const DIGIT: u32 = 11;
/// Digits of the longest grain.
const COARSEST: u32 = 19;

/// The slots of one digit, made when the first entry comes.
#[derive(Clone)]
struct Level<T> {
    slots: Vec<Vec<T>>,
    /// One bit a slot that has entries, and one a word of those.
    used: [u64; 1 << DIGIT >> 6],
    words: u64,
}

impl<T: Timed> Level<T> {
    fn new() -> Level<T> {
        Level {
            slots: Vec::new(),
            used: [0; 1 << DIGIT >> 6],
            words: 0,
        }
    }

    #[inline]
    fn push(&mut self, digit: usize, entry: T) {
        if let Some(slot) = self.slots.get_mut(digit)
            && !slot.is_empty()
        {
            return slot.push(entry);
        }
        self.begin(digit, entry);
    }

    /// The first entry of a slot.
    fn begin(&mut self, digit: usize, entry: T) {
        if self.slots.is_empty() {
            self.slots.resize_with(1 << DIGIT, Vec::new);
        }
        self.slots[digit].push(entry);
        self.used[digit >> 6] |= 1 << (digit & 63);
        self.words |= 1 << (digit >> 6);
    }

    /// The lowest slot in use, where there is one.
    #[inline]
    fn lowest(&self) -> Option<usize> {
        if self.words == 0 {
            return None;
        }
        let word = self.words.trailing_zeros() as usize;
        Some(word << 6 | self.used[word].trailing_zeros() as usize)
    }

    /// Empties a slot into `into`, whose storage it keeps.
    #[inline]
    fn take(&mut self, digit: usize, into: &mut Vec<T>) {
        std::mem::swap(&mut self.slots[digit], into);
        self.used[digit >> 6] &= !(1 << (digit & 63));
        if self.used[digit >> 6] == 0 {
            self.words &= !(1 << (digit >> 6));
        }
    }
}

impl<T: Timed> Calendar<T> {
    /// One that is quickest where some eight entries come due within `grain_ns`; 0 where
    /// that is not known. A grain is half a millisecond at most, so that many entries that
    /// come at once do not all stand in one.
    pub fn new(grain_ns: f64) -> Calendar<T> {
        let grain = match grain_ns > 0.0 {
            true => grain_ns
                .clamp(64.0, f64::from(1 << COARSEST))
                .log2()
                .round() as u32,
            false => COARSEST,
        };
        Calendar {
            grain,
            levels: (0..(NEVER.ilog2() + 1 - grain).div_ceil(DIGIT))
                .map(|_| Level::new())
                .collect(),
            running: 0,
            rest: NEVER,
            current: Vec::new(),
            taken: 0,
            spare: Vec::new(),
        }
    }

    /// No entry is earlier; [`NEVER`] of none.
    #[inline]
    pub fn bound(&self) -> u64 {
        match self.current.get(self.taken) {
            Some(entry) => entry.time(),
            None => self.rest,
        }
    }

    /// Whether the bound is the time of the first entry.
    #[inline]
    pub fn is_settled(&self) -> bool {
        self.taken < self.current.len()
    }

    /// When the first entry comes; nothing may be pushed that is earlier from then on, or
    /// earlier than the grain in which it lies.
    #[inline]
    pub fn first(&mut self) -> Option<u64> {
        while !self.is_settled() {
            if self.rest == NEVER {
                return None;
            }
            self.settle();
        }
        Some(self.current[self.taken].time())
    }

    /// Adds an entry.
    #[inline(never)]
    pub fn push(&mut self, entry: T) {
        self.push_here(entry);
    }

    /// The same, for the one place that does so all the time.
    #[inline(always)]
    pub fn push_here(&mut self, entry: T) {
        let time = entry.time();
        if time >= NEVER {
            return;
        }
        let differs = (time ^ self.running) >> self.grain;
        if differs == 0 {
            let waiting = &self.current[self.taken..];
            let at = self.taken + waiting.partition_point(|other| other.time() <= time);
            self.current.insert(at, entry);
            return;
        }
        self.place(entry, differs);
        self.rest = self.rest.min(time >> self.grain << self.grain);
    }

    /// Puts an entry into the slot of the highest digit in which its time `differs`, in grains,
    /// from the running one.
    #[inline(always)]
    fn place(&mut self, entry: T, differs: u64) {
        let level = (63 - differs.leading_zeros()) / DIGIT;
        let shift = self.grain + level * DIGIT;
        let digit = (entry.time() >> shift) as usize & ((1 << DIGIT) - 1);
        self.levels[level as usize].push(digit, entry);
    }

    /// The first entry, of a calendar that is settled.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        let entry = *self.current.get(self.taken)?;
        self.taken += 1;
        if self.taken == self.current.len() {
            self.current.clear();
            self.taken = 0;
        }
        Some(entry)
    }

    /// Makes a step towards the first entry: sorts its slot, or takes it apart.
    #[cold]
    pub fn settle(&mut self) {
        let Some((level, start)) = self.lowest() else {
            self.rest = NEVER;
            return;
        };
        self.running = start;
        let digit = (start >> (self.grain + level * DIGIT)) as usize & ((1 << DIGIT) - 1);
        if level == 0 {
            self.levels[0].take(digit, &mut self.current);
            self.sort();
        } else {
            let mut entries = std::mem::take(&mut self.spare);
            self.levels[level as usize].take(digit, &mut entries);
            for entry in entries.drain(..) {
                let differs = (entry.time() ^ self.running) >> self.grain;
                // Those of the running grain as well, which is sorted when its turn comes.
                self.place(entry, differs | 1);
            }
            self.spare = entries;
        }
        self.rest = self.lowest().map_or(NEVER, |(_, start)| start);
    }

    /// Sorts the running grain, stably: dealt out by the next five bits of their times, which
    /// leaves little to do where some thirty entries share a grain.
    fn sort(&mut self) {
        if self.current.len() > 8 && self.grain >= 5 {
            let shift = self.grain - 5;
            let part = |entry: &T| (entry.time() >> shift) as usize & 31;
            let mut ends = [0u32; 32];
            for entry in &self.current {
                ends[part(entry)] += 1;
            }
            let mut sum = 0;
            for end in &mut ends {
                (sum, *end) = (sum + *end, sum);
            }
            self.spare.clear();
            self.spare.extend_from_slice(&self.current);
            for entry in &self.spare {
                let place = &mut ends[part(entry)];
                self.current[*place as usize] = *entry;
                *place += 1;
            }
            // What is spare is empty: it takes the place of a slot.
            self.spare.clear();
        }
        self.current.sort_by_key(T::time);
    }

    /// The level of the lowest slot in use, and when that begins.
    fn lowest(&self) -> Option<(u32, u64)> {
        self.levels.iter().zip(0..).find_map(|(slots, level)| {
            let digit = slots.lowest()?;
            let shift = self.grain + level * DIGIT;
            // The digits above stay, those below begin anew.
            let above = self.running >> shift >> DIGIT << DIGIT;
            Some((level, (above | digit as u64) << shift))
        })
    }

    /// Forgets all entries; it is `now`.
    pub fn clear(&mut self, now: u64) {
        while self.first().is_some() {
            self.current.clear();
            self.taken = 0;
        }
        self.running = now >> self.grain << self.grain;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    impl Timed for (u64, usize) {
        fn time(&self) -> u64 {
            self.0
        }
    }

    proptest! {
        /// Against a stable sort, with pushes between pops and many ties.
        #[test]
        fn a_calendar_is_a_stable_priority_queue(
            steps in prop::collection::vec((0u64..2000, 0usize..4), 1..400),
            scale in prop::sample::select(vec![1u64, 1 << 9, 1 << 20, 1 << 40]),
            grain in prop::sample::select(vec![0.0, 100.0, 1e6]),
        ) {
            let mut calendar = Calendar::new(grain);
            let mut plain: Vec<(u64, usize)> = Vec::new();
            let mut now = 0;
            for (i, (delay, pops)) in steps.into_iter().enumerate() {
                calendar.push((now + delay * scale, i));
                plain.push((now + delay * scale, i));
                for _ in 0..pops {
                    let first = plain.iter().copied().min();
                    prop_assert!(calendar.bound() <= first.map_or(NEVER, |(t, _)| t));
                    prop_assert_eq!(calendar.first(), first.map(|(t, _)| t));
                    prop_assert_eq!(calendar.pop(), first);
                    if let Some(first) = first {
                        now = first.0;
                        plain.retain(|e| *e != first);
                    }
                }
            }
        }
    }

    /// Grains with many entries, and rounds of every level, against a sorted list.
    #[test]
    fn slots_are_used_again_and_again() {
        let mut calendar = Calendar::new(64.0);
        let (mut plain, mut now, mut state) = (Vec::new(), 0u64, 7u64);
        for step in 0..60_000 {
            // Delays from a nanosecond to some seconds, many of them the same.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let delay = 1 << ((state >> 33) % 33);
            for copy in 0..[1, 1, 1, 30][(state >> 60) as usize % 4] {
                calendar.push((now + delay + copy % 3, step));
                plain.push((now + delay + copy % 3, step));
            }
            plain.sort_by_key(|entry| std::cmp::Reverse(entry.0));
            while plain.len() > 200 || step == 59_999 && !plain.is_empty() {
                let least = plain.iter().map(|entry| entry.0).min();
                assert_eq!(calendar.first(), least);
                let popped = calendar.pop().map(|entry| entry.0);
                assert_eq!(popped, least);
                plain.pop();
                now = least.unwrap_or(now);
            }
        }
        assert_eq!(calendar.first(), None);
    }

    #[test]
    fn a_calendar_that_is_cleared_takes_earlier_entries() {
        let mut calendar = Calendar::new(1e6);
        calendar.push(9_000_000_000);
        calendar.push(5_000_000_000);
        assert_eq!(calendar.first(), Some(5_000_000_000));
        calendar.clear(3_000_000_000);
        assert_eq!(calendar.first(), None);
        calendar.push(3_000_000_001);
        assert_eq!(calendar.first(), Some(3_000_000_001));
    }
}
